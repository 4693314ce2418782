"""The data sets: what the files hold, against the script's own account, physics and the published checksums."""

import hashlib
import json
import re

import numpy as np
import pytest
from conftest import ROOT

from dmol_molnet import InputError, datasets
from dmol_molnet.files import read_xyz

FOLDER = ROOT / "dmol_molnet" / "data" / "acetylacetone"
ABOUT = json.loads((FOLDER / "about.json").read_text())


@pytest.fixture
def ours():
    return datasets.load("acetylacetone")


def test_the_files_are_those_that_the_script_made_and_small():
    found = {path.name: path for path in FOLDER.glob("*.xz")}
    assert set(found) == {f"{name}.xyz.xz" for name in ABOUT["files"]}
    for name, entry in ABOUT["files"].items():
        assert hashlib.sha256(found[f"{name}.xyz.xz"].read_bytes()).hexdigest() == entry["sha256"]
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 2e6


def test_sizes_labels_and_atoms(ours):
    sizes = {
        "train_300K": 500,
        "train_600K": 500,
        "test_300K": 650,
        "test_600K": 650,
        "torsion": 45,
        "proton_transfer": 15,
    }
    assert {file: len(ours[file]) for file in ours.files} == sizes
    assert ours.train == ours.train_300K
    assert ours.tests == ("test_300K", "test_600K", "torsion", "proton_transfer")
    for file in ours.files:
        for molecule in ours[file]:
            assert "".join(molecule.symbols) == "CCOCCCOHHHHHHHH"
            assert molecule.energy is not None
            assert np.abs(molecule.forces.sum(axis=0)).max() < 1e-6
            assert np.abs(np.cross(molecule.positions, molecule.forces).sum(axis=0)).max() < 1e-5


def test_the_account_agrees_with_the_files(ours):
    for file in ours.files:
        entry, energies = ABOUT["files"][file], [molecule.energy for molecule in ours[file]]
        assert np.mean(energies) == pytest.approx(entry["mean energy in eV"], abs=1e-8)
        forces = np.array([molecule.forces for molecule in ours[file]])
        assert np.sqrt((forces**2).mean()) == pytest.approx(entry["root mean square force component in eV/Å"], rel=1e-8)
        assert entry["largest difference from central differences in eV/Å"] < 1e-4


def test_training_and_test_frames_are_of_different_trajectories(ours):
    for kind in ("300K", "600K"):
        train, test = ({m.positions.tobytes() for m in ours[f"{use}_{kind}"]} for use in ("train", "test"))
        assert not train & test
        assert ABOUT["files"][f"test_{kind}"]["smallest difference from a training frame in Å"] > 0.01
        assert ABOUT["files"][f"train_{kind}"]["autocorrelation time of the energy in frames"] < 2


def test_hotter_frames_lie_higher_and_differ_more(ours):
    cold, hot = (np.array([m.energy for m in ours[f]]) for f in ("test_300K", "test_600K"))
    assert hot.mean() - cold.mean() > 0.3
    assert hot.std() > 1.5 * cold.std()
    # Equipartition: each of 3 · 15 - 6 vibrations holds about kT/2 of potential energy.
    lowest = min(m.energy for m in ours.torsion)
    assert cold.mean() - lowest == pytest.approx(39 / 2 * 8.617e-5 * 300, rel=0.1)


def test_labels_are_those_of_the_method(ours):
    pytest.importorskip("tblite", reason="needs the extra `data`")
    import ase
    from tblite.ase import TBLite

    for file in ("train_300K", "test_600K"):
        one = ours[file][17]
        atoms = ase.Atoms(one.numbers, one.positions)
        atoms.calc = TBLite(method="GFN2-xTB", verbosity=0, accuracy=0.01)
        assert atoms.get_potential_energy() == pytest.approx(one.energy, abs=1e-5)
        np.testing.assert_allclose(atoms.get_forces(), one.forces, atol=1e-4)


def test_free_atoms_lie_above_the_molecule():
    atoms = {m.symbols[0]: m.energy for m in read_xyz(FOLDER / "free_atoms.xyz.xz")}
    assert atoms == pytest.approx({"H": -10.7072, "C": -48.7981, "O": -102.5218}, abs=1e-4)


def test_reading_twice_gives_the_same_molecules_but_lists_of_ones_own(ours):
    first = ours.train
    first.clear()
    assert len(ours.train) == 500
    assert ours.torsion[0] is datasets.load("acetylacetone").torsion[0]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: datasets.load("acac"),
            InputError,
            "no data set called 'acac'; there are acetylacetone, acetylacetone-dft",
        ),
        (lambda: datasets.load("acetylacetone")["test"], InputError, "has no 'test'; it has train_300K"),
        (lambda: datasets.load("acetylacetone").trains, AttributeError, "has no 'trains'"),
    ],
)
def test_bad_names_are_told(call, error, message):
    with pytest.raises(error, match=re.escape(message)):
        call()


def test_what_there_is_is_listed(ours):
    assert "torsion" in dir(ours)
    assert "train_600K" in repr(ours)


# ------------------------------------------------------------------------------------------------ the published set


def test_a_local_file_that_is_not_the_published_one_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv(datasets.DATA, str(tmp_path))
    (tmp_path / "train_300K.xyz").write_text("1\n\nH 0 0 0\n")
    datasets._read.cache_clear()
    with pytest.raises(InputError, match="its checksum differs"):
        datasets.load("acetylacetone-dft")["train_300K"]


class FakeSite:
    """Stands for pooch's downloader: writes what it was told to."""

    def __init__(self, content):
        self.content = content

    def __call__(self, url, output_file, pooch):
        assert url.startswith("https://raw.githubusercontent.com/davkovacs/BOTNet-datasets/29e6d46")
        if isinstance(self.content, Exception):
            raise self.content
        with open(output_file, "wb") as file:
            file.write(self.content)


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"half of the fi", "does not match the known hash"), (OSError("no route to host"), "no route to host")],
    ids=["corrupted", "no network"],
)
def test_a_download_that_fails_leaves_nothing_and_says_what_to_do(content, reason, tmp_path, monkeypatch):
    import pooch

    monkeypatch.setenv(datasets.DATA, str(tmp_path))
    monkeypatch.setattr(pooch.core, "choose_downloader", lambda url, progressbar=False: FakeSite(content))
    datasets._read.cache_clear()
    with pytest.raises(InputError, match=reason) as caught:
        datasets.load("acetylacetone-dft")["torsion"]
    assert "fetch it by hand from https://" in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_the_published_set_is_read(monkeypatch):
    try:
        published = datasets.load("acetylacetone-dft")
        train = published.train
    except InputError:
        pytest.skip(f"needs the published set: a network, or a folder with it in {datasets.DATA}")
    assert len(train) == 500
    assert "".join(train[0].symbols) == "CCCOCOC" + 8 * "H"
    energies = np.array([molecule.energy for molecule in train])
    assert energies.mean() / 15 == pytest.approx(-626.0925, abs=1e-4)
    assert energies.std() == pytest.approx(0.1500, abs=1e-4)
    assert published.torsion[0].forces is None
