"""The film of a turning molecule: what it shows was asked of the network at each angle, and has its rhythm."""

import numpy as np
import pytest

from dmol_molnet import so3
from dmol_molnet.figures import turntable
from dmol_molnet.figures.film import Film
from dmol_molnet.molecules import InputError, Molecule
from dmol_molnet.nn.design_space import build
from dmol_molnet.nn.graph import MolecularGraph

METHANOL = Molecule.example("methanol").embed(0)
NETWORK = build("mace", channels=2, correlation=2, l_max=2, hidden_l_max=2, elements=["H", "C", "O"], seed=0)
ASKED = []


def features(molecule):
    ASKED.append(molecule)
    return NETWORK.features(MolecularGraph.from_molecules(molecule, NETWORK.cutoff))


@pytest.fixture(scope="module")
def film():
    ASKED.clear()
    return turntable(METHANOL, features, frames=8, follow=1, channel=1)


def test_a_component_m_comes_back_m_times(film):
    assert len(ASKED) == 8
    for irrep, start in film.runs[0].items():
        l = so3.Irrep.of(irrep).l
        values = np.array([run[irrep] for run in film.runs])  # [frames, A, K, 2l+1]
        waves = np.abs(np.fft.rfft(values, axis=0)).max(axis=(1, 2))  # [frequencies, 2l+1]
        for m in range(-l, l + 1):
            others = np.delete(waves[:, m + l], abs(m))
            assert waves[abs(m), m + l] > 1e-2
            assert others.max() < 1e-4 * np.abs(start).max()


def test_each_angle_is_a_picture_with_the_recorded_numbers(film):
    states = list(film.states())
    assert len({state.tobytes() for state in states}) == 8
    width = states[0].shape[1]
    assert width == 600  # which a phone shows at more than half its size
    assert (states[0][-40:] != states[0][-1, 0]).any()  # no empty strip: the page puts the controls under the film
    assert (states[0][-1] == states[0][-1, 0]).all()  # and nothing is cut
    assert film.poster == 0
    _, _, markers = film._stage()
    shown = {values.shape[1]: values for _, values in markers}
    for irrep in ("0e", "1o", "2e"):
        values = np.array([run[irrep][1, 1] for run in film.runs])
        np.testing.assert_array_equal(shown[values.shape[1]], values)


def test_it_is_a_film_with_captions(film, tmp_path):
    assert film.seconds == pytest.approx(8 / 6)
    assert film.title.startswith("CH4O turns")
    assert turntable(METHANOL, features, frames=4, title="Methanol turns").title == "Methanol turns"
    captions = film.captions()
    assert captions.count("-->") == 4
    for number in film.runs[2]["1o"][1, 1]:  # a quarter turn
        assert f"{number:.2f}" in captions
    for name in ("turn.gif", "turn.png"):
        assert film.save(tmp_path / name).stat().st_size > 5000
    with pytest.raises(InputError, match=r"\.png \(a still\)$"):
        film.save(tmp_path / "turn.svg")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"frames": 3}, "4 to 240 frames, not 3"),
        ({"follow": 6}, "no atom 6 to follow; its atoms are 0 to 5"),
        ({"channel": 2}, "channels 0 to 1"),
        ({"theme": "pink"}, "light or dark"),
        ({"fps": 0}, "frames a second"),
    ],
)
def test_what_cannot_be_filmed_is_told(options, message):
    with pytest.raises(InputError, match=message):
        turntable(METHANOL, features, **{"frames": 4, **options})


def test_a_film_of_odd_pictures_is_written(tmp_path):
    """The encoder takes even sizes alone; the last row and column are left out."""

    class Odd(Film):
        def states(self):
            for k in range(4):
                yield np.full((121, 81, 3), 60 * k, np.uint8)

    film = Odd("odd", [1] * 4, ["grey"] * 4, 4.0)
    assert film.save(tmp_path / "a.mp4").stat().st_size > 500
    assert {state.shape for state in film._states} == {(120, 80, 3)}
