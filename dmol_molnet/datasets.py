"""Labelled molecules: acetylacetone by GFN2-xTB, which ships with the package, and by DFT, which is downloaded.

    >>> from dmol_molnet import datasets
    >>> data = datasets.load("acetylacetone")
    >>> len(data.train), len(data.test_600K)
    (500, 650)

Both sets have the same shape: training on frames of molecular dynamics at 300 K (`train`, or `train_600K`), tests at
300 K and 600 K, along a torsion and along the path of a proton.  Their energies have different zeros and their forces
differ by half an eV/Å: never mix the two.

Sources: ours is made by `experiments/acetylacetone.py`; the published set belongs to Batatia et al. (2025),
`batatia2025design`, MIT licence.
"""

from __future__ import annotations

import hashlib
import json
import os
from functools import cache
from importlib import resources
from pathlib import Path

from dmol_molnet.files import read_xyz
from dmol_molnet.molecules import InputError, Molecule, quoted

DATA = "DMOL_MOLNET_DATA"
"""The environment variable that names a folder in which downloaded files are looked for first, and then kept."""

_SHIPPED = ("train_300K", "train_600K", "test_300K", "test_600K", "torsion", "proton_transfer")

_ADDRESS = (
    "https://raw.githubusercontent.com/davkovacs/BOTNet-datasets/29e6d467317e4b5967b7ea5cbee54de953fa0d45/dataset_acac/"
)
_PUBLISHED = {
    "train_300K": ("train_300K", "8f5706d6902360555a5be59395612d2afc3489a75688388a58e7275fdad68af3"),
    "train_600K": ("train_600K", "180c2538508f7810a623c279426f44953ee7cfb2af77e48ea3986ff97645a71c"),
    "test_300K": ("test_MD_300K", "2291f3186a3cc6a5e05e92952c84a9237ca53f862d78fd3316a769360719ec43"),
    "test_600K": ("test_MD_600K", "d5a5bba154ec43f915eb7529f86ec3af60e6f911743859daba030181a0378ff7"),
    "torsion": ("test_dihedral", "0c2246a593579de5a4450698d5f4ba5802b095824b7f211aa5889339967c6809"),
    "proton_transfer": ("test_H_transfer", "ea4d76c79cf4cfccd2f93eaf755172b0b648886c4907eb0f82dff07a77530743"),
}

NAMES = {
    "acetylacetone": "GFN2-xTB energies and forces; ships with the package",
    "acetylacetone-dft": "PBE-D3(BJ)/def2-SVP energies and forces; downloaded, 4 MB",
}
"""The sets and what they are."""


class Dataset:
    """The files of one set, each read when first asked for: lists of labelled molecules (eV, eV/Å).

    Attributes:
        name: one of `NAMES`.
        files: the names of its files; each is an attribute too.
    """

    def __init__(self, name: str):
        self.name = name
        self.files = _SHIPPED if name == "acetylacetone" else tuple(_PUBLISHED)

    @property
    def train(self) -> list[Molecule]:
        """The frames at 300 K that are for training."""
        return self["train_300K"]

    @property
    def tests(self) -> tuple[str, ...]:
        """The names of the files that are for testing."""
        return tuple(file for file in self.files if not file.startswith("train"))

    def __getitem__(self, file: str) -> list[Molecule]:
        if file not in self.files:
            raise InputError(f"{self.name} has no {quoted(file)}; it has {', '.join(self.files)}")
        return list(_read(self.name, file))

    def __getattr__(self, file: str) -> list[Molecule]:
        if file.startswith("_") or file not in self.files:
            raise AttributeError(f"{self.name} has no {file!r}; it has {', '.join(self.files)}")
        return self[file]

    def __dir__(self):
        return [*super().__dir__(), *self.files]

    def __repr__(self) -> str:
        return f"Dataset({self.name!r}: {', '.join(self.files)})"


def load(name: str) -> Dataset:
    """A set by its name, `"acetylacetone"` or `"acetylacetone-dft"`.

    Files of the published set are downloaded when they are first asked for, unless the folder that the environment
    variable `DMOL_MOLNET_DATA` names has them, and their checksums are compared either way.

    Raises:
        InputError: no such set; on reading, a file that cannot be downloaded, or that has another checksum.
    """
    if name not in NAMES:
        raise InputError(f"there is no data set called {quoted(name)}; there are {', '.join(NAMES)}")
    return Dataset(name)


@cache
def _read(name: str, file: str) -> tuple[Molecule, ...]:
    if name == "acetylacetone":
        with resources.as_file(resources.files("dmol_molnet") / "data" / "acetylacetone" / f"{file}.xyz.xz") as path:
            return tuple(read_xyz(path))
    return tuple(read_xyz(_fetched(*_PUBLISHED[file])))


def _fetched(file: str, sha256: str) -> Path:
    """The path of a published file that is whole, from a local folder or else from its address."""
    folder = os.environ.get(DATA)
    if folder:
        for path in (Path(folder) / f"{file}.xyz", Path(folder) / "acac" / f"{file}.xyz"):
            if path.is_file():
                if hashlib.sha256(path.read_bytes()).hexdigest() != sha256:
                    raise InputError(f"{quoted(str(path))} is not the published file: its checksum differs; remove it")
                return path
    import pooch

    try:
        return Path(
            pooch.retrieve(
                f"{_ADDRESS}{file}.xyz",
                known_hash=f"sha256:{sha256}",
                fname=f"{file}.xyz",
                path=folder or pooch.os_cache("dmol_molnet"),
            )
        )
    except Exception as error:  # no network, a proxy, a full disk, another file at that address
        raise InputError(
            f"{file}.xyz could not be downloaded ({quoted(str(error), 200)}); fetch it by hand from "
            f"{_ADDRESS}{file}.xyz into a folder, and name that folder in {DATA}"
        ) from None


def experiment(name: str) -> dict:
    """What a script in `experiments/` has measured, as a chapter shows it: its command, its options, its results.

    Raises:
        InputError: there is no such experiment.
    """
    folder = resources.files("dmol_molnet") / "data"
    if not isinstance(name, str) or name not in EXPERIMENTS:
        raise InputError(f"there is no experiment called {quoted(name)}; there are {', '.join(EXPERIMENTS)}")
    return json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))


EXPERIMENTS = ("normalisation", "layers", "potentials")
"""The experiments whose results ship with the package."""
