"""Which geometries of a molecule are labelled: minima, harmonic displacements from them, and short dynamics.

Around a minimum, a mode k of frequency ω_k at temperature T is displaced by a normal number of variance kT / ω_k²
(a classical harmonic oscillator); soft modes, which are far from harmonic, as if they were of `SOFTEST`.  Langevin
dynamics begins at such a geometry, so that it has little to wait for.  All labels are of calculations that start anew:
they do not know the past of their frame.
"""

from __future__ import annotations

import io
from dataclasses import dataclass

import ase
import numpy as np
from ase import units
from ase.calculators.calculator import Calculator
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import write
from ase.md.langevin import Langevin
from scipy.spatial.distance import pdist

from dmol_molnet import dynamics, vibrations
from dmol_molnet.labels.calculators import Method
from dmol_molnet.molecules import InputError, Molecule

FMAX, STEPS = 0.02, 500  # eV/Å; of a relaxation
SOFTEST = 200.0  # 1/cm
TIMESTEP, FRICTION, WAIT = 0.5, 0.02, 40  # fs, 1/fs, steps before the first frame
STRICT = 0.1  # accuracy of labels, where 1 is tblite's own


@dataclass(frozen=True)
class Plan:
    """How many frames of each kind a molecule gives.

    Attributes:
        conformers: embeddings, each relaxed; those that end in a minimum already found are left out.
        temperatures: K.
        displaced: geometries along normal modes, at each temperature.
        moved: frames of Langevin dynamics, at each temperature.
        spacing: steps of half a femtosecond from one of these to the next.
        as_given: geometries are labelled where they are, without relaxation, and nothing around them.
    """

    conformers: int = 1
    temperatures: tuple[float, ...] = (300.0, 600.0, 1000.0)
    displaced: int = 2
    moved: int = 1
    spacing: int = 60
    as_given: bool = False

    def __post_init__(self):
        if self.conformers < 1 or min(self.displaced, self.moved) < 0 or self.spacing < 1:
            raise InputError(
                "a plan has a conformer or more, no negative number of frames, and a spacing of a step or more"
            )
        if not all(0 < T < float("inf") for T in self.temperatures):
            raise InputError(f"temperatures are positive numbers in K, not {self.temperatures}")


class Failed(Exception):
    """A molecule that gives no frames, and why."""


def frames(molecule: Molecule, plan: Plan, method: Method, seed: int | tuple[int, int]) -> list[ase.Atoms]:
    """The labelled frames of a molecule: energy (eV), forces (eV/Å), and the dipole (e Å) of a calculator that has one.

    Args:
        molecule: without positions it is embedded; with positions they are its only conformer.
        plan: which.
        method: who labels, and under whose forces atoms move.
        seed: of embeddings, displacements and noise.

    Raises:
        Failed: something does not converge, a bond breaks, a label is no number.
    """
    if plan.as_given:
        if molecule.positions is None:
            raise Failed("it has no geometry to be labelled where it is")
        return [_labelled(molecule.positions, molecule.numbers, molecule.charge, method, kind="given")]
    rng = np.random.default_rng(seed)
    found, minima, constitution = [], [], {"smiles": molecule.to_smiles()} if len(molecule.bonds) else {}
    for k in range(plan.conformers if molecule.positions is None else 1):
        start = molecule if molecule.positions is not None else _embedded(molecule, int(rng.integers(2**31)))
        atoms, energy = _relaxed(start, method)
        if any(abs(energy - other) < 1e-3 and _alike(atoms, minimum) for other, minimum in minima):
            continue
        minima.append((energy, atoms))
        found += [
            _labelled(x, atoms.numbers, molecule.charge, method, **constitution, conformer=k, **how)
            for x, how in _around(atoms, plan, method, rng)
        ]
    return found


def _embedded(molecule: Molecule, seed: int) -> Molecule:
    try:
        return molecule.embed(seed)
    except InputError as error:
        raise Failed(str(error)) from None


def _relaxed(molecule: Molecule, method: Method) -> tuple[ase.Atoms, float]:
    atoms = molecule.to_ase()
    atoms.calc = _calculator(method, atoms)
    bonds = _bonds(atoms)
    try:
        found = dynamics.relax(atoms, FMAX, STEPS)
    except Exception as error:  # of anybody's calculator
        raise Failed(f"its relaxation fails: {one_line(error)}") from None
    if not found.converged:
        raise Failed(f"it does not relax below {FMAX} eV/Å in {STEPS} steps")
    if _bonds(atoms) != bonds:
        raise Failed("a bond breaks or forms while it relaxes")
    return atoms, found.energy


def _around(atoms: ase.Atoms, plan: Plan, method: Method, rng: np.random.Generator):
    """The positions [A, 3] of frames around a minimum, and what kind they are."""
    x, bonds = atoms.positions.copy(), _bonds(atoms)
    yield x, {"kind": "minimum"}
    if not (plan.temperatures and (plan.displaced or plan.moved)) or len(atoms) < 2:
        return
    try:
        modes = vibrations.modes(vibrations.hessian(atoms), x, atoms.get_masses())
        for T in plan.temperatures:
            for _ in range(plan.displaced):
                atoms.positions = x
                _displace(atoms, modes, T, rng)
                yield atoms.positions.copy(), {"kind": "displaced", "temperature": T}
            if not plan.moved:
                continue
            atoms.positions = x
            _displace(atoms, modes, T, rng)
            dynamics.heat(atoms, T, rng)
            langevin = Langevin(
                atoms, TIMESTEP * units.fs, temperature_K=T, friction=FRICTION / units.fs, rng=rng, fixcm=False
            )
            langevin.run(WAIT)
            for _ in range(plan.moved):
                langevin.run(plan.spacing)
                if _bonds(atoms) != bonds:
                    break  # a molecule that reacts is another one
                yield atoms.positions.copy(), {"kind": "moved", "temperature": T}
    except Exception as error:  # of anybody's calculator
        raise Failed(f"the frames around its minimum fail: {one_line(error)}") from None


def _displace(atoms: ase.Atoms, modes: vibrations.Modes, temperature: float, rng: np.random.Generator) -> None:
    """Move atoms from their minimum along all modes, to an energy that is no more than about twice the mean."""
    x, lowest = atoms.positions.copy(), atoms.get_potential_energy()
    softest = (SOFTEST * units.invcm / vibrations.QUANTUM) ** 2
    spread = np.sqrt(units.kB * temperature / np.maximum(modes.squares, softest))  # [M] Å sqrt(u)
    for shrink in 0.9 ** np.arange(20):  # far out, no molecule is harmonic
        q = shrink * spread * rng.normal(size=len(spread))
        atoms.positions = x + np.tensordot(q, modes.displacements, 1)
        if atoms.get_potential_energy() - lowest < (len(q) + 3) * units.kB * temperature:
            return
    atoms.positions = x


def _labelled(x: np.ndarray, numbers: np.ndarray, charge: int, method: Method, **info) -> ase.Atoms:
    """Labels of rounded positions: what a file keeps is what was computed."""
    atoms = ase.Atoms(numbers, np.round(x - x.mean(axis=0), 8), info={"charge": charge} if charge else {})
    atoms.calc = _calculator(method, atoms, accuracy=STRICT)
    try:
        labels = {"energy": atoms.get_potential_energy(), "forces": atoms.get_forces()}
        if "dipole" in atoms.calc.implemented_properties:
            labels["dipole"] = atoms.get_dipole_moment()
    except Exception as error:  # of anybody's calculator
        raise Failed(f"a frame ({info['kind']}) cannot be labelled: {one_line(error)}") from None
    for name, values in labels.items():
        if not np.isfinite(values).all():
            raise Failed(f"the {name} of a frame ({info['kind']}) is no number")
    atoms.calc = SinglePointCalculator(atoms, **labels)
    atoms.info.update(info)
    return atoms


def as_text(found: list[ase.Atoms]) -> str:
    """The frames as extended XYZ."""
    text = io.StringIO()
    write(text, found, format="extxyz")
    return text.getvalue()


# ------------------------------------------------------------------------------------------------ small things


def _calculator(method: Method, atoms: ase.Atoms, **options) -> Calculator:
    charge = atoms.info.get("charge", 0)
    return method.calculator(charge, int(atoms.numbers.sum()) - charge, **options)


def _bonds(atoms: ase.Atoms) -> list[list[int]]:
    return Molecule(atoms.numbers, atoms.positions).with_bonds().bonds.tolist()


def _alike(a: ase.Atoms, b: ase.Atoms) -> bool:
    """Whether two minima have the same distances, whichever atoms of an element have them."""
    return bool(np.allclose(np.sort(pdist(a.positions)), np.sort(pdist(b.positions)), atol=0.05))


def one_line(error: Exception) -> str:
    """What an error says, without breaks; its kind, if it says nothing."""
    return " ".join(str(error).split()) or type(error).__name__
