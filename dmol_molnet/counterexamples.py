"""Pairs of clouds of atoms that some test or network cannot tell apart, by name, and the proof that they differ.

The clouds carry no chemistry beyond the two molecules: their elements are only labels, and their lengths only numbers.
Sources: the three-body environments follow Pozdnyakov et al. (2020), `pozdnyakov2020incompleteness`; the chains and the
environments by body order follow Joshi et al. (2023), `joshi2023expressive`, with triangles of our own choice where the
usual ones give twice the same structure; the antipodal clouds show what Pozdnyakov and Ceriotti (2022) proved,
`pozdnyakov2022incompleteness`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from importlib.resources import files
from itertools import combinations

import numpy as np

from dmol_molnet.geometric_wl import TOLERANCE, Cloud, alike, check, distance_classes
from dmol_molnet.molecules import InputError, Molecule, quoted

RELATIONS = ("the same", "mirror images", "different")
"""What two clouds can be to each other: a rotation takes one to the other, only a mirror does, or neither."""


@dataclass(frozen=True, eq=False)
class Pair:
    """Two molecules or clouds, and what joins their atoms.

    Attributes:
        name: of the pair.
        a, b: with positions in Å.
        edges: int [E, 2], each pair of atoms once; the same for both.
        relation: one of `RELATIONS`.
        about: what it shows.
    """

    name: str
    a: Molecule
    b: Molecule
    edges: np.ndarray
    relation: str
    about: str

    @property
    def directed(self) -> np.ndarray:
        """int [2E, 2]: each edge both ways, as `MolecularGraph.from_edges` takes them."""
        return np.concatenate([self.edges, self.edges[:, ::-1]])

    def __repr__(self) -> str:
        return f"Pair({self.name}: {len(self.a)} atoms, {len(self.edges)} edges, {self.relation})"


def pair(name: str) -> Pair:
    """The pair of this name, one of `NAMES`; `k_chains`, `l_fold`, `cumulenes` and `antipodal` make more.

    Raises:
        InputError: there is none.
    """
    if not isinstance(name, str) or name not in _MAKERS:
        raise InputError(f"no pair is called {quoted(name)}; there are {', '.join(NAMES)}")
    return _MAKERS[name](name)


def k_chains(k: int) -> Pair:
    """Two chains of k + 2 atoms with edges 5 Å long that differ only in how their two ends lie to each other.

    Every two neighbouring edges make the same angle in both.  Give models the edges, and radial functions that reach
    well beyond 5 Å, such as 10 Å: where they end at 5 Å, nobody is heard, and a cutoff of 10 Å joins other atoms too.

    Args:
        k: 2 or more; that many atoms lie on a line, and one at each end is bent away.

    Raises:
        InputError: another k.
    """
    if isinstance(k, bool) or not isinstance(k, int | np.integer) or k < 2:
        raise InputError(f"a k-chain has 2 atoms or more on its line, not {quoted(k)}")
    x = np.array([[-4, -3, 0], *([0, 5 * i, 0] for i in range(k)), [4, 5 * (k - 1) + 3, 0]], float)
    return Pair(
        f"{k}-chains",
        _cloud("C" * (k + 2), x),
        _cloud("C" * (k + 2), np.concatenate([x[:1] * [-1, 1, 1], x[1:]])),
        np.array([(i, i + 1) for i in range(k + 1)]),
        "different",
        "alike around every atom; only who hears of both ends can tell them apart",
    )


def l_fold(L: int) -> Pair:
    """A star of L neighbours, 1 Å from their centre and evenly around it, and the same star turned by half a spacing.

    Nothing invariant may differ.  The tensors that an atom gathers of single neighbours differ from degree L on alone:
    sums of Y_lm over the star vanish unless m is a multiple of L, and m = 0 does not change by a turn about z.

    Args:
        L: 2 or more.

    Raises:
        InputError: another L.
    """
    if isinstance(L, bool) or not isinstance(L, int | np.integer) or L < 2:
        raise InputError(f"a star has 2 neighbours or more, not {quoted(L)}")
    angles = 2 * np.pi * np.arange(L) / L
    clouds = [np.stack([np.cos(a), np.sin(a), 0 * a], axis=-1) for a in (angles, angles + np.pi / L)]
    about = "one star, turned; only tensors of degree L or more say by how much"
    return _environments(f"{L}-fold stars", *clouds, "the same", about)


def cumulenes(n: int) -> Pair:
    """Chains of n carbons with double bonds all along and a chlorine and a hydrogen at each end, in an idealised shape.

    For even n the two are flat and are *cis* and *trans*: different.  For odd n the ends stand crosswise, and the two
    are mirror images.  Joined are bonded atoms; by a cutoff, how much is seen depends on it.

    Args:
        n: 2 or more.

    Raises:
        InputError: another n.
    """
    if isinstance(n, bool) or not isinstance(n, int | np.integer) or n < 2:
        raise InputError(f"a cumulene has 2 carbons or more, not {quoted(n)}")
    cc, ch, ccl = 1.28, 1.09, 1.72  # Å, about
    line = np.arange(n)[:, None] * [cc, 0, 0]
    out, side = np.array([0.5, 0, 0]), np.sqrt(0.75) * np.eye(3)  # 120° between the bonds of an end
    here, there = side[1], side[1] if n % 2 == 0 else side[2]
    clouds = []
    for sign in (1, -1):
        first = [ccl * (here - out), ch * (-here - out)]
        last = [line[-1] + ccl * (sign * there + out), line[-1] + ch * (-sign * there + out)]
        bonds = [*((i, i + 1) for i in range(n - 1)), (0, n), (0, n + 1), (n - 1, n + 2), (n - 1, n + 3)]
        orders = [2.0] * (n - 1) + [1.0] * 4
        numbers = [6] * n + [17, 1, 17, 1]
        clouds.append(Molecule(numbers, [*line, *first, *last], bonds=bonds, bond_orders=orders))
    return Pair(
        f"{n}-cumulenes",
        *clouds,
        clouds[0].bonds,
        "mirror images" if n % 2 else "different",
        "a chain in a molecule: its two ends lie to each other in one of two ways",
    )


def antipodal(seed: int | np.random.Generator = 0) -> Pair:
    """A random pair of clouds ±a, ±b, ±c whose complete graphs of distances 1-WL cannot tell apart.

    The second has vectors of the same lengths, and inner products of the same absolute values, as the first; but the
    product of the three inner products has the other sign.

    Args:
        seed: or a generator, from which is drawn.
    """
    rng = np.random.default_rng(seed)
    while True:
        vectors = rng.normal(size=(3, 3))
        gram = vectors @ vectors.T
        other = gram * [[1, -1, 1], [-1, 1, 1], [1, 1, 1]]  # the sign of a·b
        if np.linalg.eigvalsh(other)[0] > 0.05 and np.abs(gram[np.triu_indices(3, 1)]).min() > 0.05:
            return _antipodal("antipodal, random", vectors, np.linalg.cholesky(other))


def congruent(a: Molecule, b: Molecule, reflections: bool = True, tolerance: float = TOLERANCE) -> bool:
    """Whether a rotation and a shift, with `reflections` also a mirror, takes a to b, like atoms to like atoms.

    Every way to match the atoms with all distances equal is tried, by backtracking; edges do not count.

    Args:
        a, b: with positions.
        reflections: whether mirror images count as congruent.
        tolerance: Å, as in `dmol_molnet.geometric_wl`.

    Raises:
        InputError: no positions, or a cell.
    """
    distances = distance_classes([check(a).positions, check(b).positions], tolerance)
    clouds = (
        Cloud(molecule.numbers, d, molecule.positions - molecule.positions.mean(axis=0))
        for molecule, d in zip((a, b), distances, strict=True)
    )
    return alike(*clouds, reflections, tolerance)


def relation(a: Molecule, b: Molecule, tolerance: float = TOLERANCE) -> str:
    """What a and b are to each other, one of `RELATIONS`, by `congruent`."""
    if congruent(a, b, reflections=False, tolerance=tolerance):
        return "the same"
    return "mirror images" if congruent(a, b, tolerance=tolerance) else "different"


# ------------------------------------------------------------------------------------------------ molecules


def _mirrored(molecule: Molecule) -> Molecule:
    """The mirror image at the plane z = 0."""
    return replace(molecule, positions=molecule.positions * [1, 1, -1])


def _enantiomers(name: str) -> Pair:
    # Relaxed with GFN2-xTB; Å.
    x = [
        (-0.045733, 0.115342, -0.079249),
        (-0.123721, 0.416227, -1.129056),
        (0.003208, 1.206905, 0.689037),
        (-1.452896, -0.869773, 0.371045),
        (1.619142, -0.868701, 0.148222),
    ]
    a = Molecule([6, 1, 9, 17, 35], x, bonds=[(0, j) for j in range(1, 5)])
    about = "bromochlorofluoromethane: equal energies, opposite optical rotation"
    return Pair(name, a, _mirrored(a), a.bonds, "mirror images", about)


def _helicene(name: str) -> Pair:
    data = json.loads((files("dmol_molnet") / "data" / "helicene.json").read_text(encoding="utf-8"))
    a = Molecule(data["numbers"], data["positions"], data["bonds"], data["bond_orders"])
    about = "(P)- and (M)-[6]helicene, a right-handed and a left-handed screw without a stereocentre"
    return Pair(name, a, _mirrored(a), a.bonds, "mirror images", about)


# ------------------------------------------------------------------------------------------------ antipodal clouds

_PHI = (1 + 5**0.5) / 2
_ANTIPODAL = {
    "hexagon": ([(1, 0, 1), (1, 1, 0), (0, 1, -1)], [(1, 0, 1), (1, 1, 0), (0, 1, 1)]),
    "cube": ([(-1, -1, 1), (-1, -1, -1), (2, 0, 0)], [(-1, -1, 1), (-1, -1, -1), (0, 0, 2)]),
    "dodecahedron 1": ([(1, 1, 1), (1, 1, -1), (1, -1, 1)], [(1, 1, 1), (1, 1, -1), (-1 / _PHI, _PHI, 0)]),
    "dodecahedron 2": ([(1, 1, 1), (1, 1, -1), (0, 1 / _PHI, _PHI)], [(1, 1, 1), (1, 1, -1), (_PHI, 0, 1 / _PHI)]),
}


def _antipodal(name: str, first, second) -> Pair:
    first, second = (np.concatenate([x, np.negative(x)]) for x in (first, second))
    edges = np.array(list(combinations(range(6), 2)))
    about = "the same to 1-WL on all distances, at any depth"
    return Pair(name, _cloud("C" * 6, first), _cloud("C" * 6, second), edges, "different", about)


# ------------------------------------------------------------------------------------------------ one atom's neighbours


def _environments(name: str, first, second, relation: str, about: str) -> Pair:
    """A centre at the origin, joined to its neighbours [m, 3] and to nobody else."""
    clouds = [_cloud("C" + "H" * len(x), [(0, 0, 0), *np.asarray(x).tolist()]) for x in (first, second)]
    edges = np.array([(0, j) for j in range(1, len(first) + 1)])
    return Pair(name, *clouds, edges, relation, about)


def _on_circle(degrees) -> np.ndarray:
    """Points [m, 3] on the circle of radius 5 about the y axis."""
    angle = np.radians(degrees)
    return 5 * np.stack([np.sin(angle), 0 * angle, np.cos(angle)], axis=-1)


_SCALENE, _TURN = np.array([0.0, 130.0, 170.0]), 40.0
# The angle over a base of 6 with legs of 90: three points of the usual examples, (3, 0, -4), (0, 0, 5) and (-3, 0, -4).
_ISOSCELES, _USUAL_TURN = np.degrees(np.arctan2([3, 0, -3], [-4, 5, -4])), 36.0
_UP, _APEX = np.array([0.0, 2.0, 0.0]), np.array([[0.0, 5.0, 0.0]])


def _chiral(name: str, degrees: np.ndarray, relation: str, about: str) -> Pair:
    triangle = _on_circle(degrees)
    return _environments(name, np.concatenate([triangle, _APEX]), np.concatenate([triangle, -_APEX]), relation, about)


def _nonchiral(name: str, degrees: np.ndarray, turn: float, relation: str, about: str) -> Pair:
    both = np.concatenate([_on_circle(degrees) + _UP, _on_circle(degrees + turn) - _UP])
    return _environments(name, np.concatenate([both, _APEX]), np.concatenate([both, -_APEX]), relation, about)


_FIRST_THREE = [(5, 0, 5), (5, 5, 5), (-5, -5, 5)]

_MAKERS = {
    "enantiomers": _enantiomers,
    "helicene": _helicene,
    **{name: lambda name: _antipodal(name, *_ANTIPODAL[name]) for name in _ANTIPODAL},
    "2-body": lambda name: _environments(
        name,
        [(5, 0, 0), (3, 0, 4)],
        [(5, 0, 0), (-5, 0, 0)],
        "different",
        "equal distances to the neighbours, different angles",
    ),
    "3-body": lambda name: _environments(
        name,
        [*_FIRST_THREE, (0, 5, 5)],
        [*_FIRST_THREE, (0, -5, 5)],
        "different",
        "equal distances to the neighbours and angles between them, different triples",
    ),
    "4-body": lambda name: _nonchiral(
        name, _SCALENE, _TURN, "different", "equal up to triples of neighbours, different quadruples"
    ),
    "4-body, chiral": lambda name: _chiral(
        name, _SCALENE, "mirror images", "equal up to triples of neighbours; quadruples are mirror images"
    ),
    "4-body, isosceles": lambda name: _nonchiral(
        name, _ISOSCELES, _USUAL_TURN, "the same", "often taken for different; nothing may tell them apart"
    ),
    "4-body, chiral, isosceles": lambda name: _chiral(
        name, _ISOSCELES, "the same", "often taken for mirror images; nothing may tell them apart"
    ),
}

NAMES = tuple(_MAKERS)
"""The pairs that `pair` knows."""


def _cloud(symbols: str, positions) -> Molecule:
    """Carbons and hydrogens at positions [n, 3] in Å, without bonds."""
    return Molecule([{"H": 1, "C": 6}[symbol] for symbol in symbols], np.array(positions, float))
