"""Trees of couplings: factors below, forks above them, and no coupling that there is not."""

import numpy as np
import pytest
from matplotlib.patches import Circle

from dmol_molnet.figures import coupling_tree, new, show
from dmol_molnet.molecules import InputError


def test_forks_stand_above_what_they_join():
    ax = coupling_tree(((1, 1, 2), 2, 0), title="a tree").axes[0]
    at = [tuple(circle.center) for circle in ax.patches if isinstance(circle, Circle)]
    assert at == [(1, 0), (2, 0), (1.5, 1), (3, 0), (2.25, 2)]
    numbers = [text.get_text() for text in ax.texts if text.get_text().isdigit()]
    assert numbers == ["1", "1", "2", "2", "0"]
    ends = sorted(tuple(np.transpose(line.get_data()).ravel()) for line in ax.lines)
    assert ends == [(1, 0, 1.5, 1), (1.5, 1, 2.25, 2), (2, 0, 1.5, 1), (3, 0, 2.25, 2)]


def test_it_goes_into_a_page():
    assert "svg" in show(coupling_tree((1, (1, 2, 1), 0), new(2, 2)[1], letter="B"), alt="tree").svg


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        ((1, 1, 3), "degrees 1 and 1 couple to 0 to 2, not to 3"),
        ((0, (1, 2, 0), 0), "degrees 1 and 2 couple to 1 to 3"),
        ((1, 1), "a tree is a degree"),
        ((-1, 1, 0), "a tree is a degree"),
        ((1, "1", 0), "a tree is a degree"),
    ],
)
def test_what_is_no_coupling_is_told(tree, message):
    with pytest.raises(InputError, match=message):
        coupling_tree(tree)
