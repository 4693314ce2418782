"""The film of a vibration: a period of it, seen."""

import numpy as np
import pytest
from scipy.spatial.distance import pdist

from dmol_molnet import Molecule, figures
from dmol_molnet.molecules import InputError
from dmol_molnet.vibrations import modes

WATER = Molecule.from_smiles("O").embed()


@pytest.fixture(scope="module")
def three():
    """Modes of water under springs between all atoms."""
    x, H = WATER.positions, np.zeros((3, 3, 3, 3))
    for i in range(3):
        for j in set(range(3)) - {i}:
            u = (x[i] - x[j]) / np.linalg.norm(x[i] - x[j])
            H[i, :, i] += np.outer(u, u)
            H[i, :, j] -= np.outer(u, u)
    return modes(30.0 * H.reshape(9, 9), x, WATER.to_ase().get_masses())


def test_atoms_swing_about_their_minimum(three):
    film = figures.vibration(WATER, three, 3)
    x = np.array([frame.positions for frame in film.frames])  # [24, A, 3]
    np.testing.assert_allclose(pdist(x.mean(axis=0)), pdist(WATER.positions), atol=1e-9)
    np.testing.assert_allclose(np.linalg.norm(x - x.mean(axis=0), axis=-1).max(), 0.4)
    np.testing.assert_allclose(x[12] - x.mean(axis=0), -(x[0] - x.mean(axis=0)), atol=1e-9)
    masses = WATER.to_ase().get_masses()[:, None]
    np.testing.assert_allclose(np.ptp((masses * x).sum(axis=1), axis=0), 0, atol=1e-9)  # the whole does not move
    assert f"{three.frequencies[2]:,.0f} cm⁻¹" in film.title


def test_it_is_seen(three):
    film = figures.vibration(WATER, three, 1, theme="dark")
    first, *_, last = film.states()
    assert first.shape == last.shape
    assert (first != last).any()
    assert film.seconds == 1


@pytest.mark.parametrize(
    ("number", "theme", "said"), [(0, "light", "1 to 3"), (4, "light", "1 to 3"), (1, "red", "theme")]
)
def test_what_there_is_not(three, number, theme, said):
    with pytest.raises(InputError, match=said):
        figures.vibration(WATER, three, number, theme=theme)
