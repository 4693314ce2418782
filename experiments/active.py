"""How few labels a torsion takes that training has not shown: picked by a committee, and at random.

    python experiments/active.py  # an hour of two busy cores; what is done is not done again
    python experiments/active.py --labels 8 --epochs 1 --output /tmp/try

The SchNet that ships (500 frames of acetylacetone at 300 K, 50 of them held out) goes on by `dmol_molnet.active`:
rounds of 50 labels by GFN2-xTB, of frames that dynamics with turned bonds finds.  The judge is the torsion of the
shipped set, by GFN2-xTB too, of which nothing is told.  Beside it, as many frames out of the same dynamics, picked at
random, and trained on in the same rounds.

Writes `experiments/active.json`, after every run, and `experiments/active.md`.
"""

import argparse
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import tempfile
from pathlib import Path

from common import each, rounded

RESULTS = Path(__file__).with_suffix(".json")
RUNS = {"picked": "most uncertain, unlike each other", "random": "at random"}


def run(key: str, labels: int, epochs: int) -> dict:
    """By round: labels, errors on the torsion (eV, eV/Å), and the row of the table."""
    from dmol_molnet import active, datasets
    from dmol_molnet.nn import pretrained

    data, found = datasets.load("acetylacetone"), []

    class Judged(active.Calculated):
        def candidates(self, potential, known, search, rng):
            judge(potential, len(known) - len(data.train))
            some = super().candidates(potential, known, search, rng)
            if key == "random":  # as many as are picked, so that all are
                n = min(search.batch, search.labels - len(known) + len(data.train))
                some = [some[k] for k in rng.permutation(len(some))[:n]]
            return some

    def judge(potential, n):
        errors = potential.evaluate(data.torsion)
        names = ("energy_mae", "energy_rmse", "force_rmse", "energy_std_mean", "energy_within_two_std")
        found.append({"labels": n, **{name: rounded(errors[name]) for name in names}})
        print(key, found[-1], flush=True)

    search = active.Search(labels=labels, batch=min(50, labels), replicas=80, steps=50, epochs=epochs)
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder) / "m.keras"
        rows = active.active(
            data.train, Path(folder) / "d.xyz", model, Judged(), search, lambda: pretrained.load("schnet")
        )
        from dmol_molnet.nn.potential import Potential

        judge(Potential.load(model), rows[-1].labels)
    return {"torsion": found, "rounds": [[rounded(float(x)) for x in row] for row in rows]}


def table(found: dict) -> str:
    """Markdown: a row a round."""
    lines = ["# Labels where a potential does not know", "", *__doc__.split("\n\n")[2:3], ""]
    lines += [
        "Errors on the torsion (root mean square; energies in meV, forces in meV/Å), and on each round's new labels",
        "before they were trained on, with what the committee said of them (sigma).",
        "",
        "| frames | labels | torsion: energy | force | new labels: energy / sigma | force / sigma |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for key, name in RUNS.items():
        one = found["runs"].get(key, {"torsion": [], "rounds": []})
        for k, judged in enumerate(one["torsion"]):
            new = ["", ""]
            if k:
                e, f, se, sf = (1000 * x for x in one["rounds"][k - 1][3:7])
                new = [f"{e:.0f} / {se:.0f}", f"{f:.0f} / {sf:.0f}"]
            cells = [name, judged["labels"], *(f"{1000 * judged[x]:.0f}" for x in ("energy_rmse", "force_rmse")), *new]
            lines.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join([*lines, "", f"Measured on {found['machine']}, by `python experiments/active.py`.", ""])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--labels", type=int, default=200, help="fewer, to try the script")
    parser.add_argument("--epochs", type=int, default=30, help="in each round; fewer, to try the script")
    parser.add_argument("--runs", nargs="+", choices=RUNS, default=list(RUNS))
    parser.add_argument("--output", type=Path, help="a folder for both files (default: experiments/)")
    arguments = parser.parse_args()
    results = arguments.output / RESULTS.name if arguments.output else RESULTS
    each(arguments.runs, lambda key: run(key, arguments.labels, arguments.epochs), results, table)


if __name__ == "__main__":
    main()
