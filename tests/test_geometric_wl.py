"""GWL and IGWL: laws, and oracles that write the nested definition out."""

import itertools
import re
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from dmol_molnet import Molecule, geometric_wl, wl
from dmol_molnet.counterexamples import NAMES, antipodal, congruent, k_chains, pair
from dmol_molnet.geometric_wl import gwl, igwl
from dmol_molnet.molecules import InputError
from dmol_molnet.symmetry import moved, permuted, random_reflection, random_rotation

# ---------------------------------------------------------------------------------------------- oracles


def neighbors(n, edges):
    near = [[] for _ in range(n)]
    for i, j in edges:
        near[i].append(j)
        near[j].append(i)
    return near


def nested(molecule, near, i, t):
    """g_i of round t, written out: an element, and a list of (vector, g_j)."""
    if t == 0:
        return (int(molecule.numbers[i]), [])
    x = molecule.positions
    return (int(molecule.numbers[i]), [(x[j] - x[i], nested(molecule, near, j, t - 1)) for j in near[i]])


def vectors(g):
    for v, inner in g[1]:
        yield v
        yield from vectors(inner)


def written(g, frame):
    """g with all vectors in a frame [3, 3], as text, multisets sorted."""
    inner = sorted(
        ",".join(f"{x:.5f}".replace("-0.00000", "0.00000") for x in frame @ v) + written(h, frame) for v, h in g[1]
    )
    return f"({g[0]} {'; '.join(inner)})"


def canonical(g, reflections):
    """The smallest text of g over the frames of any two independent vectors in it."""
    found = {tuple(v.round(9)) for v in vectors(g)}
    frames = []
    for u, v in itertools.permutations([np.array(v) for v in found], 2):
        e1 = u / np.linalg.norm(u)
        e2 = v - (v @ e1) * e1
        if np.linalg.norm(e2) > 1e-6:
            e2 /= np.linalg.norm(e2)
            frames += [np.array([e1, e2, sign * np.cross(e1, e2)]) for sign in ((1, -1) if reflections else (1,))]
    if not frames:  # all on one line
        for u in map(np.array, found):
            e1 = u / np.linalg.norm(u)
            frames.append(np.array([e1, np.zeros(3), np.zeros(3)]))
    return min((written(g, frame) for frame in frames), default=written(g, np.eye(3)))


def gwl_written_out(a, b, edges, t, reflections):
    """Whether the colours of round t differ, by the nested definition."""
    names = [
        Counter(canonical(nested(m, neighbors(len(m), edges), i, t), reflections) for i in range(len(m)))
        for m in (a, b)
    ]
    return names[0] != names[1]


def igwl_written_out(a, b, edges, body_order, rounds):
    """The first round that tells, up to reflections: colours of tuples of neighbours, with Gram matrices rounded."""
    colors = [[int(z) for z in m.numbers] for m in (a, b)]
    for t in range(rounds + 1):
        if Counter(map(repr, colors[0])) != Counter(map(repr, colors[1])):
            return t
        new = []
        for m, color in zip((a, b), colors, strict=True):
            near, x, row = neighbors(len(m), edges), m.positions, []
            for i in range(len(m)):
                seen = []
                for chosen in itertools.product(near[i], repeat=body_order - 1):
                    forms = []
                    for order in itertools.permutations(chosen):
                        r = x[list(order)] - x[i]
                        gram = (np.round(r @ r.T, 5) + 0.0).tolist()
                        forms.append(repr(([color[j] for j in order], gram)))
                    seen.append(min(forms))
                row.append(hash((color[i], tuple(sorted(seen)))))
            new.append(row)
        colors = new
    return None


def random_cloud(seed, n=4, planar=False):
    rng = np.random.default_rng(seed)
    x = rng.integers(-2, 3, size=(60, 3)).astype(float) * [1, 1, not planar]  # on a lattice, for many equal distances
    x = np.unique(x, axis=0)
    return Molecule(rng.choice([6, 8], size=n), rng.permutation(x)[:n])


def first_rounds(a, b, edges, reflections):
    return next((t for t in range(4) if gwl_written_out(a, b, edges, t, reflections)), None)


# ---------------------------------------------------------------------------------------------- against the oracles


def likely_twins(seed):
    """A cloud; a copy turned, mirrored, with one atom mirrored, or twisted; edges of a path, ring or star."""
    rng = np.random.default_rng(seed)
    a = random_cloud(seed, planar=seed % 5 == 0)
    a = replace(a, numbers=np.full(4, 6))
    if seed % 4 < 2:
        b = moved(permuted(a, [0, 2, 1, 3]), random_reflection(rng) if seed % 4 else random_rotation(rng))
    else:
        x = a.positions.copy()
        if seed % 4 == 2:
            x[seed % 3 + 1] = x[0] + (x[seed % 3 + 1] - x[0]) * rng.permutation([-1, 1, 1])
        else:
            along = (x[1] - x[0]) / np.linalg.norm(x[1] - x[0])
            u = x[3] - x[1]
            x[3] = x[1] + u @ along * along + np.cross(along, u)  # a quarter turn
        b = replace(a, positions=x)
    edges = [[(0, 1), (0, 2), (1, 3)], [(0, 1), (0, 2), (1, 3), (2, 3)], [(0, 1), (0, 2), (0, 3)]][seed % 3]
    return a, b, edges


TWINS = [t for t in map(likely_twins, range(48)) if len(np.unique(t[1].positions.round(6), axis=0)) == 4]


@pytest.mark.parametrize("reflections", [True, False])
def test_surroundings_are_the_nested_definition_on_random_clouds(reflections):
    found = [gwl(a, b, np.array(edges), reflections).round for a, b, edges in TWINS]
    assert found == [first_rounds(a, b, edges, reflections) for a, b, edges in TWINS]
    assert {None, 1, 2} <= set(found)
    assert min(Counter(found).values()) > 1


@pytest.mark.parametrize("name", ["hexagon", "2-body", "enantiomers", "4-body, chiral"])
@pytest.mark.parametrize("reflections", [True, False])
def test_gwl_of_named_pairs_is_the_nested_definition(name, reflections):
    p = pair(name)
    edges = [(0, j) for j in range(1, len(p.a))]  # complete graphs nest too deeply to be written out
    expected = next((t for t in range(2) if gwl_written_out(p.a, p.b, edges, t, reflections)), None)
    assert gwl(p.a, p.b, np.array(edges), reflections).round == expected


@pytest.mark.parametrize("k", [2, 3, 4])
def test_gwl_of_chains_is_the_nested_definition(k):
    p = k_chains(k)
    for t in range(4):
        told = gwl_written_out(p.a, p.b, p.edges, t, True)
        assert told == (t >= gwl(p.a, p.b, p.edges).round)


@pytest.mark.parametrize("body_order", [2, 3, 4])
def test_igwl_is_the_definition_over_tuples(body_order):
    everyone = list(itertools.combinations(range(4), 2))
    pairs = [(a, b, edges if seed % 2 else everyone) for seed, (a, b, edges) in enumerate(TWINS)]
    pairs += [(p.a, p.b, p.edges) for p in (antipodal(0), pair("2-body"), pair("3-body"))]
    found = [igwl(a, b, np.array(edges), body_order).round for a, b, edges in pairs]
    assert found == [igwl_written_out(a, b, edges, body_order, 4) for a, b, edges in pairs]
    assert min(found.count(None), len(found) - found.count(None)) > 10


@pytest.mark.parametrize("name", [n for n in NAMES if n != "helicene"])
def test_igwl_2_is_colour_refinement_with_distances(name):
    p = pair(name)
    graphs = []
    for molecule in (p.a, p.b):
        graph = replace(molecule, bonds=np.zeros((0, 2), int), bond_orders=None, bond_stereo=None).to_networkx()
        for i, j in p.edges.tolist():
            graph.add_edge(i, j, r=round(float(np.linalg.norm(molecule.positions[i] - molecule.positions[j])), 5))
        graphs.append(graph)
    assert igwl(p.a, p.b, p.edges, 2).round == wl.compare(*graphs, node_label="element", edge_label="r").round


# ---------------------------------------------------------------------------------------------- laws


@pytest.mark.parametrize("k", [2, 3, 4, 5, 6])
def test_k_chains(k):
    p = k_chains(k)
    assert not congruent(p.a, p.b)
    for reflections in (True, False):
        assert gwl(p.a, p.b, p.edges, reflections).round == k // 2 + 1
    for body_order in (None, 2, 3, 4):
        assert not igwl(p.a, p.b, p.edges, body_order).distinguished


def test_a_round_that_splits_no_class_need_not_be_the_last():
    """All atoms of a chain of a different element: nothing splits in rounds 1 and 2, and round 3 tells."""
    p = k_chains(4)
    a, b = (Molecule(np.arange(6) + 3, m.positions) for m in (p.a, p.b))
    assert not congruent(a, b)
    found = gwl(a, b, p.edges)
    assert (found.n_colors[:3], found.round) == ([6, 6, 6], 3)


@pytest.mark.parametrize("name", NAMES)
def test_reflections_matter_for_mirror_images_alone(name):
    p = pair(name)
    with_mirrors, without = (gwl(p.a, p.b, p.edges, reflections).distinguished for reflections in (True, False))
    assert (with_mirrors, without) == {
        "different": (True, True),
        "mirror images": (False, True),
        "the same": (False, False),
    }[p.relation]
    assert congruent(p.a, p.b) == (p.relation != "different")
    assert congruent(p.a, p.b, reflections=False) == (p.relation == "the same")


BODY_ORDER = {"2-body": 3, "3-body": 4, "4-body": 5, "hexagon": 3, "cube": 3, "dodecahedron 1": 3, "dodecahedron 2": 3}


@pytest.mark.parametrize("name", BODY_ORDER)
def test_body_orders(name):
    p = pair(name)
    assert not congruent(p.a, p.b)
    for body_order in range(2, 7):
        found = igwl(p.a, p.b, p.edges, body_order)
        assert found.distinguished == (body_order >= BODY_ORDER[name])
        assert not found.distinguished or found.round == 1


def test_the_chiral_environment_needs_four_neighbours_and_no_mirrors():
    p = pair("4-body, chiral")
    assert congruent(p.a, p.b)
    assert not congruent(p.a, p.b, reflections=False)
    told = [igwl(p.a, p.b, p.edges, k, reflections=False).distinguished for k in (2, 3, 4, 5)]
    assert told == [False, False, False, True]
    assert not any(igwl(p.a, p.b, p.edges, k).distinguished for k in (2, 3, 4, 5, None))


@pytest.mark.parametrize("seed", range(12))
def test_random_antipodal_pairs_on_the_complete_graph(seed):
    p = antipodal(seed)
    assert not congruent(p.a, p.b)
    assert not igwl(p.a, p.b, p.edges, 2).distinguished
    assert igwl(p.a, p.b, p.edges, 3).round == 1
    assert gwl(p.a, p.b, p.edges).round == igwl(p.a, p.b, p.edges).round == 1
    assert not igwl(p.a, p.b, 1000.0, 2).distinguished


@pytest.mark.parametrize("name", ["hexagon", "4-body", "enantiomers", "2-body"])
def test_motions_and_renumbering_are_not_noticed_nor_is_rounding(name):
    p, rng = pair(name), np.random.default_rng(1)
    order = [0, *rng.permutation(len(p.a) - 1) + 1]  # atom 0 stays, so that the edges do
    for reflections, R in ((True, random_reflection(rng)), (False, random_rotation(rng))):
        other = moved(permuted(p.a, order), R, shift=[3.0, -7.0, 11.0])
        other = replace(other, positions=other.positions + 1e-10 * rng.normal(size=other.positions.shape))
        assert congruent(p.a, other, reflections)
        assert not gwl(p.a, other, p.edges, reflections).distinguished
        for body_order in (None, 2, 3):
            assert not igwl(p.a, other, p.edges, body_order, reflections).distinguished


def test_chains_moved_by_less_than_rounding_are_the_same_and_told_from_the_other():
    rng = np.random.default_rng(0)
    for k in (2, 5):
        p = k_chains(k)
        shaken = replace(p.a, positions=p.a.positions + 1e-10 * rng.normal(size=p.a.positions.shape))
        assert not gwl(p.a, shaken, p.edges, reflections=False).distinguished
        assert gwl(shaken, p.b, p.edges).round == k // 2 + 1
        backwards = p.edges[::-1, ::-1]
        assert gwl(p.a, p.b, backwards).round == k // 2 + 1


def test_values_on_the_edge_of_a_bin_do_not_part():
    """Distances at 1 + 5e-7 ± 1e-10, where rounding to six digits would cut."""
    a = Molecule([6, 6], [[0, 0, 0], [1.0000005 - 1e-10, 0, 0]])
    b = Molecule([6, 6], [[0, 0, 0], [1.0000005 + 1e-10, 0, 0]])
    assert not gwl(a, b, 5.0).distinguished
    assert not gwl(a, b, 1.0000005).distinguished  # nor does a cutoff cut
    c = Molecule([6, 6], [[0, 0, 0], [1.00001, 0, 0]])
    assert gwl(a, c, 5.0).distinguished
    assert not gwl(a, c, 5.0, tolerance=1e-4).distinguished


def test_congruence_is_what_gwl_sees_of_random_clouds_on_the_complete_graph():
    """And all it sees: every pair of 30 small clouds, by matching all atoms in all orders."""
    clouds = [random_cloud(seed) for seed in range(30)]
    edges = np.array(list(itertools.combinations(range(4), 2)))

    def matched(a, b):
        d, e = (np.linalg.norm(m.positions[:, None] - m.positions, axis=-1) for m in (a, b))
        return any(
            (a.numbers == b.numbers[list(s)]).all() and np.allclose(d, e[np.ix_(s, s)])
            for s in itertools.permutations(range(4))
        )

    for a, b in itertools.combinations(clouds, 2):
        assert gwl(a, b, edges).distinguished == (not matched(a, b)) == (not congruent(a, b))
        assert igwl(a, b, edges).distinguished == (not matched(a, b))


def test_elements_and_sizes_tell_before_the_first_round():
    a, b = Molecule([6, 8], [[0, 0, 0], [1, 0, 0]]), Molecule([6, 6], [[0, 0, 0], [1, 0, 0]])
    for found in (gwl(a, b, 2.0), igwl(a, b, 2.0), gwl(a, Molecule([6], [[0, 0, 0]]), 2.0)):
        assert found.round == 0
    assert "round 0" in str(gwl(a, b, 2.0))
    assert "0 nodes against 1, such as 1 of the first, O" not in str(gwl(a, b, 2.0))
    assert "1 nodes against 0, such as 1 of the first, O" in str(gwl(a, b, 2.0))


def test_small_and_separate_graphs():
    one, none = Molecule([6], [[0, 0, 0]]), Molecule([], np.zeros((0, 3)))
    assert not gwl(one, one, 5.0).distinguished
    assert not gwl(none, none, 5.0).distinguished
    assert not igwl(none, none, 5.0).distinguished
    apart = [Molecule([6, 6], [[0, 0, 0], [r, 0, 0]]) for r in (20, 30)]
    assert not gwl(*apart, 5.0).distinguished  # without edges nobody can know
    assert not igwl(*apart, 5.0, 2).distinguished
    assert igwl(*apart, np.array([[0, 1]]), 2).round == 1


def test_the_result_shows_why():
    p = k_chains(4)
    text = str(gwl(p.a, p.b, p.edges))
    assert text.startswith("GWL, with reflections, tells them apart in round 3")
    assert "21.000 Å at the widest" in text
    assert isinstance(gwl(p.a, p.b, p.edges), wl.Comparison)
    assert "IGWL(3), with reflections, cannot tell them apart" in str(igwl(p.a, p.b, p.edges, 3))
    e = pair("enantiomers")
    assert "seen in the mirror" in str(gwl(e.a, e.b, e.edges, reflections=False))
    h = pair("hexagon")
    text = str(igwl(h.a, h.b, 1.5, 3))
    assert "saw C at 1.414 Å, C at 1.414 Å; these are 2.449 Å apart" in text


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: gwl(Molecule([6]), m, 5.0), "has no positions; embed() gives it some"),
        (lambda m: gwl(m, "methane", 5.0), "this needs a Molecule, not 'methane'"),
        (lambda m: gwl(m, m, -1.0), "a cutoff in Å, a positive number, not -1.0"),
        (lambda m: gwl(m, m, "bonds"), "edges are pairs [E, 2] or a cutoff in Å"),
        (lambda m: gwl(m, m, [[0, 1, 2]]), "edges are pairs of whole numbers [E, 2]"),
        (lambda m: gwl(m, m, [[0, 2]]), "an edge joins two different atoms, numbered from 0 to 1"),
        (lambda m: gwl(m, m, [[1, 1]]), "an edge joins two different atoms"),
        (lambda m: gwl(m, m, 5.0, tolerance=0), "a tolerance is a positive length in Å, not 0"),
        (lambda m: igwl(m, m, 5.0, 1), "2 or more, not 1"),
        (lambda m: igwl(m, m, 5.0, 2.5), "2 or more, not 2.5"),
        (lambda m: gwl(Molecule([6, 6], np.zeros((2, 3))), m, 5.0), "cannot lie on the same place, as 0 and 1 do"),
        (lambda m: gwl(Molecule([6] * 201, np.eye(3)[[0] * 201] * np.arange(201)[:, None]), m, 1.0), "not of 201"),
        (lambda m: igwl(big(), big(), 1000.0, 6), "sets of up to 5 neighbours"),
        (lambda m: gwl(replace(m, cell=np.eye(3), pbc=[True] * 3), m, 5.0), "this is for open molecules"),
    ],
)
def test_bad_input_is_told_in_one_sentence(call, message):
    with pytest.raises(InputError, match=re.escape(message)) as caught:
        call(Molecule([6, 6], [[0, 0, 0], [1, 0, 0]]))
    assert "\n" not in str(caught.value)


def big():
    return Molecule([6] * 40, np.random.default_rng(0).normal(size=(40, 3)))


def test_a_broken_comparison_would_be_noticed(monkeypatch):
    """If any matching counted as a rotation, enantiomers would pass for each other."""
    p = pair("enantiomers")
    assert gwl(p.a, p.b, p.edges, reflections=False).distinguished
    monkeypatch.setattr(geometric_wl, "_rotates", lambda p, q, tolerance: True)
    assert not gwl(p.a, p.b, p.edges, reflections=False).distinguished
