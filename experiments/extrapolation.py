"""What a force should weigh and how fast to learn, judged on frames that are hotter than those of training.

    python experiments/extrapolation.py --sets sets  # an hour and a half of one core; what is done is not done again
    python experiments/extrapolation.py --sets sets --epochs 1 --output /tmp/try

Every run trains the default MACE for 100 epochs on 450 frames of one molecule, with 50 held out, and looks at unseen
frames at the temperature of training and at a higher one.  The molecules: acetylacetone, the published DFT frames at
300 K and 600 K (Batatia et al. (2025), `batatia2025design`), which are downloaded; and propane-1,3-diol and cytosine at
500 K and 800 K, of `molecules.py`, which must lie in the folder of `--sets`.

Writes `experiments/extrapolation.json`, after every run, and `experiments/extrapolation.md`.
"""

import argparse
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from pathlib import Path

import numpy as np
from common import each, one_thread, rounded

RESULTS = Path(__file__).with_suffix(".json")
EPOCHS, TRAIN, HELD_OUT, TESTS = 100, 450, 50, 300

SETS = {
    "acetylacetone": "acetylacetone, PBE, 300 K and 600 K",
    "propanediol": "propane-1,3-diol, GFN2-xTB, 500 K and 800 K",
    "cytosine": "cytosine, GFN2-xTB, 500 K and 800 K",
}
CHOICES = {
    "by default": {},
    "rate 0.005": {"learning_rate": 0.005},
    "rate 0.01": {"learning_rate": 0.01},
    "force weight 1000": {"force_weight": 1000.0},
    "by default, seed 1": {"seed": 1},
}
"""What differs from the defaults of `fit`: the most telling first."""


def frames(name: str, folder: Path) -> tuple[list, list, list]:
    """The frames to train on, those to test on, and hot ones."""
    from dmol_molnet import datasets
    from dmol_molnet.files import read_xyz

    if name == "acetylacetone":
        data = datasets.load("acetylacetone-dft")
        parts = [data.train_300K, data.test_300K, data.test_600K]
    else:
        parts = [list(read_xyz(folder / f"{name}_{part}.xyz")) for part in ("train", "test", "hot")]
    train, *tests = parts
    return train[:: len(train) // (TRAIN + HELD_OUT)], *(some[:: max(len(some) // TESTS, 1)][:TESTS] for some in tests)


def run(name: str, choice: str, epochs: int, folder: Path) -> dict:
    """Train once; errors on frames as warm as those of training, and on hot ones, in eV and eV/Å."""
    one_thread()
    from dmol_molnet.nn.design_space import build
    from dmol_molnet.nn.potential import Potential

    options = {"seed": 0} | CHOICES[choice]
    frames_, test, hot = frames(name, folder)
    frames_ = [frames_[k] for k in np.random.default_rng(options["seed"]).permutation(len(frames_))]
    elements = sorted({s for m in frames_ for s in m.symbols})
    potential = Potential(build("mace", seed=options["seed"], elements=elements))
    potential.fit(frames_[HELD_OUT:], frames_[:HELD_OUT], epochs=epochs, verbose=0, **options)
    found = {}
    for key, some in (("test", test), ("hot", hot)):
        errors = potential.evaluate(some)
        found[key] = [rounded(errors["energy_rmse"]), rounded(errors["force_rmse"])]
    return found


def table(found: dict) -> str:
    """Markdown: a row a choice, a column a molecule."""
    lines = ["# What training did not show", "", *__doc__.split("\n\n")[2:3], ""]
    lines += [
        "Root mean square errors: energy of the molecule in meV / forces in meV/Å, as warm as in training → hot.",
        "",
    ]
    lines += ["| choice | " + " | ".join(SETS.values()) + " |", "| --- " * (len(SETS) + 1) + "|"]
    for choice in CHOICES:
        cells = []
        for name in SETS:
            one = found["runs"].get(f"{name}: {choice}")
            shown = [f"{1000 * energy:.1f} / {1000 * force:.1f}" for energy, force in one.values()] if one else []
            cells.append(" → ".join(shown))
        if any(cells):
            lines.append("| " + " | ".join([choice, *cells]) + " |")
    lines += ["", f"Measured on {found['machine']}, by `python experiments/extrapolation.py --sets sets`.", ""]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--sets", type=Path, required=True, help="the folder of molecules.py's files; downloads go elsewhere"
    )
    parser.add_argument("--epochs", type=int, default=EPOCHS, help="fewer, to try the script")
    parser.add_argument("--output", type=Path, help="a folder for both files (default: experiments/)")
    arguments = parser.parse_args()
    results = arguments.output / RESULTS.name if arguments.output else RESULTS

    def one(key: str) -> dict:
        name, choice = key.split(": ")
        return run(name, choice, arguments.epochs, arguments.sets)

    each((f"{name}: {choice}" for choice in CHOICES for name in SETS), one, results, table)


if __name__ == "__main__":
    main()
