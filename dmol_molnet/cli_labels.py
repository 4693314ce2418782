"""The command `label` of `dmol-molnet`."""

from __future__ import annotations

import itertools
import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from dmol_molnet.cli_common import Calculator, CalculatorOptions, check_output, method_of
from dmol_molnet.molecules import InputError, Molecule, quoted


def label(
    molecules: Annotated[
        str,
        typer.Argument(
            metavar="MOLECULES",
            help="A SMILES; a file of them, one a line (.smi); a file of geometries (`dmol-molnet formats` lists the "
            "kinds); or organic: molecules of H, C, N and O, made up.",
        ),
    ],
    output: Annotated[Path, typer.Option("-o", "--output", help="Where: a file that ends in .xyz.")],
    count: Annotated[int, typer.Option(min=1, help="How many molecules, of organic.")] = 100,
    heavy_atoms: Annotated[int, typer.Option(min=1, help="At most, of organic.")] = 8,
    conformers: Annotated[int, typer.Option(min=1, help="Of a SMILES, each relaxed.")] = 1,
    temperatures: Annotated[str, typer.Option(help="K, with commas between; of the frames around a minimum.")] = (
        "300,600,1000"
    ),
    displaced: Annotated[int, typer.Option(min=0, help="Frames along normal modes, at each temperature.")] = 2,
    moved: Annotated[int, typer.Option(min=0, help="Frames of Langevin dynamics, at each temperature.")] = 1,
    as_given: Annotated[
        bool, typer.Option("--as-given", help="Label geometries where they are, and no frames around them.")
    ] = False,
    calculator: Calculator = "gfn2",
    calculator_options: CalculatorOptions = "{}",
    seed: Annotated[int, typer.Option(min=0, help="Of everything that is random.")] = 0,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes here; one a core if not told.")] = None,
    scheduler: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Of Dask, such as tcp://node7:8786: its workers do the work.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
) -> None:
    """Label frames of molecules with energies, forces and dipoles, in parallel.

    Each molecule is relaxed; its minimum and frames around it are labelled by GFN2-xTB, or by another calculator. The
    same seed gives the same file, on however many workers. After a kill, the same command goes on where it was. What
    gives no frames is listed with the reason in DATA.xyz.failed.csv.

    \b
    Examples:
      dmol-molnet label CCO -o ethanol.xyz --conformers 3 --moved 20
      dmol-molnet label drugs.smi -o drugs.xyz --temperatures 300,1000
      dmol-molnet label organic -o organic.xyz --count 3500
      dmol-molnet label organic -o organic.xyz --count 100000 --scheduler tcp://node7:8786
      dmol-molnet label frames.xyz -o labelled.xyz --as-given
      dmol-molnet label start.xyz -o start-gfn1.xyz --calculator-options '{"method": "GFN1-xTB"}'
    """
    check_output(output, (".xyz", ".extxyz"), "labels")
    from dmol_molnet.labels.frames import Plan
    from dmol_molnet.labels.work import label as run

    method = method_of(calculator, calculator_options)
    plan = Plan(conformers, _numbers(temperatures), displaced, moved, as_given=as_given)
    wanted = _molecules(molecules, count, heavy_atoms, seed)
    if sys.stderr.isatty():
        with typer.progressbar(length=len(wanted), label="labelling", file=sys.stderr) as bar:

            def progress(done, failed, of):
                bar.label = f"labelling ({failed} failed)" if failed else "labelling"
                bar.update(done - bar.pos)

            found = run(wanted, output, plan, method, seed, workers, scheduler, progress)
    else:
        found = run(wanted, output, plan, method, seed, workers, scheduler)
    if as_json:
        counts = {"molecules": found.molecules, "frames": found.frames, "failed": len(found.failed)}
        print(json.dumps({"output": str(output), **counts, "seconds": found.seconds}))
        return
    of = f"{found.molecules:,} molecule{'' if found.molecules == 1 else 's'}"
    print(f"{output}: {found.frames:,} frames of {of}, {found.seconds:.0f} s of computation")
    if found.failed:
        print(f"{len(found.failed):,} gave none, as {output}.failed.csv says; such as {': '.join(found.failed[0])}")


def _molecules(text: str, count: int, heavy_atoms: int, seed: int) -> list[str | Molecule]:
    """SMILES that are molecules, or molecules with positions."""
    path = Path(text)
    if not path.is_file():
        if text == "organic":
            from dmol_molnet.labels.enumeration import constitutions

            found = list(itertools.islice(constitutions(heavy_atoms, seed), count))
            if len(found) < count:
                raise InputError(f"there are {len(found)} molecules of at most {heavy_atoms} heavy atoms, not {count}")
            return found
        Molecule.from_smiles(text)
        return [text]
    if path.suffix.lower() in (".smi", ".smiles"):
        found = []
        for n, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if words := line.split():
                try:
                    Molecule.from_smiles(words[0])
                except InputError as error:
                    raise InputError(f"{quoted(text)}, line {n}: {error}") from None
                found.append(words[0])
        if not found:
            raise InputError(f"{quoted(text)} holds no SMILES")
        return found
    from dmol_molnet.formats import read_frames

    return [Molecule.from_ase(atoms) for atoms in read_frames(path)]


def _numbers(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(word) for word in text.split(",") if word.strip())
    except ValueError:
        raise InputError(
            f"--temperatures are numbers with commas between, such as 300,600, not {quoted(text)}"
        ) from None
