"""Modern molecular neural networks, taught by code.

Importing the package imports nothing else; its modules are imported when they are first used:
`dmol_molnet.molecules`, `dmol_molnet.files`, `dmol_molnet.wl`, `dmol_molnet.so3`, `dmol_molnet.symmetry`,
`dmol_molnet.nn`, `dmol_molnet.datasets`, `dmol_molnet.calculator`, `dmol_molnet.dynamics`, `dmol_molnet.figures`,
`dmol_molnet.exercises`, and those between them.
"""

import importlib

__version__ = "0.1.0"

_MODULES = (
    "molecules", "files", "wl", "geometric_wl", "counterexamples", "so3", "symmetry",
    "nn", "datasets", "calculator", "dynamics", "figures", "exercises",
)  # fmt: skip
_NAMES = {"Molecule": "molecules", "InputError": "molecules"}

__all__ = ["InputError", "Molecule", *_MODULES]


def __getattr__(name: str):
    if name in _MODULES:
        return importlib.import_module(f"{__name__}.{name}")
    if name in _NAMES:
        return getattr(importlib.import_module(f"{__name__}.{_NAMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
