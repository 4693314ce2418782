"""Frames of XYZ files from anybody's program, as atoms of ASE.

A frame is a line with the number n of atoms, a comment, and n lines of an element and three coordinates.  Around that,
programs differ, and all of these are read:

    extended XYZ        the comment has `key=value` pairs, and names the columns by `Properties=`
    raw QM9             the comment has 17 entries, and frequencies, SMILES and InChI follow the atoms
    ORCA, xTB, CREST    the comment holds the energy, in Hartree
    elements            symbols in any case, atomic numbers, D and T; exponents as 1.0*^-6 and 1.0D-6
    encodings           UTF-8 with and without a byte-order mark, UTF-16, and Latin-1 where it is no UTF-8

Sources: Ramakrishnan et al. (2014) for QM9, `ramakrishnan2014quantum`; the format `extxyz` of ASE.
"""

from __future__ import annotations

import io
import itertools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    import ase

ISOTOPES = {"D": ("H", 2.01410177812), "T": ("H", 3.0160492779)}
"""Symbols of isotopes: the element's, and the mass in u (AME 2016)."""

QM9_NAMES = "A B C mu alpha homo lumo gap r2 zpve U0 U H G Cv".split()
"""What the comment of a raw QM9 file lists after `gdb` and the molecule's number."""

_NUMBER = r"[-+]?\d+\.\d+(?:[eEdD][-+]?\d+)?"
_ENERGIES = (
    re.compile(rf"Coordinates from ORCA-job.*\sE\s+({_NUMBER})\s*"),
    re.compile(rf"\s*energy:\s*({_NUMBER})\s+gnorm:.*"),
    re.compile(
        r"\s*(-\d+\.\d{3,})(?:\s+!.*)?\s*"
    ),  # the sign and the digits tell it from a time or a number of a frame
)
_EXPONENT = re.compile(r"(?<=[\d.])(?:\*\^|[dD])(?=[-+]?\d)")


@dataclass
class Told:
    """What a file says of itself beside its molecules.

    Attributes:
        units: by name of a label; of positions under "length".
        keys: the names of labels by kind, "energy" or "forces", where the format itself settles them.
        notes: what a user should know, a sentence each.
    """

    units: dict[str, str] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def note(self, text: str) -> None:
        """Add a sentence, unless it is there."""
        if text not in self.notes:
            self.notes.append(text)


def text_lines(file: BinaryIO) -> Iterator[str]:
    """The lines of a text in whatever encoding it is, without their ends."""
    start = file.read(4)
    if start[:2] in (b"\xff\xfe", b"\xfe\xff") and len(start) == 4 and start.count(b"\0") in (1, 2):
        text = (start + file.read()).decode("utf-16")
        yield from text.splitlines()
        return
    first = (start.removeprefix(b"\xef\xbb\xbf") + file.readline()) if start else b""
    for raw in itertools.chain([first] if first else [], file):
        try:
            text = raw.decode("utf-8")
        except UnicodeDecodeError:
            text = raw.decode("latin-1")
        yield from text.replace("\r\n", "\n").replace("\r", "\n").removesuffix("\n").split("\n")


def frames(lines: Iterable[str], told: Told | None = None) -> Iterator[ase.Atoms]:
    """The frames of a file, one by one; every line must belong to one.

    Args:
        lines: without their ends.
        told: is told the units of labels, and what else there is to know.

    Raises:
        ValueError: a line that cannot be right, by its number; a file that ends inside a molecule.
    """
    told = Told() if told is None else told
    numbered = enumerate(lines, 1)
    at, line = next(numbered, (1, ""))
    k = 0
    while line.strip():
        k += 1
        n = _count(line, at)
        rows = list(itertools.islice(numbered, n + 1))
        if not rows:
            raise ValueError(
                f"the file ends inside molecule {k}: the file ends before the last of the {n} atoms that line {at} "
                "promises"
            )
        comment, atoms = rows[0][1], rows[1:]
        while atoms and not atoms[-1][1].strip():
            atoms.pop()
        if len(atoms) < n and len(rows) == n + 1:
            empty = atoms[-1][0] + 1 if atoms else at + 2
            rest = next((number for number, text in numbered if text.strip()), None)
            if rest is not None:
                raise ValueError(f"line {empty} is empty, where an atom of the {n} of molecule {k} should be")
        if len(atoms) < n:
            raise ValueError(
                f"the file ends inside molecule {k}: the file ends before the last of the {n} atoms that line {at} "
                f"promises; {len(atoms)} are there"
            )
        at, line = next(numbered, (atoms[-1][0] + 1, ""))
        cell = []
        while line.lstrip().startswith("VEC"):  # as ADF writes cells
            cell.append(line)
            at, line = next(numbered, (at + 1, ""))
        qm9 = _qm9(comment)
        if qm9 is not None:
            told.units["U0"] = "Hartree"
            told.keys["energy"] = "U0"
            comment = " ".join(f"{name}={value}" for name, value in qm9.items())
            for _ in range(3):  # frequencies, SMILES, InChI; of a file cut here, the molecule is whole
                if line.strip() and not (_is_count(line) and len(line.split()) == 1):
                    at, line = next(numbered, (at + 1, ""))
        elif "=" not in comment:
            comment = _bare_energy(comment, told)
        last = not line.strip()
        yield _atoms(n, comment, atoms, cell, k, last, told)
    for number, text in itertools.chain([(at, line)], numbered):
        if text.strip():
            raise ValueError(f"line {at} is empty, and yet there is more in line {number}")


def _is_count(line: str) -> bool:
    return line.strip().isdecimal()


def _count(line: str, at: int) -> int:
    """The number of atoms that a line promises."""
    try:
        n = int(line)
    except ValueError:
        raise ValueError(f"line {at} should be a number of atoms, and is {line.strip()[:40]!a}") from None
    if n < 1:
        raise ValueError(f"line {at} says that there are {n} atoms")
    return n


def _qm9(comment: str) -> dict[str, float] | None:
    """The properties in the comment of a raw QM9 file; None if it is none."""
    words = comment.split()
    if len(words) != 2 + len(QM9_NAMES) or words[0] != "gdb" or not words[1].isdecimal():
        return None
    try:
        values = [float(_EXPONENT.sub("e", word)) for word in words[2:]]
    except ValueError:
        return None
    return {"gdb": int(words[1]), **dict(zip(QM9_NAMES, values, strict=True))}


def _bare_energy(comment: str, told: Told) -> str:
    """The comment as extended XYZ, if it holds an energy as quantum chemistry's programs write it."""
    for kind, pattern in enumerate(_ENERGIES):
        found = pattern.fullmatch(comment)
        if found:
            told.units["energy"] = "Hartree"
            if kind == 2:
                told.note(
                    "the comments are bare numbers, which are read as energies in Hartree, as ORCA and CREST write "
                    "them; if they are not, --energy-unit tells another unit"
                )
            return f"energy={_EXPONENT.sub('e', found[1])}"
    return comment


def _atoms(n: int, comment: str, rows: list[tuple[int, str]], cell: list[str], k: int, last: bool, told: Told):
    """The frame as ASE understands it, after its elements and numbers are written as ASE knows them."""
    import ase.io.extxyz

    names, kinds, where = _columns(comment)
    lines, masses = [], {}
    for row, (number, text) in enumerate(rows):
        words = text.split()
        if len(words) < len(kinds):
            if last and row == n - 1:
                raise ValueError(
                    f"the file ends inside molecule {k}: line {number}, atom {row + 1}, has {len(words)} columns of "
                    f"{len(kinds)}; the file seems to be cut off there"
                )
            raise ValueError(
                f"line {number}, atom {row + 1}, has {len(words)} columns, and should have {len(kinds)}: {names}"
            )
        if where is not None:
            symbol, mass = _element(words[where], number)
            if mass is not None:
                masses[row] = mass
            if symbol != words[where] or "*^" in text or "d" in text.lower():
                words = [
                    symbol if c == where else _EXPONENT.sub("e", word) if c >= len(kinds) or kinds[c] == "R" else word
                    for c, word in enumerate(words)
                ]
                text = " ".join(words)
        lines.append(text)
    if "Properties" not in comment and len(rows[0][1].split()) >= 7:
        told.note(
            "the columns after the coordinates have no names, and are not read; name them in the comment, such as "
            "Properties=species:S:1:pos:R:3:forces:R:3"
        )
    try:
        text = "\n".join([str(n), comment, *lines, *cell]) + "\n"
        atoms = next(ase.io.extxyz.read_xyz(io.StringIO(text), 0))
    except Exception as error:  # a file from anywhere may be broken in any way
        raise ValueError(_fault(rows, kinds) or str(error) or type(error).__name__) from None
    if masses and "masses" not in atoms.arrays:
        known = atoms.get_masses()
        for row, mass in masses.items():
            known[row] = mass
        atoms.set_masses(known)
    return atoms


_PROPERTIES = re.compile(r"""Properties\s*=\s*(?:"([^"]*)"|'([^']*)'|(\S+))""")


def _columns(comment: str) -> tuple[str, str, int | None]:
    """The columns as a format of words, the kind of each (R, I, S or L), and which has the element, if one has."""
    found = _PROPERTIES.search(comment)
    names = next(filter(None, found.groups()), "") if found else "species:S:1:pos:R:3"
    fields = names.split(":")
    kinds, where = "", None
    for name, kind, times in zip(fields[::3], fields[1::3], fields[2::3], strict=False):
        if not times.isdecimal():
            return names, "", None  # ASE says what is wrong with it
        if name in ("species", "symbols") and where is None:
            where = len(kinds)
        kinds += kind * int(times)
    return names, kinds, where


def _element(word: str, number: int) -> tuple[str, float | None]:
    """The symbol of an element, however it is written; and its mass (u) where the symbol is an isotope's."""
    from ase.data import atomic_numbers, chemical_symbols

    if word in atomic_numbers and word != "X":
        return word, None
    if word.upper() in ISOTOPES:
        return ISOTOPES[word.upper()]
    if word.isdecimal() and 1 <= int(word) < len(chemical_symbols):
        return chemical_symbols[int(word)], None
    if word.capitalize() in atomic_numbers and word.capitalize() != "X":
        return word.capitalize(), None
    raise ValueError(
        f"line {number}: {word[:40]!a} is no element; a symbol such as C, or an atomic number, would be right"
    )


def _fault(rows: list[tuple[int, str]], kinds: str) -> str | None:
    """The first entry that is no number where one should be."""
    for number, text in rows:
        for word, kind in zip(text.split(), kinds, strict=False):
            if kind in "RI":
                try:
                    float(_EXPONENT.sub("e", word))
                except ValueError:
                    return f"line {number}: {word[:40]!a} should be a number"
    return None
