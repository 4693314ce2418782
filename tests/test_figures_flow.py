"""Boxes and arrows."""

import pytest
from matplotlib.text import Annotation

from dmol_molnet.figures import flow, show
from dmol_molnet.figures.style import COLORS
from dmol_molnet.molecules import InputError

BOXES = {"a": (0.5, 0.9), "b": (0.2, 0.5), "c": (0.5, 0.1)}


def test_every_box_stands_where_it_should_and_every_arrow_leads_between_two():
    figure = flow(BOXES, [("a", "b"), ("b", "c")], groups={"c": 1})
    ax = figure.axes[0]
    boxes = {t.get_text(): t for t in ax.texts if not isinstance(t, Annotation)}
    assert {name: t.get_position() for name, t in boxes.items()} == BOXES
    arrows = [t for t in ax.texts if isinstance(t, Annotation)]
    assert [(t.xyann, t.xy) for t in arrows] == [(BOXES["a"], BOXES["b"]), (BOXES["b"], BOXES["c"])]
    fills = {name: t.get_bbox_patch().get_facecolor() for name, t in boxes.items()}
    assert fills["a"] == fills["b"] != fills["c"]
    assert show(figure, alt="a to b to c").svg.count(COLORS[0]) == 2


def test_an_arrow_ends_at_the_rims_of_its_boxes():
    ax = flow(BOXES, [("a", "c")]).axes[0]
    (arrow,) = (t.arrow_patch for t in ax.texts if isinstance(t, Annotation))
    rims = {t.get_text(): t.get_bbox_patch() for t in ax.texts if not isinstance(t, Annotation)}
    assert (arrow.patchA, arrow.patchB) == (rims["a"], rims["c"])


@pytest.mark.parametrize("wrong", [{"arrows": [("a", "d")]}, {"arrows": [], "groups": {"d": 1}}])
def test_a_box_that_is_not_there_is_named(wrong):
    with pytest.raises(InputError, match="there is no box 'd'"):
        flow(BOXES, **wrong)
