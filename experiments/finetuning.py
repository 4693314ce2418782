"""Fine-tune a potential to molecules that it has not seen, and train on the same frames from nothing.

    python experiments/finetuning.py --from many.keras --old many.xyz --old-test many-test.xyz --new a.xyz b.xyz c.xyz
    python experiments/finetuning.py …the same… --only a-free-10-0 --steps 100 --output /tmp/try

`--from` is a trained potential, `--old` what it was trained on, from which labels are replayed, and `--old-test` other
frames like those.  Each file of `--new` has at least 700 frames of one molecule, labelled by any method.  Its last 200,
in an order that is drawn once, are the test; what is trained on is drawn from the others, by the seed, and a tenth of
it is held out for validation.

Each run takes the same number of steps, whatever it begins with: from nothing (the same network, untrained), with a
frozen trunk, free, and free with replay, which has half of its molecules from the old ones.  Rates are the defaults of
`fit` and `finetune`.

Writes `experiments/finetuning.json`, after every run, and `experiments/finetuning.md`.
"""

import argparse
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import functools
from pathlib import Path

import numpy as np
from common import each, one_thread, rounded

RESULTS = Path(__file__).with_suffix(".json")

HOW = {
    "nothing": "from nothing",
    "frozen": "fine-tuned, trunk frozen",
    "free": "fine-tuned, all free",
    "replay": "fine-tuned, all free, with replay",
}
FRAMES, SEEDS = (10, 50, 200, 500), (0, 1, 2)
TESTS, BATCH = 200, 5


@functools.cache
def read(path: Path) -> list:
    """The molecules of a file."""
    from dmol_molnet.files import read_xyz

    return list(read_xyz(path))


def frames(path: Path, n: int, seed: int) -> tuple[list, list, list]:
    """n frames to learn from, in those to train on and those held out; and the frames to test on."""
    molecules = read(path)
    order = np.random.default_rng(0).permutation(len(molecules))
    few = np.random.default_rng(seed).permutation(order[:-TESTS])[:n]
    if len(few) < n:
        raise SystemExit(f"{path} has {len(molecules)} frames: it takes {n} and {TESTS} to test on")
    held_out = max(n // 10, 1)
    return tuple([molecules[k] for k in some] for some in (few[held_out:], few[:held_out], order[-TESTS:]))


def untrained(potential, seed: int):
    """The same network as it is before any training, with other first weights."""
    import keras

    from dmol_molnet.nn.potential import Potential

    made = keras.saving.serialize_keras_object(potential.model)
    made["config"] |= {"seed": seed, "neighbors": None}
    return Potential(keras.saving.deserialize_keras_object(made))


def run(path: Path, how: str, n: int, seed: int, steps: int, told: argparse.Namespace) -> dict:
    """Train once; errors on the molecule and on the old test, in eV and eV/Å."""
    one_thread()
    from dmol_molnet.nn.potential import Potential

    train, held_out, test = frames(path, n, seed)
    potential = Potential.load(told.start)
    old, before = read(told.old_test)[:TESTS], potential.evaluate(read(told.old_test)[:TESTS])
    share = 2 if how == "replay" else 1
    epochs = max(round(steps / -(-share * len(train) // BATCH)), 1)
    options = {"epochs": epochs, "batch_size": BATCH, "seed": seed, "verbose": 0}
    if how == "nothing":
        potential = untrained(potential, seed)
        potential.fit(train, held_out, **options)
    elif how == "replay":
        potential.finetune(train, held_out, replay=read(told.old), **options)
    else:
        potential.finetune(train, held_out, freeze="trunk" if how == "frozen" else "none", **options)
    errors = {"new": potential.evaluate(test), "old_before": before}
    if how != "nothing":
        errors["old"] = potential.evaluate(old)
    kept = ("energy_rmse", "energy_rmse_per_atom", "force_rmse")
    return {"epochs": epochs} | {name: {key: rounded(e[key]) for key in kept} for name, e in errors.items()}


def table(found: dict) -> str:
    """Markdown: a row a molecule and a way, a column a number of frames; mean errors over seeds."""
    runs: dict[tuple, list] = {}
    for key, one in found["runs"].items():
        name, how, n, _ = key.rsplit("-", 3)
        runs.setdefault((name, how, int(n)), []).append(one)
    sizes = sorted({n for _, _, n in runs})

    def mean(some: list, part: str, key: str) -> str:
        errors = [1000 * one[part][key] for one in some if part in one]
        return f"{np.mean(errors):.1f}" if errors else "–"

    def rows(part: str, energy: str) -> list[str]:
        lines = [f"| molecule | way | {' | '.join(f'{n} frames' for n in sizes)} |"]
        lines += ["| --- " * (len(sizes) + 2) + "|"]
        for name in sorted({name for name, _, _ in runs}):
            for how, words in HOW.items():
                some = [runs.get((name, how, n), []) for n in sizes]
                cells = [
                    f"{mean(s, part, energy)} / {mean(s, part, 'force_rmse')} ({len(s)})" if s else "" for s in some
                ]
                if any(cells) and not (part == "old" and how == "nothing"):
                    lines.append("| " + " | ".join([name, words, *cells]) + " |")
        return [*lines, ""]

    before = next(iter(found["runs"].values()))["old_before"]
    return "\n".join(
        [
            "# Fine-tuning",
            "",
            "\n\n".join(__doc__.split("\n\n")[2:4]),
            "",
            f"Root mean square errors on {TESTS} unseen frames of the molecule: energy in meV / forces in meV/Å, means "
            "over seeds (how many).",
            "",
            *rows("new", "energy_rmse"),
            "The same on the old test: energy in meV/atom / forces in meV/Å; before, "
            f"{1000 * before['energy_rmse_per_atom']:.1f} / {1000 * before['force_rmse']:.1f}.",
            "",
            *rows("old", "energy_rmse_per_atom"),
            f"Measured on {found['machine']}, by `python experiments/finetuning.py`.",
            "",
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--from", dest="start", type=Path, required=True, help="the trained potential, .keras")
    parser.add_argument("--old", type=Path, required=True, help="what it was trained on, .xyz")
    parser.add_argument("--old-test", type=Path, required=True, help="other frames like those, .xyz")
    parser.add_argument("--new", type=Path, required=True, nargs="+", help="a file for each molecule, .xyz")
    parser.add_argument("--steps", type=int, default=4000, help="of each run (default: 4000)")
    parser.add_argument("--only", help="one run, such as ethanol-free-50-0: file, way, frames, seed")
    parser.add_argument("--output", type=Path, help="a folder for both files (default: experiments/)")
    told = parser.parse_args()
    results = told.output / RESULTS.name if told.output else RESULTS
    files = {path.stem: path for path in told.new}

    def one(key: str) -> dict:
        name, how, n, seed = key.rsplit("-", 3)
        return run(files[name], how, int(n), int(seed), told.steps, told)

    keys = [f"{name}-{how}-{n}-{seed}" for seed in SEEDS for n in FRAMES for name in files for how in HOW]
    each([told.only] if told.only else keys, one, results, table)


if __name__ == "__main__":
    main()
