"""The named pairs: what they are to each other, proved by plain brute force, and what their texts claim of them."""

import itertools
import re
from collections import Counter

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from dmol_molnet import Molecule, wl
from dmol_molnet.counterexamples import (
    NAMES,
    RELATIONS,
    antipodal,
    congruent,
    cumulenes,
    k_chains,
    l_fold,
    pair,
    relation,
)
from dmol_molnet.geometric_wl import gwl, igwl
from dmol_molnet.molecules import InputError
from dmol_molnet.symmetry import moved, permuted, random_reflection, random_rotation

SMALL = [name for name in NAMES if len(pair(name).a) <= 8]


def brute(a, b):
    """The relation of two small clouds: every permutation, and scipy's best rotation."""
    x, y = (m.positions - m.positions.mean(axis=0) for m in (a, b))
    d, e = (np.linalg.norm(z[:, None] - z, axis=-1) for z in (x, y))
    found = "different"
    rows = [np.sort(one, axis=1).round(6) for one in (d, e)]
    options = [
        [q for q in range(len(y)) if b.numbers[q] == a.numbers[p] and np.allclose(rows[0][p], rows[1][q], atol=1e-5)]
        for p in range(len(x))
    ]
    for s in itertools.product(*options):
        if len(set(s)) == len(x) and np.allclose(d, e[np.ix_(s, s)], atol=1e-6):
            if Rotation.align_vectors(y[list(s)], x)[1] < 1e-5:
                return "the same"
            found = "mirror images"
    return found


def squared_distances(x):
    return ((x[:, None] - x) ** 2).sum(axis=-1)


@pytest.mark.parametrize("name", SMALL)
def test_relations_by_brute_force(name):
    p = pair(name)
    if len(p.a) < 8:
        assert brute(p.a, p.b) == p.relation
    assert relation(p.a, p.b) == p.relation
    assert p.relation in RELATIONS


@pytest.mark.parametrize("name", ["4-body", "4-body, isosceles"])
def test_relations_of_eight_atoms_by_their_places(name):
    """The centre must stay the centre: all ways to match the seven neighbours."""
    p = pair(name)
    x, y = p.a.positions[1:], p.b.positions[1:]
    gram, other = x @ x.T, y @ y.T
    turned = {
        np.linalg.det(x.T @ y[list(s)]) > 0
        for s in itertools.permutations(range(7))
        if abs(gram[0, 1] - other[s[0], s[1]]) < 1e-6 and np.allclose(gram, other[np.ix_(s, s)], atol=1e-6)
    }
    assert (True in turned) == (p.relation == "the same")
    assert bool(turned) == (p.relation != "different")


@pytest.mark.parametrize("k", range(2, 7))
def test_chains(k):
    p = k_chains(k)
    assert brute(p.a, p.b) == "different" == p.relation
    for m in (p.a, p.b):
        x = m.positions
        np.testing.assert_allclose(np.linalg.norm(x[p.edges[:, 0]] - x[p.edges[:, 1]], axis=1), 5, rtol=1e-15)
    ends = [np.linalg.norm(m.positions[0] - m.positions[-1]) for m in (p.a, p.b)]
    expected = np.hypot(8, 5 * (k - 1) + 6), 5 * (k - 1) + 6
    np.testing.assert_allclose(ends, expected, rtol=1e-12)
    # The angle at every inner atom is the same in both.
    angles = [[(x[i - 1] - x[i]) @ (x[i + 1] - x[i]) for i in range(1, k + 1)] for x in (p.a.positions, p.b.positions)]
    np.testing.assert_array_equal(*angles)


@pytest.mark.parametrize("p", [*(pair(n) for n in ("hexagon", "cube", "dodecahedron 1", "dodecahedron 2")),
                               *(antipodal(seed) for seed in range(40))], ids=lambda p: p.name)  # fmt: skip
def test_antipodal_pairs(p):
    assert brute(p.a, p.b) == "different" == relation(p.a, p.b)
    d, e = squared_distances(p.a.positions), squared_distances(p.b.positions)
    rows = [sorted(map(tuple, np.sort(z, axis=1).round(8).tolist())) for z in (d, e)]
    assert rows[0] == rows[1]  # every atom sees the same distances
    graphs = []
    for z in (d, e):
        graph = Molecule([6] * 6).to_networkx()
        graph.add_edges_from((i, j, {"r": round(z[i, j], 6)}) for i, j in itertools.combinations(range(6), 2))
        graphs.append(graph)
    assert not wl.compare(*graphs, edge_label="r").distinguished
    assert wl.compare(*graphs, k=2, edge_label="r").distinguished
    triangles = [
        Counter(tuple(sorted(round(z[i, j], 6) for i, j in itertools.combinations(t, 2))) for t in triples)
        for z, triples in ((z, itertools.combinations(range(6), 3)) for z in (d, e))
    ]
    assert triangles[0] != triangles[1]
    # The invariant of the proof: the sign of the product of the three inner products.
    signs = []
    for m in (p.a, p.b):
        a, b, c = m.positions[:3]
        signs.append(np.sign((a @ b) * (b @ c) * (c @ a)))
    assert sorted(signs) == [-1, 1]


def test_the_hexagon_is_one_and_the_antiprism_is_one():
    p = pair("hexagon")
    x, y = p.a.positions, p.b.positions
    assert np.linalg.matrix_rank(x) == 2
    assert np.linalg.matrix_rank(y) == 3
    around = np.sort(np.sqrt(squared_distances(x)), axis=1)
    np.testing.assert_allclose(around, np.tile(np.sqrt([0, 2, 2, 6, 6, 8]), (6, 1)), atol=1e-12)
    short = [np.isclose(squared_distances(z), 2) for z in (x, y)]
    cycles = [np.trace(np.linalg.matrix_power(s.astype(int), 3)) // 6 for s in short]
    assert cycles == [0, 2]  # triangles of short edges: none in the hexagon, two in the antiprism


def test_environments_are_equal_as_far_as_their_texts_say():
    """Multisets of distances, of angles, of Gram determinants of triples; Gram matrices up to order for quadruples."""
    for name, order in (("2-body", 1), ("3-body", 2), ("4-body", 3), ("4-body, chiral", 3)):
        p = pair(name)
        for size in range(1, order + 2):
            forms = []
            for m in (p.a, p.b):
                x = m.positions[1:]
                forms.append(
                    Counter(
                        min(
                            tuple((np.round(x[list(s)] @ x[list(s)].T, 6) + 0.0).ravel())
                            for s in itertools.permutations(chosen)
                        )
                        for chosen in itertools.combinations(range(len(x)), size)
                    )
                )
            assert (forms[0] == forms[1]) == (size <= order or name == "4-body, chiral"), (name, size)


def test_the_molecules_are_molecules():
    p = pair("enantiomers")
    assert p.a.to_smiles() == p.b.to_smiles() == "FC(Cl)Br"
    handed = [np.linalg.det(m.positions[2:] - m.positions[1]) for m in (p.a, p.b)]
    assert handed[0] == pytest.approx(-handed[1])
    p = pair("helicene")
    assert p.a.formula == "C26H16"
    assert p.a.to_smiles() == Molecule.from_smiles("c1ccc2c(c1)ccc1ccc3ccc4ccc5ccccc5c4c3c12").to_smiles()
    lengths = np.linalg.norm(p.a.positions[p.edges[:, 0]] - p.a.positions[p.edges[:, 1]], axis=1)
    assert 1.0 < lengths.min() < lengths.max() < 1.5
    assert not any(m.chirality.any() for m in (p.a, p.b))
    assert relation(p.a, p.b) == "mirror images"


def test_p_is_a_right_handed_screw():
    from rdkit import Chem

    mol = pair("helicene").a.to_rdkit()
    rings = [set(r) for r in Chem.GetSymmSSSR(mol)]
    x = pair("helicene").a.positions
    path = [next(k for k, r in enumerate(rings) if sum(len(r & s) == 2 for s in rings) == 1)]
    while len(path) < 6:
        path += [k for k, r in enumerate(rings) if k not in path and len(r & rings[path[-1]]) == 2]
    a, b, c, d = (x[list(rings[k])].mean(axis=0) for k in path[:4])
    assert np.dot(b - a, np.cross(c - b, d - c)) > 0


@pytest.mark.parametrize("n", range(2, 8))
def test_cumulenes(n):
    p = cumulenes(n)
    assert relation(p.a, p.b) == p.relation == ("mirror images" if n % 2 else "different")
    assert p.a.to_smiles() == p.b.to_smiles() == Molecule.from_smiles(f"Cl{'C=' * (n - 1)}CCl").to_smiles()
    assert not igwl(p.a, p.b, p.edges, reflections=False).distinguished  # bonded atoms lie in a plane with each atom
    assert gwl(p.a, p.b, p.edges).round == (None if n % 2 else n // 2 + 1)
    assert gwl(p.a, p.b, p.edges, reflections=False).round is not None
    # The ends' hydrogens and chlorines are as far from all carbons in both; only pairs across the chain differ.
    d, e = (np.linalg.norm(m.positions[:, None] - m.positions, axis=-1) for m in (p.a, p.b))
    same = np.isclose(d, e)
    assert same[:n].all()
    assert same[n:, n:].sum() == (16 if n % 2 else 8)


@pytest.mark.parametrize("seed", range(6))
def test_congruence_of_moved_copies(seed):
    rng = np.random.default_rng(seed)
    a = Molecule(rng.choice([1, 6], size=9), rng.normal(size=(9, 3)))
    turned = moved(permuted(a, rng.permutation(9)), random_rotation(rng), shift=rng.normal(size=3))
    mirrored = moved(permuted(a, rng.permutation(9)), random_reflection(rng))
    assert relation(a, turned) == "the same"
    assert relation(a, mirrored) == "mirror images"
    flat = Molecule(a.numbers, a.positions * [1, 1, 0])
    assert relation(flat, moved(flat, random_reflection(rng))) == "the same"
    nudged = Molecule(a.numbers, a.positions + 1e-3 * np.eye(9, 3))
    assert relation(a, nudged) == "different"
    assert not congruent(a, Molecule(a.numbers[::-1], a.positions))


def test_large_symmetric_clouds_are_matched_quickly():
    angles = 2 * np.pi * np.arange(60) / 60
    ring = np.stack([np.cos(angles), np.sin(angles), 0 * angles], axis=1)
    drum = np.concatenate([ring, ring + [0, 0, 0.7]])
    a = Molecule([6] * 120, drum)
    assert congruent(a, moved(permuted(a, np.random.default_rng(0).permutation(120)), random_rotation(3)), False)


@pytest.mark.parametrize("fold", [2, 3, 4, 7])
def test_turned_stars_are_the_same_and_not_on_the_same_places(fold):
    p = l_fold(fold)
    assert (p.name, len(p.a), len(p.edges)) == (f"{fold}-fold stars", fold + 1, fold)
    assert relation(p.a, p.b) == p.relation == "the same"
    spokes, turned = p.a.positions[1:], p.b.positions[1:]
    np.testing.assert_allclose(np.linalg.norm(spokes, axis=1), 1)
    assert np.linalg.norm(spokes[:, None] - turned, axis=-1).min() > 1 / fold
    for power in range(1, fold + 1):  # sums of (x + iy)^m, and so of Y_lm, vanish below m = L
        sums = [((x[:, 0] + 1j * x[:, 1]) ** power).sum() for x in (spokes, turned)]
        assert np.allclose(sums, 0) == (power < fold)
    np.testing.assert_allclose(sums, [fold, -fold])


def test_named_pairs_are_what_they_are_called():
    for name in NAMES:
        p = pair(name)
        assert p.name == name
        assert name in repr(p)
        assert len(p.directed) == 2 * len(p.edges)
        assert len({frozenset(e) for e in p.edges.tolist()}) == len(p.edges)
        assert p.about
    assert antipodal(3).a.positions == pytest.approx(antipodal(3).a.positions)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: pair("octagon"), "no pair is called 'octagon'; there are enantiomers, helicene, "),
        (lambda: pair(["hexagon"]), "no pair is called"),
        (lambda: k_chains(1), "2 atoms or more on its line, not 1"),
        (lambda: k_chains(2.5), "not 2.5"),
        (lambda: l_fold(1), "2 neighbours or more, not 1"),
        (lambda: cumulenes(1), "2 carbons or more, not 1"),
        (lambda: congruent(Molecule([6]), Molecule([6])), "has no positions"),
    ],
)
def test_bad_input_is_told_in_one_sentence(call, message):
    with pytest.raises(InputError, match=re.escape(message)):
        call()
