"""What the scripts of this folder share."""

import json
import os
import platform
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np


def write(path: Path, text: str) -> None:
    """All or nothing."""
    new = path.with_name(f".{path.name}.new")
    new.write_text(text, encoding="utf-8")
    new.replace(path)


def each(keys: Iterable[str], run: Callable[[str], dict], results: Path, table: Callable[[dict], str]) -> None:
    """Run what `results` (.json) does not hold yet; after every run write it, and the table (.md) beside it."""

    def found():
        return json.loads(results.read_text(encoding="utf-8")) if results.exists() else {"runs": {}}

    for key in keys:
        if key in found()["runs"]:
            continue
        one = run(key)
        now = found()  # another process may have written meanwhile
        now["machine"] = machine()
        now["runs"][key] = one
        write(results, json.dumps(now, indent=1, ensure_ascii=False) + "\n")
        write(results.with_suffix(".md"), table(now))
        print(f"{key}: done", flush=True)


def machine() -> str:
    """What it was measured on."""
    return f"{os.cpu_count()} cores ({platform.machine()})"


def one_thread() -> None:
    """Compute on one core, as a budget in its minutes asks; before anything is computed."""
    import tensorflow as tf

    if tf.config.threading.get_intra_op_parallelism_threads() != 1:
        tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.config.threading.set_inter_op_parallelism_threads(1)


def epochs_in(minutes: float, fit) -> int:
    """How many epochs one thread does in so many minutes of processor time, compilation included.

    Args:
        fit: trains a new potential for two epochs, whose end it tells to the callbacks that it is given.
    """
    import keras

    class Clock(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            at.append(time.process_time())

    at = [time.process_time()]
    fit(epochs=2, callbacks=[Clock()])
    compiling, an_epoch = at[1] - at[0], at[2] - at[1]
    return max(round((60 * minutes - compiling) / an_epoch) + 1, 1)


def rounded(value: float, digits: int = 6) -> float:
    """As many digits as the table needs."""
    return float(f"{value:.{digits}g}")


def spread(values: list[float]) -> str:
    """The mean and the range, in as many digits as make sense."""
    digits = 0 if np.mean(values) >= 100 else 1
    return f"{np.mean(values):.{digits}f} ({min(values):.{digits}f} to {max(values):.{digits}f})"
