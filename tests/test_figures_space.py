"""Molecules in space stand where they are; matrices show every entry, by sign and size."""

import numpy as np
import pytest
from matplotlib.patches import Circle, FancyArrowPatch, Rectangle

from dmol_molnet.figures import in_space, matrix, new
from dmol_molnet.molecules import InputError, Molecule

WATER = Molecule.example("water").embed()


def of_kind(ax, kind):
    return [patch for patch in ax.patches if type(patch) is kind]


def test_atoms_stand_where_they_are_and_the_nearer_ones_in_front():
    ax = in_space(WATER, numbered=True, title="water", note="0 eV").axes[0]
    centers = [circle.center for circle in of_kind(ax, Circle)]
    np.testing.assert_allclose(centers, WATER.positions[:, :2])
    heights = [circle.zorder for circle in of_kind(ax, Circle)]
    np.testing.assert_array_equal(np.argsort(heights), np.argsort(WATER.positions[:, 2], kind="stable"))
    texts = [text.get_text() for text in ax.texts]
    assert sorted(texts) == sorted([*WATER.symbols, "0", "1", "2", "0 eV"])
    assert len(ax.lines) == len(WATER.bonds) + 1  # and the cross at the origin
    assert ax.get_aspect() == 1


def test_arrows_go_from_start_along_the_vector():
    ax = new(3, 3)[1]
    arrows = [([0, 0, 0], [1, 2, 3], "full"), ([1, 1, 1], [-1, 0, 0], "open")]
    in_space(WATER, ax, arrows=arrows, reach=5)
    drawn = of_kind(ax, FancyArrowPatch)
    ends = [arrow._posA_posB for arrow in drawn]
    np.testing.assert_allclose(ends, [[[0, 0], [1, 2]], [[1, 1], [0, 1]]])
    assert drawn[0].get_linestyle() != drawn[1].get_linestyle(), "never by colour alone"
    assert ax.get_xlim() == (-5, 5)


def test_a_molecule_without_positions_is_told():
    with pytest.raises(InputError, match="no positions to draw"):
        in_space(Molecule.example("water"))


def test_squares_show_sign_and_size():
    values = np.array([[2.0, -1.0], [0.0, 0.5]])
    ax = matrix(values, blocks={"a": 1, "b": 1}, title="m").axes[0]
    squares = [r for r in of_kind(ax, Rectangle) if r.get_fill()]
    assert len(squares) == 3
    sides = [square.get_width() for square in squares]
    assert sides[0] > sides[1] > sides[2]
    assert squares[0].get_edgecolor() != squares[1].get_edgecolor()
    middles = [(s.get_x() + s.get_width() / 2, s.get_y() + s.get_height() / 2) for s in squares]
    np.testing.assert_allclose(middles, [(0.5, 0.5), (1.5, 0.5), (1.5, 1.5)])
    assert [text.get_text() for text in ax.texts] == ["a", "b"]
    frames = [r for r in of_kind(ax, Rectangle) if not r.get_fill()]
    assert [frame.get_xy() for frame in frames] == [(0, 0), (1, 1), (0, 0)]
    assert matrix(np.zeros((2, 2))).axes
