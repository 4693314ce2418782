"""How fast our SchNet is, beside schnetpack's on torch, on a CPU: writes schnet.md beside this file.

    python benchmarks/schnet.py [--rounds 9] [--runs 3] [--peer PYTHON]

Both are the same function with the same weights: 128 features, 3 interactions, 20 Gaussians, 5 Å.  First, in float64,
energies, forces and the gradient of the loss are compared; then both live in processes of their own, in float32, and
are called in turn.  Without `--peer`, the other one's environment is made in `_build/peers/schnetpack` from the
versions in `PEER`; torch's wheels for the CPU alone suffice, where pip is told of them.  Do nothing else on the
computer meanwhile: where other programs take the cores, times of two threads are left out.

The file is the program of both processes too, so nothing above `main` is imported but what both environments have.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import platform
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
CHANNELS, LAYERS, RADIAL, CUTOFF = 128, 3, 20, 5.0
MOLECULES, FORCE_WEIGHT, RATE = 32, 100.0, 1e-4

PEER = """
    torch==2.13.0 numpy==2.4.6 ase==3.29.0 matscipy==1.3.1 h5py==3.16.0 omegaconf==2.4.0 pyyaml==6.0.3 tqdm==4.70.1
    fasteners==0.20 packaging==26.3
""".split()
PEER_ALONE = """
    schnetpack==2.1.1;python_version<'3.12' schnetpack==2.2.0;python_version>='3.12'
    pytorch-lightning==2.6.6 lightning-utilities==0.15.3 torchmetrics==1.9.0 torch-ema==0.3 dirsync==2.2.6
""".split()
"""Installed without what they ask for: importing the model needs no more than this."""

BUSY = 0.2
"""Cores; where other programs take more, times of two threads are left out: torch's threads wait for each other."""

WORK = {  # name: (what, on which atoms, calls a turn)
    "forward": ("energies", "molecules", 5),
    "forces": ("energies and forces", "molecules", 5),
    "train": ("training step", "molecules", 3),
    "box": ("energies and forces of the box", "box", 2),
}


# ------------------------------------------------------------------------------------------------ the two workers


class Ours:
    """This package: `Potential` compiled as `energy_and_forces` and `fit` compile it."""

    def __init__(self, folder: Path, dtype: str, threads: int):
        import keras
        import tensorflow as tf

        from dmol_molnet import Molecule
        from dmol_molnet.nn.design_space import build
        from dmol_molnet.nn.graph import MolecularGraph
        from dmol_molnet.nn.potential import Normalisation, Potential
        from dmol_molnet.nn.training import _Step, labels

        self.tf, self.version = tf, f"TensorFlow {tf.__version__}, Keras {keras.__version__}"
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)
        keras.config.set_dtype_policy(dtype)
        self.imported = peak()

        network = build("schnet", channels=CHANNELS, layers=LAYERS, radial=RADIAL, cutoff=CUTOFF, neighbors=1.0, seed=0)
        self.weights = named_weights(network)
        self._exchange_weights(folder / "weights.npz")
        nothing, unit = dict.fromkeys("HCO", 0.0), dict.fromkeys("HCO", 1.0)
        potential = self.potential = Potential(network, Normalisation(nothing, unit))
        data = np.load(folder / "atoms.npz")
        frames = [
            Molecule(data["numbers"], x, energy=float(e), forces=f)
            for x, e, f in zip(data["positions"], data["energies"], data["forces"], strict=True)
        ]
        box = Molecule(data["box_numbers"], data["box_positions"], cell=data["cell"], pbc=[True] * 3)
        self.graphs = {
            "molecules": MolecularGraph.from_molecules(frames, CUTOFF),
            "box": MolecularGraph.from_molecules(box, CUTOFF),
        }
        self.wanted = labels(potential, frames, self.graphs["molecules"])
        self.energy = tf.function(potential, jit_compile=True)
        self.derivatives = tf.function(potential.derivatives, jit_compile=True)
        # Of energies, the step takes the mean of dE^2 / atoms.
        self.step = _Step(potential, RATE, float(data["numbers"].size), FORCE_WEIGHT, 0.99)

    def _exchange_weights(self, path: Path) -> None:
        """Ours go to the other: kernels turned as torch has them, biases made random so that they count."""
        rng = np.random.default_rng(1)
        for name, weight in self.weights.items():
            if name.endswith("bias"):
                weight.assign(rng.normal(0, 0.1, weight.shape))
        if not path.exists():
            np.savez(path, **{name: turned(name, weight.numpy()) for name, weight in self.weights.items()})
        with np.load(path) as kept:
            for name, weight in self.weights.items():
                weight.assign(turned(name, kept[name]))

    def run(self, work: str, atoms: str):
        """One call, its results in numpy."""
        if work == "train":
            return self.step.train(self.graphs[atoms], self.wanted)
        if work == "forward":
            return self.energy(self.graphs[atoms]).numpy()
        energy, forces = self.derivatives(self.graphs[atoms])
        return energy.numpy(), forces.numpy()

    def arrays(self, folder: Path) -> float:
        """What the arrays of a training step take, MiB, by the compiler's own plan."""
        self.run("train", "molecules")
        (report,) = folder.glob("xla/*train*memory-usage-report.txt")
        return int(re.search(r"Total bytes used: (\d+)", report.read_text())[1]) / 2**20

    def values(self) -> dict[str, np.ndarray]:
        """What the other must have too: energies, forces, the loss and its gradient."""
        tf, found = self.tf, {}
        for atoms, graph in self.graphs.items():
            energy, forces = self.run("forces", atoms)
            real = np.asarray(graph.numbers) > 0
            found |= {f"energy of {atoms}": energy, f"forces of {atoms}": forces[real]}
            found[f"edges of {atoms}"] = np.array(len(graph.edges))
        with tf.GradientTape() as tape:
            energy, forces = self.potential.derivatives(self.graphs["molecules"])
            loss = tf.reduce_mean((energy - self.wanted.energy) ** 2)
            loss += FORCE_WEIGHT * tf.reduce_mean((forces - self.wanted.forces) ** 2)
        gradient = tape.gradient(loss, [weight.value for weight in self.weights.values()])
        for name, g in zip(self.weights, gradient, strict=True):
            found[f"gradient of {name}"] = turned(name, tf.convert_to_tensor(g).numpy())
        return found | {"loss": self.run("train", "molecules")[0]}


class Peer:
    """schnetpack, as its own examples build it; eager, as it runs by default."""

    def __init__(self, folder: Path, dtype: str, threads: int):
        import typing

        import torch
        import torch.utils.data.dataloader as loader

        loader.T_co = typing.TypeVar("T_co", covariant=True)  # schnetpack imports it from here, newer torch has none
        import schnetpack as spk
        from ase import Atoms
        from schnetpack.interfaces import AtomsConverter

        self.torch, self.version = torch, f"schnetpack {spk.__version__}, torch {torch.__version__}"
        torch.set_num_threads(threads)
        torch.set_num_interop_threads(threads)
        self.imported = peak()

        self.dtype = getattr(torch, dtype)
        self.models = {work: self._model(folder, spk, work) for work in ("forward", "forces", "train")}
        data = np.load(folder / "atoms.npz")
        frames = [Atoms(data["numbers"], x) for x in data["positions"]]
        box = Atoms(data["box_numbers"], data["box_positions"], cell=data["cell"], pbc=True)
        convert = AtomsConverter(spk.transform.MatScipyNeighborList(CUTOFF), dtype=self.dtype)
        self.inputs = {"molecules": convert(frames), "box": convert(box)}
        labels = data["energies"], data["forces"].reshape(-1, 3)
        self.wanted = [torch.tensor(label, dtype=self.dtype) for label in labels]
        self.optimizer = torch.optim.Adam(self.models["train"].parameters(), RATE, fused=True)

    def _model(self, folder: Path, spk, work: str):
        """A model for one kind of work, with our weights; they are frozen unless it trains."""
        torch = self.torch
        gaussians = spk.nn.GaussianRBF(n_rbf=RADIAL, cutoff=CUTOFF)
        network = spk.representation.SchNet(CHANNELS, LAYERS, gaussians, spk.nn.CosineCutoff(CUTOFF))
        energy = spk.atomistic.Atomwise(CHANNELS, activation=spk.nn.activations.shifted_softplus, output_key="energy")
        outputs = [energy] if work == "forward" else [energy, spk.atomistic.Forces()]
        model = spk.model.NeuralNetworkPotential(network, [spk.atomistic.PairwiseDistances()], outputs).to(self.dtype)
        # They were made in float32; in float64 the digits beyond it would be missing.
        gaussians.offsets.copy_(torch.linspace(0, CUTOFF, RADIAL, dtype=torch.float64))
        gaussians.widths.fill_(CUTOFF / (RADIAL - 1))
        with np.load(folder / "weights.npz") as kept:
            for name, weight in model.named_parameters():
                if name in kept.files:
                    weight.data.copy_(torch.tensor(kept[name])[: len(weight)])  # it knows fewer elements
                elif name == "output_modules.0.outnet.1.bias":  # a constant for each atom, which ours does not have
                    weight.data.zero_()
                else:
                    raise SystemExit(f"there are no weights for schnetpack's {name}")
        return model.train() if work == "train" else model.eval().requires_grad_(False)

    def run(self, work: str, atoms: str):
        """One call, its results in numpy."""
        inputs = dict(self.inputs[atoms])  # the model writes into it
        if work == "train":
            self.optimizer.zero_grad()
            loss = self._loss(inputs)
            loss.backward()
            self.optimizer.step()
            return loss.detach().numpy()
        with self.torch.no_grad() if work == "forward" else contextlib.nullcontext():
            found = self.models[work](inputs)
        return tuple(value.detach().numpy() for value in found.values())

    def _loss(self, inputs):
        found = self.models["train"](inputs)
        energy, forces = self.wanted
        mse = self.torch.nn.functional.mse_loss
        return mse(found["energy"], energy) + FORCE_WEIGHT * mse(found["forces"], forces)

    def arrays(self, folder: Path) -> float:
        """What the arrays of a training step take at most, MiB, by torch's record of what it allocates and frees."""
        self.run("train", "molecules")  # makes the optimizer's
        with self.torch.profiler.profile(profile_memory=True) as profile:
            self.run("train", "molecules")
        events = [event for event in profile.profiler.kineto_results.events() if event.name() == "[memory]"]
        sizes = [event.nbytes() for event in sorted(events, key=lambda event: event.start_ns())]
        return float(np.cumsum(sizes).max()) / 2**20

    def values(self) -> dict[str, np.ndarray]:
        """As those of the other."""
        found = {}
        for atoms, inputs in self.inputs.items():
            outputs = self.models["forces"](dict(inputs))
            found |= {f"{'energy' if k == 'energy' else k} of {atoms}": v.detach().numpy() for k, v in outputs.items()}
            found[f"edges of {atoms}"] = np.array(len(inputs["_idx_i"]))
        loss = self._loss(dict(self.inputs["molecules"]))
        loss.backward()
        for name, weight in self.models["train"].named_parameters():
            found[f"gradient of {name}"] = weight.grad.numpy()
        return found | {"loss": loss.detach().numpy()}


def named_weights(network) -> dict:
    """The weights of our SchNet by schnetpack's names for them."""
    dense = {}
    for k, layer in enumerate(network.interactions):
        dense[f"representation.interactions.{k}.in2f"] = layer.sender
        for m in range(2):
            dense[f"representation.interactions.{k}.filter_network.{m}"] = layer.filter[m]
            dense[f"representation.interactions.{k}.f2out.{m}"] = layer.update[m]
    for m in range(2):
        dense[f"output_modules.0.outnet.{m}"] = network.readout[m]
    weights = {"representation.embedding.weight": network.embedding.embeddings}
    for name, layer in dense.items():
        weights[f"{name}.weight"] = layer.kernel
        if layer.use_bias:
            weights[f"{name}.bias"] = layer.bias
    return weights


def turned(name: str, weight: np.ndarray) -> np.ndarray:
    """torch keeps the kernels of dense layers the other way round."""
    return weight.T if weight.ndim == 2 and "embedding" not in name else weight


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


def serve(name: str, folder: Path, dtype: str, threads: int) -> None:
    """Answer requests, a line of JSON each, until there are no more."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever the libraries print goes elsewhere
    worker = {"ours": Ours, "peer": Peer}[name](folder, dtype, threads)
    print(json.dumps({"version": worker.version, "python": platform.python_version()}), file=answers, flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        if request["do"] == "values":
            np.savez(folder / f"{name}.npz", **worker.values())
            answer = {}
        elif request["do"] == "memory":
            made = peak()
            worker.run("train", "molecules")
            first = peak()
            later = peak_of(partial(worker.run, "train", "molecules"), request["calls"])
            answer = {"imported": worker.imported, "made": made, "first": first, "later": later}
        elif request["do"] == "arrays":
            answer = {"arrays": worker.arrays(folder)}
        else:
            work = "forces" if request["do"] == "box" else request["do"]
            wall, cpu = [], []
            for _ in range(request["calls"]):
                start = time.perf_counter(), time.process_time()
                worker.run(work, WORK[request["do"]][1])
                wall.append(time.perf_counter() - start[0])
                cpu.append(time.process_time() - start[1])
            answer = {"wall": wall, "cpu": cpu}
        print(json.dumps(answer), file=answers, flush=True)


# ------------------------------------------------------------------------------------------------ the driver


class Worker:
    """One of the two in a process of its own, with a number of threads that it knows before it imports anything."""

    def __init__(
        self, name: str, python: Path, folder: Path, dtype: str = "float32", threads: int = 1, flags: str = ""
    ):
        variables = "OMP MKL OPENBLAS NUMEXPR VECLIB_MAXIMUM".split()
        env = os.environ | {f"{v}_NUM_THREADS": str(threads) for v in variables}
        env |= {f"TF_NUM_{v}OP_THREADS": str(threads) for v in ("INTRA", "INTER")}
        env |= {"TF_CPP_MIN_LOG_LEVEL": "3", "KERAS_BACKEND": "tensorflow", "CUDA_VISIBLE_DEVICES": "-1"}
        env |= {"XLA_FLAGS": flags} if flags else {}
        command = [python, __file__, "--worker", name, folder, dtype, threads]
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


def atoms() -> dict[str, np.ndarray]:
    """The first training frames of our data set, and a periodic box of 1000 atoms of H, C and O at random places."""
    from dmol_molnet import datasets

    frames = datasets.load("acetylacetone").train[:MOLECULES]
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


def peer_environment() -> Path:
    """Its Python, after making the environment if it is not there."""
    folder = ROOT / "_build" / "peers" / "schnetpack"
    python, mark = folder / "bin" / "python", folder / ".complete"
    wanted = hashlib.sha256(" ".join([*PEER, *PEER_ALONE, sys.version]).encode()).hexdigest()
    if not mark.exists() or mark.read_text() != wanted:
        print(f"installing schnetpack and torch into {folder.relative_to(ROOT)}", flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        pip = [python, "-m", "pip", "install", "--quiet"]
        subprocess.run([*pip, *PEER], check=True)
        subprocess.run([*pip, "--no-deps", *PEER_ALONE], check=True)
        mark.write_text(wanted)
    return python


def compare(start, folder: Path) -> tuple[float, dict[str, int]]:
    """The largest difference between the two in float64, relative to the largest value, and the numbers of edges."""
    for name in ("ours", "peer"):  # ours first: it writes the weights
        with start(name, dtype="float64") as worker:
            worker("values")
    ours, peer = (dict(np.load(folder / f"{name}.npz")) for name in ("ours", "peer"))
    known, edges, largest = "gradient of representation.embedding.weight", {}, 0.0
    ours[known] = ours[known][: len(peer[known])]
    for name, value in ours.items():
        difference = np.abs(value - peer[name]).max() / max(np.abs(value).max(), 1e-12)
        print(f"{name}: {difference:.1e}", flush=True)
        if name.startswith("edges"):
            edges[name.split()[-1]] = int(value)
        largest = max(largest, difference)
    if not largest < 1e-10:
        raise SystemExit("the two do not compute the same function")
    return largest, edges


def used() -> tuple[float, float]:
    """Seconds of CPU that all programs have taken, and our ended processes; NaN where the system does not say."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    try:
        user, nice, system, _, _, *interrupts = map(int, Path("/proc/stat").read_text().split("\n")[0].split()[1:9])
    except OSError:
        return float("nan"), 0.0
    everything = (user + nice + system + sum(interrupts)) / os.sysconf("SC_CLK_TCK")
    return everything, children.ru_utime + children.ru_stime


def measure(start, threads: int, rounds: int) -> tuple[dict, dict, dict]:
    """{(work, clock): [(ours, peer) of each round]} in ms; {(work, name): first call}; what the two are."""
    times = {(work, clock): [] for work in WORK for clock in ("cpu", "wall")}
    with start("ours", threads=threads) as ours, start("peer", threads=threads) as peer:
        first = {(work, one.name): one(work) for work in WORK for one in (ours, peer)}
        for turn in range(rounds):
            for work, (_, _, calls) in WORK.items():
                found = {}
                for one in (ours, peer) if turn % 2 else (peer, ours):
                    one(work)  # brings its own data back into the cache
                    found[one.name] = one(work, calls)
                for clock in ("cpu", "wall"):
                    mean = [1000 * statistics.fmean(found[name][clock]) for name in ("ours", "peer")]
                    times[work, clock].append(mean)
        return times, first, {one.name: one.about for one in (ours, peer)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9, help="turns of each in a run")
    parser.add_argument("--runs", type=int, default=3, help="how often the processes are started anew")
    parser.add_argument(
        "--peer", type=Path, default=os.environ.get("SCHNETPACK_PYTHON"), help="a Python with schnetpack"
    )
    parser.add_argument("--output", type=Path, default=Path(__file__).with_name("schnet.md"))
    arguments = parser.parse_args()
    pythons = {"ours": Path(sys.executable), "peer": arguments.peer or peer_environment()}
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        np.savez(folder / "atoms.npz", **atoms())

        def start(name: str, **options) -> Worker:
            return Worker(name, pythons[name], folder, **options)

        difference, edges = compare(start, folder)
        memory = {}
        for name in pythons:
            with start(name) as worker:
                memory[name] = worker("memory", 10)
            plan = f"--xla_dump_to={folder / 'xla'} --xla_dump_hlo_as_text --xla_dump_hlo_module_re=.*train.*"
            with start(name, flags=plan if name == "ours" else "") as worker:
                memory[name] |= worker("arrays")
            print(name, memory[name], flush=True)
        firsts, runs, others = {}, {}, 0.0
        for run in range(arguments.runs):
            for threads in (1, 2):
                if threads == 2 and others > BUSY:
                    continue
                before = time.monotonic(), *used()
                times, first, about = measure(start, threads, arguments.rounds)
                elapsed, everything, ours = np.subtract([time.monotonic(), *used()], before)
                others = max(others, (everything - ours) / elapsed)
                for (work, clock), found in times.items():
                    runs.setdefault((work, threads, clock), []).append(found)
                for key, found in first.items():
                    firsts.setdefault((*key, threads), []).append(found["cpu" if threads == 1 else "wall"][0])
                for (work, clock), found in times.items():
                    ours, peer = map(statistics.median, zip(*found, strict=True))
                    print(f"run {run + 1}, {threads} threads, {work}, {clock}: {ours:.1f} {peer:.1f} ms", flush=True)
    measured = (1,) if others > BUSY else (1, 2)
    rows = []
    for work, (what, _, _) in WORK.items():
        for threads, clock in [(1, "cpu"), (1, "wall"), (2, "wall")][: 1 + len(measured)]:
            found = runs[work, threads, clock]
            ours, peer = map(statistics.median, zip(*(turn for run in found for turn in run), strict=True))
            ratios = [[p / o for o, p in run] for run in found]
            each = ", ".join(f"{statistics.median(r):.2f}" for r in ratios)
            overall = statistics.median(r for run in ratios for r in run)
            timing = f"{threads} thread{'s'[: threads - 1]}, {'CPU' if clock == 'cpu' else 'wall'}"
            rows.append([what, timing, f"{ours:.1f}", f"{peer:.1f}", f"{overall:.2f}", each])
    compiling = [
        [what, *(f"{statistics.median(firsts[work, name, t]):.2f}" for t in measured for name in pythons)]
        for work, (what, _, _) in WORK.items()
    ]
    first_head = [f"{who}, {t}" for t in ("1 thread, CPU", "2 threads, wall") for who in ("ours", "schnetpack")]
    stages = {
        "a step's arrays, without what else the process holds": "arrays",
        "the process after the imports": "imported",
        "with model and batch": "made",
        "at most, until the first step is done": "first",
        "at most, in 10 later steps": "later",
    }
    megabytes = [[text, *(f"{memory[name][key]:.0f}" for name in pythons)] for text, key in stages.items()]
    quiet = f"Other programs took up to {max(others, 0):.1f} cores meanwhile"
    if others > BUSY:
        quiet += ", so that times of two threads are left out"
    one, other = about["ours"], about["peer"]

    def table(head, body):
        lines = [head, ["---", *["---:"] * (len(head) - 1)], *body]
        return "\n".join("| " + " | ".join(line) + " |" for line in lines)

    text = f"""# SchNet: measured times

Made by `python benchmarks/schnet.py --rounds {arguments.rounds} --runs {arguments.runs}` (`make bench`) on
{os.cpu_count()} cores ({platform.machine()}), load {load:.1f} at the start.
{quiet}.

- ours: {one["version"]}, Python {one["python"]}
- {other["version"]}, Python {other["python"]} (schnetpack 2.2.0 needs Python 3.12; its SchNet is that of 2.1.1)

The same function with the same weights: {CHANNELS} features, {LAYERS} interactions, {RADIAL} Gaussians,
{CUTOFF:g} Å. In float64, energies, forces and the gradient of the loss agree to {difference:.0e} of the largest value.
Measured in float32:

- {MOLECULES} molecules of acetylacetone, {15 * MOLECULES} atoms, {edges["molecules"]:,} directed edges: energies;
  energies and forces; a training step, which is the loss (mean squared error of energies + {FORCE_WEIGHT:g} times that
  of forces), its gradient and a step of Adam. Ours also clips the gradient and averages the weights.
- a periodic box of 1000 atoms of H, C and O, 0.09 to an Å³, {edges["box"]:,} directed edges: energies and forces.

Neighbours are found beforehand. Results arrive as numpy arrays within the time. The two are called in turn; a turn is
the mean of 2 to 5 calls, after one that does not count. Milliseconds are medians over all turns, ratios medians of the
ratios of each turn; there are {arguments.rounds} turns in each of {arguments.runs} runs, with new processes for each.

Ours is compiled by XLA. torch runs eagerly, as schnetpack does by default, its weights frozen except in the training
step, its Adam the fused one. Not tried: TorchScript, `torch.compile` (which has no second derivatives), GPUs.

{table(["work", "clock", "ours, ms", "schnetpack, ms", "times as fast", "in each run"], rows)}

## First call

Seconds until the first result is there, compilation included; once for each shape.

{table(["work", *first_head[: 2 * len(measured)]], compiling)}

## Memory

MiB, one thread, in a process that does training steps only. The arrays: of ours by XLA's plan, of the other by torch's
record of what it allocates and frees. What ours holds beyond them is TensorFlow and its compiler.

{table(["", "ours", "schnetpack"], megabytes)}
"""
    arguments.output.write_text(text)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--worker"]:
        serve(sys.argv[2], Path(sys.argv[3]), sys.argv[4], int(sys.argv[5]))
    else:
        main()
