"""What several workers cost and save: bytes and seconds of a step, and what follows for 64; writes workers.md.

    python benchmarks/workers.py [--molecules 64] [--steps 20] [--rounds 3]

The same training steps of the MACE of this package on the acetylacetone that ships with it, by one process and by two
on loopback, in turn, each process with one thread.  The sum is timed apart, on as many numbers as a step adds up, and
on one number alone, whose time is that of its turns.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from pathlib import Path

from dmol_molnet.nn.workers import loopback, threads

THREADS = {"OMP_NUM_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"} | threads(1)
MANY, NETWORK = 64, (50e-6, 1.25e9)
"""How many workers the last row is for, and of what network: seconds a message takes, bytes a second (10 Gbit/s)."""


def worker(size: int, steps: int) -> None:
    """Print what one process finds, as JSON: seconds of a step, of its sum, of a sum of one number; bytes, weights."""
    import numpy as np

    from dmol_molnet import datasets
    from dmol_molnet.nn import start_quietly
    from dmol_molnet.nn.workers import Team

    team = Team.of_environment()
    start_quietly()
    from dmol_molnet.nn.design_space import build
    from dmol_molnet.nn.graph import Batches
    from dmol_molnet.nn.potential import Normalisation, Potential
    from dmol_molnet.nn.training import _Step, labels

    frames = datasets.load("acetylacetone").train[:size]
    network = build("mace", elements=["H", "C", "O"], seed=0)
    potential = Potential(network, Normalisation.of(frames, network.cutoff, "average"))
    step = _Step(potential, 1e-4, 1.0, 10.0, 0.99, team=team)
    batches = Batches(frames, network.cutoff, size, split=True, workers=team.size)
    whole = size, sum(len(molecule) for molecule in frames)

    def take():
        ((chosen, c),) = batches.rounds()
        mine, graph = batches.share(chosen, c, team.rank)
        step.train(graph, labels(potential, [frames[k] for k in mine], graph), whole)

    take()  # compiles
    numbers = 6 + sum(np.size(w) for w in potential.trainable_variables)
    sent, found = team.sent, {"weights": numbers - 6}
    for name, act, times in (
        ("step", take, steps),
        ("sum", lambda: team.add(np.ones(numbers, "float32")), 20 * steps),
        ("turns", lambda: team.add(np.ones(1, "float32")), 20 * steps),
    ):
        team.first(np.zeros(1))  # all begin together
        began = time.perf_counter()
        for _ in range(times):
            act()
        found[name] = (time.perf_counter() - began) / times
        if name == "step":
            found["bytes"] = (team.sent - sent) // times
    print(json.dumps(found))


def measured(n: int, size: int, steps: int) -> dict:
    """What the first of n workers finds."""
    cluster = {"worker": loopback(n)}
    running = []
    for k in range(n):
        config = json.dumps({"cluster": cluster, "task": {"type": "worker", "index": k}})
        environment = os.environ | THREADS | {"TF_CONFIG": config, "TF_CPP_MIN_LOG_LEVEL": "3"}
        command = [sys.executable, __file__, "--worker", "--molecules", str(size), "--steps", str(steps)]
        running.append(subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True))
    said = [one.communicate()[0] for one in running]
    if any(one.returncode for one in running):
        raise SystemExit(f"a worker of {n} ended with an error")
    return json.loads(said[0])


def table(found: dict[int, dict], size: int) -> list[str]:
    """The rows for one process and two, and that computed for many."""
    one, two = found[1], found[2]
    latency, rate = NETWORK
    whole = 4 * (two["weights"] + 6)
    computing = one["step"] / MANY + (two["step"] - two["sum"] - one["step"] / 2)
    adding = 2 * (MANY - 1) * (two["turns"] / 2 + latency) + 2 * whole * (MANY - 1) / MANY / rate
    expected = max(computing, one["step"] / MANY) + adding
    turn, rest = two["turns"] / 2, expected - one["step"] / MANY
    rows = [
        (1, size, 0, 0, one["step"]),
        (2, size // 2, two["bytes"], two["sum"], two["step"]),
        (f"{MANY}, on paper", size / MANY, 2 * whole * (MANY - 1) // MANY + 16 * (MANY - 1), adding, expected),
    ]
    return [
        "| processes | molecules each | bytes sent a step | the sum, ms | the step, ms | of one process |",
        "| --- | --- | --- | --- | --- | --- |",
        *(
            f"| {n} | {m:g} | {sent:,} | {1000 * summing:.2f} | {1000 * step:.1f} | {one['step'] / step:.2f} times |"
            for n, m, sent, summing, step in rows
        ),
        "",
        "On paper, with T the step of one process, S and t the sum and the step of two, and c = max(t - S - T/2, 0),",
        "which does not become less by sharing, a step of n workers takes",
        "",
        "    T/n + c + 2 (n - 1) (a + l) + 2 (n - 1)/n · B/b",
        "",
        f"of which a = {1e6 * turn:.0f} µs is measured: what a turn of the ring costs on loopback.  Of the network,",
        f"l = {1e6 * latency:.0f} µs a message and b = {rate / 1e9:g} GB/s are supposed; B = {whole:,} bytes are the",
        f"{two['weights']:,} weights in float32 and six numbers more.  All but T/n, {1000 * rest:.1f} ms, is the same",
        f"however much a worker computes, and a molecule takes {1000 * one['step'] / size:.1f} ms; so with more",
        f"molecules a worker, {MANY} of them are worth more:",
        "",
        f"| molecules a worker | {MANY} workers are worth |",
        "| --- | --- |",
        *(f"| {m} | {MANY / (1 + rest * size / (m * one['step'])):.0f} |" for m in (1, 4, 16, 64)),
    ]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--molecules", type=int, default=64)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--output", type=Path, default=Path(__file__).with_suffix(".md"))
    arguments = parser.parse_args()
    if arguments.worker:
        worker(arguments.molecules, arguments.steps)
        return
    found = {1: [], 2: []}
    for n in [1, 2] * arguments.rounds:
        found[n].append(measured(n, arguments.molecules, arguments.steps))
        print(n, found[n][-1], flush=True)
    best = {n: {name: min(one[name] for one in some) for name in some[0]} for n, some in found.items()}
    lines = [
        "# Several workers",
        "",
        *__doc__.split("\n\n", 2)[2].strip().split("\n"),
        "",
        f"{arguments.molecules} molecules of 15 atoms a step; the least of {arguments.rounds} rounds of "
        f"{arguments.steps} steps.",
        "",
        *table(best, arguments.molecules),
        "",
        f"Measured on {os.cpu_count()} cores ({platform.machine()}), by `python benchmarks/workers.py`.",
    ]
    arguments.output.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(arguments.output.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
