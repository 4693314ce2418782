"""The command `train` of `dmol-molnet`: a new potential, or one that is there, by one process or several."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from dmol_molnet.cli_common import (
    AsJson,
    EnergyKey,
    EnergyUnit,
    ForcesKey,
    ForceUnit,
    Gradients,
    LengthUnit,
    NoCheck,
    Reading,
    check_model,
    check_output,
    say_warning,
)
from dmol_molnet.files import write_whole
from dmol_molnet.molecules import SYMBOLS, InputError, Molecule, quoted

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
            "free atoms in DATA, and least squares without any.  With --from: kept for those of MODEL, average for "
            "least squares of what it leaves, and if not told, that where the labels are plainly on another zero.",
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
    energies move where the labels have another zero, its network is trained further, a committee's members are drawn
    anew.

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


# ------------------------------------------------------------------------------------------------ workers


def _launch(n: int) -> None:
    """Give this command to so many workers on this machine; what the first says is what it says, and how it ends.

    Raises:
        InputError: one of the others died.
        Exit: with the first one's exit code.
    """
    from dmol_molnet.nn.workers import loopback, threads

    addresses = loopback(n)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    computing = threads(max(cores // n, 1))
    with tempfile.TemporaryDirectory() as folder:
        running = []
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
        # Workers have a session of their own, so that Ctrl-C reaches the first of them once, from here.
        signal.signal(signal.SIGINT, lambda *_: running and running[0].send_signal(signal.SIGINT))
        try:
            for k in range(n):
                config = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": k}}
                told = {"TF_CONFIG": json.dumps(config), LAUNCHED: str(os.getpid())}
                environment = computing | os.environ | told
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


# ------------------------------------------------------------------------------------------------ what to train on


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
                print(f"Free atoms of {named} are left out: reference energies begin with those of MODEL.")
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


# ------------------------------------------------------------------------------------------------ what is written


def _previous(output: Path) -> Path:
    """Where a model goes that is replaced."""
    return output.with_name(f"{output.stem}.previous{output.suffix}")


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
