"""Which pairs a network tells apart, by its layers, its correlation and its degree: all of a grid.

    python experiments/separation.py        # some twenty minutes on one core; what is done already is not done again

Every network is the design space's MACE, untrained, in float64, with `layers`, `correlation` and `l_max` changed; what
atoms send on has degree 1 at most, and 0 where l_max is 0.  Sums over neighbours are divided by nothing, or, where
products of so many sums leave the range of numbers or do not decide, by the mean number of neighbours, or twice or four
times that.  The pairs, on their own edges, are those of the chapter's table of all together, and shorter chains.

Writes `experiments/separation.json`, after every network, and `experiments/separation.md`.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from itertools import product
from pathlib import Path

from common import each, one_thread, rounded

from dmol_molnet.counterexamples import Pair, k_chains, pair
from dmol_molnet.nn.separation import DIFFERENT, EQUAL, difference, untrained

RESULTS = Path(__file__).with_suffix(".json")
GRID = {"layers": (1, 2, 3, 4, 5), "correlation": (1, 2, 3, 4), "l_max": (0, 1, 2, 3)}
SEEDS = (0, 1)


def pairs() -> dict[str, Pair]:
    """By the names that the chapter gives them."""
    named = ("2-body", "3-body", "4-body", "4-body, chiral", "4-body, isosceles", "hexagon")
    return {**{name: pair(name) for name in named}, **{f"{k}-chains": k_chains(k) for k in (2, 3, 4)}}


def key(layers: int, correlation: int, l_max: int) -> str:
    """Names a network of the grid."""
    return f"layers {layers}, ν {correlation}, l_max {l_max}"


def differences(layers: int, correlation: int, l_max: int, only: dict[str, Pair] | None = None) -> dict:
    """Of each pair, d of `dmol_molnet.nn.separation` for each seed.

    Raises:
        ValueError: a difference is neither rounding nor a signal.
    """
    changes = {"layers": layers, "correlation": correlation, "l_max": l_max, "hidden_l_max": min(l_max, 1)}
    models = [untrained("mace", seed=seed, **changes) for seed in SEEDS]
    return {name: _decided(models, p, name) for name, p in (pairs() if only is None else only).items()}


def _decided(models: list, p: Pair, name: str) -> list[float]:
    """d of each model, divided by the first number of neighbours that decides."""
    mean = 2 * len(p.edges) / len(p.a)
    for neighbors in (1.0, mean, 2 * mean, 4 * mean):
        found = []
        for model in models:
            model.neighbors = neighbors
            found.append(rounded(difference(model, p), 3))
        if all(d < EQUAL for d in found) or all(d > DIFFERENT for d in found):
            return found
    raise ValueError(f"{name}: {found} do not decide")


def table(results: dict) -> str:
    """The pairs that each network tells apart, in Markdown."""
    names = list(pairs())
    lines = ["| network | " + " | ".join(names) + " |", "| --- |" + " --- |" * len(names)]
    for one, found in results["runs"].items():
        cells = ["yes" if min(found[name]) > DIFFERENT else "–" for name in names]
        lines.append(f"| {one} | " + " | ".join(cells) + " |")
    return "# Which pairs a network tells apart\n\n" + "\n".join(lines) + "\n"


def main() -> None:
    one_thread()
    networks = {key(*values): values for values in product(*GRID.values())}
    each(networks, lambda one: differences(*networks[one]), RESULTS, table)


if __name__ == "__main__":
    main()
