"""A potential: a network's atomic energies, shifted and scaled by element, and forces as their derivative.

    E   = sum_i [ shift(z_i) + scale(z_i) * e_i(x) ]          e_i: the network's atomic energies, of order 1
    F_i = - dE / dx_i

The shifts are subtracted from the labels, and added to the results, in float64: total energies are thousands of eV, the
differences that matter thousandths, and float32 has seven digits.  The scale is the root mean square of the training
forces, times 1 Å, for energies and forces alike, or they would no longer be a function and its derivative.

One training step minimises, over a batch of G molecules with N_g atoms,

    L = w_E mean_g (dE_g / scale)^2 / N_g + w_F mean (dF / scale)^2

where the mean over forces runs over all 3 sum_g N_g components.

A committee has M readouts on shared features, whose last weights w_m = w + d_m differ.  Its energy and forces are the
means over members, those of w.  Their errors have the variances

    sigma_E^2 = alpha_E^2 mean_i a_i^2 sum_m (E_m - E)^2 / (M - 1)
    sigma_F,ic^2 = alpha_F^2 a_i^2 sum_m (F_m,ic - F_ic)^2 / (M - 1)            a_i = max(1, D_i)

the spread of the members, times how far atoms are from those of training.  After training, which is that of w alone,
the d_m are drawn from the normal distribution that the labels leave open, where the error is no worse for it:

    d_m ~ N(0, (C + c 1)^-1)     C = sum_g phi_g phi_g^T / (N_g s_E^2) + sum_gic psi_gic psi_gic^T / s_F^2
    phi_g = dE_g / dw            psi_gic = dF_gic / dw

with s_E^2 the mean of dE_g^2 / N_g and s_F^2 that of dF^2 over the training molecules, and c small.  D_i is the
distance of an atom's features h_i (what w weighs: phi_g is their sum) from the mean of its element, counted in the
standard deviations of training (Mahalanobis):

    D_i^2 = (h_i - mean_z)^T S^-1 (h_i - mean_z) / F        S = mean_i (h_i - mean_z)(h_i - mean_z)^T

so that its square is 1 on average over training, which members cannot tell: where features run out of what training has
shown but answers of all members run together, as when a bond breaks, only the distance grows.  The two alphas are found
on molecules that were held out: alpha^2 is the mean of error^2 / variance there.  The sigma_F of components belong to
the axes of space; the root of the sum of their squares over an atom, that of the trace of the members' covariance, is
the same however the molecule is turned.  So alpha_F is found by atom.

What it cannot do: far from training, sigma says that an error is large, not how large; and it sees only what the
features see.  Of a SchNet of 450 frames of acetylacetone at 300 K, trained for a minute, 71 % of energy errors along
the torsion are within one sigma and all within two; bonds pressed to 0.7 of their length have a sigma of the largest
force of 9 to 55 times that at rest, stretched to 1.5 of 12 to 45, and to 2.0 of 6 to 26, where errors grow by up to
200.  With few features it sees less: a MACE of one layer and 8 channels (F = 16) tells pressed bonds and those of O
and H, but stretched ones of C by factors of 2 to 4 alone, and has 40 % of the torsion's errors within two sigma, the
SchNet that ships (F = 32, trained for 500 epochs) 18 %.

Departures from the first source, which trains members by the likelihood of the errors: here no label is fitted twice,
and the mean is as exact as one network; and from the second, whose C has no forces, and which has no distance.

Sources of committees: Kellner and Ceriotti (2024), `kellner2024uncertainty`, of readouts on shared features; Bigi et
al. (2024), `bigi2024prediction`, of how to draw them; Musil et al. (2019), `musil2019fast`, of alpha.
"""

from __future__ import annotations

import importlib
import json
import math
import os
import warnings
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import tee
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from dmol_molnet.files import free_atoms
from dmol_molnet.molecules import SYMBOLS, InputError, InputWarning, Molecule, quoted
from dmol_molnet.nn.graph import Batches, MolecularGraph, molecule_sum, neighbors, part_size
from dmol_molnet.nn.program import Program

DRAWN, MOVED, OPEN = 1000, 8, 1e-8
"""How many molecules tell in which directions members may differ; along how many directions they are moved in all, in
units of F; and the smallest eigenvalues of C (which is c) and of S, in units of the largest."""

# ------------------------------------------------------------------------------------------------ normalisation


@dataclass(frozen=True)
class Normalisation:
    """The constants that a training set gives, by element symbol.

    Attributes:
        shifts: eV; the reference energy of an atom of the element.
        scales: eV; what the network's atomic energies are multiplied by.
        neighbors: how many neighbours an atom has within the cutoff, on average.
        undetermined: how many independent combinations of the shifts the compositions leave open; 0 if none.  Those are
            set so that the shifts differ from the mean energy an atom as little as can be.
        charges: of the molecules in the training set, e; None where they were not noted.
    """

    shifts: dict[str, float]
    scales: dict[str, float]
    neighbors: float = 1.0
    undetermined: int = 0
    charges: list[int] | None = None

    @classmethod
    def of(
        cls, molecules: Sequence[Molecule], cutoff: float, reference: Mapping[str, float] | str | None = None
    ) -> Normalisation:
        """Reference energies, the root mean square force component, and the mean number of neighbours.

        Without forces, the scale is the root mean square of what the reference energies leave, for each root of the
        number of atoms.

        Args:
            molecules: with energies (eV), and forces (eV/Å) if they have any.
            cutoff: Å.
            reference: None for the energies of the free atoms among the molecules, and least squares for the elements
                that have none there; "average" for least squares in any case; or energies in eV by element symbol,
                with least squares for what is left out.

        Raises:
            InputError: a molecule without energy, none but free atoms, or a reference that is none of these.
        """
        molecules = list(molecules)
        if not molecules or any(molecule.energy is None for molecule in molecules):
            raise InputError("reference energies need at least one molecule, and the energy of each")
        free, molecules = free_atoms(molecules, cutoff)
        if not molecules:
            raise InputError("there are none but free atoms: a potential needs molecules to learn from")
        if isinstance(reference, str) and reference != "average":
            raise InputError(f"reference energies are average, or energies in eV by element, not {quoted(reference)}")
        known = free if reference is None else {} if isinstance(reference, str) else checked_energies(reference)
        shifts, undetermined = reference_energies(molecules, known)
        forces = [molecule.forces for molecule in molecules if molecule.forces is not None]
        if forces:
            scale = float(np.sqrt(np.mean(np.concatenate(forces) ** 2)))
        else:
            left = [(m.energy - sum(shifts[s] for s in m.symbols)) / np.sqrt(len(m)) for m in molecules]
            scale = float(np.sqrt(np.mean(np.square(left))))
        scale = scale if scale > 1e-6 else 1.0  # one molecule at rest: nothing to scale by
        few = molecules[:: max(len(molecules) // 200, 1)]
        pairs = sum(len(neighbors(molecule, cutoff).i) for molecule in few)
        charges = sorted({molecule.charge for molecule in molecules})
        per_atom = max(2 * pairs / sum(map(len, few)), 1.0)
        return cls(shifts, dict.fromkeys(shifts, scale), per_atom, undetermined, charges)

    def reference(self, molecule: Molecule) -> float:
        """The sum of the shifts of its atoms, eV, in float64.

        Raises:
            InputError: an element without a shift.
            InputWarning: (a warning) a charge that was not in training, which no network here can see.
        """
        known = (0,) if self.charges is None else self.charges
        if molecule.charge not in known:
            warnings.warn(
                f"{molecule.formula} has the charge {molecule.charge:+d}, and the potential was trained on "
                f"{' and '.join(f'{charge:+d}' if charge else 'none' for charge in known)}: it does not see charges, "
                "and answers as for those",
                InputWarning,
                stacklevel=3,
            )
        unknown = sorted(set(molecule.symbols) - set(self.shifts))
        if unknown:
            raise InputError(
                f"{', '.join(unknown)} is not among the elements of the training set: {', '.join(self.shifts)}"
            )
        return float(sum(self.shifts[symbol] for symbol in molecule.symbols))


def checked_energies(reference: Mapping[str, float]) -> dict[str, float]:
    """Energies in eV by element symbol, if they are.

    Raises:
        InputError: another symbol, or no number.
    """
    for symbol, energy in reference.items():
        if symbol not in SYMBOLS or isinstance(energy, bool) or not np.isfinite(energy):
            raise InputError(f"a reference energy is a number in eV of an element, not {quoted((symbol, energy))}")
    return dict(reference)


def reference_energies(
    molecules: Sequence[Molecule], known: Mapping[str, float] | None = None
) -> tuple[dict[str, float], int]:
    """Shifts by element (eV) that fit the energies best, and how many combinations of them the compositions leave open.

    The fit is to what is left after the mean energy an atom is taken off, so that what is left open stays at that mean,
    instead of at values that no atom has: from molecules of a single composition, each element gets the mean.

    Args:
        molecules: with energies, eV.
        known: shifts that are not to be fitted, eV by element symbol; all of them are among those returned.
    """
    known = dict(known or {})
    elements = sorted({symbol for molecule in molecules for symbol in molecule.symbols} - set(known), key=SYMBOLS.index)
    shifts, rank = {}, 0
    if elements:
        counts = np.array([[molecule.symbols.count(symbol) for symbol in elements] for molecule in molecules], float)
        energies = np.array([m.energy - sum(known.get(symbol, 0.0) for symbol in m.symbols) for m in molecules])
        mean = energies.sum() / counts.sum()
        change, _, rank, _ = np.linalg.lstsq(counts, energies - mean * counts.sum(axis=1), rcond=1e-10)
        shifts = dict(zip(elements, (mean + change).tolist(), strict=True))
    shifts |= {symbol: float(energy) for symbol, energy in known.items()}
    return {symbol: shifts[symbol] for symbol in sorted(shifts, key=SYMBOLS.index)}, len(elements) - int(rank)


@dataclass(frozen=True)
class Calibration:
    """What the spread of a committee is multiplied by, to be the standard deviation of its errors: the two alphas."""

    energy: float = 1.0
    forces: float = 1.0


# ------------------------------------------------------------------------------------------------ the potential


@keras.saving.register_keras_serializable(package="dmol_molnet")
class Potential(keras.Model):
    """Energies and forces of molecules, from a network of atomic energies.

    Args:
        model: has `atomic_energies(graph)` [A] and `cutoff` in Å, as those of `design_space.build`.
        normalisation: shifts and scales by element; None until `fit` computes them from its training set, and until
            then no shift, and the scale 1 eV.
        example: a molecule that it was trained on, to be shown at work; `fit` sets it.
        calibration: of a committee; `fit` sets it, from the molecules held out.
    """

    def __init__(
        self,
        model: keras.Model,
        normalisation: Normalisation | dict | None = None,
        example: Molecule | dict | None = None,
        calibration: Calibration | dict | None = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if not hasattr(model, "atomic_energies") or not hasattr(model, "cutoff"):
            raise InputError(f"a potential needs a model with atomic energies and a cutoff, not {quoted(model)}")
        if (readout := getattr(model, "arguments", {}).get("readout", "0e")) != "0e":
            raise InputError(f"a potential needs a model of energies, with readout 0e, not {readout}")
        self.model = model
        self.example = Molecule(**example) if isinstance(example, dict) else example
        calibration = Calibration() if calibration is None else calibration
        self.calibration = Calibration(**calibration) if isinstance(calibration, dict) else calibration
        self.normalise(Normalisation(**normalisation) if isinstance(normalisation, dict) else normalisation)
        self.build()

    def build(self, input_shape=None):
        """What tells distances from training, of a committee; the network has its weights from the beginning."""
        if self.members > 1:
            n = self.model.deviation.shape[0]  # zeros: no distance, until members are drawn
            self.center, self.whitening = (
                self.add_weight(name=name, shape=shape, initializer="zeros", trainable=False)
                for name, shape in (("center", (len(SYMBOLS), n)), ("whitening", (n, n)))
            )
        self.built = True

    @property
    def cutoff(self) -> float:
        """Å."""
        return self.model.cutoff

    @property
    def members(self) -> int:
        """M, how many readouts it is the mean of; 1 if it is no committee."""
        return getattr(self.model, "members", 1)

    def normalise(self, normalisation: Normalisation | None) -> None:
        """Take other constants; the network's own number of neighbours too, where it was left open."""
        self.normalisation = normalisation
        self.program = Program(self.derivatives)  # a new one, since the constants stand in it
        self.deviation_program, self.spread_program = Program(self.deviations), Program(self.spreads)
        self.feature_program = Program(lambda graph: (graph.sizes, self.whitened(graph)))
        self.slope_program = Program(self.slopes)
        if normalisation is not None and getattr(self.model, "neighbors", 0) is None:
            self.model.neighbors = normalisation.neighbors

    def call(self, graph: MolecularGraph, positions: tf.Tensor | None = None):
        """The energy of each molecule less its shifts [G] eV."""
        return self._sum(self.model.atomic_energies(graph, positions), graph)

    def _sum(self, e: tf.Tensor, graph: MolecularGraph) -> tf.Tensor:
        """The network's atomic energies e [A, …], scaled and summed by molecule: [G, …] eV."""
        if self.normalisation is not None:
            table = np.zeros(len(SYMBOLS))
            for symbol, scale in self.normalisation.scales.items():
                table[SYMBOLS.index(symbol)] = scale
            scales = tf.gather(tf.constant(table, e.dtype), graph.numbers)  # [A]
            e *= tf.reshape(scales, [-1] + [1] * (len(e.shape) - 1))
        return molecule_sum(e, graph)

    def derivatives(self, graph: MolecularGraph) -> tuple[tf.Tensor, tf.Tensor]:
        """Energies less their shifts [G] eV, and forces [A, 3] eV/Å, on tensors."""
        x = tf.convert_to_tensor(graph.positions)
        with tf.GradientTape() as tape:
            tape.watch(x)
            energy = self(graph, x)
        return energy, -tf.convert_to_tensor(tape.gradient(energy, x))

    def deviations(self, graph: MolecularGraph) -> tuple[tf.Tensor, tf.Tensor]:
        """What the members' energies [M, G] eV and forces [M, A, 3] eV/Å deviate from their means, on tensors."""
        x = tf.convert_to_tensor(graph.positions)
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(x)
            energies = self._sum(self.model.atomic_deviations(graph, x), graph)  # [G, M]

        def force(member):  # [M], one of them 1
            return -tf.convert_to_tensor(tape.gradient(energies, x, tf.zeros_like(energies) + member))

        # One passage backwards for each, all by one piece of program, so that it is compiled once.
        return tf.transpose(energies), tf.map_fn(force, tf.eye(self.members, dtype=x.dtype))

    def whitened(self, graph: MolecularGraph) -> tf.Tensor:
        """S^-1/2 (h_i - mean_z) / sqrt(F) [A, F] on tensors, of length D_i; 0 before members are drawn."""
        h = self.model.last(graph) - tf.gather(self.center, graph.numbers)
        return h @ self.whitening / math.sqrt(self.whitening.shape[1])

    def spreads(self, graph: MolecularGraph) -> tuple[tf.Tensor, tf.Tensor]:
        """Standard deviations of energies [G] eV and forces [A, 3] eV/Å, not calibrated, on tensors."""
        energies, forces = self.deviations(graph)
        a2 = tf.maximum(tf.reduce_sum(self.whitened(graph) ** 2, 1), 1)  # [A]
        mean = molecule_sum(a2, graph) / tf.cast(tf.maximum(graph.sizes, 1), a2.dtype)  # [G]
        e2, f2 = (tf.reduce_sum(d**2, 0) / (self.members - 1) for d in (energies, forces))
        return tf.sqrt(mean * e2), tf.sqrt(a2[:, None] * f2)

    def slopes(self, graph: MolecularGraph, v: tf.Tensor) -> tuple[tf.Tensor, ...]:
        """What `draw_members` asks of a batch, on tensors.

        Args:
            v: [A, 3], by how much atoms move.

        Returns:
            phi [G, F] eV, the derivatives of energies by the last weights; their derivative along v [G, F]; the
            features h [A, F]; energies less their shifts [G] eV, and forces [A, 3] eV/Å.
        """
        x = tf.convert_to_tensor(graph.positions)
        with tf.GradientTape() as outer, tf.GradientTape() as tape:
            tape.watch(x)
            h = self.model.last(graph, x)
            phi = self._sum(h, graph)
            u = tf.zeros_like(phi)
            outer.watch(u)
            weighed = tf.reduce_sum(u * phi)
            # The derivative along v is linear in u: its derivative by u is that of each phi, all by one passage.
            along = tf.reduce_sum(v * tf.convert_to_tensor(tape.gradient(weighed, x)))
        return phi, tf.convert_to_tensor(outer.gradient(along, u)), h, *self.derivatives(graph)

    def on_graph(self, graph: MolecularGraph) -> tuple[np.ndarray, np.ndarray]:
        """`derivatives` by a compiled program; float64 arrays."""
        energy, forces = self.program(graph)
        return np.asarray(energy, float), np.asarray(forces, float)

    def energy_and_forces(self, molecules: Molecule | Sequence[Molecule], batch_size: int | None = None):
        """Energies and forces.

        Args:
            molecules: with positions; one, or several.
            batch_size: how many are computed at a time; None for about 64 atoms, which is fast.

        Returns:
            Energies [G] in eV, float64, and a list of forces [A, 3] in eV/Å; of a single `Molecule`, a number and an
            array.

        Raises:
            InputError: an element that the potential was not trained on, no positions, or two atoms on the same place.
        """
        if isinstance(molecules, Molecule):
            energies, forces = self.energy_and_forces([molecules])
            return float(energies[0]), forces[0]
        molecules = list(molecules)
        energies = np.array([self._reference(molecule) for molecule in molecules], float)
        forces = [np.zeros((0, 3))] * len(molecules)  # no atoms: energy 0, and no forces
        for k, e, f in self._each(self.program, molecules, batch_size):
            energies[k] += e
            forces[k] = f
        return energies, forces

    def _each(self, program: Program, molecules: list[Molecule], batch_size: int | None) -> Iterator[tuple]:
        """By molecule that has atoms: its number, and its energy […] and forces […, A, 3] by a program, float64."""
        some = [k for k, molecule in enumerate(molecules) if len(molecule)]
        if not some:
            return
        size = part_size([molecules[k] for k in some]) if batch_size is None else batch_size
        batches, same = tee(Batches([molecules[k] for k in some], self.cutoff, size, rounded=True)())
        results = program.map((graph,) for _, graph in same)
        for (chosen, _), (e, f) in zip(batches, results, strict=True):
            e, f, start = np.asarray(e, float), np.asarray(f, float), 0
            for n, k in enumerate(some[c] for c in chosen):
                yield k, e[..., n], f[..., start : start + len(molecules[k]), :]
                start += len(molecules[k])

    def uncertainty(self, molecules: Molecule | Sequence[Molecule], batch_size: int | None = None):
        """The standard deviations of the errors of a committee's energies and forces, from its members' spread.

        Args:
            molecules, batch_size: as of `energy_and_forces`, which does not become slower; this takes M passages
                backwards.

        Returns:
            Of energies [G] in eV, float64, and a list of those of each component of the forces, [A, 3] in eV/Å: along
            the axes of space, while the root of the sum of squares over an atom's components does not depend on them.
            Of a single `Molecule`, a number and an array.

        Raises:
            InputError: it is no committee; or as `energy_and_forces`.
        """
        if isinstance(molecules, Molecule):
            energies, forces = self.uncertainty([molecules])
            return float(energies[0]), forces[0]
        self.require_committee("has no spread")
        molecules = list(molecules)
        for molecule in molecules:
            self._reference(molecule)  # which refuses elements that it does not know
        energies, forces = np.zeros(len(molecules)), [np.zeros((0, 3))] * len(molecules)
        for k, e, f in self._each(self.spread_program, molecules, batch_size):
            energies[k], forces[k] = self.calibration.energy * e, self.calibration.forces * f
        return energies, forces

    def spread_on_graph(self, graph: MolecularGraph) -> tuple[np.ndarray, np.ndarray]:
        """`uncertainty` of a graph: of energies [G] and forces [A, 3], by a compiled program; float64 arrays."""
        energies, forces = (np.asarray(x, float) for x in self.spread_program(graph))
        return self.calibration.energy * energies, self.calibration.forces * forces

    def member_deviations(self, molecules: Sequence[Molecule], batch_size: int | None = None):
        """What each member of a committee deviates from its mean, without alphas and distances: for errors of what is
        computed on.

        Returns:
            Of energies [G, M] in eV, float64, and a list of those of forces, [M, A, 3] in eV/Å.

        Raises:
            InputError: as `uncertainty`.
        """
        self.require_committee("has no spread")
        molecules = list(molecules)
        for molecule in molecules:
            self._reference(molecule)  # which refuses elements that it does not know
        energies = np.zeros((len(molecules), self.members))
        forces = [np.zeros((self.members, 0, 3))] * len(molecules)
        for k, e, f in self._each(self.deviation_program, molecules, batch_size):
            energies[k], forces[k] = e, f
        return energies, forces

    def with_members(self, members: int) -> Potential:
        """The same potential as a committee of so many members, or of 1 as none; its answers stay.

        How members differ is random until `draw_members`, and their spread is as large as it says after `calibrate`.

        Raises:
            InputError: no whole number above 0; or a network that knows no members.
        """
        if not hasattr(self.model, "deviation"):
            raise InputError(f"a network of the class {type(self.model).__name__} can be no committee")
        made = keras.saving.serialize_keras_object(self.model)
        made["config"]["members"] = members
        network = keras.saving.deserialize_keras_object(made)
        ours, theirs = ([w for w in one.weights if w is not one.deviation] for one in (self.model, network))
        for old, new in zip(ours, theirs, strict=True):
            new.assign(old)
        return Potential(network, self.normalisation, self.example)

    def draw_members(self, molecules: Sequence[Molecule], seed: int = 0) -> None:
        """Draw anew what the members of a committee deviate from their mean, as the molecules it was trained on ask.

        Their atoms' features become those that distances are counted from.  The sum over components of forces is
        estimated by derivatives along random directions, as many for each molecule.

        Args:
            molecules: with energies, and forces if they have any; of more than `DRAWN`, so many are taken, evenly.
            seed: of what is drawn.

        Raises:
            InputError: it is no committee; or a molecule without energy, or none.
        """
        self.require_committee("has none to draw")
        some = list(molecules)
        if not some or any(molecule.energy is None for molecule in some):
            raise InputError("members are drawn after molecules with energies, at least one")
        n_all, some = len(some), some[:: -(-len(some) // DRAWN)]
        rng = np.random.default_rng(seed)
        directions = -(-MOVED * self.model.deviation.shape[0] // len(some))
        if all(molecule.forces is None for molecule in some):
            directions = 1  # which count for nothing
        by_energy = by_force = energy2 = force2 = 0.0
        features, components = {}, sum(m.forces.size for m in some if m.forces is not None)
        for _ in range(directions):
            batches, moved = tee(Batches(some, self.cutoff, part_size(some), rounded=True)())
            moved = ((graph, rng.standard_normal(graph.positions.shape, graph.positions.dtype)) for _, graph in moved)
            for (chosen, _), found in zip(batches, self.slope_program.map(moved), strict=True):
                phi, psi, h, e, f = (np.asarray(x, float) for x in found)
                start = 0
                for g, k in enumerate(chosen):
                    m, atoms = some[k], slice(start, start + len(some[k]))
                    start = atoms.stop
                    by_energy = by_energy + np.outer(phi[g], phi[g]) / len(m)
                    energy2 += (e[g] + self._reference(m) - m.energy) ** 2 / len(m)
                    features[k] = h[atoms]
                    if m.forces is not None:
                        by_force = by_force + np.outer(psi[g], psi[g])
                        force2 += np.sum((f[atoms] - m.forces) ** 2)
        # Both sums are over all directions, and so are the squares: what is divided by them needs one factor of these.
        C = by_energy * len(some) / max(energy2, 1e-12) + by_force * components / max(force2, 1e-12)
        values, vectors = _eigen(C * n_all / len(some))
        drawn = rng.standard_normal((len(C), self.members))
        self.model.deviation.assign(vectors / np.sqrt(values) @ drawn)
        self._center(np.concatenate([m.numbers for m in some]), np.concatenate([features[k] for k in range(len(some))]))

    def _center(self, numbers: np.ndarray, h: np.ndarray) -> None:
        """Count distances from these features [A, F] of atoms of these elements [A]."""
        center = np.zeros(self.center.shape)
        for z in np.unique(numbers):
            center[z] = h[numbers == z].mean(axis=0)
        h = h - center[numbers]
        values, vectors = _eigen(h.T @ h / len(h))
        self.center.assign(center)
        self.whitening.assign(vectors / np.sqrt(values))

    def calibrate(self, molecules: Sequence[Molecule]) -> Calibration:
        """Take the spread to be the standard deviation of the errors on these molecules, and return by what factors.

        Without forces among them, those of the members take the factor of energies, whose derivatives they are.

        Args:
            molecules: labelled, and not trained on.

        Raises:
            InputError: it is no committee; or a molecule without energy.
        """
        self.require_committee("cannot be calibrated")
        molecules, self.calibration = list(molecules), Calibration()
        energy, force = self._errors(molecules)
        spread, spreads = self.uncertainty(molecules)
        alpha = _ratio(energy**2, spread**2)
        atoms = [((f**2).sum(axis=1), (s**2).sum(axis=1)) for f, s in zip(force, spreads, strict=True) if f is not None]
        forces = _ratio(*map(np.concatenate, zip(*atoms, strict=True))) if atoms else alpha
        self.calibration = Calibration(alpha, forces)
        return self.calibration

    def require_committee(self, lacks: str) -> None:
        """Refuse a potential of one member, which lacks something.

        Raises:
            InputError: so it is.
        """
        if self.members == 1:
            raise InputError(f"a potential of one member {lacks}: train a committee, by members=8 or --members 8")

    def _errors(self, molecules: Sequence[Molecule], batch_size: int | None = None):
        """What energies [G] eV and forces (a list of [A, 3] eV/Å, or None without labels) are off by."""
        without = [k for k, molecule in enumerate(molecules) if molecule.energy is None]
        if not molecules or without:
            raise InputError(f"molecule {without[0] + 1} has no energy" if without else "there is no molecule")
        energies, forces = self.energy_and_forces(molecules, batch_size)
        off = [None if m.forces is None else f - m.forces for f, m in zip(forces, molecules, strict=True)]
        return energies - np.array([molecule.energy for molecule in molecules]), off

    def environments(self, molecules: Sequence[Molecule], batch_size: int | None = None) -> list[np.ndarray]:
        """What distances are measured with: of each atom, its features less their mean, in standard deviations.

        Returns:
            Of each molecule [A, F]: rows of length D, and from one to another the Mahalanobis distance of two atoms.

        Raises:
            InputError: as `uncertainty`.
        """
        self.require_committee("tells no distances")
        molecules = list(molecules)
        for molecule in molecules:
            self._reference(molecule)
        found = [np.zeros((0, self.whitening.shape[0]))] * len(molecules)
        for k, _, rows in self._each(self.feature_program, molecules, batch_size):
            found[k] = rows
        return found

    def evaluate(self, molecules: Sequence[Molecule], batch_size: int | None = None) -> dict[str, float]:
        """Errors on labelled molecules, in eV and eV/Å; those of forces are None where no molecule has any.

        Raises:
            InputError: as `energy_and_forces`; or a molecule without energy.
        """
        molecules = list(molecules)
        e, off = self._errors(molecules, batch_size)
        n = np.array([len(molecule) for molecule in molecules])
        f = [one for one in off if one is not None]
        f = np.concatenate(f) if f else None
        found = {
            "molecules": len(molecules),
            "energy_mae": float(np.abs(e).mean()),
            "energy_rmse": float(np.sqrt((e**2).mean())),
            "energy_rmse_per_atom": float(np.sqrt(((e / n) ** 2).mean())),
            "force_mae": None if f is None else float(np.abs(f).mean()),
            "force_rmse": None if f is None else float(np.sqrt((f**2).mean())),
        }
        if self.members == 1:
            return found
        spread, spreads = self.uncertainty(molecules, batch_size)
        s = [s for s, one in zip(spreads, off, strict=True) if one is not None]
        found |= _calibrated("energy", e, spread, e, spread)
        if f is None:
            return found | dict.fromkeys(_calibrated("force", *4 * [np.zeros(0)]))
        s = np.concatenate(s)
        return found | _calibrated("force", f, s, *(np.linalg.norm(x, axis=1) for x in (f, s)))

    def fit(self, train: Sequence[Molecule], validation_data: Sequence[Molecule] | None = None, **options):
        """Train on labelled molecules; all options are those of `dmol_molnet.nn.training.fit`."""
        from dmol_molnet.nn.training import fit

        return fit(self, train, validation_data, **options)

    def finetune(self, train: Sequence[Molecule], validation_data: Sequence[Molecule] | None = None, **options):
        """Go on from what it has learned, on few labels of something else: `dmol_molnet.nn.finetuning.finetune`."""
        from dmol_molnet.nn.finetuning import finetune

        return finetune(self, train, validation_data, **options)

    def _reference(self, molecule: Molecule) -> float:
        return 0.0 if self.normalisation is None else self.normalisation.reference(molecule)

    # -------------------------------------------------------------------------------------------- files

    def compile(self, *args, **kwargs):
        """Not needed: `fit` brings the loss and the optimizer.

        Raises:
            InputError: always.
        """
        raise InputError("a potential is not compiled: its loss and Adam are in `fit`, which takes their options")

    def get_config(self):
        """The network and the constants, for saving."""
        return {
            **super().get_config(),
            "model": keras.saving.serialize_keras_object(self.model),
            "normalisation": None if self.normalisation is None else asdict(self.normalisation),
            "calibration": asdict(self.calibration),
            "example": None
            if self.example is None
            else {key: getattr(self.example, key).tolist() for key in ("numbers", "positions")},
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """The inverse of `get_config`."""
        return cls(**{**config, "model": keras.saving.deserialize_keras_object(config["model"])})

    def save(self, path: str | Path, overwrite: bool = True, **kwargs) -> None:
        """Write the potential into a `.keras` file, at once or not at all.

        Raises:
            InputError: the name does not end in .keras, or there is no such folder.
            OSError: the file cannot be written; one that was there stays as it was.
        """
        path = Path(path)
        if path.suffix != ".keras":
            raise InputError(f"a potential is saved in a file that ends in .keras, not in {quoted(str(path))}")
        if not path.parent.is_dir():
            raise InputError(f"there is no folder {quoted(str(path.parent))}")
        if path.exists() and not overwrite:
            raise InputError(f"{quoted(str(path))} is there already")
        new = path.with_name(f".{path.stem}.{os.getpid()}.keras")
        try:
            super().save(new, **kwargs)
            new.replace(path)
        finally:
            new.unlink(missing_ok=True)

    @classmethod
    def load(cls, path: str | Path) -> Potential:
        """The potential in a file; only networks of this package and layers of Keras are made, and no code is run.

        Raises:
            InputError: there is no such file, or it holds no potential.
        """
        name = quoted(str(path))
        if not Path(path).is_file():
            raise InputError(f"there is no file {name}")
        try:
            with zipfile.ZipFile(path) as archive:
                config = json.loads(archive.read("config.json"))
            if config.get("registered_name") != "dmol_molnet>Potential":
                raise InputError(f"{name} holds no potential but {quoted(config.get('class_name'))}")
            _check_classes(config, name)
            importlib.import_module("dmol_molnet.nn.design_space")  # so that every model's class is known
            return keras.saving.load_model(path, safe_mode=True)
        except InputError:
            raise
        except Exception as error:  # a file from anywhere may be broken in any way
            raise InputError(f"{name} is no potential that can be read: {quoted(str(error))}") from None


def _eigen(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Eigenvalues and vectors of a symmetric matrix, `OPEN` of the largest added to each."""
    values, vectors = np.linalg.eigh(matrix)
    return np.maximum(values, 0) + OPEN * max(values[-1], 1e-30), vectors


def _ratio(square: np.ndarray, variance: np.ndarray) -> float:
    """The root of the mean of error^2 / variance; where nothing varies, nothing is known, and if nowhere, 1."""
    known = variance > 0
    return float(np.sqrt(np.mean(square[known] / variance[known]))) if known.any() else 1.0


def _calibrated(name: str, error, std, whole_error, whole_std) -> dict[str, float | None]:
    """How well standard deviations tell errors: their mean, the shares within one and two, and the rank correlation.

    The last is that of the whole errors' sizes: those of atoms, where the others are of components.
    """
    from scipy.stats import spearmanr

    size = np.abs(whole_error)
    ranked = len(size) > 2 and np.ptp(size) > 0 and np.ptp(whole_std) > 0
    return {
        f"{name}_std_mean": float(np.mean(std)) if len(std) else None,
        **{
            f"{name}_within_{word}_std": float(np.mean(np.abs(error) <= n * std)) if len(std) else None
            for n, word in ((1, "one"), (2, "two"))
        },
        f"{name}_rank_correlation": float(spearmanr(size, whole_std).statistic) if ranked else None,
    }


def _check_classes(config: object, name: str) -> None:
    """Refuse a configuration that names a class or function from anywhere but Keras and this package."""
    if isinstance(config, dict):
        if "class_name" in config and "module" in config:
            module, registered = config["module"], config.get("registered_name")
            ours = module is None or str(module).split(".")[0] == "dmol_molnet"
            if str(module).split(".")[0] != "keras" and not (ours and str(registered).startswith("dmol_molnet>")):
                asked = quoted(f"{module}.{config['class_name']}")
                raise InputError(f"{name} asks for {asked}; only Keras and this package may be asked")
        for value in config.values():
            _check_classes(value, name)
    elif isinstance(config, list):
        for value in config:
            _check_classes(value, name)
