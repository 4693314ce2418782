"""The command line: `dmol-molnet …`, or `python -m dmol_molnet …`.

Exit code 0: done.  2: wrong use or bad input, with one line on standard error.
"""

import importlib.metadata
import json
import platform
import shutil
import sys
from pathlib import Path
from typing import Annotated

import typer
from packaging.requirements import Requirement

import dmol_molnet
from dmol_molnet.molecules import InputError, Molecule, quoted

app = typer.Typer(
    name="dmol-molnet",
    help="Modern molecular neural networks: the commands that go with the book.",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; wrong use and bad input end in one line and exit code 2."""
    code = 2
    try:
        code = app((sys.argv[1:] if arguments is None else arguments) or ["--help"], standalone_mode=False)
    except typer.Abort:
        code = 130
    except Exception as error:
        # Typer's usage errors are click's, which it carries under a name that changes from version to version.
        message = error.format_message() if hasattr(error, "format_message") else str(error)
        if not hasattr(error, "format_message") and not isinstance(error, InputError | OSError):
            raise
        print(f"dmol-molnet: {' '.join(message.split())}", file=sys.stderr)
    sys.exit(code)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(dmol_molnet.__version__)
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[bool, typer.Option("--version", help="Print the version.", callback=_print_version)] = False,
) -> None:
    pass


@app.command()
def wl(
    a: Annotated[str, typer.Argument(metavar="A", help="A SMILES, or a file with one: .smi, .mol or .sdf.")],
    b: Annotated[str, typer.Argument(metavar="B", help="Another.")],
    k: Annotated[int, typer.Option(help="1 colours atoms; 2 and 3 colour pairs and triples of atoms.")] = 1,
    variant: Annotated[str, typer.Option(help="Which 2- or 3-WL: folklore or oblivious.")] = "folklore",
    hydrogens: Annotated[bool, typer.Option("--hydrogens", help="Make every hydrogen an atom.")] = False,
    bond_orders: Annotated[
        bool, typer.Option("--bond-orders", help="See neighbours through their bond orders.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
) -> None:
    """Say whether Weisfeiler-Leman tells two molecules apart.

    \b
    Examples:
      dmol-molnet wl CCO COC
      dmol-molnet wl C1CCC2CCCCC2C1 "C1CCC(C1)C2CCCC2" --hydrogens
      dmol-molnet wl C1CCC2CCCCC2C1 "C1CCC(C1)C2CCCC2" --k 2 --json
    """
    from dmol_molnet import wl

    first, second = (_molecule(text, hydrogens) for text in (a, b))
    found = wl.compare(first, second, k=k, variant=variant, edge_label="order" if bond_orders else None)
    if as_json:
        answer = {"distinguished": found.distinguished, "round": found.round, "k": found.k, "variant": found.variant}
        print(json.dumps(answer))
    else:
        print(f"{first.formula} and {second.formula}: {found}")


@app.command()
def doctor() -> None:
    """Say what is installed, and how to get what is missing.

    \b
    Example:
      dmol-molnet doctor
    """
    print(f"dmol-molnet {dmol_molnet.__version__} on Python {platform.python_version()}, {platform.platform()}")
    lacking = []
    try:
        needed = importlib.metadata.requires("dmol-molnet") or []
    except importlib.metadata.PackageNotFoundError:
        raise InputError(
            "the package is here but not installed; install it with pip to have its needs checked"
        ) from None
    for line in needed:
        requirement = Requirement(line)
        extra = next((extra for extra in _EXTRAS if _wanted(requirement, extra)), None)
        if extra is None and requirement.marker and not requirement.marker.evaluate():
            continue  # the book's own tools, or another platform's
        try:
            version = importlib.metadata.version(requirement.name)
        except importlib.metadata.PackageNotFoundError:
            version = None
        if version is None:
            state = f"missing{f'; for {_EXTRAS[extra]}' if extra else ''}: {_install(requirement)}"
            lacking += [] if extra else [requirement.name]
        elif not requirement.specifier.contains(version, prereleases=True):
            state = f"{version}, but {requirement.specifier} is needed: {_install(requirement)}"
            lacking.append(requirement.name)
        else:
            state = version
        print(f"  {requirement.name:<12} {state}")
    print(
        f"  {'ffmpeg':<12} {shutil.which('ffmpeg') or 'not on the path; imageio-ffmpeg, with moviepy, brings its own'}"
    )
    if lacking:
        raise InputError(f"{', '.join(lacking)} must be installed or renewed before everything here works")
    print("Everything that the package needs is there.")


def _install(requirement: Requirement) -> str:
    return f"pip install '{requirement.name}{requirement.specifier}'"


_EXTRAS = {"anim": "animations", "data": "making the data anew"}


def _wanted(requirement: Requirement, extra: str) -> bool:
    """Whether the requirement belongs to this extra alone."""
    marker = requirement.marker
    return marker is not None and not marker.evaluate({"extra": ""}) and marker.evaluate({"extra": extra})


def _molecule(text: str, hydrogens: bool) -> Molecule:
    """A molecule from a SMILES or from a file that holds one."""
    from rdkit import Chem, rdBase

    path = Path(text)
    kind = path.suffix.lower()
    if kind not in (".smi", ".mol", ".sdf"):
        return Molecule.from_smiles(text, hydrogens)
    if not path.is_file():
        raise InputError(f"there is no file {quoted(text)}")
    if kind == ".smi":
        words = path.read_text(encoding="utf-8-sig", errors="replace").split()
        if not words:
            raise InputError(f"{quoted(text)} is empty; a .smi file starts with a SMILES")
        return Molecule.from_smiles(words[0], hydrogens)
    with rdBase.BlockLogs():
        block = path.read_text(encoding="utf-8", errors="replace").partition("$$$$")[0]
        mol = Chem.MolFromMolBlock(block)  # the first molecule of an .sdf is a .mol
    if mol is None:
        raise InputError(f"{quoted(text)} holds no molecule that RDKit can read")
    return Molecule.from_smiles(Chem.MolToSmiles(mol), hydrogens)
