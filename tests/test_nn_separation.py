"""Every named point tells apart what theory says it can, and nothing else: untrained, in float64, over seeds."""

from dataclasses import replace
from itertools import combinations

import keras
import numpy as np
import pytest

from dmol_molnet import InputError, Molecule, so3
from dmol_molnet.counterexamples import NAMES, antipodal, k_chains, l_fold, pair, relation
from dmol_molnet.nn.design_space import build
from dmol_molnet.nn.graph import MolecularGraph
from dmol_molnet.nn.separation import DIFFERENT, EQUAL, body_term, difference, float64, separates, untrained
from dmol_molnet.symmetry import moved, permuted, random_reflection

ONE_NEIGHBOUR = ("tfn", "nequip", "botnet")
SMALL = {"l_max": 1, "hidden_l_max": 1}  # enough for chains, which are flat


# ------------------------------------------------------------------------------------------------ which pairs


@pytest.mark.parametrize(("name", "k"), [("tfn", 2), ("nequip", 2), ("botnet", 2), ("nequip", 3), ("tfn", 4)])
def test_with_one_neighbour_at_a_time_a_chain_takes_as_many_layers_as_it_has_edges(name, k):
    assert not separates(name, k_chains(k), layers=k, **SMALL)
    assert separates(name, k_chains(k), layers=k + 1, **SMALL)


@pytest.mark.parametrize(("correlation", "k"), [(2, 2), (2, 3), (3, 3), (2, 4), (3, 4)])
def test_with_products_the_ends_of_a_chain_meet_in_the_middle(correlation, k):
    for layers in (k // 2, k // 2 + 1):
        told = separates("mace", k_chains(k), layers=layers, correlation=correlation, **SMALL)
        assert told == (layers > k // 2)


@pytest.mark.parametrize(("k", "degree", "layers"), [(2, 1, 3), (3, 1, 4), (3, 2, 3), (4, 1, 4)])
def test_with_norms_the_ends_meet_one_layer_after_the_middle_and_by_vectors_alone_two_where_k_is_odd(k, degree, layers):
    changes = {"norm": True, "l_max": degree, "hidden_l_max": degree, "seeds": [0, 1]}
    assert not separates("nequip", k_chains(k), layers=layers - 1, **changes)
    assert separates("nequip", k_chains(k), layers=layers, **changes)


def test_rotations_alone_do_not_help_and_scalars_alone_never_do():
    assert not separates("nequip", k_chains(3), layers=3, parity=False, seeds=[0], **SMALL)
    assert not separates("mace", k_chains(3), layers=1, correlation=4, parity=False, seeds=[0])
    assert not separates("mace", k_chains(3), layers=5, correlation=1, hidden_l_max=0, seeds=[0])
    assert not separates("schnet", k_chains(3), layers=6)


@pytest.mark.parametrize("fold", [2, 3, 5])
def test_one_layer_orients_a_star_from_its_degree_on(fold):
    star = l_fold(fold)
    assert relation(star.a, star.b) == star.relation == "the same"
    for l_max in {1, fold - 1, fold}:
        changes = {"features": True, "l_max": l_max, "hidden_l_max": l_max, "seeds": [0, 1]}
        assert separates("tfn", star, layers=1, **changes) == (l_max >= fold)
        if l_max < 4:
            assert separates("mace", star, layers=1, correlation=2, **changes) == (l_max >= fold)
    assert not separates("tfn", star, l_max=3, layers=1, seeds=[0])  # one energy


@pytest.mark.parametrize(("name", "correlation", "l_max"), [("2-body", 2, 1), ("3-body", 3, 2), ("4-body", 4, 2)])
def test_environments_part_at_their_correlation_and_degree(name, correlation, l_max):
    assert separates("ace", pair(name), correlation=correlation, l_max=l_max)
    assert separates("mace", pair(name), correlation=correlation, layers=1, seeds=[0])
    assert not separates("ace", pair(name), correlation=correlation - 1)
    assert not separates("ace", pair(name), correlation=correlation, l_max=l_max - 1)
    for one_neighbour in ONE_NEIGHBOUR:
        assert not separates(one_neighbour, pair(name), layers=1, seeds=[0])


def test_mirror_images_part_by_a_pseudoscalar_alone():
    chiral, void = pair("4-body, chiral"), pair("4-body, chiral, isosceles")
    assert not separates("ace", chiral, correlation=4)
    assert separates("ace", chiral, correlation=4, readout="0o")
    assert separates("ace", chiral, correlation=4, parity=False)  # without mirrors, every scalar may
    assert not separates("ace", chiral, correlation=3, parity=False)
    for correlation, l_max in ((4, 2), (3, 3)):
        with pytest.raises(InputError, match="no path to the readout 0o"):
            untrained("ace", correlation=correlation, l_max=l_max, readout="0o")
    assert not separates("ace", void, correlation=4, readout="0o", seeds=[0])


@pytest.mark.parametrize("name", ["tfn", "nequip", "botnet", "mace"])
def test_a_hexagon_is_no_antiprism(name):
    one_neighbour = name in ONE_NEIGHBOUR
    for p in (pair("hexagon"), antipodal(0)):
        assert separates(name, p, layers=1, seeds=[0], **SMALL) != one_neighbour  # an angle takes a product,
        assert separates(name, p, layers=2, seeds=[0], **SMALL)  # or a second layer
        assert not separates("schnet", p, layers=6, seeds=[0])


@pytest.mark.parametrize("name", [name for name in NAMES if pair(name).relation == "the same"])
def test_nobody_tells_apart_what_is_the_same(name):
    for model, changes in (("ace", {"correlation": 4}), ("nequip", {"layers": 2}), ("botnet", {"layers": 2})):
        assert not separates(model, pair(name), seeds=[0], **changes)


# ------------------------------------------------------------------------------------------------ the protocol


def test_the_difference_is_that_of_the_answers_relative_to_the_larger():
    p, model = pair("2-body"), untrained("ace", seed=3)
    with float64():
        a, b = (float(model(MolecularGraph.from_edges(m.numbers, m.positions, p.directed))[0]) for m in (p.a, p.b))
    assert difference(model, p) == pytest.approx(abs(a - b) / max(abs(a), abs(b)))


def test_moved_and_mirrored_copies_are_no_signal():
    p, model = pair("2-body"), untrained("ace", seed=0)
    copy = moved(p.a, random_reflection(1), [1.0, 2.0, 3.0])
    assert difference(model, replace(p, b=copy)) < EQUAL
    assert difference(model, replace(p, b=permuted(p.a, [0, 2, 1]))) < EQUAL
    assert difference(model, p) > DIFFERENT


@pytest.mark.parametrize("seed", range(3))
def test_a_pseudoscalar_that_is_rounding_is_no_signal(seed):
    """A flat molecule is its own mirror image, so a pseudoscalar of it is zero, and its sign on a computer chance."""
    p, model = pair("4-body, chiral"), untrained("ace", correlation=4, l_max=3, readout="0o", seed=seed)
    xy = np.array([[0, 0], [1, 0], [0.3, 1.1], [-0.9, 0.4], [-0.2, -1.2]])
    flat = replace(p, a=replace(p.a, positions=np.column_stack([xy, np.zeros(5)])))
    flat = replace(flat, b=moved(flat.a, random_reflection(seed)))
    assert difference(model, flat) < EQUAL
    assert difference(model, p) > DIFFERENT


def test_three_equal_factors_make_no_pseudoscalar_up_to_l_max_3_and_what_they_make_at_4_is_no_signal():
    assert not so3.count_symmetric(3, 3, "0o")
    assert not separates("ace", pair("4-body, chiral"), correlation=3, l_max=4, readout="0o")


def test_the_policy_is_set_back_and_networks_are_in_float64():
    before = keras.config.dtype_policy()
    assert untrained("ace").compute_dtype == "float64"
    with pytest.raises(ZeroDivisionError), float64():
        raise ZeroDivisionError
    assert keras.config.dtype_policy() == before


def test_what_cannot_decide_is_refused():
    with pytest.raises(InputError, match="in float32 cannot decide"):
        difference(build("ace", channels=4), pair("2-body"))
    with pytest.raises(InputError, match="in float32 is too coarse"):
        body_term(build("ace", channels=4), Molecule([1], [[0.0, 0, 0]]))
    with pytest.raises(InputError, match="11 atoms have too many parts"):
        body_term(untrained("ace"), Molecule([1] * 11, np.eye(11)[:, :3] + np.arange(11)[:, None]))
    p = pair("2-body")
    nearly = replace(p, b=replace(p.a, positions=p.a.positions + 1e-8 * np.eye(3)))
    with pytest.raises(InputError, match="do not decide"):
        separates("ace", nearly)


# ------------------------------------------------------------------------------------------------ body order


def cluster(n, seed=0):
    return Molecule([6] * n, np.random.default_rng(seed).normal(size=(n, 3)) * 1.5)


def largest(model, most):
    """The largest number of atoms whose joint term is no rounding."""
    terms = [abs(body_term(model, cluster(n))) for n in range(1, most + 1)]
    scale = max(terms)
    assert all(t < 1e-12 * scale or t > 1e-11 * scale for t in terms), terms
    return max(n for n, t in enumerate(terms, 1) if t > 1e-11 * scale)


@pytest.mark.parametrize(
    ("correlation", "layers", "order"),
    [(1, 1, 2), (1, 2, 3), (1, 3, 4), (2, 1, 3), (3, 1, 4), (4, 1, 5), (2, 2, 7)],
)
def test_linear_updates_raise_the_body_order_to_nu_times_it_and_one(correlation, layers, order):
    model = untrained("mace", correlation=correlation, layers=layers, hidden=0, seed=0, l_max=2)
    assert largest(model, min(order + 1, 8)) == order


@pytest.mark.parametrize("changes", [{"gates": True}, {"hidden": 16}])
def test_nonlinear_scalars_have_no_body_order(changes):
    model = untrained("mace", correlation=1, layers=1, seed=0, l_max=1, **{"hidden": 0, **changes})
    assert largest(model, 6) == 6


def test_the_joint_term_is_the_alternating_sum_over_parts():
    molecule, model = cluster(3), untrained("ace", seed=0)
    with float64():

        def energy(part):
            part = list(part)
            one = Molecule(molecule.numbers[part], molecule.positions[part])
            return float(model(MolecularGraph.from_molecules(one, model.cutoff))[0])

        expected = energy(range(3)) - sum(map(energy, combinations(range(3), 2))) + 3 * energy([0])
    assert body_term(model, molecule) == pytest.approx(expected)
