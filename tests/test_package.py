"""The package as a whole: it imports quickly and quietly, and its modules read from top to bottom."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "dmol_molnet"
ORDER = [
    "xyz",
    "molecules",
    "formats",
    "files",
    "wl",
    "geometric_wl",
    "counterexamples",
    "so3",
    "symmetry",
    "nn",
    "datasets",
    "calculator",
    "dynamics",
    "vibrations",
    "labels",
    "active",
    "figures",
    "live",
    "exercises",
    "cli_common",
    "cli_train",
    "cli_potential",
    "cli_labels",
    "cli_active",
    "cli",
]
"""The modules from top to bottom: each may import only from those before it."""


def test_import_is_quick_and_has_no_side_effect():
    code = (
        "import os, sys, warnings; before = set(sys.modules)\n"
        "filters, env = list(warnings.filters), dict(os.environ)\n"
        "import time; start = time.perf_counter(); import dmol_molnet; took = time.perf_counter() - start\n"
        "new = {name.partition('.')[0] for name in set(sys.modules) - before}\n"
        "assert not new & {'tensorflow', 'keras', 'rdkit', 'numpy', 'matplotlib', 'networkx', 'IPython'}, new\n"
        "assert warnings.filters == filters and dict(os.environ) == env\n"
        "print(took)"
    )
    runs = [subprocess.run([sys.executable, "-c", code], capture_output=True, text=True) for _ in range(3)]
    assert all(run.returncode == 0 for run in runs), runs[0].stderr
    assert min(float(run.stdout) for run in runs) < 0.2


def test_names_are_found_when_first_used():
    code = (
        "import dmol_molnet as d; print(d.Molecule.example('water'), d.wl.refine, sorted(set(d.__all__) - set(dir(d))))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "H2O" in done.stdout
    assert done.stdout.strip().endswith("[]")
    import dmol_molnet

    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = dmol_molnet.nonsense


def modules():
    return [path for path in sorted(PACKAGE.rglob("*.py")) if path.name not in ("__init__.py", "__main__.py")]


def room(path):
    """The module that a file belongs to: figures/draw.py to figures."""
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_imports_only_from_those_above_it(path):
    assert room(path) in ORDER, f"{path.name} has no place in the order yet"
    above = ORDER[: ORDER.index(room(path)) + 1]
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.ImportFrom) and node.module == "dmol_molnet":
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("dmol_molnet."):
            names = [node.module.split(".")[1]]
        elif isinstance(node, ast.Import):
            names = [a.name.split(".")[1] for a in node.names if a.name.startswith("dmol_molnet.")]
        for name in names:
            assert name in above or name not in ORDER, f"line {node.lineno} imports {name}, which stands below"


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_everything_public_says_what_it_is(path):
    tree = ast.parse(path.read_text())
    assert ast.get_docstring(tree)
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef) and not node.name.startswith("_")]
    for node in [*tree.body, *classes, *(inner for outer in classes for inner in outer.body)]:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            assert ast.get_docstring(node), f"{path.name}: {node.name}"
