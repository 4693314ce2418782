"""The running picture: atoms where the directions say, and the numbers that a hand computes."""

import numpy as np
import pytest
from matplotlib.patches import Arc, Circle, FancyArrowPatch

from dmol_molnet import InputError
from dmol_molnet.figures import expansion, neighbours, new, show
from dmol_molnet.figures.neighbours import TWO


def of_kind(ax, kind):
    return [patch for patch in ax.patches if type(patch) is kind]


def test_neighbours_stand_where_their_directions_come_from():
    ax = neighbours(TWO, total="sum").axes[0]
    one, two, atom = (np.array(circle.center) for circle in of_kind(ax, Circle))
    for at, n in ((one, TWO[0]), (two, TWO[1])):
        np.testing.assert_allclose((atom - at) / np.linalg.norm(atom - at), n)
    *arrows, total = of_kind(ax, FancyArrowPatch)
    for arrow, n in zip(arrows, TWO, strict=True):
        start, end = arrow._posA_posB
        np.testing.assert_allclose(np.subtract(end, start) / np.linalg.norm(np.subtract(end, start)), n)
    np.testing.assert_allclose(np.subtract(*total._posA_posB[::-1]), np.sum(TWO, axis=0))
    assert total.get_zorder() > max(circle.get_zorder() for circle in of_kind(ax, Circle))  # its tail is seen
    (arc,) = of_kind(ax, Arc)
    assert (arc.theta2 - arc.theta1) % 360 == pytest.approx(np.degrees(np.arccos(-0.6)))


@pytest.mark.parametrize("turn", [0.3, 1.9, 3.0, 4.4])
def test_the_arc_is_the_angle_however_the_picture_is_turned(turn):
    c, s = np.cos(turn), np.sin(turn)
    ax = neighbours(np.array(TWO) @ [[c, s], [-s, c]]).axes[0]
    (arc,) = of_kind(ax, Arc)
    assert arc.theta2 - arc.theta1 == pytest.approx(np.degrees(np.arccos(-0.6)))


def test_three_neighbours_in_space_and_letters_of_ones_own():
    n = np.eye(3)
    ax = neighbours(n, new(3, 3)[1], center="C", names="HNO", labels=["a", "b", "c"], angle="", title="three").axes[0]
    assert {"C", "H", "N", "O", "a", "b", "c"} == {text.get_text() for text in ax.texts}
    assert not of_kind(ax, Arc)
    assert ax.get_title() == "three"


def test_the_numbers_of_the_expansion_are_those_of_a_hand():
    # Y_1 = sqrt 3 (y, z, x); Y_2 = sqrt 15 (xy, yz, (3zz - 1) / sqrt 12, xz, (xx - yy) / 2), for cosine -0.6, sine 0.8.
    figure = expansion(TWO, (0.5, -1, 0.2))
    shown = [text.get_text().replace("−", "-") for text in figure.axes[1].texts]
    A = [2, 0.8 * 3**0.5, 0, 0.4 * 3**0.5, -0.48 * 15**0.5, 0, -(5**0.5), 0, 0.36 * 15**0.5]
    B = [4, 3 * 0.8 / 3**0.5, 10.4 / 5**0.5]  # |A_1|^2 = 3 (2 - 1.2), |A_2|^2 = 5 (2 + 0.08)
    E = 0.5 * B[0] - B[1] + 0.2 * B[2]
    numbers = [text for text in shown if text.lstrip("-").replace(".", "").isdigit()]
    assert numbers == [f"{value:.2f}" for value in (*A, *B, E)]
    assert "times 0.5, -1, 0.2, added up" in shown
    assert "svg" in show(figure, alt="numbers").svg


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: neighbours([]), "direction of length 1"),
        (lambda: neighbours([[1.0, 1.0]]), "direction of length 1"),
        (lambda: neighbours([[1.0]]), "direction of length 1"),
        (lambda: neighbours(TWO, names=["1"]), "a name and a label each, not 1 and 1"),
        (lambda: expansion(TWO, ()), "one to three degrees"),
        (lambda: expansion(TWO, np.ones(4)), "one to three degrees"),
    ],
)
def test_what_cannot_be_drawn_is_told(call, message):
    with pytest.raises(InputError, match=message):
        call()
