"""Spherical harmonics of many vectors: the polynomials of `so3`, whose conventions hold, evaluated on tensors.

    Y_lm(r) = P_lm(z, r^2) Re (x + iy)^m,   Y_l,-m(r) = P_lm(z, r^2) Im (x + iy)^m,     m >= 0

They are solid harmonics, polynomials of degree l: a unit vector gives Y_lm, the zero vector 0 for l > 0, and all
derivatives are finite everywhere.  Plain autodiff of these lines is as fast as a gradient written by hand (measured).

Shapes: r [P, 3] -> [(l_max+1)^2, P], degree l in the rows [l^2, (l+1)^2), m = -l … l.  Rows come first because each is
one formula: on a CPU, XLA turns a row, contiguous in memory, into one vector loop over the pairs.
"""

from __future__ import annotations

import tensorflow as tf

from dmol_molnet.so3 import harmonic_polynomials


def spherical_harmonics(l_max: int, r: tf.Tensor) -> tf.Tensor:
    """r [P, 3] -> [(l_max+1)^2, P], of the same type: r^l Y_lm, component-normalised.

    Raises:
        InputError: l_max is no integer, or negative.
    """
    x, y, z = tf.unstack(r, num=3, axis=1)  # [P] each
    return tf.stack(harmonic_polynomials(l_max, x, y, z))
