"""The welcome page's figure: acetylacetone under the shipped MACE."""

from __future__ import annotations

import functools
from dataclasses import replace

import numpy as np

from dmol_molnet import Molecule, datasets, dynamics
from dmol_molnet.calculator import MolnetCalculator
from dmol_molnet.figures.space import upright
from dmol_molnet.live.page import Figure, at_work, python_lines, still
from dmol_molnet.nn import pretrained


@functools.cache
def at_rest() -> tuple[Molecule, np.ndarray]:
    """The shipped molecule relaxed by the shipped MACE, seen from where one sees most of it, and the forces on it."""
    frame = datasets.load("acetylacetone").train[0]
    calculator = MolnetCalculator(pretrained.load("mace"))
    atoms = dynamics.to_atoms(frame, calculator)
    dynamics.relax(atoms, fmax=0.001)
    molecule = upright(replace(frame, positions=atoms.positions))
    atoms.positions = molecule.positions
    return molecule, atoms.get_forces()


PROTON, OXYGENS = 10, [2, 6]


def acetylacetone() -> dict:
    molecule, _ = at_rest()
    job = at_work(
        molecule,
        "mace",
        "acetylacetone",
        "minimum",
        python_lines(molecule, "nn import pretrained", 'pretrained.load("mace")'),
        temperature=300,
        begin=True,
        watch={"atom": PROTON, "partners": OXYGENS},
    )
    for k in (PROTON, *OXYGENS):
        job["letters"][k] = job["labels"][k]
    return job


FIGURES = {
    "welcome": Figure(lambda: still(*at_rest(), "acetylacetone"), "potential", acetylacetone, ("mace",)),
}
