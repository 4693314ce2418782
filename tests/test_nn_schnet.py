"""SchNet: against the loops a student would write, the laws of energies and forces, and what must not matter."""

import random
import re
import zipfile

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.special import expit

from dmol_molnet import InputError, Molecule, symmetry
from dmol_molnet.nn.design_space import NAMES, build, describe
from dmol_molnet.nn.graph import Capacity, MolecularGraph
from dmol_molnet.nn.schnet import SchNet, shifted_softplus


def small(**changes):
    return build("schnet", **{"channels": 16, "layers": 2, "radial": 8, "cutoff": 3.0, "seed": 0, **changes})


def molecule(name="ethanol", seed=0):
    return Molecule.example(name).embed(seed)


def energies(net, molecules, cutoff=None):
    return np.asarray(net(MolecularGraph.from_molecules(molecules, cutoff or net.cutoff)))


def derivatives(net, graph):
    x = tf.convert_to_tensor(graph.positions)
    with tf.GradientTape() as tape:
        tape.watch(x)
        e = net(graph, x)
    return e, -tf.convert_to_tensor(tape.gradient(e, x))


def with_forces(net, graph):
    return [found.numpy() for found in derivatives(net, graph)]


# ------------------------------------------------------------------------------------------------ the definition


def by_loops(net, numbers, x, neighbors=1.0):
    """The energy of one molecule by the equations at the top of nn/schnet.py, atom by atom, in numpy."""

    def ssp(y):
        return np.logaddexp(y, 0) - np.log(2)

    def apply(layer, y):
        return y @ layer.kernel.numpy() + (layer.bias.numpy() if layer.use_bias else 0)

    h = [net.embedding.embeddings.numpy()[z] for z in numbers]
    rc, n = net.cutoff, net.arguments["radial"]
    delta = rc / (n - 1)
    for layer in net.interactions:
        new = []
        for i in range(len(x)):
            v = 0
            for j in range(len(x)):
                r = np.linalg.norm(x[i] - x[j])
                if i == j or r >= rc:
                    continue
                g = np.array([np.exp(-((r - k * delta) ** 2) / (2 * delta**2)) for k in range(n)])
                w = apply(layer.filter[1], ssp(apply(layer.filter[0], g))) * 0.5 * (np.cos(np.pi * r / rc) + 1)
                v = v + apply(layer.sender, h[j]) * w
            v = v / neighbors + np.zeros(len(h[i]))
            new.append(h[i] + apply(layer.update[1], ssp(apply(layer.update[0], v))))
        h = new
    return sum(apply(net.readout[1], ssp(apply(net.readout[0], y)))[0] for y in h)


def test_the_energy_is_that_of_plain_loops(dtype):
    net = small(neighbors=2.5)
    for one in (molecule(), Molecule([8], [[0.0, 0, 0]]), molecule("methanol")):
        expected = by_loops(net, one.numbers, one.positions, neighbors=2.5)
        np.testing.assert_allclose(energies(net, one), [expected], rtol=1e-4 if dtype == "float32" else 1e-11)


def test_shifted_softplus_is_smooth_everywhere():
    x = tf.constant([-800.0, -3.0, 0.0, 2.0, 800.0], "float64")
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = shifted_softplus(x)
    np.testing.assert_allclose(y, np.logaddexp(x, 0) - np.log(2), atol=1e-12)
    np.testing.assert_allclose(tape.gradient(y, x), expit(x), atol=1e-12)


def test_compiled_and_eager_agree(dtype):
    net, graph = small(), MolecularGraph.from_molecules([molecule(), molecule("water")], 3.0)
    compiled = tf.function(lambda g: derivatives(net, g), jit_compile=True)(graph)
    for a, b in zip(compiled, with_forces(net, graph), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5 if dtype == "float32" else 1e-12)


# ------------------------------------------------------------------------------------------------ laws


def test_energies_and_forces_follow_all_symmetries(dtype):
    net = small()

    def energy(m):
        return energies(net, m)[0]

    def forces(m):
        return with_forces(net, MolecularGraph.from_molecules(m, net.cutoff))[1][: len(m)]

    for name in ("ethanol", "acetylacetone"):
        symmetry.assert_equivariant(energy, molecule(name))
        tolerance = 5e-4 if dtype == "float32" else None
        symmetry.assert_equivariant(forces, molecule(name), "vector", per_atom=True, tolerance=tolerance)


def test_a_broken_twin_is_found(float64):
    net = small()

    def energy(m):  # absolute positions come in
        return energies(net, m)[0] + 1e-3 * m.positions[0, 0]

    with pytest.raises(symmetry.NotEquivariantError):
        symmetry.assert_equivariant(energy, molecule())


def test_forces_are_minus_the_slope_of_the_energy(float64):
    net, one = small(), molecule()
    _, forces = with_forces(net, MolecularGraph.from_molecules(one, 3.0))
    h = 1e-4
    for i in range(len(one)):
        for axis in range(3):
            e = []
            for k in (-2, -1, 1, 2):
                x = one.positions.copy()
                x[i, axis] += k * h
                e.append(energies(net, Molecule(one.numbers, x))[0])
            slope = (8 * (e[2] - e[1]) - (e[3] - e[0])) / (12 * h)
            assert forces[i, axis] == pytest.approx(-slope, abs=1e-6 * np.abs(forces).max())


def test_forces_and_torques_sum_to_zero(dtype):
    one = molecule("acetylacetone")
    _, forces = with_forces(small(), MolecularGraph.from_molecules(one, 3.0))
    forces = forces[: len(one)].astype(float)
    small_ = 1e-5 if dtype == "float32" else 1e-13
    scale = np.abs(forces).max() * len(one)
    np.testing.assert_allclose(forces.sum(axis=0), 0, atol=small_ * scale)
    np.testing.assert_allclose(np.cross(one.positions, forces).sum(axis=0), 0, atol=5 * small_ * scale)


def test_energy_and_force_are_smooth_where_a_neighbour_enters(float64):
    net = small()
    near = np.linspace(-1e-4, 1e-4, 21)
    found = []
    for step in near:
        pair = Molecule([8, 1, 6], [[0, 0, 0], [0, 0, 1.0], [3.0 + step, 0, 0]])
        e, f = with_forces(net, MolecularGraph.from_molecules(pair, 3.0))
        found.append([e[0], f[0, 0]])
    jumps = np.abs(np.diff(found, axis=0)).max(axis=0)
    assert jumps[0] < 1e-9
    assert jumps[1] < 1e-4
    assert np.ptp(found, axis=0)[1] > 0  # something enters at all


def test_molecules_far_apart_add_up(float64):
    a, b = molecule(), molecule("methanol")
    both = Molecule(np.r_[a.numbers, b.numbers], np.r_[a.positions, b.positions + 50])
    net = small()
    np.testing.assert_allclose(energies(net, both)[0], energies(net, [a, b]).sum(), rtol=1e-12)


def test_one_atom_and_atoms_without_neighbours(dtype):
    net = small()
    alone = energies(net, Molecule([8], [[5.0, 5, 5]]))
    far = energies(net, Molecule([8, 8], [[0.0, 0, 0], [0, 0, 30]]))
    np.testing.assert_allclose(far, 2 * alone, rtol=1e-6)
    e, f = with_forces(net, MolecularGraph.from_molecules(Molecule([8], [[0.0, 0, 0]]), 3.0))
    assert np.isfinite(e).all()
    np.testing.assert_array_equal(f, 0)


def test_a_thousand_atoms_in_a_box_and_their_copies(float64):
    rng = np.random.default_rng(0)
    grid = np.stack(np.meshgrid(*[np.arange(5)] * 3, indexing="ij"), -1).reshape(-1, 3) * 2.2
    x, numbers = grid + rng.normal(scale=0.2, size=grid.shape), rng.choice([1, 6, 8], size=len(grid))
    net, side = small(), 11.0
    one = Molecule(numbers, x, cell=np.eye(3) * side, pbc=[True] * 3)
    shifts = np.stack(np.meshgrid(*[np.arange(2)] * 3, indexing="ij"), -1).reshape(-1, 3) * side
    eight = Molecule(
        np.tile(numbers, 8), (x + shifts[:, None]).reshape(-1, 3), cell=np.eye(3) * 2 * side, pbc=[True] * 3
    )
    assert len(eight) == 1000
    e1, f1 = with_forces(net, MolecularGraph.from_molecules(one, 3.0))
    e8, f8 = with_forces(net, MolecularGraph.from_molecules(eight, 3.0))
    np.testing.assert_allclose(e8, 8 * e1, rtol=1e-10)
    np.testing.assert_allclose(f8[:1000].reshape(8, 125, 3), np.broadcast_to(f1[:125], (8, 125, 3)), atol=1e-10)


# ------------------------------------------------------------------------------------------------ what must not matter


def test_company_order_and_padding_do_not_matter(dtype):
    net, exact = small(), {"rtol": 1e-5 if dtype == "float32" else 1e-12}
    molecules = [molecule(n) for n in ("ethanol", "water", "decalin", "dimethyl ether")]
    alone = [energies(net, m)[0] for m in molecules]
    np.testing.assert_allclose(energies(net, molecules), alone, **exact)
    np.testing.assert_allclose(energies(net, molecules[::-1]), alone[::-1], **exact)
    graph = MolecularGraph.from_molecules(molecules, net.cutoff)
    room = times_the_room(graph, 2)
    padded = net(MolecularGraph.from_molecules(molecules, net.cutoff, room)).numpy()
    np.testing.assert_allclose(padded[:4], alone, **exact)
    np.testing.assert_array_equal(padded[4:], 0)


def times_the_room(graph, times):
    return Capacity(*(times * n for n in (len(graph.sizes), len(graph.numbers), len(graph.i), graph.atom.shape[1])))


def test_explicit_edges_and_a_cutoff_give_the_same(float64):
    net, one = small(), molecule()
    graph = MolecularGraph.from_molecules(one, 3.0)
    explicit = MolecularGraph.from_edges(one.numbers, one.positions, graph.edges)
    np.testing.assert_allclose(net(graph), net(explicit), rtol=1e-12)


def test_distances_cannot_tell_the_hexagon_from_the_antiprism(float64):
    p = np.array([(1, 0, 1), (1, 1, 0), (0, 1, -1)], float)
    q = np.array([(1, 0, 1), (1, 1, 0), (0, 1, 1)], float)
    hexagon, antiprism = (Molecule([6] * 6, np.r_[v, -v]) for v in (p, q))
    assert np.linalg.matrix_rank(hexagon.positions) == 2  # flat
    assert np.linalg.matrix_rank(antiprism.positions) == 3
    for seed in range(5):
        net = small(cutoff=5.0, layers=4, seed=seed)
        a, b = energies(net, [hexagon, antiprism])
        assert abs(a - b) < 1e-10 * abs(a)
        other = energies(net, molecule())[0]
        assert abs(a - other) > 1e-3


# ------------------------------------------------------------------------------------------------ as a Keras model


def test_saved_and_loaded_it_is_the_same(tmp_path, dtype):
    net = small(neighbors=3.0)
    net.save(tmp_path / "net.keras")
    loaded = keras.saving.load_model(tmp_path / "net.keras")
    one = molecule()
    np.testing.assert_array_equal(energies(net, one), energies(loaded, one))
    assert loaded.neighbors == 3.0
    assert "lambda" not in zipfile.ZipFile(tmp_path / "net.keras").read("config.json").decode().lower()


def test_a_seed_fixes_the_weights_and_touches_no_other_generator():
    before = random.getstate()  # where Keras takes the seeds that nobody gives it
    a, b, c = small(seed=1), small(seed=1), small(seed=2)
    assert before == random.getstate()
    for x, y, z in zip(a.get_weights(), b.get_weights(), c.get_weights(), strict=True):
        np.testing.assert_array_equal(x, y)
        assert not np.array_equal(x, z) or not x.any()
    assert not np.array_equal(small(seed=None).get_weights()[0], small(seed=None).get_weights()[0])


def test_all_is_in_the_wanted_precision(dtype):
    net, one = small(), molecule()
    graph = MolecularGraph.from_molecules(one, 3.0)
    assert {w.dtype for w in net.weights} == {dtype}
    assert graph.positions.dtype == net(graph).dtype == net.features(graph)["0e"].dtype == dtype


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: SchNet(channels=1), "channels is a whole number, at least 2"),
        (lambda: SchNet(layers=0), "layers is a whole number, at least 1"),
        (lambda: SchNet(radial=2.5), "radial is a whole number"),
        (lambda: SchNet(cutoff=-1), "cutoff is a positive number"),
        (lambda: SchNet(neighbors=0), "neighbors is a positive number"),
        (lambda: build("schnett"), "no model called 'schnett'"),
        (lambda: build("schnet", l_max=1), "schnet has l_max 0 by definition, not 1"),
        (lambda: build("schnet", readout="0o"), "readout '0e' by definition"),
        (lambda: build("schnet", channel=3), "schnet has no 'channel'; it has channels"),
        (lambda: describe("nothing"), "no model called 'nothing'"),
    ],
)
def test_bad_arguments_are_told_in_one_sentence(call, message):
    with pytest.raises(InputError, match=re.escape(message)):
        call()


@pytest.mark.parametrize("name", NAMES)
def test_every_model_is_described_with_its_defaults(name):
    text = describe(name)
    for key, value in build(name).arguments.items():
        assert f"{key}={value!r}" in text


def test_whole_numbers_of_numpy_are_whole_numbers():
    one = SchNet(channels=np.int64(4), layers=np.int32(1), radial=np.int64(4), cutoff=np.float64(3.0), seed=0)
    assert one.get_config()["channels"] == 4
    assert type(one.get_config()["channels"]) is int


@pytest.mark.parametrize(("norm", "most"), [(False, np.inf), (True, 100.0)])
def test_layers_with_norms_keep_their_size(norm, most):
    """A MACE of four layers overflows without; with, its features stay of one size."""
    graph = MolecularGraph.from_molecules([Molecule.example("methanol").embed(0)], 5.0)
    h = build("mace", layers=4, channels=8, norm=norm, neighbors=5.0, seed=0).features(graph)["0e"]
    size = float(np.std(np.asarray(h)[: Molecule.example("methanol").numbers.size]))
    assert size < most if norm else not size < 1e3
