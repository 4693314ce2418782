"""The atomic cluster expansion as layers: what one atom hears, its products, and what the atom makes of them.

    R_kx(r)    = MLP( b_n(r) f(r) )                                                                      `Radial`
    A_i,kl3m3  = sum_k' W_kk'x sum_l1m1,l2m2 C^l3m3_l1m1,l2m2 (1/n) sum_j R_k'x(r_ji) Y_l2m2(r_ji) h~_j,k'l1m1
                                               h~ = W h; x: the paths l1, l2 -> l3                    `AtomicBasis`
    B_i,ckLM   = sum_lm C^LM_c,lm prod_s A_i,k l_s m_s           s = 1 … nu, nu = 1 … correlation    `ProductBasis`
    m_i,kLM    = sum_c W_zi,ckL B_i,ckLM                                                                   `Message`
    h'_i,kLM   = sum_k' W_kk'L m_i,k'LM + sum_k' W_zi,kk'L h_i,k'LM                                         `Update`
    E_i        = sum_t readout( h_i,k00 of layer t )                                                       `Readout`

and, where a network is told so, h~ = W norm(h) in place of W h, `LayerNorm`.

b: Bessel functions, f: the polynomial cutoff, Y: spherical harmonics of the direction, C: Clebsch-Gordan tensors times
sqrt(2 l3 + 1), z: element, n: a constant near the mean number of neighbours, c: the independent symmetric couplings of
nu copies of A to the irrep L, of `so3.symmetric_product`.

Weights are drawn with variance 1, and every sum of n terms is divided by sqrt(n), so that what goes in with variance 1
comes out with it, but for products: of nu copies of A of size s they make about s^nu, and from layer to layer that
grows.  Two layers bear it; for more, take `norm=True`, which brings every layer back to size 1.

Sources: Drautz (2019), `drautz2019atomic`; Batatia et al. (2022), `batatia2022mace`; Batatia et al. (2025),
`batatia2025design`.

Shapes: A atoms, P pairs, K channels, Z elements, Q couplings, X paths; features are rows first, [rows, A, K], the
irreps one after another, m = -l … l within each: couplings mix rows, and channels lie side by side in memory.
"""

from __future__ import annotations

import functools
import math
from itertools import pairwise
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from dmol_molnet import so3
from dmol_molnet.molecules import InputError
from dmol_molnet.nn.graph import MolecularGraph
from dmol_molnet.nn.radial import bessel_basis, polynomial_cutoff
from dmol_molnet.nn.schnet import seeds_from
from dmol_molnet.nn.tensor_sum import TensorSum
from dmol_molnet.so3 import Irrep


class Layer(keras.layers.Layer):
    """A layer that remembers its arguments, and draws its weights from one seed."""

    def __init__(self, seed: int | None, **arguments):
        super().__init__()
        self.arguments, self._seeds = {**arguments, "seed": seed}, seeds_from(seed)

    def weight(self, name: str, *shape: int):
        """A weight of variance 1."""
        initializer = keras.initializers.RandomNormal(stddev=1.0, seed=next(self._seeds))
        return self.add_weight(name=name, shape=shape, initializer=initializer)

    def get_config(self):
        """The arguments, for saving."""
        return self.arguments


@keras.saving.register_keras_serializable(package="dmol_molnet")
class Radial(Layer):
    """R_kx(r): Bessel functions that the cutoff ends smoothly, through a network without biases.

    Without biases, what is 0 at the cutoff stays 0 behind the network.

    Args:
        paths: X, how many functions each channel has.
        channels: K.
        cutoff: Å.
        radial: how many Bessel functions.
        hidden: units of the hidden layers.
        seed: of the weights.
    """

    def __init__(self, paths, channels, cutoff=5.0, radial=8, hidden=(64, 64, 64), seed=None):
        super().__init__(seed, paths=paths, channels=channels, cutoff=cutoff, radial=radial, hidden=list(hidden))
        self.paths, self.channels, self.cutoff, self.radial = paths, channels, cutoff, radial
        sizes = [radial, *hidden, paths * channels]
        self.kernels = [self.weight(f"kernel{n}", a, b) for n, (a, b) in enumerate(pairwise(sizes))]

    def call(self, r):
        """r [P] Å -> [X, P, K]."""
        # Of mean square 1 over neighbours that fill the sphere evenly, where the cutoff does not yet act.
        scale = math.sqrt(self.cutoff**3 / 3)
        y = (
            scale * bessel_basis(r, self.radial, self.cutoff) * polynomial_cutoff(r, self.cutoff, 5)[:, None]
        )  # [P, radial]
        for n, kernel in enumerate(self.kernels):
            y = weigh(silu(y) if n else y, kernel)  # [P, hidden], at last [P, X K]
        return tf.transpose(tf.reshape(y, (-1, self.paths, self.channels)), [1, 0, 2])


class Path(NamedTuple):
    """A coupling of a sender's irrep with harmonics of degree l to an irrep of the receiver."""

    sender: Irrep
    l: int
    receiver: Irrep


@keras.saving.register_keras_serializable(package="dmol_molnet")
class AtomicBasis(Layer):
    """A_i: what atom i hears from all its neighbours, each weighted by its distance and turned by its direction.

    The coupling stands outside the sum over channels: for each pair, harmonics and Clebsch-Gordan tensor make one small
    matrix T from rows of the sender to rows of the receiver, the same for all channels.

    Args:
        senders: irreps of the features, as "0e+1o".
        receivers: irreps of A.
        l_max: highest degree of the harmonics.
        channels: K.
        cutoff, radial: as for `Radial`.
        parity: whether harmonics of odd degree are odd; in SO(3) all is even.
        neighbors: n.
        seed: of the weights.

    Attributes:
        paths: all that couple a sender's irrep and a harmonic to a receiver's, those of a sender together.
    """

    def __init__(
        self, senders, receivers, l_max, channels, cutoff=5.0, radial=8, parity=True, neighbors=1.0, seed=None
    ):
        arguments = {"senders": senders, "receivers": receivers, "l_max": l_max, "channels": channels}
        arguments |= {"cutoff": cutoff, "radial": radial, "parity": parity}
        super().__init__(seed, **arguments)
        self.senders, self.receivers = so3.irreps(senders), so3.irreps(receivers)
        self.channels, self.neighbors = channels, neighbors
        self.paths = [
            Path(sender, l, receiver)
            for sender in self.senders
            for l in range(l_max + 1)
            for receiver in so3.couplings(sender, Irrep(l, (-1) ** l if parity else 1))
            if receiver in self.receivers
        ]
        for irrep in self.receivers:
            if not any(path.receiver == irrep for path in self.paths):
                raise InputError(f"no path from {senders} and harmonics up to l = {l_max} leads to {irrep}")
        self.radial = Radial(len(self.paths), channels, cutoff, radial, seed=next(self._seeds))
        self.up = [self.weight(f"up_{irrep}", channels, channels) for irrep in self.senders]
        self.mix = self.weight("mix", len(self.paths), channels, channels)
        self.couplings = [self._coupling(sender, l_max) for sender in self.senders]
        self.built = True  # or Keras would trace the whole layer before it is first called

    def call(self, h, Y, r, graph: MolecularGraph):
        """h [rows of the senders, A, K], Y [(l_max+1)^2, P], r [P] Å -> [rows of the receivers, A, K]."""
        h = tf.split(linear(h, self.senders, self.up), [irrep.dim for irrep in self.senders])
        x = [len(c.paths) for c in self.couplings]
        R, W = tf.split(self.radial(r), x), tf.split(self.mix / self.neighbors, x)  # [X, P, K], [X, K, K]
        A = 0.0
        for h_l, R_l, W_l, c in zip(h, R, W, self.couplings, strict=True):
            T = tf.reshape(tf.constant(c.matrix, Y.dtype) @ Y, (len(c.path), h_l.shape[0], -1))  # [g, m, P]
            v = TensorSum(graph, c.path, c.sign).receive(T, R_l, h_l)  # [g, A, K]
            A += mix(c.rows, v @ take(W_l, c.path))  # [rows of the receivers, A, K]
        return A

    def get_config(self):
        """The arguments, for saving."""
        return {**super().get_config(), "neighbors": self.neighbors}

    def _coupling(self, sender: Irrep, l_max: int) -> _Coupling:
        paths = [path for path in self.paths if path.sender == sender]
        rows = [path.receiver.dim for path in paths]
        matrix = np.zeros((sum(rows), sender.dim, (l_max + 1) ** 2))
        to = np.zeros((sum(irrep.dim for irrep in self.receivers), sum(rows)))
        for path, end in zip(paths, np.cumsum(rows), strict=True):
            here, block = slice(end - path.receiver.dim, end), slice(path.l**2, (path.l + 1) ** 2)
            C = so3.clebsch_gordan(path.sender.l, path.l, path.receiver.l)  # [m1, m2, m3]
            matrix[here, :, block] = math.sqrt(path.receiver.dim) * C.transpose(2, 0, 1)
            start = sum(irrep.dim for irrep in self.receivers[: self.receivers.index(path.receiver)])
            many = sum(other.receiver == path.receiver for other in self.paths) * self.channels
            to[start : start + path.receiver.dim, here] = np.eye(path.receiver.dim) / math.sqrt(many)
        sign = np.repeat([(-1) ** path.l for path in paths], rows)
        number = np.repeat(np.arange(len(paths)), rows)
        return _Coupling(paths, number, sign, matrix.reshape(-1, (l_max + 1) ** 2), to)


class _Coupling(NamedTuple):
    """Of a sender: its paths; the path and sign of each row g; C [g m, (l_max+1)^2]; to which rows of A they add."""

    paths: list[Path]
    path: np.ndarray
    sign: np.ndarray
    matrix: np.ndarray
    rows: np.ndarray


@keras.saving.register_keras_serializable(package="dmol_molnet")
class ProductBasis(Layer):
    """B_i: the products of up to `correlation` copies of A, channel by channel, coupled to irreps.  It has no weights.

    Only independent couplings: each level multiplies rows of the levels below, and adds the products up by constants,
    B = S (A[P] * A[Q]), which is two lines, and so are its derivatives.

    Args:
        irreps: of A.
        outputs: irreps L of B.
        correlation: the highest nu.
    """

    def __init__(self, irreps, outputs, correlation, parity=True):
        super().__init__(None, irreps=irreps, outputs=outputs, correlation=correlation, parity=parity)
        del self.arguments["seed"]  # nothing to draw
        self.irreps, self.outputs, self.correlation = so3.irreps(irreps), so3.irreps(outputs), correlation
        if correlation > 1:
            self.tree = so3.symmetric_product(len(self.irreps) - 1, correlation, self.outputs, parity)

    def count(self, irrep: Irrep) -> int:
        """Q: how many couplings lead to an irrep."""
        return sum(self.rows_of(nu, irrep)[1] for nu in range(1, self.correlation + 1))

    def call(self, A):
        """A [rows, A, K] -> for each irrep of the outputs, a list of B [Q, 2L+1, A, K] by nu."""
        levels = {1: A}
        for nu in range(2, self.correlation + 1):
            a, P, b, Q, S = self.tree.steps[nu - 2]
            levels[nu] = mix(S, take(levels[a], P) * take(levels[b], Q))
        B = {}
        for irrep in self.outputs:
            B[irrep] = []
            for nu in range(1, self.correlation + 1):
                start, q = self.rows_of(nu, irrep)
                if q:
                    rows = levels[nu][start : start + q * irrep.dim]
                    B[irrep].append(tf.reshape(rows, (q, irrep.dim, *rows.shape[1:])))
        return B

    def rows_of(self, nu: int, irrep: Irrep) -> tuple[int, int]:
        """Where the couplings of nu copies to an irrep begin among the rows of their level, and how many there are."""
        if nu > 1:
            rows = self.tree.rows[nu, irrep]
            return rows.start, (rows.stop - rows.start) // irrep.dim
        start = 0
        for one in self.irreps:
            if one == irrep:
                return start, 1
            start += one.dim
        return start, 0


@keras.saving.register_keras_serializable(package="dmol_molnet")
class Message(Layer):
    """m_i: a sum of the product basis, weighted by the element of the receiver, or by nothing but coupling and channel.

    Args:
        couplings: Q of each irrep, in their order.
        channels: K.
        elements: Z; 1 for weights that all elements share.
        seed: of the weights.
    """

    def __init__(self, couplings, channels, elements=1, seed=None):
        super().__init__(seed, couplings=list(couplings), channels=channels, elements=elements)
        self.kernels = [self.weight(f"kernel{n}", elements, q, channels) for n, q in enumerate(couplings)]

    def call(self, B, z):
        """B as of `ProductBasis`, z one-hot [A, Z] -> [rows, A, K]."""
        m = []
        for kernel, parts in zip(self.kernels, B.values(), strict=True):
            Z, q, k = kernel.shape
            w = z[:, :Z] if Z > 1 else tf.ones((1, 1), kernel.dtype)
            w = tf.reshape(w @ tf.reshape(kernel / math.sqrt(q), (Z, q * k)), (-1, q, k))  # [A, Q, K]
            terms = (part[c] for part in parts for c in range(part.shape[0]))  # [2L+1, A, K] each
            m.append(tf.add_n([w[:, c] * b for c, b in enumerate(terms)]))
        return tf.concat(m, 0)


@keras.saving.register_keras_serializable(package="dmol_molnet")
class Update(Layer):
    """h'_i: channels of the message mixed, and what the atom was before; with gates, if the network has them.

    A gate multiplies all components of a direction by a function of scalars: their lengths change, they do not.

    Args:
        irreps: of the messages and the new features.
        before: irreps of the features before.
        channels: K.
        elements: Z; 1 for a mixing of the old features that all elements share, 0 to forget them.
        gates: whether scalars pass a nonlinearity, and the other irreps gates.
        seed: of the weights.
    """

    def __init__(self, irreps, before, channels, elements=1, gates=False, seed=None):
        super().__init__(seed, irreps=irreps, before=before, channels=channels, elements=elements, gates=gates)
        self.irreps, self.before, self.gates = so3.irreps(irreps), so3.irreps(before), gates
        self.kernels = [self.weight(f"kernel_{irrep}", channels, channels) for irrep in self.irreps]
        kept = [irrep for irrep in self.irreps if elements and irrep in self.before]
        self.old = {str(irrep): self.weight(f"old_{irrep}", channels, elements * channels) for irrep in kept}
        self.gated = [irrep for irrep in self.irreps if gates and irrep != Irrep(0, 1)]
        if self.gated and Irrep(0, 1) not in self.irreps:
            raise InputError(f"gates are made of scalars, 0e, which {irreps} lacks")
        self.gate = [self.weight(f"gate_{irrep}", channels, channels) for irrep in self.gated]

    def call(self, m, h, z):
        """m [rows, A, K], h [rows before, A, K], z one-hot [A, Z] -> [rows, A, K]."""
        new = linear(m, self.irreps, self.kernels, join=False)
        old = dict(zip(self.before, tf.split(h, [irrep.dim for irrep in self.before]), strict=True))
        for n, irrep in enumerate(self.irreps):
            if str(irrep) in self.old:
                kernel = self.old[str(irrep)]
                y = weigh(old[irrep], kernel)  # [2l+1, A, Z K]
                if kernel.shape[1] > kernel.shape[0]:
                    y = tf.reshape(y, (*y.shape[:2], -1, kernel.shape[0]))  # [2l+1, A, Z, K]
                    y = tf.reduce_sum(z[:, :, None] * y, 2)  # [2l+1, A, K]
                new[n] += y
        if self.gates:
            scalars = new[self.irreps.index(Irrep(0, 1))]  # [1, A, K]
            for irrep, kernel in zip(self.gated, self.gate, strict=True):
                new[self.irreps.index(irrep)] *= silu(weigh(scalars, kernel))
            new[self.irreps.index(Irrep(0, 1))] = silu(scalars)
        return tf.concat(new, 0)


@keras.saving.register_keras_serializable(package="dmol_molnet")
class LayerNorm(Layer):
    """Brings the features of each irrep at each atom to size 1: all components by one factor, so that they still turn.

        norm(h)_klm = g_kl h_klm / sqrt( mean_k'm' h_k'lm'^2 + eps )            0e: less its mean over channels first

    Args:
        irreps: of the features.
        channels: K.
        eps: below its root, features are let fade, so that nothing jumps where a direction vanishes.

    Source: as the layer norm by degree of Liao et al. (2024), `liao2024equiformerv2`.
    """

    def __init__(self, irreps, channels, eps=1e-3):
        super().__init__(None, irreps=irreps, channels=channels, eps=eps)
        del self.arguments["seed"]  # nothing to draw
        self.irreps, self.eps = so3.irreps(irreps), eps
        self.gain = [self.add_weight(name=f"gain_{x}", shape=(channels,), initializer="ones") for x in self.irreps]

    def call(self, h):
        """h [rows, A, K] -> [rows, A, K]."""
        parts = []
        for part, irrep, g in zip(tf.split(h, [x.dim for x in self.irreps]), self.irreps, self.gain, strict=True):
            if irrep == Irrep(0, 1):
                part -= tf.reduce_mean(part, -1, keepdims=True)
            parts.append(g * part * tf.math.rsqrt(tf.reduce_mean(part**2, (0, 2), keepdims=True) + self.eps))
        return tf.concat(parts, 0)


@keras.saving.register_keras_serializable(package="dmol_molnet")
class Readout(Layer):
    """What an atom's features of one irrep add to the answer: a sum over channels, or a small network for scalars.

    Args:
        channels: K.
        hidden: units of the hidden layer; 0 for none.
        seed: of the weights.
    """

    def __init__(self, channels, hidden=0, seed=None):
        super().__init__(seed, channels=channels, hidden=hidden)
        sizes = [channels, hidden, 1] if hidden else [channels, 1]
        self.kernels = [self.weight(f"kernel{n}", a, b) for n, (a, b) in enumerate(pairwise(sizes))]

    def call(self, h):
        """h [2l+1, A, K] -> [A, 2l+1]."""
        for n, kernel in enumerate(self.kernels):
            h = weigh(silu(h) if n else h, kernel)
        return tf.transpose(h[:, :, 0])

    def last(self, h):
        """What the last kernel weighs, so that this @ kernel is the answer to scalars: h [1, A, K] -> [A, F]."""
        for kernel in self.kernels[:-1]:
            h = silu(weigh(h, kernel))
        return h[0] / math.sqrt(h.shape[-1])


# ------------------------------------------------------------------------------------------------ parts of layers


def linear(h, irreps, kernels, join=True):
    """h [rows, A, K] -> [rows, A, K']: channels mixed, for each irrep by a kernel [K, K'] of its own."""
    parts = tf.split(h, [irrep.dim for irrep in irreps])
    parts = [weigh(part, kernel) for part, kernel in zip(parts, kernels, strict=True)]
    return tf.concat(parts, 0) if join else parts


def weigh(h, kernel):
    """h [..., K], kernel [K, K'] of variance 1 -> [..., K'], of the variance of h."""
    # As one product of two matrices, which is what is fast.
    y = tf.reshape(h, (-1, kernel.shape[0])) @ (kernel / math.sqrt(kernel.shape[0]))
    return tf.reshape(y, (*h.shape[:-1], kernel.shape[1]))


def take(x, rows):
    """x[rows]; its adjoint adds up by a product with a matrix of zeros and ones, instead of scattering."""
    n = x.shape[0]

    @tf.custom_gradient
    def f(x):
        return tf.gather(x, rows), lambda g: put(g, rows, n)

    return f(x)


def put(x, rows, n):
    """The adjoint of `take`: y[rows] += x, for y of n rows."""

    @tf.custom_gradient
    def f(x):
        matrix = np.zeros((n, len(rows)))
        matrix[rows, np.arange(len(rows))] = 1
        return mix(matrix, x), lambda g: take(g, rows)

    return f(x)


def mix(matrix, x):
    """matrix [rows', rows] constant, x [rows, …] -> [rows', …]."""
    y = tf.constant(matrix, x.dtype) @ tf.reshape(x, (x.shape[0], -1))
    return tf.reshape(y, (-1, *x.shape[1:]))


def silu(x):
    """x / (1 + e^-x), times the constant that gives a normal variable of variance 1 a mean square of 1."""
    return silu_scale() * tf.nn.silu(x)


@functools.cache
def silu_scale() -> float:
    """The constant of `silu`."""
    x, w = np.polynomial.hermite_e.hermegauss(200)
    return float(1 / np.sqrt(np.sum(w * (x / (1 + np.exp(-x))) ** 2) / np.sum(w)))
