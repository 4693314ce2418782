"""How fast the engine of the pages is, in headless Chromium on one core: writes live.md beside this file.

    python benchmarks/live.py [--calls 200]

Energy and forces of one molecule, in the worker that the pages use, message to message.  The first fifth of the calls
is not counted: there the browser still compiles.  Do nothing else on the computer meanwhile.
"""

from __future__ import annotations

import argparse
import gzip
import os
import platform
import shutil
import statistics
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from browsing import FLAGS, chromium, serving

TABLE = Path(__file__).with_suffix(".md")

TIMES = """async ({model, numbers, positions, calls}) => {
  const worker = new Worker("engine/worker.js", {type: "module"});
  const answer = (message, transfer = []) => new Promise((resolve, reject) => {
    worker.onmessage = ({data}) => (data.error ? reject(new Error(data.error)) : resolve(data));
    worker.onerror = (event) => reject(new Error(event.message));
    worker.postMessage(message, transfer);
  });
  const buffer = await (await fetch(model)).arrayBuffer();
  const began = performance.now();
  await answer({model: buffer}, [buffer]);
  const load = performance.now() - began, times = [];
  for (let id = 0; id < calls; id++) {
    const start = performance.now();
    await answer({id, numbers, positions});
    times.push(performance.now() - start);
  }
  worker.terminate();
  return {load, times: times.slice(calls / 5)};
}"""


def measure(calls: int) -> tuple[list[dict], str]:
    """Each shipped potential on acetylacetone; and the browser's version."""
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})  # one core, for the browser too
    from playwright.sync_api import sync_playwright

    from dmol_molnet import datasets, live
    from dmol_molnet.nn import pretrained

    molecule, found = datasets.load("acetylacetone").test_300K[0], []
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(Path(live.__file__).with_name("engine"), Path(folder) / "engine")
        (Path(folder) / "index.html").write_text("<!doctype html><title>engine</title>")
        data = {
            name: live.export(pretrained.load(name), Path(folder) / f"{name}.molnet") for name in pretrained.COMMANDS
        }
        with serving(folder) as address, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
            page = browser.new_page()
            page.goto(address)
            for name, file in data.items():
                job = {"numbers": molecule.numbers.tolist(), "positions": molecule.positions.ravel().tolist()}
                one = page.evaluate(TIMES, {"model": f"{name}.molnet", "calls": calls, **job})
                times = sorted(one["times"])
                found.append({
                    "name": name, "bytes": len(file), "gzipped": len(gzip.compress(file)), "load": one["load"],
                    "median": statistics.median(times), "fastest": times[0], "slow": times[int(0.95 * len(times))],
                })  # fmt: skip
            version = browser.version
            browser.close()
    return found, version


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=200, help="how many times each potential is asked")
    found, browser = measure(parser.parse_args().calls)
    lines = ["# The engine in a page", "", __doc__.split("\n\n")[2].strip(), ""]
    lines += ["Acetylacetone, 15 atoms; ms a call, and what a reader loads.", ""]
    lines += [
        "| potential | median | fastest | 19 of 20 below | to begin | file, kB | compressed, kB |",
        "| --- " * 7 + "|",
    ]
    for one in found:
        cells = [f"{one[key]:.1f}" for key in ("median", "fastest", "slow")] + [f"{one['load']:.0f}"]
        cells += [f"{one[key] / 1000:.0f}" for key in ("bytes", "gzipped")]
        lines.append(f"| {one['name']} | " + " | ".join(cells) + " |")
    machine = f"one of {os.cpu_count()} cores ({platform.machine()}), Chromium {browser}"
    lines += ["", f"Measured on {machine}, by `python benchmarks/live.py`.", ""]
    TABLE.write_text("\n".join(lines), encoding="utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
