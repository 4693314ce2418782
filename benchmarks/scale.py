"""NequIP and GRACE, for scale: other functions than our MACE, of a like kind; writes scale.md beside this file.

    python benchmarks/scale.py [--rounds 9] [--nequip PYTHON] [--grace PYTHON]

Each lives in a process of its own, with one thread, in float32, and they are called in turn, on the same molecules with
the same cutoff.  Their sizes are those of their own small presets where they have some.  Without a Python that has
them, their environments are made in `_build/peers`.  A training step of GRACE is not measured.

The file is the program of all processes too, so nothing above `main` is imported but what all environments have.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

import numpy as np
from beside import Worker, atoms, environment, peak, serve, table

MOLECULES, CUTOFF, FORCE_WEIGHT, RATE = 32, 5.0, 100.0, 1e-4
SYMBOLS = {1: "H", 6: "C", 8: "O"}

PACKAGES = {
    "nequip": ("torch==2.13.0 nequip==0.19.1 e3nn==0.6.0 ase==3.29.0".split(), []),
    "grace": (
        "tensorflow==2.21.0 tf_keras ase==3.29.0 matscipy==1.3.1 pandas pyyaml scikit-learn scipy sympy tqdm".split(),
        ["tensorpotential==0.6.2.1"],  # asks for an older TensorFlow
    ),
}


def frames_of(folder: Path):
    """The molecules for ASE."""
    from ase import Atoms

    data = np.load(folder / "atoms.npz")
    return data, [Atoms(data["numbers"], x) for x in data["positions"]]


class Ours:
    """MACE of this package at its defaults, for the elements that there are."""

    def __init__(self, folder: Path, dtype: str, threads: int):
        from dmol_molnet import Molecule
        from dmol_molnet.nn.design_space import build
        from dmol_molnet.nn.graph import Batches, part_size
        from dmol_molnet.nn.potential import Normalisation, Potential
        from dmol_molnet.nn.training import _Step, labels

        self.imported = peak()
        data = np.load(folder / "atoms.npz")
        frames = [
            Molecule(data["numbers"], x, energy=float(e), forces=f)
            for x, e, f in zip(data["positions"], data["energies"], data["forces"], strict=True)
        ]
        network = build("mace", elements=list(SYMBOLS.values()), seed=0)
        self.potential = potential = Potential(network, Normalisation.of(frames, CUTOFF))
        self.graphs = [(graph,) for _, graph in Batches(frames, CUTOFF, part_size(frames))()]
        ((_, self.whole),) = Batches(frames, CUTOFF, len(frames), split=True)()
        self.wanted = labels(potential, frames, self.whole)
        self.step = _Step(potential, RATE, 1.0, FORCE_WEIGHT, 0.99)
        weights = sum(np.size(w) for w in potential.trainable_variables)
        self.version = f"ours: MACE, {weights:,} weights"

    def run(self, work: str):
        """One call, its results in numpy."""
        if work == "train":
            return self.step.train(self.whole, self.wanted)
        found = self.potential.program.map(self.graphs)
        return [np.concatenate(list(map(np.asarray, x))) for x in zip(*found, strict=True)]


class NequIP:
    """NequIP's model: three layers, l to 2, 32 features."""

    def __init__(self, folder: Path, dtype: str, threads: int):
        import nequip
        import torch
        from nequip.data import AtomicDataDict, from_ase
        from nequip.data.transforms import ChemicalSpeciesToAtomTypeMapper, NeighborListTransform
        from nequip.model import NequIPGNNModel
        from nequip.utils.global_state import set_global_state

        torch.set_num_threads(threads)
        torch.set_num_interop_threads(threads)
        set_global_state()
        self.torch, self.imported = torch, peak()
        data, frames = frames_of(folder)
        names = list(SYMBOLS.values())
        species, pairs = ChemicalSpeciesToAtomTypeMapper(names), NeighborListTransform(CUTOFF)
        self.data = AtomicDataDict.batched_from_list([pairs(species(from_ase(frame))) for frame in frames])
        self.data = {k: v.float() if v.is_floating_point() else v for k, v in self.data.items()}
        self.model = NequIPGNNModel(
            seed=0, model_dtype="float32", type_names=names, r_max=CUTOFF, num_layers=3, l_max=2, num_features=32,
            avg_num_neighbors=12.0,
        )  # fmt: skip
        self.wanted = [torch.tensor(data[key], dtype=torch.float32) for key in ("energies", "forces")]
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=RATE, fused=True)
        weights = sum(p.numel() for p in self.model.parameters())
        self.version = f"NequIP {nequip.__version__}, torch {torch.__version__}: l to 2, 3 layers, {weights:,} weights"

    def run(self, work: str):
        """One call, its results in numpy."""
        train = work == "train"
        for parameter in self.model.parameters():
            parameter.requires_grad_(train)
        self.model.train(train)
        found = self.model(dict(self.data))
        energy, forces = found["total_energy"][:, 0], found["forces"]
        if not train:
            return [energy.detach().numpy(), forces.detach().numpy()]
        mse = self.torch.nn.functional.mse_loss
        loss = mse(energy, self.wanted[0]) + FORCE_WEIGHT * mse(forces, self.wanted[1].reshape(-1, 3))
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return loss.detach().numpy()


class Grace:
    """GRACE of two layers, its small preset with our cutoff, by XLA; distances in float64, as it takes them."""

    def __init__(self, folder: Path, dtype: str, threads: int):
        from importlib.metadata import version

        import tensorflow as tf
        from tensorpotential.data.databuilder import GeometricalDataBuilder
        from tensorpotential.potentials import get_preset
        from tensorpotential.tpmodel import ComputeBatchEnergyAndForces, TPModel

        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)
        self.imported = peak()
        _, frames = frames_of(folder)
        elements = {symbol: k for k, symbol in enumerate(sorted(SYMBOLS.values()))}
        preset = get_preset("GRACE_2LAYER_latest")
        settings = {**preset._settings["small"], "rcut": CUTOFF}
        self.model = TPModel(
            preset(elements, avg_n_neigh=12.0, **settings).get_instructions(),
            train_function=ComputeBatchEnergyAndForces(),
        )
        self.model.build(tf.float32)
        builder = GeometricalDataBuilder(elements, CUTOFF)
        batch = builder.join_to_batch([builder.extract_from_ase_atoms(frame) for frame in frames])
        specs = {**self.model.instructions_specs, **self.model.train_function.specs}
        batch = {key: tf.constant(value) for key, value in batch.items() if key in specs}

        @tf.function(jit_compile=True)
        def compute(bonds):
            # Everything but the vectors is constant, as in a graph whose neighbours are known.
            found = self.model.train_function(self.model.instructions, {**batch, "bond_vector": bonds})
            return found["total_energy"], found["total_f"]

        self.compute, self.bonds = compute, batch["bond_vector"]
        weights = sum(int(np.prod(v.shape)) for v in self.model.variables_to_train)
        name = f"GRACE, tensorpotential {version('tensorpotential')}, TensorFlow {tf.__version__}"
        self.version = f"{name}: two layers, l to {settings['lmax'][0]}, {weights:,} weights"

    def run(self, work: str):
        """One call, its results in numpy."""
        return [x.numpy() for x in self.compute(self.bonds)]


WORKERS = {"ours": Ours, "nequip": NequIP, "grace": Grace}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9, help="turns of each")
    for name in PACKAGES:
        parser.add_argument(f"--{name}", type=Path, help="a Python that has it")
    parser.add_argument("--output", type=Path, default=Path(__file__).with_suffix(".md"))
    arguments = parser.parse_args()
    pythons = {"ours": Path(sys.executable)}
    for name, packages in PACKAGES.items():
        pythons[name] = getattr(arguments, name) or environment(name, name, *packages)
    jobs = [(name, work) for name in WORKERS for work in ("forces", "train") if (name, work) != ("grace", "train")]
    with tempfile.TemporaryDirectory() as folder:
        np.savez(Path(folder) / "atoms.npz", **atoms(MOLECULES))
        workers = {name: Worker(Path(__file__), name, pythons[name], Path(folder)) for name in WORKERS}
        first = {job: workers[job[0]](job[1])["cpu"][0] for job in jobs}
        times = {job: [] for job in jobs}
        for turn in range(arguments.rounds):
            for name, work in jobs if turn % 2 else jobs[::-1]:
                workers[name](work)  # brings its own data back into the cache
                times[name, work].append(1000 * workers[name](work)["cpu"][0])
            print(f"round {turn + 1}:", *(f"{n} {w} {t[-1]:.0f} ms" for (n, w), t in times.items()), flush=True)
        about = {name: worker.about["version"] for name, worker in workers.items()}
        for worker in workers.values():
            worker.__exit__()
    rows = [["", "energies and forces, ms", "training step, ms", "first call of forces, s"]]
    for name, text in about.items():
        cells = [f"{statistics.median(times[name, w]):.0f}" if (name, w) in times else "" for w in ("forces", "train")]
        rows.append([text, *cells, f"{first[name, 'forces']:.1f}"])
    arguments.output.write_text(f"""# For scale: NequIP and GRACE

Made by `python benchmarks/scale.py --rounds {arguments.rounds}`.  These are *other functions* than our MACE, with other
numbers of weights, so that the times say how large such things are, and not who computes the same faster.

{MOLECULES} molecules of acetylacetone, {15 * MOLECULES} atoms, {CUTOFF:g} Å, float32, one thread; milliseconds of CPU,
medians of {arguments.rounds} turns.  NequIP runs eagerly, as it does by default; GRACE and ours are compiled by XLA.
GRACE takes distances in float64.

{table(rows)}
""")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--worker"]:
        serve(WORKERS, sys.argv[2:])
    else:
        main()
