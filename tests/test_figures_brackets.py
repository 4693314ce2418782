"""What a pair sees in the first round of 2-WL, and a graph drawn around a node, against definitions written out."""

from collections import Counter

import networkx as nx
import numpy as np
import pytest
from matplotlib.patches import Circle, Rectangle

from dmol_molnet import wl
from dmol_molnet.figures import around, brackets, seen
from dmol_molnet.molecules import InputError

HEXAGON = nx.cycle_graph(6)
TRIANGLES = nx.disjoint_union(nx.cycle_graph(3), nx.cycle_graph(3))


def test_one_bracket_tells_hexagon_from_triangles_and_two_do_not():
    bags = [
        {(a, b): Counter((here, there) for _, here, there in seen(g, (a, b))) for a in g for b in g}
        for g in (HEXAGON, TRIANGLES)
    ]
    joined = [next(bag[e] for e in g.edges) for bag, g in zip(bags, (HEXAGON, TRIANGLES), strict=True)]
    assert joined[0] != joined[1]
    for k in range(2):  # each place by itself
        one, two = (Counter(kinds[k] for kinds in bag.elements()) for bag in joined)
        assert one == two == Counter({"same": 1, "joined": 2, "apart": 3})
    assert wl.compare(HEXAGON, TRIANGLES, 2, "folklore").distinguished
    assert not wl.compare(HEXAGON, TRIANGLES, 2, "oblivious").distinguished


@pytest.mark.parametrize("pair", [(0, 1), (3, 2), (5, 0)])
def test_all_that_is_seen_is_drawn_once_in_each_way(pair):
    ax = brackets(HEXAGON, pair, title="hexagon").axes[0]
    cells = [patch for patch in ax.patches if isinstance(patch, Rectangle)]
    assert len(cells) == 2 * 2 * len(HEXAGON)
    signs = Counter(text.get_text() for text in ax.texts)
    assert [signs[sign] for sign in "=–×"] == [4, 8, 12]
    assert signs["v₁"] == signs["v₂"] == 2  # in the graph, and above its column
    assert all(signs[name] == 2 for name in "pqrs")  # not w, and not c, which is a colour
    assert signs["w ="] == 1


def test_a_graph_around_a_node_has_its_neighbours_nearest():
    graph = nx.line_graph(nx.complete_bipartite_graph(4, 4))
    node = sorted(graph)[0]
    circles = [patch for patch in around(graph, node).axes[0].patches if isinstance(patch, Circle)]
    away = dict(zip(graph, (np.hypot(*circle.center) for circle in circles), strict=True))
    assert away[node] == 0
    farthest = max(away[v] for v in graph[node])
    assert all(away[v] > farthest for v in graph if v != node and v not in graph[node])


def test_a_graph_around_a_node_stresses_the_edges_among_its_neighbours_and_names_what_is_asked():
    ax = around(nx.wheel_graph(6), 0, labels={0: "v", 3: "w"}).axes[0]
    pale, stressed = sorted(ax.collections, key=lambda lines: lines.zorder)
    assert (len(pale.get_segments()), len(stressed.get_segments())) == (5, 5)
    assert max(pale.get_linewidths()) < min(stressed.get_linewidths())
    assert sorted(text.get_text() for text in ax.texts if text.get_text()) == ["v", "w"]


@pytest.mark.parametrize("draw", [lambda: brackets(HEXAGON, (0, 9)), lambda: around(HEXAGON, 9)])
def test_a_node_that_is_not_there_is_named(draw):
    with pytest.raises(InputError, match="no node 9"):
        draw()
