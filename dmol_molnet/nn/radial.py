"""Radial bases, and cutoffs that end them smoothly.

    gaussian    g_n(r) = exp(-(r - mu_n)^2 / (2 delta^2)),  mu_n = n delta,  delta = cutoff / (N - 1),  n = 0 … N-1
    bessel      b_n(r) = sqrt(2 / cutoff) sin(n pi r / cutoff) / r,                                     n = 1 … N
    cosine      f(r) = (cos(pi x) + 1) / 2,                                     x = r / cutoff
    polynomial  f(r) = 1 - (p+1)(p+2)/2 x^p + p(p+2) x^(p+1) - p(p+1)/2 x^(p+2)

Both cutoffs are 1 at r = 0 and exactly 0 from the cutoff on, and so are their slopes: energies and forces have no step
where a neighbour enters.  The polynomial's second derivative vanishes there as well, the cosine's does not.

Sources: Schütt et al. (2018), `schutt2018schnet`; Behler and Parrinello (2007), `behler2007generalized`;
Gasteiger et al. (2020), `gasteiger2020directional`.

Shapes: r [...] in Å -> bases [..., N], cutoffs [...].
"""

from __future__ import annotations

import math

import tensorflow as tf


def gaussian_basis(r: tf.Tensor, n: int, cutoff: float) -> tf.Tensor:
    """r [...] Å -> [..., n]: bells on a grid from 0 to the cutoff, as wide as the grid is spaced; n is at least 2."""
    delta = cutoff / (n - 1)
    mu = tf.range(n, dtype=r.dtype) * delta  # [n]
    return tf.exp(-0.5 * ((r[..., None] - mu) / delta) ** 2)


def bessel_basis(r: tf.Tensor, n: int, cutoff: float) -> tf.Tensor:
    """r [...] Å -> [..., n]: standing waves in a sphere; orthonormal on [0, cutoff] with weight r^2, finite at 0."""
    k = tf.range(1, n + 1, dtype=r.dtype) * (math.pi / cutoff)  # [n], 1/Å
    kr = k * r[..., None]
    small = kr < 1e-3  # there sin(kr)/kr is 0/0; its series is exact to the last digit
    sinc = tf.where(small, 1 - kr**2 / 6, tf.sin(kr) / tf.where(small, tf.ones_like(kr), kr))
    return math.sqrt(2 / cutoff) * k * sinc


def cosine_cutoff(r: tf.Tensor, cutoff: float) -> tf.Tensor:
    """r [...] Å -> [...]: half a wave of the cosine."""
    return tf.where(r < cutoff, 0.5 * (tf.cos(math.pi / cutoff * r) + 1), tf.zeros_like(r))


def polynomial_cutoff(r: tf.Tensor, cutoff: float, p: int = 6) -> tf.Tensor:
    """r [...] Å -> [...]: the envelope of order p, at least 2."""
    x = r / cutoff
    f = 1 - (p + 1) * (p + 2) / 2 * x**p + p * (p + 2) * x ** (p + 1) - p * (p + 1) / 2 * x ** (p + 2)
    return tf.where(x < 1, f, tf.zeros_like(r))
