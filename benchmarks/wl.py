"""How fast colour refinement is, beside networkx's Weisfeiler-Leman hash: writes wl.md beside this file.

    python benchmarks/wl.py [--nodes 100000] [--repeats 7]

Both work on the same graph in one run, in turn; the table gives medians, and medians of the ratios of each turn.
networkx does a fixed number of rounds (3, its default), ours run until the colouring is stable.
"""

import argparse
import platform
import statistics
import time
import tracemalloc
import warnings
from pathlib import Path

import networkx as nx
import numpy as np

from dmol_molnet import wl
from dmol_molnet.wl.arrays import read
from dmol_molnet.wl.colors import run

warnings.filterwarnings("ignore", message="The hashes produced for graphs without node or edge attributes")


def seconds(work, *arguments):
    start = time.perf_counter()
    result = work(*arguments)
    return time.perf_counter() - start, result


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nodes", type=int, default=100_000)
    parser.add_argument("--repeats", type=int, default=7)
    arguments = parser.parse_args()
    n = arguments.nodes

    graphs = {
        f"random, {n:,} nodes, {2 * n:,} edges": nx.gnm_random_graph(n, 2 * n, seed=1),
        f"path, {n:,} nodes": nx.path_graph(n),
        "grid, 100 x 100 nodes": nx.convert_node_labels_to_integers(nx.grid_2d_graph(100, 100)),
    }
    rows = []
    for name, graph in graphs.items():
        turns = []
        for _ in range(arguments.repeats):
            convert, arrays = seconds(read, graph, None, None)
            refine, result = seconds(run, arrays)
            hashing, _ = seconds(nx.weisfeiler_lehman_graph_hash, graph)
            turns.append((convert, refine, hashing))
        convert, refine, hashing = map(statistics.median, zip(*turns, strict=True))
        alone = statistics.median(r / h for _, r, h in turns)
        whole = statistics.median((c + r) / h for c, r, h in turns)
        cells = [
            name,
            f"{result.rounds:,}",
            *(f"{s:.3f}" for s in (convert, refine, hashing)),
            f"{alone:.3f}",
            f"{whole:.3f}",
        ]
        rows.append(cells)
        print(*cells, sep=" | ", flush=True)

    pairs = [(nx.random_regular_graph(3, m, seed=1), nx.random_regular_graph(3, m, seed=2)) for m in (50, 100, 200)]
    tuple_rows = []
    for g, h in pairs:
        took, found = seconds(wl.compare, g, h, 2)
        equal, _ = seconds(wl.compare, g, nx.relabel_nodes(g, dict(zip(g, reversed(list(g)), strict=True))), 2)
        tracemalloc.start()
        wl.compare(g, g, 2)
        peak = tracemalloc.get_traced_memory()[1] / 2**20
        tracemalloc.stop()
        tuple_rows.append([f"{len(g)}", str(found.round), f"{took:.2f}", f"{equal:.2f}", f"{peak:.0f}"])
        print(*tuple_rows[-1], sep=" | ", flush=True)

    def table(head, body):
        lines = [head, ["---", *["---:"] * (len(head) - 1)], *body]
        return "\n".join("| " + " | ".join(line) + " |" for line in lines)

    text = f"""# Weisfeiler-Leman: measured times

Made by `python benchmarks/wl.py --nodes {n} --repeats {arguments.repeats}` (`make bench`), with Python
{platform.python_version()}, numpy {np.__version__} and networkx {nx.__version__}, on one core ({platform.machine()}).
Medians of {arguments.repeats} turns, in seconds; ratios are medians over the turns.

## 1-WL

networkx: `weisfeiler_lehman_graph_hash` with its default of 3 rounds. Ours: `wl.refine` to stability, once the graph is
in arrays ("refine"), and the conversion from `networkx.Graph` that comes before it ("convert").

{table(["graph", "rounds", "convert", "refine", "networkx", "refine / networkx", "both / networkx"], rows)}

## Folklore 2-WL

Two random 3-regular graphs: time until they are told apart, time until a graph and a renamed copy of it are found equal
(all rounds), and the peak of memory meanwhile.

{table(["nodes in each", "told apart in round", "seconds, told apart", "seconds, equal", "peak, MiB"], tuple_rows)}
"""
    Path(__file__).with_name("wl.md").write_text(text)


if __name__ == "__main__":
    main()
