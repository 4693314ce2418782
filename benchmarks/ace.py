"""How fast our MACE is, beside mace-torch on a CPU: writes ace.md beside this file.

    python benchmarks/ace.py [--rounds 9] [--runs 3] [--peer PYTHON]

Both are the same function with the same weights, carried over from mace-torch: 32x0e + 32x1o, harmonics to l = 3,
correlation 3, two layers, 5 Å.  First, in float64, energies and forces are compared; then both live in processes of
their own, in float32, and are called in turn.  Its symmetric product and e3nn's spherical harmonics are compared by
themselves, too.  Without `--peer`, the other one's environment is made in `_build/peers/ace` from the versions in
`PEER`; torch's wheels for the CPU alone suffice, where pip is told of them.  Do nothing else on the computer meanwhile:
where other programs take the cores, times of two threads are left out.

The file is the program of both processes too, so nothing above `main` is imported but what both environments have.
"""

from __future__ import annotations

import contextlib
import math
import re
import sys
from itertools import permutations
from pathlib import Path

import numpy as np
from beside import Comparison, arguments_of, peak, serve, table

CHANNELS, L_MAX, CORRELATION, CUTOFF = 32, 3, 3, 5.0
MOLECULES, VECTORS, FORCE_WEIGHT, RATE = 32, 100_000, 100.0, 1e-4
NEIGHBORS = 12.0

PEER = "torch==2.13.0 mace-torch==0.3.16 e3nn==0.4.4".split()

WORK = {  # name: (what, calls a turn)
    "forward": ("energies", 5),
    "forces": ("energies and forces", 3),
    "train": ("training step", 2),
    "box": ("energies and forces of the box", 1),
    "product": ("symmetric product, forward and backward", 5),
    "harmonics": ("spherical harmonics", 10),
    "harmonics-gradient": ("spherical harmonics, forward and backward", 10),
}


def drawn(seed: int, *shape: int) -> np.ndarray:
    """Normal numbers that both have."""
    return np.random.default_rng(seed).normal(size=shape)


# ------------------------------------------------------------------------------------------------ the two


class Ours:
    """This package: `Potential` and the training step, compiled and in parts, as its own functions do it."""

    def __init__(self, folder: Path, dtype: str, threads: int):
        import keras
        import tensorflow as tf

        from dmol_molnet import Molecule
        from dmol_molnet.nn.design_space import build
        from dmol_molnet.nn.graph import Batches, part_size
        from dmol_molnet.nn.harmonics import spherical_harmonics
        from dmol_molnet.nn.potential import Normalisation, Potential
        from dmol_molnet.nn.program import Program
        from dmol_molnet.nn.training import _Step, labels

        self.tf, self.version = tf, f"TensorFlow {tf.__version__}, Keras {keras.__version__}"
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)
        keras.config.set_dtype_policy(dtype)
        self.imported = peak()

        network = build(
            "mace", channels=CHANNELS, l_max=L_MAX, correlation=CORRELATION, cutoff=CUTOFF, elements=["H", "C", "O"],
            neighbors=NEIGHBORS, seed=0,
        )  # fmt: skip
        if (folder / "weights.npz").exists():
            carry(network, dict(np.load(folder / "weights.npz")))
        nothing, unit = dict.fromkeys("HCO", 0.0), dict.fromkeys("HCO", 1.0)
        potential = self.potential = Potential(network, Normalisation(nothing, unit))
        data = np.load(folder / "atoms.npz")
        frames = [
            Molecule(data["numbers"], x, energy=float(e), forces=f)
            for x, e, f in zip(data["positions"], data["energies"], data["forces"], strict=True)
        ]
        box = Molecule(data["box_numbers"], data["box_positions"], cell=data["cell"], pbc=[True] * 3)
        self.graphs = {
            "molecules": [(graph,) for _, graph in Batches(frames, CUTOFF, part_size(frames))()],
            "box": [(graph,) for _, graph in Batches([box], CUTOFF, 1)()],
        }
        ((_, self.whole),) = Batches(frames, CUTOFF, len(frames), split=True)()
        self.wanted = labels(potential, frames, self.whole)
        self.energy = Program(potential)
        self.step = _Step(potential, RATE, float(data["numbers"].size), FORCE_WEIGHT, 0.99)

        basis, message = network.interactions[0].product_basis, network.interactions[0].message
        atoms = len(frames) * len(data["numbers"])
        z = np.eye(3)[drawn_elements(atoms)]
        A, cotangent = drawn(1, 16, atoms, CHANNELS), drawn(2, 4, atoms, CHANNELS)
        x, harmonic = drawn(3, VECTORS, 3), drawn(4, (L_MAX + 1) ** 2, VECTORS)
        size = part_size(frames) * len(data["numbers"])
        parts = [slice(k, k + size) for k in range(0, atoms, size)]
        self.parts = [[tf.constant(y, dtype) for y in (A[:, k], cotangent[:, k], z[k])] for k in parts]
        self.vectors = tf.constant(x, dtype), tf.constant(harmonic, dtype)

        def gradient(function):
            def compiled(x, cotangent, *more):
                with tf.GradientTape() as tape:
                    tape.watch(x)
                    y = function(x, *more)
                return y, tape.gradient(y, x, cotangent)

            return Program(compiled)

        def harmonics(x):
            return spherical_harmonics(L_MAX, x / tf.sqrt(tf.reduce_sum(x**2, -1, keepdims=True)))

        self.product = gradient(lambda A, z: message(basis(A), z))
        self.harmonics = Program(harmonics)
        self.harmonics_gradient = gradient(harmonics)

    def run(self, work: str):
        """One call, its results in numpy."""
        if work == "train":
            return self.step.train(self.whole, self.wanted)
        if work == "forward":
            return np.concatenate(list(map(read, self.energy.map(self.graphs["molecules"]))))
        if work == "product":
            return [np.concatenate(list(map(read, x)), 1) for x in zip(*self.product.map(self.parts), strict=True)]
        if work == "harmonics":
            return read(self.harmonics(self.vectors[0]))
        if work == "harmonics-gradient":
            return [read(y) for y in self.harmonics_gradient(*self.vectors)]
        found = self.potential.program.map(self.graphs["box" if work == "box" else "molecules"])
        return [np.concatenate(list(map(read, x))) for x in zip(*found, strict=True)]

    def arrays(self, folder: Path) -> float:
        """What the arrays of a training step take, MiB, by the compiler's own plan."""
        self.run("train")
        (report,) = folder.glob("xla/*train*memory-usage-report.txt")
        return int(re.search(r"Total bytes used: (\d+)", report.read_text())[1]) / 2**20

    def values(self) -> dict[str, np.ndarray]:
        """What the other must have too."""
        found = {}
        for atoms, work in (("molecules", "forces"), ("box", "box")):
            energy, forces = self.run(work)
            real = np.concatenate([np.asarray(graph.numbers) > 0 for (graph,) in self.graphs[atoms]])
            found |= {f"energy of {atoms}": energy, f"forces of {atoms}": forces[real]}
            found[f"edges of {atoms}"] = np.array(sum(len(graph.edges) for (graph,) in self.graphs[atoms]))
        product, slope = self.run("product")
        found |= {"product": product, "slope of the product": slope}
        return found | {"loss": self.run("train")[0]}  # changes the weights


class Peer:
    """mace-torch as its own command makes it; eager, as it runs by default on a CPU."""

    def __init__(self, folder: Path, dtype: str, threads: int):
        import torch

        torch.serialization.add_safe_globals([slice])  # e3nn 0.4.4 is older than torch's caution
        import e3nn
        import mace
        from ase import Atoms
        from e3nn import o3
        from mace import data, modules, tools
        from mace.tools import torch_geometric

        self.torch, self.o3 = torch, o3
        self.version = f"mace-torch {mace.__version__}, e3nn {e3nn.__version__}, torch {torch.__version__}"
        torch.set_num_threads(threads)
        torch.set_num_interop_threads(threads)
        torch.set_default_dtype(getattr(torch, dtype))
        self.imported = peak()

        def make():
            torch.manual_seed(0)
            block = modules.interaction_classes["RealAgnosticResidualInteractionBlock"]
            return modules.MACE(
                r_max=CUTOFF, num_bessel=8, num_polynomial_cutoff=5, max_ell=L_MAX, interaction_cls=block,
                interaction_cls_first=block, num_interactions=2, num_elements=3,
                hidden_irreps=o3.Irreps(f"{CHANNELS}x0e+{CHANNELS}x1o"), MLP_irreps=o3.Irreps("16x0e"),
                atomic_energies=np.zeros(3), avg_num_neighbors=NEIGHBORS, atomic_numbers=[1, 6, 8],
                correlation=CORRELATION, gate=torch.nn.functional.silu,
            )  # fmt: skip

        self.model, self.trained = make().requires_grad_(False), make()
        given = folder / "weights.npz"
        if given.exists():
            with np.load(given) as kept:
                for model in (self.model, self.trained):
                    for name, weight in model.named_parameters():
                        weight.data.copy_(torch.tensor(kept[name]))
        else:
            kept = {name: weight.detach().numpy() for name, weight in self.trained.named_parameters()}
            kept |= {name: x.numpy() for name, x in self.model.named_buffers() if "U_matrix" in name}
            np.savez(given, **kept)
        atoms = np.load(folder / "atoms.npz")
        frames = [Atoms(atoms["numbers"], x) for x in atoms["positions"]]
        box = Atoms(atoms["box_numbers"], atoms["box_positions"], cell=atoms["cell"], pbc=True)
        elements = tools.AtomicNumberTable([1, 6, 8])

        def batch(structures):
            made = [
                data.AtomicData.from_config(data.config_from_atoms(one), z_table=elements, cutoff=CUTOFF)
                for one in structures
            ]
            loader = torch_geometric.dataloader.DataLoader(made, batch_size=len(made), shuffle=False)
            return next(iter(loader)).to_dict()

        self.inputs = {"molecules": batch(frames), "box": batch([box])}
        self.wanted = [torch.tensor(x) for x in (atoms["energies"], atoms["forces"].reshape(-1, 3))]
        self.wanted = [x.to(torch.get_default_dtype()) for x in self.wanted]
        self.optimizer = torch.optim.Adam(self.trained.parameters(), RATE, fused=True)

        n = len(frames) * len(atoms["numbers"])
        tensor = lambda *drawing: torch.tensor(drawn(*drawing), dtype=torch.get_default_dtype())  # noqa: E731
        self.z = torch.nn.functional.one_hot(torch.tensor(drawn_elements(n)), 3).to(torch.get_default_dtype())
        self.given = {
            "product": (tensor(1, 16, n, CHANNELS).permute(1, 2, 0).contiguous(), tensor(2, 4, n, CHANNELS)),
            "harmonics": (
                tensor(3, VECTORS, 3)[:, [1, 2, 0]].contiguous(),
                tensor(4, (L_MAX + 1) ** 2, VECTORS).T.contiguous(),
            ),
        }
        irreps = o3.Irreps.spherical_harmonics(L_MAX)
        self.spherical = o3.SphericalHarmonics(irreps, normalize=True, normalization="component")

    def _product(self, A):
        """[A, K, 16] -> [4, A, K], as ours gives it."""
        y = self.model.products[0].symmetric_contractions(A, self.z)  # [A, K + 3 K]
        scalars, vectors = y[:, :CHANNELS], y[:, CHANNELS:].reshape(-1, CHANNELS, 3)
        return self.torch.cat([scalars[None], vectors.permute(2, 0, 1)])

    def run(self, work: str):
        """One call, its results in numpy."""
        torch = self.torch
        if work == "train":
            self.optimizer.zero_grad()
            loss = self._loss()
            loss.backward()
            self.optimizer.step()
            return loss.detach().numpy()
        if work == "harmonics":
            with torch.no_grad():
                return self.spherical(self.given["harmonics"][0]).numpy()
        if work in ("product", "harmonics-gradient"):
            x, cotangent = self.given[work.split("-")[0]]
            x = x.detach().requires_grad_()
            y = self._product(x) if work == "product" else self.spherical(x)
            (slope,) = torch.autograd.grad(y, x, cotangent)
            return y.detach().numpy(), slope.numpy()
        inputs = self.inputs["box" if work == "box" else "molecules"]
        with torch.no_grad() if work == "forward" else contextlib.nullcontext():
            found = self.model(inputs, compute_force=work != "forward")
        return [found[key].detach().numpy() for key in ("energy", "forces")[: 1 if work == "forward" else 2]]

    def _loss(self):
        found = self.trained(self.inputs["molecules"], training=True, compute_force=True)
        mse = self.torch.nn.functional.mse_loss
        return mse(found["energy"], self.wanted[0]) + FORCE_WEIGHT * mse(found["forces"], self.wanted[1])

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
        for atoms, work in (("molecules", "forces"), ("box", "box")):
            energy, forces = self.run(work)
            found |= {f"energy of {atoms}": energy, f"forces of {atoms}": forces}
            found[f"edges of {atoms}"] = np.array(self.inputs[atoms]["edge_index"].shape[1])
        found["loss"] = self.run("train")
        product, slope = self.run("product")
        return found | {"product": product, "slope of the product": slope.transpose(2, 0, 1)}


def read(tensor) -> np.ndarray:
    """A tensor as an array without a copy, as torch gives its own."""
    return np.asarray(memoryview(tensor))


def drawn_elements(atoms: int) -> np.ndarray:
    """Which of three elements each atom is."""
    return np.random.default_rng(0).integers(3, size=atoms)


def carry(network, given: dict[str, np.ndarray]) -> None:
    """Give our network the weights of a MACE of mace-torch, so that both are the same function.

    Its axes are turned against ours, which changes no energy.  Its weights of many couplings that depend on each other
    become those of the independent ones; where its layers divide by constants and ours do not, the weights do.
    """
    K, Z = network.arguments["channels"], len(network.numbers)
    # Its activations are scaled by an estimate of what ours has exactly.
    activation = 1.6791767923989418 / exact_scale()
    network.embedding.assign(given["node_embedding.linear.weight"].reshape(Z, K) / math.sqrt(Z))
    for t, layer in enumerate(network.interactions):
        here, basis = f"interactions.{t}.", layer.atomic_basis
        for kernel, w in zip(basis.up, given[here + "linear_up.weight"].reshape(-1, K, K), strict=True):
            kernel.assign(w)
        order = sorted(range(len(basis.paths)), key=lambda x: (basis.paths[x].receiver.l, x))  # its order of ours
        for n, kernel in enumerate(basis.radial.kernels):
            w = given[f"{here}conv_tp_weights.layer{n}.weight"] * (activation if n else math.sqrt(3 / CUTOFF**3))
            if n == len(basis.radial.kernels) - 1:
                w = w.reshape(-1, len(order), K)[:, np.argsort(order)].reshape(w.shape)
            kernel.assign(w)
        basis.mix.assign(given[here + "linear.weight"].reshape(len(order), K, K)[np.argsort(order)])
        layer.update.old["0e"].assign(given[here + "skip_tp.weight"].reshape(K, Z * K) / math.sqrt(Z))
        here = f"products.{t}."
        for kernel, w in zip(layer.update.kernels, given[here + "linear.weight"].reshape(-1, K, K), strict=True):
            kernel.assign(w)
        for n, (irrep, kernel) in enumerate(zip(layer.receivers, layer.message.kernels, strict=True)):
            weights = []
            for nu, name in ((1, "weights.1"), (2, "weights.0"), (3, "weights_max")):
                path = f"{here}symmetric_contractions.contractions.{n}."
                U = given[f"{path}U_matrix_{nu}"]
                change = independent(U if irrep.l else U[None], layer.product_basis, nu, irrep)
                weights.append(np.einsum("cq,zqk->zck", change, given[path + name]))
            kernel.assign(np.concatenate(weights, 1) * math.sqrt(kernel.shape[1]))
    network.heads["0"].kernels[0].assign(given["readouts.0.linear.weight"].reshape(K, 1))
    network.heads["1"].kernels[0].assign(given["readouts.1.linear_1.weight"].reshape(K, -1))
    network.heads["1"].kernels[1].assign(given["readouts.1.linear_2.weight"].reshape(-1, 1) * activation)


def independent(U: np.ndarray, basis, nu: int, irrep) -> np.ndarray:
    """Its couplings U [2L+1, a, …, q] as sums of ours: [Q, q]."""
    if nu == 1:
        start = irrep.l**2
        ours = np.eye(U.shape[1])[start : start + irrep.dim, :, None]
    else:
        ours = basis.tree.tensor(nu, irrep)
    orders = list(permutations(range(1, nu + 1)))
    U = sum(U.transpose(0, *order, nu + 1) for order in orders) / len(orders)
    ours, U = (x.reshape(-1, x.shape[-1]) for x in (ours, U))
    change = np.linalg.lstsq(ours, U, rcond=None)[0]
    if np.abs(ours @ change - U).max() > 1e-12:
        raise SystemExit(f"its couplings of {nu} copies to {irrep} are not those of ours")
    return change


def exact_scale() -> float:
    """1 / sqrt of the mean square of silu of a normal variable."""
    x, w = np.polynomial.hermite_e.hermegauss(200)
    return float(1 / np.sqrt(np.sum(w * (x / (1 + np.exp(-x))) ** 2) / np.sum(w)))


def main():
    arguments = arguments_of(__file__, __doc__, "MACE_PYTHON")
    c = Comparison(Path(__file__), "mace-torch", WORK, (PEER, []), first="peer", molecules=MOLECULES)
    load = c.run(arguments.rounds, arguments.runs, arguments.peer)
    one, other = c.about["ours"], c.about["peer"]
    same = [[name, f"{value:.0e}"] for name, value in c.differences.items() if not name.startswith("edges")]
    text = f"""# MACE: measured times

Made by `python benchmarks/ace.py --rounds {arguments.rounds} --runs {arguments.runs}` (`make bench`) on
{load}

- ours: {one["version"]}, Python {one["python"]}
- {other["version"]}, Python {other["python"]}

The same function with the same weights, carried over from mace-torch: {CHANNELS}x0e + {CHANNELS}x1o, harmonics to
l = {L_MAX}, correlation {CORRELATION}, two layers, 8 Bessel functions, {CUTOFF:g} Å, three elements.
In float64 the two differ, relative to the largest value, by

{table([["", "difference"], *same])}

Measured in float32:

- {MOLECULES} molecules of acetylacetone, {15 * MOLECULES} atoms, {c.edges["molecules"]:,} directed edges: energies;
  energies and forces; a training step, which is the loss (mean squared error of energies + {FORCE_WEIGHT:g} times that
  of forces), its gradient and a step of Adam. Ours also clips the gradient and averages the weights, and computes about
  64 atoms at a time, as it does by default.
- a periodic box of 1000 atoms of H, C and O, 0.09 to an Å³, {c.edges["box"]:,} directed edges: energies and forces.
- the symmetric product of the first layer alone, 480 atoms, from A to messages and back to the gradient with respect
  to A, for a random cotangent and frozen weights; ours 60 atoms at a time, as above.
- spherical harmonics to l = {L_MAX} of {VECTORS:,} vectors of any length, which are normalised first, and their
  gradient for a random cotangent; the other is e3nn.

Neighbours are found beforehand. Results arrive as numpy arrays within the time. The two are called in turn; a turn is
the mean of 1 to 10 calls, after one that does not count. Milliseconds are medians over all turns, ratios medians of the
ratios of each turn; there are {arguments.rounds} turns in each of {arguments.runs} runs, with new processes for each.

Ours is compiled by XLA. torch runs eagerly, its weights frozen except in the training step, its Adam the fused one. Not
tried: cuequivariance, `torch.compile` (which has no second derivatives), GPUs.

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
