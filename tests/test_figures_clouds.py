"""Clouds in perspective."""

import numpy as np
import pytest
from matplotlib.patches import Circle

from dmol_molnet import Molecule
from dmol_molnet.counterexamples import k_chains, pair
from dmol_molnet.figures import cloud, new, show
from dmol_molnet.figures.clouds import _turn_to_z
from dmol_molnet.molecules import InputError


def circles(figure):
    return [patch for patch in figure.axes[0].patches if isinstance(patch, Circle)]


def test_atoms_stand_where_they_are_seen_and_near_ones_are_larger():
    m = Molecule([6, 6, 6], [[0, -2, 0], [0, 2, 0], [3, 0, 0.5]])
    near, far, right = circles(cloud(m, view=(0, 0), radius=0.2, bar=0))
    assert near.radius > right.radius > far.radius
    assert right.center[0] > near.center[0]
    assert right.center[1] > near.center[1]
    above = circles(cloud(m, view=(0, 90), radius=0.2, bar=0))
    assert above[1].center[1] > above[0].center[1]  # y points up, seen from above
    quarter = circles(cloud(m, view=(90, 0), radius=0.2, bar=0))
    assert quarter[2].radius == max(c.radius for c in quarter)  # the eye has gone to +x


@pytest.mark.parametrize("up", [(0, 0, 2), (0, 1, 0), (1, 1, 1), (-3, 1, 0.5), (0, 0, -1)])
def test_what_is_up_is_drawn_upwards_and_nothing_is_mirrored(up):
    tip = np.array(up) / np.linalg.norm(up)
    m = Molecule([6] * 2, [-tip, tip])
    low, high = circles(cloud(m, view=(33, 0), up=up))
    np.testing.assert_allclose(high.center - np.array(low.center), [0, 2], atol=1e-9)
    R = _turn_to_z(np.array(up, float))
    np.testing.assert_allclose(R @ R.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(R) > 0


def test_near_atoms_are_drawn_over_far_ones():
    m = Molecule([6, 6], [[0, -2, 0], [0, 2, 0.1]])
    near, far = circles(cloud(m, view=(0, 0)))
    assert near.get_zorder() > far.get_zorder()


def test_edges_labels_and_bar():
    p = k_chains(4)
    figure, ax = new(3, 3)
    cloud(p.a, ax, edges=p.edges, faint=[(0, 2)], highlight=[(0, 5)], labels={0: "zero"}, bar=5, title="chain")
    assert len(ax.lines) == 5 + 1 + 1 + 1
    assert {text.get_text() for text in ax.texts} == {"zero", "5 Å"}
    assert "chain" in {ax.get_title(), ax.get_title("left")}
    assert "zero" not in show(figure, alt="A chain.").svg  # letters are paths


def test_fills_are_those_of_elements_unless_others_are_given():
    p = k_chains(2)
    plain, mixed = circles(cloud(p.a, bar=0)), circles(cloud(p.a, bar=0, fills={1: "#ff0000"}))
    same = [a.get_facecolor() == b.get_facecolor() for a, b in zip(plain, mixed, strict=True)]
    assert same == [True, False, True, True]
    assert mixed[1].get_facecolor() == (1, 0, 0, 1)


def test_bonds_are_the_edges_unless_others_are_given():
    p = pair("enantiomers")
    assert len(cloud(p.a, bar=0).axes[0].lines) == 4
    assert len(cloud(p.a, edges=[], bar=0).axes[0].lines) == 0


def test_without_positions():
    with pytest.raises(InputError, match="has no positions to draw"):
        cloud(Molecule([6]))
    assert np.isfinite(circles(cloud(Molecule([6], [[0, 0, 0]])))[0].radius)
