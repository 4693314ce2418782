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

import contextlib
import re
import sys
from pathlib import Path

import numpy as np
from beside import Comparison, arguments_of, peak, serve, table

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

WORK = {  # name: (what, calls a turn)
    "forward": ("energies", 5),
    "forces": ("energies and forces", 5),
    "train": ("training step", 3),
    "box": ("energies and forces of the box", 2),
}


# ------------------------------------------------------------------------------------------------ the two


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

    def run(self, work: str):
        """One call, its results in numpy."""
        if work == "train":
            return self.step.train(self.graphs["molecules"], self.wanted)
        if work == "forward":
            return self.energy(self.graphs["molecules"]).numpy()
        energy, forces = self.derivatives(self.graphs["box" if work == "box" else "molecules"])
        return energy.numpy(), forces.numpy()

    def arrays(self, folder: Path) -> float:
        """What the arrays of a training step take, MiB, by the compiler's own plan."""
        self.run("train")
        (report,) = folder.glob("xla/*train*memory-usage-report.txt")
        return int(re.search(r"Total bytes used: (\d+)", report.read_text())[1]) / 2**20

    def values(self) -> dict[str, np.ndarray]:
        """What the other must have too: energies, forces, the loss and its gradient."""
        tf, found = self.tf, {}
        for atoms, graph in self.graphs.items():
            energy, forces = self.run("box" if atoms == "box" else "forces")
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
        return found | {"loss": self.run("train")[0]}


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

    def run(self, work: str):
        """One call, its results in numpy."""
        inputs = dict(self.inputs["box" if work == "box" else "molecules"])  # the model writes into it
        if work == "train":
            self.optimizer.zero_grad()
            loss = self._loss(inputs)
            loss.backward()
            self.optimizer.step()
            return loss.detach().numpy()
        with self.torch.no_grad() if work == "forward" else contextlib.nullcontext():
            found = self.models["forward" if work == "forward" else "forces"](inputs)
        return tuple(value.detach().numpy() for value in found.values())

    def _loss(self, inputs):
        found = self.models["train"](inputs)
        energy, forces = self.wanted
        mse = self.torch.nn.functional.mse_loss
        return mse(found["energy"], energy) + FORCE_WEIGHT * mse(found["forces"], forces)

    def arrays(self, folder: Path) -> float:
        """What the arrays of a training step take at most, MiB, by torch's record of what it allocates and frees."""
        self.run("train")  # makes the optimizer's
        with self.torch.profiler.profile(profile_memory=True) as profile:
            self.run("train")
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


def main():
    arguments = arguments_of(__file__, __doc__, "SCHNETPACK_PYTHON")
    c = Comparison(Path(__file__), "schnetpack", WORK, (PEER, PEER_ALONE), molecules=MOLECULES)
    load = c.run(arguments.rounds, arguments.runs, arguments.peer)
    one, other = c.about["ours"], c.about["peer"]
    text = f"""# SchNet: measured times

Made by `python benchmarks/schnet.py --rounds {arguments.rounds} --runs {arguments.runs}` (`make bench`) on
{load}

- ours: {one["version"]}, Python {one["python"]}
- {other["version"]}, Python {other["python"]} (schnetpack 2.2.0 needs Python 3.12; its SchNet is that of 2.1.1)

The same function with the same weights: {CHANNELS} features, {LAYERS} interactions, {RADIAL} Gaussians,
{CUTOFF:g} Å. In float64, energies, forces and the gradient of the loss agree to {c.difference:.0e} of the largest
value. Measured in float32:

- {MOLECULES} molecules of acetylacetone, {15 * MOLECULES} atoms, {c.edges["molecules"]:,} directed edges: energies;
  energies and forces; a training step, which is the loss (mean squared error of energies + {FORCE_WEIGHT:g} times that
  of forces), its gradient and a step of Adam. Ours also clips the gradient and averages the weights.
- a periodic box of 1000 atoms of H, C and O, 0.09 to an Å³, {c.edges["box"]:,} directed edges: energies and forces.

Neighbours are found beforehand. Results arrive as numpy arrays within the time. The two are called in turn; a turn is
the mean of 2 to 5 calls, after one that does not count. Milliseconds are medians over all turns, ratios medians of the
ratios of each turn; there are {arguments.rounds} turns in each of {arguments.runs} runs, with new processes for each.

Ours is compiled by XLA. torch runs eagerly, as schnetpack does by default, its weights frozen except in the training
step, its Adam the fused one. Not tried: TorchScript, `torch.compile` (which has no second derivatives), GPUs.

{table(c.rows)}

## First call

Seconds until the first result is there, compilation included; once for each shape.

{table(c.compiling)}

## Memory

MiB, one thread, in a process that does training steps only. The arrays: of ours by XLA's plan, of the other by torch's
record of what it allocates and frees. What ours holds beyond them is TensorFlow and its compiler.

{table(c.memory)}
"""
    arguments.output.write_text(text)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--worker"]:
        serve({"ours": Ours, "peer": Peer}, sys.argv[2:])
    else:
        main()
