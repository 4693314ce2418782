"""Weisfeiler-Leman: laws, and oracles that share no code with it."""

import itertools
import os
import random
import subprocess
import sys
from collections import Counter

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dmol_molnet import wl
from dmol_molnet.molecules import InputError, Molecule
from dmol_molnet.wl import fast, tuples, twins
from dmol_molnet.wl.arrays import decode, encode

LABELS = [None, "a", "ab", 1, 12, True, 2.5, ("a", 1)]


@st.composite
def graphs(draw, max_nodes=10, labelled=True):
    """Small undirected graphs with self-loops, odd names and labels of every kind."""
    n = draw(st.integers(0, max_nodes))
    names = draw(st.permutations([*range(n - n // 2), *[("x", i) for i in range(n // 2)]]))
    pairs = list(itertools.combinations_with_replacement(names, 2))
    edges = draw(st.lists(st.sampled_from(pairs), max_size=2 * n, unique=True)) if pairs else []
    graph = nx.Graph()
    graph.add_nodes_from((name, {"x": draw(st.sampled_from(LABELS)) if labelled else 0}) for name in names)
    graph.add_edges_from((*edge, {"y": draw(st.sampled_from(LABELS)) if labelled else 0}) for edge in edges)
    return graph


def partition(colors):
    classes = {}
    for node, color in colors.items():
        classes.setdefault(color, set()).add(node)
    return {frozenset(nodes) for nodes in classes.values()}


def renamed(graph, seed=0):
    """The same graph with other names in another order."""
    nodes = list(graph)
    random.Random(seed).shuffle(nodes)
    name = {v: f"node {i}" for i, v in enumerate(nodes)}
    copy = nx.Graph()
    copy.add_nodes_from((name[v], graph.nodes[v]) for v in nodes)
    copy.add_edges_from((name[u], name[v], data) for u, v, data in reversed(list(graph.edges(data=True))))
    return copy


def textbook_rounds(graph):
    """1-WL written out over sets and tuples, with Python's own equality; labels made distinct by repr."""
    colors = {v: repr(graph.nodes[v]["x"]) for v in graph}
    rounds = [colors]
    while True:
        seen = {v: Counter((repr(graph.edges[v, u]["y"]), colors[u]) for u in graph[v]) for v in graph}
        new = {v: (colors[v], frozenset(seen[v].items())) for v in graph}
        if len(set(new.values())) == len(set(colors.values())):
            return rounds
        rounds.append(new)
        colors = new


# ---------------------------------------------------------------------------------------------- refine


@given(graphs())
def test_fast_plain_and_textbook_agree_in_every_round(graph):
    fast, plain = wl.refine(graph, "x", "y"), wl.refine_plain(graph, "x", "y")
    written_out = textbook_rounds(graph)
    assert len(fast.history) == len(plain) == len(written_out) == fast.rounds + 1
    assert fast.stable
    for a, b, c in zip(fast.history, plain, written_out, strict=True):
        assert partition(a) == partition(b) == partition(c)


@pytest.mark.parametrize("seed", range(12))
def test_arrays_and_lists_number_colors_alike(seed, monkeypatch):
    rng = random.Random(seed)
    n = rng.randint(50, 400)
    graph = nx.gnm_random_graph(n, int(n * rng.choice([0.7, 1.0, 2.0])), seed=seed)
    for node in graph:
        graph.nodes[node]["x"] = rng.choice("ab")
    for edge in graph.edges:
        graph.edges[edge]["y"] = rng.choice([1, 2])
    results = {}
    for patience in (-1, 10**9):  # every round on lists, every round on arrays
        monkeypatch.setattr(fast, "PATIENCE", patience)
        monkeypatch.setattr(fast, "SMALL", -1)
        results[patience] = [wl.refine(graph, *labels) for labels in ((), ("x",), ("x", "y"))]
    for lists, arrays in zip(*results.values(), strict=True):
        assert list(lists.history) == list(arrays.history)


@pytest.mark.parametrize("bits", [0, 1, 3])
def test_colliding_sums_change_nothing(bits, monkeypatch):
    """The 64-bit sums only speed things up: with nearly all of them equal, the classes must be the same."""
    graphs = [nx.gnm_random_graph(n, 2 * n, seed=n) for n in (30, 200)] + [nx.path_graph(60), nx.grid_2d_graph(9, 7)]
    true = [wl.refine(g) for g in graphs]
    monkeypatch.setattr(fast, "SMALL", -1)  # small graphs too shall hash
    mix = fast._mix
    monkeypatch.setattr(
        fast, "_mix", lambda x: mix(x) & (2**bits - 1 if isinstance(x, int) else np.uint64(2**bits - 1))
    )
    for graph, expected in zip(graphs, true, strict=True):
        found = wl.refine(graph)
        assert [partition(c) for c in found.history] == [partition(c) for c in expected.history]
        assert wl.refine(renamed(graph)).rounds == expected.rounds


@given(graphs())
def test_the_stable_coloring_is_equitable_and_colors_do_not_depend_on_order(graph):
    colors = wl.refine(graph, "x", "y").colors
    seen = {v: Counter((repr(graph.edges[v, u]["y"]), colors[u]) for u in graph[v]) for v in graph}
    for u, v in itertools.combinations(graph, 2):
        assert (colors[u] == colors[v]) <= (
            seen[u] == seen[v] and repr(graph.nodes[u]["x"]) == repr(graph.nodes[v]["x"])
        )
    other = wl.refine(renamed(graph), "x", "y")
    assert Counter(other.colors.values()) == Counter(colors.values())


def test_a_long_path_takes_half_its_length_and_little_memory():
    result = wl.refine(nx.path_graph(20_001))
    assert result.rounds == 10_000  # as far as the middle is from an end
    assert len(set(result.colors.values())) == 10_001
    assert len(result.history._changed) < 20_001 * 15  # n log2(n), not n² / 2


def test_known_colorings():
    assert len(set(wl.refine(nx.petersen_graph()).colors.values())) == 1
    star = wl.refine(nx.star_graph(5))
    assert (star.rounds, sorted(Counter(star.colors.values()).values())) == (1, [1, 5])
    caffeine = wl.refine(Molecule.from_smiles("CN1C=NC2=C1C(=O)N(C(=O)N2C)C", hydrogens=False))
    assert len(set(caffeine.colors.values())) == 14  # every heavy atom is unlike the others


def test_max_rounds_and_stability():
    path = nx.path_graph(9)
    full = wl.refine(path)
    assert (full.rounds, full.stable) == (4, True)
    cut = wl.refine(path, max_rounds=2)
    assert (cut.rounds, cut.stable, len(cut.history)) == (2, False, 3)
    assert list(cut.history) == list(full.history)[:3]
    exact = wl.refine(path, max_rounds=full.rounds)
    assert exact.stable
    assert wl.refine(path, max_rounds=0).colors == dict.fromkeys(path, 0)


def test_history_by_changes():
    history = wl.refine(nx.path_graph(12)).history
    colors = {}
    for t in range(len(history)):
        colors = {**history[0], **colors, **history.changes(t)}
        assert colors == history[t]
    assert history[-1] == history[len(history) - 1]
    assert history[1:3] == [history[1], history[2]]
    assert history.changes(-1) == history.changes(len(history) - 1)
    with pytest.raises(IndexError):
        history[len(history)]


# ---------------------------------------------------------------------------------------------- compare, certificate


def same_histograms(g, h):
    """1-WL on the disjoint union, in the plain version."""
    both = nx.disjoint_union(g, h)
    colors = wl.refine_plain(both, "x", "y")[-1]
    n = len(g)
    return Counter(colors[v] for v in range(n)) == Counter(colors[v] for v in range(n, len(both)))


@given(graphs(max_nodes=6), graphs(max_nodes=6))
def test_compare_certificate_and_union_agree(g, h):
    distinguished = wl.compare(g, h, node_label="x", edge_label="y").distinguished
    assert distinguished == (not same_histograms(g, h))
    assert distinguished == (wl.certificate(g, "x", "y") != wl.certificate(h, "x", "y"))


def test_certificates_split_the_small_graphs_as_the_union_does():
    """All 1,252 graphs of 1 to 7 nodes, against hashes by networkx run to stability on safe labels."""
    ours, theirs = {}, {}
    for i, graph in enumerate(nx.graph_atlas_g()[1:]):
        ours.setdefault(wl.certificate(graph), []).append(i)
        nx.set_node_attributes(graph, "0", "label")
        key = nx.weisfeiler_lehman_graph_hash(graph, node_attr="label", iterations=len(graph), digest_size=32)
        theirs.setdefault((len(graph), key), []).append(i)
    assert sorted(ours.values()) == sorted(theirs.values())


@given(graphs())
def test_isomorphic_graphs_have_one_certificate(graph):
    copy = renamed(graph)
    assert wl.certificate(graph, "x", "y") == wl.certificate(copy, "x", "y")
    assert not wl.compare(graph, copy, node_label="x", edge_label="y").distinguished


def star(center, leaves):
    graph = nx.star_graph(len(leaves))
    nx.set_node_attributes(graph, dict(enumerate([center, *leaves])), "x")
    return graph


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ((0, [1, 12]), (0, [11, 2])),
        (("1", ["1"]), ("11", [""])),
        ((0, ["a", "b"]), (0, ["ab", ""])),
        ((0, [("a", "b")]), (0, [("ab",)])),
        ((0, [(1, (2,))]), (0, [(1, 2)])),
        ((0, [1]), (0, [True])),
        ((0, [None]), (0, ["None"])),
        ((0, [1]), (0, ["1"])),
        ((0, [2**60]), (0, [2**60 + 1])),
        ((0, ["\ud800"]), (0, ["?"])),
    ],
)
def test_labels_are_never_run_together(one, other):
    g, h = star(*one), star(*other)
    assert wl.certificate(g, "x") != wl.certificate(h, "x")
    assert wl.compare(g, h, node_label="x").distinguished


def test_numbers_are_equal_by_value():
    g = star(0, [1, 2.5])
    for h in (star(0.0, [np.int32(1), np.float32(2.5)]), star(-0.0, [1.0, 2.5])):
        assert wl.certificate(g, "x") == wl.certificate(h, "x")


def test_certificates_are_the_same_in_every_process():
    code = (
        "import networkx as nx; from dmol_molnet import wl\n"
        "g = nx.Graph([('a', 'b'), ('b', 'c'), ('c', 'a'), ('c', 'd')])\n"
        "nx.set_node_attributes(g, {n: n for n in g}, 'x'); print(wl.certificate(g, 'x'))"
    )
    runs = [
        subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONHASHSEED": s},
        )
        for s in ("1", "2")
    ]
    assert runs[0].stdout == runs[1].stdout
    assert runs[0].stdout.startswith("wl1:v1:")


def test_the_certificate_of_version_1_stays():
    """A stored certificate must keep its meaning: change the version in its text when this changes."""
    assert wl.certificate(nx.path_graph(5)) == "wl1:v1:02716da89c84ee261694523d93744444ce5f2437bbda9187a8681d72f16ffe88"
    assert (
        wl.certificate(Molecule.example("decalin"), edge_label="order")
        == "wl1:v1:915741b68c8da1a8474472922f113c6c643b27fff5542456b6e6411763761b19"
    )


def test_compare_names_the_first_round():
    ethanol, ether = Molecule.example("ethanol", False), Molecule.example("dimethyl ether", False)
    found = wl.compare(ethanol, ether)
    assert (found.distinguished, found.round, found.k, found.variant) == (True, 1, 1, None)
    assert wl.compare(ethanol, Molecule.example("methanol", False)).round == 0
    for color, (first, second) in found.differences.items():
        assert (found.histograms[0][color], found.histograms[1][color]) == (first, second)
        assert first != second
    assert "round 1" in str(found)
    # Two paths of 12 nodes and one of 24 agree until the middle has heard of an end.
    paths = wl.compare(
        nx.disjoint_union(nx.path_graph(5), nx.path_graph(19)), nx.disjoint_union(*[nx.path_graph(12)] * 2)
    )
    assert paths.round == 3


@given(graphs(max_nodes=7), graphs(max_nodes=7))
def test_the_first_round_is_that_of_the_plain_version(g, h):
    found = wl.compare(g, h, node_label="x", edge_label="y")
    n = len(g)
    first = None
    for t, colors in enumerate(wl.refine_plain(nx.disjoint_union(g, h), "x", "y")):
        if Counter(colors[v] for v in range(n)) != Counter(colors[v] for v in range(n, len(colors))):
            first = t
            break
    assert found.round == first
    one, two = found.refinements
    for t in range(len(one.history)):
        agree = Counter(one.history[t].values()) == Counter(two.history[t].values())
        assert agree == (first is None or t < first)
    assert set(one.colors) == set(g)


@settings(max_examples=60)
@given(graphs(max_nodes=6), graphs(max_nodes=6), st.integers(1, 2), st.booleans(), st.integers(0, 9))
def test_what_is_shown_is_true(g, h, k, alike, seed):
    """Histograms, numbers of colours and examples, against the plain version of the round that tells."""
    h = renamed(swapped(g, seed), seed) if alike else h
    found = wl.compare(g, h, k=k, node_label="x", edge_label="y")
    nodes = [[(v,) for v in graph] if k == 1 else list(itertools.product(graph, repeat=2)) for graph in (g, h)]
    assert [sum(counts.values()) for counts in found.histograms] == [len(side) for side in nodes]
    last = found.round if found.distinguished else len(found.n_colors) - 1
    assert found.n_colors[last] == len(found.histograms[0] | found.histograms[1])
    assert found.n_colors == sorted(found.n_colors)
    assert (found.histograms[0] != found.histograms[1]) == found.distinguished
    for color, counts in found.differences.items():
        assert counts == (found.histograms[0][color], found.histograms[1][color])
        assert counts[0] != counts[1]
    for graph, counts, examples in zip((g, h), found.histograms, found.examples, strict=True):
        assert set(examples) == set(counts)
        for example in examples.values():
            assert all(v in graph for v in (example if k == 2 else [example]))
    if k == 2:
        return
    union = nx.union(nx.relabel_nodes(g, lambda v: ("g", v)), nx.relabel_nodes(h, lambda v: ("h", v)))
    rounds = textbook_rounds(union)
    assert found.n_colors == [len(set(colors.values())) for colors in rounds]
    for side, graph, refinement, examples, counts in zip(
        "gh", (g, h), found.refinements, found.examples, found.histograms, strict=True
    ):
        shown = refinement.history[last]
        assert partition(shown) == partition({v: rounds[last][side, v] for v in graph})
        assert counts == Counter(shown.values())
        assert all(shown[example] == color for color, example in examples.items())


def test_reasons_tell_colors_apart():
    """Each colour of the telling round has a reason of its own, edge labels included."""
    g, h = nx.path_graph(3), nx.path_graph(3)
    nx.set_edge_attributes(g, {(0, 1): "single", (1, 2): "double"}, "y")
    nx.set_edge_attributes(h, "single", "y")
    found = wl.compare(g, h, edge_label="y")
    assert found.round == 1
    assert len(set(found.reasons.values())) == len(found.reasons)
    assert "saw 0 behind 'double', 0 behind 'single'" in str(found)
    ethanol, ether = (Molecule.example(name, hydrogens=False) for name in ("ethanol", "dimethyl ether"))
    told = str(wl.compare(ethanol, ether))
    assert "0 nodes against 1, such as node 1 of the second: it was 1 and saw 0, 0" in told  # the ether's oxygen


@pytest.mark.parametrize(
    "label", [*LABELS, False, -7, 2**70, -0.5, float("inf"), "", "\ud800", (), ((1,), ("a", None))]
)
def test_decode_undoes_encode(label):
    decoded = decode(encode(label))
    assert decoded == label
    assert type(decoded) is type(label)


# ---------------------------------------------------------------------------------------------- the pair of the book


@pytest.mark.parametrize("hydrogens", [True, False])
@pytest.mark.parametrize("edge_label", [None, "order"])
def test_decalin_and_bicyclopentyl(hydrogens, edge_label):
    a, b = (Molecule.example(name, hydrogens) for name in ("decalin", "bicyclopentyl"))
    assert not nx.is_isomorphic(a.to_networkx(), b.to_networkx())
    found = wl.compare(a, b, edge_label=edge_label)
    assert (found.distinguished, found.round) == (False, None)
    assert wl.certificate(a, edge_label=edge_label) == wl.certificate(b, edge_label=edge_label)
    assert not wl.compare(a, b, k=2, variant="oblivious", edge_label=edge_label).distinguished
    told = wl.compare(a, b, k=2, edge_label=edge_label)
    assert (told.distinguished, told.round) == (True, 2)


# ---------------------------------------------------------------------------------------------- k-WL


def plain_kwl(g, h, k, variant):
    """k-WL by the definition, in dictionaries, with nested tuples as colours: the round that tells, or None."""

    def start(graph):
        def kind(t):
            pairs = itertools.product(range(k), repeat=2)
            seen = tuple(
                (t[p] == t[q], repr(graph.edges[t[p], t[q]]["y"]) if graph.has_edge(t[p], t[q]) else None)
                for p, q in pairs
            )
            return tuple(repr(graph.nodes[v]["x"]) for v in t), seen

        return {t: kind(t) for t in itertools.product(graph, repeat=k)}

    def refined(graph, colors):
        new = {}
        for t in colors:
            puts = [[t[:p] + (w,) + t[p + 1 :] for p in range(k)] for w in graph]
            if variant == "folklore":
                seen = frozenset(Counter(tuple(colors[s] for s in row) for row in puts).items())
            else:
                seen = tuple(frozenset(Counter(colors[row[p]] for row in puts).items()) for p in range(k))
            new[t] = (colors[t], seen)
        return new

    a, b = start(g), start(h)
    for t in itertools.count():
        palette = {}
        a, b = ({t: palette.setdefault(c, len(palette)) for t, c in colors.items()} for colors in (a, b))
        if Counter(a.values()) != Counter(b.values()):
            return t
        next_a, next_b = refined(g, a), refined(h, b)
        if len({*next_a.values(), *next_b.values()}) == len(palette):
            return None
        a, b = next_a, next_b


@settings(max_examples=25)
@given(graphs(max_nodes=4), graphs(max_nodes=4), st.sampled_from([2, 3]), st.sampled_from(["folklore", "oblivious"]))
def test_kwl_is_its_definition(g, h, k, variant):
    found = wl.compare(g, h, k=k, variant=variant, node_label="x", edge_label="y")
    assert found.round == plain_kwl(g, h, k, variant)
    assert found.distinguished == (found.round is not None)
    copy = renamed(g)
    assert not wl.compare(g, copy, k=k, variant=variant, node_label="x", edge_label="y").distinguished


HARD_PAIRS = {
    "hexagon and two triangles": (nx.cycle_graph(6), nx.disjoint_union(*[nx.cycle_graph(3)] * 2)),
    "prism and K33": (nx.circular_ladder_graph(3), nx.complete_bipartite_graph(3, 3)),
    "Frucht and another cubic": (nx.frucht_graph(), nx.circular_ladder_graph(6)),
    "rook and Shrikhande": (
        nx.line_graph(nx.complete_bipartite_graph(4, 4)),
        nx.from_edgelist(
            ((i, j), ((i + a) % 4, (j + b) % 4))
            for i in range(4)
            for j in range(4)
            for a, b in ((0, 1), (1, 0), (1, 1))
        ),
    ),
}


@pytest.mark.parametrize("name", HARD_PAIRS)
def test_the_hierarchy_of_tests(name):
    g, h = HARD_PAIRS[name]
    assert not nx.is_isomorphic(g, h)
    told = {
        (k, variant): wl.compare(g, h, k=k, variant=variant).distinguished
        for k, variant in [(1, "folklore"), (2, "oblivious"), (2, "folklore"), (3, "oblivious"), (3, "folklore")]
    }
    assert told[1, "folklore"] == told[2, "oblivious"] is False
    strongly_regular = name.startswith("rook")  # the smallest pair that folklore 2-WL cannot tell apart
    assert told[2, "folklore"] == told[3, "oblivious"] == (not strongly_regular)
    assert told[3, "folklore"] is True


@pytest.mark.parametrize("k", [2, 3])
def test_codes_that_need_two_numbers_change_nothing(k, monkeypatch):
    pairs = [*HARD_PAIRS.values(), (nx.path_graph(7), nx.path_graph(7))]
    expected = [wl.compare(g, h, k=k).round for g, h in pairs]
    monkeypatch.setattr(tuples, "CODE_LIMIT", 50)
    assert [wl.compare(g, h, k=k).round for g, h in pairs] == expected


def test_kwl_refuses_what_would_not_fit():
    with pytest.raises(InputError, match=r"folklore 2-WL on 3000 and 3000 nodes"):
        wl.compare(nx.path_graph(3000), nx.path_graph(3000), k=2)
    big = nx.path_graph(300)
    with pytest.raises(
        InputError, match=r"folklore 3-WL on 300 and 300 nodes colours 54,000,000 tuples, about 10\.1 GiB"
    ):
        wl.compare(big, big, k=3)


# ---------------------------------------------------------------------------------------------- swaps and twins


def swapped(graph, seed):
    """Some graph that 1-WL cannot tell from this one, by several swaps."""
    for step in range(3):
        choices = list(itertools.islice(wl.swaps(graph, "x", "y"), 20))
        if not choices:
            break
        graph = random.Random(seed + step).choice(choices)
    return graph


@settings(max_examples=60)
@given(graphs(max_nodes=9), st.integers(0, 99))
def test_swapped_graphs_share_their_certificate_by_the_textbook_too(graph, seed):
    """Half of all pairs should be equal, or a certificate that always differs would pass."""
    other = renamed(swapped(graph, seed), seed)
    assert wl.certificate(graph, "x", "y") == wl.certificate(other, "x", "y")
    both = nx.union(nx.relabel_nodes(graph, lambda v: ("g", v)), nx.relabel_nodes(other, lambda v: ("h", v)))
    last = textbook_rounds(both)[-1]
    sides = [Counter(color for node, color in last.items() if node[0] == side) for side in "gh"]
    assert sides[0] == sides[1]


def test_swaps_are_not_repeated():
    edge_sets = [frozenset(frozenset(e) for e in twin.edges) for twin in wl.swaps(nx.cycle_graph(6))]
    assert len(edge_sets) == len(set(edge_sets))


@settings(max_examples=60)
@given(graphs(max_nodes=9, labelled=False), st.integers(1, 3))
def test_a_swap_leaves_1wl_blind(graph, n_labels):
    for i, (u, v) in enumerate(graph.edges):
        graph.edges[u, v]["y"] = i % n_labels
    before = {frozenset(edge) for edge in graph.edges}
    for twin in itertools.islice(wl.swaps(graph, "x", "y"), 5):
        after = {frozenset(edge) for edge in twin.edges}
        assert len(before - after) == len(after - before) == 2
        assert dict(twin.degree) == dict(graph.degree)
        assert not wl.compare(graph, twin, node_label="x", edge_label="y").distinguished
        assert same_histograms(graph, twin)


def test_swaps_lead_from_the_hexagon_to_two_triangles():
    triangles = HARD_PAIRS["hexagon and two triangles"][1]
    assert any(nx.is_isomorphic(twin, triangles) for twin in wl.swaps(nx.cycle_graph(6)))


def test_a_swap_of_unlike_colors_is_seen():
    """The law needs its condition: swapping edges between other colours is told apart for some graph."""
    path = nx.path_graph(6)
    path.remove_edges_from([(0, 1), (2, 3)])
    path.add_edges_from([(0, 3), (2, 1)])
    assert wl.compare(path, nx.path_graph(6)).distinguished


@pytest.mark.parametrize("hydrogens", [True, False])
@pytest.mark.parametrize(
    ("smiles", "expected"),
    [
        ("C1CCC2CCCCC2C1", "C1CCC(C2CCCC2)C1"),  # decalin -> bicyclopentyl
        ("C1CCC(C1)C1CCCC1", "C1CCC2CCCCC2C1"),  # and back
        ("C1CCCCC1.C1CCCCC1", "C1CCCCCCCCCCC1"),  # two rings -> one
    ],
)
def test_twins(smiles, expected, hydrogens):
    molecule = Molecule.from_smiles(smiles, hydrogens)
    twin = wl.twin(molecule)
    assert twin.to_smiles() == Molecule.from_smiles(expected).to_smiles()
    assert len(twin) == len(molecule)
    assert not wl.compare(molecule, twin, edge_label="order").distinguished
    assert not nx.is_isomorphic(molecule.to_networkx(), twin.to_networkx())


@pytest.mark.parametrize(
    "smiles",
    [
        "C1C2CC3CC1CC(C2)C3",  # adamantane
        "C1CCC2CC3CCCCC3CC2C1",  # perhydroanthracene
        "c1ccc2cc3ccccc3cc2c1",  # anthracene, aromatic
        "OCC1OC(OC2OC(CO)C(O)C(O)C2O)C(O)C(O)C1O",  # trehalose
    ],
)
def test_every_twin_is_sound(smiles):
    molecule = Molecule.from_smiles(smiles)
    twin = wl.twin(molecule)
    assert twin is not None
    graph = twin.to_networkx()
    assert nx.is_connected(graph)
    assert twin.formula == molecule.formula
    assert not wl.compare(molecule, twin, edge_label="order").distinguished
    same = nx.algorithms.isomorphism.categorical_node_match("element", None)
    assert not nx.is_isomorphic(molecule.to_networkx(), graph, node_match=same)


@pytest.mark.parametrize("smiles", ["O", "C", "CCCCCC", "C1CCCCC1", "c1ccccc1"])
def test_molecules_without_a_twin(smiles):
    assert wl.twin(Molecule.from_smiles(smiles)) is None


def test_distances_prove_a_difference_and_agree_with_networkx():
    decalin, other = (Molecule.from_smiles(s, False) for s in ("C1CCC2CCCCC2C1", "C1CCC(C1)C2CCCC2"))
    assert twins._distances(decalin) != twins._distances(other)
    lengths = dict(nx.all_pairs_shortest_path_length(decalin.to_networkx()))
    counted = Counter(d for row in lengths.values() for d in row.values())
    assert twins._distances(decalin) == [counted[d] for d in range(len(counted))]


def test_a_large_molecule_is_searched_in_part_and_a_larger_one_refused(monkeypatch):
    asked = []
    monkeypatch.setattr(Molecule, "to_smiles", lambda self: asked.append(len(self)) or "")
    chain = Molecule.from_smiles("C" * 60)
    monkeypatch.setattr(twins, "WORK", 10 * len(chain))
    assert wl.twin(chain) is None
    assert len(asked) == 11, "the molecule itself, and ten swaps"
    with pytest.raises(InputError, match=r"2-WL on 7202 and 7202 nodes colours .* GiB"):
        wl.twin(Molecule.from_smiles("C" * 2400))
    assert len(asked) == 11


# ---------------------------------------------------------------------------------------------- bad input


def labelled(value, what="node"):
    graph = nx.path_graph(2)
    (graph.nodes[0] if what == "node" else graph.edges[0, 1])["x"] = value
    graph.nodes[1]["x"] = 1
    return graph


def nested(depth):
    label = ()
    for _ in range(depth):
        label = (label,)
    return label


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: wl.refine(nx.DiGraph([(0, 1)])), "directed"),
        (lambda: wl.refine(nx.MultiGraph([(0, 1)])), "multigraph"),
        (lambda: wl.refine("CCO"), "networkx.Graph or a Molecule, not 'CCO'"),
        (lambda: wl.refine(nx.path_graph(3), "colour"), "node 0 has no attribute 'colour'"),
        (lambda: wl.refine(nx.path_graph(3), None, "weight"), r"edge \(0, 1\) has no attribute 'weight'"),
        (lambda: wl.refine(labelled(float("nan")), "x"), "not a number"),
        (lambda: wl.refine(labelled([1]), "x"), r"a list, \[1\]"),
        (lambda: wl.refine(labelled((1, {2})), "x"), "a set"),
        (lambda: wl.refine(labelled(1j), "x"), "a complex"),
        (lambda: wl.certificate(labelled(b"C", "edge"), None, "x"), "a bytes"),
        (lambda: wl.refine(nx.path_graph(3), max_rounds=-1), "0 or more, not -1"),
        (lambda: wl.refine(nx.path_graph(3), max_rounds="3"), "0 or more, not '3'"),
        (lambda: wl.refine(nx.path_graph(3), max_rounds=0.5), "0 or more, not 0.5"),
        (lambda: wl.refine(nx.path_graph(3), {"x"}), "a label is named by"),
        (lambda: wl.refine(nx.path_graph(3), [["x"]]), "a label is named by"),
        (lambda: wl.refine(nx.path_graph(3), np.array(["x"])), "a label is named by"),
        (lambda: wl.refine(nx.path_graph(3), 0), "no attribute 0"),
        (lambda: wl.refine(labelled(nested(5000)), "x"), "nested too deeply"),
        (lambda: wl.refine(labelled([10**5000]), "x"), "a huge list"),
        (lambda: wl.compare(nx.path_graph(2), nx.path_graph(2), k=2.0), "not 2.0"),
        (lambda: wl.compare(nx.path_graph(2), nx.path_graph(2), k=np.array([1, 2])), "k is 1, 2 or 3"),
        (
            lambda: wl.refine(Molecule.example("water"), "colour"),
            "carry 'element', 'charge', 'hydrogens', not 'colour'",
        ),
        (lambda: wl.refine(Molecule.example("water"), 7), "not 7"),
        (lambda: wl.refine(Molecule.example("water"), None, "length"), "carry 'order', not 'length'"),
        (lambda: wl.compare(nx.path_graph(2), nx.path_graph(2), k=4), "k is 1, 2 or 3, not 4"),
        (lambda: wl.compare(nx.path_graph(2), nx.path_graph(2), k="2"), "not '2'"),
        (lambda: wl.compare(nx.path_graph(2), nx.path_graph(2), k=2, variant="k-WL"), "not 'k-WL'"),
        (lambda: wl.swaps(Molecule.example("water")), r"to_networkx\(\) is one; twin\(molecule\)"),
        (lambda: wl.swaps(nx.DiGraph([(0, 1)])), "directed"),
        (lambda: wl.twin(nx.cycle_graph(6)), r"twin takes a Molecule, not .*; for graphs there is swaps\(graph\)"),
        (lambda: wl.twin("CCO"), "twin takes a Molecule, not 'CCO'"),
        (lambda: wl.compare(nx.path_graph(2), Molecule.example("water")), "name a node_label for both"),
    ],
)
def test_bad_input(call, says):
    with pytest.raises(InputError, match=says) as error:
        call()
    assert "\n" not in str(error.value)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.complex_numbers(),
    lambda inner: st.tuples(inner, inner) | st.lists(inner, max_size=2),
    max_leaves=4,
)


@given(st.lists(anything, min_size=1, max_size=4))
def test_any_label_is_used_or_refused(labels):
    graph = nx.path_graph(len(labels))
    nx.set_node_attributes(graph, dict(enumerate(labels)), "x")
    try:
        certificate = wl.certificate(graph, "x")
    except InputError:
        return
    assert certificate == wl.certificate(renamed(graph), "x")
    assert not wl.compare(graph, renamed(graph), node_label="x").distinguished


def test_the_empty_graph():
    empty = nx.Graph()
    assert wl.refine(empty).colors == {}
    assert wl.refine(empty).rounds == 0
    assert wl.refine_plain(empty) == [{}]
    for k in (1, 2, 3):
        assert not wl.compare(empty, empty, k=k).distinguished
        assert wl.compare(empty, nx.path_graph(1), k=k).round == 0
    assert wl.certificate(empty) != wl.certificate(nx.path_graph(1))


@pytest.mark.parametrize(("small", "patience"), [(2000, 7), (-1, -1), (-1, 2), (-1, 10**9), (40, 0)])
def test_colors_do_not_depend_on_order_however_they_are_found(small, patience, monkeypatch):
    """Node by node, in larger graphs, whichever rounds go over arrays and whichever over lists."""
    monkeypatch.setattr(fast, "SMALL", small)
    monkeypatch.setattr(fast, "PATIENCE", patience)
    parts = [nx.gnm_random_graph(120, 150, seed=3), nx.path_graph(60), nx.star_graph(30), nx.grid_2d_graph(6, 7)]
    graph = nx.disjoint_union_all(parts)
    for i, (u, v) in enumerate(graph.edges):
        graph.edges[u, v]["y"] = i % 2
    names = list(graph)
    random.Random(7).shuffle(names)
    shuffled = nx.Graph()
    shuffled.add_nodes_from(names)
    shuffled.add_edges_from((v, u, data) for u, v, data in reversed(list(graph.edges(data=True))))
    assert list(wl.refine(graph, None, "y").history) == list(wl.refine(shuffled, None, "y").history)


def test_lists_give_way_to_arrays_when_a_round_grows(monkeypatch):
    """A fuse: small rounds along a path, until it reaches a large, still uniform part."""
    monkeypatch.setattr(fast, "SMALL", 100)
    monkeypatch.setattr(fast, "PATIENCE", 2)
    hub = nx.complete_bipartite_graph(20, 400)
    graph = nx.disjoint_union(nx.path_graph(60), hub)
    graph.add_edges_from((59, 60 + i) for i in range(20))
    ways = []
    for kind, name in ((fast.Classes, "_split_arrays"), (fast._Lists, "split")):
        method = getattr(kind, name)
        monkeypatch.setattr(kind, name, lambda self, *rest, m=method, n=name: (ways.append(n), m(self, *rest))[1])
    found = wl.refine(graph)
    plain = wl.refine_plain(graph)
    assert [partition(c) for c in found.history] == [partition(c) for c in plain]
    assert "split" in ways


def test_large_graphs_take_both_ways(monkeypatch):
    """A large graph starts on arrays and ends on lists, and comes out as in the plain version."""
    graph = nx.disjoint_union(nx.random_labeled_tree(1500, seed=5), nx.path_graph(150))
    ways = []
    for kind, name in ((fast.Classes, "_split_arrays"), (fast._Lists, "split")):
        method = getattr(kind, name)
        monkeypatch.setattr(kind, name, lambda self, *rest, m=method, n=name: (ways.append(n), m(self, *rest))[1])
    found = wl.refine(graph)
    assert {"_split_arrays", "split"} == set(ways)
    plain = wl.refine_plain(graph)
    assert [partition(c) for c in found.history] == [partition(c) for c in plain]


def test_the_census_is_whole_and_its_pairs_are_what_it_says():
    counted = wl.census()
    for pool in counted["pools"].values():
        n = pool["constitutions"]
        assert pool["possible_pairs"] == n * (n - 1) // 2
        for row in pool["labellings"]:
            assert row["pairs"] == row["pairs_same_graph"] + row["pairs_different_graphs"]
    last = [pool["labellings"][-1]["pairs_different_graphs"] for pool in counted["pools"].values()]
    assert len(counted["pairs"]) == last[0]
    assert 0 < counted["pairs_within_generated"] <= last[1] - last[0]
    for pair in counted["pairs"]:
        one, other = (Molecule.from_smiles(smiles) for smiles in pair["smiles"])
        labels = {"node_label": ["element", "charge"], "edge_label": "order"}
        assert not wl.compare(one, other, **labels).distinguished
        assert wl.compare(one, other, k=2, **labels).round == pair["folklore_2wl_round"]
