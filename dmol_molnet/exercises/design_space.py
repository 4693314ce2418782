"""The judges of the chapter *One design space*: named as their exercises; texts: design_space.toml."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

import numpy as np

from dmol_molnet.counterexamples import pair
from dmol_molnet.exercises.engine import Wrong, ask, mistyped, number
from dmol_molnet.nn.design_space import defaults
from dmol_molnet.symmetry import random_reflection, random_rotation

# ------------------------------------------------------------------------------------------------ chains


def _layers(k: int, nu: int, directions: bool) -> int | None:
    if not directions:
        return None
    return k + 1 if nu == 1 else k // 2 + 1


_WRONG_LAYERS = {
    "numbers travel": lambda k, nu, _: _layers(k, nu, True),
    "products ignored": lambda k, nu, d: k + 1 if d else None,
    "all meet in the middle": lambda k, nu, d: k // 2 + 1 if d else None,
    "one short": lambda k, nu, d: _layers(k - 1, 1, d) if nu == 1 else _layers(k, nu, d),
    "rounded down": lambda k, nu, d: k // 2 if d and nu > 1 else _layers(k, nu, d),
    "divided": lambda k, nu, d: -(-(k + 1) // nu) if d else None,
    "never": lambda k, nu, d: None,
}


def layers_for_a_chain(answer: object) -> None:
    """The layers, or None, for chains of 2 to 7."""
    cases = [(k, nu, d) for k in (2, 3, 4, 7) for nu in (1, 2, 3) for d in (True, False)]
    found = []
    for case in cases:
        value = ask(answer, *case, none=True)
        found.append(None if value is None else number(value, "a number of layers, or None"))
    if found == [_layers(*case) for case in cases]:
        return
    for name, rule in _WRONG_LAYERS.items():
        if found == [rule(*case) for case in cases]:
            raise Wrong(name)
    case, value = next((c, v) for c, v in zip(cases, found, strict=True) if v != _layers(*c))
    raise Wrong("other layers", f"Look at k = {case[0]}, correlation {case[1]}, directions {case[2]}.")


# ------------------------------------------------------------------------------------------------ body order


def _order(correlations, start=1, own=1):
    b = start
    for nu in correlations:
        b = nu * b + own
    return b


_WRONG_ORDERS = {
    "nobody receives": lambda nus: _order(nus, own=0),
    "starts with nobody": lambda nus: _order(nus, start=0),
    "from the last layer": lambda nus: _order(nus[::-1]),
    "added": lambda nus: 1 + sum(nus),
    "neighbours only": lambda nus: _order(nus) - 1,
    "receiver each time": lambda nus: int(np.prod([nu + 1 for nu in nus])),
    "layers only": lambda nus: len(nus) + 1,
}


def order_of_a_stack(answer: object) -> None:
    """b = nu b + 1, layer by layer, from 1."""
    cases = [[3], [1, 1, 1], [3, 3], [2, 1], [1, 2], [3, 1, 2], []]
    found = [number(ask(answer, case), "a body order, a number") for case in cases]
    if found == [_order(case) for case in cases]:
        return
    for name, rule in _WRONG_ORDERS.items():
        if found == [rule(case) for case in cases]:
            raise Wrong(name)
    case, value = next((c, v) for c, v in zip(cases, found, strict=True) if v != _order(c))
    raise Wrong("another order", f"For {case} you say {value:g}.")


# ------------------------------------------------------------------------------------------------ one argument

_PLACES = {
    "readouts": "readouts",
    "hidden": "readouts",
    "memory": "memory",
    "message": "memory",
    "correlation": "correlation",
    "layers": "layers",
    "l_max": "degrees",
    "hidden_l_max": "degrees",
}


def nequip_into_botnet(answer: object) -> None:
    """{"gates": False}."""
    if not isinstance(answer, Mapping) or not answer:
        raise mistyped('a dictionary with one argument, such as {"channels": 64}', answer)
    known = defaults("nequip")
    for key in answer:
        if key not in known:
            raise Wrong("no such argument", f"NequIP has {', '.join(known)}.")
    if len(answer) > 1:
        raise Wrong("several")
    ((key, value),) = answer.items()
    if key != "gates":
        raise Wrong(_PLACES.get(key, "size"))
    if value is not False:
        raise Wrong("as it is")


# ------------------------------------------------------------------------------------------------ the smallest network


def smallest_network(answer: object) -> None:
    """For 5-chains: 3 layers, correlation 2, degrees 1."""
    wanted = {"layers": 3, "correlation": 2, "l_max": 1, "hidden_l_max": 1}
    if not isinstance(answer, Mapping) or set(answer) != set(wanted):
        raise mistyped(f"a dictionary of {', '.join(wanted)}", answer)
    given = {key: number(value, f"{key}, a whole number") for key, value in answer.items()}
    if min(given["l_max"], given["hidden_l_max"]) < 1:
        raise Wrong("nothing points")
    if given["layers"] < 3:
        raise Wrong("too few layers")
    if given["layers"] > 3:
        raise Wrong("too many layers")
    if given["correlation"] < 2:
        raise Wrong("one neighbour")
    if given["correlation"] > 2:
        raise Wrong("too many neighbours")
    if max(given["l_max"], given["hidden_l_max"]) > 1:
        raise Wrong("too high degrees")


# ------------------------------------------------------------------------------------------------ a row


def read_a_row(answer: object) -> None:
    """A and C, not B, D, E, F."""
    try:
        letters = {str(letter).strip().upper() for letter in answer}
    except TypeError:
        raise mistyped("letters, such as 'ABC'", answer) from None
    letters -= {"", ","}
    if not letters <= set("ABCDEF"):
        raise mistyped("letters from A to F, such as 'ABC'", answer)
    for letter in "BDEF":
        if letter in letters:
            raise Wrong(letter)
    for letter in "AC":
        if letter not in letters:
            raise Wrong(f"not {letter}")


# ------------------------------------------------------------------------------------------------ norms of sums


def _joint(f, r) -> float:
    """What is left of f of all neighbours when that of all smaller sets is taken off, up to f of none."""
    n = len(r)
    sets = [list(s) for size in range(1, n + 1) for s in combinations(range(n), size)]
    return sum((-1) ** (n - len(s)) * f(r[s]) for s in sets)


def norms_of_sums(answer: object) -> None:
    """An invariant of sets of neighbours that tells the 2-body pair apart, with terms of at most two neighbours."""

    def f(r):
        return number(ask(answer, r), "a number")

    def same(a, b):
        return abs(a - b) <= 1e-9 * max(abs(a), abs(b), scale)

    def flat(f, n):
        """Whether terms of n neighbours are the same for two sets of them: then there are none, but a constant."""
        return same(_joint(f, r[:n]), _joint(f, r[n : 2 * n]))

    r, p = np.random.default_rng(0).normal(size=(6, 3)), pair("2-body")
    all_of = f(r)
    scale = abs(all_of)
    if not same(all_of, f(r[::-1])):
        raise Wrong("order matters")
    for Q in (random_rotation(1), random_reflection(2)):
        if not same(all_of, f(r @ Q.T)):
            raise Wrong("turns", f"It is {all_of:.4g}, and {f(r @ Q.T):.4g} when the neighbours are turned.")
    first, second = (f(m.positions[1:]) for m in (p.a, p.b))
    if same(first, second):
        name = "one at a time" if flat(f, 2) else "a function of that"
        raise Wrong(name, f"It is {first:.4g} for both members of the pair.")
    if flat(f, 3):
        return
    for power, name in ((1, "mean"), (2, "root")):
        for shares in (0, 1, 2):  # a mean over neighbours, or over pairs
            if flat(lambda r: f(r) ** power * len(r) ** shares, 3):  # noqa: B023
                raise Wrong(name)
    raise Wrong("too many at once")
