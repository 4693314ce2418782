"""Makes dmol_molnet/data/helicene.json: (P)-[6]helicene as RDKit embeds and MMFF94 relaxes it; seconds.

RDKit's usual embedding fails for this molecule; distance geometry from random coordinates, without knowledge of
torsions, does it.  Handedness: the torsion of the middles of four successive rings is positive in P.

    python experiments/helicene.py
"""

import json
from pathlib import Path

import numpy as np
from rdkit.Chem import AllChem

from dmol_molnet import Molecule

SMILES = "c1ccc2c(c1)ccc1ccc3ccc4ccc5ccccc5c4c3c12"
TARGET = Path(__file__).parents[1] / "dmol_molnet" / "data" / "helicene.json"


def torsion(a, b, c, d):
    """Degrees."""
    u, v, w = b - a, c - b, d - c
    return np.degrees(np.arctan2(np.linalg.norm(v) * (u @ np.cross(v, w)), np.cross(u, v) @ np.cross(v, w)))


molecule = Molecule.from_smiles(SMILES)
mol = molecule.to_rdkit()
how = AllChem.ETDG()
how.useRandomCoords, how.useBasicKnowledge, how.useExpTorsionAnglePrefs, how.randomSeed = True, False, False, 1
assert AllChem.EmbedMolecule(mol, how) == 0
assert AllChem.MMFFOptimizeMolecule(mol, maxIters=5000) == 0
x = mol.GetConformer().GetPositions()
x -= x.mean(axis=0)

rings = [set(ring) for ring in mol.GetRingInfo().AtomRings()]
ends = [k for k, ring in enumerate(rings) if sum(len(ring & other) == 2 for other in rings) == 1]
order = [ends[0]]
while len(order) < len(rings):
    order += [k for k, ring in enumerate(rings) if k not in order and len(ring & rings[order[-1]]) == 2]
middles = [x[list(rings[k])].mean(axis=0) for k in order]
torsions = [torsion(*middles[k : k + 4]) for k in range(3)]
assert len({np.sign(t) for t in torsions}) == 1
if torsions[0] < 0:
    x = x * [1, 1, -1]

# The axis of least spread, which is not far from that of the screw, along z.
x = x @ np.linalg.eigh(np.cov(x.T))[1][:, ::-1]
middles = [x[list(rings[k])].mean(axis=0) for k in order]
if torsion(*middles[:4]) < 0:
    x = x * [1, 1, -1]
middles = [x[list(rings[k])].mean(axis=0) for k in order]
print("torsions of ring middles:", [round(float(torsion(*middles[k : k + 4])), 1) for k in range(3)], "degrees")
data = {
    "name": "(P)-[6]helicene",
    "made by": "experiments/helicene.py",
    "numbers": molecule.numbers.tolist(),
    "bonds": molecule.bonds.tolist(),
    "bond_orders": molecule.bond_orders.tolist(),
    "positions": x.round(6).tolist(),
}
TARGET.write_text(json.dumps(data) + "\n", encoding="utf-8")
