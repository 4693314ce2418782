"""Tables of features: every number has its square, and what turns keeps the measure of its colours."""

import numpy as np
import pytest
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_hex

from dmol_molnet import so3, symmetry
from dmol_molnet.figures import fragments, new
from dmol_molnet.figures.tables import shade
from dmol_molnet.molecules import InputError

RNG = np.random.default_rng(0)
TRACE = [
    {"0e": RNG.normal(size=(3, 5))},
    {"0e": RNG.normal(size=(3, 5)), "1o": RNG.normal(size=(3, 5, 3)), "2e": RNG.normal(size=(3, 5, 5))},
]


def squares(ax):
    (collection,) = (c for c in ax.collections if isinstance(c, PolyCollection))
    corners = [tuple(path.vertices[:4].min(axis=0)) for path in collection.get_paths()]
    return dict(zip(corners, map(to_hex, collection.get_facecolors()), strict=True))


def test_every_number_has_a_square_of_its_colour():
    ax = fragments(TRACE, ["C", "O"], channels=4, title="t").axes[0]
    found = squares(ax)
    assert len(found) == 2 * 4 * (1 + 1 + 3 + 5)
    x, y = sorted({x for x, _ in found}), sorted({y for _, y in found}, reverse=True)
    assert (len(x), len(y)) == (8, 10)
    h = TRACE[1]["1o"][:2, :4]
    scale = 2 * np.sqrt((h**2).mean())
    for v, k, m in np.ndindex(2, 4, 3):
        assert found[x[4 * v + k], y[2 + m]] == shade(h[v, k, m], scale)
    texts = [text.get_text() for text in ax.texts]
    assert sorted(texts) == sorted(["C0", "O1", "start", "layer 1", "0e", "0e", "1o", "2e"])
    assert ax.get_aspect() == 1


def test_scalars_of_a_turned_molecule_have_the_same_colours_and_directions_have_not():
    R = symmetry.random_rotation(1)
    turned = [{x: h if x == "0e" else h @ so3.wigner_d(int(x[0]), R).T for x, h in layer.items()} for layer in TRACE]
    one, other = (squares(fragments(trace, "CO", named=False, channels=5).axes[0]) for trace in (TRACE, turned))
    rows = sorted({y for _, y in one}, reverse=True)
    same = [all(one[at] == other[at] for at in one if at[1] == y) for y in rows]
    assert same == [True, True, *[False] * 8]


def test_it_draws_into_axes_that_are_given_and_tells_what_is_missing():
    figure, axes = new(8, 3, ncols=2)
    assert fragments(TRACE, "COH", axes[1]) is figure
    assert not axes[0].collections
    for trace, symbols in (([], "C"), (TRACE, "COHH")):
        with pytest.raises(InputError, match="need features for each"):
            fragments(trace, symbols)
