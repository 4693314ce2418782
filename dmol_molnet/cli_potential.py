"""The commands `train`, `evaluate`, `relax`, `md`, `vibrations` and `live` of `dmol-molnet`.

Bad input is told before TensorFlow starts, where it can be; nothing is written but whole files.
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import warnings
import zipfile
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from dmol_molnet.files import write_whole
from dmol_molnet.molecules import SYMBOLS, InputError, Molecule, quoted
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
Model = Annotated[
    Path,
    typer.Argument(
        metavar="MODEL", help="A potential that `train` has written, .keras; or schnet or mace, which ship."
    ),
]
Start = Annotated[
    str,
    typer.Argument(
        metavar="MOLECULE",
        help="A SMILES; or a file (its last molecule): .xyz, .traj, .sdf, .pdb, … `dmol-molnet formats` lists them.",
    ),
]
Bound = Annotated[
    float | None,
    typer.Option(help="eV/Å; how large the standard deviation of a force may be, by a committee (train --members)."),
]
OnBound = Annotated[str, typer.Option(help="Over the bound: stop, or warn and go on.")]
Uncertain = Annotated[Path | None, typer.Option(help="Write frames over the bound into this file, to label: .xyz.")]
Output = typer.Option("-o", "--output", help="Where: a file that ends in .xyz.")

MANY = 20
"""From so many compositions on, what is held out are whole ones: on frames of molecules trained on, errors flatter."""

ALONE = 6.0
"""Å; an atom in a cell that has an image within it is no free atom."""

LAUNCHED, LOST, NOTICE = "DMOL_MOLNET_LAUNCHED", 75, 10.0
"""The variable by which those whom `--workers` starts know the process that did, with which exit code they end where
another is gone, and how many seconds they have to notice that."""

BEYOND = 1.5
"""Seconds of `--minutes` that are kept for the start of Python and for saving."""


def train(
    data: Annotated[
        str,
        typer.Argument(
            metavar="DATA",
            help="A file (.xyz, .db, .npz, .traj, …: `dmol-molnet formats` lists them), or acetylacetone or "
            "acetylacetone-dft[:FILE].",
        ),
    ],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Where: a file that ends in .keras; DATA.keras if left out.")
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="Which network: schnet (if not told), tfn, nequip, botnet, ace or mace.")
    ] = None,
    minutes: Annotated[
        float | None, typer.Option(help="How long, all in all; 10 if neither this nor --epochs is told.")
    ] = None,
    epochs: Annotated[
        int | None,
        typer.Option(min=0, help="How many rounds over the data, instead or at most; with --from, 0 trains nothing."),
    ] = None,
    validation: Annotated[
        str,
        typer.Option(
            help=f"The share of DATA to validate on, such as 0.1 (0 for none), or more data. Of {MANY} compositions or "
            "more, whole ones are held out."
        ),
    ] = "0.1",
    batch_size: Annotated[int | None, typer.Option(min=1, help="Molecules a step; 5 if not told.")] = None,
    channels: Annotated[int | None, typer.Option(min=2, help="Features of an atom; each model has its own.")] = None,
    layers: Annotated[int | None, typer.Option(min=1, help="How many interactions.")] = None,
    cutoff: Annotated[float | None, typer.Option(help="How far atoms see each other, Å.")] = None,
    members: Annotated[
        int | None, typer.Option(min=1, help="Readouts of a committee, which knows its uncertainty; 8 are many.")
    ] = None,
    learning_rate: Annotated[
        float | None,
        typer.Option(help="Of Adam, at the beginning; 0.02 if not told, and 0.005 with --from and nothing frozen."),
    ] = None,
    force_weight: Annotated[
        float | None, typer.Option(min=0, help="Of forces in the loss; 10 if not told, and 0 needs none.")
    ] = None,
    reference_energies: Annotated[
        str | None,
        typer.Option(
            metavar="FILE|average|kept|H=-13.6,…",
            help="Of the elements: a file of free atoms, least squares, or eV by element; if not told, those of the "
            "free atoms in DATA, and least squares without any.  With --from, least squares of what MODEL leaves, if "
            "not told; kept for those of MODEL.",
        ),
    ] = None,
    start: Annotated[
        Path | None,
        typer.Option(
            "--from", metavar="MODEL", help="Fine-tune this potential: a file; or schnet or mace, as shipped."
        ),
    ] = None,
    freeze: Annotated[
        str | None, typer.Option(help="With --from: trunk, to train the readouts alone; none if not told.")
    ] = None,
    replay: Annotated[
        str | None,
        typer.Option(metavar="DATA", help="With --from: old labels to mix in, so that they are not forgotten."),
    ] = None,
    replay_share: Annotated[
        float | None, typer.Option(help="How much of each epoch is replayed; 0.5 if not told.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of first weights, of what is held out, of the order.")] = 0,
    checkpoint: Annotated[
        Path | None,
        typer.Option(help="Written while it runs, removed at the end; MODEL.checkpoint.npz if left out."),
    ] = None,
    history: Annotated[
        Path | None, typer.Option(help="Write the errors of every epoch into this file: .json or .csv.")
    ] = None,
    energy_key: EnergyKey = None,
    forces_key: ForcesKey = None,
    energy_unit: EnergyUnit = None,
    length_unit: LengthUnit = None,
    force_unit: ForceUnit = None,
    gradients: Gradients = False,
    no_check: NoCheck = False,
    workers: Annotated[
        int | None,
        typer.Option(
            min=1, help="Processes on this machine that share each step; 1 if not told and without TF_CONFIG."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Train a potential on molecules with energies and forces.

    After a kill, the same command goes on where it was, with more --minutes or --epochs too.  Energies are read as eV,
    lengths as Å, unless told otherwise.  A model that is replaced is kept as MODEL.previous.keras.

    With --from, a trained potential learns another molecule, or another method, from few labels.  Its reference
    energies are fitted to the new labels, its network is trained further, a committee's members are drawn anew.

    \b
    Examples:
      dmol-molnet train acetylacetone -o acac.keras --minutes 3
      dmol-molnet train acetylacetone -o mace.keras --model mace --channels 16 --minutes 20
      dmol-molnet train ethanol.xyz -o ethanol.keras --energy-unit kcal/mol
      dmol-molnet train propanol.xyz -o propanol.keras --from ethanol.keras --replay ethanol.xyz
      dmol-molnet train ethanol-dft.xyz -o dft.keras --from ethanol.keras --freeze trunk --minutes 2
      dmol-molnet train ethanol.xyz -o committee.keras --from ethanol.keras --members 8 --epochs 0
      dmol-molnet train ethanol.xyz -o ethanol.keras --reference-energies H=-13.6,C=-1027.1,O=-2041.8
      dmol-molnet train ethanol.xyz -o committee.keras --members 8
      dmol-molnet train many.xyz -o many.keras --model mace --batch-size 64 --workers 4
      dmol-molnet train many.db -o many.keras --energy-key U0 --validation held-out.xyz --history many.csv
    """
    from dmol_molnet.nn import workers as processes

    addresses, rank = processes.configured()
    if workers is not None and addresses and workers != len(addresses):
        raise InputError(f"--workers {workers}, but TF_CONFIG names {len(addresses)}: leave one of them out")
    if workers is not None and workers > 1 and not addresses:
        return _launch(workers)
    began, first = time.monotonic() - BEYOND, rank == 0
    if not first:  # the first worker speaks for all
        warnings.simplefilter("ignore")
    if LAUNCHED in os.environ:
        _follow(int(os.environ[LAUNCHED]))
    output = Path(Path(data).name.partition(".")[0].replace(":", "-") + ".keras") if output is None else output
    checkpoint = output.with_name(output.name + ".checkpoint.npz") if checkpoint is None else checkpoint
    if first:  # who writes
        check_output(output, (".keras",), "a potential")
        if history is not None:
            check_output(history, (".json", ".csv"), "a history")
        check_output(checkpoint, (), "a checkpoint")
    if minutes is not None and not 0 < minutes < float("inf"):
        raise InputError(f"--minutes is a positive number, not {minutes:g}")
    if minutes is None and epochs is None:
        minutes = 10.0
    reading = Reading(energy_key, forces_key, energy_unit, length_unit, force_unit, gradients, not no_check)
    built = {"channels": channels, "layers": layers, "cutoff": cutoff}
    tuned = {"freeze": freeze, "replay": replay, "replay-share": replay_share}
    _check_tuning(start, {"model": model, **built}, tuned, epochs, reference_energies)
    model = model or "schnet"
    path = None if start is None else check_model(start)
    team = processes.Team(addresses, rank)
    quiet = as_json or not first
    free, training, held_out = _split(data, validation, reading, seed, force_weight != 0, quiet, path is None)
    reference = free or None if path is None else None
    if reference_energies is not None:
        reference = _reference(reference_energies, reading)
    old = [] if replay is None else reading.files(replay, training=True)[None]
    going_on = checkpoint.exists()
    if output.exists() and not going_on and first:
        print(
            f"dmol-molnet: {quoted(str(output))} is there: it is replaced when this run ends, and kept as "
            f"{_previous(output)}",
            file=sys.stderr,
        )

    from dmol_molnet.nn import start_quietly

    start_quietly()
    team.take_gpu()
    from dmol_molnet.nn.design_space import build, defaults
    from dmol_molnet.nn.potential import Normalisation, Potential
    from dmol_molnet.nn.training import DivergedError

    if path is not None:
        potential = Potential.load(path)
        if members is not None and members != potential.members:
            potential = potential.with_members(members)
        told = {"freeze": freeze, "replay": old or None, "share": replay_share}
        fit = partial(potential.finetune, **{key: value for key, value in told.items() if value is not None})
    else:
        built["members"] = members
        if "elements" in defaults(model):  # weights for those of the data alone
            built["elements"] = [s for s in SYMBOLS if any(s in molecule.symbols for molecule in training + held_out)]
        network = build(model, seed=seed, **{key: value for key, value in built.items() if value is not None})
        normalisation = Normalisation.of(training, network.cutoff, reference)
        potential, reference = Potential(network, normalisation), "kept"
        fit = potential.fit
        if normalisation.undetermined and not quiet:
            print(
                f"The compositions do not settle the reference energies of the elements ({normalisation.undetermined} "
                f"of {len(normalisation.shifts)} are open): other compositions will be off by a constant."
            )
    options = {"batch_size": batch_size, "learning_rate": learning_rate, "force_weight": force_weight}
    try:
        with warnings.catch_warnings():
            warnings.showwarning = say_warning
            found = fit(
                training,
                held_out,
                epochs=epochs,
                minutes=minutes,
                **{key: value for key, value in options.items() if value is not None},
                reference=reference,
                checkpoint=checkpoint,
                seed=seed,
                verbose=0 if as_json else 1,
                began=began,
                team=team,
            ).history
    except DivergedError as error:
        raise InputError(str(error)) from None
    except processes.LostWorkerError as error:
        if LAUNCHED in os.environ:  # who started the workers says it
            raise typer.Exit(LOST) from None
        raise InputError(f"{error}; the same command goes on after its last epoch") from None
    if not first:
        return None
    rounds = len(found.get("loss", []))
    if not rounds and epochs != 0:
        raise InputError("the minutes were over before the first step; give it more")
    if output.exists() and not going_on:
        output.replace(_previous(output))
    potential.save(output)
    if history is not None:
        write_whole(history, _history_text(found, history.suffix.lower()))
    by_hand = rounds != epochs and (minutes is None or found["seconds"][-1] < 0.9 * 60 * minutes - 10)
    if by_hand and not as_json:
        print(f"Stopped early; the same command goes on from {checkpoint}.")
    else:
        checkpoint.unlink(missing_ok=True)
        _sweep(output, checkpoint)
    anew = not rounds or (path is not None and held_out)  # what it began with may have been the best
    errors = potential.evaluate(held_out or training) if anew else _best(found, bool(held_out))
    errors = {key: errors[key] for key in ("energy_rmse_per_atom", "force_rmse")}
    if force_weight == 0:
        errors["force_rmse"] = None
    if as_json:
        counts = {"training": len(training), "validation": len(held_out), "epochs": rounds}
        print(json.dumps({"model": str(output), **counts, "seconds": time.monotonic() - began, **errors}))
        return
    forces = "" if errors["force_rmse"] is None else f" and {1000 * errors['force_rmse']:.1f} meV/Å (forces)"
    what = model if start is None else f"{start}, fine-tuned,"
    print(
        f"{output}: {what} after {rounds} epochs; root mean square error on "
        f"{f'{len(held_out)} molecules held out' if held_out else 'the training set, for none were held out'}: "
        f"{1000 * errors['energy_rmse_per_atom']:.2f} meV/atom (energy){forces}"
    )


def evaluate(
    model: Model,
    data: Annotated[
        str,
        typer.Argument(
            metavar="DATA",
            help="A file, of any kind that `dmol-molnet formats` lists; or acetylacetone or acetylacetone-dft: all its "
            "tests, or one by NAME:FILE.",
        ),
    ],
    batch_size: Annotated[int, typer.Option(min=1, help="Molecules at a time.")] = 32,
    energy_key: EnergyKey = None,
    forces_key: ForcesKey = None,
    energy_unit: EnergyUnit = None,
    length_unit: LengthUnit = None,
    force_unit: ForceUnit = None,
    gradients: Gradients = False,
    no_check: NoCheck = False,
    as_json: AsJson = False,
) -> None:
    """Compare a potential with labelled molecules.

    Errors are mean absolute (MAE) and root mean square (RMSE), those of forces over all components.  --json gives eV
    and eV/Å: one object with molecules, energy_mae, energy_rmse, energy_rmse_per_atom, force_mae and force_rmse, the
    last two null without forces; for a set of several files, an object of such by file.

    Of a committee, it also tells how well its standard deviations know the errors: their mean, the share of errors
    within one and within two of them (68 % and 95 %, were all as it says), and the rank correlation with the errors'
    sizes, for forces by atom: energy_std_mean, energy_within_one_std, energy_within_two_std, energy_rank_correlation,
    and the same of force.

    \b
    Examples:
      dmol-molnet evaluate acac.keras acetylacetone
      dmol-molnet evaluate acac.keras acetylacetone:test_600K --json
      dmol-molnet evaluate ethanol.keras test.xyz --energy-unit kcal/mol
    """
    model = check_model(model)
    reading = Reading(energy_key, forces_key, energy_unit, length_unit, force_unit, gradients, not no_check)
    files = reading.files(data)
    for name, molecules in files.items():
        without = [k for k, molecule in enumerate(molecules, 1) if molecule.energy is None]
        if without:
            raise InputError(f"{name or quoted(data)}: molecule {without[0]} has no energy{reading.hint(name or data)}")
    potential = _load(model)
    errors = {}
    for name, molecules in files.items():
        try:
            errors[name] = potential.evaluate(molecules, batch_size)
        except InputError as error:
            raise InputError(f"{name or quoted(data)}: {error}") from None
    if as_json:
        print(json.dumps(errors.get(None, errors)))
        return
    print("Energies in meV, forces in meV/Å.\n")
    names = [name or data for name in errors]
    width = max(*map(len, names), 4)
    print(f"{'':<{width}}  molecules  energy: MAE     RMSE  RMSE/atom  forces: MAE     RMSE")
    for name, e in zip(names, errors.values(), strict=True):
        forces = [f"{'–' if e[key] is None else f'{1000 * e[key]:.1f}':>11}" for key in ("force_mae", "force_rmse")]
        print(
            f"{name:<{width}}  {e['molecules']:>9,}  {1000 * e['energy_mae']:>11.2f}  {1000 * e['energy_rmse']:>7.2f}  "
            f"{1000 * e['energy_rmse_per_atom']:>9.3f}  {forces[0]}  {forces[1].strip():>7}"
        )
    if "energy_std_mean" not in next(iter(errors.values())):
        return
    print(f"\n{'Spread of the committee':<{width + 13}}  mean  errors within 1 and 2 of it  rank correlation")
    for name, e in zip(names, errors.values(), strict=True):
        for kind in ("energy", "force"):
            mean, one, two, rank = (
                e[f"{kind}_{key}"] for key in ("std_mean", "within_one_std", "within_two_std", "rank_correlation")
            )
            cells = ["–" if x is None else f"{x:{how}}" for x, how in ((one, ".0%"), (two, ".0%"), (rank, ".2f"))]
            size = "–" if mean is None else f"{1000 * mean:.2f}"
            print(f"{name:<{width}}  {kind:<7}  {size:>10}  {cells[0]:>19}  {cells[1]:>5}  {cells[2]:>16}")


def relax(
    model: Model,
    molecule: Start,
    output: Annotated[Path, Output],
    fmax: Annotated[float, typer.Option(help="Done when no force is larger, eV/Å.")] = 0.01,
    steps: Annotated[int, typer.Option(min=1, help="At most.")] = 500,
    trajectory: Annotated[Path | None, typer.Option(help="Write every step into this file too: .xyz.")] = None,
    bound: Bound = None,
    on_bound: OnBound = "stop",
    uncertain: Uncertain = None,
) -> None:
    """Move a molecule to the nearest minimum of a potential.

    Ends with exit code 1 and one line on standard error when the forces are not small enough after all steps; the
    output then has the last step.  So it does when a force is more uncertain than --bound.

    \b
    Examples:
      dmol-molnet relax acac.keras "C/C(O)=C/C(C)=O" -o relaxed.xyz
      dmol-molnet relax acac.keras start.xyz -o relaxed.xyz --fmax 0.001 --trajectory path.xyz
    """
    for path in (output, trajectory, uncertain):
        if path is not None:
            check_output(path, (".xyz", ".extxyz"), "a geometry")
    if not 0 < fmax < float("inf"):
        raise InputError(f"--fmax is a positive force in eV/Å, not {fmax:g}")
    _check_bound(bound, on_bound, uncertain)
    atoms = _atoms(model, molecule, uncertainty=bound is not None)
    from dmol_molnet import dynamics

    progress = None
    if sys.stderr.isatty():

        def progress(step, energy, largest):
            print(f"\r\x1b[2Kstep {step}: {energy:.4f} eV, {largest:.4f} eV/Å", end="", flush=True, file=sys.stderr)

    with warnings.catch_warnings():
        warnings.showwarning = say_warning
        done = dynamics.relax(atoms, fmax, steps, trajectory, progress, bound, on_bound, uncertain)
    if progress is not None:
        print(file=sys.stderr)
    write_whole(output, dynamics.frame_text(atoms))
    print(f"{output}: {done.energy:.4f} eV, largest force {done.largest_force:.4f} eV/Å after {done.steps} steps")
    _tell_uncertain(done, uncertain)
    if done.stopped is not None:
        print(f"dmol-molnet: stopped: {done.stopped}", file=sys.stderr)
        raise typer.Exit(1)
    if not done.converged:
        print(
            f"dmol-molnet: not converged: the largest force is {done.largest_force:.4f} eV/Å after {done.steps} steps, "
            f"and not yet {fmax:g}",
            file=sys.stderr,
        )
        raise typer.Exit(1)


def vibrations(
    model: Model,
    molecule: Start,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Write frequencies and displacements into this file: .json.")
    ] = None,
    film: Annotated[
        Path | None, typer.Option(help="Write a film of one vibration into this file: .gif, .mp4 or .png.")
    ] = None,
    mode: Annotated[int, typer.Option(help="Which one; 1 is the softest.")] = 1,
    fmax: Annotated[float, typer.Option(help="The molecule is relaxed to this force first, eV/Å.")] = 0.001,
    step: Annotated[float, typer.Option(help="Of differences of forces, Å.")] = 0.005,
    as_json: AsJson = False,
) -> None:
    """Relax a molecule and print its harmonic frequencies and its zero-point energy.

    Frequencies are in 1/cm, from the Hessian by differences of forces; imaginary ones, of a geometry that is no
    minimum, are told as negative, and end with exit code 1.

    \b
    Examples:
      dmol-molnet vibrations mace "C/C(O)=C/C(C)=O"
      dmol-molnet vibrations mace relaxed.xyz --film stretch.gif --mode 39
      dmol-molnet vibrations acac.keras relaxed.xyz -o modes.json
    """
    for name, value in (("--fmax", fmax), ("--step", step)):
        if not 0 < value < float("inf"):
            raise InputError(f"{name} is a positive number, not {value:g}")
    if output is not None:
        check_output(output, (".json",), "what was found")
    if film is not None:
        from dmol_molnet.figures.film import destination

        destination(film, (".gif", ".mp4", ".png"))
    atoms = _atoms(model, molecule)
    if not len(atoms) or atoms.pbc.any():
        raise InputError("vibrations are those of a molecule, not of a crystal")
    from dmol_molnet import dynamics
    from dmol_molnet import vibrations as harmonic

    relaxed = dynamics.relax(atoms, fmax)
    if not relaxed.converged:
        raise InputError(f"the molecule does not relax: the largest force is still {relaxed.largest_force:.4f} eV/Å")
    if sys.stderr.isatty():
        with typer.progressbar(length=3 * len(atoms), label="differences", file=sys.stderr) as bar:
            hessian = harmonic.hessian(atoms, step, lambda done, of: bar.update(1))
    else:
        hessian = harmonic.hessian(atoms, step)
    found = harmonic.modes(hessian, atoms.positions, atoms.get_masses())
    numbers = {
        "energy": relaxed.energy,
        "zero_point_energy": found.zero_point_energy,
        "frequencies": found.frequencies.tolist(),
    }
    if output is not None:
        geometry = {"symbols": atoms.get_chemical_symbols(), "positions": atoms.positions.tolist()}
        units = {"energy": "eV", "frequencies": "1/cm", "positions": "Å", "displacements": "1/sqrt(u)"}
        more = {"displacements": found.displacements.tolist(), "units": units}
        write_whole(output, (json.dumps(numbers | geometry | more) + "\n").encode())
    if film is not None:
        from dmol_molnet.figures import vibration

        vibration(Molecule.from_ase(atoms), found, mode).save(film)
    if as_json:
        print(json.dumps(numbers))
    else:
        name, cells = atoms.get_chemical_formula(), [f"{k:>4} {f:>8.1f}" for k, f in enumerate(found.frequencies, 1)]
        print(f"{name}: {len(cells)} vibrations, 1/cm; zero-point energy {found.zero_point_energy:.4f} eV")
        for k in range(0, len(cells), 5):
            print("".join(cells[k : k + 5]))
        for path in filter(None, (output, film)):
            print(f"{path}: {'vibration ' + str(mode) if path == film else 'frequencies and displacements'}")
    if found.frequencies.min(initial=0.0) < 0:
        print("dmol-molnet: no minimum: an imaginary frequency is told as a negative one", file=sys.stderr)
        raise typer.Exit(1)


def live(
    model: Model,
    molecule: Annotated[
        str | None,
        typer.Argument(
            metavar="[MOLECULE]", help="A SMILES or a file, as for `relax`; one it was trained on if left out."
        ),
    ] = None,
    output: Annotated[Path, typer.Option("-o", "--output", help="Where: a file that ends in .html.")] = Path(
        "live.html"
    ),
    temperature: Annotated[float, typer.Option(help="K, where the slider begins: 0 to 600.")] = 300.0,
) -> None:
    """Write a page in which a molecule moves under a potential, to drag, to heat and to run.

    The page is one file, which computes for itself in any browser and needs no network; when it opens, it compares its
    first forces with Python's.

    \b
    Examples:
      dmol-molnet live acac.keras -o acac.html
      dmol-molnet live acac.keras "C/C(O)=C/C(C)=O" -o enol.html
      dmol-molnet live acac.keras relaxed.xyz -o cold.html --temperature 50
    """
    check_output(output, (".html", ".htm"), "a page")
    if not 0 <= temperature <= 600:
        raise InputError(f"--temperature is from 0 to 600 K, not {temperature:g}")
    if molecule is None:
        start, potential = None, _load(check_model(model))
    else:
        atoms = _atoms(model, molecule)
        start, potential = Molecule.from_ase(atoms), atoms.calc.potential
    from dmol_molnet import live

    page = live.show(potential, start, path=str(check_model(model)), temperature=temperature)
    page.save(output)
    print(f"{output}: {page.title}, {len(page.text.encode()) / 1e6:.1f} MB; open it in a browser")


def md(
    model: Model,
    molecule: Start,
    output: Annotated[Path, Output],
    temperature: Annotated[float, typer.Option(help="K.")] = 300.0,
    picoseconds: Annotated[float, typer.Option(help="How long.")] = 1.0,
    timestep: Annotated[float, typer.Option(help="fs.")] = 0.5,
    friction: Annotated[float, typer.Option(help="1/fs, of the Langevin thermostat.")] = 0.01,
    nve: Annotated[bool, typer.Option("--nve", help="No thermostat: conserve the energy, and say how well.")] = False,
    every: Annotated[int, typer.Option(min=1, help="Steps from frame to frame.")] = 20,
    seed: Annotated[int, typer.Option(min=0, help="Of velocities and noise.")] = 0,
    new_velocities: Annotated[
        bool, typer.Option("--new-velocities", help="Random ones, although the file has momenta.")
    ] = False,
    bound: Bound = None,
    on_bound: OnBound = "stop",
    uncertain: Uncertain = None,
) -> None:
    """Run molecular dynamics on a potential.

    A file with momenta, such as this command writes, goes on from its last frame; other molecules start with random
    velocities.  Masses are those of the file or of its isotopes, and fixed atoms stay where they are.

    Frames have energies, forces and momenta; an interrupted run leaves whole ones.  Ends with exit code 1 and one line
    on standard error when the molecule flies apart, gets too hot, or has a force more uncertain than --bound; its
    frames stay.

    \b
    Examples:
      dmol-molnet md acac.keras relaxed.xyz -o run.xyz --temperature 300 --picoseconds 10
      dmol-molnet md acac.keras run.xyz -o more.xyz --picoseconds 10
      dmol-molnet md acac.keras relaxed.xyz -o run.xyz --nve --timestep 0.25
      dmol-molnet md committee.keras relaxed.xyz -o run.xyz --bound 0.5 --on-bound warn --uncertain to-label.xyz
    """
    for path in (output, uncertain):
        if path is not None:
            check_output(path, (".xyz", ".extxyz"), "a trajectory")
    for name, value in (("--picoseconds", picoseconds), ("--timestep", timestep), ("--friction", friction)):
        if not 0 < value < float("inf"):
            raise InputError(f"{name} is a positive number, not {value:g}")
    if not 0 <= temperature < float("inf"):
        raise InputError(f"--temperature is 0 K or more, not {temperature:g}")
    _check_bound(bound, on_bound, uncertain)
    atoms = _atoms(model, molecule, uncertainty=bound is not None)
    from dmol_molnet import dynamics

    dynamics.check_constraints(atoms)
    if new_velocities:
        atoms.set_momenta(None)
    if atoms.get_momenta().any():
        print(f"Going on from the momenta in {molecule}, at {atoms.get_temperature():.0f} K.", file=sys.stderr)
    options = (temperature, picoseconds, timestep, None if nve else friction, every, seed)
    watched = {"bound": bound, "on_bound": on_bound, "uncertain": uncertain}
    with warnings.catch_warnings():
        warnings.showwarning = say_warning
        if sys.stderr.isatty():
            with typer.progressbar(length=1000, label="running", file=sys.stderr) as bar:
                shown = 0

                def progress(step, of):
                    nonlocal shown
                    bar.update(1000 * step // of - shown)
                    shown = 1000 * step // of

                done = dynamics.run(atoms, output, *options, progress, **watched)
        else:
            done = dynamics.run(atoms, output, *options, **watched)
    said = f"{output}: {done.frames} frames of {done.picoseconds:g} ps, at {done.temperature:.0f} K on average"
    if nve:
        said += (
            f"; the total energy drifts by {done.drift:+.4f} meV/atom/ps, off that line by {done.spread:.4f} meV/atom"
        )
    print(said)
    _tell_uncertain(done, uncertain)
    if done.stopped is not None:
        print(f"dmol-molnet: stopped: {done.stopped}", file=sys.stderr)
        raise typer.Exit(1)


# ------------------------------------------------------------------------------------------------ workers


def _launch(n: int) -> None:
    """Give this command to so many workers on this machine; what the first says is what it says, and how it ends.

    Raises:
        InputError: one of the others died.
        Exit: with the first one's exit code.
    """
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(n)]
    addresses = [f"127.0.0.1:{one.getsockname()[1]}" for one in sockets]
    for one in sockets:
        one.close()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    threads = str(max(cores // n, 1))
    with tempfile.TemporaryDirectory() as folder:
        running = []
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
        # Workers have a session of their own, so that Ctrl-C reaches the first of them once, from here.
        signal.signal(signal.SIGINT, lambda *_: running and running[0].send_signal(signal.SIGINT))
        try:
            for k in range(n):
                config = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": k}}
                told = {"TF_CONFIG": json.dumps(config), LAUNCHED: str(os.getpid())}
                environment = {"TF_NUM_INTRAOP_THREADS": threads} | os.environ | told
                command = [sys.executable, "-m", "dmol_molnet", *sys.argv[1:]]
                with open(Path(folder) / str(k), "wb") as said:
                    silent = {} if k == 0 else {"stdout": subprocess.DEVNULL, "stderr": said}
                    running.append(subprocess.Popen(command, env=environment, start_new_session=True, **silent))
            while running[0].poll() is None and not any(one.poll() for one in running):
                time.sleep(0.05)
            with contextlib.suppress(subprocess.TimeoutExpired):  # that it cannot go on, or why none of them can
                running[0].wait(timeout=NOTICE)
            codes = [one.poll() for one in running]
        finally:
            for one in running:
                if one.poll() is None:
                    one.kill()
                one.wait()
        if codes[0] in (None, LOST) or codes[0] < 0:
            raise InputError(f"{_death(codes, Path(folder))}; the same command goes on after its last epoch")
    if codes[0]:
        raise typer.Exit(codes[0])


def _death(codes: list[int | None], folder: Path) -> str:
    """Which worker died first, as far as exit codes tell, and of what: a signal, or its last words."""
    for k, code in sorted(enumerate(codes), key=lambda one: (one[1] or 0) >= 0):
        if code not in (None, 0, LOST):
            if code < 0:
                return f"worker {k} of {len(codes)} was killed by {signal.Signals(-code).name}"
            words = (folder / str(k)).read_text(encoding="utf-8", errors="replace").strip().split("\n")[-1]
            return f"worker {k} of {len(codes)} died: {words.removeprefix('dmol-molnet: ') or f'exit code {code}'}"
    return "a worker does not answer"


def _follow(command: int) -> None:
    """End this worker when the command that has started it is gone."""

    def watch():
        while os.getppid() == command:
            time.sleep(1)
        os._exit(LOST)

    threading.Thread(target=watch, daemon=True).start()


# ------------------------------------------------------------------------------------------------ reading


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


def _split(
    data: str, validation: str, reading: Reading, seed: int, forces: bool, quiet: bool, untrained: bool
) -> tuple[dict[str, float], list[Molecule], list[Molecule]]:
    """The energies of free atoms, what to train on and what to validate on, with labels that can be used."""
    import numpy as np

    from dmol_molnet.files import check_labels, free_atoms, skip_comparison

    try:
        share = float(validation)
    except ValueError:
        share = None
    if share is not None and not 0 <= share < 1:
        raise InputError(f"--validation is a share, 0 or more and less than 1, or a file, not {quoted(validation)}")
    if not reading.check:
        skip_comparison()
    free, molecules = free_atoms(reading.files(data, training=True)[None], ALONE)
    if share is None:
        training, held_out = molecules, free_atoms(reading.files(validation, training=True)[None], ALONE)[1]
    else:
        n = round(share * len(molecules))
        n = max(n, 1) if share and len(molecules) > 1 else n
        out, whole = _held_out([molecule.formula for molecule in molecules], n, np.random.default_rng(seed))
        training, held_out = ([m for k, m in enumerate(molecules) if (k in out) == held] for held in (False, True))
        # What is held out must hold no element that is not trained on.
        known = {symbol for molecule in training for symbol in molecule.symbols}
        new = [molecule for molecule in held_out if known and not known.issuperset(molecule.symbols)]
        training, held_out = training + new, [m for m in held_out if not any(m is other for other in new)]
    if free and not molecules:
        raise InputError(f"{quoted(data)} holds none but free atoms: a potential needs molecules to learn from")
    if not training:
        raise InputError(f"{quoted(data)} leaves no molecule to train on: --validation {validation} takes them all")
    for text, some in ((data, molecules), (validation, held_out if share is None else [])):
        for k, molecule in enumerate(some, 1):
            for label, missing in (("energy", molecule.energy is None), ("forces", forces and molecule.forces is None)):
                if missing:
                    without = "" if label == "energy" else ", or train on energies alone by --force-weight 0"
                    raise InputError(f"{quoted(text)}: molecule {k} has no {label}{reading.hint(text)}{without}")
        check_labels(some, forces, quoted(text))
    if not quiet:
        formulas = sorted({molecule.formula for molecule in training})
        named = f" of {formulas[0]}" if len(formulas) == 1 else f" of {len(formulas)} compositions"
        print(f"{len(training):,} molecules{named} to train on, {len(held_out):,} to validate.")
        if free:
            named = ", ".join(free)
            if untrained:
                print(f"Free atoms give the reference energies of {named}, and are not trained on.")
            else:
                print(f"Free atoms of {named} are left out: the reference energies are fitted to what MODEL leaves.")
        if share and held_out and whole:
            print("What is held out has compositions of its own, so that errors are those of molecules not seen.")
        elif share and held_out and _like_a_trajectory(molecules):
            print(
                f"Neighbouring frames of {quoted(data)} are alike, as those of one trajectory are: errors on frames "
                "held out among them flatter. Judge by another run: --validation FILE, or `dmol-molnet evaluate`."
            )
    return free, training, held_out


def _held_out(formulas: list[str], n: int, rng) -> tuple[set[int], bool]:
    """Which of these are held out, at most n of them, and whether that are whole compositions."""
    order, sizes = rng.permutation(len(formulas)).tolist(), Counter(formulas)
    if len(sizes) >= MANY:
        chosen, left = set(), n
        for formula in dict.fromkeys(formulas[k] for k in order):
            if sizes[formula] <= left:
                chosen.add(formula)
                left -= sizes[formula]
        if chosen:
            return {k for k, formula in enumerate(formulas) if formula in chosen}, True
    return set(order[:n]), False


def _check_tuning(
    start: Path | None, built: dict, tuned: dict, epochs: int | None, reference_energies: str | None
) -> None:
    """Refuse options of a new network with --from, and those of fine-tuning without."""
    if start is not None:
        if told := [f"--{name}" for name, value in built.items() if value is not None]:
            belong = "belongs" if len(told) == 1 else "belong"
            raise InputError(f"{' and '.join(told)} {belong} to a new network, and --from names one that is there")
        if tuned["freeze"] not in (None, "none", "trunk"):
            raise InputError(f"--freeze is none or trunk, not {quoted(tuned['freeze'])}")
        if tuned["replay-share"] is not None and tuned["replay"] is None:
            raise InputError("--replay-share is that of --replay, which names the old labels")
        if tuned["replay-share"] is not None and not 0 < tuned["replay-share"] < 1:
            raise InputError(f"--replay-share is between 0 and 1, not {tuned['replay-share']:g}")
        return
    if told := [f"--{name}" for name, value in tuned.items() if value is not None]:
        raise InputError(f"{' and '.join(told)} fine-tunes a trained potential: name it by --from")
    if epochs == 0:
        raise InputError("--epochs 0 trains nothing: give a new network one at least, or a trained potential by --from")
    if reference_energies == "kept":
        raise InputError("--reference-energies kept are those of a trained potential: name it by --from")


def _like_a_trajectory(molecules: list[Molecule]) -> bool:
    """Whether distances change much less, in the square, from one frame to the next than between frames far apart."""
    import numpy as np
    from scipy.spatial.distance import pdist

    some = [m for m in molecules if m.positions is not None and 1 < len(m) < 500]  # enough to see it
    step = max(len(some) // 200, 1)

    def change(gap: int) -> list[float]:
        pairs = zip(some[::step], some[gap::step], strict=False)
        return [
            np.mean((pdist(a.positions) - pdist(b.positions)) ** 2)
            for a, b in pairs
            if np.array_equal(a.numbers, b.numbers)
        ]

    near, far = change(1), change(len(some) // 2)
    return min(len(near), len(far)) >= 10 and bool(np.mean(near) < 0.5 * np.mean(far))


def _reference(text: str, reading: Reading) -> dict[str, float] | str:
    """What --reference-energies says, as `Normalisation.of` takes it."""
    from dmol_molnet.files import free_atoms

    if text in ("average", "kept"):
        return text
    if Path(text).is_file():
        free, _ = free_atoms(reading.files(text)[None], ALONE)
        if not free:
            raise InputError(f"{quoted(text)} holds no free atom: a molecule of one atom, uncharged, with its energy")
        return free
    found = {}
    for pair in text.split(","):
        symbol, sign, value = pair.partition("=")
        try:
            energy = float(value)
        except ValueError:
            energy = None
        if not sign or energy is None or symbol.strip() not in SYMBOLS:
            raise InputError(
                "--reference-energies is average, a file, or energies in eV such as H=-13.6,C=-1027.1, not "
                f"{quoted(text)}"
            )
        found[symbol.strip()] = energy
    return found


def _previous(output: Path) -> Path:
    """Where a model goes that is replaced."""
    return output.with_name(f"{output.stem}.previous{output.suffix}")


def say_warning(message, category, filename, lineno, file=None, line=None) -> None:
    print(f"{chr(10) if sys.stderr.isatty() else ''}dmol-molnet: warning: {message}", file=sys.stderr)


def _check_bound(bound: float | None, on_bound: str, uncertain: Path | None) -> None:
    """Refuse what `dynamics` would refuse, before TensorFlow starts."""
    if bound is None and uncertain is not None:
        raise InputError("--uncertain needs --bound, over which a frame is uncertain")
    if bound is not None and not 0 < bound < float("inf"):
        raise InputError(f"--bound is a positive number in eV/Å, not {bound:g}")
    if on_bound not in ("stop", "warn"):
        raise InputError(f"--on-bound is stop or warn, not {quoted(on_bound)}")


def _tell_uncertain(done, path: Path | None) -> None:
    """Say how many steps were over the bound."""
    if done.uncertain:
        steps = f"{done.uncertain} step{'s' if done.uncertain > 1 else ''} over the bound"
        print(f"{path}: frames to label, of {steps}" if path is not None else steps)


def _atoms(model: Path, molecule: str, uncertainty: bool = False):
    """Atoms of ASE with the potential as their calculator."""
    from dmol_molnet.files import read_atoms

    model = check_model(model)
    start = read_atoms(molecule)
    potential = _load(model)
    from dmol_molnet.calculator import MolnetCalculator

    if potential.normalisation is not None:
        potential.normalisation.reference(Molecule.from_ase(start))  # an element that it does not know is told now
    start.calc = MolnetCalculator(potential, uncertainty)
    return start


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


def _load(path: Path):
    from dmol_molnet.nn import start_quietly

    start_quietly()
    from dmol_molnet.nn.potential import Potential

    return Potential.load(path)


# ------------------------------------------------------------------------------------------------ writing


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


def _history_text(history: dict[str, list[float]], kind: str) -> bytes:
    if kind == ".json":
        return (json.dumps(history, indent=1) + "\n").encode()
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["epoch", *history])
    writer.writerows(zip(range(1, len(history.get("loss", ())) + 1), *history.values(), strict=True))
    return buffer.getvalue().encode()


def _best(history: dict[str, list[float]], validated: bool) -> dict[str, float]:
    """The errors of the epoch with the least validation loss; of the last one, if there was no validation."""
    losses = history.get("val_loss", [])
    best = min(range(len(losses)), key=lambda k: (losses[k] != losses[k], losses[k])) if validated else -1
    prefix = "val_" if validated else ""
    return {key: history[prefix + key][best] for key in ("energy_rmse_per_atom", "force_rmse")}


def _sweep(output: Path, checkpoint: Path) -> None:
    """Remove what runs that were killed while they wrote have left."""
    for pattern, folder in ((f".{checkpoint.name}.", checkpoint.parent), (f".{output.stem}.", output.parent)):
        for path in folder.iterdir():
            rest = path.name.removeprefix(pattern).removesuffix(".keras")
            if path.name.startswith(pattern) and rest.isdecimal():
                path.unlink(missing_ok=True)
