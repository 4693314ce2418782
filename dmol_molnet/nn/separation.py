"""Which pairs of molecules a network tells apart, and how many atoms its energy looks at together.

    d = |f(a) - f(b)| / max(|f(a)|, |f(b)|)

f is what a network with random weights answers, in float64.  Where no weights can tell a from b, d is rounding, below
`EQUAL`.  (An answer that is zero, and on a computer 2e-17, is held against the terms that cancel in it, whose rounding
a shifted copy shows.)  Where some can, almost all do: d is an analytic function of the weights, which is zero
everywhere or almost nowhere.  So a few seeds decide, and what theory says of all weights can be seen without training.

    E_n = sum over parts S of n atoms  (-1)^(n - |S|) E(S)                                               `body_term`

is what no part of fewer atoms explains of their energy: zero, to rounding, beyond the body order of the network.

Sources: the pairs are those of `dmol_molnet.counterexamples`; the question is that of Joshi et al. (2023),
`joshi2023expressive`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import combinations

import keras
import numpy as np

from dmol_molnet.counterexamples import Pair
from dmol_molnet.molecules import InputError, Molecule
from dmol_molnet.nn.design_space import build
from dmol_molnet.nn.graph import MolecularGraph, Neighbors, molecule_sum
from dmol_molnet.symmetry import moved

EQUAL, DIFFERENT = 1e-10, 1e-8
"""A relative difference below the first is rounding, one above the second is a signal."""

MAX_ATOMS = 10
"""More atoms have too many parts."""


@contextmanager
def float64() -> Iterator[None]:
    """Keras computes in float64 inside of it, and as before after it."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float64")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def untrained(name: str, **changes) -> keras.Model:
    """A network of `design_space.build` with random weights in float64: small, and with far-reaching radial functions.

    Args:
        name: as for `build`.
        changes: to its defaults, beside `channels` 8 and `cutoff` 10 Å.
    """
    with float64():
        return build(name, **{"channels": 8, "cutoff": 10.0, **changes})


def difference(model: keras.Model, pair: Pair, features: bool = False) -> float:
    """d for one network and one pair, on the pair's edges.

    Args:
        model: of `untrained`, or any in float64.
        pair: of `counterexamples`.
        features: whether to compare, in place of the answer, the features of all irreps, summed over atoms; then a pair
            that a rotation joins may differ, as by what the rotation does.

    Raises:
        InputError: the network computes in float32, whose rounding looks like a signal.
    """
    if model.compute_dtype != "float64":
        raise InputError(f"a network in {model.compute_dtype} cannot decide: take one of `untrained`, in float64")
    with float64():
        a, b, *shifted = answers = _answers(model, pair, features)
    scale, found = np.abs(answers).max(), np.abs(a - b).max()
    rounding = max(np.abs(a - shifted[0]).max(), np.abs(b - shifted[1]).max())
    if found <= 100 * rounding:  # then what cancels in the answers is the measure, and rounding tells its size
        scale = max(scale, rounding / np.finfo(float).eps)
    return float(found / scale) if scale else 0.0


def separates(name: str, pair: Pair, seeds: Iterable[int] = range(3), features: bool = False, **changes) -> bool:
    """Whether untrained networks tell a pair apart.

    Args:
        name, changes: as for `untrained`.
        pair, features: as for `difference`.
        seeds: of the weights.

    Raises:
        InputError: some differences are rounding and others are not, or lie between: the seeds cannot decide.
    """
    found = [difference(untrained(name, seed=seed, **changes), pair, features) for seed in seeds]
    if all(d < EQUAL for d in found):
        return False
    if all(d > DIFFERENT for d in found):
        return True
    listed = ", ".join(f"{d:.0e}" for d in found)
    raise InputError(f"{name} and the {pair.name} pair: differences of {listed} do not decide; change a setting")


def body_term(model: keras.Model, molecule: Molecule) -> float:
    """E_n, of all n atoms of a molecule: what is left of its energy when that of all smaller parts is taken off.

    Args:
        model: of `untrained`, or any in float64 that answers an energy.
        molecule: with positions; all atoms closer than the cutoff are joined.

    Raises:
        InputError: the network computes in float32, or there are more than `MAX_ATOMS` atoms.
    """
    n = len(molecule)
    if model.compute_dtype != "float64":
        raise InputError(f"a network in {model.compute_dtype} is too coarse: take one of `untrained`, in float64")
    if not 0 < n <= MAX_ATOMS:
        raise InputError(f"{n} atoms have too many parts, or none: 1 to {MAX_ATOMS} can be taken apart")
    parts = [list(part) for size in range(1, n + 1) for part in combinations(range(n), size)]
    molecules = [Molecule(molecule.numbers[part], molecule.positions[part]) for part in parts]
    with float64():
        energies = np.asarray(model(MolecularGraph.from_molecules(molecules, model.cutoff)))[: len(parts)]
    return float(np.dot([(-1) ** (n - len(part)) for part in parts], energies))


def _answers(model, pair: Pair, features: bool) -> np.ndarray:
    """[4, n]: for each of a pair, and of both shifted, the answer, or the sums of all features over its atoms."""
    edges = pair.edges[np.lexsort(pair.edges.T[::-1])]
    both_ways = np.ones(len(edges), bool)
    found = Neighbors(*edges.T, np.zeros((len(edges), 3)), both_ways, both_ways)
    molecules = [pair.a, pair.b, *(moved(one, shift=[0.37, -1.23, 2.11]) for one in (pair.a, pair.b))]
    graph = MolecularGraph.assemble(molecules, [found] * 4, None)
    if not features:
        return np.asarray(model(graph))[:4].reshape(4, -1)
    sums = [np.asarray(molecule_sum(h, graph))[:4].reshape(4, -1) for h in model.features(graph).values()]
    return np.concatenate(sums, axis=1)
