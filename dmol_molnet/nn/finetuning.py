"""Fine-tuning: a trained potential goes on, on few labels of another molecule or by another method.

    E = sum_i [ shift(z_i) + delta(z_i) + scale(z_i) e_i(x) ]

What the network's weights were trained with stays: its cutoff, its mean number of neighbours, the scales.  Another
method or code has another zero of energy.  So the shifts, and they alone, are fitted to what the potential leaves of
the new energies,

    delta = argmin sum_g (E_g - E_g^old - sum_{i in g} delta(z_i))^2        the one of least norm, if there are several

where the sum runs over the new molecules and E^old is what the potential says of them.  A constant for each element
goes into them and nowhere else, and where compositions leave a combination of elements open, as those of a single
molecule do, nothing is changed in that direction.

A potential that is wrong about a new molecule is not on another zero of energy, and a fit would put all others wrong.
So unless a fit is asked for, the shifts stay where what it would take off is not plainly a zero: less than 50 meV an
atom, or less than five times what it leaves (root mean squares over the new molecules).

Then all weights are trained at a smaller rate than new ones, or the readouts alone on a frozen trunk.

Against forgetting, old labels are replayed: each epoch has all new molecules and, in random order among them, old ones
drawn anew, as many as make a given share of the epoch.  There is one zero of energy, that of the new labels; so the
old labels are moved onto it, by the deltas of the new labels less those of their own: the network is asked for the same
as before of the old molecules, also where they are labelled by another method.  Absolute energies of old molecules are
afterwards on the new zero.

A committee is drawn and calibrated anew, after the new labels and those replayed.

Departures from the sources: one readout for old and new labels, where multihead replay has one for each; and the loss
is that of training, with the same weights for both.

Sources: Radova et al. (2025), `radova2025fine`, for frozen weights; Batatia et al. (2025), `batatia2025cross`, for
replay; Tompa et al. (2026), `tompa2026fine`, for shifts fitted to what a network leaves, and a comparison of all;
Kaur et al. (2024), `kaur2024data`, for how few labels it takes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace

import keras
import numpy as np

from dmol_molnet.files import check_labels, free_atoms
from dmol_molnet.molecules import SYMBOLS, InputError, Molecule, quoted
from dmol_molnet.nn.potential import Normalisation, Potential, checked_energies
from dmol_molnet.nn.training import Tuning, another_zero, fingerprint, fit

RATES = {"none": 0.005, "trunk": 0.02}
"""The learning rate by what is frozen, if none is told.

With all weights free, on 50 frames of each of two unseen molecules, 0.005 and the rate of a new network, 0.02, left
errors of forces within 7 % of each other, and the smaller rate forgot less: old errors grew by 78 instead of 105 %.
The readouts alone take the rate of a new network.
"""


def finetune(
    potential: Potential,
    train: Sequence[Molecule],
    validation_data: Sequence[Molecule] | None = None,
    *,
    freeze: str = "none",
    replay: Sequence[Molecule] = (),
    share: float = 0.5,
    reference: Mapping[str, float] | str | None = None,
    learning_rate: float | None = None,
    **options,
) -> keras.callbacks.History:
    """Train a trained potential further, in place.

    Args:
        potential: trained; `with_members` makes a committee of it first.
        train: molecules with energies (eV) and forces (eV/Å), of elements that the potential knows.  Free atoms among
            them are left out: their energies would be the shifts of a potential that was trained on such alone.
        validation_data: more of them, by which the best weights are chosen; none of them is replayed.
        freeze: "trunk" trains the readouts alone; "none" all weights.
        replay: molecules with old labels to mix in, against forgetting.
        share: how many of an epoch's molecules are old ones; at most as many as there are.
        reference: "average" for shifts fitted to what the potential leaves of the new energies; "kept" for the old
            ones; None for a fit where the labels are plainly on another zero; or in eV by element symbol, with a fit of
            those left out.
        learning_rate: of Adam, at the beginning; None for that of `RATES`.
        options: the others of `dmol_molnet.nn.training.fit`; `epochs=0` fits the shifts and draws a committee, and
            trains nothing.  A checkpoint is taken up only from the potential that it began with.

    Returns:
        As `fit`.

    Raises:
        InputError: a potential that is not trained, elements that it does not know, bad options; or as `fit`.
    """
    if potential.normalisation is None:
        raise InputError("there is nothing to fine-tune: the potential was never trained; `fit` trains a new one")
    if freeze not in RATES:
        raise InputError(f"freeze is {' or '.join(RATES)}, not {quoted(freeze)}")
    if isinstance(share, bool) or not isinstance(share, int | float) or not 0 < share < 1:
        raise InputError(f"share is a number between 0 and 1, not {quoted(share)}")
    new, held_out, replay = (free_atoms(x, potential.cutoff)[1] for x in (train, validation_data or [], replay))
    check_elements(potential.normalisation, [*new, *held_out, *replay])
    forces = options.get("force_weight", 1) != 0
    for name, molecules in (("training", new), ("replay", replay)):
        check_labels(molecules, forces, name)
    if not new:
        raise InputError("there is no molecule to train on")
    start = _start(potential, replay, freeze, share, reference)
    before = potential.normalisation
    potential.normalise(_with_charges(before, [*new, *held_out, *replay]))
    try:
        found = refitted(potential, new, reference)
        if replay:
            theirs = refitted(potential, replay, "kept" if reference == "kept" else None)
            replay = [replace(m, energy=m.energy + found.reference(m) - theirs.reference(m)) for m in replay]
        potential.normalise(found)
        return fit(
            potential,
            new,
            held_out,
            learning_rate=RATES[freeze] if learning_rate is None else learning_rate,
            reference="kept",
            tuning=Tuning(freeze, replay, share, start),
            **options,
        )
    except InputError:
        potential.normalise(before)
        raise


def refitted(
    potential: Potential, molecules: Sequence[Molecule], reference: Mapping[str, float] | str | None = None
) -> Normalisation:
    """The normalisation of a potential with shifts on the zero of energy of these labels, as `finetune` describes.

    Args:
        molecules: with energies, eV, of elements that the potential knows.
        reference: as of `finetune`.

    Raises:
        InputError: a reference that is none.
    """
    old = potential.normalisation
    if reference == "kept":
        return old
    if isinstance(reference, str) and reference != "average":
        raise InputError(f"reference energies are average, kept, or energies in eV by element, not {quoted(reference)}")
    known = {} if isinstance(reference, str) else checked_energies(reference or {})
    moves = {symbol: energy - old.shifts[symbol] for symbol, energy in known.items() if symbol in old.shifts}
    energies, _ = potential.energy_and_forces(molecules)
    left = np.array([m.energy - sum(moves.get(s, 0.0) for s in m.symbols) for m in molecules]) - energies
    open_ = [s for s in old.shifts if s not in known and any(s in m.symbols for m in molecules)]
    rank = 0
    if open_:
        counts = np.array([[m.symbols.count(symbol) for symbol in open_] for m in molecules], float)
        delta, _, rank, _ = np.linalg.lstsq(counts, left, rcond=1e-10)
        sizes = np.array([len(m) for m in molecules])
        if reference is None and not another_zero(counts @ delta / sizes, (left - counts @ delta) / sizes):
            return old
        moves |= dict(zip(open_, delta.tolist(), strict=True))
    shifts = {symbol: shift + moves.get(symbol, 0.0) for symbol, shift in old.shifts.items()}
    return replace(old, shifts=shifts, undetermined=len(open_) - int(rank))


def check_elements(normalisation: Normalisation, molecules: Sequence[Molecule]) -> None:
    """Refuse molecules of elements that a potential was not trained on.

    Raises:
        InputError: which, and what would be right.
    """
    new = {symbol for molecule in molecules for symbol in molecule.symbols} - set(normalisation.shifts)
    if new:
        raise InputError(
            f"the potential was trained on {', '.join(normalisation.shifts)}, and the labels have "
            f"{', '.join(sorted(new, key=SYMBOLS.index))} too: begin with a potential that knows them all, or train "
            "a new one"
        )


def _with_charges(normalisation: Normalisation, molecules: Sequence[Molecule]) -> Normalisation:
    """Those of the new molecules noted too."""
    known = {0} if normalisation.charges is None else set(normalisation.charges)
    return replace(normalisation, charges=sorted(known | {molecule.charge for molecule in molecules}))


def _start(potential: Potential, replay: Sequence[Molecule], *settings) -> str:
    """A fingerprint of the potential that is begun with and of what is special to fine-tuning."""
    digest = hashlib.sha256(fingerprint(replay, [], asdict(potential.normalisation), *settings).encode())
    for weight in potential.weights:
        digest.update(weight.numpy().tobytes())
    return digest.hexdigest()
