"""Two programs that do the same work, side by side: processes of their own, called in turn, compared first.

A benchmark defines two classes, `Ours` and `Peer`, each made in its own process with (folder, dtype, threads), with

    version           what it is
    imported          MiB after its imports, by `peak`
    run(work)         one call of a kind of work, its results in numpy
    values()          arrays that must be the same for both, in float64
    arrays(folder)    MiB that the arrays of a training step take

and calls `serve` in the process of a worker, `Comparison` in that of the driver.  Nothing is imported here but what
both environments have.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]

BUSY = 0.2
"""Cores; where other programs take more, times of two threads are left out: torch's threads wait for each other."""


# ------------------------------------------------------------------------------------------------ in a worker


def peak() -> float:
    """The largest resident memory of this process so far, MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


def peak_of(action, calls: int) -> float:
    """The largest resident memory while it is called, MiB; NaN where the system cannot start counting anew."""
    counts_anew = True
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        counts_anew = False
    for _ in range(calls):
        action()
    if not counts_anew:
        return float("nan")
    return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) / 2**10


def serve(classes: dict[str, type], argv: list[str]) -> None:
    """Answer requests, a line of JSON each, until there are no more."""
    name, folder, dtype, threads = argv[0], Path(argv[1]), argv[2], int(argv[3])
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever the libraries print goes elsewhere
    worker = classes[name](folder, dtype, threads)
    print(json.dumps({"version": worker.version, "python": platform.python_version()}), file=answers, flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        if request["do"] == "values":
            np.savez(folder / f"{name}.npz", **worker.values())
            answer = {}
        elif request["do"] == "memory":
            made = peak()
            worker.run("train")
            first = peak()
            later = peak_of(partial(worker.run, "train"), request["calls"])
            answer = {"imported": worker.imported, "made": made, "first": first, "later": later}
        elif request["do"] == "arrays":
            answer = {"arrays": worker.arrays(folder)}
        else:
            wall, cpu = [], []
            for _ in range(request["calls"]):
                start = time.perf_counter(), time.process_time()
                worker.run(request["do"])
                wall.append(time.perf_counter() - start[0])
                cpu.append(time.process_time() - start[1])
            answer = {"wall": wall, "cpu": cpu}
        print(json.dumps(answer), file=answers, flush=True)


# ------------------------------------------------------------------------------------------------ in the driver


class Worker:
    """One of the two in a process of its own, with a number of threads that it knows before it imports anything."""

    def __init__(
        self,
        script: Path,
        name: str,
        python: Path,
        folder: Path,
        dtype: str = "float32",
        threads: int = 1,
        flags: str = "",
    ):
        variables = "OMP MKL OPENBLAS NUMEXPR VECLIB_MAXIMUM".split()
        env = os.environ | {f"{v}_NUM_THREADS": str(threads) for v in variables}
        env |= {f"TF_NUM_{v}OP_THREADS": str(threads) for v in ("INTRA", "INTER")}
        env |= {"TF_CPP_MIN_LOG_LEVEL": "3", "KERAS_BACKEND": "tensorflow", "CUDA_VISIBLE_DEVICES": "-1"}
        env |= {"XLA_FLAGS": flags} if flags else {}
        command = [python, script, "--worker", name, folder, dtype, threads]
        self.name = name
        self.log = folder / f"{name}.log"
        with open(self.log, "w") as log:
            self.process = subprocess.Popen(
                list(map(str, command)), env=env, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log
            )
        self.about = self._answer()

    def _answer(self) -> dict:
        line = self.process.stdout.readline()
        if not line:
            code = self.process.wait()
            raise SystemExit(f"{self.log.read_text()}\nthe process of {self.name} ended with {code}")
        return json.loads(line)

    def __call__(self, do: str, calls: int = 1) -> dict:
        print(json.dumps({"do": do, "calls": calls}), file=self.process.stdin, flush=True)
        return self._answer()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.process.stdin.close()
        self.process.wait()


def atoms(molecules: int) -> dict[str, np.ndarray]:
    """The first training frames of our data set, and a periodic box of 1000 atoms of H, C and O at random places."""
    from dmol_molnet import datasets

    frames = datasets.load("acetylacetone").train[:molecules]
    energies = np.array([frame.energy for frame in frames])
    rng, n, density, closest = np.random.default_rng(0), 1000, 0.09, 0.9  # atoms/Å^3, Å
    edge = (n / density) ** (1 / 3)
    x = np.empty((0, 3))
    while len(x) < n:
        new = rng.uniform(0, edge, 3)
        r = x - new
        if (((r - edge * np.round(r / edge)) ** 2).sum(axis=1) >= closest**2).all():
            x = np.vstack([x, new])
    return {
        "numbers": frames[0].numbers,
        "positions": np.stack([frame.positions for frame in frames]),
        "energies": energies - energies.mean(),
        "forces": np.stack([frame.forces for frame in frames]),
        "box_numbers": rng.choice([1, 6, 8], n, p=[8 / 15, 5 / 15, 2 / 15]),
        "box_positions": x,
        "cell": edge * np.eye(3),
    }


def used() -> tuple[float, float]:
    """Seconds of CPU that all programs have taken, and our ended processes; NaN where the system does not say."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    try:
        user, nice, system, _, _, *interrupts = map(int, Path("/proc/stat").read_text().split("\n")[0].split()[1:9])
    except OSError:
        return float("nan"), 0.0
    everything = (user + nice + system + sum(interrupts)) / os.sysconf("SC_CLK_TCK")
    return everything, children.ru_utime + children.ru_stime


def environment(name: str, peer: str, packages: list[str], alone: list[str]) -> Path:
    """A peer's Python in `_build/peers/name`, after making its environment if it is not there.

    Args:
        name: of the folder.
        peer: what it is called.
        packages: what it holds.
        alone: the same, installed without what it asks for.
    """
    folder = ROOT / "_build" / "peers" / name
    python, mark = folder / "bin" / "python", folder / ".complete"
    wanted = hashlib.sha256(" ".join([*packages, *alone, sys.version]).encode()).hexdigest()
    if not mark.exists() or mark.read_text() != wanted:
        print(f"installing {peer} into {folder.relative_to(ROOT)}", flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        pip = [python, "-m", "pip", "install", "--quiet"]
        subprocess.run([*pip, *packages], check=True)
        if alone:
            subprocess.run([*pip, "--no-deps", *alone], check=True)
        mark.write_text(wanted)
    return python


@dataclass
class Comparison:
    """What is compared, and all that is found.

    Attributes:
        script: the benchmark's file.
        peer: its name in tables.
        work: by name: (what it is, calls a turn).
        packages: what the peer's environment holds; a second list is installed without what it asks for.
        first: who writes the weights, "ours" or "peer".
        molecules: how many.
    """

    script: Path
    peer: str
    work: dict[str, tuple[str, int]]
    packages: tuple[list[str], list[str]]
    first: str = "ours"
    molecules: int = 32
    difference: float = float("nan")
    differences: dict[str, float] = field(default_factory=dict)
    edges: dict[str, int] = field(default_factory=dict)
    about: dict[str, dict] = field(default_factory=dict)
    rows: list[list[str]] = field(default_factory=list)
    compiling: list[list[str]] = field(default_factory=list)
    memory: list[list[str]] = field(default_factory=list)

    def compare(self, start: Callable, folder: Path) -> None:
        """The largest differences between the two in float64, relative to the largest value of each array."""
        for name in (self.first, *({"ours", "peer"} - {self.first})):
            with start(name, dtype="float64") as worker:
                worker("values")
        ours, peer = (dict(np.load(folder / f"{name}.npz")) for name in ("ours", "peer"))
        for name, value in ours.items():
            if name.startswith("edges"):
                self.edges[name.split()[-1]] = int(value)
            n = min(len(np.atleast_1d(value)), len(np.atleast_1d(peer[name])))  # one may know more elements
            a, b = (np.atleast_1d(x)[:n] for x in (value, peer[name]))
            self.differences[name] = float(np.abs(a - b).max() / max(np.abs(a).max(), 1e-12))
            print(f"{name}: {self.differences[name]:.1e}", flush=True)
        self.difference = max(self.differences.values())
        if not self.difference < 1e-10:
            raise SystemExit("the two do not compute the same function")

    def measure(self, start: Callable, threads: int, rounds: int) -> tuple[dict, dict]:
        """{(work, clock): [(ours, peer) of each round]} in ms; {(work, name): first call}."""
        times = {(work, clock): [] for work in self.work for clock in ("cpu", "wall")}
        with start("ours", threads=threads) as ours, start("peer", threads=threads) as peer:
            first = {(work, one.name): one(work) for work in self.work for one in (ours, peer)}
            for turn in range(rounds):
                for work, (_, calls) in self.work.items():
                    found = {}
                    for one in (ours, peer) if turn % 2 else (peer, ours):
                        one(work)  # brings its own data back into the cache
                        found[one.name] = one(work, calls)
                    for clock in ("cpu", "wall"):
                        mean = [1000 * statistics.fmean(found[name][clock]) for name in ("ours", "peer")]
                        times[work, clock].append(mean)
            self.about = {one.name: one.about for one in (ours, peer)}
        return times, first

    def run(self, rounds: int, runs: int, python: Path | None) -> str:
        """Compare, measure, and say under what load; the tables stand in the attributes then."""
        pythons = {
            "ours": Path(sys.executable),
            "peer": python or environment(self.script.stem, self.peer, *self.packages),
        }
        load = os.getloadavg()[0]
        firsts, found, memory, others = {}, {}, {}, 0.0
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            np.savez(folder / "atoms.npz", **atoms(self.molecules))

            def start(name: str, **options) -> Worker:
                return Worker(self.script, name, pythons[name], folder, **options)

            self.compare(start, folder)
            for name in pythons:
                with start(name) as worker:
                    memory[name] = worker("memory", 10)
                plan = f"--xla_dump_to={folder / 'xla'} --xla_dump_hlo_as_text --xla_dump_hlo_module_re=.*train.*"
                with start(name, flags=plan if name == "ours" else "") as worker:
                    memory[name] |= worker("arrays")
                print(name, memory[name], flush=True)
            for run in range(runs):
                for threads in (1, 2):
                    if threads == 2 and others > BUSY:
                        continue
                    before = time.monotonic(), *used()
                    times, first = self.measure(start, threads, rounds)
                    elapsed, everything, ours = np.subtract([time.monotonic(), *used()], before)
                    others = max(others, (everything - ours) / elapsed)
                    for (work, clock), turns in times.items():
                        found.setdefault((work, threads, clock), []).append(turns)
                        ours, peer = map(statistics.median, zip(*turns, strict=True))
                        print(
                            f"run {run + 1}, {threads} threads, {work}, {clock}: {ours:.1f} {peer:.1f} ms", flush=True
                        )
                    for key, call in first.items():
                        firsts.setdefault((*key, threads), []).append(call["cpu" if threads == 1 else "wall"][0])
        measured = (1,) if others > BUSY else (1, 2)
        self._tabulate(found, firsts, memory, measured)
        quiet = f"Other programs took up to {max(others, 0):.1f} cores meanwhile"
        if others > BUSY:
            quiet += ", so that times of two threads are left out"
        return f"{os.cpu_count()} cores ({platform.machine()}), load {load:.1f} at the start.\n{quiet}."

    def _tabulate(self, found: dict, firsts: dict, memory: dict, measured: tuple[int, ...]) -> None:
        self.rows = [["work", "clock", "ours, ms", f"{self.peer}, ms", "times as fast", "in each run"]]
        for work, (what, _) in self.work.items():
            for threads, clock in [(1, "cpu"), (1, "wall"), (2, "wall")][: 1 + len(measured)]:
                runs = found[work, threads, clock]
                ours, peer = map(statistics.median, zip(*(turn for run in runs for turn in run), strict=True))
                ratios = [[p / o for o, p in run] for run in runs]
                each = ", ".join(f"{statistics.median(r):.2f}" for r in ratios)
                overall = statistics.median(r for run in ratios for r in run)
                timing = f"{threads} thread{'s'[: threads - 1]}, {'CPU' if clock == 'cpu' else 'wall'}"
                self.rows.append([what, timing, f"{ours:.1f}", f"{peer:.1f}", f"{overall:.2f}", each])
        clocks = ("1 thread, CPU", "2 threads, wall")[: len(measured)]
        self.compiling = [["work", *(f"{who}, {clock}" for clock in clocks for who in ("ours", self.peer))]]
        for work, (what, _) in self.work.items():
            calls = [statistics.median(firsts[work, name, t]) for t in measured for name in ("ours", "peer")]
            self.compiling.append([what, *(f"{seconds:.2f}" for seconds in calls)])
        stages = {
            "a step's arrays, without what else the process holds": "arrays",
            "the process after the imports": "imported",
            "with model and batch": "made",
            "at most, until the first step is done": "first",
            "at most, in 10 later steps": "later",
        }
        self.memory = [["", "ours", self.peer]]
        self.memory += [[text, *(f"{memory[n][key]:.0f}" for n in ("ours", "peer"))] for text, key in stages.items()]


def table(rows: list[list[str]]) -> str:
    """In Markdown, numbers on the right."""
    lines = [rows[0], ["---", *["---:"] * (len(rows[0]) - 1)], *rows[1:]]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def arguments_of(script: str, doc: str, variable: str) -> argparse.Namespace:
    """The options that all comparisons have."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9, help="turns of each in a run")
    parser.add_argument("--runs", type=int, default=3, help="how often the processes are started anew")
    parser.add_argument("--peer", type=Path, default=os.environ.get(variable), help="a Python that has the other one")
    parser.add_argument("--output", type=Path, default=Path(script).with_suffix(".md"))
    return parser.parse_args()
