"""Training a potential: one compiled step, and around it all that a long run needs.

Weights are followed by an exponential moving average, which is what is validated, kept and saved.  The learning rate
falls along half a cosine, over the epochs or over the minutes.  With a checkpoint, a run that was killed goes on after
its last whole epoch, and ends with the same numbers as one that was not.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
import sys
import time
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from dmol_molnet.files import check_labels
from dmol_molnet.molecules import InputError, Molecule, quoted
from dmol_molnet.nn.graph import Batches, MolecularGraph, part_size
from dmol_molnet.nn.potential import Normalisation, Potential


class DivergedError(ArithmeticError):
    """The loss is no longer a finite number; the message says when, and what helps."""


class Labels(NamedTuple):
    """What a batch should give: energy [G] eV, less the shifts; forces [A, 3] eV/Å; 0 for padding."""

    energy: np.ndarray
    forces: np.ndarray


def fit(
    potential: Potential,
    train: Sequence[Molecule],
    validation_data: Sequence[Molecule] | None = None,
    *,
    epochs: int | None = None,
    minutes: float | None = None,
    batch_size: int = 5,
    learning_rate: float = 5e-3,
    energy_weight: float = 1.0,
    force_weight: float = 10.0,
    average: float = 0.99,
    patience: int | None = None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    checkpoint: str | Path | None = None,
    seed: int = 0,
    verbose: int = 1,
    began: float | None = None,
) -> keras.callbacks.History:
    """Train a potential on labelled molecules; it ends with the best averaged weights by `validation_data`.

    Args:
        potential: gets its normalisation from `train`, unless it has one.
        train: molecules with energies (eV) and forces (eV/Å).
        validation_data: more of them; None keeps the last weights.
        epochs: rounds over the training set; None for 100, or for as many as the minutes allow.
        minutes: stop after so much time, compilation and validation included.
        batch_size: molecules a step.
        learning_rate: of Adam, at the beginning; it ends at a thousandth.
        energy_weight, force_weight: w_E and w_F of the loss; w_F = 0 needs no forces.
        average: m of the moving average, a <- m a + (1 - m) w after each step.
        patience: stop after so many epochs without a better validation loss.
        callbacks: of Keras; they see the losses and errors as `logs`, and may set `potential.stop_training`.
        checkpoint: a file (.npz) to write after every epoch, and to go on from if it is there.
        seed: of the order in which molecules are drawn.
        verbose: 0 silent, 1 one bar for the whole run, 2 one line an epoch.
        began: the `time.monotonic()` from which minutes count; None for now.

    Returns:
        `.history`: by epoch, loss, energy_rmse_per_atom (eV), force_rmse (eV/Å), learning_rate, seconds; and, with
        the averaged weights, val_loss, val_energy_rmse_per_atom, val_force_rmse.

    Raises:
        InputError: molecules without labels, bad options, or a checkpoint of another run.
        DivergedError: the loss became infinite or not a number.
    """
    began = time.monotonic() if began is None else began
    train, validation = list(train), list(validation_data or [])
    _check_options(epochs, minutes, batch_size, learning_rate, energy_weight, force_weight, average, patience)
    for name, molecules in (("training", train), ("validation", validation)):
        check_labels(molecules, force_weight > 0, name)
    if not train:
        raise InputError("there is no molecule to train on")
    if potential.normalisation is None:
        potential.normalise(Normalisation.of(train, potential.cutoff))
    epochs = (100 if minutes is None else sys.maxsize) if epochs is None else epochs

    step = _Step(potential, learning_rate, energy_weight, force_weight, average)
    batches = Batches(train, potential.cutoff, batch_size, split=True)
    held_out = Batches(validation, potential.cutoff, part_size(validation)) if validation else None
    run = _Run(step, _fingerprint(train, validation, epochs, minutes, batch_size, seed, step.settings))
    start = run.load(Path(checkpoint)) if checkpoint is not None else 0
    deadline = None if minutes is None else 60 * minutes - run.seconds

    history = keras.callbacks.History()
    shown = [] if not verbose else [_Progress(epochs, minutes, verbose, began, run)]
    everyone = keras.callbacks.CallbackList([history, *callbacks, *shown], model=potential)
    potential.stop_training = False
    everyone.on_train_begin()
    history.history = run.history
    history.epoch = list(range(start))
    before = run.seconds
    try:
        for epoch in range(start, epochs):
            if potential.stop_training or (deadline is not None and time.monotonic() - began >= deadline):
                break
            everyone.on_epoch_begin(epoch)
            sums, rng = _Sums(), np.random.default_rng([seed, epoch])
            for k, (chosen, graph) in enumerate(batches(rng)):
                passed = time.monotonic() - began
                if deadline is not None and passed + run.validation_time >= deadline and k + epoch > 0:
                    potential.stop_training = True
                    break
                done = (epoch + k / len(batches)) / epochs
                if minutes is not None:
                    done = max(done, (before + passed) / (60 * minutes))
                rate = step.set_rate(done)
                everyone.on_train_batch_begin(k)
                found = step.train(graph, labels(potential, [train[c] for c in chosen], graph))
                sums.add(found)
                if not math.isfinite(sums.loss):
                    raise DivergedError(
                        f"the loss is no longer a finite number in epoch {epoch + 1}, step {k + 1}, at a learning rate "
                        f"of {rate:.1e}: try a smaller one, and look for wrong labels"
                    )
                everyone.on_train_batch_end(k, {"loss": sums.loss})
            logs = sums.logs() if sums.steps else {}
            if held_out is not None:
                validating = time.monotonic()
                with step.averaged():
                    logs |= _validate(step, potential, validation, held_out)
                run.validation_time = time.monotonic() - validating
            if sums.steps:
                run.seconds = before + time.monotonic() - began
                logs |= {"learning_rate": rate, "seconds": run.seconds}
                run.keep_best(logs.get("val_loss"), epoch)
                everyone.on_epoch_end(epoch, logs)  # History, the first of them, writes into run.history
                if checkpoint is not None and not (potential.stop_training and deadline is not None):
                    run.save(Path(checkpoint), epoch + 1)
            if patience is not None and epoch - run.best_epoch >= patience:
                break
    except KeyboardInterrupt:
        if not verbose:
            raise
        print(f"\nstopped by hand after {len(run.history.get('loss', []))} epochs", file=sys.stderr)
    run.use_best()
    everyone.on_train_end()
    return history


def labels(potential: Potential, molecules: Sequence[Molecule], graph: MolecularGraph) -> Labels:
    """The labels of a batch, padded as its graph, the shifts taken off in float64; in parts, if the graph is."""
    if np.ndim(graph.numbers) == 2:
        parts, start = [], 0
        for part in map(MolecularGraph._make, zip(*graph, strict=True)):
            end = start + np.count_nonzero(part.sizes)
            parts.append(labels(potential, molecules[start:end], part))
            start = end
        return Labels(*(np.stack(x) for x in zip(*parts, strict=True)))
    dtype = np.asarray(graph.positions).dtype
    energy, forces = np.zeros(len(graph.sizes), dtype), np.zeros(graph.positions.shape, dtype)
    energy[: len(molecules)] = [m.energy - potential.normalisation.reference(m) for m in molecules]
    if molecules and all(m.forces is not None for m in molecules):
        together = np.concatenate([m.forces for m in molecules])
        forces[: len(together)] = together
    return Labels(energy, forces)


class _Step:
    """The compiled training step, its optimizer and the averaged weights."""

    def __init__(self, potential, learning_rate, energy_weight, force_weight, average):
        self.potential, self.rate = potential, learning_rate
        self.settings = [learning_rate, energy_weight, force_weight, average]
        self.weights = potential.trainable_variables
        # All weights one after the other: one variable to optimise and to average is less to compile than many.
        self.theta = keras.Variable(flat([w.value for w in self.weights]))
        self.average = keras.Variable(self.theta.value, trainable=False)
        self.optimizer = keras.optimizers.Adam(learning_rate, global_clipnorm=100.0)
        self.optimizer.build([self.theta])
        self.count = 0
        scale = float(np.mean(list(potential.normalisation.scales.values())))

        def errors(graph, wanted):
            """What each graph adds up to: loss times molecules, squares of the errors, molecules, atoms."""
            if force_weight:
                energy, forces = potential.derivatives(graph)
            else:
                energy, forces = potential(graph), wanted.forces
            de, df = (energy - wanted.energy) / scale, (forces - wanted.forces) / scale  # [G], [A, 3]
            n = tf.cast(graph.sizes, de.dtype)
            real = tf.cast(graph.sizes > 0, de.dtype)
            per_atom = tf.maximum(n, 1)
            e2 = tf.reduce_sum(real * de**2 / per_atom)
            ea2 = tf.reduce_sum(real * (de / per_atom) ** 2)
            f2 = tf.reduce_sum(df**2) / 3  # a padded atom has neither force nor label
            return tf.stack([e2, ea2, f2, tf.reduce_sum(real), tf.reduce_sum(n)])

        def summary(sums):
            """Loss, mean squares of the errors, molecules and atoms."""
            e2, ea2, f2, molecules, atoms = tf.unstack(sums)
            loss = energy_weight * e2 / molecules + force_weight * f2 / atoms
            return tf.stack([loss, ea2 / molecules * scale**2, f2 / atoms * scale**2, molecules, atoms])

        weights = [w.value for w in self.weights]

        def gradient(graph, wanted, molecules, atoms):
            with tf.GradientTape() as tape:
                sums = errors(graph, wanted)
                loss = energy_weight * sums[0] / molecules + force_weight * sums[2] / atoms
            return sums, flat(tape.gradient(loss, weights))

        def train(graph, wanted, momentum):
            sizes = tf.cast(graph.sizes, weights[0].dtype)
            norm = tf.reduce_sum(tf.cast(sizes > 0, sizes.dtype)), tf.reduce_sum(sizes)
            if sizes.shape.rank == 1:
                found = gradient(graph, wanted, *norm)
            else:  # part by part: what a part needs stays in the cache

                def add(k, *total):
                    part = MolecularGraph(*(x[k] for x in graph)), Labels(*(x[k] for x in wanted))
                    return k + 1, *(a + b for a, b in zip(total, gradient(*part, *norm), strict=True))

                nothing = tf.zeros(5, sizes.dtype), tf.zeros_like(self.theta.value)
                found = tf.while_loop(lambda k, *_: k < sizes.shape[0], add, [0, *nothing])[1:]
            sums, slope = found
            self.optimizer.apply_gradients([(slope, self.theta)])
            theta, average = self.theta.value, self.average.value
            self.average.assign(tf.cast(momentum, theta.dtype) * (average - theta) + theta)
            assign(self.weights, theta)
            return summary(sums)

        self.momentum = average
        self._train = tf.function(train, jit_compile=True, autograph=False)
        self._errors = tf.function(lambda *batch: summary(errors(*batch)), jit_compile=True, autograph=False)

    def set_rate(self, done: float) -> float:
        """The learning rate when this part of the run is done, after a short start from zero."""
        warm = min((self.count + 1) / 20, 1.0)
        rate = self.rate * warm * (1e-3 + (1 - 1e-3) * 0.5 * (1 + math.cos(math.pi * min(done, 1.0))))
        self.optimizer.learning_rate.assign(rate)
        return rate

    def train(self, graph: MolecularGraph, wanted: Labels) -> np.ndarray:
        """One step; what `_Sums` adds up."""
        # Early averages must not remember the random beginning.
        momentum = min(self.momentum, self.count / (self.count + 10))
        self.count += 1
        if np.ndim(graph.numbers) == 2 and len(graph.numbers) == 1:
            graph, wanted = MolecularGraph(*(x[0] for x in graph)), Labels(*(x[0] for x in wanted))
        return self._train(graph, wanted, tf.constant(momentum, "float32")).numpy()

    def errors(self, graph: MolecularGraph, wanted: Labels) -> np.ndarray:
        """The same of the present weights, without a step."""
        return self._errors(graph, wanted).numpy()

    @contextlib.contextmanager
    def averaged(self):
        """A context in which the network has its averaged weights."""
        assign(self.weights, self.average.value)
        try:
            yield
        finally:
            assign(self.weights, self.theta.value)


def flat(tensors: Sequence[tf.Tensor]) -> tf.Tensor:
    """All numbers of some tensors, one after the other."""
    return tf.concat([tf.reshape(x, [-1]) for x in tensors], 0)


def assign(weights: Sequence[keras.Variable], values: tf.Tensor) -> None:
    """The inverse of `flat`: give weights their values."""
    sizes = [math.prod(w.shape) for w in weights]
    for w, x in zip(weights, tf.split(values, sizes), strict=True):
        w.assign(tf.reshape(x, w.shape))


class _Sums:
    """Means over an epoch, each batch by its size."""

    def __init__(self):
        self.total, self.steps = np.zeros(5), 0
        self.loss = 0.0

    def add(self, found: np.ndarray) -> None:
        loss, ea2, f2, molecules, atoms = (float(x) for x in found)
        self.total += [loss * molecules, ea2 * molecules, f2 * atoms, molecules, atoms]
        self.steps += 1
        self.loss = self.total[0] / self.total[3]

    def logs(self, prefix: str = "") -> dict[str, float]:
        loss, ea2, f2, molecules, atoms = self.total
        return {
            f"{prefix}loss": loss / molecules,
            f"{prefix}energy_rmse_per_atom": math.sqrt(ea2 / molecules),
            f"{prefix}force_rmse": math.sqrt(f2 / atoms),
        }


def _validate(step: _Step, potential: Potential, molecules: list[Molecule], batches: Batches) -> dict[str, float]:
    sums = _Sums()
    for chosen, graph in batches():
        sums.add(step.errors(graph, labels(potential, [molecules[k] for k in chosen], graph)))
    return sums.logs("val_")


class _Run:
    """What must survive a kill: weights, averages, optimizer, the best so far, history and time."""

    def __init__(self, step: _Step, fingerprint: str):
        self.step, self.fingerprint = step, fingerprint
        self.history: dict[str, list[float]] = {}
        self.best, self.best_loss, self.best_epoch = None, math.inf, 0
        self.seconds = self.validation_time = 0.0

    def keep_best(self, loss: float | None, epoch: int) -> None:
        """Remember the averaged weights if they are the best, or if nothing says which are."""
        if loss is None or loss < self.best_loss or self.best is None:
            self.best = self.step.average.numpy()
            self.best_loss, self.best_epoch = math.inf if loss is None else loss, epoch

    def use_best(self) -> None:
        if self.best is not None:
            assign(self.step.weights, self.best)

    def _variables(self) -> dict[str, keras.Variable]:
        found = {f"optimizer{k}": v for k, v in enumerate(self.step.optimizer.variables)}
        return {"weights": self.step.theta, "average": self.step.average, **found}

    def save(self, path: Path, epochs: int) -> None:
        """Write all into one file, at once or not at all."""
        arrays = {name: v.numpy() for name, v in self._variables().items()} | {"best": self.best}
        about = {
            "fingerprint": self.fingerprint, "epochs": epochs, "count": self.step.count, "history": self.history,
            "best_loss": self.best_loss, "best_epoch": self.best_epoch, "seconds": self.seconds,
        }  # fmt: skip
        new = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            with open(new, "wb") as file:
                np.savez(file, about=json.dumps(about), **arrays)
            new.replace(path)
        finally:
            new.unlink(missing_ok=True)

    def load(self, path: Path) -> int:
        """Take up a run; the number of epochs that are done."""
        if not path.parent.is_dir():
            raise InputError(f"there is no folder {quoted(str(path.parent))} for the checkpoint")
        if not path.exists():
            return 0
        try:
            with np.load(path, allow_pickle=False) as kept:
                about = json.loads(str(kept["about"]))
                if about["fingerprint"] != self.fingerprint:
                    raise InputError(
                        f"{quoted(str(path))} is the checkpoint of another run: other molecules or other options; "
                        "remove it, or name another file"
                    )
                for name, variable in self._variables().items():
                    variable.assign(kept[name])
                self.best = kept["best"]
            assign(self.step.weights, self.step.theta.value)
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            if isinstance(error, InputError):
                raise
            raise InputError(f"{quoted(str(path))} is no checkpoint that can be read: {quoted(str(error))}") from None
        self.history, self.step.count, self.seconds = about["history"], about["count"], about["seconds"]
        self.best_loss, self.best_epoch = about["best_loss"], about["best_epoch"]
        return about["epochs"]


class _Progress(keras.callbacks.Callback):
    """A bar for the whole run, or a line an epoch; on standard error."""

    def __init__(self, epochs: int, minutes: float | None, verbose: int, began: float, run: _Run):
        super().__init__()
        self.epochs, self.minutes, self.verbose, self.began, self.run = epochs, minutes, verbose, began, run
        self.before = run.seconds

    def on_epoch_end(self, epoch, logs=None):
        """Show how far it is."""
        logs = logs or {}
        seconds = self.before + time.monotonic() - self.began
        done = (epoch + 1) / self.epochs
        if self.minutes is not None:
            done = max(done, seconds / (60 * self.minutes))
        done = min(done, 1.0)
        left = seconds / done - seconds
        which = "val_" if "val_force_rmse" in logs else ""
        errors = (
            f"energy {1000 * logs.get(which + 'energy_rmse_per_atom', math.nan):.2f} meV/atom, "
            f"force {1000 * logs.get(which + 'force_rmse', math.nan):.1f} meV/Å"
        )
        if self.verbose == 1:
            bar = "█" * round(20 * done) + "·" * (20 - round(20 * done))
            line = f"{bar} {100 * done:3.0f} % epoch {epoch + 1}, {errors}, {_clock(left)} left"
            if sys.stderr.isatty():
                print(f"\r\x1b[2K{line}", end="", flush=True, file=sys.stderr)
            elif done >= 1 or int(10 * done) > int(10 * getattr(self, "shown", 0)):
                self.shown = done
                print(line, flush=True, file=sys.stderr)
        else:
            print(f"epoch {epoch + 1}: {errors}, {_clock(seconds)}", flush=True, file=sys.stderr)

    def on_train_end(self, logs=None):
        """End the line."""
        if self.verbose == 1 and sys.stderr.isatty():
            print(file=sys.stderr)


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    return f"{minutes}:{seconds:02d}" if minutes < 60 else f"{minutes // 60}:{minutes % 60:02d}:{seconds:02d}"


# ------------------------------------------------------------------------------------------------ checks


def _check_options(epochs, minutes, batch_size, learning_rate, energy_weight, force_weight, average, patience) -> None:
    for name, value, least in (("epochs", epochs, 1), ("batch_size", batch_size, 1), ("patience", patience, 1)):
        if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < least):
            raise InputError(f"{name} is a whole number, at least {least}, not {quoted(value)}")
    for name, value in (("minutes", minutes), ("learning_rate", learning_rate)):
        if value is not None and not (isinstance(value, int | float) and 0 < value < math.inf):
            raise InputError(f"{name} is a positive number, not {quoted(value)}")
    for name, value in (("energy_weight", energy_weight), ("force_weight", force_weight)):
        if not (isinstance(value, int | float) and 0 <= value < math.inf):
            raise InputError(f"{name} is 0 or a positive number, not {quoted(value)}")
    if energy_weight == force_weight == 0:
        raise InputError("energy_weight and force_weight are both 0: there is nothing to learn from")
    if not (isinstance(average, int | float) and 0 <= average < 1):
        raise InputError(f"average is a number from 0 to less than 1, not {quoted(average)}")


def _fingerprint(train, validation, *settings) -> str:
    """The same for the same molecules, labels and options."""
    digest = hashlib.sha256(json.dumps([str(setting) for setting in settings]).encode())
    for molecule in [*train, *validation]:
        for array in (molecule.numbers, molecule.positions, molecule.forces):
            digest.update(b"-" if array is None else np.ascontiguousarray(array).tobytes())
        digest.update(repr(molecule.energy).encode())
    return digest.hexdigest()
