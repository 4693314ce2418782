"""SchNet: atoms whose features are summed over neighbours, weighted by filters that only know distances.

    w_ij = f(r_ij) · [ssp(g(r_ij) W1 + b1) W2 + b2]          the filter: Gaussians g, two dense layers, cosine cutoff f
    v_i  = sum_j (h_j W_in) * w_ij / n                       the convolution; n, a constant, is 1 in the paper
    h'_i = h_i + ssp(v_i W3 + b3) W4 + b4
    E    = sum_i ssp(h_i W5 + b5) W6                         after the last layer

with h = a vector for each element at first, and ssp(x) = ln(e^x / 2 + 1/2).

Departures from the paper: the cosine cutoff, which the paper's filters lack; no second ssp at the end of a filter,
where the paper has one; bells as wide as they are spaced; the constant n.  Atomic energies have no constant of their
own: `Potential` adds one for each element.

A committee of M members has M vectors W6: their mean, which alone is trained, and what each deviates from it.

Sources: Schütt et al. (2018), `schutt2018schnet`; Kellner and Ceriotti (2024), `kellner2024uncertainty`, for
committees.

Shapes: G molecules, A atoms, P pairs, K features (channels), B Gaussians.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import keras
import numpy as np
import tensorflow as tf

from dmol_molnet.molecules import SYMBOLS, InputError, quoted
from dmol_molnet.nn.graph import MolecularGraph, lengths, molecule_sum, neighbor_sum, pair_vectors
from dmol_molnet.nn.radial import cosine_cutoff, gaussian_basis


@keras.saving.register_keras_serializable(package="dmol_molnet")
class SchNet(keras.Model):
    """Energies from distances: invariant under rotation, reflection, translation and permutation by construction.

    Args:
        channels: K, features of an atom.
        layers: how many interactions.
        radial: B, how many Gaussians.
        cutoff: Å; atoms farther apart do not see each other.
        neighbors: n, what sums over neighbours are divided by; 1 in the paper.  None leaves it to the potential, which
            takes the average number in its training set.
        members: M, how many readouts a committee has; the energy is their mean.
        seed: of the initial weights; None takes the global generator's.

    Raises:
        InputError: a size that is no whole number above 0, or a cutoff or number of neighbours that is not positive.
    """

    def __init__(
        self,
        channels: int = 128,
        layers: int = 3,
        radial: int = 20,
        cutoff: float = 5.0,
        neighbors: float | None = 1.0,
        members: int = 1,
        seed: int | None = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        channels, layers, radial, cutoff, neighbors, members = (
            value.item() if isinstance(value, np.integer | np.floating) else value
            for value in (channels, layers, radial, cutoff, neighbors, members)
        )
        sizes = {"channels": (channels, 2), "layers": (layers, 1), "radial": (radial, 2), "members": (members, 1)}
        for name, (value, least) in sizes.items():
            if not isinstance(value, int) or isinstance(value, bool) or value < least:
                raise InputError(f"{name} is a whole number, at least {least}, not {quoted(value)}")
        for name, value in (("cutoff", cutoff), ("neighbors", 1.0 if neighbors is None else neighbors)):
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
                raise InputError(f"{name} is a positive number, not {quoted(value)}")
        self.arguments = {
            "channels": channels, "layers": layers, "radial": radial, "cutoff": float(cutoff), "members": members,
            "seed": seed,
        }  # fmt: skip
        self.cutoff, self.members = float(cutoff), members
        seeds = seeds_from(seed)
        self.embedding = keras.layers.Embedding(
            len(SYMBOLS), channels, embeddings_initializer=keras.initializers.RandomNormal(stddev=1.0, seed=next(seeds))
        )
        self.interactions = [Interaction(channels, radial, cutoff, next(seeds)) for _ in range(layers)]
        self.readout = [
            dense(channels // 2, seeds, activation=shifted_softplus),
            dense(1, seeds, use_bias=False),
        ]
        self.neighbors = neighbors
        self.build()

    @property
    def neighbors(self) -> float | None:
        """What sums over neighbours are divided by; None for 1, until a potential sets it."""
        return self._neighbors

    @neighbors.setter
    def neighbors(self, value: float | None) -> None:
        """Set it in all interactions."""
        self._neighbors = value
        for interaction in self.interactions:
            interaction.neighbors = 1.0 if value is None else value

    def build(self, input_shape=None):
        """Make all weights; their shapes follow from the arguments."""
        channels = self.arguments["channels"]
        self.embedding.build(None)
        for layer in self.interactions:
            layer.build(None)
        self.readout[0].build((None, channels))
        self.readout[1].build((None, channels // 2))
        self.deviation = deviation(self, channels // 2)
        self.built = True

    @property
    def readout_weights(self) -> list[keras.Variable]:
        """What is trained of the readout; the rest is the trunk."""
        return [weight for layer in self.readout for weight in layer.trainable_variables]

    def call(self, graph: MolecularGraph, positions: tf.Tensor | None = None):
        """The energy of each molecule [G]; with `positions` [A, 3] Å in place of the graph's."""
        return molecule_sum(self.atomic_energies(graph, positions), graph)

    def atomic_energies(self, graph: MolecularGraph, positions: tf.Tensor | None = None):
        """What each atom adds to the energy of its molecule [A]; of a committee, the mean."""
        y = self.features(graph, positions)["0e"]  # [A, K]
        for layer in self.readout:
            y = layer(y)  # [A, K/2], [A, 1]
        return y[:, 0]  # [A]

    def atomic_members(self, graph: MolecularGraph, positions: tf.Tensor | None = None):
        """What each atom adds to the energy of its molecule, by member [A, M]."""
        return self.atomic_energies(graph, positions)[:, None] + self.atomic_deviations(graph, positions)

    def atomic_deviations(self, graph: MolecularGraph, positions: tf.Tensor | None = None):
        """What each member deviates from the mean [A, M]; of one member, zeros."""
        return deviations(self.last(graph, positions), self.deviation)

    def last(self, graph: MolecularGraph, positions: tf.Tensor | None = None):
        """What the last weights of the readout weigh [A, F], F = K/2."""
        return self.readout[0](self.features(graph, positions)["0e"])

    def features(self, graph: MolecularGraph, positions: tf.Tensor | None = None) -> dict[str, tf.Tensor]:
        """The atoms' features after the last layer, by irrep: scalars only, {"0e": [A, K]}."""
        r = lengths(tf.cast(pair_vectors(graph, positions), self.compute_dtype))  # [P]
        h = self.embedding(graph.numbers)  # [A, K]
        for interaction in self.interactions:
            h = interaction(h, r, graph)  # [A, K]
        return {"0e": h}

    def get_config(self):
        """The arguments, for saving."""
        return {**super().get_config(), **self.arguments, "neighbors": self.neighbors}


@keras.saving.register_keras_serializable(package="dmol_molnet")
class Interaction(keras.layers.Layer):
    """One layer: filters from distances, a convolution over neighbours, an update by atom.

    Args: as for `SchNet`.
    """

    def __init__(
        self, channels: int, radial: int, cutoff: float, seed: int | None = None, neighbors: float = 1.0, **kwargs
    ):
        super().__init__(**kwargs)
        self.arguments = {"channels": channels, "radial": radial, "cutoff": cutoff, "seed": seed}
        self.radial, self.cutoff, self.neighbors = radial, cutoff, neighbors
        seeds = seeds_from(seed)
        self.filter = [dense(channels, seeds, activation=shifted_softplus), dense(channels, seeds)]
        self.sender = dense(channels, seeds, use_bias=False)
        self.update = [dense(channels, seeds, activation=shifted_softplus), dense(channels, seeds)]

    def build(self, input_shape=None):
        """Make all weights."""
        channels = self.arguments["channels"]
        self.filter[0].build((None, self.radial))
        for layer in (self.filter[1], self.sender, *self.update):
            layer.build((None, channels))
        self.built = True

    def call(self, h, r, graph):
        """h [A, K], r [P] Å -> [A, K]."""
        v = neighbor_sum(self.sender(h), self.filters(r), graph) / self.neighbors  # [A, K]
        for layer in self.update:
            v = layer(v)  # [A, K]
        return h + v

    def filters(self, r):
        """w_ij of every pair: r [P] Å -> [P, K]."""
        hidden, last = self.filter
        f = cosine_cutoff(r, self.cutoff)[:, None]  # [P, 1]
        s = hidden(gaussian_basis(r, self.radial, self.cutoff))  # [P, K]
        # w = f (s W2 + b2), as one product: a factor behind it, XLA computes anew for each slot and channel.
        return tf.concat([f * s, f], 1) @ tf.concat([last.kernel, last.bias[None]], 0)  # [P, K]

    def get_config(self):
        """The arguments, for saving."""
        return {**super().get_config(), **self.arguments, "neighbors": self.neighbors}


@keras.saving.register_keras_serializable(package="dmol_molnet")
def shifted_softplus(x):
    """ln(e^x / 2 + 1/2): smooth everywhere, and 0 at 0."""
    return tf.nn.softplus(x) - math.log(2)


def deviation(network: keras.Model, rows: int) -> keras.Variable | None:
    """What the members of a network deviate from their mean in the last weights of its readouts [F, M]; of one, None.

    It is no part of what is trained: `Potential.draw_members` draws it anew after training.
    """
    if network.members == 1:
        return None
    initializer = keras.initializers.RandomNormal(stddev=1.0, seed=network.arguments["seed"])
    return network.add_weight(name="deviation", shape=(rows, network.members), initializer=initializer, trainable=False)


def deviations(h: tf.Tensor, deviation: keras.Variable | None) -> tf.Tensor:
    """What members deviate from their mean: h [A, F], d [F, M] -> [A, M], of mean 0 whatever d is; None -> zeros."""
    if deviation is None:
        return tf.zeros_like(h[:, :1])
    return h @ (deviation - tf.reduce_mean(deviation, 1, keepdims=True))


def dense(units: int, seeds, **kwargs) -> keras.layers.Dense:
    """A dense layer whose first weights follow from the next seed."""
    return keras.layers.Dense(units, kernel_initializer=keras.initializers.GlorotUniform(seed=next(seeds)), **kwargs)


def seeds_from(seed: int | None) -> Iterator[int | None]:
    """Seeds for the parts of a network, without end; None stays None."""
    rng = np.random.default_rng(seed)
    while True:
        yield None if seed is None else int(rng.integers(2**31))
