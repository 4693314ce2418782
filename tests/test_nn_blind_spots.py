"""What SchNet cannot tell apart, whatever its weights: equal to rounding, beside clouds that it does tell apart."""

from dataclasses import replace

import numpy as np
import pytest

from dmol_molnet.counterexamples import NAMES, antipodal, cumulenes, k_chains, pair, relation
from dmol_molnet.geometric_wl import igwl
from dmol_molnet.nn.design_space import build
from dmol_molnet.nn.graph import MolecularGraph

pytestmark = pytest.mark.usefixtures("float64")


def difference(first, second, edges, **changes):
    """|E1 - E2| relative to the larger, for random weights; edges are pairs or a cutoff in Å."""
    if np.ndim(edges):
        model = build("schnet", channels=16, cutoff=10.0, **changes)
        graphs = [MolecularGraph.from_edges(m.numbers, m.positions, edges) for m in (first, second)]
        energies = [float(model(graph)[0]) for graph in graphs]
    else:
        model = build("schnet", channels=16, cutoff=edges, **changes)
        energies = np.asarray(model(MolecularGraph.from_molecules([first, second], cutoff=edges)))[:2]
    return abs(energies[0] - energies[1]) / max(map(abs, energies))


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("name", NAMES)
def test_no_named_pair_is_told_apart_but_a_larger_copy_is(name, seed):
    p = pair(name)
    assert relation(p.a, p.b) == p.relation
    layers = 1 if "body" in name else 4
    assert not igwl(p.a, p.b, p.edges, 2).distinguished
    assert difference(p.a, p.b, p.directed, layers=layers, seed=seed) < 1e-10
    larger = replace(p.a, positions=1.05 * p.a.positions)
    assert difference(p.a, larger, p.directed, layers=layers, seed=seed) > 1e-6


@pytest.mark.parametrize("layers", [1, 3, 6])
def test_no_depth_helps_on_chains_and_clouds(layers):
    for p in (k_chains(2), k_chains(5), antipodal(3)):
        assert relation(p.a, p.b) == "different"
        assert difference(p.a, p.b, p.directed, layers=layers, seed=layers) < 1e-10


@pytest.mark.parametrize(("carbons", "cutoff"), [(4, 3.0), (4, 5.0), (6, 5.0), (6, 9.0), (8, 5.0)])
def test_cumulenes_are_told_apart_where_distances_reach(carbons, cutoff):
    p = cumulenes(carbons)
    assert relation(p.a, p.b) == "different"
    told = igwl(p.a, p.b, cutoff, 2).distinguished
    assert told == ((carbons, cutoff) in [(4, 5.0), (6, 9.0)])
    found = difference(p.a, p.b, cutoff, layers=4, seed=0)
    assert found > 1e-8 if told else found < 1e-10
