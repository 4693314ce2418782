"""Run every notebook as Colab would: in its versions, with the reader's package from a wheel, in an empty folder.

    python book/_ext/run_notebooks.py                    # all notebooks; a table, also in _build/colab-report.md
    python book/_ext/run_notebooks.py --find             # the Python 3.13 that would be used
    python book/_ext/run_notebooks.py --refresh FREEZE   # tests/colab-constraints.txt anew from all of Colab's versions

FREEZE is a file of lines `name==version`, as `pip freeze` writes them in Colab (the public repository
googlecolab/backend-info keeps them); comments at its top should say its source and date, and are copied.

The environment, .venv-colab, holds what `pip install "dmol-molnet[anim]"` brings, and a kernel; they are driven
from outside of it.  It is made anew when the constraints or pyproject.toml change, and the package is installed anew
when its sources change.
"""

from __future__ import annotations

import argparse
import glob
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import nbformat
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

ROOT = Path(__file__).parents[2]
CONSTRAINTS = ROOT / "tests" / "colab-constraints.txt"
HOME = ROOT / ".venv-colab"
PYTHON = HOME / "bin" / "python"
KERNELS = HOME / "share" / "jupyter" / "kernels"
KEPT = "# Kept of it: what dmol-molnet[anim] and a kernel need, by `book/_ext/run_notebooks.py --refresh`."
KEPT_RUNS = ROOT / "_build" / "colab"
TIME_LIMIT = 300  # seconds for a cell
PICTURES = {"image/png", "image/jpeg", "image/svg+xml", "text/html"}


class NoColabError(Exception):
    """There is no Python 3.13, or the environment could not be made."""


@dataclass
class Run:
    """What came of a notebook.

    Attributes:
        name: of the file.
        seconds: from the start of the kernel to its end.
        slowest: seconds of the slowest cell, and its number among the cells of code.
        faults: sentences; none if all is well.
        noise: lines on standard error, which Colab shows in red.
    """

    name: str
    seconds: float = 0.0
    slowest: tuple[float, int] = (0.0, 0)
    faults: list[str] = field(default_factory=list)
    noise: list[str] = field(default_factory=list)


# --- the environment


def find_python() -> str | None:
    """A Python 3.13 that runs: of the variable PYTHON313, on the path, of pyenv, of uv."""
    candidates = [os.environ.get("PYTHON313"), "python3.13", sys.executable, "python3"]
    candidates += sorted(glob.glob(os.path.expanduser("~/.pyenv/versions/3.13*/bin/python")), reverse=True)
    if shutil.which("uv"):
        command = ["uv", "python", "find", "--no-project", "--managed-python", "3.13"]
        candidates.append(subprocess.run(command, capture_output=True, text=True).stdout.strip())
    ask = "import sys; print(sys.base_prefix if sys.version_info[:2] == (3, 13) else '')"
    for candidate in filter(None, candidates):
        try:
            answer = subprocess.run([candidate, "-c", ask], capture_output=True, text=True)
        except OSError:
            continue
        # A shim of pyenv is found on the path and fails when it runs.
        if answer.returncode == 0 and answer.stdout.strip():
            real = Path(answer.stdout.strip()) / "bin" / "python3.13"
            return str(real) if real.exists() else shutil.which(candidate)
    return None


def digest(*files: Path) -> str:
    """A text that changes whenever one of the files does."""
    total = hashlib.sha256()
    for file in files:
        total.update(str(file).encode() + b"\0" + file.read_bytes() + b"\0")
    return total.hexdigest()


def command(*words: str | Path) -> None:
    """Run a command; its output is the message if it fails."""
    done = subprocess.run([str(word) for word in words], cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        raise NoColabError(f"{' '.join(map(str, words))}\n{done.stdout[-2000:]}{done.stderr[-4000:]}")


def install(*words: str | Path) -> None:
    if shutil.which("uv"):
        command("uv", "pip", "install", "--quiet", "--python", PYTHON, *words)
    else:
        command(PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *words)


def environment(constraints: Path = CONSTRAINTS) -> Path:
    """The Python of the environment, which is made or mended if need be.

    Raises:
        NoColabError: there is no Python 3.13, or the installation failed.
    """
    python = find_python()
    if python is None:
        raise NoColabError("needs Python 3.13, as in Colab: install it, or set PYTHON313 to one")
    package = sorted(file for file in (ROOT / "dmol_molnet").rglob("*") if file.is_file() and file.suffix != ".pyc")
    made_of = {
        "dependencies": digest(constraints, ROOT / "pyproject.toml") + python,
        "package": digest(ROOT / "pyproject.toml", ROOT / "README.md", *package),
    }
    stamp = HOME / "made-of.json"
    before = json.loads(stamp.read_text()) if stamp.exists() else {}
    if made_of == before:
        return PYTHON
    stamp.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        command(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder)
        wheel = next(Path(folder).glob("*.whl"))
        if made_of["dependencies"] == before.get("dependencies"):
            install("--no-deps", "--force-reinstall", wheel)
        else:
            shutil.rmtree(HOME, ignore_errors=True)
            if shutil.which("uv"):
                command("uv", "venv", "--quiet", "--no-project", "--python", python, HOME)
            else:
                command(python, "-m", "venv", HOME)
            install("--constraint", constraints, f"{wheel}[anim]", "ipykernel")
    # The kernel that ipykernel brings says "python", for which a client takes its own.
    spec = {"argv": [str(PYTHON), "-m", "ipykernel_launcher", "-f", "{connection_file}"], "display_name": "Colab"}
    (KERNELS / "colab").mkdir(parents=True, exist_ok=True)
    (KERNELS / "colab" / "kernel.json").write_text(json.dumps({**spec, "language": "python"}))
    stamp.write_text(json.dumps(made_of))
    return PYTHON


def refresh(freeze: Path) -> int:
    """Keep of Colab's versions those that the environment needs; how many."""
    text = freeze.read_text()
    pins = {normal(line.partition("==")[0]): line for line in text.splitlines() if re.match(r"[\w.-]+==", line)}
    head = [line for line in text.splitlines() if line.startswith("#")] or [f"# From {freeze.name}."]
    if KEPT not in head:
        head.append(KEPT)
    with tempfile.TemporaryDirectory() as folder:
        whole = Path(folder) / "constraints.txt"
        whole.write_text("\n".join(pins.values()) + "\n")
        ask = "import importlib.metadata as m; print(*(d.name for d in m.distributions()))"
        python = environment(whole)
        names = subprocess.run([python, "-c", ask], capture_output=True, text=True, check=True).stdout.split()
    kept = sorted({pins[normal(name)] for name in names if normal(name) in pins})
    CONSTRAINTS.write_text("\n".join([*head, *kept]) + "\n")
    return len(kept)


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


# --- the notebooks


def run(file: Path, keep: Path | None = None) -> Run:
    """Run a notebook from top to bottom; `keep` is where it is written with its outputs."""
    notebook = nbformat.read(file, 4)
    result = Run(file.name)
    with tempfile.TemporaryDirectory() as folder:
        work, home = Path(folder) / "content", Path(folder) / "home"
        work.mkdir()
        home.mkdir()
        kernels = KernelSpecManager(
            kernel_dirs=[str(HOME / "share" / "jupyter" / "kernels")], ensure_native_kernel=False
        )
        client = NotebookClient(
            notebook,
            timeout=TIME_LIMIT,
            km=AsyncKernelManager(kernel_name="colab", kernel_spec_manager=kernels),
            resources={"metadata": {"path": str(work)}},
        )
        start = time.monotonic()
        try:
            client.execute(env=surroundings(home), cleanup_kc=True)
        except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
            result.faults.append(re.sub(r"\x1b\[[\d;]*m", "", str(error)).strip())
        result.seconds = time.monotonic() - start
        left = sorted(str(path.relative_to(work)) for path in work.rglob("*"))
        if left:
            result.faults.append(f"files were left: {', '.join(left)}")
    version = notebook.metadata.language_info.get("version", "unknown")
    if not version.startswith("3.13"):
        result.faults.append(f"ran on Python {version}, which is not Colab's")
    for number, cell in enumerate((cell for cell in notebook.cells if cell.cell_type == "code"), 1):
        inspect(cell, number, result)
    if keep:
        keep.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(notebook, keep)
    return result


def surroundings(home: Path) -> dict[str, str]:
    """The kernel's environment variables: nothing of ours, no network, a home of its own."""
    ours = ("PYTHONPATH", "VIRTUAL_ENV", "PYTHONHOME", "UV_", "DMOL_MOLNET")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    nowhere = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9")
    own = {"HOME": str(home), "MPLCONFIGDIR": str(HOME / "matplotlib"), "PYDEVD_DISABLE_FILE_VALIDATION": "1"}
    return {**kept, **nowhere, **own, "PIP_NO_INDEX": "1", "PATH": f"{HOME / 'bin'}{os.pathsep}{os.environ['PATH']}"}


def inspect(cell: nbformat.NotebookNode, number: int, result: Run) -> None:
    """Note the time of a cell, what it says on standard error, and a figure that is missing."""
    if times := cell.metadata.pop("execution", {}):
        begin, end = (times.get(f"iopub.{key}") for key in ("execute_input", "status.idle"))
        if begin and end:
            result.slowest = max(result.slowest, (seconds_between(begin, end), number))
    for output in cell.outputs:
        if output.output_type == "stream" and output.name == "stderr":
            result.noise += [f"cell {number}: {line}" for line in output.text.splitlines() if line.strip()]
    shown = {kind for output in cell.outputs for kind in output.get("data", {})}
    if "figure" in cell.metadata.get("dmol_molnet", {}) and cell.execution_count and not shown & PICTURES:
        result.faults.append(f"cell {number} shows no picture: {cell.metadata.dmol_molnet.figure}")


def seconds_between(begin: str, end: str) -> float:
    first, last = (datetime.fromisoformat(text.replace("Z", "+00:00")) for text in (begin, end))
    return (last - first).total_seconds()


def report(runs: list[Run]) -> str:
    """A table, a notebook a row."""
    lines = [
        "# The notebooks in Colab's versions",
        "",
        "| notebook | seconds | slowest cell | lines on standard error | faults |",
        "| --- | --- | --- | --- | --- |",
    ]
    for it in runs:
        seconds, number = it.slowest
        faults = len(it.faults) or "none"
        lines.append(f"| {it.name} | {it.seconds:.0f} | {seconds:.1f} s, no. {number} | {len(it.noise)} | {faults} |")
    for it in runs:
        lines += [f"\n{it.name}:\n\n```\n{text}\n```" for text in ("\n".join(it.faults), "\n".join(it.noise)) if text]
    return "\n".join(lines) + "\n"


def write_report(runs: list[Run]) -> None:
    """Print the table, and write it to _build."""
    KEPT_RUNS.mkdir(parents=True, exist_ok=True)
    (KEPT_RUNS.parent / "colab-report.md").write_text(report(runs))
    print(report(runs))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--find", action="store_true", help="print the Python 3.13 that would be used")
    parser.add_argument("--refresh", type=Path, metavar="FREEZE", help="write tests/colab-constraints.txt anew")
    options = parser.parse_args()
    if options.find:
        print(find_python() or "")
        return 0 if find_python() else 1
    try:
        if options.refresh:
            print(f"{CONSTRAINTS.relative_to(ROOT)}: {refresh(options.refresh)} versions")
            return 0
        environment()
    except NoColabError as error:
        print(error, file=sys.stderr)
        return 2
    runs = [run(file, keep=KEPT_RUNS / file.name) for file in sorted((ROOT / "book").glob("*.ipynb"))]
    write_report(runs)
    return 1 if any(it.faults for it in runs) else 0


if __name__ == "__main__":
    sys.exit(main())
