"""What a function does to vectors: its circle and arrows stand where the function says."""

import numpy as np
import pytest
from matplotlib.patches import FancyArrowPatch

from dmol_molnet.figures import show, vector_map
from dmol_molnet.molecules import InputError


def drawn(f):
    """The curve [145, 2], and the ends of the arrows [N, 2]."""
    ax = vector_map(f, length=2.0, reach=2.5).axes[0]
    dotted, curve, *_ = ax.lines
    np.testing.assert_allclose(np.hypot(*dotted.get_data()), 2)
    return np.transpose(curve.get_data()), [p._posA_posB[1] for p in ax.patches if isinstance(p, FancyArrowPatch)]


def test_a_common_factor_keeps_the_circle_and_a_function_of_components_does_not():
    curve, ends = drawn(lambda v: 0.5 * v)
    np.testing.assert_allclose(np.linalg.norm(curve, axis=1), 1)
    angles = np.arange(8) * np.pi / 4
    np.testing.assert_allclose(ends, np.transpose([np.cos(angles), np.sin(angles)]), atol=1e-12)
    curve, ends = drawn(np.tanh)
    assert np.ptp(np.linalg.norm(curve, axis=1)) > 0.1
    np.testing.assert_allclose(ends[1], np.tanh(2**0.5) * np.ones(2))


def test_it_goes_into_a_page_and_refuses_what_is_no_vector():
    assert "svg" in show(vector_map(np.tanh, title="tanh"), alt="a rounded square").svg
    with pytest.raises(InputError, match=r"a vector \[2\], not \[\]"):
        vector_map(np.sum)
