"""Sums over neighbours of messages that are tensors, and their derivatives of every order.

A sender's features H, a receiver's rows G, functions of the distance R and of the direction T meet in one number,

    Phi(T, R, G, H) = sum_p sum_k sum_g sum_m  T_gmp R_xpk ( G_gik H_mjk  +  s_g G_gjk H_mik ),        x = path(g),

where the pair p = (i, j) is heard both ways: i hears j by T, j hears i by s T, since harmonics of degree l change by
s = (-1)^l when the direction is turned round.  Phi is linear in each of its four arguments, and what a network needs
are its derivatives:

    receive  dPhi/dG    what arrives at the atoms: the sum over neighbours     [g, A, K]
    send     dPhi/dH    what would arrive if senders received                  [m, A, K]
    radial   dPhi/dR    what each pair's radial functions take part in         [paths, P, K]
    angular  dPhi/dT    the same for the functions of the direction            [g, m, P]

The derivative of each of the four, times a cotangent, is made of the other three.  So forces, and the gradient of a
loss of forces, come out of these few lines, and nothing is ever scattered.

On a CPU, XLA makes one vector loop of a sum that is written out term by term, with channels innermost; of a sum over
an axis it makes a slow one.  So sums over slots and over m are written out, where they are short; a sum over many
rows is a product of matrices.

Shapes: A atoms, P pairs, M slots an atom, K channels, g rows of the receiver, m rows of the sender.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from dmol_molnet.nn.graph import MolecularGraph


class TensorSum:
    """The four derivatives of Phi, for one graph.

    Args:
        graph: whose pairs are summed over.
        path: of each row g of the receiver, which radial function it is weighted by.
        sign: of each row g, s_g: 1 or -1.
    """

    def __init__(self, graph: MolecularGraph, path: Sequence[int], sign: Sequence[int]):
        self.graph, self.path = graph, np.asarray(path)
        self.sign = np.asarray(sign, float)

    def receive(self, T, R, H):
        """T [g, m, P], R [paths, P, K], H [m, A, K] -> [g, A, K]: sum over the neighbours j of T R H_j."""

        @tf.custom_gradient
        def f(T, R, H):
            graph, out = self.graph, 0.0
            t = self._by_slots(T)  # [g, m, A, M]
            for s in range(graph.atom.shape[1]):
                r = tf.gather(tf.gather(R, graph.pair[:, s], axis=1), self.path)  # [g, A, K]
                h = tf.gather(H, graph.atom[:, s], axis=1)  # [m, A, K]
                out += r * sum(t[:, m, :, s, None] * h[m] for m in range(h.shape[0]))
            return out, lambda c: (self.angular(R, c, H), self.radial(T, c, H), self.send(T, R, c))

        return f(T, R, H)

    def send(self, T, R, G):
        """T [g, m, P], R [paths, P, K], G [g, A, K] -> [m, A, K]: sum over the neighbours i of T R G_i."""

        @tf.custom_gradient
        def f(T, R, G):
            graph = self.graph
            t = self._by_slots(T, reverse=True)  # [g, m, A, M]
            r = tf.gather(tf.gather(R, graph.pair, axis=1), self.path)  # [g, A, M, K]
            x = tf.transpose(r * tf.gather(G, graph.atom, axis=1), [1, 0, 2, 3])  # [A, g, M, K]
            n, a, slots, k = t.shape[1], *graph.atom.shape, x.shape[3]
            rows = t.shape[0] * slots
            out = tf.reshape(tf.transpose(t, [2, 1, 0, 3]), (a, n, rows)) @ tf.reshape(x, (a, rows, k))  # [A, m, K]
            out = tf.transpose(out, [1, 0, 2])  # [m, A, K]
            return out, lambda c: (self.angular(R, G, c), self.radial(T, G, c), self.receive(T, R, c))

        return f(T, R, G)

    def radial(self, T, G, H):
        """T [g, m, P], G [g, A, K], H [m, A, K] -> [paths, P, K]."""

        @tf.custom_gradient
        def f(T, G, H):
            gi, gj, hi, hj = self._ends(G, H)
            forth, back = self._both_ways(T)  # [g, m, P] each
            out = [0.0] * (1 + self.path.max())
            for g, x in enumerate(self.path):
                there = sum(forth[g, m, :, None] * hj[m] for m in range(H.shape[0]))  # [P, K]
                here = sum(back[g, m, :, None] * hi[m] for m in range(H.shape[0]))
                out[x] += gi[g] * there + gj[g] * here
            return tf.stack(out), lambda c: (self.angular(c, G, H), self.receive(T, c, H), self.send(T, c, G))

        return f(T, G, H)

    def angular(self, R, G, H):
        """R [paths, P, K], G [g, A, K], H [m, A, K] -> [g, m, P]."""

        @tf.custom_gradient
        def f(R, G, H):
            gi, gj, hi, hj = self._ends(G, H)
            r = tf.gather(R, self.path)  # [g, P, K]
            there, here = tf.einsum("gpk,mpk->gmp", r * gi, hj), tf.einsum("gpk,mpk->gmp", r * gj, hi)
            out = self.graph.forth * there + self._signs(here, 3) * self.graph.back * here
            return out, lambda c: (self.radial(c, G, H), self.receive(c, R, H), self.send(c, R, G))

        return f(R, G, H)

    # ---------------------------------------------------------------------------------------- parts

    def _signs(self, like, rank):
        """s [g, 1, …], of the type of a tensor."""
        return tf.constant(self.sign.reshape([-1] + [1] * (rank - 1)), like.dtype)

    def _both_ways(self, T):
        """T where i hears j, and s T where j hears i; else 0."""
        return self.graph.forth * T, self._signs(T, 3) * self.graph.back * T

    def _by_slots(self, T, reverse=False):
        """T as each slot's atom hears it, or is heard by it: [g, m, P] -> [g, m, A, M]."""
        graph = self.graph
        # The slot's atom is the pair's i where sign is 1: it hears by T, and is heard by s T.
        forth = graph.sign < 0 if reverse else graph.sign > 0
        turned = tf.where(forth, tf.ones((), T.dtype), self._signs(T, 4))  # [g, 1, A, M]
        return turned * (graph.heard if reverse else graph.hears) * tf.gather(T, graph.pair, axis=2)

    def _ends(self, G, H):
        """Receiver's and sender's rows at the two atoms of each pair."""
        return [tf.gather(x, k, axis=1) for x in (G, H) for k in (self.graph.i, self.graph.j)]
