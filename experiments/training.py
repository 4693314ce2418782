"""Train SchNet and MACE by `fit`'s defaults on six molecules and several budgets, and test them on unseen frames.

    python experiments/training.py --sets sets       # hours; what is done already is not done again
    python experiments/training.py --sets sets --only schnet-ethanol-2-0 --output /tmp/try

The molecules: ethanol and 3BPA, published DFT frames of Batatia et al. (2025), `batatia2025design`, which are
downloaded; acetylacetone, which ships; and the three of `molecules.py`, which must lie in the folder of `--sets`.  A
tenth of the training frames is held out for validation, as `dmol-molnet train` does.

A budget is minutes of one core: each run has one thread, and as many epochs as that thread does in so many minutes of
processor time, compilation included.  So the numbers do not depend on how busy the machine is.

Writes `experiments/training.json`, after every run, and `experiments/training.md`.
"""

import argparse
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import warnings
from pathlib import Path

import numpy as np
from common import each, epochs_in, one_thread, rounded

RESULTS = Path(__file__).with_suffix(".json")

ADDRESS = "https://raw.githubusercontent.com/davkovacs/BOTNet-datasets/29e6d467317e4b5967b7ea5cbee54de953fa0d45/"
PUBLISHED = {
    "ethanol_train": (
        "dataset_ethanol/train.xyz",
        "sha256:a26a16d8910581fa321fedc3bd3dfe31f2460e8cbfdc7a8f65243f4fd7250dd0",
    ),
    "ethanol_test": (
        "dataset_ethanol/test_MD.xyz",
        "sha256:b8726933d5b9083989d8e3cc7013c18e0950cf0cbc6f6cd570fdb9759001031c",
    ),
    "3bpa_train": (
        "dataset_3BPA/train_300K.xyz",
        "sha256:d109971fab90e2231ad931a83eb704c8d940f5c7d7a8de27fe3b84ea18634c0a",
    ),
}

SETS = {
    "ethanol": "ethanol, 9 atoms, PBE, 500 K",
    "propanediol": "propane-1,3-diol, 13 atoms, GFN2-xTB, 500 K",
    "cytosine": "cytosine, 13 atoms, GFN2-xTB, 500 K",
    "acetylacetone": "acetylacetone, 15 atoms, GFN2-xTB, 300 K",
    "aspirin": "aspirin, 21 atoms, GFN2-xTB, 500 K",
    "3bpa": "3BPA, 27 atoms, ωB97X, 300 K",
}
TESTS = 300  # frames, at most

RUNS = [
    ("schnet", "ethanol", 10, 0),
    ("mace", "ethanol", 20, 0),
    *(("schnet", name, minutes, 0) for minutes in (2, 5) for name in SETS),
    *(("mace", name, minutes, 0) for minutes in (5, 10) for name in ("ethanol", "propanediol", "aspirin")),
    *(("schnet", name, 10, 0) for name in SETS),
    *((name, "ethanol", 5, 0) for name in ("tfn", "nequip", "botnet", "ace")),
    *(("schnet", "ethanol", 5, seed) for seed in (1, 2)),
    *(("schnet", name, 30, 0) for name in ("ethanol", "aspirin")),
    ("mace", "ethanol", 30, 0),
]
"""Network, molecule, minutes, seed: the most telling first."""


def frames(name: str, folder: Path) -> tuple[list, list]:
    """The frames to train on and those to test on."""
    from dmol_molnet import datasets
    from dmol_molnet.files import read_xyz

    def one(part):
        key = f"{name}_{part}"
        if key not in PUBLISHED:
            return list(read_xyz(folder / f"{key}.xyz"))
        import pooch

        address, digest = PUBLISHED[key]
        return list(read_xyz(pooch.retrieve(ADDRESS + address, digest, f"{key}.xyz", folder)))

    if name == "acetylacetone":
        data = datasets.load(name)
        train, test = data.train, data.test_300K
    elif name == "3bpa":  # the published tests are too large to read here: a sixth of the training frames instead
        train = one("train")
        order = np.random.default_rng(0).permutation(len(train))
        train, test = (
            [train[k] for k in some] for some in (order[: 5 * len(order) // 6], order[5 * len(order) // 6 :])
        )
    else:
        train, test = one("train"), one("test")
    return train, test[:: max(len(test) // TESTS, 1)][:TESTS]


def run(model: str, name: str, minutes: float, seed: int, folder: Path) -> dict:
    """Train once; errors on unseen frames in eV and eV/Å."""
    one_thread()
    from dmol_molnet.nn.design_space import build, defaults
    from dmol_molnet.nn.potential import Potential
    from dmol_molnet.nn.run import TrainingWarning

    train, test = frames(name, folder)
    order = np.random.default_rng(seed).permutation(len(train))
    held_out, train = ([train[k] for k in some] for some in (order[: len(train) // 10], order[len(train) // 10 :]))
    elements = {"elements": sorted({s for m in train for s in m.symbols})} if "elements" in defaults(model) else {}

    def fresh():
        return Potential(build(model, seed=seed, **elements))

    epochs = epochs_in(minutes, lambda **options: fresh().fit(train, held_out, seed=seed, verbose=0, **options))
    potential = fresh()
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always", TrainingWarning)
        history = potential.fit(train, held_out, epochs=epochs, seed=seed, verbose=0).history
    errors = potential.evaluate(test)
    labels = np.concatenate([m.forces for m in test])
    return {
        "epochs": epochs,
        "collapses": len([w for w in told if issubclass(w.category, TrainingWarning)]),
        "energy_rmse": rounded(errors["energy_rmse"]),
        "force_rmse": rounded(errors["force_rmse"]),
        "forces": rounded(float(np.sqrt(np.mean(labels**2)))),
        "validation": [rounded(x, 4) for x in history["val_force_rmse"][:: max(epochs // 40, 1)]],
    }


def table(found: dict) -> str:
    """Markdown: a row a network and molecule, a column a budget."""
    budgets = sorted({float(key.split("-")[2]) for key in found["runs"]})
    lines = ["# Training by default", "", *__doc__.split("\n\n")[2:4], ""]
    lines += ["Root mean square errors on unseen frames: energy of the molecule in meV / forces in meV/Å (epochs)."]
    lines += ["The last column is the size of the forces themselves, the error of a network that answers nothing.", ""]
    lines += ["| network | molecule | " + " | ".join(f"{m:g} min" for m in budgets) + " | collapses | forces, meV/Å |"]
    lines += ["| --- " * (len(budgets) + 4) + "|"]
    rows = {}
    for key, one in found["runs"].items():
        model, name, minutes, seed = key.split("-")
        rows.setdefault((model, name, seed), {})[float(minutes)] = one
    for (model, name, seed), cells in sorted(rows.items(), key=lambda r: (r[0][0], list(SETS).index(r[0][1]), r[0][2])):
        shown = [
            f"{1000 * c['energy_rmse']:.1f} / {1000 * c['force_rmse']:.1f} ({c['epochs']})"
            if (c := cells.get(m))
            else ""
            for m in budgets
        ]
        collapses = sum(c["collapses"] for c in cells.values())
        forces = f"{1000 * next(iter(cells.values()))['forces']:.0f}"
        which = SETS[name] + (f"; seed {seed}" if seed != "0" else "")
        lines.append("| " + " | ".join([model, which, *shown, str(collapses), forces]) + " |")
    lines += ["", f"Measured on {found['machine']}, by `python experiments/training.py --sets sets`.", ""]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--sets", type=Path, required=True, help="the folder of molecules.py's files; downloads go there"
    )
    parser.add_argument("--only", help="one run, such as schnet-ethanol-2-0: network, molecule, minutes, seed")
    parser.add_argument("--output", type=Path, help="a folder for both files (default: experiments/)")
    arguments = parser.parse_args()
    results = arguments.output / RESULTS.name if arguments.output else RESULTS

    def one(key: str) -> dict:
        model, name, minutes, seed = key.split("-")
        return run(model, name, float(minutes), int(seed), arguments.sets)

    keys = [arguments.only] if arguments.only else dict.fromkeys("-".join(map(str, one)) for one in RUNS)
    each(keys, one, results, table)


if __name__ == "__main__":
    main()
