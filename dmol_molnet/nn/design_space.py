"""The networks by name: `build("schnet")` makes one, `describe("schnet")` says what it is.

Every model takes a `MolecularGraph` and gives one energy a molecule; `model.features(graph)` gives its atoms' features,
by irrep.

Source of the space: Batatia et al. (2025), `batatia2025design`.
"""

from __future__ import annotations

import inspect
from typing import NamedTuple

import keras

from dmol_molnet.molecules import InputError, quoted
from dmol_molnet.nn.schnet import SchNet


class Row(NamedTuple):
    """Where a model stands in the design space.

    Attributes:
        message: what a neighbour sends.
        features: the irreps that atoms carry from layer to layer.
        correlation: how many neighbours one message multiplies; 1 is a plain sum.
        body_order: of one message, the receiver counted: correlation + 1.
        source: its key in the bibliography.
    """

    message: str
    features: str
    correlation: int
    body_order: int
    source: str


_MODELS = {
    "schnet": (SchNet, Row("filtered by the distance", "0e", 1, 2, "schutt2018schnet")),
}
NAMES = tuple(_MODELS)
"""The models that can be built."""

_FIXED = {
    "schnet": {"l_max": 0, "hidden_l_max": 0, "correlation": 1, "parity": True, "readout": "0e"},
}
"""What the definition of a model leaves no choice in."""


def build(name: str, **changes) -> keras.Model:
    """An untrained model.

    Args:
        name: one of `NAMES`.
        changes: to its defaults: `channels`, `layers`, `cutoff`, `seed`, …; `describe` lists them.

    Raises:
        InputError: an unknown name or argument, or one that the model's definition fixes at another value.
    """
    make, fixed = _find(name)[0], _FIXED[name]
    known = _defaults(make)
    for key, value in changes.items():
        if key in fixed and value != fixed[key]:
            raise InputError(f"{name} has {key} {fixed[key]!r} by definition, not {quoted(value)}")
        if key not in fixed and key not in known:
            raise InputError(f"{name} has no {quoted(key)}; it has {', '.join([*known, *fixed])}")
    return make(**{key: value for key, value in changes.items() if key not in fixed})


def describe(name: str) -> str:
    """The defaults of a model and its row of the design space, as text.

    Raises:
        InputError: an unknown name.
    """
    make, row = _find(name)
    lines = [name, *(f"  {key.replace('_', ' '):<12} {value}" for key, value in row._asdict().items())]
    defaults = ", ".join(f"{key}={value!r}" for key, value in {**_defaults(make), **_FIXED[name]}.items())
    return "\n".join([*lines, f"  {'defaults':<12} {defaults}"])


def _find(name: str):
    if not isinstance(name, str) or name not in _MODELS:
        raise InputError(f"there is no model called {quoted(name)}; there are {', '.join(NAMES)}")
    return _MODELS[name]


def _defaults(make: type) -> dict:
    parameters = inspect.signature(make).parameters.values()
    return {p.name: p.default for p in parameters if p.default is not inspect.Parameter.empty}
