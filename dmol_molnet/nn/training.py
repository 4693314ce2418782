"""Training a potential: one compiled step, and around it all that a long run needs.

Weights are followed by an exponential moving average, which is what is validated, kept and saved.  The learning rate
falls along half a cosine, over the epochs or over the minutes.  With a checkpoint, a run that was killed goes on after
its last whole epoch, and ends with the same numbers as one that was not; its epochs or minutes may have grown.  A run
that collapses goes back to its best weights, at a smaller rate.

Of a committee, the mean is trained, exactly as it would be alone.  In the end its members are drawn, and its spread is
calibrated on the molecules held out, or, without any, on those of training (`Potential.draw_members`,
`Potential.calibrate`).
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import sys
import time
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from dmol_molnet.files import check_labels, free_atoms
from dmol_molnet.molecules import InputError, Molecule, quoted
from dmol_molnet.nn.graph import Batches, MolecularGraph, part_size
from dmol_molnet.nn.potential import Normalisation, Potential, reference_energies
from dmol_molnet.nn.run import DivergedError, Progress, Run, TrainingWarning
from dmol_molnet.nn.workers import Team

__all__ = ["DivergedError", "Labels", "TrainingWarning", "Tuning", "fit", "labels"]


CLIP, WARM = 10.0, 20
"""The largest norm of a gradient, and how many steps the rate takes to rise from zero."""


class Labels(NamedTuple):
    """What a batch should give: energy [G] eV, less the shifts; forces [A, 3] eV/Å; 0 for padding."""

    energy: np.ndarray
    forces: np.ndarray


class Tuning(NamedTuple):
    """How a trained potential is trained further, as `dmol_molnet.nn.finetuning.finetune` says.

    Attributes:
        freeze: "none", or "trunk" to train the readouts alone.
        replay: old molecules to mix in, on the zero of energy of the new ones.
        share: of an epoch's molecules, how many are old ones.
        start: the fingerprint of what is begun with.
    """

    freeze: str
    replay: Sequence[Molecule]
    share: float
    start: str

    def draw(self, n: int, rng: np.random.Generator) -> np.ndarray | None:
        """Which of n new molecules, and of the old ones behind them, an epoch has; None for all."""
        if not self.replay:
            return None
        old = min(max(round(n * self.share / (1 - self.share)), 1), len(self.replay))
        return np.concatenate([np.arange(n), n + rng.choice(len(self.replay), old, replace=False)])


def fit(
    potential: Potential,
    train: Sequence[Molecule],
    validation_data: Sequence[Molecule] | None = None,
    *,
    epochs: int | None = None,
    minutes: float | None = None,
    batch_size: int = 5,
    learning_rate: float = 0.02,
    energy_weight: float = 1.0,
    force_weight: float = 10.0,
    average: float = 0.99,
    reference: Mapping[str, float] | str | None = None,
    patience: int | None = None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    checkpoint: str | Path | None = None,
    seed: int = 0,
    verbose: int = 1,
    began: float | None = None,
    team: Team | None = None,
    tuning: Tuning | None = None,
) -> keras.callbacks.History:
    """Train a potential on labelled molecules; it ends with the best averaged weights by `validation_data`.

    One that is trained already goes on from its weights, at the rate of a new one: `Potential.finetune` is gentler.

    Args:
        potential: gets its normalisation from `train`, unless it has one.
        train: molecules with energies (eV) and forces (eV/Å).  Free atoms among them, uncharged and without neighbours,
            give the reference energies of their elements and are not trained on.
        validation_data: more of them; None keeps the last weights, or the best by the training loss where the
            last epoch was far worse.
        epochs: rounds over the training set; None for 100, or for as many as the minutes allow.
        minutes: stop after so much time, compilation and validation included.
        batch_size: molecules a step.
        learning_rate: of Adam, at the beginning; it ends at a thousandth.  In units of the root mean square that each
            tensor of weights begins with, so that one rate suits networks of any width.
        energy_weight, force_weight: w_E and w_F of the loss; w_F = 0 needs no forces.
        average: m of the moving average, a <- m a + (1 - m) w after each step.
        reference: the reference energies, as for `Normalisation.of`; of a potential that has some, None keeps them,
            unless the labels have another zero of energy than it has learned, which is told, and "kept" in any case.
        patience: stop after so many epochs without a better validation loss.
        callbacks: of Keras; they see the losses and errors as `logs`, and may set `potential.stop_training`.  After an
            epoch, the network has its averaged weights, to which `val_*` belong.  A callback that sets the rate of
            `potential.optimizer` takes the rate over.
        checkpoint: a file (.npz) to write after every epoch, and to go on from if it is there; with more epochs or
            minutes than before, too.
        seed: of the order in which molecules are drawn, and of a committee's members.
        verbose: 0 silent, 1 one bar for the whole run, 2 one line an epoch.
        began: the `time.monotonic()` from which minutes count; None for now.
        team: the workers that train together, each in a process that calls this with the same arguments; None for this
            one alone.  All end with the same weights; the first speaks, reads and writes the checkpoint, and its clock
            counts.
        tuning: of a trained potential; `Potential.finetune` gives it.

    Returns:
        `.history`: by epoch, loss, energy_rmse_per_atom (eV), force_rmse (eV/Å), learning_rate, seconds; and, with
        the averaged weights, val_loss, val_energy_rmse_per_atom, val_force_rmse.

    Raises:
        InputError: molecules without labels, bad options, a checkpoint of another run, or workers that differ.
        DivergedError: the training collapsed again and again.
        LostWorkerError: a worker of the team is gone.
    """
    team = Team() if team is None else team
    silent, verbose = not verbose, verbose if team.rank == 0 else 0
    began = time.monotonic() if began is None else began
    train, validation = list(train), list(validation_data or [])
    _check_options(
        epochs, minutes, batch_size, learning_rate, energy_weight, force_weight, average, patience, 0 if tuning else 1
    )
    free, train = free_atoms(train, potential.cutoff)
    _, validation = free_atoms(validation, potential.cutoff)
    for name, molecules in (("training", train), ("validation", validation)):
        check_labels(molecules, force_weight > 0, name)
    if not train:
        raise InputError("there is no molecule to train on")
    if team.size > min(batch_size, len(train)):
        raise InputError(
            f"{team.size} workers cannot share a step of {min(batch_size, len(train))} molecules: take fewer workers, "
            "or more molecules a step (batch_size)"
        )
    reference = free or None if reference is None else reference
    potential.example = max(train[:20], key=lambda molecule: len(molecule.numbers))
    if potential.normalisation is None:
        potential.normalise(Normalisation.of(train, potential.cutoff, reference))
    elif reference is None:
        _follow_zero(potential, train)
    elif reference != "kept":
        _refer(potential, train, reference)
    epochs = (100 if minutes is None else sys.maxsize) if epochs is None else epochs

    frozen = tuning is not None and tuning.freeze == "trunk"
    weights = potential.model.readout_weights if frozen else None
    step = _Step(potential, learning_rate, energy_weight, force_weight, average, weights, team)
    start_of = asdict(potential.normalisation) if tuning is None else tuning.start
    about = fingerprint(train, validation, batch_size, seed, step.settings, start_of)
    if team.size > 1:
        options = {"batch_size": batch_size, "seed": seed, "epochs": epochs, "minutes": minutes}
        begun = {} if tuning is None else {"fine-tuning of": tuning.start[:12]}
        team.agree(_about(train, validation, step, **options, **begun))
    n_new = len(train)
    if tuning is not None:
        train += tuning.replay
    batches = Batches(train, potential.cutoff, batch_size, split=True, workers=team.size)
    held_out = Batches(validation, potential.cutoff, part_size(validation)) if validation else None
    run = Run(step, about, [epochs, minutes])
    start = run.load(Path(checkpoint), team) if checkpoint is not None else 0
    if start and verbose:
        print(f"going on after epoch {start}", file=sys.stderr)
    if tuning is not None and validation and not start:  # what it begins with may be the best
        run.best_loss, run.best_epoch = _validate(step, potential, validation, held_out)["val_loss"], -1
    known = [m.forces for m in validation or train if force_weight and m.forces is not None]
    # The error of a network that answers no force.
    zero = float(np.sqrt(np.mean(np.concatenate(known) ** 2))) if known else 0.0
    deadline = None if minutes is None else 60 * minutes - run.seconds

    if potential.members > 1 and deadline is not None:
        _draw(potential, train, validation, seed)  # compiles what the end needs, as long as it counts

    history = keras.callbacks.History()
    shown = [] if not verbose else [Progress(epochs, minutes, verbose, began, run)]
    everyone = keras.callbacks.CallbackList([history, *callbacks, *shown], model=potential)
    potential.stop_training, potential.optimizer = False, step.optimizer
    everyone.on_train_begin()
    history.history = run.history
    history.epoch = list(range(start))
    before = run.seconds

    def passed() -> float:
        """Seconds since it began; with a deadline, by the first worker's clock."""
        now = time.monotonic() - began
        if deadline is not None:
            now, run.validation_time = team.first([now, run.validation_time]).tolist()
        return now

    together = contextlib.ExitStack()
    try:
        together.enter_context(team.stopping_together())
        for epoch in range(start, epochs):
            if potential.stop_training or (deadline is not None and passed() >= deadline):
                break
            everyone.on_epoch_begin(epoch)
            sums, rng = _Sums(), np.random.default_rng([seed, epoch])
            drawn = None if tuning is None else tuning.draw(n_new, rng)
            n_steps = batches.count(drawn)
            for k, (chosen, size_class) in enumerate(batches.rounds(rng, drawn)):
                now = passed()
                if deadline is not None and now + run.validation_time >= deadline and k + epoch > 0:
                    potential.stop_training = True
                    break
                done = (epoch + k / n_steps) / epochs
                if minutes is not None:
                    done = max(done, (before + now) / (60 * minutes))
                rate = step.set_rate(done, run.guard.factor)
                everyone.on_train_batch_begin(k)
                mine, graph = batches.share(chosen, size_class, team.rank)
                size = len(chosen), sum(len(train[c]) for c in chosen)
                found = step.train(graph, labels(potential, [train[c] for c in mine], graph), size)
                if run.guard.after_step(float(found[0])):
                    run.go_back(epoch, rate)
                    continue  # the step is undone, so it does not count
                sums.add(found)
                everyone.on_train_batch_end(k, {"loss": sums.loss})
            if not sums.steps:
                continue
            logs = sums.logs()
            step.follow_first()
            with step.averaged():
                if held_out is not None:
                    validating = time.monotonic()
                    logs |= _validate(step, potential, validation, held_out)
                    run.validation_time = time.monotonic() - validating
                run.seconds = before + time.monotonic() - began
                logs |= {"learning_rate": rate, "seconds": run.seconds}
                loss, error = (logs["val_" * bool(validation) + name] for name in ("loss", "force_rmse"))
                # Where all forces are zero, so are all slopes: no step leads out of there.
                dead = zero > 0 and abs(error / zero - 1) < 1e-4
                if not dead:
                    run.keep_best(loss, epoch)
                everyone.on_epoch_end(epoch, logs)  # History, the first of them, writes into run.history
            if run.guard.after_epoch(loss, dead):
                run.go_back(epoch, rate)
            if checkpoint is not None and team.rank == 0 and not (potential.stop_training and deadline is not None):
                run.save(Path(checkpoint), epoch + 1)
            if patience is not None and validation and epoch - run.best_epoch >= patience:
                break
    except KeyboardInterrupt:
        if silent:
            raise
        if verbose:
            print(f"\nstopped by hand after {len(run.history.get('loss', []))} epochs", file=sys.stderr)
    finally:
        together.close()
    # Without validation the last weights are the best trained ones, unless something has just gone wrong with them.
    if step.count and run.best_epoch < 0:
        warnings.warn(
            "on the molecules held out, no epoch was better than the potential that this began with: its weights stay",
            TrainingWarning,
            stacklevel=2,
        )
    if step.count:  # without a step, not even the last bit of a weight changes
        step.use(run.best if validation or run.guard.doubtful else step.average.numpy())
    if potential.members > 1:
        _draw(potential, train, validation, seed)
    everyone.on_train_end()
    potential.optimizer = None  # or it would be saved with the potential, twice as large as the weights
    return history


def _draw(potential: Potential, train: Sequence[Molecule], validation: Sequence[Molecule], seed: int) -> None:
    """Draw the members of a committee, and calibrate their spread on molecules held out, or else on those of training.

    The latter flatter, by as much as they have been learned by heart.
    """
    potential.draw_members(train, seed)
    potential.calibrate(validation or train[:: -(-len(train) // 200)])


def _refer(potential: Potential, train: Sequence[Molecule], reference: Mapping[str, float] | str | None) -> None:
    """Take other reference energies, and keep the other constants."""
    old, found = potential.normalisation, Normalisation.of(train, potential.cutoff, reference)
    shifts = {symbol: found.shifts.get(symbol, shift) for symbol, shift in old.shifts.items()}
    potential.normalise(replace(old, shifts=shifts, undetermined=found.undetermined))


def _follow_zero(potential: Potential, train: Sequence[Molecule]) -> None:
    """Move the reference energies where a potential knows the forces of these labels, and misses all energies alike."""
    some = train[:: max(len(train) // 50, 1)]
    if any(molecule.forces is None for molecule in some):
        return
    energies, forces = potential.energy_and_forces(some)
    off = [replace(m, energy=m.energy - e) for m, e in zip(some, energies, strict=True)]
    an_atom = np.array([m.energy / len(m) for m in off])
    labels = np.concatenate([m.forces for m in some])
    knows = np.mean((np.concatenate(forces) - labels) ** 2) < 0.25 * np.mean(labels**2)
    if not knows or not another_zero(an_atom.mean(), an_atom - an_atom.mean()):
        return
    moves, _ = reference_energies(off)
    shifts = {s: shift + moves.get(s, 0.0) for s, shift in potential.normalisation.shifts.items()}
    potential.normalise(replace(potential.normalisation, shifts=shifts))
    warnings.warn(
        f"the labels have another zero of energy than the potential has learned, {an_atom.mean():+.3f} eV an atom: its "
        "reference energies are moved by that much",
        TrainingWarning,
        stacklevel=3,
    )


def another_zero(moved: np.ndarray, left: np.ndarray) -> bool:
    """Whether energies are plainly off by their zero.

    Args:
        moved: what other reference energies would take off each molecule's, eV an atom.
        left: what they would leave, eV an atom.
    """
    size, rest = (np.sqrt(np.mean(np.square(x))) for x in (moved, left))
    return bool(size >= max(0.05, 5 * rest))


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

    def __init__(self, potential, learning_rate, energy_weight, force_weight, average, weights=None, team=None):
        self.potential, self.rate, self.team = potential, learning_rate, Team() if team is None else team
        self.settings = [learning_rate, energy_weight, force_weight, average]
        self.weights = potential.trainable_variables if weights is None else weights
        # All weights one after the other: one variable to optimise and to average is less to compile than many.  Each
        # is counted in units of the size that its tensor begins with: Adam moves a number by the rate, whatever its
        # size, and 0.005 is much for a matrix of entries like 0.09 and little for one of entries like 1.
        self.size = keras.Variable(sizes(self.weights), trainable=False)
        self.theta = keras.Variable(flat([w.value for w in self.weights]) / self.size.value)
        # From numpy: a variable made of another's value would be that variable, and no average.
        self.average = keras.Variable(self.theta.numpy(), trainable=False)
        self.optimizer = keras.optimizers.Adam(learning_rate, global_clipnorm=CLIP)
        self.optimizer.build([self.theta])
        self.count = self.warm_from = 0
        self.planned = float(self.optimizer.learning_rate.numpy())  # the rate that was set last
        self.scale = scale = float(np.mean(list(potential.normalisation.scales.values())))

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

        weights = [w.value for w in self.weights]

        def gradient(graph, wanted, molecules, atoms):
            with tf.GradientTape() as tape:
                sums = errors(graph, wanted)
                loss = energy_weight * sums[0] / molecules + force_weight * sums[2] / atoms
            return sums, flat(tape.gradient(loss, weights))

        def slope(graph, wanted, molecules, atoms):
            """Of a batch of so many molecules and atoms, or of a worker's share of it."""
            if len(graph.sizes.shape) == 1:
                return gradient(graph, wanted, molecules, atoms)

            def add(k, *total):  # part by part: what a part needs stays in the cache
                part = MolecularGraph(*(x[k] for x in graph)), Labels(*(x[k] for x in wanted))
                found = gradient(*part, molecules, atoms)
                return k + 1, *(a + b for a, b in zip(total, found, strict=True))

            nothing = tf.zeros(5, weights[0].dtype), tf.zeros_like(self.theta.value)
            return tf.while_loop(lambda k, *_: k < graph.sizes.shape[0], add, [0, *nothing])[1:]

        def update(slope, momentum):
            self.optimizer.apply_gradients([(slope * self.size.value, self.theta)])
            theta, average = self.theta.value, self.average.value
            self.average.assign(tf.cast(momentum, theta.dtype) * (average - theta) + theta)
            assign(self.weights, theta * self.size.value)

        def train(graph, wanted, molecules, atoms, momentum):
            sums, found = slope(graph, wanted, molecules, atoms)
            update(found, momentum)
            return sums

        self.momentum = average
        compiled = {"jit_compile": True, "autograph": False}
        self._train, self._slope, self._update = (tf.function(it, **compiled) for it in (train, slope, update))
        self._errors = tf.function(errors, **compiled)

    def set_rate(self, done: float, factor: float = 1.0) -> float:
        """The learning rate when this part of the run is done, after a short start from zero.

        A rate that somebody else has set stays.
        """
        now = float(self.optimizer.learning_rate.numpy())
        if now != self.planned:
            return now
        warm = min((self.count - self.warm_from + 1) / WARM, 1.0)
        rate = factor * self.rate * warm * (1e-3 + (1 - 1e-3) * 0.5 * (1 + math.cos(math.pi * min(done, 1.0))))
        self.optimizer.learning_rate.assign(rate)
        self.planned = float(self.optimizer.learning_rate.numpy())
        return rate

    def train(self, graph: MolecularGraph, wanted: Labels, size: tuple[int, int] | None = None) -> np.ndarray:
        """One step; what `_Sums` adds up.  The batch has so many molecules and atoms; None if all of it is here.

        Raises:
            KeyboardInterrupt: a worker of the team was asked to stop; the step is not taken.
        """
        # Early averages must not remember the random beginning.
        momentum = min(self.momentum, (self.count - self.warm_from) / (self.count - self.warm_from + 10))
        self.count += 1
        dtype = np.asarray(graph.positions).dtype
        size = (np.count_nonzero(graph.sizes), np.sum(graph.sizes)) if size is None else size
        batch = _one_part(graph), _one_part(wanted), *(np.asarray(n, dtype) for n in size)
        momentum = tf.constant(momentum, "float32")
        if self.team.size == 1:
            return self._summary(self._train(*batch, momentum))
        found = [x.numpy() for x in self._slope(*batch)]
        total = self.team.add(np.concatenate([np.array([self.team.stop], dtype), *found]))
        if total[0] > 0:
            raise KeyboardInterrupt
        self._update(total[6:], momentum)
        return self._summary(total[1:6])

    def errors(self, graph: MolecularGraph, wanted: Labels) -> np.ndarray:
        """The same of the present weights, without a step."""
        return self._summary(self._errors(graph, wanted))

    def _summary(self, sums) -> np.ndarray:
        """Loss, mean squares of the errors, molecules and atoms; of the same sums, the same to the last digit."""
        _, energy_weight, force_weight, _ = self.settings
        e2, ea2, f2, molecules, atoms = np.asarray(sums, "float64")
        loss = energy_weight * e2 / molecules + force_weight * f2 / atoms
        return np.array([loss, ea2 / molecules * self.scale**2, f2 / atoms * self.scale**2, molecules, atoms])

    def follow_first(self) -> None:
        """Take the first worker's numbers: another kind of processor may have rounded the same steps otherwise."""
        if self.team.size > 1:
            for variable in (self.theta, self.average, *self.optimizer.variables):
                variable.assign(self.team.first(variable.numpy()))
            self.use(self.theta.value)

    def use(self, values: np.ndarray) -> None:
        """Give the network these weights, as `theta` counts them."""
        assign(self.weights, tf.convert_to_tensor(values) * self.size.value)

    def restart(self, values: np.ndarray) -> None:
        """Go on from these weights, without memory: average, slopes and rate begin anew."""
        for variable in self.optimizer.variables:
            if variable is not self.optimizer.learning_rate:
                variable.assign(np.zeros(variable.shape, variable.dtype))
        self.theta.assign(values)
        self.average.assign(values)
        self.use(values)
        self.warm_from = self.count

    @contextlib.contextmanager
    def averaged(self):
        """A context in which the network has its averaged weights."""
        self.use(self.average.value)
        try:
            yield
        finally:
            self.use(self.theta.value)


def _one_part(batch):
    """A batch in parts [P, …], without that axis if there is but one."""
    return type(batch)(*(x[0] for x in batch)) if len(batch[0]) == 1 else batch


def flat(tensors: Sequence[tf.Tensor]) -> tf.Tensor:
    """All numbers of some tensors, one after the other."""
    return tf.concat([tf.reshape(x, [-1]) for x in tensors], 0)


def sizes(weights: Sequence[keras.Variable]) -> np.ndarray:
    """The root mean square of each tensor, once for each of its numbers; those that begin at zero get the median."""
    found = [float(np.sqrt(np.mean(np.square(w.numpy())))) for w in weights]
    typical = float(np.median([size for size in found if size > 0] or [1.0]))
    return np.concatenate(
        [np.full(math.prod(w.shape), size or typical, w.dtype) for w, size in zip(weights, found, strict=True)]
    )


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
    """Each worker some of the batches."""
    sums, team = _Sums(), step.team
    for n, (chosen, graph) in enumerate(batches()):
        if n % team.size == team.rank:
            sums.add(step.errors(graph, labels(potential, [molecules[k] for k in chosen], graph)))
    sums.total = team.add(sums.total)
    return sums.logs("val_")


# ------------------------------------------------------------------------------------------------ checks


def _check_options(
    epochs, minutes, batch_size, learning_rate, energy_weight, force_weight, average, patience, fewest
) -> None:
    for name, value, least in (
        ("epochs", epochs, fewest),
        ("batch_size", batch_size, 1),
        ("patience", patience, 1),
    ):
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


def _about(train, validation, step, **options) -> dict[str, str]:
    """What workers must have in common, in words."""
    weights = hashlib.sha256(step.theta.numpy().tobytes()).hexdigest()[:12]
    told = (
        dict(zip(("learning_rate", "energy_weight", "force_weight", "average"), step.settings, strict=True)) | options
    )
    return {
        "the options": ", ".join(f"{name} {value}" for name, value in told.items()),
        "the network": f"{step.theta.shape[0]} weights (digest {weights})",
        "the molecules": f"{len(train)} and {len(validation)} held out (digest {fingerprint(train, validation)[:12]})",
    }


def fingerprint(train, validation, *settings) -> str:
    """The same for the same molecules, labels and options."""
    digest = hashlib.sha256(json.dumps([str(setting) for setting in settings]).encode())
    for molecule in [*train, *validation]:
        for array in (molecule.numbers, molecule.positions, molecule.forces):
            digest.update(b"-" if array is None else np.ascontiguousarray(array).tobytes())
        digest.update(repr(molecule.energy).encode())
    return digest.hexdigest()
