"""The judges of the chapter *One design space*: named as their exercises; texts: design_space.toml."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations

import numpy as np

from dmol_molnet.counterexamples import pair
from dmol_molnet.exercises.effort import single_only
from dmol_molnet.exercises.engine import Wrong, ask, letters, mistyped, number
from dmol_molnet.molecules import InputError
from dmol_molnet.nn.design_space import build, defaults
from dmol_molnet.symmetry import random_reflection, random_rotation

# ------------------------------------------------------------------------------------------------ chains


def first_layer(k: int, correlations: Sequence[int]) -> int | None:
    """The first layer that tells k-chains apart: by a walk along all k + 1 edges, or by a product of two walks."""
    for t, nu in enumerate(correlations, 1):
        if t >= k + 1 or (nu >= 2 and 2 * t >= k + 1):
            return t
    return None


def _within(t: int, nus: Sequence[int]) -> int | None:
    return t if t <= len(nus) else None


def _added_up(k: int, nus: Sequence[int]) -> int | None:
    return next((t for t in range(1, len(nus) + 1) if sum(nus[:t]) >= k + 1), None)


def _first_product(k: int, nus: Sequence[int]) -> int | None:
    return next((t for t, nu in enumerate(nus, 1) if nu > 1 or t > k), None)


_WRONG_LAYERS = {
    "products ignored": lambda k, nus: _within(k + 1, nus),
    "all meet in the middle": lambda k, nus: _within(k // 2 + 1, nus),
    "any product": lambda k, nus: _within(k // 2 + 1 if max(nus, default=1) > 1 else k + 1, nus),
    "first product": _first_product,
    "added up": _added_up,
    "rounded down": lambda k, nus: next((t for t, nu in enumerate(nus, 1) if t > k or (nu > 1 and t >= k // 2)), None),
    "one short": lambda k, nus: next((t for t, nu in enumerate(nus, 1) if t >= k or (nu > 1 and 2 * t > k)), None),
    "too short": lambda k, nus: first_layer(k, nus) or k + 1,
    "from 0": lambda k, nus: None if first_layer(k, nus) is None else first_layer(k, nus) - 1,
    "never": lambda k, nus: None,
}


def layers_for_a_chain(answer: object) -> None:
    """The layer, or None, for chains of 2 to 7 and stacks of all kinds."""
    stacks = [[1] * 9, [2] * 9, [3, 1, 1, 1, 1, 1, 1, 1], [1, 1, 3, 1, 1, 1, 1, 1], [1, 1, 1, 2, 3, 1], [3, 1, 1, 2]]
    stacks += [[1, 3, 1], [3, 2], [1, 1], [1, 1, 1, 2, 1, 1, 1, 1, 1]]
    cases = [(k, nus) for k in (2, 3, 4, 5, 7) for nus in stacks]
    found = []
    for case in cases:
        value = ask(answer, *case, none=True)
        if value is None or first_layer(*case) is not None:
            found.append(None if value is None else number(value, "the number of a layer, or None"))
        elif isinstance(value, str | bool) or not 0 < number(value, "the number of a layer, or None") < np.inf:
            raise Wrong("other than None", f"For k = {case[0]} and {case[1]}, yours is {value!r}.")
        else:
            found.append(number(value, "the number of a layer, or None"))
    if found == [first_layer(*case) for case in cases]:
        return
    for name, rule in _WRONG_LAYERS.items():
        if found == [rule(*case) for case in cases]:
            raise Wrong(name)
    for (k, nus), value in zip(cases, found, strict=True):
        if value is not None and value > len(nus):
            said = f"you say {value:g}, and there are {len(nus)} layers"
            raise Wrong("too short", f"For k = {k} and correlations {nus}, {said}.")
    (k, nus), value = next((c, v) for c, v in zip(cases, found, strict=True) if v != first_layer(*c))
    said = "None" if value is None else f"{value:g}"
    raise Wrong("other layers", f"For k = {k}, a chain of {k + 1} edges, and correlations {nus}, you say {said}.")


# ------------------------------------------------------------------------------------------------ body order


def order(correlations: Iterable[int], degree: int = 1, start: int = 1, own: int = 1) -> int:
    """The body order of a stack, and of a polynomial of this degree in an atom's features."""
    b = start
    for nu in correlations:
        b = nu * b + own
    return degree * (b - 1) + 1


_WRONG_ORDERS = {
    "readout ignored": lambda nus, p: order(nus),
    "atom twice": lambda nus, p: p * order(nus),
    "degree added": lambda nus, p: order(nus) + p - 1,
    "another neighbour": lambda nus, p: order([*nus, p]),
    "nobody receives": lambda nus, p: order(nus, p, own=0),
    "starts with nobody": lambda nus, p: order(nus, p, start=0),
    "from the last layer": lambda nus, p: order(nus[::-1], p),
    "added": lambda nus, p: p * sum(nus) + 1,
    "neighbours only": lambda nus, p: order(nus, p) - 1,
    "receiver each time": lambda nus, p: p * (int(np.prod([nu + 1 for nu in nus])) - 1) + 1,
    "layers only": lambda nus, p: p * len(nus) + 1,
}


def order_of_a_stack(answer: object) -> None:
    """b = nu b + 1, layer by layer, from 1; then a polynomial in features that share their atom."""
    stacks = [[3], [1, 1, 1], [3, 3], [2, 1], [1, 2], [3, 1, 2], []]
    cases = [(nus, degree) for degree in (1, 2, 3) for nus in stacks]
    found = [number(ask(answer, *case), "a body order, a number") for case in cases]
    if found == [order(*case) for case in cases]:
        return
    for name, rule in _WRONG_ORDERS.items():
        # where the layers alone are wrong, whatever is made of the readout
        linear = [rule(nus, 1) for nus in stacks]
        if found == [rule(*case) for case in cases] or (found[:7] == linear != [order(nus) for nus in stacks]):
            raise Wrong(name)
    (nus, degree), value = next((c, v) for c, v in zip(cases, found, strict=True) if v != order(*c))
    raise Wrong("another order", f"For {nus} and degree {degree} you say {value:g}, and it is {order(nus, degree)}.")


# ------------------------------------------------------------------------------------------------ five bodies


def five_bodies(answer: object) -> None:
    """A linear MACE of body order 5, by depth or by correlation."""
    if not isinstance(answer, Mapping) or not answer:
        raise mistyped('a dictionary of arguments, such as {"channels": 64}', answer)
    known = defaults("mace")
    answer = {key: value.item() if isinstance(value, np.generic) else value for key, value in answer.items()}
    for key in answer:
        if key not in known:
            raise Wrong("no such argument", f"MACE has {', '.join(known)}.")
    try:
        build("mace", **answer)
    except InputError as error:
        raise Wrong("refused", because=f"`build` refuses it: {error}.") from None
    a = {**known, **answer}
    if a["readout"] != "0e":
        raise Wrong("readout")
    for key in ("gates", "norm", "hidden"):
        if a[key]:
            raise Wrong(key)
    stack = [a["correlation"]] * a["layers"]
    if (b := order(stack)) != 5:
        orders = ", ".join(str(order(stack[:t])) for t in range(len(stack) + 1))
        raise Wrong(
            "too low" if b < 5 else "too high", f"Layer by layer, with correlation {a['correlation']}: {orders}."
        )


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
    found = letters(answer, "ABCDEF")
    for letter in "BDEF":
        if letter in found:
            raise Wrong(letter)
    for letter in "AC":
        if letter not in found:
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

    def below(f, n):
        """Whether no n neighbours or more have a term: what sets of them have left is f of none, by turns + and -."""
        left = [(-1) ** len(s) * _joint(f, s) for s in (r[:n], r[n : 2 * n], r[: n + 1], r[: n + 2])]
        return all(same(left[0], other) for other in left)

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
        name = "one at a time" if below(f, 2) else "a function of that"
        raise Wrong(name, f"It is {first:.4g} for both members of the pair.")
    if below(f, 3):
        return single_only(lambda n: f(np.random.default_rng(n).normal(size=(n, 3))), "pairs")
    for power, name in ((1, "mean"), (2, "root")):
        for shares in (0, 1, 2):  # a mean over neighbours, or over pairs
            if below(lambda r: f(r) ** power * len(r) ** shares, 3):  # noqa: B023
                raise Wrong(name)
    raise Wrong("too many at once")
