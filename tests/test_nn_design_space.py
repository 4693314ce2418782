"""The named points of the design space: the laws that all obey, what is refused, files, and what they are."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from dmol_molnet import InputError, Molecule, so3, symmetry
from dmol_molnet.nn import separation
from dmol_molnet.nn.design_space import NAMES, build, defaults, describe
from dmol_molnet.nn.graph import Capacity, MolecularGraph
from dmol_molnet.nn.potential import Potential
from dmol_molnet.nn.taxonomy import ROWS

TENSORS = [name for name in NAMES if name != "schnet"]


def small(name, **changes):
    """Two layers, where the name does not say how many."""
    layers = {} if name in ("schnet", "ace") else {"layers": 2}
    return build(name, **{"channels": 4, "cutoff": 3.0, "seed": 0, **layers, **changes})


def molecule(text="CC(O)C=O"):
    """One with a stereocentre, so that it differs from its mirror image."""
    return Molecule.from_smiles(text).embed(0)


def answer(model, one):
    return np.asarray(model(MolecularGraph.from_molecules(one, model.cutoff)))[0]


# ------------------------------------------------------------------------------------------------ laws


@pytest.mark.parametrize("name", NAMES)
def test_energies_follow_all_symmetries(name, dtype):
    model = small(name)
    symmetry.assert_equivariant(
        lambda one: answer(model, one), molecule(), tolerance=1e-3 if dtype == "float32" else None
    )


@pytest.mark.parametrize("name", NAMES)
def test_forces_are_minus_the_slope_of_the_energy_and_turn_with_the_molecule(name, float64):
    potential, one = Potential(small(name)), molecule("CO")

    def forces(one):
        return potential.derivatives(MolecularGraph.from_molecules(one, 3.0))[1].numpy()

    symmetry.assert_equivariant(forces, one, output="vector", per_atom=True)
    F = forces(one)
    np.testing.assert_allclose(F.sum(axis=0), 0, atol=1e-11 * np.abs(F).max())
    d, h = np.random.default_rng(0).normal(size=F.shape), 1e-5
    graph = MolecularGraph.from_molecules(one, 3.0)
    ends = [float(potential.model(graph, graph.positions + s * h * d)[0]) for s in (1, -1)]
    assert -(ends[0] - ends[1]) / (2 * h) == pytest.approx(np.sum(F * d), rel=1e-6)


def test_with_norms_energies_follow_all_symmetries_and_loudness_does_not_matter(float64):
    one = molecule()
    for norm in (False, True):
        model = small("nequip", memory="none", norm=norm)
        symmetry.assert_equivariant(lambda one, model=model: answer(model, one), one)
        before = answer(model, one)
        model.embedding.assign(50 * model.embedding)
        assert (abs(answer(model, one) / before - 1) < 0.1) == norm


@pytest.mark.parametrize("name", TENSORS)
@pytest.mark.parametrize("parity", [True, False])
def test_features_turn_by_their_irreps(name, parity, float64):
    model, one = small(name, parity=parity, hidden_l_max=2, l_max=2), molecule("CO")
    found = model.features(MolecularGraph.from_molecules(one, 3.0))
    assert list(found) == (["0e", "1o", "2e"] if parity else ["0e", "1e", "2e"])
    for matrix in (symmetry.random_rotation(1), symmetry.random_reflection(2))[: 2 if parity else 1]:
        turned = model.features(MolecularGraph.from_molecules(symmetry.moved(one, matrix), 3.0))
        for irrep, h in found.items():
            assert h.shape == ((6, 4) if irrep == "0e" else (6, 4, so3.Irrep.of(irrep).dim))
            D = so3.wigner_d(irrep, matrix)
            expected = h.numpy() if irrep == "0e" else h.numpy() @ D.T
            np.testing.assert_allclose(turned[irrep], expected, atol=1e-10 * np.abs(expected).max())


def test_a_trace_has_the_start_and_every_layer_and_ends_with_the_features(float64):
    model, one = small("nequip", layers=3, l_max=2, hidden_l_max=2), molecule("CO")
    graph = MolecularGraph.from_molecules(one, 3.0)
    trace = model.trace(graph)
    assert [list(h) for h in trace] == [["0e"], *[["0e", "1o", "2e"]] * 3]
    n = len(one)
    rows = model.embedding.numpy()[np.asarray(one.numbers) - 1]
    np.testing.assert_array_equal(trace[0]["0e"][:n], rows)
    for irrep, h in model.features(graph).items():
        np.testing.assert_array_equal(trace[-1][irrep], h)
    shorter = small("nequip", layers=2, l_max=2, hidden_l_max=2)
    for mine, theirs in zip(model.interactions, shorter.interactions, strict=False):  # the same first layers
        if [w.shape for w in mine.weights] == [w.shape for w in theirs.weights]:
            theirs.set_weights(mine.get_weights())
    shorter.embedding.assign(model.embedding)
    np.testing.assert_allclose(shorter.trace(graph)[1]["2e"], trace[1]["2e"], atol=1e-12)


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("mace", {"correlation": 4, "layers": 1}),
        ("ace", {"correlation": 4}),
        ("nequip", {"layers": 3}),
        ("tfn", {"layers": 3, "l_max": 1, "hidden_l_max": 1}),
        ("botnet", {"layers": 3}),
    ],
)
def test_pseudoscalars_change_sign_in_a_mirror(name, changes, float64):
    model, one = small(name, readout="0o", **changes), molecule()
    assert abs(answer(model, one)) > 1e-12
    symmetry.assert_equivariant(lambda one: answer(model, one), one, output="pseudoscalar")


@pytest.mark.parametrize("name", TENSORS)
def test_vectors_turn(name, float64):
    model, one = small(name, readout="1o"), molecule()
    # The order m = -1, 0, 1 is y, z, x.
    symmetry.assert_equivariant(lambda one: answer(model, one)[[2, 0, 1]], one, output="vector")


def test_without_parity_a_scalar_may_tell_mirror_images_apart(float64):
    one = molecule()
    mirrored = symmetry.moved(one, symmetry.random_reflection(0))
    for parity in (True, False):
        model = small("mace", parity=parity, layers=1, correlation=4)
        difference = abs(answer(model, one) - answer(model, mirrored)) / abs(answer(model, one))
        assert difference < 1e-12 if parity else difference > 1e-8


@pytest.mark.parametrize("name", NAMES)
def test_batch_order_and_padding_do_not_matter(name, dtype):
    model = small(name)
    molecules = [molecule("CO"), Molecule([8], [[0.0, 0, 0]]), molecule("O"), molecule("CC")]
    alone = [answer(model, one) for one in molecules]
    tolerance = 1e-4 if dtype == "float32" else 1e-10
    for order in ([0, 1, 2, 3], [3, 1, 0, 2]):
        together = model(MolecularGraph.from_molecules([molecules[k] for k in order], 3.0, Capacity(6, 40, 128, 12)))
        np.testing.assert_allclose(together[:4], [alone[k] for k in order], rtol=tolerance, atol=tolerance)
        np.testing.assert_array_equal(together[4:], 0)


@pytest.mark.parametrize("name", NAMES)
def test_energies_of_parts_out_of_reach_add_up(name, float64):
    model, a, b = small(name), molecule("O"), molecule("CO")
    far = Molecule([*a.numbers, *b.numbers], np.concatenate([a.positions, b.positions + 50.0]))
    assert answer(model, far) == pytest.approx(answer(model, a) + answer(model, b), rel=1e-10)


@pytest.mark.parametrize("name", TENSORS)
def test_compiled_and_eager_agree(name, dtype):
    potential = Potential(small(name))
    graph = MolecularGraph.from_molecules([molecule("O")], 3.0)
    compiled = potential.on_graph(graph)
    for a, b in zip(compiled, potential.derivatives(graph), strict=True):
        b = b.numpy()
        tolerance = 1e-4 if dtype == "float32" else 1e-10
        np.testing.assert_allclose(a, b, atol=tolerance * np.abs(b).max())


@pytest.mark.parametrize("name", TENSORS)
def test_saved_and_loaded_it_is_the_same(name, dtype, tmp_path):
    potential = Potential(small(name, elements=["H", "C", "O"], neighbors=4.0))
    potential.save(tmp_path / "m.keras")
    again = Potential.load(tmp_path / "m.keras")
    one = molecule("CO")
    assert answer(again.model, one) == answer(potential.model, one)
    assert again.model.get_config() == potential.model.get_config()


@pytest.mark.parametrize("name", TENSORS)
def test_the_same_seed_gives_the_same_network(name):
    one = molecule("O")
    first, again, other = (answer(small(name, seed=seed), one) for seed in (1, 1, 2))
    assert first == again != other


# ------------------------------------------------------------------------------------------------ what they are


def test_points_differ_in_their_arguments_alone():
    assert {type(small(name)).__name__ for name in TENSORS} == {"Network"}
    rows = [tuple(value for key, value in defaults(name).items() if key != "channels") for name in TENSORS]
    assert len({str(row) for row in rows}) == len(rows)


@pytest.mark.parametrize("name", NAMES)
def test_descriptions_tell_row_and_defaults(name):
    text = describe(name)
    assert ROWS[name].title in text
    assert f"channels={defaults(name)['channels']}" in text
    if name in TENSORS and name != "ace":  # any correlation is an ACE
        assert str(defaults(name)["correlation"]) == ROWS[name].correlation


def test_weights_depend_on_elements_where_the_row_says():
    for name in TENSORS:
        model = small(name, elements=["H", "C", "O"])
        places = ["embedding"]
        places += ["message"] * any(k.shape[0] == 3 for x in model.interactions for k in x.message.kernels)
        places += ["memory"] * any(
            k.shape[1] == 3 * k.shape[0] for x in model.interactions for k in x.update.old.values()
        )
        if name != "ace":  # our embedding and messages stand for weights of each pair of elements
            assert ROWS[name].elements == ", ".join(places)


def test_what_no_energy_depends_on_is_not_trained():
    model = small("mace", elements=["H", "C", "O"])
    graph = MolecularGraph.from_molecules(molecule("CO"), 3.0)
    with tf.GradientTape() as tape:
        energy = model(graph)
    gradients = tape.gradient(energy, [w.value for w in model.trainable_weights])
    assert all(g is not None for g in gradients)
    assert len(model.non_trainable_weights) > 0


def test_neighbors_come_from_the_potential():
    model = small("mace")
    assert model.neighbors is None
    model.neighbors = 5.0
    assert all(layer.atomic_basis.neighbors == 5.0 for layer in model.interactions)
    assert small("mace", neighbors=2.0).neighbors == 2.0


# ------------------------------------------------------------------------------------------------ what cannot be


@pytest.mark.parametrize(
    ("name", "changes", "reason"),
    [
        ("mace", {"readout": "0o", "correlation": 2}, "no path to the readout 0o.*higher correlation"),
        ("ace", {"readout": "0o", "correlation": 3, "l_max": 1}, "no path to the readout 0o"),
        ("nequip", {"readout": "0o", "layers": 1}, "no path to the readout 0o.*more layers"),
        ("tfn", {"readout": "1e", "layers": 1}, "no path to the readout 1e"),
        ("nequip", {"hidden_l_max": 3, "l_max": 1, "layers": 2}, "hidden_l_max 3 is beyond"),
        ("mace", {"hidden_l_max": 7, "l_max": 2}, "hidden_l_max 7 is beyond"),
        ("mace", {"parity": False, "readout": "1o"}, "parity=False.*ask for 1e"),
        ("mace", {"correlation": 5}, "1 to 4"),
        ("mace", {"correlation": 0}, "at least 1"),
        ("mace", {"readout": "x"}, "irrep"),
        ("mace", {"elements": ["Xx"]}, "symbols"),
        ("mace", {"elements": ["H", "H"]}, "different"),
        ("mace", {"cutoff": -1.0}, "positive"),
        ("mace", {"channels": 1.5}, "whole number"),
        ("mace", {"memory": "some"}, "memory is one of"),
        ("mace", {"gates": 2}, "True or False"),
        ("botnet", {"correlation": 3}, "by definition"),
        ("ace", {"layers": 2}, "by definition"),
        ("mace", {"depth": 2}, "has no 'depth'"),
        ("macé", {}, "no model called"),
    ],
)
def test_what_cannot_be_is_refused_with_the_reason(name, changes, reason):
    with pytest.raises(InputError, match=reason):
        build(name, **changes)


def test_only_scalars_make_a_potential():
    with pytest.raises(InputError, match="0e"):
        Potential(small("mace", readout="1o"))
    with pytest.raises(InputError, match="0e"):
        small("mace", readout="1o").atomic_energies(MolecularGraph.from_molecules(molecule("O"), 3.0))


def test_elements_without_weights_are_refused_in_one_line():
    model = build("mace", channels=4, elements=["H", "C"])
    graph = MolecularGraph.from_molecules([Molecule.from_smiles("CO").embed()], model.cutoff)
    for ask in (model, model.features, model.atomic):
        with pytest.raises(InputError, match="no weights for O; its elements are H, C") as error:
            ask(graph)
        assert "\n" not in str(error.value)


def test_numbers_of_numpy_and_0_and_1_are_taken_and_saved_as_what_they_mean():
    model = build("mace", channels=np.int64(4), gates=0, neighbors=np.float32(2.0), cutoff=np.float64(4.0))
    plain = build("mace", channels=4, gates=False, neighbors=2.0, cutoff=4.0)
    assert json.dumps(model.get_config() | {"name": ""}) == json.dumps(plain.get_config() | {"name": ""})
    with pytest.raises(InputError, match="gates is True or False, not 2"):
        build("mace", gates=2)


def test_a_network_of_float64_stays_one_when_it_is_loaded_under_float32(tmp_path):
    with separation.float64():
        model = build("mace", channels=4, layers=1, seed=0)
        graph = MolecularGraph.from_molecules([Molecule.from_smiles("CO").embed()], model.cutoff)
        expected = model(graph).numpy()
        model.save(tmp_path / "one.keras")
    loaded = keras.models.load_model(tmp_path / "one.keras")
    assert keras.config.dtype_policy().name == "float32"
    assert {weight.dtype for weight in loaded.weights} == {"float64"}
    np.testing.assert_array_equal(loaded(graph).numpy(), expected)
