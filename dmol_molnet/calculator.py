"""A potential as a calculator of ASE: `atoms.calc = MolnetCalculator("molecule.keras")`, and relax, vibrate or run.

    E = the potential's energy        F_i = - dE / dx_i        free energy = E: there are no electrons to be warm

Source of the interface: Larsen et al. (2017), `larsen2017atomic`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tensorflow as tf
from ase.calculators.calculator import Calculator, PropertyNotImplementedError, all_changes

from dmol_molnet.molecules import InputError, Molecule, charge_of, quoted
from dmol_molnet.nn.graph import Capacity, MolecularGraph, Neighbors, near_origin, neighbors
from dmol_molnet.nn.potential import Potential


class MolnetCalculator(Calculator):
    """Energy (eV) and forces (eV/Å) of molecules, open or periodic, for ASE.

    Args:
        potential: a `Potential`, or the path of a file with one.
        uncertainty: compute `energy_std` (eV) and `forces_std` [A, 3] (eV/Å) too, as `Potential.uncertainty` does; of a
            committee of M members, that takes M passages backwards more.
        options: those of ASE's `Calculator`.

    The charge in `atoms.info` is compared with those that the potential was trained on: it does not see charges itself.
    Nothing is computed again as long as atoms stay as they are.  The program for a number of atoms is compiled at the
    first call, with room for more pairs than there are, so that it serves on while pairs come and go.

    Raises:
        InputError: no potential, or no committee to tell its uncertainty; on calculating, an element that it was not
            trained on, or two atoms on the same place.
        PropertyNotImplementedError: on asking for anything but energy and forces.
    """

    implemented_properties = ["energy", "free_energy", "forces"]  # noqa: RUF012, as ASE has it
    name = "dmol_molnet"

    def __init__(self, potential: Potential | str | Path, uncertainty: bool = False, **options):
        super().__init__(**options)
        if isinstance(potential, str | Path):
            potential = Potential.load(potential)
        if not isinstance(potential, Potential):
            raise InputError(f"a calculator needs a Potential or the path of one, not {quoted(potential)}")
        self.potential, self.uncertainty = potential, uncertainty
        if uncertainty:
            potential.require_committee("has no spread")
            self.implemented_properties = [*self.implemented_properties, "energy_std", "forces_std"]
        self._room = Capacity(0, 0, 0, 0)
        self._last: tuple[Molecule, Neighbors, MolecularGraph] | None = None

    def get_property(self, name, atoms=None, allow_calculation=True):
        """A property of these atoms, computed if it is not known yet."""
        if name in ("stress", "stresses") and allow_calculation:
            raise PropertyNotImplementedError(
                "there is no stress: the derivative of the energy with respect to the cell is not implemented; "
                "energy and forces are, in periodic cells too"
            )
        return super().get_property(name, atoms, allow_calculation)

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        """Compute energy and forces; always both, since forces cost the energy; and their spread, if asked for."""
        super().calculate(atoms, properties, system_changes)
        if not len(self.atoms):
            self.results = {"energy": 0.0, "free_energy": 0.0, "forces": np.zeros((0, 3))}
            if self.uncertainty:
                self.results |= {"energy_std": 0.0, "forces_std": np.zeros((0, 3))}
            return
        periodic = bool(self.atoms.pbc.any())
        molecule = Molecule(
            numbers=self.atoms.numbers,
            positions=self.atoms.positions,
            charge=charge_of(self.atoms.info),
            cell=self.atoms.cell.array if periodic else None,
            pbc=self.atoms.pbc if periodic else None,
        )
        normalisation = self.potential.normalisation
        reference = 0.0 if normalisation is None else normalisation.reference(molecule)
        graph = self._graph(molecule)
        energy, forces = self.potential.on_graph(graph)
        energy = float(energy[0]) + reference
        self.results = {"energy": energy, "free_energy": energy, "forces": np.array(forces[: len(molecule)], float)}
        if self.uncertainty:
            energy_std, forces_std = self.potential.spread_on_graph(graph)
            self.results |= {"energy_std": float(energy_std[0]), "forces_std": forces_std[: len(molecule)]}

    def _graph(self, molecule: Molecule) -> MolecularGraph:
        """The graph as tensors; from one step to the next, often only positions change."""
        found = neighbors(molecule, self.potential.cutoff)
        positions, shift = near_origin(molecule, found)
        as_found = shift is found.shift  # where atoms are brought near, shifts change from step to step
        if as_found and self._last is not None:
            before, pairs, graph = self._last
            if np.array_equal(before.numbers, molecule.numbers) and all(map(np.array_equal, pairs, found)):
                x = np.zeros(graph.positions.shape, graph.positions.dtype.as_numpy_dtype)
                x[: len(molecule)] = positions
                return graph._replace(positions=tf.constant(x))
        n_slots = np.bincount(np.concatenate([found.i, found.j]), minlength=1).max()
        needed = Capacity(1, len(molecule), len(found.i), int(n_slots))
        if self._room.atoms != needed.atoms or self._room.pairs < needed.pairs or self._room.slots < needed.slots:
            self._room = _with_room(needed, periodic=molecule.pbc is not None)
        graph = MolecularGraph(*map(tf.constant, MolecularGraph.assemble([molecule], [found], self._room)))
        self._last = (molecule, found, graph) if as_found else None
        return graph


def _with_room(needed: Capacity, periodic: bool) -> Capacity:
    """An eighth more pairs and two more slots than needed, but not more than there can be."""
    n = needed.atoms
    pairs, slots = max(needed.pairs * 9 // 8, 1), needed.slots + 2
    if not periodic:
        pairs, slots = min(pairs, max(n * (n - 1) // 2, 1)), min(slots, max(n - 1, 1))
    return Capacity(1, n, pairs, slots)
