"""Frames from files of many kinds, as ASE's atoms with whatever stands beside them: `FORMATS` says which.

Nothing here unpickles, and nothing of a file is run.
"""

from __future__ import annotations

import bz2
import contextlib
import gzip
import io
import itertools
import lzma
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from dmol_molnet.molecules import SYMBOLS, InputError, quoted

if TYPE_CHECKING:
    import ase


class Format(NamedTuple):
    """A kind of file.

    Attributes:
        endings: of its names, in small letters; a whole name such as POSCAR too.
        what: what it is.
        labels: where energies and forces stand in it.
    """

    endings: tuple[str, ...]
    what: str
    labels: str


FORMATS = {
    "xyz": Format(
        (".xyz", ".extxyz", ".xyz.gz", ".xyz.bz2", ".xyz.xz", ".extxyz.gz", ".extxyz.bz2", ".extxyz.xz"),
        "(extended) XYZ; elements as symbols or atomic numbers; the raw files of QM9 too",
        "energy in the comment line, forces in columns; eV, unless told otherwise; QM9: Hartree",
    ),
    "traj": Format((".traj",), "trajectory of ASE", "results of its calculator, eV and eV/Å"),
    "db": Format(
        (".db", ".json"), "database of ASE, also as SchNetPack writes it", "calculator, keys, data; its own units"
    ),
    "npz": Format(
        (".npz",),
        "arrays as of sGDML (R, z, E, F) and rMD17 (coords, nuclear_charges, energies, forces)",
        "its own units if it says them (e_unit, r_unit); rMD17: kcal/mol",
    ),
    "sdf": Format((".sdf", ".mol"), "MDL molecules, atoms in their order", "numbers among their properties"),
    "vasp-xml": Format(("vasprun.xml",), "run of VASP", "eV and eV/Å"),
    "vasp-out": Format(("outcar",), "run of VASP", "eV and eV/Å"),
    "vasp": Format((".vasp", ".poscar", "poscar", "contcar"), "geometry of VASP", "none"),
    "cif": Format((".cif",), "crystal", "none"),
    "gen": Format((".gen",), "geometry of DFTB+", "none"),
    "proteindatabank": Format((".pdb",), "protein data bank", "none"),
    "xsf": Format((".xsf",), "geometry of XCrySDen", "forces, eV/Å"),
}
"""What is read, by the names that ASE has for it."""


class Frame(NamedTuple):
    """Atoms of ASE, and what else the file says of them by name."""

    atoms: ase.Atoms
    extra: dict[str, Any]


def kind_of(path: Path) -> str | None:
    """The name of a file's format in `FORMATS`, by its ending; None if it is not known."""
    name = path.name.lower()
    return next((kind for kind, known in FORMATS.items() for end in known.endings if name.endswith(end)), None)


def known() -> str:
    """All endings in one phrase."""
    return ", ".join(known.endings[0] for known in FORMATS.values())


def read(path: str | Path, stated: dict[str, str], kind: str | None = None) -> Iterator[Frame]:
    """The frames of a file, one by one; units that it states go into `stated`, by the name of the label.

    Args:
        path: the file.
        stated: is filled.
        kind: of `FORMATS`; None goes by the ending of its name.

    Raises:
        InputError: there is no such file, its kind is not known, or it cannot be read; with the line or the frame.
    """
    path = Path(path)
    name, kind = quoted(str(path)), kind or kind_of(path)
    if not path.is_file():
        raise InputError(f"there is no file {name}")
    if path.suffix.lower() in (".pkl", ".pickle", ".pt", ".pth"):
        raise InputError(
            f"{name} is a pickle, which can run any code when it is read: write its frames as .xyz or .npz"
        )
    if kind is None:
        raise InputError(
            f"{name} is of no kind that is read here, which are {known()}; ASE converts many others: `ase convert FILE "
            "frames.xyz`"
        )
    readers = {"xyz": _xyz, "traj": _traj, "db": _database, "npz": _npz, "sdf": _sdf}
    return readers[kind](path, stated) if kind in readers else _by_ase(path, kind)


# ------------------------------------------------------------------------------------------------ XYZ


def _xyz(path: Path, stated: dict[str, str]) -> Iterator[Frame]:
    name, k = quoted(str(path)), 1
    try:
        for at, text in _split_frames(_text(path)):
            yield _qm9(text, stated) if text[1].startswith("gdb ") else Frame(_extended(text, at), {})
            k += 1
    except Exception as error:  # a file from anywhere may be broken in any way
        raise InputError(f"{name} is not an extended XYZ file: molecule {k}: {_short(error)}") from None
    if k == 1:
        raise InputError(f"{name} holds no molecule")


def _text(path: Path) -> Iterator[str]:
    """The lines of a file in UTF-8, with or without a byte-order mark, or else in Latin-1; it may be compressed."""
    opened = {".xz": lzma.open, ".gz": gzip.open, ".bz2": bz2.open}.get(path.suffix.lower(), open)
    with opened(path, "rb") as file:
        for k, line in enumerate(file):
            line = line.removeprefix(b"\xef\xbb\xbf") if k == 0 else line
            try:
                text = line.decode("utf-8")
            except UnicodeDecodeError:
                if b"\0" in line:
                    raise ValueError(f"line {k + 1} is not text") from None
                text = line.decode("latin-1")
            yield text


def _split_frames(file: Iterator[str]) -> Iterator[tuple[int, list[str]]]:
    """The line at which each frame begins, and its lines; a ValueError if one is cut off or something lies between."""
    line, at = next(file, ""), 1
    while line.strip():
        try:
            n = int(line)
        except ValueError:
            raise ValueError(f"line {at} should be a number of atoms, and is {quoted(line.strip())}") from None
        if n < 1:
            raise ValueError(f"line {at} says that there are {n} atoms")
        frame = [line, *itertools.islice(file, n + 1)]
        if len(frame) < n + 2 or not frame[-1].strip():
            raise ValueError(f"the file ends before the last of the {n} atoms that line {at} promises")
        begins = at
        at += len(frame)
        line = next(file, "")
        if frame[1].startswith("gdb "):  # QM9: frequencies, two SMILES, two InChI
            rest = [line, *itertools.islice(file, 2)]
            at, line = at + len(rest), next(file, "")
        while line.lstrip().startswith("VEC"):  # as ADF writes cells
            frame.append(line)
            at, line = at + 1, next(file, "")
        yield begins, frame
    for extra, text in enumerate(itertools.chain([line], file)):
        if text.strip():
            raise ValueError(f"line {at} is empty, and yet there is more in line {at + extra}")


ISOTOPES = {"D": 2.01410177785, "T": 3.0160492820}
"""Masses in u of hydrogens with a symbol of their own (NIST, atomic weights and isotopic compositions)."""


def _extended(lines: list[str], at: int) -> ase.Atoms:
    """A frame by ASE, once atomic numbers and isotopes are symbols."""
    import ase.io.extxyz

    n, masses = int(lines[0]), {}
    columns = len(lines[2].split())
    for i in range(n):
        words = lines[2 + i].split(None, 1)
        if len(lines[2 + i].split()) != columns:
            where = f"line {at + 2 + i}, atom {i + 1},"
            cut = "; the file seems to be cut off there" if i == n - 1 else ""
            raise ValueError(f"{where} has {len(lines[2 + i].split())} columns and the first atom {columns}{cut}")
        symbol = words[0]
        if symbol.isdecimal() and 0 < int(symbol) < len(SYMBOLS):
            symbol = SYMBOLS[int(symbol)]
        elif symbol in ISOTOPES:
            masses[i], symbol = ISOTOPES[symbol], "H"
        if symbol != words[0] and not _first_is_no_symbol(lines[1]):
            lines[2 + i] = f"{symbol} {words[1]}"
        elif symbol[:1].isalpha() and symbol.capitalize() not in SYMBOLS and not _first_is_no_symbol(lines[1]):
            raise ValueError(
                f"line {at + 2 + i}: {quoted(symbol)} is no element; a symbol such as C, or an atomic number"
            )
    atoms = next(ase.io.extxyz.read_xyz(io.StringIO("".join(lines)), 0))
    if masses:
        found = atoms.get_masses()
        found[list(masses)] = list(masses.values())
        atoms.set_masses(found)
    return atoms


def _first_is_no_symbol(comment: str) -> bool:
    """Whether the comment line says that another column comes first."""
    return "Properties=" in comment and "Properties=species" not in comment.replace('"', "")


QM9 = "A B C mu alpha homo lumo gap r2 zpve U0 U H G Cv".split()
"""What the second line of a file of QM9 (Ramakrishnan et al. (2014)) holds behind its name; energies in Hartree."""


def _qm9(lines: list[str], stated: dict[str, str]) -> Frame:
    """A frame of QM9: tabs, charges in a fifth column, exponents such as 1.2*^-5."""
    import ase

    n = int(lines[0])
    rows = [line.replace("*^", "e").split() for line in lines[2 : 2 + n]]
    atoms = ase.Atoms([row[0] for row in rows], [[float(x) for x in row[1:4]] for row in rows])
    numbers = [float(x) for x in lines[1].replace("*^", "e").split()[2 : 2 + len(QM9)]]
    extra = dict(zip(QM9, numbers, strict=False))
    stated["U0"] = "Hartree"
    return Frame(atoms, extra)


# ------------------------------------------------------------------------------------------------ other kinds


def _traj(path: Path, stated: dict[str, str]) -> Iterator[Frame]:
    from ase.io.trajectory import TrajectoryReader  # not ase.io.read, which would try kinds that unpickle

    name = quoted(str(path))
    try:
        with contextlib.closing(TrajectoryReader(str(path))) as file:
            for k in range(len(file)):
                yield Frame(file[k], {})
    except Exception as error:  # a file from anywhere may be broken in any way
        raise InputError(f"{name} is no trajectory of ASE that can be read: {_short(error)}") from None


def _by_ase(path: Path, kind: str) -> Iterator[Frame]:
    import ase.io

    n = 0
    try:
        for atoms in ase.io.iread(str(path), ":", format=kind):
            n += 1
            yield Frame(atoms, {})
    except Exception as error:  # a file from anywhere may be broken in any way
        raise InputError(f"{quoted(str(path))} cannot be read as {FORMATS[kind].what}: {_short(error)}") from None
    if not n:
        raise InputError(f"{quoted(str(path))} holds no molecule")


def _sdf(path: Path, stated: dict[str, str]) -> Iterator[Frame]:
    """Molecules with three-dimensional geometries, hydrogens included."""
    import ase

    for k, mol in enumerate(read_mols(path), 1):
        if not mol.GetNumConformers() or not mol.GetConformer().Is3D():
            raise InputError(f"{quoted(str(path))}, molecule {k}: it is drawn, and has no geometry in space")
        atoms = ase.Atoms([a.GetAtomicNum() for a in mol.GetAtoms()], mol.GetConformer().GetPositions())
        atoms.info["charge"] = sum(a.GetFormalCharge() for a in mol.GetAtoms())
        extra = {}
        for key, value in mol.GetPropsAsDict().items():
            if isinstance(value, int | float) and not isinstance(value, bool):
                extra[key] = value
        yield Frame(atoms, extra)


def read_mols(path: Path) -> list:
    """The molecules of a .mol or .sdf file, sanitised, atoms in their order; hydrogens that are there stay.

    Raises:
        InputError: there is no such file, or a molecule in it that RDKit cannot read.
    """
    from rdkit import Chem, rdBase

    if not path.is_file():
        raise InputError(f"there is no file {quoted(str(path))}")
    found = []
    with rdBase.BlockLogs():
        supplier = Chem.ForwardSDMolSupplier(io.BytesIO(path.read_bytes()), removeHs=False)
        for k, mol in enumerate(supplier, 1):
            if mol is None:
                raise InputError(f"{quoted(str(path))}, molecule {k}: RDKit cannot read it")
            found.append(mol)
    if not found:
        raise InputError(f"{quoted(str(path))} holds no molecule that RDKit can read")
    return found


_ARRAYS = {
    "numbers": ("z", "nuclear_charges", "atomic_numbers", "numbers"),
    "positions": ("R", "coords", "coordinates", "positions"),
    "energy": ("E", "energies", "energy"),
    "forces": ("F", "forces"),
}
"""The names of arrays in .npz files."""


def _npz(path: Path, stated: dict[str, str]) -> Iterator[Frame]:
    import ase

    name = quoted(str(path))
    try:
        with np.load(path, allow_pickle=False) as file:
            there = {what: next((key for key in keys if key in file.files), None) for what, keys in _ARRAYS.items()}
            for what in ("numbers", "positions"):
                if there[what] is None:
                    raise InputError(
                        f"{name} has no {what}, under the names {', '.join(_ARRAYS[what])}; "
                        f"it has {', '.join(file.files)}"
                    )
            arrays = {what: file[key] for what, key in there.items() if key is not None}
            units = {unit: str(file[unit]) for unit in ("e_unit", "r_unit") if unit in file.files}
    except InputError:
        raise
    except Exception as error:  # a file from anywhere may be broken in any way
        raise InputError(f"{name} is no file of arrays that can be read: {_short(error)}") from None
    if units.get("e_unit"):
        stated["energy"] = units["e_unit"]
    elif there["numbers"] == "nuclear_charges" and there["positions"] == "coords":
        stated["energy"] = "kcal/mol"  # rMD17, which does not say so
    if units.get("r_unit"):
        stated["length"] = units["r_unit"]
    x = arrays["positions"]
    x = x[None] if x.ndim == 2 else x
    numbers = arrays["numbers"]
    numbers = np.tile(numbers, (len(x), 1)) if numbers.ndim == 1 else numbers
    energies = arrays["energy"].reshape(-1) if "energy" in arrays else None
    shapes = x.ndim == 3 and x.shape[2] == 3 and numbers.shape == x.shape[:2]
    shapes = shapes and (energies is None or len(energies) == len(x))
    if not shapes or ("forces" in arrays and arrays["forces"].reshape(-1).size != x.size):
        sizes = ", ".join(f"{there[what]} {list(array.shape)}" for what, array in arrays.items())
        raise InputError(f"{name}: the shapes of its arrays do not belong together: {sizes}")
    forces = arrays["forces"].reshape(x.shape) if "forces" in arrays else None
    for k in range(len(x)):
        real = numbers[k] > 0  # padding, where molecules have several sizes
        extra = {} if energies is None else {"energy": float(energies[k])}
        if forces is not None:
            extra["forces"] = np.asarray(forces[k][real], float)
        yield Frame(ase.Atoms(numbers[k][real].astype(int), x[k][real]), extra)


def _database(path: Path, stated: dict[str, str]) -> Iterator[Frame]:
    """The rows of a database of ASE; what SchNetPack writes of units goes into `stated`."""
    import ase.db

    name, n = quoted(str(path)), 0
    try:
        if path.suffix.lower() == ".db":
            # Looked at first: ASE would make a database of itself out of any other, and of an empty file.
            with contextlib.closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as file:
                if not file.execute("select count(*) from sqlite_master where name = 'systems'").fetchone()[0]:
                    raise ValueError("it has no table of systems")
        with ase.db.connect(str(path), type=path.suffix.lower()[1:], use_lock_file=False) as database:
            metadata = database.metadata or {}
            if "_distance_unit" in metadata:
                stated["length"] = str(metadata["_distance_unit"])
            stated |= {str(key): str(unit) for key, unit in (metadata.get("_property_unit_dict") or {}).items()}
            for row in database.select():
                n += 1
                data = {
                    key: np.asarray(value) for key, value in row.data.items() if isinstance(value, np.ndarray | float)
                }
                yield Frame(row.toatoms(), {**row.key_value_pairs, **data})
    except Exception as error:  # a file from anywhere may be broken in any way
        raise InputError(f"{name} is no database of ASE that can be read: {_short(error)}") from None
    if not n:
        raise InputError(f"{name} holds no molecule")


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:160] or type(error).__name__
