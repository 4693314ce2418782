"""Each choice of normalisation on and off: train one small SchNet again and again, with all else the same.

    python experiments/normalisation.py            # about twenty minutes on two cores
    python experiments/normalisation.py --epochs 2 --seeds 1 --output /tmp/try

Trains on the 500 frames of acetylacetone at 300 K that ship with the package and tests on the 650 of the other
trajectory at 300 K.

Writes `dmol_molnet/data/normalisation.json`, which the chapter reads, and `experiments/normalisation.md`.  Every run is
written when it ends: a killed script goes on with those that are missing.  One thread a run, so that the numbers do not
depend on how busy the machine is.

Also here, because the chapter's first section needs energies of molecules of different sizes: small molecules of H, C
and O, relaxed with GFN2-xTB as the frames of acetylacetone were labelled (Bannwarth, Ehlert and Grimme (2019),
`bannwarth2019gfn2`, as in tblite).
"""

import argparse
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import json
import multiprocessing
import platform
import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from importlib.metadata import version
from importlib.resources import as_file, files
from pathlib import Path

import numpy as np
from common import one_thread, rounded, spread, write

ROOT = Path(__file__).parents[1]
DATA = ROOT / "dmol_molnet" / "data" / "normalisation.json"
TABLE = Path(__file__).with_suffix(".md")

NETWORK = {"channels": 32, "layers": 2, "radial": 20, "cutoff": 5.0}
TRAINING = {"epochs": 80, "batch_size": 10, "learning_rate": 0.02, "energy_weight": 1.0, "force_weight": 10.0,
            "average": 0.99}  # fmt: skip
SEEDS = 3  # of the first weights and of the order of the frames
DFT_ENERGY = -9391.39  # eV: the mean energy of the published set, whose cores count

HARTREE, KCAL_PER_MOL = 27.211386245988, 0.0433641  # eV


@dataclass(frozen=True)
class Choice:
    """One line of the table: what is chosen, how, and in what it differs from the base line."""

    choice: str
    value: str
    shift: str = "element"
    scale: str | float = "forces"
    neighbors: str = "mean number"
    force_weight: float = 10.0
    labels: str = "float64"


CHOICES = {
    "base": Choice("base", "constants of the training set"),
    "shift-none": Choice("shift", "none", shift="none"),
    "shift-molecule": Choice("shift", "mean of the molecules", shift="molecule"),
    "shift-free": Choice("shift", "free atoms", shift="free"),
    "float32-dft": Choice("labels", "rounded to float32 at −9391 eV", labels="float32"),
    "scale-1": Choice("scale", "1 eV", scale=1.0),
    "scale-total": Choice("scale", "spread of the total energies", scale="energies"),
    "scale-kcal": Choice("scale", "1 kcal/mol", scale=KCAL_PER_MOL),
    "scale-hartree": Choice("scale", "1 hartree", scale=HARTREE),
    "scale-two": Choice("scale", "two, energies and forces apart", scale="two"),
    "divide-none": Choice("sums divided by", "1", neighbors="one"),
    "divide-root": Choice("sums divided by", "root of the mean number of neighbours", neighbors="root"),
    "divide-degree": Choice("sums divided by", "each atom's own number of neighbours", neighbors="degree"),
    "weight-0": Choice("weight of forces", "0", force_weight=0.0),
    "weight-1": Choice("weight of forces", "1", force_weight=1.0),
    "weight-100": Choice("weight of forces", "100", force_weight=100.0),
}

SMALL = "O C CC CCC CCCC CC(C)C C=C CC=C CO CCO CCCO CC(C)O COC CCOC C=O CC=O CCC=O CC(C)=O".split()
LARGE = (
    "CC(O)=CC(C)=O CCCCCCC=O CC(=O)CCCCC OCCCCCCO CCCCCCCC CC(C)(C)CC(C)C CCCCCCC=C CCCCCCCO CCCCOCCCC CCCCCCCCCC"
).split()


# ------------------------------------------------------------------------------------------------ one run


def run(name: str, seed: int, options: dict) -> dict:
    """Train with one choice and one seed; the errors at 300 K, and what the potential says where it was not trained."""
    import tensorflow as tf

    one_thread()

    from dmol_molnet import Molecule, datasets
    from dmol_molnet.files import read_xyz
    from dmol_molnet.nn.potential import Normalisation, Potential
    from dmol_molnet.nn.schnet import SchNet

    class OneShift(Normalisation):
        """The mean energy of the training molecules, whatever the molecule: what standardising does."""

        def reference(self, molecule):
            return mean

    class DegreeSchNet(SchNet):
        """A mean over the neighbours in place of a sum divided by a constant."""

        def features(self, graph, positions=None):
            self.neighbors = tf.maximum(tf.reduce_sum(graph.hears, axis=1, keepdims=True), 1)  # [A, 1]
            return super().features(graph, positions)

    class TwoScales(Potential):
        """Forces with a scale of their own, and so no longer the derivative of the energy."""

        def derivatives(self, graph):
            energy, forces = super().derivatives(graph)
            return energy, ratio * forces

    choice, began = CHOICES[name], time.monotonic()
    data = datasets.load("acetylacetone")
    train, test = data.train, data.test_300K
    if choice.labels == "float32":
        offset = DFT_ENERGY - np.mean([molecule.energy for molecule in train])
        train = [replace(m, energy=float(np.float32(m.energy + offset))) for m in train]
        test = [replace(m, energy=m.energy + offset) for m in test]
    energies = np.array([molecule.energy for molecule in train])
    mean, deviation = float(energies.mean()), float(energies.std())

    found = Normalisation.of(train, NETWORK["cutoff"])
    rms = found.scales["C"]
    scale = {"forces": rms, "energies": deviation, "two": deviation}.get(choice.scale, choice.scale)
    shifts = found.shifts
    if choice.shift == "none":
        shifts = dict.fromkeys(shifts, 0.0)
    elif choice.shift == "free":
        with as_file(files("dmol_molnet") / "data" / "acetylacetone" / "free_atoms.xyz.xz") as path:
            shifts = {m.symbols[0]: m.energy for m in read_xyz(path)}
    make = OneShift if choice.shift == "molecule" else Normalisation
    normalisation = make(shifts, dict.fromkeys(shifts, scale), found.neighbors, found.undetermined)
    neighbors = {"one": 1.0, "root": found.neighbors**0.5}.get(choice.neighbors)  # None: the mean number
    network = (DegreeSchNet if choice.neighbors == "degree" else SchNet)(**NETWORK, neighbors=neighbors, seed=seed)
    ratio, weight = 1.0, choice.force_weight
    if choice.scale == "two":
        ratio, weight = rms / deviation, weight * (deviation / rms) ** 2
    potential = (TwoScales if choice.scale == "two" else Potential)(network, normalisation)
    potential.fit(train, **{**options, "force_weight": weight}, seed=seed, verbose=0)

    e, f = potential.energy_and_forces(test)
    de = e - np.array([molecule.energy for molecule in test])
    df = np.concatenate([mine - molecule.forces for mine, molecule in zip(f, test, strict=True)])
    true = np.concatenate([mine / ratio - molecule.forces for mine, molecule in zip(f, test, strict=True)])
    a, b = test[0], replace(test[1], positions=test[1].positions + [30.0, 0, 0])
    both = Molecule(np.concatenate([a.numbers, b.numbers]), np.concatenate([a.positions, b.positions]))
    lone = {s: potential.energy_and_forces(Molecule([z], [[0, 0, 0]]))[0] for s, z in (("H", 1), ("C", 6), ("O", 8))}
    return {
        "seed": seed,
        "energy_rmse": rounded(np.sqrt((de**2).mean())),
        "energy_mean_error": rounded(de.mean()),
        "force_rmse": rounded(np.sqrt((df**2).mean())),
        "derivative_force_rmse": rounded(np.sqrt((true**2).mean())),
        "two_molecules_minus_each": rounded(potential.energy_and_forces(both)[0] - e[0] - e[1]),
        "free_atoms": {symbol: rounded(energy) for symbol, energy in lone.items()},
        "seconds": round(time.monotonic() - began, 1),
    }


# ------------------------------------------------------------------------------------------------ small molecules


def small_molecules() -> list[dict]:
    """Relaxed molecules of different sizes and their energies in eV."""
    from ase import Atoms
    from ase.optimize import BFGS
    from tblite.ase import TBLite

    from dmol_molnet import Molecule

    rows = []
    for kind, smiles in [("small", s) for s in SMALL] + [("large", s) for s in LARGE]:
        molecule = Molecule.from_smiles(smiles).embed(seed=1)
        atoms = Atoms(molecule.numbers, molecule.positions, calculator=TBLite(method="GFN2-xTB", verbosity=0))
        BFGS(atoms, logfile=None).run(fmax=0.01, steps=500)
        rows.append({"smiles": smiles, "set": kind, "energy": round(float(atoms.get_potential_energy()), 6)})
    return rows


# ------------------------------------------------------------------------------------------------ the table


def table(result: dict) -> str:
    """The runs as Markdown: mean over seeds, and from the smallest to the largest."""
    lines = ["# Normalisation, on and off", "", *__doc__.split("\n\n")[2].split("\n"), ""]
    lines += [f"Measured by `{result['command']}`:", ""]
    for what in ("network", "training", "versions"):
        lines.append(f"- {what}: " + ", ".join(f"{key} {value}" for key, value in result[what].items()))
    lines += ["", "| choice | value | energy RMSE, meV | force RMSE, meV/Å | E(2) - 2 E, eV | seeds | s a run |"]
    lines.append("| --- | --- | --- | --- | --- | --- | --- |")
    for entry in result["choices"].values():
        runs = entry["runs"]
        shown = [spread([1000 * r[key] for r in runs]) for key in ("energy_rmse", "force_rmse")]
        two = np.mean([r["two_molecules_minus_each"] for r in runs])
        seconds = np.mean([r["seconds"] for r in runs])
        cells = [entry["choice"], entry["value"], *shown, f"{two:.3f}", len(runs), f"{seconds:.0f}"]
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    two = result["choices"].get("scale-two", {"runs": []})["runs"]
    if two:
        true = spread([1000 * r["derivative_force_rmse"] for r in two])
        lines += ["", f"With two scales, the force RMSE of the true derivative of the energy is {true} meV/Å."]
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
    packages = ("dmol-molnet", "tensorflow", "keras", "numpy", "tblite", "rdkit")
    result = {
        "made by": "experiments/normalisation.py",
        "command": "python experiments/normalisation.py",
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
            result |= {key: kept[key] for key in ("small molecules",) if key in kept}

    def save() -> None:
        for entry in result["choices"].values():
            entry["runs"].sort(key=lambda r: r["seed"])
        write(data, json.dumps(result, indent=1, ensure_ascii=False) + "\n")

    if "small molecules" not in result:
        result["small molecules"] = small_molecules()
        save()
        print("small molecules: done", flush=True)
    jobs = [
        (name, seed)
        for seed in range(arguments.seeds)
        for name in CHOICES
        if seed not in {r["seed"] for r in result["choices"][name]["runs"]}
    ]
    options = {key: value for key, value in training.items() if key != "force_weight"}
    # Fresh processes: TensorFlow does not survive a fork.
    with ProcessPoolExecutor(arguments.workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        pending = {pool.submit(run, *job, options): job for job in jobs}
        for count, future in enumerate(as_completed(pending), 1):
            (name, seed), found = pending[future], future.result()
            result["choices"][name]["runs"].append(found)
            save()
            print(
                f"{count} of {len(jobs)}: {name}, seed {seed}: energy {1000 * found['energy_rmse']:.1f} meV, "
                f"force {1000 * found['force_rmse']:.1f} meV/Å, {found['seconds']:.0f} s",
                flush=True,
            )
    save()  # also where nothing was left to run
    write(report, table(result))
    print(table(result))


if __name__ == "__main__":
    sys.exit(main())
