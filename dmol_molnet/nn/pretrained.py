"""Potentials that ship with the package, trained on the shipped acetylacetone, and the commands that made them.

>>> from dmol_molnet.nn import pretrained
>>> potential = pretrained.load("schnet")
"""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from dmol_molnet.molecules import InputError, quoted

if TYPE_CHECKING:
    from dmol_molnet.nn.potential import Potential

COMMANDS = {
    "schnet": "dmol-molnet train acetylacetone -o schnet.keras --channels 64 --epochs 500",
    "mace": "dmol-molnet train acetylacetone -o mace.keras --model mace --batch-size 4 --learning-rate 0.01 "
    "--force-weight 1000 --epochs 500",
}
"""The potentials by name, and the command that made each."""


def file(name: str) -> Path:
    """Where the potential of a name in `COMMANDS` is."""
    return Path(str(resources.files("dmol_molnet"))) / "data" / "models" / f"{name}.keras"


def load(name: str) -> Potential:
    """A potential for acetylacetone, by its name in `COMMANDS`.

    Raises:
        InputError: there is none of that name.
    """
    if name not in COMMANDS:
        raise InputError(f"no potential called {quoted(name)} ships with the package; there are {', '.join(COMMANDS)}")
    from dmol_molnet.nn.potential import Potential  # which takes TensorFlow, as the names alone do not

    return Potential.load(file(name))
