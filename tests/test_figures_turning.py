"""The story of a turned molecule shows the recorded numbers, and that D joins them."""

import numpy as np
import pytest

from dmol_molnet import so3, symmetry
from dmol_molnet.figures import animate, in_words, show, stepper, still, turning
from dmol_molnet.molecules import InputError, Molecule

METHANOL, RNG = Molecule.example("methanol"), np.random.default_rng(0)
R = symmetry.random_rotation(1)
ONE = [
    {"0e": RNG.normal(size=(8, 4))},
    {"0e": RNG.normal(size=(8, 4)), "1o": RNG.normal(size=(8, 4, 3)), "2e": RNG.normal(size=(8, 4, 5))},
]


def turned(trace, matrix=R):
    return [{x: h if x == "0e" else h @ so3.wigner_d(x, matrix).T for x, h in layer.items()} for layer in trace]


def test_every_irrep_of_every_layer_is_a_step_with_its_numbers():
    other = turned(ONE)
    story = turning(METHANOL, ONE, other, R, follow=1, channel=2)
    assert [step.counter.split(" · ")[1] for step in story.steps] == [
        "0e at the start", "0e after layer 1", "1o after layer 1", "2e after layer 1",
    ]  # fmt: skip
    for step, key in zip(story.steps[2:], ("1o", "2e"), strict=True):
        for view, run in zip(step.views, (ONE, other), strict=True):
            shown = [view.rows[v].numbers for v in range(6)]
            np.testing.assert_allclose(shown, run[1][key][:6, 2])
        numbers, *rows, product, there = (row.numbers for row in step.ledger)
        np.testing.assert_allclose(rows, so3.wigner_d(key, R))
        np.testing.assert_allclose(product, np.dot(rows, numbers))
        np.testing.assert_allclose(there, product)
        assert f"· {step.ledger[0].texts[-1]} = {step.ledger[-1].texts[0]}." in step.sentence
    assert story.steps[1].views[0].rows == story.steps[1].views[1].rows
    assert "the same" in story.steps[1].sentence
    assert "D times" in story.steps[3].sentence


def test_it_can_be_stepped_through_drawn_and_told():
    story = turning(METHANOL, ONE, turned(ONE), R)
    picture = show(still(story), alt=in_words(story))
    assert "1o after layer 1" in picture.alt
    assert stepper(story, picture)._repr_html_().count("<script") == 2
    assert len(list(animate(story).states())) == 4


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"after": ONE}, "is not that of the copy"),
        ({"after": turned(ONE)[:1]}, "not the same layers"),
        ({"follow": 6}, "no atom 6 to follow"),
        ({"channel": 4}, "channels 0 to 3"),
        ({"before": [], "after": []}, "not the same layers"),
    ],
)
def test_what_does_not_belong_together_is_told(changes, message):
    with pytest.raises(InputError, match=message):
        turning(**{"molecule": METHANOL, "before": ONE, "after": turned(ONE), "matrix": R, **changes})


def test_what_cannot_be_drawn_is_told():
    high = [{"3o": RNG.normal(size=(6, 2, 7))}]
    with pytest.raises(InputError, match="3o has 7 components"):
        turning(METHANOL, high, turned(high), R)
    with pytest.raises(InputError, match="has 5 atoms"):
        turning(METHANOL, [{"0e": ONE[0]["0e"][:5]}], [{"0e": ONE[0]["0e"][:5]}], R)
