"""Molecules from files, with energies and forces under whatever names and in whatever units they have there.

    >>> from dmol_molnet.files import read_molecules
    >>> data = read_molecules("ethanol.xyz", energy_unit="kcal/mol")
    >>> print(data)
    1000 molecules; energies from 'energy' in kcal/mol, forces from 'forces' in kcal/mol/Å

Which files are read, under which names and in which units, stands in `dmol_molnet.formats`.

What leaves this module is in eV, Å and eV/Å.  A wrong unit rarely announces itself, so labels are held against each
other: near a frame i of a molecule, a frame j has the energy

    E_j - E_i = -1/2 (F_i + F_j) · (x_j - x_i)

up to the third order in the displacement, once j is turned onto i.  The left over the right is 1, and about 23 where
energies are in kcal/mol and forces in eV/Å.
"""

from __future__ import annotations

import contextvars
import os
import re
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dmol_molnet import formats
from dmol_molnet.molecules import InputError, InputWarning, Molecule, charge_of, quoted, without_hydrogens
from dmol_molnet.xyz import Told, text_lines

if TYPE_CHECKING:
    import ase

_ORIGINS = "ref|reference|target|label|qm|dft|xtb|gfn2|pbe|b3lyp|ccsd|ccsd\\(t\\)|mp2|orca|total"
ENERGY_NAMES = re.compile(
    rf"(?:(?:{_ORIGINS})_)?energ(?:y|ies)(?:_(?:{_ORIGINS}))?|free_energy|potential_energy|scf_energy|e|e_?tot(?:al)?|u0"
)
"""The names, in small letters, under which an energy is looked for."""

FORCES_NAMES = re.compile(
    rf"(?:(?:{_ORIGINS})_)?(?:forces?|grad(?:ient)?s?)(?:_(?:{_ORIGINS}))?|-?de/?dx|-?de/?dr|energy_grad(?:ient)?s?"
)
"""The names, in small letters, under which forces are looked for; those of derivatives have their sign turned."""

_ENERGY_UNITS = {
    "ev": "eV", "electronvolt": "eV", "mev": "meV", "hartree": "Hartree",
    "hartrees": "Hartree", "ha": "Hartree", "eh": "Hartree", "a.u.": "Hartree",
    "au": "Hartree", "kcal/mol": "kcal/mol", "kj/mol": "kJ/mol", "rydberg": "Rydberg", "ry": "Rydberg",
}  # fmt: skip
_LENGTH_UNITS = {
    "å": "Å", "a": "Å", "ang": "Å", "angstrom": "Å", "ångström": "Å", "bohr": "Bohr", "a0": "Bohr", "nm": "nm",
}  # fmt: skip

ALL_ELECTRON = {"H": -0.5, "C": -37.8, "N": -54.5, "O": -75.0, "F": -99.7, "P": -341.2, "S": -398.0, "Cl": -460.0}
"""Hartree: roughly the energies of free atoms, from which a molecule's differs by less than 2 %."""


@dataclass(frozen=True)
class Labelled:
    """What a file holds.

    Attributes:
        molecules: in eV, Å and eV/Å; energy and forces are None where the file has none.
        energy_key, forces_key: the names under which the labels stood, or None.
        units: of energy, length and force in the file.
        suspicions: what was taken for granted, or looks wrong and may still be right, a sentence each.
    """

    molecules: list[Molecule]
    energy_key: str | None
    forces_key: str | None
    units: tuple[str, str, str]
    suspicions: tuple[str, ...] = ()

    def __str__(self) -> str:
        n, (energy, _, force) = len(self.molecules), self.units
        energies = f"energies from {quoted(self.energy_key)} in {energy}" if self.energy_key else "no energies"
        forces = f"forces from {quoted(self.forces_key)} in {force}" if self.forces_key else "no forces"
        return f"{n} molecule{'s' if n > 1 else ''}; {energies}, {forces}"


def read_molecules(
    path: str | Path,
    energy_key: str | None = None,
    forces_key: str | None = None,
    energy_unit: str | None = None,
    length_unit: str | None = None,
    force_unit: str | None = None,
    gradients: bool = False,
    check: bool = True,
) -> Labelled:
    """The molecules of a file with their labels, converted to eV, Å and eV/Å.

    Args:
        path: a file of any kind in `dmol_molnet.formats.FORMATS`; texts may be compressed by gzip, bzip2 or xz.
        energy_key, forces_key: the names of the labels; None looks for the usual ones.
        energy_unit: eV, meV, Hartree, Rydberg, kcal/mol or kJ/mol; None takes what the file says of itself, else eV.
        length_unit: of positions: Å, Bohr or nm; None as before, else Å.
        force_unit: such as `Hartree/Bohr`; None takes the energy's unit over that of length; where the energy is in
            Hartree or Rydberg and lengths are not in Bohr, programs differ, and the labels must decide.
        gradients: the forces' column holds derivatives of the energy, although its name does not say so.
        check: compare labels with each other, and with what is usual.

    Raises:
        InputError: the file cannot be read; a label is no finite number; more than one kind of label has a usual name;
            a unit is unknown, or certainly wrong.
    """
    name = quoted(str(path))
    path = Path(path)
    told = Told()
    frames = [_Frame.of(atoms, beside) for atoms, beside in formats.read(path, told)]
    energy_key = _choose(name, "energy", energy_key, frames, told)
    forces_key = _choose(name, "forces", forces_key, frames, told)
    units = _units(name, energy_unit, length_unit, force_unit, told.units, energy_key, forces_key)
    sign = -1.0 if gradients or (forces_key is not None and _is_gradient(forces_key)) else 1.0
    notes = list(told.notes)
    stated = force_unit is not None or forces_key in told.units
    if forces_key is not None and not stated and units[0] in ("Hartree", "Rydberg") and units[1] != "Bohr":
        units = (*units[:2], _atomic_force_unit(name, frames, units, sign, energy_key, forces_key))
        notes.append(f"forces are read in {units[2]}, in which they fit to the energies; --force-unit tells another")
    molecules = _molecules(name, frames, units, sign, energy_key, forces_key)
    notes += _unread(frames)
    if check:
        try:
            notes += check_units(molecules)
        except InputError as error:
            raise InputError(f"{name}: {error}") from None
    return Labelled(molecules, energy_key, forces_key, units, tuple(notes))


def _molecules(name: str, frames: list[_Frame], units, sign: float, energy_key, forces_key) -> list[Molecule]:
    energy, length, force = (_in_ev_and_angstrom(unit) for unit in units)
    molecules = []
    for k, frame in enumerate(frames, 1):
        try:
            molecules.append(frame.molecule(energy_key, forces_key, energy, length, sign * force))
        except InputError as error:
            raise InputError(f"{name}, molecule {k}: {error}") from None
    return molecules


def _atomic_force_unit(name: str, frames: list[_Frame], units, sign: float, energy_key, forces_key) -> str:
    """The unit of forces that fits to energies in Hartree or Rydberg, at positions in Å.

    Programs give gradients in Hartree/Bohr, data sets often Hartree/Å, and some turn forces alone into eV/Å.

    Raises:
        InputError: the labels do not decide.
    """
    choices = (f"{units[0]}/Bohr", f"{units[0]}/Å", "eV/Å")
    if energy_key is not None:
        slopes = _slopes(_molecules(name, frames, (*units[:2], "eV/Å"), sign, energy_key, forces_key))
        if slopes is not None:
            low, middle, high = slopes
            off = {choice: abs(np.log(max(middle, 1e-12) / _in_ev_and_angstrom(choice))) for choice in choices}
            best = min(off, key=off.get)
            fits = [choice for choice in choices if low / 1.1 < _in_ev_and_angstrom(choice) < high * 1.1]
            if off[best] < 0.2 and set(fits) <= {best}:
                return best
    raise InputError(
        f"{name}: energies are in {units[0]} and positions in Å, and the labels do not show what the forces are in: "
        f"say it by --force-unit, {choices[0]} as most programs write them, {choices[1]}, or {choices[2]}"
    )


def _unread(frames: list[_Frame]) -> list[str]:
    """What is in the file and is not used, and might have been meant to be, a sentence."""
    names = ("stress", "virial", "virials", "velocities", "velo")
    there = [name for name in names if any(name in table for frame in frames for table in frame.tables)]
    if not there:
        return []
    plural = "is" if len(there) == 1 else "are"
    return [
        f"{' and '.join(map(quoted, there))} in the file {plural} not used: networks here learn energies and forces"
    ]


def read_xyz(path: str | Path) -> Iterator[Molecule]:
    """The molecules of an (extended) XYZ file, one by one, with the energies and forces it holds (eV, eV/Å).

    The file may be compressed, by gzip, bzip2 or xz.  For labels of other names or units, see
    `read_molecules`.

    Raises:
        InputError: there is no such file, it is not an XYZ file, it is cut off, or a label in it is not a number.
    """
    for k, atoms in enumerate(formats.read_frames(path), 1):
        try:
            molecule = Molecule.from_ase(atoms)
        except InputError as error:
            raise InputError(f"{quoted(str(path))}, molecule {k}: {error}") from None
        yield molecule


def read_geometry(text: str) -> Molecule:
    """One molecule with positions: of a SMILES, embedded; or the last one of a file, without labels.

    Of a .mol or .sdf, the geometry and the order of atoms are kept; a drawing in the plane is embedded, and hydrogens
    that it leaves out are added.

    Raises:
        InputError: as `read_molecules` and `Molecule.from_smiles`.
        InputWarning: (a warning) the file has several molecules, of which the last is taken; or atoms were added.
    """
    path = Path(text)
    if path.suffix.lower() in (".mol", ".sdf"):
        return _geometry_of_molfile(text)
    if _is_file_name(path):
        return Molecule.from_ase(read_atoms(text))
    molecule = read_molecule(text, hydrogens=True)
    return molecule if molecule.positions is not None else molecule.embed(0)


def read_atoms(text: str) -> ase.Atoms:
    """As `read_geometry`, as atoms of ASE: with momenta, masses, constraints and charge, if the file has them."""
    path = Path(text)
    if path.suffix.lower() in (".mol", ".sdf") or not _is_file_name(path):
        return read_geometry(text).to_ase()
    told = Told()
    found = formats.read(path, told)
    _say_which(text, len(found))
    atoms = found[-1][0]
    # A file's own word counts; Molecule refuses what is no molecule.
    molecule = _Frame.of(*found[-1]).molecule(None, None, 1.0, 1.0, 1.0)
    size = _in_ev_and_angstrom(_unit(told.units.get("length", "Å"), "length"))
    atoms.calc = None
    atoms.info = {"charge": molecule.charge} if molecule.charge else {}
    atoms.arrays = {
        key: atoms.arrays[key] for key in ("numbers", "positions", "masses", "momenta") if key in atoms.arrays
    }
    atoms.positions *= size
    if not atoms.pbc.any():
        atoms.cell = None
    else:
        atoms.cell = atoms.cell.array * size
    return atoms


def _is_file_name(path: Path) -> bool:
    """Whether a text names a file with a geometry, and is no SMILES: `CO` is one, a file of that name or not."""
    if path.suffix.lower() == ".smi":
        return False
    if path.is_file() and (path.suffix or formats.is_read(path) or path.name != str(path)):
        return True
    if formats.is_read(path):
        raise InputError(f"there is no file {quoted(str(path))}")
    return False


def _say_which(text: str, n: int) -> None:
    if n > 1:
        warnings.warn(f"{quoted(text)} holds {n} molecules: the last is taken", InputWarning, stacklevel=3)


def _geometry_of_molfile(text: str) -> Molecule:
    from rdkit import Chem

    mol = _last_of_molfile(text)
    flat = not mol.GetNumConformers() or not mol.GetConformer().Is3D()
    missing = sum(atom.GetTotalNumHs() for atom in mol.GetAtoms())
    if flat and mol.GetNumAtoms() > 1:
        Chem.AssignStereochemistry(mol, cleanIt=True, force=True)
        mol = Chem.AddHs(mol)
        mol.RemoveAllConformers()
        warnings.warn(
            f"{quoted(text)} is a drawing in the plane: it is given a geometry by embedding", InputWarning, stacklevel=3
        )
        return Molecule.from_rdkit(mol).embed(0)
    if missing:
        mol = Chem.AddHs(mol, addCoords=True)
        warnings.warn(
            f"{quoted(text)} leaves out {missing} hydrogens: they are added after its atoms", InputWarning, stacklevel=3
        )
    return Molecule.from_rdkit(mol)


def _last_of_molfile(text: str):
    path = Path(text)
    if not path.is_file():
        raise InputError(f"there is no file {quoted(text)}")
    found = list(formats.rdkit_molecules(path))
    _say_which(text, len(found))
    return found[-1]


def read_molecule(text: str, hydrogens: bool) -> Molecule:
    """A molecule from a SMILES, or from a file that holds one: .smi, .mol or .sdf; of several, the last.

    Of a .mol or .sdf, the order of atoms is kept; positions are, if it has a geometry in space.

    Raises:
        InputError: there is no such file, or it holds no molecule; as `Molecule.from_smiles`.
        InputWarning: (a warning) the file has several molecules.
    """
    from rdkit import Chem

    path = Path(text)
    kind = path.suffix.lower()
    if kind not in (".smi", ".mol", ".sdf"):
        return Molecule.from_smiles(text, hydrogens)
    if not path.is_file():
        raise InputError(f"there is no file {quoted(text)}")
    if kind == ".smi":
        with open(path, "rb") as file:
            lines = [line.split() for line in text_lines(file) if line.strip()]
        if not lines:
            raise InputError(f"{quoted(text)} is empty; a .smi file starts with a SMILES")
        _say_which(text, len(lines))
        return Molecule.from_smiles(lines[-1][0], hydrogens)
    mol = _last_of_molfile(text)
    mol = Chem.AddHs(mol, addCoords=True) if hydrogens else without_hydrogens(mol)
    if mol.GetNumConformers() and not mol.GetConformer().Is3D():
        mol.RemoveAllConformers()
    return Molecule.from_rdkit(mol)


# ------------------------------------------------------------------------------------------------ checks


_COMPARE = contextvars.ContextVar("compare", default=True)


def skip_comparison() -> None:
    """Let `check_labels`, also the one in training, not compare molecules any more, until the context is left."""
    _COMPARE.set(False)


def check_labels(
    molecules: Sequence[Molecule], forces: bool = True, name: str = "training", compare: bool | None = None
) -> None:
    """Refuse molecules that cannot be trained on.

    Args:
        molecules: to train on.
        forces: whether forces are needed.
        name: of the set, for messages.
        compare: hold those of the same composition against each other; None does, unless `skip_comparison` was called.

    Raises:
        InputError: an energy or forces are missing; energies of the same composition fall into two groups whose
            distance a mixture of units explains, or nothing in chemistry; or their charges differ.
    """
    by_formula: dict[str, list[tuple[float, int]]] = {}
    charges: dict[str, dict[int, int]] = {}
    for k, molecule in enumerate(molecules, 1):
        where = f"{name} molecule {k} ({molecule.formula})"
        if molecule.energy is None:
            raise InputError(f"{where} has no energy; every molecule needs one, in eV")
        if forces and molecule.forces is None:
            raise InputError(f"{where} has no forces; give each its forces in eV/Å, or train with a force weight of 0")
        if len(molecule):
            by_formula.setdefault(molecule.formula, []).append((molecule.energy / len(molecule), k))
            charges.setdefault(molecule.formula, {}).setdefault(molecule.charge, k)
    if not (_COMPARE.get() if compare is None else compare):
        return
    for formula, found in charges.items():
        if len(found) > 1:
            (a, i), (b, j), *_ = found.items()
            raise InputError(
                f"{name} molecules {i} and {j} are both {formula}, with charges {a:+d} and {b:+d}, which a network "
                "cannot tell apart: train on one charge, or on all with --no-check"
            )
    for formula, found in by_formula.items():
        _check_groups(formula, sorted(found), name)


MIXED, IMPOSSIBLE = 2.0, 10.0
"""eV an atom: a gap in the energies of one composition that units may explain, and one that no bond does."""


def _check_groups(formula: str, found: list[tuple[float, int]], name: str) -> None:
    """Refuse energies (eV an atom, sorted, with their molecules) in two groups that units explain, or no bond.

    A curve of a bond that breaks may span 5 eV an atom, and its wall more, but without a wide gap.
    """
    energies = np.array([energy for energy, _ in found])
    middle = float(np.median(energies))
    for at in np.flatnonzero(np.diff(energies) > MIXED):
        low, high = found[at], found[at + 1]
        energy, k = low if middle >= high[0] else high  # of the group without the middle, the nearest
        unit = _named_factor(middle / energy) if energy else None
        if unit is None and energies[at + 1] - energies[at] <= IMPOSSIBLE:
            continue
        asked = f"are units mixed? it seems to be in {unit}" if unit else "are units mixed, or is it broken?"
        raise InputError(
            f"{name} molecule {k} ({formula}) has {energy:.3f} eV an atom, others of its composition {middle:.3f}: "
            f"{asked}"
        )


def check_units(molecules: Sequence[Molecule]) -> list[str]:
    """What looks as if labels were not in eV and eV/Å, a sentence each.

    Raises:
        InputError: energies and forces certainly do not belong together.
    """
    found = []
    labelled = [m for m in molecules if m.energy is not None and set(m.symbols) <= set(ALL_ELECTRON) and len(m)]
    if labelled:
        free = np.median([m.energy / sum(ALL_ELECTRON[s] for s in m.symbols) for m in labelled[:500]])
        for unit in ("Hartree", "kcal/mol", "kJ/mol"):
            size = _in_ev_and_angstrom("Hartree") / _in_ev_and_angstrom(unit)
            if abs(free / size - 1) < 0.03:
                found.append(
                    f"the energies, read as eV, are what calculations with all electrons give in {unit}; "
                    f"is it `--energy-unit {unit}`?"
                )
    slopes = _slopes(molecules)
    if slopes is not None and not 0.65 < slopes[1] < 1.5:
        unit = _explained(slopes[1])
        text = (
            "energies and forces do not fit together: from frame to like frame, energies change "
            f"{slopes[1]:.3g} times as much as the forces say{f', as with {unit}' if unit else ''}; "
            "say their units by --energy-unit and --force-unit, and of derivatives that they are, by --gradients"
        )
        if slopes[2] < 0.65 or slopes[0] > 1.5:
            raise InputError(text)
        found.append(text)
    sizes = np.array([np.sqrt(np.mean(m.forces**2)) for m in molecules if m.forces is not None and len(m) > 1])
    if len(sizes):
        where = [k for k, m in enumerate(molecules, 1) if m.forces is not None and len(m) > 1]
        middle, largest = float(np.median(sizes)), int(np.argmax(sizes))
        if not 0.05 < middle < 12:
            found.append(
                f"the root mean square of the forces, read as eV/Å, is {middle:.3g}, where molecules at room "
                "temperature have about 1; is there a --force-unit to be named?"
            )
        if sizes[largest] > 15 * middle > 0:
            found.append(
                f"molecule {where[largest]} has forces {sizes[largest] / middle:.0f} times as large as others; "
                "are units mixed, or is it broken?"
            )
    return found


def _slopes(molecules: Sequence[Molecule]) -> tuple[float, float, float] | None:
    """The quartiles of (E_j - E_i) over -1/2 (F_i + F_j)·(x_j - x_i), over near pairs; None if there are few."""
    alike: dict[bytes, list[Molecule]] = {}
    for m in molecules:
        if m.energy is not None and m.forces is not None and (m.pbc is None or not m.pbc.any()):
            alike.setdefault(m.numbers.tobytes(), []).append(m)
    group = max(alike.values(), key=len, default=[])
    if len(group) < 4 or len(group[0]) < 2:
        return None
    most = int(np.clip(np.sqrt(1e6 / len(group[0])), 4, 250))
    group = [group[k] for k in np.unique(np.linspace(0, len(group) - 1, most).astype(int))]
    x = np.array([m.positions - m.positions.mean(axis=0) for m in group])  # [N, A, 3]
    forces, energies = np.array([m.forces for m in group]), np.array([m.energy for m in group])
    i, j = np.triu_indices(len(group), 1)
    u, _, v = np.linalg.svd(np.einsum("pac,pad->pcd", x[j], x[i]))
    flip = np.sign(np.linalg.det(u @ v))
    turn = np.einsum("pcd,pd,pde->pce", u, np.stack([np.ones_like(flip), np.ones_like(flip), flip], 1), v)
    step = x[j] @ turn - x[i]  # Kabsch's rotation of j onto i
    apart = (step**2).mean(axis=(1, 2)) * 3  # Å²
    near = np.argsort(apart)[: min(max(len(i) // 300, 10), 60)]
    near = near[apart[near] < 0.3**2]
    work = -0.5 * ((forces[i] + forces[j] @ turn) * step).sum(axis=(1, 2))[near]
    change = (energies[j] - energies[i])[near]
    real = np.abs(work) > 1e-9
    if real.sum() < 5:
        return None
    # The quartiles of the slopes, weighted by |work| up to its median: neither pairs across a barrier nor a single
    # broken frame can move them.
    slopes, weights = (change / np.where(real, work, 1))[real], np.abs(work[real])
    weights = np.minimum(weights, np.median(weights))
    order = np.argsort(slopes)
    share = np.cumsum(weights[order]) / weights.sum()
    return tuple(float(slopes[order][np.searchsorted(share, q)]) for q in (0.25, 0.5, 0.75))


def _explained(slope: float) -> str | None:
    """The units of energy and force that make such a slope, if read as eV and eV/Å."""
    if -1.5 < slope < -0.65:
        return "derivatives of the energy in place of forces"
    found = {}
    for force in ("eV/Å", "kcal/mol/Å", "Hartree/Bohr", "kJ/mol/Å", "Hartree/Å", "kJ/mol/nm"):
        for energy in ("eV", "Hartree", "kcal/mol", "kJ/mol"):
            expected = _in_ev_and_angstrom(force) / _in_ev_and_angstrom(energy)
            off = abs(np.log(abs(slope) / expected))
            found.setdefault(
                round(off, 9), f"energies in {energy} and {'forces' if slope > 0 else 'derivatives'} in {force}"
            )
    off = min(found)
    return found[off] if off < 0.15 else None


def _named_factor(factor: float) -> str | None:
    """The unit of a number that is by this factor too small for eV."""
    for unit in ("Hartree", "kcal/mol", "kJ/mol", "Rydberg", "meV"):
        if abs(factor / _in_ev_and_angstrom(unit) - 1) < 0.01:
            return unit
    return None


# ------------------------------------------------------------------------------------------------ units


def _in_ev_and_angstrom(unit: str) -> float:
    """1 of a unit that `_unit` has written, in eV, Å or eV/Å."""
    import ase.units

    plain = {
        "eV": 1.0, "meV": 1e-3, "Hartree": ase.units.Hartree, "Rydberg": ase.units.Rydberg,
        "kcal/mol": ase.units.kcal / ase.units.mol, "kJ/mol": ase.units.kJ / ase.units.mol,
        "Å": 1.0, "Bohr": ase.units.Bohr, "nm": 10.0,
    }  # fmt: skip
    if unit in plain:
        return plain[unit]
    energy, _, length = unit.rpartition("/")
    return plain[energy] / plain[length]


def _unit(text: str, kind: str) -> str:
    """The usual writing of a unit.  kind: energy, length or force."""
    word = str(text).strip().lower().replace(" ", "").replace("*", "/").replace("å", "å")
    word = re.sub(r"/?(mol|ang|angstrom|å|bohr|a0|nm)\^?-1", r"/\1", word)
    if kind == "force":
        energy, _, length = word.rpartition("/")
        energy, length = _ENERGY_UNITS.get(energy.strip("()")), _LENGTH_UNITS.get(length.strip("()"))
        if energy and length:
            return f"{energy}/{length}"
        if word in ("a.u.", "au"):
            return "Hartree/Bohr"
    elif word in (units := _ENERGY_UNITS if kind == "energy" else _LENGTH_UNITS):
        return units[word]
    known = {
        "energy": "eV, meV, Hartree, Rydberg, kcal/mol, kJ/mol",
        "length": "Å, Bohr, nm",
        "force": "one of energy over one of length, such as eV/Å or Hartree/Bohr",
    }[kind]
    raise InputError(f"{quoted(text)} is no unit of {kind} that is known here; those are {known}")


def _units(name, energy, length, force, stated, energy_key, forces_key) -> tuple[str, str, str]:
    """The units of energy, length and force: as asked for, else as the file says, else eV and Å."""
    try:
        if energy is None:
            energy = stated.get(energy_key)
        if length is None:
            length = stated.get("length")
        if force is None:
            force = stated.get(forces_key)
        energy, length = _unit(energy or "eV", "energy"), _unit(length or "Å", "length")
        return energy, length, _unit(force or f"{energy}/{length}", "force")
    except InputError as error:
        if stated:
            raise InputError(f"{name}: {error}; units may be named by --energy-unit and --force-unit") from None
        raise


# ------------------------------------------------------------------------------------------------ names


def _is_energy(name: str) -> bool:
    return ENERGY_NAMES.fullmatch(_plain(name)) is not None


def _is_forces(name: str) -> bool:
    return FORCES_NAMES.fullmatch(_plain(name)) is not None


def _is_gradient(name: str) -> bool:
    return _is_forces(name) and "force" not in name.lower() and not name.startswith("-")


def _plain(name: str) -> str:
    return name.strip().lower().replace("-", "_") if not name.startswith("-") else name.strip().lower()


def _choose(name: str, kind: str, asked: str | None, frames: list[_Frame], told: Told) -> str | None:
    """The name of a label in a file: the one that is asked for, or the only one of the usual."""
    option = f"--{kind}-key"
    tables = [frame.scalars if kind == "energy" else frame.vectors for frame in frames]
    there = list(dict.fromkeys(key for table in tables for key in table))
    if asked is not None:
        if asked not in there:
            others = f"there are {', '.join(map(quoted, there))}" if there else "there is nothing of that kind"
            raise InputError(f"{name} has no {kind} called {quoted(asked)}; {others}")
        return asked
    if kind in told.keys:
        return told.keys[kind]
    usual = [key for key in there if (_is_energy(key) if kind == "energy" else _is_forces(key))]
    if not usual:
        return None
    everywhere = [key for key in usual if all(key in table for table in tables)]
    first = (everywhere or usual)[0]
    for table in tables:
        mine = table.get(first)
        for key in usual:
            # Two names for the same numbers are no choice to be made.
            turned = -1 if _is_gradient(key) != _is_gradient(first) else 1
            if key != first and key in table and (mine is None or not _same(mine, table[key], turned)):
                raise InputError(
                    f"{name} has more than one kind of {kind}, {', '.join(map(quoted, usual))}; say which by {option}"
                )
    return first


def _same(a: Any, b: Any, sign: int) -> bool:
    try:
        a, b = np.asarray(a, float), sign * np.asarray(b, float)
        return a.shape == b.shape and bool(np.allclose(a, b, rtol=1e-9, atol=1e-9, equal_nan=True))
    except (TypeError, ValueError):
        return False


# ------------------------------------------------------------------------------------------------ frames


@dataclass
class _Frame:
    """Atoms, and all that might be an energy (`scalars`) or forces (`vectors`), by name."""

    atoms: ase.Atoms
    scalars: dict[str, Any]
    vectors: dict[str, Any]
    tables: tuple[dict[str, Any], ...] = ()

    @classmethod
    def of(cls, atoms: ase.Atoms, extra: dict[str, Any] | None = None) -> _Frame:
        """Look through results of a calculation, the comment, and the columns of a frame."""
        results = {} if atoms.calc is None else atoms.calc.results
        scalars, vectors = {}, {}
        for table in (results, atoms.info, atoms.arrays, extra or {}):
            for key, value in table.items():
                array = value if isinstance(value, np.ndarray) else np.asarray(value if _is_plain(value) else None)
                if array.size == 1 and (array.dtype.kind in "iuf" or _is_energy(key)):
                    scalars.setdefault(key, array.reshape(-1)[0])
                if key not in ("positions", "momenta", "numbers", "stress", "dipole", "velocities") and (
                    (array.shape == (len(atoms), 3) and array.dtype.kind in "iuf")
                    or (_is_forces(key) and array.size > 1)
                ):
                    vectors.setdefault(key, array)
        return cls(atoms, scalars, vectors, (results, atoms.info, atoms.arrays, extra or {}))

    def molecule(
        self, energy_key: str | None, forces_key: str | None, energy: float, length: float, force: float
    ) -> Molecule:
        """In eV, Å and eV/Å; the last three are the sizes of the file's units in those."""
        atoms, periodic = self.atoms, bool(self.atoms.pbc.any())
        e = self.scalars.get(energy_key)
        if isinstance(e, np.generic):
            e = float(e) * energy if e.dtype.kind in "iuf" else e.item()
        f = self.vectors.get(forces_key)
        if f is not None and f.dtype.kind in "iuf":
            f = f * force
        beside = {key: value for table in self.tables[1:4:2] for key, value in table.items()}
        return Molecule(
            numbers=atoms.numbers,
            positions=atoms.positions * length,
            charge=charge_of(beside),
            cell=atoms.cell.array * length if periodic else None,
            pbc=atoms.pbc if periodic else None,
            energy=e,
            forces=f,
            masses=atoms.arrays.get("masses"),
        )


def _is_plain(value: Any) -> bool:
    return isinstance(value, int | float | str | np.generic)


def free_atoms(molecules: Sequence[Molecule], cutoff: float) -> tuple[dict[str, float], list[Molecule]]:
    """The energies (eV) of free atoms by element symbol, and the molecules that are none.

    A free atom is uncharged and alone, and no image of it in a periodic cell is within the cutoff (Å).

    Raises:
        InputError: one without energy, or two of an element with different ones.
    """
    found, rest = {}, []
    for molecule in molecules:
        if len(molecule) != 1 or molecule.charge or _nearest_image(molecule) <= cutoff:
            rest.append(molecule)
            continue
        symbol, energy = molecule.symbols[0], molecule.energy
        if energy is None:
            raise InputError(f"a free atom of {symbol} has no energy: give it one, or take it out")
        if abs(found.setdefault(symbol, energy) - energy) > 1e-6:
            raise InputError(
                f"there are two energies of a free atom of {symbol}, {found[symbol]:.6f} and {energy:.6f} eV: keep one"
            )
    return found, rest


def _nearest_image(molecule: Molecule) -> float:
    """How far an atom is from its nearest image, Å; infinite without a cell."""
    if molecule.cell is None:
        return np.inf
    steps = [range(-2, 3) if periodic else (0,) for periodic in molecule.pbc]
    shifts = np.array(np.meshgrid(*steps)).reshape(3, -1).T @ molecule.cell
    return min((x for x in np.linalg.norm(shifts, axis=-1) if x > 1e-9), default=np.inf)


def write_whole(path: str | Path, content: bytes | Iterable[bytes]) -> None:
    """Write a file at once or not at all, from bytes or from parts that need not be in memory together."""
    path = Path(path)
    new = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with new.open("wb") as file:
            file.writelines([content] if isinstance(content, bytes) else content)
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)
