"""Label frames of three molecules by GFN2-xTB, so that defaults of training are judged on more than one molecule.

    python experiments/molecules.py --folder sets             # about half an hour on two cores
    python experiments/molecules.py --folder /tmp/try --frames 10

One that is floppy (propane-1,3-diol), one with nitrogen (cytosine), one larger (aspirin).  Each has three Langevin
trajectories, from embeddings and seeds of their own: two at 500 K, for training and for testing, and one at 800 K, to
test what training did not show.  A trajectory that breaks a bond ends the script.  The files are not kept in the
repository: the same command makes them again.

Level of theory and labels: as in `acetylacetone.py`.
"""

import argparse
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before tblite: molecules this small are slower with more threads

from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import ase
import numpy as np
from acetylacetone import bonds, labelled, relaxed, theory
from ase import units
from ase.io import write
from ase.md.langevin import Langevin
from ase.md.velocitydistribution import thermalize_momenta

from dmol_molnet import Molecule

MOLECULES = {"propanediol": "OCCCO", "cytosine": "Nc1cc[nH]c(=O)n1", "aspirin": "CC(=O)Oc1ccccc1C(=O)O"}
PARTS = {"train": (1000, 1, 500.0), "test": (300, 2, 500.0), "hot": (300, 3, 800.0)}
"""How many frames, the seed, and the temperature in K; the published frames of ethanol are at 500 K."""
STEP, SPACING, EQUILIBRATION, FRICTION = 0.5, 40, 4000, 0.01  # fs, steps, steps, 1/fs


def trajectory(name: str, part: str, frames: int, folder: Path) -> Path:
    """Run one trajectory and write its labelled frames, all or nothing."""
    _, seed, temperature = PARTS[part]
    path = folder / f"{name}_{part}.xyz"
    if path.exists():
        return path
    molecule = Molecule.from_smiles(MOLECULES[name]).embed(seed)
    atoms = relaxed(ase.Atoms(molecule.numbers, molecule.positions), fmax=0.05)
    intact = bonds(atoms, either={})
    thermalize_momenta(atoms, temperature, rng=np.random.default_rng([seed, 0]))
    atoms.calc = theory(accuracy=1.0)
    rng = np.random.default_rng([seed, 1])
    dynamics = Langevin(atoms, STEP * units.fs, temperature_K=temperature, friction=FRICTION / units.fs, rng=rng)
    dynamics.run(EQUILIBRATION)
    found = []
    while len(found) < frames:
        dynamics.run(SPACING)
        if bonds(atoms, either={}) != intact:
            raise RuntimeError(f"{name}: a bond broke after {len(found)} frames; take another seed")
        found.append(ase.Atoms(atoms.numbers, atoms.positions))
    new = path.with_name(f".{path.name}")
    write(new, labelled(found, config_type=f"MD_{temperature:.0f}K"), format="extxyz")
    new.replace(path)
    return path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True, help="where to; what is there is kept")
    parser.add_argument("--frames", type=int, help="of each trajectory; fewer, to try the script")
    parser.add_argument("--workers", type=int, default=2, help="how many trajectories at a time")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(arguments.workers) as pool:
        jobs = [
            pool.submit(trajectory, name, part, arguments.frames or PARTS[part][0], arguments.folder)
            for name in MOLECULES
            for part in PARTS
        ]
        for job in jobs:
            print(f"{job.result()}: done", flush=True)


if __name__ == "__main__":
    main()
