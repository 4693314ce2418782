"""Train SchNet and MACE for an hour each on the published acetylacetone at 300 K, and test them on all its files.

    python experiments/potentials.py            # two hours of one core, and the download of the set
    python experiments/potentials.py --minutes 1 --output /tmp/try

Trains on nine tenths of the 500 frames at 300 K, keeps the weights that are best on the others, as `dmol-molnet train`
does, and tests on the other trajectories, at 300 K and at 600 K, the turned ones and the path of the proton (Batatia et
al. (2025), `batatia2025design`).  An hour is one of a single core: as many epochs as it does in so much processor time,
compilation included.  A killed script goes on after the last whole epoch.

Writes `dmol_molnet/data/potentials.json`, which a chapter reads, and `experiments/potentials.md`.
"""

import argparse
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import functools
import json
import platform
from importlib.metadata import version
from pathlib import Path

import numpy as np
from common import epochs_in, machine, one_thread, write

ROOT = Path(__file__).parents[1]
DATA = ROOT / "dmol_molnet" / "data" / "potentials.json"
TABLE = Path(__file__).with_suffix(".md")

MINUTES = 60.0
RUNS = {
    "schnet": {"network": {"channels": 64}, "training": {}},
    "mace": {"network": {"elements": ["H", "C", "O"]}, "training": {"batch_size": 4, "force_weight": 100.0}},
}
"""What differs from the defaults of `build` and `fit`."""

TESTS = "test_300K", "test_600K", "torsion", "proton_transfer"

PUBLISHED = {  # as quoted by Batatia et al. (2022), `batatia2022mace`: energy in meV, force in meV/Å, parameters
    "BOTNet": {"test_300K": (0.89, 6.3), "test_600K": (6.2, 29.8), "weights": 2_756_416},
    "NequIP": {"test_300K": (0.81, 5.90), "test_600K": (6.04, 27.8), "weights": 3_190_488},
    "MACE": {"test_300K": (0.9, 5.1), "test_600K": (4.6, 22.4), "weights": 2_803_984},
}


def run(name: str, minutes: float, checkpoint: Path) -> dict:
    """Train one for so long; its errors on every test file, in eV and eV/Å."""
    one_thread()
    from dmol_molnet import datasets
    from dmol_molnet.nn.design_space import build
    from dmol_molnet.nn.potential import Potential

    data = datasets.load("acetylacetone-dft")
    order = np.random.default_rng(0).permutation(len(data.train_300K))
    held_out, train = ([data.train_300K[k] for k in some] for some in np.split(order, [len(order) // 10]))
    network, training = RUNS[name]["network"], RUNS[name]["training"]

    def fit(**options):
        potential = Potential(build(name, seed=0, **network))
        potential.fit(train, held_out, seed=0, **training, **options)
        return potential

    epochs = epochs_in(minutes, functools.partial(fit, verbose=0))
    potential = fit(epochs=epochs, checkpoint=checkpoint)
    errors = {test: potential.evaluate(getattr(data, test)) for test in TESTS}
    return {
        "network": network,
        "training": training,
        "minutes": minutes,
        "epochs": epochs,
        "weights": int(sum(np.size(w) for w in potential.trainable_variables)),
        "errors": {
            test: {key: found[key] for key in ("energy_rmse", "force_rmse")} for test, found in errors.items()
        },
    }  # fmt: skip


# ------------------------------------------------------------------------------------------------ the table


def table(result: dict) -> str:
    """The runs and the published errors as Markdown."""
    lines = ["# Potentials for acetylacetone", "", *__doc__.split("\n\n")[2].split("\n"), ""]
    lines += ["Root mean square errors, energy in meV / force in meV/Å; the last two files have no forces.", ""]
    lines += ["| | weights | epochs | minutes | 300 K | 600 K | torsion | proton transfer |"]
    lines += ["| --- | --- | --- | --- | --- | --- | --- | --- |"]
    for name, found in result["runs"].items():
        errors = [shown(*found["errors"][test].values(), 1000) for test in TESTS]
        cells = [name, f"{found['weights']:,}", found["epochs"], f"{found['minutes']:g}", *errors]
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    for name, found in PUBLISHED.items():
        cells = [name, f"{found['weights']:,}", "", "", *(shown(*found[test]) for test in TESTS[:2]), "", ""]
        lines.append("| " + " | ".join(cells) + " |")
    lines += [
        "",
        "The last three rows are published, as Batatia et al. (2022) quote them: larger networks, trained on GPUs.",
        f"The others were measured on {result['machine']}.",
        "",
    ]
    for name, found in result["runs"].items():
        network, training = (json.dumps(found[what]) for what in ("network", "training"))
        lines.append(f"- {name}: network {network}, training {training}, beside the defaults")
    lines.append("- " + ", ".join(f"{key} {value}" for key, value in result["versions"].items()))
    return "\n".join(lines) + "\n"


def shown(energy: float, force: float | None, unit: float = 1.0) -> str:
    """As many digits as make sense."""
    return " / ".join(f"{unit * x:.{1 if unit * x >= 10 else 2}f}" for x in (energy, force) if x is not None)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, help="a folder for all files (default: the package and experiments/)")
    parser.add_argument("--minutes", type=float, default=MINUTES, help="fewer, to try the script")
    parser.add_argument("--only", choices=list(RUNS), help="train this one and keep the others")
    arguments = parser.parse_args()
    data, report = DATA, TABLE
    if arguments.output:
        arguments.output.mkdir(parents=True, exist_ok=True)
        data, report = arguments.output / DATA.name, arguments.output / TABLE.name

    result = {
        "made by": "experiments/potentials.py",
        "command": "python experiments/potentials.py",
        "machine": machine(),
        "versions": {
            "Python": platform.python_version(),
            **{name: version(name) for name in ("dmol-molnet", "tensorflow", "keras", "numpy")},
        },
        "units": {"energy": "eV", "force": "eV/Å"},
    }
    for name in [arguments.only] if arguments.only else RUNS:
        checkpoint = report.with_name(f"{name}.checkpoint.npz")
        one = run(name, arguments.minutes, checkpoint)
        known = json.loads(data.read_text(encoding="utf-8"))["runs"] if data.exists() else {}  # others write it too
        result["runs"] = {key: (known | {name: one})[key] for key in RUNS if key in known or key == name}
        write(data, json.dumps(result, indent=1, ensure_ascii=False) + "\n")
        write(report, table(result))
        checkpoint.unlink()
    print(report.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
