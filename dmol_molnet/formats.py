"""Which files are read, and how each becomes atoms of ASE with all that might be a label.

`FORMATS` is the list; `dmol-molnet formats` prints it.  Nothing here unpickles: of an .npz only plain arrays are taken,
and a trajectory of ASE is read only if it is of the kind that holds JSON and arrays.
"""

from __future__ import annotations

import bz2
import contextlib
import gzip
import lzma
import sqlite3
import tarfile
import warnings
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from dmol_molnet.molecules import InputError, quoted
from dmol_molnet.xyz import Told, frames, text_lines

if TYPE_CHECKING:
    import ase

Found = Iterator[tuple["ase.Atoms", dict[str, Any]]]
"""Atoms, and what stands beside them by name, for each molecule."""


class Format(NamedTuple):
    """A kind of file.

    Attributes:
        name: what people call it.
        endings: of its files, in small letters; `.gz`, `.bz2` and `.xz` may follow those of texts.
        labels: what of energies and forces is read, and under which names.
        units: those that are taken if none are told.
        read: gives the atoms of a file.
        reads_as: what ASE calls it, where ASE reads it.
    """

    name: str
    endings: tuple[str, ...]
    labels: str
    units: str
    read: Callable[[Path, Told], Found]
    reads_as: str | None = None


def read(path: Path, told: Told) -> list[tuple[ase.Atoms, dict[str, Any]]]:
    """The molecules of a file of any kind in `FORMATS`, each with what stands beside it by name.

    Raises:
        InputError: the file is not there, cannot be read, or holds no molecule; one sentence.
    """
    name = quoted(str(path))
    if not path.is_file():
        raise InputError(f"there is no file {name}")
    found = list(_reader(path)(path, told))
    if not found:
        raise InputError(f"{name} holds no molecule")
    return found


def is_read(path: Path) -> bool:
    """Whether the name is that of a file with a geometry that `read` takes."""
    return any(_is_named(path, one) for one in FORMATS)


def table() -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Header and rows of what is read: for people."""
    header = ("kind of file", "endings", "energies and forces", "units if none are told")
    rows = []
    for one in FORMATS:
        rows.append((one.name, " ".join(one.endings), one.labels, one.units))
    return header, rows


def rst_table() -> str:
    """`table` as a list-table of reStructuredText."""
    header, rows = table()
    lines = [".. list-table::", "   :header-rows: 1", "   :widths: 20 20 35 25", ""]
    for row in (header, *rows):
        lines += [f"   {'*' if c == 0 else ' '} - {entry}" for c, entry in enumerate(row)]
    return "\n".join(lines)


# ------------------------------------------------------------------------------------------------ which reader


def _is_named(path: Path, one: Format) -> bool:
    """Whether the file is named as one of this format, by its ending or, as POSCAR, by its whole name."""
    name = path.name.lower()
    bare = name.removesuffix(".gz").removesuffix(".bz2").removesuffix(".xz")
    return any(bare.endswith(end) if end.startswith(".") else bare == end.lower() for end in one.endings)


def _reader(path: Path) -> Callable[[Path, Told], Found]:
    """How to read a file: by what it holds, where its first bytes tell, else by its name, else as XYZ."""
    with open(path, "rb") as file:
        start = file.read(16)
    name = quoted(str(path))
    if start.startswith(b"- of Ulm"):
        return _trajectory
    if start.startswith(b"SQLite format 3\0"):
        return _database
    if start.startswith(b"\x89HDF\r\n"):
        raise InputError(
            f"{name} is HDF5, in which every data set has its own layout: write its molecules as extended XYZ, or as "
            ".npz with the arrays R, z, E and F"
        )
    if path.suffix.lower() in (".pkl", ".pickle", ".pt", ".pth", ".npy") or start[:1] == b"\x80":
        raise InputError(
            f"{name} may hold pickled objects, which run code when they are read, so that they never are: write its "
            "molecules as extended XYZ, or as .npz with the arrays R, z, E and F"
        )
    for one in FORMATS:
        if _is_named(path, one):
            return one.read
    if start.startswith(b"PK\x03\x04"):
        return _arrays
    return _xyz


# ------------------------------------------------------------------------------------------------ readers


def read_frames(path: str | Path, told: Told | None = None) -> Iterator[ase.Atoms]:
    """The frames of an (extended) XYZ file as ASE understands them; every line of the file must belong to one.

    Elements may be symbols or atomic numbers, D and T have their masses; `dmol_molnet.xyz` says what else is read.

    Args:
        path: of the file, which may be compressed.
        told: is told the units that the format settles, and what there is to know.

    Raises:
        InputError: there is no such file, it is not an XYZ file, or it is cut off; with the line.
    """
    name = quoted(str(path))
    if not Path(path).is_file():
        raise InputError(f"there is no file {name}")
    opened = {".xz": lzma.open, ".gz": gzip.open, ".bz2": bz2.open}.get(Path(path).suffix.lower(), open)
    k = 1
    try:
        with opened(path, "rb") as file:
            for atoms in frames(text_lines(file), told):
                yield atoms
                k += 1
    except (ValueError, OSError, EOFError, lzma.LZMAError, zlib.error) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{name} is not an extended XYZ file: molecule {k}: {reason[:200]}") from None
    if k == 1:
        raise InputError(f"{name} holds no molecule")


def _xyz(path: Path, told: Told) -> Found:
    for atoms in read_frames(path, told):
        yield atoms, {}


def _archive(path: Path, told: Told) -> Found:
    """The XYZ files in a .tar, as QM9 comes, in the order of their names' numbers in the archive."""
    name = quoted(str(path))
    try:
        with tarfile.open(path) as archive:
            for member in archive:
                if not member.isfile() or not member.name.lower().endswith((".xyz", ".extxyz")):
                    continue
                try:
                    for atoms in frames(text_lines(archive.extractfile(member)), told):
                        yield atoms, {}
                except ValueError as error:
                    raise InputError(f"{name}, {quoted(member.name)}: {' '.join(str(error).split())[:200]}") from None
    except (tarfile.TarError, OSError, EOFError) as error:
        raise InputError(f"{name} is no archive that can be read: {' '.join(str(error).split())[:160]}") from None


def _trajectory(path: Path, told: Told) -> Found:
    """A trajectory of ASE; one of the old kind, which was pickled, is refused unread."""
    from ase.io.trajectory import TrajectoryReader

    name = quoted(str(path))
    with open(path, "rb") as file:
        if not file.read(8).startswith(b"- of Ulm"):
            raise InputError(f"{name} is no trajectory of ASE, or one of before 2015, which is pickled and never read")
    k = 0
    try:
        with contextlib.closing(TrajectoryReader(str(path))) as reader:
            for k in range(len(reader)):
                yield reader[k], {}
    except Exception as error:  # a file from anywhere may be broken in any way
        if isinstance(error, InputError):
            raise
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"{name} is no trajectory of ASE that can be read: molecule {k + 1}: {reason[:160]}") from None


def _database(path: Path, told: Told) -> Found:
    """The rows of a database of ASE; what SchNetPack writes of units is told."""
    import ase.db

    name = quoted(str(path))
    with open(path, "rb") as file:
        kind = "db" if file.read(16).startswith(b"SQLite format 3\0") or path.suffix.lower() == ".db" else "json"
    try:
        if kind == "db":
            # Looked at first: ASE would make a database of itself out of any other, and of an empty file.
            with contextlib.closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as file:
                if not file.execute("select count(*) from sqlite_master where name = 'systems'").fetchone()[0]:
                    raise ValueError("it has no table of systems")
        with ase.db.connect(str(path), type=kind, use_lock_file=False) as database:
            metadata = database.metadata or {}
            if "_distance_unit" in metadata:
                told.units["length"] = str(metadata["_distance_unit"])
            told.units |= {str(key): str(unit) for key, unit in (metadata.get("_property_unit_dict") or {}).items()}
            for row in database.select():
                data = {
                    key: np.asarray(value) for key, value in row.data.items() if isinstance(value, np.ndarray | float)
                }
                yield row.toatoms(), {**row.key_value_pairs, **data}
    except Exception as error:  # a file from anywhere may be broken in any way
        reason = " ".join(str(error).split())
        raise InputError(f"{name} is no database of ASE that can be read: {reason[:160]}") from None


_ARRAYS = {
    "positions": ("R", "coords", "coordinates", "positions", "pos", "xyz"),
    "numbers": ("z", "nuclear_charges", "atomic_numbers", "numbers", "Z", "species", "charges"),
    "energy": ("E", "energies", "energy", "U0"),
    "forces": ("F", "forces", "force"),
    "charge": ("Q", "total_charge", "charge"),
    "cell": ("lattice", "cell", "cells"),
}


def _arrays(path: Path, told: Told) -> Found:
    """An .npz with positions [N, A, 3], numbers [A] or [N, A] (0 where there is no atom), energies [N] and forces."""
    import ase

    name = quoted(str(path))
    try:
        with np.load(path, allow_pickle=False) as file:
            names = {kind: next((key for key in keys if key in file), None) for kind, keys in _ARRAYS.items()}
            for kind in ("positions", "numbers"):
                if names[kind] is None:
                    raise ValueError(
                        f"it has no {kind}, under the names {', '.join(_ARRAYS[kind])}, "
                        f"but {', '.join(file.files[:12])}"
                    )
            arrays = {kind: file[key] for kind, key in names.items() if key is not None}
            told.keys |= {kind: names[kind] for kind in ("energy", "forces") if names[kind]}
            units = {key: str(file[key]) for key in ("e_unit", "r_unit", "f_unit") if key in file}
            _npz_units(units, names, set(file.files), told)
    except Exception as error:  # a file from anywhere may be broken in any way
        reason = " ".join(str(error).split())
        if "pickle" in reason.lower():
            reason = "an array of it is pickled, and is never read, since that runs code; save plain arrays of numbers"
        raise InputError(f"{name} is no .npz of molecules that can be read: {reason[:200]}") from None
    x, z = arrays["positions"], np.asarray(arrays["numbers"])
    x = x[None] if x.ndim == 2 else x
    if x.ndim != 3 or x.shape[2] != 3:
        raise InputError(f"{name}: {names['positions']} must have the shape [N, A, 3], not {list(x.shape)}")
    if z.dtype.kind in "US":
        from ase.data import atomic_numbers

        symbols = [str(s.decode() if isinstance(s, bytes) else s).strip() for s in z.reshape(-1)]
        wrong = next((s for s in symbols if s not in atomic_numbers), None)
        if wrong is not None:
            raise InputError(f"{name}: {quoted(wrong)} in {names['numbers']} is no element")
        z = np.array([atomic_numbers[s] for s in symbols]).reshape(z.shape)
    if z.shape not in (x.shape[1:2], x.shape[:2]) or z.dtype.kind not in "iuf" or not np.array_equal(z, z.astype(int)):
        raise InputError(
            f"{name}: {names['numbers']} must be whole numbers of the shape [{x.shape[1]}] or {list(x.shape[:2])}, "
            f"not {z.dtype} {list(z.shape)}"
        )
    n, z = len(x), z.astype(int)
    labels = {}
    for kind, shape in (("energy", (n,)), ("forces", x.shape), ("charge", (n,)), ("cell", (n, 3, 3))):
        if kind not in arrays:
            continue
        value = np.asarray(arrays[kind])
        if kind in ("energy", "charge") and value.size in (n, 1 if kind == "charge" else n):
            value = np.broadcast_to(value.reshape(-1), (n,))
        elif kind == "forces" and value.shape == x.shape[1:] and n == 1:
            value = value[None]
        elif kind == "cell" and value.shape == (3, 3):
            value = np.broadcast_to(value, shape)
        if value.shape != shape:
            raise InputError(f"{name}: {names[kind]} must have the shape {list(shape)}, not {list(value.shape)}")
        if kind == "cell" and names[kind] == "lattice":
            value = value.transpose(0, 2, 1)  # as sGDML keeps it, its columns are the vectors
        labels[kind] = value
    for k in range(n):
        numbers = z if z.ndim == 1 else z[k]
        there = numbers > 0
        if (numbers < 0).any() or (z.ndim == 1 and not there.all()):
            raise InputError(f"{name}, molecule {k + 1}: {names['numbers']} has no atomic numbers")
        atoms = ase.Atoms(numbers[there], x[k][there])
        if "cell" in labels:
            atoms.set_cell(labels["cell"][k])
            atoms.pbc = True
        if "charge" in labels:
            atoms.info["charge"] = labels["charge"][k]
        beside = {names["energy"]: labels["energy"][k]} if "energy" in labels else {}
        if "forces" in labels:
            beside[names["forces"]] = labels["forces"][k][there]
        yield atoms, beside


def _npz_units(units: dict[str, str], names: dict[str, str | None], keys: set[str], told: Told) -> None:
    """What an .npz says of its units, or what is known of the set."""
    energy, length = units.get("e_unit"), units.get("r_unit")
    if energy is None and {"coords", "nuclear_charges", "energies", "forces"} <= keys:
        energy = "kcal/mol"
        told.note("this is an .npz of rMD17, whose energies are in kcal/mol: they are read so")
    elif energy is None and {"R", "z", "E", "F"} <= keys and {"theory", "md5"} & keys:
        energy = "kcal/mol"
        told.note("this is an .npz of sGDML without units, which are kcal/mol and Å: they are read so")
    if energy is not None:
        for kind, sort in (("energy", energy), ("forces", units.get("f_unit") or f"{energy}/{length or 'Ang'}")):
            if names[kind]:
                told.units[names[kind]] = sort
    if length is not None:
        told.units["length"] = length


def _molfile(path: Path, told: Told) -> Found:
    """The molecules of a .mol or .sdf with their geometry and the order of their atoms; its data items beside them."""
    import ase

    for k, mol in enumerate(rdkit_molecules(path), 1):
        if not mol.GetNumConformers() or not mol.GetConformer().Is3D():
            raise InputError(
                f"{quoted(str(path))}, molecule {k}: it is a drawing in the plane, without a geometry; "
                "for one molecule, give its SMILES in place of the file"
            )
        atoms = ase.Atoms([atom.GetAtomicNum() for atom in mol.GetAtoms()], mol.GetConformer().GetPositions())
        if any(atom.GetIsotope() for atom in mol.GetAtoms()):
            atoms.set_masses([atom.GetMass() for atom in mol.GetAtoms()])
        beside = mol.GetPropsAsDict()
        atoms.info["charge"] = sum(atom.GetFormalCharge() for atom in mol.GetAtoms())
        yield atoms, {key: value for key, value in beside.items() if isinstance(value, int | float | str)}


def rdkit_molecules(path: Path) -> Iterator[Any]:
    """The molecules of a .mol or .sdf as RDKit reads them, with all the hydrogens that are in it.

    Raises:
        InputError: one that RDKit cannot read, by its number and first line; or none.
    """
    from rdkit import Chem, rdBase

    with open(path, "rb") as file:
        text = "\n".join(text_lines(file)) + "\n"
    blocks = [block for block in text.split("$$$$\n") if block.strip()]
    if not blocks:
        raise InputError(f"{quoted(str(path))} holds no molecule that RDKit can read")
    for k, block in enumerate(blocks, 1):
        with rdBase.BlockLogs():
            supplier = Chem.SDMolSupplier()
            supplier.SetData(block.rstrip("\n") + "\n\n$$$$\n", sanitize=True, removeHs=False)
            mol = next(iter(supplier), None)
        if mol is None or not mol.GetNumAtoms():
            which = f", molecule {k}" if len(blocks) > 1 else ""
            raise InputError(f"{quoted(str(path))}{which} holds no molecule that RDKit can read")
        yield mol


def _by_ase(kind: str) -> Callable[[Path, Told], Found]:
    """A reader for a format by what ASE calls it."""

    def read_by_ase(path: Path, told: Told) -> Found:
        import ase.io

        name = quoted(str(path))
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of a file's oddities; what is read is checked by us
                found = ase.io.read(str(path.absolute()), index=":", format=kind, do_not_split_by_at_sign=True)
        except Exception as error:  # a file from anywhere may be broken in any way
            reason = " ".join(str(error).split()) or type(error).__name__
            raise InputError(f"{name} cannot be read as {kind}: {reason[:160]}") from None
        for k, atoms in enumerate(found, 1):
            if (atoms.numbers < 1).any():
                raise InputError(f"{name}, molecule {k}: an atom has no element; write its symbol")
            yield atoms, {}

    return read_by_ase


FORMATS = (
    Format(
        "(extended) XYZ",
        (".xyz", ".extxyz"),
        "`key=value` in the comment and columns of `Properties`, under the usual names (energy, REF_energy, E, …; "
        "forces, REF_forces, gradient, …)",
        "eV, Å, eV/Å; Hartree for the comments of ORCA, xTB and CREST",
        _xyz,
    ),
    Format(
        "raw QM9",
        (".xyz", ".tar", ".tar.bz2", ".tar.gz", ".tgz", ".tar.xz"),
        "U0 (others by --energy-key: U, H, G, zpve, …), from one file or from the archive; no forces",
        "Hartree, Å",
        _archive,
    ),
    Format(
        "trajectory of ASE", (".traj",), "of the calculator; momenta, masses, constraints", "eV, Å, eV/Å", _trajectory
    ),
    Format(
        "database of ASE, SchNetPack's too",
        (".db", ".json"),
        "of the calculator, key-value pairs and data",
        "what SchNetPack's metadata say, else eV, Å, eV/Å",
        _database,
    ),
    Format(
        "arrays of sGDML, MD17, MD22 and rMD17",
        (".npz",),
        "E and F, or energies and forces; positions R or coords, atomic numbers z or nuclear_charges, charge Q",
        "e_unit and r_unit, if it has them; kcal/mol and Å for rMD17 and sGDML; else eV, Å, eV/Å",
        _arrays,
    ),
    Format("molfile", (".mol", ".sdf"), "data items of an .sdf under the usual names", "eV, Å", _molfile),
    Format("Protein Data Bank", (".pdb", ".ent"), "none", "Å", _by_ase("proteindatabank"), "proteindatabank"),
    Format("crystal", (".cif",), "none", "Å", _by_ase("cif"), "cif"),
    Format("VASP geometry", (".vasp", ".poscar", "POSCAR", "CONTCAR"), "none", "Å", _by_ase("vasp"), "vasp"),
    Format("VASP output", ("OUTCAR", ".outcar"), "energy, forces", "eV, Å, eV/Å", _by_ase("vasp-out"), "vasp-out"),
    Format("VASP output in XML", ("vasprun.xml",), "energy, forces", "eV, Å, eV/Å", _by_ase("vasp-xml"), "vasp-xml"),
    Format("DFTB+ geometry", (".gen",), "none", "Å", _by_ase("gen"), "gen"),
    Format("FHI-aims geometry", (".in",), "none", "Å", _by_ase("aims"), "aims"),
    Format("Gromacs geometry", (".gro",), "none", "nm in the file", _by_ase("gromacs"), "gromacs"),
    Format("XCrySDen", (".xsf", ".axsf"), "forces", "eV, Å, eV/Å", _by_ase("xsf"), "xsf"),
    Format("Chemical JSON", (".cjson",), "none", "Å", _by_ase("cjson"), "cjson"),
    Format("Turbomole geometry", ("coord",), "none", "Bohr in the file", _by_ase("turbomole"), "turbomole"),
    Format("Gaussian output", (".log",), "energy, forces", "eV, Å, eV/Å", _by_ase("gaussian-out"), "gaussian-out"),
    Format("Gaussian input", (".gjf", ".com"), "none", "Å", _by_ase("gaussian-in"), "gaussian-in"),
    Format("Quantum ESPRESSO output", (".pwo",), "energy, forces", "eV, Å, eV/Å", _by_ase("espresso-out")),
)
"""What is read, in the order in which endings are looked up."""

__doc__ = f"{__doc__}\n{rst_table()}\n"
