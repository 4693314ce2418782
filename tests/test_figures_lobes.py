"""Lobes: the surface is where the function says, and its colours are the signs."""

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from dmol_molnet import InputError, so3
from dmol_molnet.figures import lobes, show
from dmol_molnet.figures.lobes import NEGATIVE, POSITIVE


def surface(figure):
    """Corners [N, 4, 2] and colours [N, 3] of what is drawn."""
    (patches,) = figure.axes[0].collections
    return np.array([path.vertices[:4] for path in patches.get_paths()]), patches.get_facecolors()[:, :3]


def extent(coefficients, **options):
    corners, _ = surface(lobes(coefficients, view=(0, 0), **options))
    return corners.reshape(-1, 2).min(axis=0), corners.reshape(-1, 2).max(axis=0)


def test_the_surface_reaches_as_far_as_the_function():
    low, high = extent([0, 1, 0])  # z, seen along y: two balls, one above the other
    np.testing.assert_allclose([low[1], high[1]], [-np.sqrt(3), np.sqrt(3)], rtol=1e-6)
    np.testing.assert_allclose([low[0], high[0]], [-np.sqrt(3) / 2, np.sqrt(3) / 2], rtol=1e-2)
    np.testing.assert_allclose(extent([2.0])[1], [2, 2], rtol=1e-3)
    direction = np.array([0.6, 0, 0.8])  # in the plane of the page
    c = so3.spherical_harmonics(3, direction)[9:]
    corners, _ = surface(lobes(c, view=(0, 0), fineness=90))
    assert (corners.reshape(-1, 2) @ direction[[0, 2]]).max() == pytest.approx(7, rel=1e-3)


def test_signs_are_colours():
    corners, colors = surface(lobes([0, 1, 0], view=(0, 0)))
    above = corners[..., 1].mean(axis=1) > 0.1
    below = corners[..., 1].mean(axis=1) < -0.1
    for part, color in ((above, POSITIVE), (below, NEGATIVE)):
        shade = colors[part] / to_rgb(color)
        np.testing.assert_allclose(shade - shade[:, :1], 0, atol=1e-3)  # only darker or lighter


def test_turned_coefficients_are_the_turned_surface():
    c, s = np.cos(0.5), np.sin(0.5)
    R = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
    one, other = (
        surface(lobes(x, view=view, axes=False, fineness=60))[0].reshape(-1, 2)
        for x, view in (([0, 0, 0, 1, 0], (0, 10)), (so3.wigner_d(2, R)[:, 3], (np.degrees(0.5), 10)))
    )
    np.testing.assert_allclose(one.min(axis=0), other.min(axis=0), atol=0.02)
    np.testing.assert_allclose(one.max(axis=0), other.max(axis=0), atol=0.02)


def test_axes_have_letters_but_for_one_that_points_at_the_eye():
    letters = [{text.get_text() for text in lobes([1.0], view=view).axes[0].texts} for view in ((25, 20), (0, 90))]
    assert letters == [{"x", "y", "z"}, {"x", "y"}]


def test_it_goes_into_a_page_and_says_what_it_cannot_draw():
    assert len(show(lobes([1.0, 0, 0, 0, 0], fineness=24), alt="five").svg) < 60_000
    with pytest.raises(InputError, match=r"2l\+1 coefficients"):
        lobes([1.0, 0.0])
