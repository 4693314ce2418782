"""The film of an opening angle: its numbers are those of the addition theorem."""

import numpy as np
import pytest
from numpy.polynomial.legendre import legval

from dmol_molnet.figures import bending
from dmol_molnet.molecules import InputError

WEIGHTS = (0.5, -1.0, 0.2)


@pytest.fixture(scope="module")
def film():
    return bending(WEIGHTS, frames=5)


def test_the_numbers_follow_the_angle_as_legendre_polynomials(film):
    np.testing.assert_allclose(film.angles, [60, 90, 120, 150, 180])
    for angle, (A, B, energy) in zip(film.angles, film.numbers, strict=True):
        P = [legval(np.cos(np.radians(angle)), np.eye(3)[l]) for l in range(3)]
        np.testing.assert_allclose(B, [(2 * l + 1) ** 0.5 * (2 + 2 * P[l]) for l in range(3)], atol=1e-12)
        assert energy == pytest.approx(np.dot(WEIGHTS, B))
        assert [len(a) for a in A] == [1, 3, 5]


def test_each_angle_is_a_picture_without_empty_bands(film, tmp_path):
    states = list(film.states())
    assert len({state.tobytes() for state in states}) == 5
    for state in states:
        assert state.shape[1] == 600
        blank = (state == state[-1, 0]).all(axis=(1, 2))  # rows of pixels
        assert blank[-1], "nothing is cut"
        assert not blank[-30:].all()
    assert film.poster == 0
    assert "From 60 degrees on: B is 4.00, 5.20, 3.91, and E is -2.41." in film.captions()
    assert film.save(tmp_path / "bend.png").stat().st_size > 5000


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"weights": ()}, "one to three degrees"),
        ({"angles": (0, 90)}, "from more than 0"),
        ({"angles": (90, 60)}, "from more than 0"),
        ({"frames": 3}, "4 to 240 frames, not 3"),
        ({"theme": "pink"}, "light or dark"),
    ],
)
def test_what_cannot_be_filmed_is_told(options, message):
    with pytest.raises(InputError, match=message):
        bending(**{"frames": 4, **options})
