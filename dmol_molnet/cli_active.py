"""The command `active` of `dmol-molnet`."""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path
from typing import Annotated

import typer

from dmol_molnet.cli_common import (
    Calculator,
    CalculatorOptions,
    Reading,
    check_model,
    check_output,
    method_of,
    say_warning,
)
from dmol_molnet.molecules import InputError, Molecule, quoted


def active(
    molecule: Annotated[
        str,
        typer.Argument(
            metavar="MOLECULE",
            help="A SMILES or a geometry, around which the first frames are labelled; or a file with labels, or "
            "acetylacetone[:FILE], to begin with.",
        ),
    ],
    output: Annotated[Path, typer.Option("-o", "--output", help="Where labels go: a file that ends in .xyz.")],
    model: Annotated[Path, typer.Option(help="Where the potential goes: a file that ends in .keras.")],
    labels: Annotated[int, typer.Option(min=1, help="The budget.")] = 200,
    batch: Annotated[int, typer.Option(min=1, help="Labels a round.")] = 20,
    rounds: Annotated[int | None, typer.Option(min=1, help="At most.")] = None,
    minutes: Annotated[float | None, typer.Option(help="No round begins later.")] = None,
    temperature: Annotated[float, typer.Option(help="K, of the dynamics that look for frames.")] = 500.0,
    replicas: Annotated[int, typer.Option(min=1, help="Runs of it a round.")] = 40,
    steps: Annotated[int, typer.Option(min=1, help="Of half a femtosecond, of each run at most.")] = 100,
    turned: Annotated[float, typer.Option(help="The share of runs that begin with a bond turned.")] = 0.5,
    bound: Annotated[
        float | None,
        typer.Option(help="eV/Å; runs stop over this sigma of a force. Ten times that of known frames if not told."),
    ] = None,
    start: Annotated[
        Path | None,
        typer.Option(
            "--from", metavar="MODEL", help="Go on from this potential, trained on MOLECULE; schnet and mace ship."
        ),
    ] = None,
    network: Annotated[str, typer.Option(help="A new one: schnet, tfn, nequip, botnet, ace or mace.")] = "schnet",
    first: Annotated[int, typer.Option(min=1, help="Epochs of training a new one.")] = 100,
    epochs: Annotated[int, typer.Option(min=1, help="Of training in each round.")] = 30,
    learning_rate: Annotated[float, typer.Option(help="Of each round.")] = 0.01,
    pool: Annotated[
        str | None,
        typer.Option(metavar="DATA", help="Pick among these, whose labels are looked at for what is picked alone."),
    ] = None,
    calculator: Calculator = "gfn2",
    calculator_options: CalculatorOptions = "{}",
    seed: Annotated[int, typer.Option(min=0, help="Of everything that is random.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
) -> None:
    """Label where a potential does not know, train it on that, and again.

    In each round, dynamics from known frames, some with a bond turned, runs until a committee is uncertain; the most
    uncertain frames that differ are labelled and trained on. DATA.xyz.rounds.csv tells, by round, the errors on the new
    labels before they were trained on, and what the committee said. After a kill, the same command goes on where it
    was; no label is lost.

    \b
    Examples:
      dmol-molnet active CCO -o ethanol.xyz --model ethanol.keras --labels 300
      dmol-molnet active acetylacetone -o acac.xyz --model acac.keras --from schnet
      dmol-molnet active known.xyz -o more.xyz --model more.keras --calculator ase.calculators.orca:ORCA
      dmol-molnet active acetylacetone -o a.xyz --model a.keras --from schnet --pool acetylacetone:test_600K
    """
    check_output(output, (".xyz", ".extxyz"), "labels")
    check_output(model, (".keras",), "a potential")
    reading = Reading(None, None, None, None, None, False, True)
    known, pooled = _known(molecule, reading, seed), None if pool is None else reading.files(pool, training=True)[None]
    begin = None if start is None else check_model(start)

    from dmol_molnet.nn import start_quietly

    start_quietly()
    from dmol_molnet.active import Calculated, Pool, Search
    from dmol_molnet.active import active as run
    from dmol_molnet.nn.potential import Potential
    from dmol_molnet.nn.training import DivergedError

    search = Search(
        labels, batch, rounds, minutes, temperature, replicas, steps, turned, bound, first, epochs, learning_rate
    )
    source = Calculated(method_of(calculator, calculator_options)) if pooled is None else Pool(pooled)
    settings = (known, output, model, source, search, None if begin is None else lambda: Potential.load(begin))
    try:
        with warnings.catch_warnings():
            warnings.showwarning = say_warning
            if sys.stderr.isatty() and not as_json:
                with typer.progressbar(length=labels, file=sys.stderr) as bar:

                    def progress(what, done, of):
                        bar.label = what
                        bar.update(done - bar.pos)

                    found = run(*settings, network, seed, progress)
            else:
                found = run(*settings, network, seed)
    except DivergedError as error:
        raise InputError(str(error)) from None
    if as_json:
        rows = [row._asdict() for row in found]
        print(json.dumps({"output": str(output), "model": str(model), "rounds": rows}))
        return
    print("Errors on new labels before they are trained on, root mean square: energies in meV, forces in meV/Å.\n")
    print("round  labels  energy  its sigma  forces  their sigma  seconds")
    for row in found:
        e, f, se, sf = (1000 * x for x in row[3:7])
        print(f"{row.number:>5}  {row.labels:>6}  {e:>6.1f}  {se:>9.1f}  {f:>6.1f}  {sf:>11.1f}  {row.seconds:>7.0f}")
    print(f"\n{output}: all labels; {model}: trained on them; {output}.rounds.csv: this table")


def _known(text: str, reading: Reading, seed: int) -> list[Molecule]:
    """Labelled molecules; or one without labels."""
    from dmol_molnet import datasets

    if Path(text).is_file() or text.partition(":")[0] in datasets.NAMES:
        found = reading.files(text, training=True)[None]
        if not found:
            raise InputError(f"{quoted(text)} holds no molecule")
        return found if any(m.energy is not None for m in found) else found[:1]
    return [Molecule.from_smiles(text).embed(seed)]
