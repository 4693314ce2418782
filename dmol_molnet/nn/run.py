"""What a long run of training needs besides its step: a file to go on from, a guard against collapse, a bar.

A run of Adam can leave the place that it has found: a few steps in a row in one direction, and the network is where all
its answers are the same and all its slopes vanish; from there no step leads back.  The guard notices, and the run goes
back to its best weights at a smaller rate.
"""

from __future__ import annotations

import io
import json
import math
import os
import sys
import time
import warnings
import zipfile
from collections import deque
from pathlib import Path

import keras
import numpy as np

from dmol_molnet.molecules import InputError, quoted
from dmol_molnet.nn.workers import Team


class TrainingWarning(UserWarning):
    """Something about a run of training that its reader should know."""


class DivergedError(ArithmeticError):
    """The training collapses again and again; the message says when, and what helps."""


class Guard:
    """Notices that a loss has left its best for good.

    There are three signs.  In training, the mean loss of the last `STEPS` steps is over `FAR` times the least such
    mean.  After an epoch, the loss has been over `ABOVE` times the best one for `EPOCHS` epochs in a row: an epoch's
    noise is smaller, since it is a longer mean, or that of averaged weights.  Or the network has been dead for `DEAD`
    epochs: it answers no force at all.

    Attributes:
        factor: what the learning rate is to be multiplied by: 1, and `SLOWER` times as much after each collapse.
        collapses: how many there were.
    """

    STEPS, FAR = 50, 25.0
    EPOCHS, ABOVE, DEAD = 5, 4.0, 2
    SLOWER, MOST = 0.3, 8

    def __init__(self):
        self.factor, self.collapses = 1.0, 0
        self.forget()

    def forget(self) -> None:
        """Begin to look anew: other weights, or another budget."""
        self._recent, self._least = deque(maxlen=self.STEPS), math.inf
        self._best, self._above, self._dead = math.inf, 0, 0

    def after_step(self, loss: float) -> bool:
        """Whether the loss of this step says that training has collapsed."""
        if not math.isfinite(loss):
            return True
        self._recent.append(loss)
        if len(self._recent) < self.STEPS:
            return False
        mean = sum(self._recent) / self.STEPS
        self._least = min(self._least, mean)
        return mean > self.FAR * self._least

    def after_epoch(self, loss: float, dead: bool = False) -> bool:
        """Whether the loss of this epoch, and of those before, says that training has collapsed."""
        self._above = self._above + 1 if loss > self.ABOVE * self._best else 0
        self._dead = self._dead + 1 if dead else 0
        if not dead:
            self._best = min(self._best, loss)
        return self._above >= self.EPOCHS or self._dead >= self.DEAD or not math.isfinite(loss)

    @property
    def doubtful(self) -> bool:
        """Whether the last epoch was far from the best one: the first sign of a collapse, or just noise."""
        return self._above > 0 or self._dead > 0

    def slow_down(self, epoch: int, rate: float) -> None:
        """Count a collapse, and say so at the first.

        Raises:
            DivergedError: there were too many.
        """
        self.collapses += 1
        self.factor *= self.SLOWER
        if self.collapses > self.MOST:
            raise DivergedError(
                f"the training collapsed {self.collapses} times, the last time in epoch {epoch + 1} at a learning rate "
                f"of {rate:.1e}: try a smaller one, and look for wrong labels"
            )
        if self.collapses == 1:
            warnings.warn(
                f"the training collapsed in epoch {epoch + 1} at a learning rate of {rate:.1e}; it goes on from its "
                f"best weights, from now on at {self.factor:.2g} of the planned rate",
                TrainingWarning,
                stacklevel=3,
            )
        self.forget()

    def state(self) -> dict:
        """All of it, for a checkpoint."""
        return {
            "factor": self.factor, "collapses": self.collapses, "recent": list(self._recent), "least": self._least,
            "best": self._best, "above": self._above, "dead": self._dead,
        }  # fmt: skip

    def restore(self, state: dict) -> None:
        """The inverse of `state`."""
        self.factor, self.collapses = state["factor"], state["collapses"]
        self._recent = deque(state["recent"], maxlen=self.STEPS)
        self._least, self._best = state["least"], state["best"]
        self._above, self._dead = state["above"], state["dead"]


class Run:
    """What must survive a kill: weights, averages, optimizer, the best so far, the guard, history and time.

    Args:
        step: the compiled step, whose `theta`, `average`, `size`, `optimizer` and counts are kept.
        fingerprint: of molecules and options: what goes on must be the same.
        budget: epochs and minutes, which may grow.
    """

    def __init__(self, step, fingerprint: str, budget: list):
        self.step, self.fingerprint, self.budget = step, fingerprint, budget
        self.guard = Guard()
        self.history: dict[str, list[float]] = {}
        self.best, self.best_loss, self.best_epoch = step.theta.numpy(), math.inf, 0
        self.seconds = self.validation_time = 0.0

    def keep_best(self, loss: float, epoch: int) -> None:
        """Remember the averaged weights if they are the best."""
        if loss < self.best_loss:
            self.best, self.best_loss, self.best_epoch = self.step.average.numpy(), loss, epoch

    def go_back(self, epoch: int, rate: float) -> None:
        """After a collapse: the best weights, an optimizer without memory, a smaller rate."""
        self.guard.slow_down(epoch, rate)
        self.step.restart(self.best)

    def _variables(self) -> dict[str, keras.Variable]:
        found = {f"optimizer{k}": v for k, v in enumerate(self.step.optimizer.variables)}
        return {"weights": self.step.theta, "average": self.step.average, "size": self.step.size, **found}

    def save(self, path: Path, epochs: int) -> None:
        """Write all into one file, at once or not at all."""
        arrays = {name: v.numpy() for name, v in self._variables().items()} | {"best": self.best}
        about = {
            "fingerprint": self.fingerprint, "budget": self.budget, "epochs": epochs, "count": self.step.count,
            "warm_from": self.step.warm_from, "planned": self.step.planned, "guard": self.guard.state(),
            "history": self.history, "best_loss": self.best_loss,
            "best_epoch": self.best_epoch, "seconds": self.seconds,
        }  # fmt: skip
        new = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            with open(new, "wb") as file:
                np.savez(file, about=json.dumps(about), **arrays)
            new.replace(path)
        finally:
            new.unlink(missing_ok=True)

    def load(self, path: Path, team: Team) -> int:
        """Take up a run, from the first worker's file; the number of epochs that are done."""
        if team.rank == 0 and not path.parent.is_dir():
            raise InputError(f"there is no folder {quoted(str(path.parent))} for the checkpoint")
        try:
            there = team.rank == 0 and path.exists()
            content = team.gather(b"there: " + path.read_bytes() if there else b"")[0]
            if not content:
                return 0
            with np.load(io.BytesIO(content.removeprefix(b"there: ")), allow_pickle=False) as kept:
                about = json.loads(str(kept["about"]))
                if about["fingerprint"] != self.fingerprint:
                    raise InputError(
                        f"{quoted(str(path))} is the checkpoint of another run: other molecules or other options; "
                        "remove it, or name another file"
                    )
                arrays = {name: kept[name] for name in [*self._variables(), "best"]}
            guard = about["guard"]
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            if isinstance(error, InputError):
                raise
            raise InputError(f"{quoted(str(path))} is no checkpoint that can be read: {quoted(str(error))}") from None
        self.best = arrays.pop("best")
        for name, variable in self._variables().items():
            variable.assign(arrays[name])
        self.step.use(self.step.theta.numpy())
        self.step.count, self.step.warm_from, self.step.planned = (
            about[name] for name in ("count", "warm_from", "planned")
        )
        self.history, self.seconds = about["history"], about["seconds"]
        self.best_loss, self.best_epoch = about["best_loss"], about["best_epoch"]
        self.guard.restore(guard)
        if about["budget"] != self.budget:  # more time lifts the rate, and with it the loss, for a while
            self.guard.forget()
        return about["epochs"]


class Progress(keras.callbacks.Callback):
    """A bar for the whole run, or a line an epoch; on standard error."""

    def __init__(self, epochs: int, minutes: float | None, verbose: int, began: float, run: Run):
        super().__init__()
        self.epochs, self.minutes, self.verbose, self.began = epochs, minutes, verbose, began
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
