"""The simplest message passing: every atom sends its features, mixed by a matrix, to its neighbours.

    m_ij = h_j W + e_ij V                    message from j to i, along an edge with features e_ij (if there are any)
    a_i  = sum_j m_ij  or  mean_j m_ij       over the neighbours j of i
    h'_i = act(h_i U + a_i + b)

Sources: Gilmer et al. (2017), `gilmer2017neural`, the frame; Morris et al. (2019), `morris2019weisfeiler`, this form
with a sum and without e_ij.

Shapes: A atoms, E directed edges, K features in, F features out, D features of an edge.
"""

from __future__ import annotations

from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from dmol_molnet.molecules import SYMBOLS, InputError, Molecule, quoted


class Trace(NamedTuple):
    """What one layer did, for pictures and for checks by hand.

    Attributes:
        inputs: [A, K], h.
        i, j: [E], who receives and who sends.
        messages: [E, F], m_ij.
        aggregates: [A, F], a_i.
        own: [A, F], h_i U + b.
        outputs: [A, F], h' = act(own + aggregates).
        aggregate: how a_i was made, "sum" or "mean".
        activation: the name of act.
    """

    inputs: tf.Tensor
    i: tf.Tensor
    j: tf.Tensor
    messages: tf.Tensor
    aggregates: tf.Tensor
    own: tf.Tensor
    outputs: tf.Tensor
    aggregate: str
    activation: str


@keras.saving.register_keras_serializable(package="dmol_molnet")
class MessagePassing(keras.layers.Layer):
    """One layer of message passing.

    Args:
        features: F, how many features an atom has afterwards.
        aggregate: "sum" or "mean" over the neighbours; an atom without neighbours gets 0 from both.
        activation: the function at the end, by its name in Keras.

    Raises:
        InputError: an unknown aggregation.
    """

    def __init__(self, features: int, aggregate: str = "sum", activation: str = "tanh", **kwargs):
        super().__init__(**kwargs)
        if aggregate not in ("sum", "mean"):
            raise InputError(f"neighbours are aggregated by 'sum' or by 'mean', not by {quoted(aggregate)}")
        self.features, self.aggregate = features, aggregate
        self.activation = keras.activations.get(activation)

    def build(self, h_shape, i_shape=None, j_shape=None, e_shape=None):
        """Make U [K, F], W [K, F], V [D, F] and b [F]."""
        self.U = self.add_weight(name="U", shape=(h_shape[-1], self.features))
        self.W = self.add_weight(name="W", shape=(h_shape[-1], self.features))
        self.V = None if e_shape is None else self.add_weight(name="V", shape=(e_shape[-1], self.features))
        self.b = self.add_weight(name="b", shape=(self.features,), initializer="zeros")

    def call(self, h, i, j, e=None, trace=False):
        """h [A, K], i [E] receives, j [E] sends, e [E, D] or None -> [A, F]; with trace=True a `Trace`."""
        m = tf.gather(h @ self.W, j)  # [E, F]
        if e is not None:
            m += e @ self.V  # [E, F]
        a = tf.math.unsorted_segment_sum(m, i, tf.shape(h)[0])  # [A, F]
        if self.aggregate == "mean":
            count = tf.math.unsorted_segment_sum(tf.ones_like(i, m.dtype), i, tf.shape(h)[0])
            a /= tf.maximum(count, 1)[:, None]  # [A, F]
        own = h @ self.U + self.b  # [A, F]
        out = self.activation(own + a)  # [A, F]
        return (
            Trace(h, i, j, m, a, own, out, self.aggregate, getattr(self.activation, "__name__", "act"))
            if trace
            else out
        )

    def get_config(self):
        """The arguments, for saving."""
        activation = keras.activations.serialize(self.activation)
        return {
            **super().get_config(),
            "features": self.features,
            "aggregate": self.aggregate,
            "activation": activation,
        }


def directed_edges(*molecules: Molecule) -> tuple[np.ndarray, np.ndarray]:
    """i [E] receives and j [E] sends: each bond in both directions, the atoms of several molecules numbered on."""
    bonds, offset = [np.zeros((0, 2), int)], 0
    for molecule in molecules:
        bonds.append(molecule.bonds + offset)
        offset += len(molecule)
    i, j = np.concatenate(bonds).T
    return np.concatenate([i, j]), np.concatenate([j, i])


def one_hot(*molecules: Molecule, elements: tuple[str, ...] = ("H", "C", "N", "O")) -> np.ndarray:
    """float [A, len(elements)]: 1 where an atom is of that element; the floats that Keras is set to.

    Raises:
        InputError: no molecule, a symbol that is no element's, or an atom of another element.
    """
    for molecule in molecules:
        if not isinstance(molecule, Molecule):
            raise InputError(f"one_hot takes molecules, one after the other, not {quoted(molecule)}")
    if not molecules:
        raise InputError("one_hot takes one molecule or several; none is given")
    elements = (elements,) if isinstance(elements, str) else tuple(elements)
    for symbol in elements:
        if symbol not in SYMBOLS[1:]:
            raise InputError(f"{quoted(symbol)} is not the symbol of an element, as 'C' and 'Cl' are")
    numbers = np.concatenate([molecule.numbers for molecule in molecules])
    known = np.array([SYMBOLS.index(symbol) for symbol in elements])
    table = numbers[:, None] == known
    if not table.any(axis=1).all():
        unknown = SYMBOLS[numbers[~table.any(axis=1)][0]]
        raise InputError(f"{unknown} is not among the elements {', '.join(elements)}; name it in `elements`")
    return table.astype(keras.config.floatx())
