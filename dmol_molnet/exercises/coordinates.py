"""The judges of the chapter on coordinates: named as their exercises; texts: coordinates.toml."""

from __future__ import annotations

from functools import cache
from itertools import combinations, product

import networkx as nx
import numpy as np

from dmol_molnet.counterexamples import Pair, antipodal, congruent, cumulenes, pair, relation
from dmol_molnet.exercises.engine import Wrong, array, ask, letters, mistyped, number
from dmol_molnet.geometric_wl import gwl, igwl
from dmol_molnet.molecules import Molecule, quoted
from dmol_molnet.symmetry import random_reflection, random_rotation

# ------------------------------------------------------------------------------------------------ from distances


def _distances(x: np.ndarray) -> np.ndarray:
    return np.linalg.norm(x[:, None] - x, axis=-1)


def _scaled(G: np.ndarray, which=slice(-3, None), power=0.5) -> np.ndarray:
    eigenvalues, V = np.linalg.eigh(G)
    return V[:, which] * np.abs(eigenvalues[which]) ** power


def _wrong_positions(D: np.ndarray) -> dict[str, np.ndarray]:
    J = np.eye(len(D)) - 1 / len(D)
    G = -J @ D**2 @ J / 2
    return {
        "not squared": _scaled(-J @ D @ J / 2),
        "factor": _scaled(2 * G),
        "not centred": _scaled(-(D**2) / 2),
        "no root": _scaled(G, power=1),
        "only directions": _scaled(G, power=0),
        "smallest": _scaled(G, slice(0, 3)),
    }


def rebuild_from_distances(answer: object) -> None:
    """Positions with the given distances, for seven atoms and for triangles."""
    rng = np.random.default_rng(0)
    D = _distances(rng.normal(size=(7, 3)))
    try:
        found = np.asarray(ask(answer, D), float)
    except (TypeError, ValueError):
        raise mistyped("a function that returns an array [A, 3]", answer) from None
    if found.shape == (7, 3) and not np.allclose(_distances(found), D, atol=1e-5, equal_nan=True):
        for name, x in _wrong_positions(D).items():
            if np.allclose(_distances(np.nan_to_num(found)), _distances(x), atol=1e-5):
                raise Wrong(name)
    found = array(found, (7, 3), "the output for seven atoms")
    if not np.allclose(_distances(found), D, atol=1e-5):
        raise Wrong("other distances", f"The first is {_distances(found)[0, 1]:.3f} Å instead of {D[0, 1]:.3f} Å.")
    for seed in range(20):
        D = _distances(np.random.default_rng(seed).normal(size=(3, 3)))
        with np.errstate(invalid="ignore"):
            found = np.asarray(ask(answer, D), float)
        if found.shape == (3, 3) and np.isnan(found).any():
            raise Wrong("negative root")
        if not np.allclose(_distances(array(found, (3, 3), "the output for three atoms")), D, atol=1e-5):
            raise Wrong("other distances", "It is right for seven atoms, and not for three.")


# ------------------------------------------------------------------------------------------------ six points


def own_counterexample(answer: object) -> None:
    """Two clouds that 1-WL on the complete graph of distances cannot tell apart, and that are not congruent."""
    try:
        first, second = answer
    except (TypeError, ValueError):
        raise mistyped("two lists of six points, `(P, Q)`", answer) from None
    clouds = []
    for points, name in ((first, "P"), (second, "Q")):
        x = array(points, (6, 3), name)
        if (_distances(x) + 9 * np.eye(6)).min() < 1e-3:
            raise Wrong("same place", f"Look at {name}.")
        clouds.append(Molecule([6] * 6, x))
    tolerance = 1e-4  # as the task says
    found = relation(*clouds, tolerance=tolerance)
    if found != "different":
        raise Wrong(found)
    told = igwl(*clouds, np.array(list(combinations(range(6), 2))), 2, tolerance=tolerance)
    if told.distinguished:
        raise Wrong("told apart", f"It does so in round {told.round}.")
    known, bags = _known()
    near = np.abs(_bag(clouds[0]) - bags).max(axis=1) < 1e-3
    for p in [known[k] for k in np.flatnonzero(near)]:
        sizes = [_distances(m.positions).mean() for m in (clouds[0], p.a)]
        scaled = [Molecule([6] * 6, m.positions * sizes[1] / sizes[0]) for m in clouds]
        for order in (scaled, scaled[::-1]):
            if all(congruent(m, o, tolerance=1e-3) for m, o in zip(order, (p.a, p.b), strict=True)):
                raise Wrong("ours" if p.name == "hexagon" else "drawn")


def _bag(cloud: Molecule) -> np.ndarray:
    """The sorted distances [15] of six points, by their mean."""
    distances = np.sort(_distances(cloud.positions)[np.triu_indices(6, 1)])
    return distances / distances.mean()


@cache
def _known() -> tuple[list[Pair], np.ndarray]:
    """The pairs of six points that the package gives to everybody, and the bag of each [pairs, 15]."""
    names = ("hexagon", "cube", "dodecahedron 1", "dodecahedron 2")
    known = [*map(pair, names), *map(antipodal, range(1000))]
    return known, np.array([_bag(p.a) for p in known])


# ------------------------------------------------------------------------------------------------ left and right


def which_need_mirrors(answer: object) -> None:
    """The letters of the quantities that differ between mirror images."""
    found = letters(answer, "ABCDEF")
    for letter in "ABCDEF":
        if (letter in found) != (letter in "BDF"):
            raise Wrong(letter if letter in found else f"not {letter}")


# ------------------------------------------------------------------------------------------------ three at once


def _third_difference(f) -> float:
    """What moving three neighbours at once does beyond moving them in pairs, over f's size: 0 for a sum over pairs."""
    differences, size = [], 0.0
    for before, after in np.random.default_rng(3).normal(size=(8, 2, 5, 3)):
        values = {}
        for moved in product((0, 1), repeat=3):
            r = before.copy()
            r[:3] = np.where(np.array(moved)[:, None], after[:3], before[:3])
            values[moved] = f(r)
        differences.append(sum((-1) ** sum(moved) * value for moved, value in values.items()))
        size = max(size, *map(abs, values.values()))
    return np.abs(differences).max() / max(size, 1e-300)


def three_at_once(answer: object) -> None:
    """An invariant number that tells the 2-body pair apart and not the 3-body pair."""

    def of(r: np.ndarray) -> float:
        return number(ask(answer, r), "a function that returns one number")

    def same(a: float, b: float) -> bool:
        return bool(np.isclose(a, b, rtol=1e-6, atol=1e-9))

    r = np.random.default_rng(0).normal(size=(5, 3))
    value = of(r)
    if not np.isfinite(value):
        raise Wrong("not finite", because="there is a nan or an infinity in the output.")
    for name, other in (
        ("order", r[[3, 0, 4, 1, 2]]),
        ("orientation", r @ random_rotation(1).T),
        ("mirror", r @ random_reflection(1).T),
    ):
        if not same(of(other), value):
            raise Wrong(name, f"For five neighbours it went from {value:.4g} to {of(other):.4g}.")
    two, three = ([of(m.positions[1:]) for m in (p.a, p.b)] for p in (pair("2-body"), pair("3-body")))
    if not same(*three):
        raise Wrong("more than two", f"It gives {three[0]:.4g} and {three[1]:.4g}.")
    if (third := _third_difference(of)) > 1e-5:
        raise Wrong("no sum over pairs", f"Moving three neighbours does {third:.1%} more than moving them in pairs.")
    if same(*two):
        raise Wrong("distances only", f"Both get {two[0]:.4g}.")


# ------------------------------------------------------------------------------------------------ turn it over


def turn_it_over(answer: object) -> None:
    """A rotation that takes the neighbours of one environment to those of the other."""
    R = array(answer, (3, 3), "R")
    p = pair("4-body, chiral, isosceles")
    if np.allclose(R, np.eye(3), atol=1e-6):
        raise Wrong("nothing moved")
    if not np.allclose(R @ R.T, np.eye(3), atol=1e-3):
        raise Wrong("no rotation")
    if np.linalg.det(R) < 0:
        raise Wrong("a mirror")
    x, y = p.a.positions @ R.T, p.b.positions
    gaps = np.linalg.norm(x[:, None] - y, axis=-1).min(axis=1)
    if gaps.max() > 1e-2:
        where = ", ".join(f"{v:g}" for v in x[np.argmax(gaps)].round(2) + 0.0)
        raise Wrong("elsewhere", f"One neighbour comes to ({where}), where the second has none.")


# ------------------------------------------------------------------------------------------------ cumulenes


@cache
def _round_for_a_cumulene(n: int) -> int | None:
    """The round in which GWL tells the two forms apart, by GWL itself."""
    p = cumulenes(n)
    distances = dict(nx.all_pairs_shortest_path_length(nx.Graph(p.edges.tolist())))
    near = [(a, b) for a, b in combinations(range(n + 4), 2) if distances[a][b] <= 2]
    return gwl(p.a, p.b, np.array(near)).round


def rounds_for_a_cumulene(answer: object) -> None:
    """The round in which GWL tells the two forms apart, for 2 to 11 carbons, with edges over one and two bonds."""
    sizes = range(2, 12)
    found = []
    for n in sizes:
        value = ask(answer, n, none=True)
        found.append(None if value is None else number(value, "a function that returns a number of rounds, or None"))
    right = [_round_for_a_cumulene(n) for n in sizes]
    if found == right:
        return
    even = [(n, value) for n, value in zip(sizes, found, strict=True) if n % 2 == 0]
    for name, wrong in {
        "twice as long": lambda n: n // 2 + 1,
        "bond by bond": lambda n: n + 1,
        "one chlorine": lambda n: n // 4,
        "carbons alone": lambda n: (n + 2) // 4,
        "the carbons": lambda n: n // 2,
    }.items():
        if all(value == wrong(n) for n, value in even):
            raise Wrong(name)
    if all(value == right[n - 2] for n, value in even):
        n, value = next((n, v) for n, v in zip(sizes, found, strict=True) if n % 2 and v is not None)
        raise Wrong("mirror images", f"You say {quoted(value)} for {n} carbons.")
    n, value = next((n, v) for n, v in even if v != right[n - 2])
    raise Wrong("another number", f"For {n} carbons you say {'never' if value is None else f'{value:g}'}.")
