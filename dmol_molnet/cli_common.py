"""What several commands share: options, reading of labels and potentials, and where output may go.

Bad input is told before TensorFlow starts, where it can be; nothing is written but whole files.
"""

from __future__ import annotations

import json
import os
import sys
import zipfile
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from dmol_molnet.molecules import InputError, Molecule, quoted
from dmol_molnet.nn import pretrained

EnergyKey = Annotated[str | None, typer.Option("--energy-key", help="The name of the energy in the file.")]
ForcesKey = Annotated[str | None, typer.Option("--forces-key", help="The name of the forces in the file.")]
EnergyUnit = Annotated[
    str | None,
    typer.Option("--energy-unit", help="Of the file: eV (if not told), meV, Hartree, Rydberg, kcal/mol, kJ/mol."),
]
LengthUnit = Annotated[str | None, typer.Option("--length-unit", help="Of its positions: Å (if not told), Bohr, nm.")]
ForceUnit = Annotated[
    str | None,
    typer.Option("--force-unit", help="Such as Hartree/Bohr; if not told, the energy's unit over that of length."),
]
Gradients = Annotated[bool, typer.Option("--gradients", help="The file's forces are derivatives: turn their sign.")]
NoCheck = Annotated[
    bool, typer.Option("--no-check", help="Do not compare labels to find wrong units, nor charges of one composition.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
Calculator = Annotated[
    str, typer.Option(help="gfn2, or the module and class of one of ASE, as ase.calculators.emt:EMT.")
]
CalculatorOptions = Annotated[
    str, typer.Option("--calculator-options", help='A JSON object, such as \'{"method": "GFN1-xTB"}\'.')
]


class Reading(NamedTuple):
    """How to read labels, and what was read."""

    energy_key: str | None
    forces_key: str | None
    energy_unit: str | None
    length_unit: str | None
    force_unit: str | None
    gradients: bool
    check: bool

    def files(self, data: str, training: bool = False) -> dict[str | None, list[Molecule]]:
        """The molecules of a file, under None; or those of a data set by file; what looks wrong goes to stderr."""
        from dmol_molnet import datasets
        from dmol_molnet.files import read_molecules

        name, _, file = data.partition(":")
        if name in datasets.NAMES and not Path(data).exists():
            if any(option for option in self[:6]):
                raise InputError(f"the names and units of labels in {name} are known; leave these options out")
            found = datasets.load(name)
            if file:
                return {None: found[file]}
            return {None: found.train} if training else {test: found[test] for test in found.tests}
        if not Path(data).is_file():
            raise InputError(
                f"there is no file {quoted(data)}, and no data set of that name: {', '.join(datasets.NAMES)}"
            )
        read = read_molecules(data, *self)
        for suspicion in read.suspicions:
            print(f"dmol-molnet: warning: {quoted(data)}: {suspicion}", file=sys.stderr)
        return {None: read.molecules}

    def hint(self, data: str) -> str:
        """What to do about labels that were not found."""
        from dmol_molnet import datasets

        if data.partition(":")[0] in datasets.NAMES:
            return ""
        return "; name the file's by --energy-key or --forces-key, if it has them"


def check_model(path: Path) -> Path:
    """Where a potential is that is named by its file or as it ships; what is certainly none is refused at once."""
    if not path.is_file():
        if str(path) in pretrained.COMMANDS:
            return pretrained.file(str(path))
        names = ", ".join(sorted(pretrained.COMMANDS))
        raise InputError(f"there is no file {quoted(str(path))}, and no potential of that name: {names}")
    try:
        with zipfile.ZipFile(path) as archive:
            config = json.loads(archive.read("config.json"))
        known = isinstance(config, dict) and config.get("registered_name") == "dmol_molnet>Potential"
    except Exception as error:  # a file from anywhere may be broken in any way
        raise InputError(f"{quoted(str(path))} is no potential that can be read: {quoted(str(error))}") from None
    if not known:
        raise InputError(f"{quoted(str(path))} holds no potential; `dmol-molnet train` writes such files")
    return path


def check_output(path: Path, endings: tuple[str, ...], what: str) -> None:
    """Refuse a file that could not be written in the end."""
    if endings and path.suffix.lower() not in endings:
        raise InputError(f"{what} is written into a file that ends in {' or '.join(endings)}, not {quoted(str(path))}")
    if not path.absolute().parent.is_dir():
        raise InputError(f"there is no folder {quoted(str(path.parent))}")
    if path.is_dir():
        raise InputError(f"{quoted(str(path))} is a folder; name a file in it")
    if not os.access(path if path.exists() else path.absolute().parent, os.W_OK):
        raise InputError(f"{quoted(str(path))} cannot be written: permission denied")


def say_warning(message, category, filename, lineno, file=None, line=None) -> None:
    """A `warnings.showwarning` that says it in one line."""
    print(f"{chr(10) if sys.stderr.isatty() else ''}dmol-molnet: warning: {message}", file=sys.stderr)


def method_of(calculator: str, options: str):
    """Who labels, as --calculator and --calculator-options say.

    Raises:
        InputError: the options are no JSON object.
    """
    from dmol_molnet.labels.calculators import Method

    try:
        found = json.loads(options)
    except json.JSONDecodeError as error:
        raise InputError(f"--calculator-options is a JSON object, not {quoted(options)}: {error}") from None
    if not isinstance(found, dict):
        raise InputError(f"--calculator-options is a JSON object, not {quoted(options)}")
    return Method(calculator, found)
