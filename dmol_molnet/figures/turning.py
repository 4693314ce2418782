"""A story of what atoms carry while their molecule is turned: irrep by irrep, layer by layer, from recorded runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from dmol_molnet import so3
from dmol_molnet.figures import tables
from dmol_molnet.figures.story import (
    MAX_FEATURES,
    PITCH,
    Step,
    Story,
    View,
    check_size,
    name_width,
    panel_of,
    row_of,
    rows_beside,
    vector,
)
from dmol_molnet.molecules import InputError, Molecule, quoted


def turning(
    molecule: Molecule,
    before: Sequence[Mapping[str, np.ndarray]],
    after: Sequence[Mapping[str, np.ndarray]],
    matrix: np.ndarray,
    follow: int = 0,
    channel: int = 0,
    title: str = "",
) -> Story:
    """The features of a molecule beside those of its turned copy; between them D, row by row, and D times the one.

    Of irreps with l > 0 all components of one channel are shown; of scalars, which have one each, the first channels.

    Args:
        molecule: whose atoms they are.
        before, after: for each layer, features by irrep, [A, K] or [A, K, 2l+1], as of `Network.trace`: of the
            molecule, and of its copy.
        matrix: [3, 3], the rotation or mirror that takes one to the other.
        follow: the atom whose numbers stand between them.
        channel: which is shown, of irreps with l > 0.
        title: None makes one from the formula.

    Raises:
        InputError: the runs differ in layers or irreps, have fewer atoms than the molecule, or there is no such atom or
            channel; an irrep with more components than can be drawn.
    """
    names = [f"{symbol}{v}" for v, symbol in enumerate(molecule.symbols)]
    check_size(molecule)
    if isinstance(follow, bool) or not isinstance(follow, int | np.integer) or not 0 <= follow < len(names):
        raise InputError(f"{molecule} has no atom {quoted(follow)} to follow; its atoms are 0 to {len(names) - 1}")
    if not before or [list(h) for h in before] != [list(h) for h in after]:
        raise InputError("the two runs have not the same layers and irreps")
    found = [
        (t, irrep, *(_shown(run[t][irrep], irrep, len(names), channel) for run in (before, after)))
        for t, layer in enumerate(before)
        for irrep in layer
    ]
    width = max(here.shape[1] for _, _, here, _ in found)
    panel, places = panel_of(molecule, names, width)
    panels = replace(panel, name="as it was"), replace(panel, name="turned (the drawing is flat, and stays)")

    steps = []
    for k, (t, irrep, here, there) in enumerate(found):
        scale = float(np.abs(np.concatenate([here, there])).max(initial=0))
        l = so3.Irrep.of(irrep).l
        D = so3.wigner_d(irrep, matrix)
        expected = here[follow] * D[0, 0] if l == 0 else D @ here[follow]
        when = f"after layer {t}" if t else "at the start"
        what = "scalars, one in each channel" if l == 0 else f"{2 * l + 1} components of one channel"
        says = f"{irrep} {when}: {what}. {names[follow]} carries {vector(here[follow])}, and in the turned copy "
        if l == 0 and D[0, 0] > 0:
            says += "the same." if np.allclose(here[follow], there[follow]) else f"{vector(there[follow])}."
        else:
            says += f"{vector(there[follow])}, which is D times the former. "
            says += f"The first is {_written_out(D[0], here[follow])}." if l else f"D is {tables.number(D[0, 0])}."
        if not np.allclose(expected, there[follow], atol=1e-3 * (scale or 1)):
            raise InputError(f"{irrep} {when}: the second run is not that of the copy turned by the matrix")
        lines = [(here[follow], scale, "as it was", False)]
        if l:  # its rows, each of which is multiplied with the numbers above
            lines += [(row, 1.0, "D" if m == 0 else "", m == 0) for m, row in enumerate(D)]
        lines += [(expected, scale, "D · that", True), (there[follow], scale, "turned", False)]
        ledger = tuple(row_of(0, -(n + 0.5) * PITCH, *line) for n, line in enumerate(lines))
        views = tuple(
            View(panel.name, rows_beside(panel, places, width, table, scale, range(len(names))), focus=(follow,))
            for panel, table in zip(panels, (here, there), strict=True)
        )
        heading = f"{names[follow]}, {irrep} {when}"
        steps.append(Step(f"step {k + 1} of {len(found)} · {irrep} {when}", says, views, heading, ledger, hold=3))
    first = len(steps) - len(before[-1])  # of the last layer
    return Story(
        title or f"What the atoms of {molecule.formula} carry, and what of it turns",
        panels,
        (
            -name_width(steps),
            -max(len(step.ledger) for step in steps) * PITCH - 0.05,
            width * tables.CELL[0] + 0.05,
            0.05,
        ),
        tuple(steps),
        tuple(range(first, len(steps))[:2]),
    )


def _shown(h, irrep: str, n_atoms: int, channel: int) -> np.ndarray:
    """[A, 2l+1] of one channel, or [A, K] of the first scalars."""
    h = np.asarray(h, float)
    if len(h) < n_atoms:
        raise InputError(f"the run has {len(h)} atoms, and the molecule {n_atoms}")
    if h.ndim == 2:
        return h[:n_atoms, :MAX_FEATURES]
    if not 0 <= channel < h.shape[1]:
        raise InputError(f"there are channels 0 to {h.shape[1] - 1}, and no channel {quoted(channel)}")
    if h.shape[2] > MAX_FEATURES:
        raise InputError(f"{irrep} has {h.shape[2]} components, and up to {MAX_FEATURES} can be drawn beside an atom")
    return h[:n_atoms, channel]


def _written_out(row: np.ndarray, numbers: np.ndarray) -> str:
    """A product of a row and a column, term by term."""
    terms = " + ".join(f"{tables.number(a)} · {tables.number(b)}" for a, b in zip(row, numbers, strict=True))
    return f"{terms} = {tables.number(float(row @ numbers))}"
