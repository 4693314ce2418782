"""Why long runs of training collapsed: one choice of the optimizer at a time, on ethanol.

    python experiments/collapse.py --sets sets       # an hour; what is done already is not done again

Every run trains the default SchNet on 950 published frames of ethanol (Batatia et al. (2025), `batatia2025design`) and
looks every fifth epoch at 200 unseen ones.  The rate follows the half cosine of 300 epochs, and the run ends after 120
of them, where it is still at two thirds of its height.  The base line is how this package once trained: Adam at a rate
of 0.005 whatever the size of the weights, gradients clipped at a norm of 100, no average.

Writes `experiments/collapse.json`, after every run, and `experiments/collapse.md`.
"""

import argparse
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from common import each, one_thread, rounded
from training import frames

RESULTS = Path(__file__).with_suffix(".json")
EPOCHS, LAST, LOOK = 300, 120, 5


@dataclass(frozen=True)
class Choice:
    """What one run does."""

    rate: float = 0.005
    units: bool = False  # the rate counts in the first size of each tensor
    clip: float = 100.0
    warm: int = 20
    beta_2: float = 0.999
    force_weight: float = 10.0
    divide: bool = False  # sums over neighbours, by their mean number
    still: bool = False  # the last layer begins at zero
    seed: int = 0


CHOICES = {
    "as it was": Choice(),
    "as it was, seed 1": Choice(seed=1),
    "rate 0.02 of each tensor's size": Choice(rate=0.02, units=True),
    "rate 0.02 of each tensor's size, seed 1": Choice(rate=0.02, units=True, seed=1),
    "rate 0.05 of each tensor's size": Choice(rate=0.05, units=True),
    "clipped at 20": Choice(clip=20.0),
    "clipped at 10": Choice(clip=10.0),
    "clipped at 5": Choice(clip=5.0),
    "clipped at 1": Choice(clip=1.0),
    "1000 steps of warm-up": Choice(warm=1000),
    "β₂ = 0.99": Choice(beta_2=0.99),
    "last layer begins at 0": Choice(still=True),
    "sums divided by the mean number of neighbours": Choice(divide=True),
    "force weight 100": Choice(force_weight=100.0),
    "rate 0.002": Choice(rate=0.002),
    "rate 0.001": Choice(rate=0.001),
}


def run(choice: Choice, folder: Path) -> dict:
    """One run; by looks: epoch, error of the weights and of their average (eV/Å), median norm of the gradient."""
    import keras
    import tensorflow as tf

    one_thread()

    from dmol_molnet.nn import training
    from dmol_molnet.nn.design_space import build
    from dmol_molnet.nn.graph import Batches, part_size
    from dmol_molnet.nn.potential import Normalisation, Potential

    class Norms(keras.optimizers.Adam):
        """Adam that keeps the norm of its last gradient."""

        def apply_gradients(self, pairs):
            ((slope, variable),) = pairs
            norm.assign(tf.norm(slope))
            super().apply_gradients([(tf.clip_by_norm(slope, choice.clip), variable)])

    norm = tf.Variable(0.0)
    train, test = frames("ethanol", folder)
    order = np.random.default_rng(0).permutation(len(train))
    train, test = [train[k] for k in order[:950]], test[:200]
    potential = Potential(build("schnet", seed=choice.seed, **({} if choice.divide else {"neighbors": 1.0})))
    potential.normalise(Normalisation.of(train, potential.cutoff))
    if choice.still:
        last = potential.model.readout[-1].kernel
        last.assign(tf.zeros_like(last.value))
    training.WARM = choice.warm
    if not choice.units:
        training.sizes = lambda weights: np.ones(sum(int(np.prod(w.shape)) for w in weights), "float32")
    step = training._Step(potential, choice.rate, 1.0, choice.force_weight, 0.99)
    step.optimizer = Norms(choice.rate, beta_2=choice.beta_2)
    step.optimizer.build([step.theta])
    batches, unseen = Batches(train, potential.cutoff, 5, split=True), Batches(test, potential.cutoff, part_size(test))

    def error():
        return rounded(training._validate(step, potential, test, unseen)["val_force_rmse"], 4)

    looks, norms = [], []
    for epoch in range(LAST):
        for k, (chosen, graph) in enumerate(batches(np.random.default_rng([choice.seed, epoch]))):
            step.set_rate((epoch + k / len(batches)) / EPOCHS)
            step.train(graph, training.labels(potential, [train[c] for c in chosen], graph))
            norms.append(float(norm.numpy()))
        if epoch % LOOK == LOOK - 1:
            raw = error()
            with step.averaged():
                looks.append([epoch + 1, raw, error(), rounded(np.median(norms), 3), rounded(max(norms), 3)])
            norms = []
            if not np.isfinite(raw):
                break
    forces = np.concatenate([m.forces for m in test])
    return {"looks": looks, "forces": rounded(float(np.sqrt(np.mean(forces**2))))}


def table(found: dict) -> str:
    """Markdown, a row a choice."""
    lines = ["# Why long runs of training collapsed", "", *__doc__.split("\n\n")[2:3], ""]
    lines += [
        "Errors of forces on unseen frames in meV/Å, and norms of the gradient, before the collapse or at the end."
    ]
    lines += ["A run has collapsed when its network answers no force at all.", ""]
    lines += ["| what is different | collapses in epoch | weights | their average | norm, median | norm, largest |"]
    lines += ["| --- | --- | --- | --- | --- | --- |"]
    for name, one in found["runs"].items():
        dead = [k for k, look in enumerate(one["looks"]) if not abs(look[1] / one["forces"] - 1) > 0.01]
        epoch = f"{one['looks'][dead[0]][0] - LOOK + 1} to {one['looks'][dead[0]][0]}" if dead else "–"
        _, raw, average, median, largest = one["looks"][dead[0] - 1 if dead else -1]
        largest = one["looks"][dead[0]][4] if dead else largest
        lines.append(f"| {name} | {epoch} | {1000 * raw:.0f} | {1000 * average:.0f} | {median:.1f} | {largest:.3g} |")
    lines += ["", f"Measured on {found['machine']}, by `python experiments/collapse.py --sets sets`.", ""]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", type=Path, required=True, help="a folder to download the frames into")
    parser.add_argument("--output", type=Path, help="a folder for both files (default: experiments/)")
    parser.add_argument("--one", help=argparse.SUPPRESS)  # each run has a process of its own
    arguments = parser.parse_args()
    results = arguments.output / RESULTS.name if arguments.output else RESULTS
    if arguments.one:
        print(json.dumps(run(CHOICES[arguments.one], arguments.sets)))
        return

    def one(name: str) -> dict:
        command = [sys.executable, __file__, "--sets", str(arguments.sets), "--one", name]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        return json.loads(done.stdout.splitlines()[-1])

    each(CHOICES, one, results, table)


if __name__ == "__main__":
    main()
