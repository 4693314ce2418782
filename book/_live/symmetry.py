"""The figure of the chapter on symmetry: a molecule and its moved copy, and functions that are asked about both."""

from __future__ import annotations

import functools
from dataclasses import replace

import numpy as np
from rdkit.Chem import AllChem, GetPeriodicTable

from dmol_molnet.figures import in_space, new, show
from dmol_molnet.live.page import Figure
from dmol_molnet.molecules import Molecule
from dmol_molnet.symmetry import moved, random_rotation

# As the chapter has them; a test compares all that is asked with what the chapter's own lines answer.
KCAL = 0.0433641  # kcal/mol in eV
FALL = 0.00964853  # Å/fs that 1 eV/Å gives 1 u in 1 fs
TWIST = 0.01  # eV/Å³, of the triple product in `twisted`
TURN, MIRROR = np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1]]), np.diag([-1, 1, 1])
SHIFT, ORDER = [0.9, 0.8, 0.0], [3, 0, 4, 1, 2]  # Å; which atom each row holds

FUNCTIONS = {
    "energy": ("energy", "scalar", "eV"),
    "forces": ("forces", "vector", "eV/Å"),
    "dipole": ("dipole moment", "vector", "e Å"),
    "magnetic_moment": ("magnetic moment", "vector", "e Å²/fs"),
    "dense": ("dense layer", "scalar", "eV"),
    "distance_list": ("list of distances", "scalar", "eV"),
    "twisted": ("triple product", "scalar", "eV"),
}
"""By their names in the chapter: in words, how they must transform, and their unit."""


@functools.cache
def lopsided() -> Molecule:
    """The chapter's molecule, bromochlorofluoromethane, a little out of its resting shape."""
    relaxed = Molecule.from_smiles("[C@H](F)(Cl)Br").embed(seed=1)
    push = 0.05 * np.random.default_rng(0).normal(size=(5, 3))  # Å
    return moved(replace(relaxed, positions=relaxed.positions + push), random_rotation(418))


def mmff(molecule: Molecule) -> tuple[float, np.ndarray]:
    """Energy in eV and forces [A, 3] in eV/Å."""
    mol = molecule.to_rdkit()
    field = AllChem.MMFFGetMoleculeForceField(mol, AllChem.MMFFGetMoleculeProperties(mol))
    return KCAL * field.CalcEnergy(), -KCAL * np.reshape(field.CalcGrad(), (-1, 3))


def parameters(molecule: Molecule) -> dict:
    """The constants of MMFF94 for one atom with four neighbours: bonds, angles, and what couples the two."""
    mol = molecule.to_rdkit()
    field = AllChem.MMFFGetMoleculeProperties(mol)
    center, ends = 0, range(1, 5)
    bonds = [[center, i, *field.GetMMFFBondStretchParams(mol, center, i)[1:]] for i in ends]
    angles = []
    for i in ends:
        for k in range(i + 1, 5):
            _, bend, rest = field.GetMMFFAngleBendParams(mol, i, center, k)
            angles.append([i, center, k, bend, rest, *field.GetMMFFStretchBendParams(mol, i, center, k)[1:]])
    return {"bonds": bonds, "angles": angles}


def asked() -> dict:
    """What `moves.js` reads: the molecule, and the constants of all functions."""
    molecule = lopsided()
    mol = molecule.to_rdkit()
    AllChem.ComputeGasteigerCharges(mol)
    rng = np.random.default_rng(0)  # in this order in the chapter
    W_x, W_r, w = rng.normal(size=(15, 8)), rng.normal(size=(10, 8)), rng.normal(size=8)
    return {
        "symbols": list(molecule.symbols),
        "bonds": molecule.bonds.tolist(),
        "positions": molecule.positions.tolist(),
        "functions": {name: dict(zip(("words", "kind", "unit"), it, strict=True)) for name, it in FUNCTIONS.items()},
        "constants": {
            **parameters(molecule),
            "kcal": KCAL,
            "fall": FALL,
            "twist": TWIST,
            "charges": [atom.GetDoubleProp("_GasteigerCharge") for atom in mol.GetAtoms()],
            "masses": [GetPeriodicTable().GetAtomicWeight(int(z)) for z in molecule.numbers],
            "W_x": W_x.tolist(),
            "W_r": W_r.tolist(),
            "w": w.tolist(),
            "edges": [molecule.symbols.index(s) for s in ("H", "F", "Cl", "Br")],
        },
        "turn": TURN.tolist(),
        "mirror": MIRROR.tolist(),
        "shift": SHIFT,
        "order": ORDER,
    }


def asked_still():
    """The molecule and a copy turned by a quarter, each with its energy and its forces."""
    figure, axes = new(6.4, 3.5, ncols=2)
    energies = []
    for ax, molecule, title in zip(axes, (lopsided(), moved(lopsided(), TURN)), ("original", "copy"), strict=True):
        energy, forces = mmff(molecule)
        arrows = [(x, 0.75 * f, "full") for x, f in zip(molecule.positions, forces, strict=True)]
        in_space(molecule, ax, arrows=arrows, numbered=True, reach=2.9, title=title, note=f"{energy:.3f} eV")
        energies.append(f"{energy:.3f} eV")
    return show(
        figure,
        alt="A molecule and a copy that is turned by a quarter, with the forces on its atoms as arrows. "
        f"The energies are the same, {' and '.join(energies)}; each force has turned along.",
    )


FIGURES = {"moves": Figure(asked_still, data=asked)}
