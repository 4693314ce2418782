"""Each choice of normalisation within layers on and off: train one small network again and again, all else the same.

    python experiments/layers.py            # about half an hour on two cores
    python experiments/layers.py --epochs 1 --seeds 1 --output /tmp/try

The network is NequIP's point of the design space, small.  Trains on the 500 frames of acetylacetone at 300 K that ship
with the package and tests on the 650 of the other trajectory at 300 K, as they are and turned, each frame by a rotation
of its own.

Writes `dmol_molnet/data/layers.json`, which the chapter on normalisation reads, and `experiments/layers.md`.  Every run
is written when it ends: a killed script goes on with those that are missing.  One thread a run, so that the numbers do
not depend on how busy the machine is.
"""

import argparse
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import json
import math
import multiprocessing
import platform
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

import numpy as np
from common import one_thread, rounded, spread, write

ROOT = Path(__file__).parents[1]
DATA = ROOT / "dmol_molnet" / "data" / "layers.json"
TABLE = Path(__file__).with_suffix(".md")

NETWORK = {"channels": 16, "layers": 3, "l_max": 2, "hidden_l_max": 1, "cutoff": 5.0, "elements": ["H", "C", "O"]}
TRAINING = {"epochs": 30, "batch_size": 4, "learning_rate": 0.02}
SEEDS = 3  # of the first weights and of the order of the frames


@dataclass(frozen=True)
class Choice:
    """One line of the table: what is chosen, how, by which arguments of the network and which change of its layers."""

    choice: str
    value: str
    network: dict = field(default_factory=dict)
    change: str = ""


CHOICES = {
    "base": Choice("base", "gates, no norms, sums of K terms divided by √K"),
    "linear": Choice("nonlinearity", "none, all features pass linearly", {"gates": False}),
    "pointwise": Choice("nonlinearity", "silu of every component", {"gates": False}, "pointwise"),
    "norm": Choice("layer norm", "at the entrance of each layer, with gates", {"norm": True}),
    "norm-linear": Choice("layer norm", "at the entrance of each layer, without gates", {"norm": True, "gates": False}),
    "undivided": Choice("weights", "sums not divided", change="undivided"),
    "drawn": Choice("weights", "sums not divided, weights drawn smaller by 1/√K", change="drawn"),
    "one-rate": Choice("weights", "the same, and one learning rate whatever the size of weights", change="one-rate"),
    "silu": Choice("weights", "silu without its constant", change="silu"),
}


# ------------------------------------------------------------------------------------------------ one run


def change_layers(how: str) -> None:
    """Change the layers of the package, in this process."""
    import keras
    import tensorflow as tf

    from dmol_molnet.nn import ace, design_space, training

    class Pointwise(ace.Update):
        """What must not be done: each component through a nonlinearity of its own."""

        def call(self, m, h, z):
            return ace.silu(super().call(m, h, z))

    def undivided(h, kernel):
        y = tf.reshape(h, (-1, kernel.shape[0])) @ kernel
        return tf.reshape(y, (*h.shape[:-1], kernel.shape[1]))

    draw = ace.Layer.weight

    def smaller(self, name, *shape):
        if len(shape) != 2:
            return draw(self, name, *shape)
        initializer = keras.initializers.RandomNormal(stddev=shape[0] ** -0.5, seed=next(self._seeds))
        return self.add_weight(name=name, shape=shape, initializer=initializer)

    if how == "pointwise":
        design_space.Update = Pointwise
    if how in ("undivided", "drawn", "one-rate"):
        ace.weigh = undivided
    if how in ("drawn", "one-rate"):
        ace.Layer.weight = smaller
    if how == "one-rate":
        training.sizes = lambda weights: np.ones(sum(int(np.prod(w.shape)) for w in weights), "float32")
    if how == "silu":
        ace.silu = tf.nn.silu


def run(name: str, seed: int, options: dict) -> dict:
    """Train with one choice and one seed; the errors at 300 K, of frames as they are and turned."""
    one_thread()

    from dmol_molnet import datasets, symmetry
    from dmol_molnet.nn.design_space import build
    from dmol_molnet.nn.potential import Potential
    from dmol_molnet.nn.training import DivergedError

    choice, began = CHOICES[name], time.monotonic()
    change_layers(choice.change)
    data = datasets.load("acetylacetone")
    potential = Potential(build("nequip", **{**NETWORK, **choice.network}, seed=seed))
    found = {"seed": seed}
    try:
        history = potential.fit(data.train, **options, seed=seed, verbose=0).history
    except DivergedError:
        return {**found, "diverged": True, "seconds": round(time.monotonic() - began, 1)}
    rotations = [symmetry.random_rotation(k) for k in range(len(data.test_300K))]
    turned = [symmetry.moved(m, R) for m, R in zip(data.test_300K, rotations, strict=True)]
    for key, frames in (("", data.test_300K), ("turned_", turned)):
        errors = potential.evaluate(frames)
        found |= {f"{key}{error}": rounded(errors[error]) for error in ("energy_rmse", "force_rmse")}
    e, there = (potential.energy_and_forces(frames)[0] for frames in (data.test_300K, turned))
    return {
        **found,
        "energy_changed_by_turn": rounded(np.sqrt(((there - e) ** 2).mean())),
        "force_rmse_after_1_epoch": rounded(history["force_rmse"][0]),
        "diverged": False,
        "seconds": round(time.monotonic() - began, 1),
    }


# ------------------------------------------------------------------------------------------------ the table


def table(result: dict) -> str:
    """The runs as Markdown: mean over seeds, and from the smallest to the largest."""
    lines = ["# Layers, normalised or not", "", *__doc__.split("\n\n")[2].split("\n"), ""]
    lines += [f"Measured by `{result['command']}`:", ""]
    for what in ("network", "training", "versions"):
        lines.append(f"- {what}: " + ", ".join(f"{key} {value}" for key, value in result[what].items()))
    lines += ["", "| choice | value | energy, meV | force, meV/Å | turned: energy, meV | force, meV/Å | seeds |"]
    lines.append("| --- | --- | --- | --- | --- | --- | --- |")
    for entry in result["choices"].values():
        runs = [r for r in entry["runs"] if not r["diverged"]]
        keys = "energy_rmse", "force_rmse", "turned_energy_rmse", "turned_force_rmse"
        cells = [spread([1000 * r[key] for r in runs]) for key in keys] if runs else ["diverged"] * 4
        lines.append("| " + " | ".join([entry["choice"], entry["value"], *cells, str(len(entry["runs"]))]) + " |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, help="a folder for both files (default: the package and experiments/)")
    parser.add_argument("--epochs", type=int, default=TRAINING["epochs"], help="fewer, to try the script")
    parser.add_argument("--seeds", type=int, default=SEEDS, help="fewer, to try the script")
    parser.add_argument("--workers", type=int, default=2, help="how many runs at a time")
    arguments = parser.parse_args()
    data, report = DATA, TABLE
    if arguments.output:
        arguments.output.mkdir(parents=True, exist_ok=True)
        data, report = arguments.output / DATA.name, arguments.output / TABLE.name

    training = {**TRAINING, "epochs": arguments.epochs}
    packages = ("dmol-molnet", "tensorflow", "keras", "numpy")
    result = {
        "made by": "experiments/layers.py",
        "command": "python experiments/layers.py",
        "versions": {"python": platform.python_version(), **{name: version(name) for name in packages}},
        "network": NETWORK,
        "training": training,
        "units": {"energy": "eV", "force": "eV/Å"},
        "choices": {name: {"choice": c.choice, "value": c.value, "runs": []} for name, c in CHOICES.items()},
    }
    if data.exists():
        kept = json.loads(data.read_text(encoding="utf-8"))
        if all(kept[key] == result[key] for key in ("network", "training", "versions")):
            for name in set(kept["choices"]) & set(CHOICES):
                result["choices"][name]["runs"] = kept["choices"][name]["runs"]

    def save() -> None:
        for entry in result["choices"].values():
            entry["runs"].sort(key=lambda r: r["seed"])
        write(data, json.dumps(result, indent=1, ensure_ascii=False) + "\n")
        write(report, table(result))

    jobs = [
        (name, seed)
        for seed in range(arguments.seeds)
        for name in CHOICES
        if seed not in {r["seed"] for r in result["choices"][name]["runs"]}
    ]
    # A fresh process for each: the layers are changed in it, and TensorFlow does not survive a fork.
    with ProcessPoolExecutor(
        arguments.workers, mp_context=multiprocessing.get_context("spawn"), max_tasks_per_child=1
    ) as pool:
        pending = {pool.submit(run, *job, training): job for job in jobs}
        for count, future in enumerate(as_completed(pending), 1):
            (name, seed), found = pending[future], future.result()
            result["choices"][name]["runs"].append(found)
            save()
            force = 1000 * found.get("force_rmse", math.inf)
            print(f"{count} of {len(jobs)}: {name}, seed {seed}: {force:.1f} meV/Å, {found['seconds']} s", flush=True)
    save()  # also where nothing was left to run
    print(table(result))


if __name__ == "__main__":
    main()
