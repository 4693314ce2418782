"""How many labels a second one process and two make, and what a molecule costs beside its labels; writes labels.md.

    python benchmarks/labels.py [--molecules 24] [--tiny 400]

The same made-up molecules, by one worker and by two, in turn; starting Dask and its workers is timed apart, by a run of
one atom.  What the command's own process does for each molecule (handing out, receiving, journal) is measured on single
atoms of helium, whose labels cost next to nothing: so many of them a second is what it can serve, however many workers.
"""

import argparse
import itertools
import os
import platform
import tempfile
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

from dmol_molnet.labels import Plan, constitutions, label


def timed(molecules, plan, workers: int) -> tuple[float, float, int]:
    """Seconds in all, seconds of computation, and frames."""
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        done = label(molecules, Path(folder) / "data.xyz", plan, workers=workers)
        return time.perf_counter() - began, done.seconds, done.frames


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--molecules", type=int, default=24)
    parser.add_argument("--tiny", type=int, default=400)
    parser.add_argument("--output", type=Path, default=Path(__file__).with_suffix(".md"))
    arguments = parser.parse_args()
    molecules, rows = list(itertools.islice(constitutions(8), arguments.molecules)), {}
    for workers in (1, 2, 1, 2):
        start, _, _ = timed(["[He]"], Plan(temperatures=()), workers)
        whole, computing, frames = timed(molecules, Plan(), workers)
        rows.setdefault(workers, []).append((start, whole - start, computing, frames))
        print(workers, rows[workers][-1], flush=True)
    start, _, _ = timed(["[He]"], Plan(temperatures=()), 1)
    tiny, computing, _ = timed(["[He]"] * arguments.tiny, Plan(temperatures=()), 1)
    cost = (tiny - start - computing) / arguments.tiny
    best = {workers: min(some, key=lambda row: row[1]) for workers, some in rows.items()}
    frames, molecule = best[1][3], best[1][2] / len(molecules)
    lines = [
        "# Labels a second",
        "",
        *__doc__.split("\n\n", 2)[2].strip().split("\n"),
        "",
        f"{len(molecules)} molecules of at most 8 heavy atoms, {frames} frames by GFN2-xTB, each molecule relaxed and",
        "with a Hessian; the better of two runs.",
        "",
        "| workers | to start, s | labelling, s | frames a second | labels of one worker |",
        "| --- | --- | --- | --- | --- |",
    ]
    for workers, (begins, whole, _, n) in best.items():
        lines.append(f"| {workers} | {begins:.1f} | {whole:.1f} | {n / whole:.1f} | {best[1][1] / whole:.2f} times |")
    lines += [
        "",
        f"A molecule takes {molecule:.2f} s of a worker, and {1000 * cost:.1f} ms of the command's own process: it",
        f"keeps about {molecule / cost:,.0f} workers busy, which label some {frames / len(molecules) / cost:,.0f} "
        "frames a second.",
        "",
        f"Measured on {os.cpu_count()} cores ({platform.machine()}), by `python benchmarks/labels.py`.",
    ]
    arguments.output.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(arguments.output.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
