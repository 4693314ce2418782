"""The film of a rotation: its matrices turn about the axis, and what is shown turns by them."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation as Scipy

from dmol_molnet import so3
from dmol_molnet.figures import rotation
from dmol_molnet.molecules import InputError, Molecule

METHANOL = Molecule.example("methanol").embed(0)
AXIS = np.array([1.0, 2.0, 2.0]) / 3


@pytest.fixture(scope="module")
def film():
    return rotation(METHANOL, AXIS, frames=8)


def test_the_matrices_are_those_of_scipy(film):
    for angle, R in zip(film.angles, film.matrices, strict=True):
        np.testing.assert_allclose(R, Scipy.from_rotvec(angle * AXIS).as_matrix(), atol=1e-12)


def test_what_is_shown_is_turned_by_the_matrices_that_are_shown(film):
    (start,) = np.flatnonzero(film.angles == 0)
    for R, moments in zip(film.matrices, film.moments, strict=True):
        for l, before, after in zip((1, 2), film.moments[start], moments, strict=True):
            np.testing.assert_allclose(after, so3.wigner_d(l, R) @ before, atol=1e-9)
    assert all(np.ptp([two[m] for _, two in film.moments]) > 1 for m in range(5))  # all five move


def test_each_angle_is_a_picture_that_nothing_cuts(film, tmp_path):
    states = list(film.states())
    assert len({state.tobytes() for state in states}) == 8
    width = states[0].shape[1]
    assert width == 600
    for state in states:
        for edge in (state[:3], state[-3:], state[:, :3], state[:, -3:]):
            assert (edge == state[-1, 0]).all()
        assert (state[-40:] != state[-1, 0]).any()  # no empty band below: the player brings its own strip
    assert film.captions().count("-->") == 4
    assert "Turned by 45°" in film.captions()
    assert film.save(tmp_path / "turn.png").stat().st_size > 5000


def test_the_film_goes_once_round_and_begins_where_its_matrices_are_at_work(film):
    for frames in (4, 8, 36):
        angles = rotation(METHANOL, AXIS, frames=frames).angles
        np.testing.assert_allclose(np.sort(angles), 2 * np.pi * np.arange(frames) / frames)
        np.testing.assert_allclose(np.diff(angles) % (2 * np.pi), 2 * np.pi / frames)
        assert np.degrees(angles[0]) == pytest.approx({4: 90, 8: 45, 36: 60}[frames])
    assert film.poster == 0
    assert "CH₄O" in film.title


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"frames": 3}, "4 to 240 frames, not 3"),
        ({"axis": (0, 0, 0)}, "not all 0"),
        ({"axis": (0, 1)}, "three numbers"),
        ({"theme": "pink"}, "light or dark"),
        ({"molecule": Molecule.from_smiles("O")}, "has no positions to turn"),
    ],
)
def test_what_cannot_be_filmed_is_told(changes, message):
    with pytest.raises(InputError, match=message):
        rotation(**{"molecule": METHANOL, "frames": 4, **changes})
