"""Message passing: equal to the loops that a student would write, and blind where theory says so."""

import keras
import networkx as nx
import numpy as np
import pytest
import tensorflow as tf

from dmol_molnet.molecules import InputError, Molecule
from dmol_molnet.nn.message_passing import MessagePassing, Trace, directed_edges, one_hot
from dmol_molnet.symmetry import NotEquivariantError, assert_equivariant

METHANOL = Molecule.example("methanol")


@pytest.fixture(params=["float32", "float64"])
def precision(request):
    """Everything wholly in one precision; the tolerance that goes with it."""
    before = keras.config.dtype_policy(), keras.config.floatx()
    keras.config.set_dtype_policy(request.param)
    keras.config.set_floatx(request.param)
    yield {"float32": 1e-5, "float64": 1e-12}[request.param]
    keras.config.set_dtype_policy(before[0])
    keras.config.set_floatx(before[1])


def by_loops(layer, h, molecule, e=None):
    """h'_i from the equations, atom by atom and neighbour by neighbour."""
    weights = {weight.name: weight.numpy().astype(float) for weight in layer.weights}
    i, j = directed_edges(molecule)
    out = []
    for atom in range(len(molecule)):
        messages = []
        for edge, (receiver, sender) in enumerate(zip(i, j, strict=True)):
            if receiver == atom:
                message = h[sender] @ weights["W"]
                messages.append(message if e is None else message + e[edge] @ weights["V"])
        total = sum(messages, np.zeros(layer.features))
        if layer.aggregate == "mean" and messages:
            total = total / len(messages)
        out.append(np.tanh(h[atom] @ weights["U"] + total + weights["b"]))
    return np.array(out)


@pytest.mark.parametrize("aggregate", ["sum", "mean"])
@pytest.mark.parametrize("with_edges", [False, True])
@pytest.mark.parametrize("smiles", ["CO", "C=O.[He]", "C"])
def test_layer_is_its_equations(smiles, with_edges, aggregate, precision):
    keras.utils.set_random_seed(1)
    molecule = Molecule.from_smiles(smiles)
    rng = np.random.default_rng(2)
    i, j = directed_edges(molecule)
    dtype = keras.config.floatx()
    h = rng.normal(size=(len(molecule), 3)).astype(dtype)
    e = rng.normal(size=(len(i), 2)).astype(dtype) if with_edges else None
    layer = MessagePassing(5, aggregate)
    out = layer(h, i, j) if e is None else layer(h, i, j, e)
    assert out.dtype == dtype
    layer.b.assign(rng.normal(size=5))
    out = layer(h, i, j) if e is None else layer(h, i, j, e)
    np.testing.assert_allclose(out, by_loops(layer, h, molecule, e), atol=precision)


@pytest.mark.parametrize(("aggregate", "activation"), [("sum", "tanh"), ("mean", "relu")])
def test_the_trace_is_what_was_done(aggregate, activation, precision):
    layer = MessagePassing(4, aggregate, activation)
    h, (i, j) = one_hot(METHANOL), directed_edges(METHANOL)
    trace = layer(h, i, j, trace=True)
    assert isinstance(trace, Trace)
    np.testing.assert_array_equal(trace.outputs, layer(h, i, j))
    np.testing.assert_array_equal(trace.inputs, h)
    assert (trace.aggregate, trace.activation) == (aggregate, activation)
    layer.b.assign([0.5, -0.5, 1.0, 2.0])
    trace = layer(h, i, j, trace=True)
    act = {"tanh": np.tanh, "relu": lambda x: np.maximum(x, 0)}[activation]
    np.testing.assert_allclose(trace.own, h @ layer.U.numpy() + layer.b.numpy(), atol=precision)
    np.testing.assert_allclose(trace.outputs, act(trace.own.numpy() + trace.aggregates), atol=precision)
    total = {"sum": np.sum, "mean": np.mean}[aggregate]
    for atom in range(len(METHANOL)):
        received = trace.messages.numpy()[i == atom]
        np.testing.assert_allclose(trace.aggregates[atom], total(received, axis=0), atol=precision)
    for edge, sender in enumerate(j):
        np.testing.assert_allclose(trace.messages[edge], h[sender] @ layer.W.numpy(), atol=precision)


@pytest.mark.parametrize("aggregate", ["sum", "mean"])
def test_permutations_of_atoms_and_edges(aggregate, precision):
    keras.utils.set_random_seed(0)
    layers = [MessagePassing(6, aggregate), MessagePassing(2, aggregate)]

    def network(molecule):
        h, (i, j) = one_hot(molecule), directed_edges(molecule)
        for layer in layers:
            h = layer(h, i, j)
        return h

    molecule = Molecule.from_smiles("CC(=O)NC")
    assert_equivariant(network, molecule, per_atom=True)
    assert_equivariant(lambda m: tf.reduce_sum(network(m), axis=0), molecule)
    with pytest.raises(NotEquivariantError, match="order in which the atoms are listed"):
        assert_equivariant(lambda m: tf.cumsum(network(m)), molecule, per_atom=True)
    h, (i, j) = one_hot(molecule), directed_edges(molecule)
    order = np.random.default_rng(1).permutation(len(i))
    np.testing.assert_allclose(layers[0](h, i, j), layers[0](h, i[order], j[order]), atol=precision)


def test_an_atom_hears_as_far_as_there_are_layers():
    """The derivative of an atom's features by another's input is zero exactly beyond the depth."""
    molecule = Molecule.from_smiles("CCCCCC", hydrogens=False)
    distance = dict(nx.all_pairs_shortest_path_length(molecule.to_networkx()))
    i, j = directed_edges(molecule)
    for depth in (1, 2, 3):
        layers = [MessagePassing(3) for _ in range(depth)]
        x = tf.Variable(np.random.default_rng(0).normal(size=(6, 3)).astype("float32"))
        with tf.GradientTape() as tape:
            h = x
            for layer in layers:
                h = layer(h, i, j)
            first = tf.reduce_sum(h[0])
        heard = np.abs(tf.convert_to_tensor(tape.gradient(first, x))).max(axis=1) > 0
        assert heard.tolist() == [distance[0][v] <= depth for v in range(6)]


def test_a_batch_is_its_molecules_side_by_side(precision):
    layer = MessagePassing(5)
    molecules = [METHANOL, Molecule.example("water"), Molecule.from_smiles("[He]"), METHANOL]
    elements = ("H", "C", "O", "He")
    together = layer(one_hot(*molecules, elements=elements), *directed_edges(*molecules))
    apart = [layer(one_hot(m, elements=elements), *directed_edges(m)) for m in molecules]
    np.testing.assert_allclose(together, np.concatenate(apart), atol=precision)


def test_a_sum_counts_and_a_mean_does_not():
    """The centres of stars with leaves N, O and N, N, O, O: equal means, unequal sums."""
    one, two = (Molecule.from_smiles(smiles, hydrogens=False) for smiles in ("NCO", "NC(N)(O)O"))
    for aggregate, equal in (("mean", True), ("sum", False)):
        keras.utils.set_random_seed(4)
        layer = MessagePassing(8, aggregate)
        centers = [layer(one_hot(m), *directed_edges(m))[1] for m in (one, two)]
        assert np.allclose(*centers, atol=1e-6) == equal


def test_blind_where_1wl_is_blind_and_not_elsewhere(precision):
    molecules = [Molecule.example(name) for name in ("decalin", "bicyclopentyl")]
    molecules.append(Molecule.from_smiles("C1CCC2(CC1)CCCC2"))
    for seed in range(3):
        keras.utils.set_random_seed(seed)
        layers = [MessagePassing(16) for _ in range(4)]
        pooled = []
        for molecule in molecules:
            h, (i, j) = one_hot(molecule), directed_edges(molecule)
            for layer in layers:
                h = layer(h, i, j)
            pooled.append(tf.reduce_sum(h, axis=0).numpy())
        decalin, bicyclopentyl, spiro = pooled
        np.testing.assert_allclose(decalin, bicyclopentyl, atol=100 * precision)
        assert np.abs(decalin - spiro).max() > 1e-2


def test_gradients_are_those_of_finite_differences():
    keras.config.set_dtype_policy("float64")
    try:
        layer = MessagePassing(3, "mean")
        h, (i, j) = one_hot(METHANOL).astype("float64"), directed_edges(METHANOL)
        with tf.GradientTape() as tape:
            layer(h, i, j)
            loss = tf.reduce_sum(layer(h, i, j) ** 2)
        gradient = tape.gradient(loss, layer.W).numpy()
        step = 1e-6
        for index in np.ndindex(*gradient.shape):
            W = layer.W.numpy()
            sides = []
            for sign in (1, -1):
                moved = W.copy()
                moved[index] += sign * step
                layer.W.assign(moved)
                sides.append(float(tf.reduce_sum(layer(h, i, j) ** 2)))
            layer.W.assign(W)
            assert np.isclose((sides[0] - sides[1]) / (2 * step), gradient[index], atol=1e-7)
    finally:
        keras.config.set_dtype_policy("float32")


@pytest.mark.parametrize("with_edges", [False, True])
def test_saved_and_loaded_without_custom_objects(with_edges, tmp_path):
    shapes = {"h": (None, 4), "i": (None,), "j": (None,), **({"e": (None, 2)} if with_edges else {})}
    inputs = {
        name: keras.Input(batch_shape=shape, name=name, dtype="int32" if name in "ij" else "float32")
        for name, shape in shapes.items()
    }
    model = keras.Model(inputs, MessagePassing(3, "mean", activation="relu")(**inputs))
    model.save(tmp_path / "layer.keras")
    loaded = keras.models.load_model(tmp_path / "layer.keras", safe_mode=True)
    i, j = directed_edges(METHANOL)
    values = {"h": one_hot(METHANOL), "i": i.astype("int32"), "j": j.astype("int32")}
    if with_edges:
        values["e"] = np.ones((len(i), 2), "float32")
    np.testing.assert_array_equal(model(values), loaded(values))


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: MessagePassing(3, "max"), "'sum' or by 'mean', not by 'max'"),
        (lambda: one_hot(), "none is given"),
        (lambda: one_hot("CCO"), "takes molecules, one after the other, not 'CCO'"),
        (lambda: one_hot([METHANOL, METHANOL]), "one after the other, not "),
        (lambda: one_hot(METHANOL, elements=("H", "c", "O")), "'c' is not the symbol of an element"),
        (lambda: one_hot(METHANOL, elements=("H", 6, "O")), "6 is not the symbol of an element"),
        (lambda: one_hot(METHANOL, elements="HCO"), "'HCO' is not the symbol of an element"),
        (lambda: one_hot(Molecule.from_smiles("CS")), "S is not among the elements H, C, N, O"),
    ],
)
def test_bad_input(call, says):
    with pytest.raises(InputError, match=says):
        call()
