"""Make the labelled set of acetylacetone that ships with the package: GFN2-xTB energies and forces, eV and eV/Å.

    python experiments/acetylacetone.py            # about half an hour on two cores
    python experiments/acetylacetone.py --frames 4 --folder /tmp/try

Four Langevin trajectories at 300 K and 600 K, for training and for testing, each with a seed and a relaxed start of its
own; a relaxed scan of the torsion that opens the hydrogen bond; the path of the proton from oxygen to oxygen; the free
atoms.  A killed run goes on where it stopped: every 25 frames, positions and momenta are kept, and each such stretch
has a random generator and a self-consistent calculation of its own, so that it comes out the same either way.

Level of theory: Bannwarth, Ehlert and Grimme (2019), `bannwarth2019gfn2`, as in tblite.
"""

import argparse
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before tblite: molecules this small are slower with more threads

import hashlib
import json
import lzma
import platform
import sys
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from importlib.metadata import version
from pathlib import Path
from types import MappingProxyType

import ase
import numpy as np
from ase import units
from ase.calculators.singlepoint import SinglePointCalculator
from ase.constraints import FixCom, FixInternals
from ase.io import read, write
from ase.md.langevin import Langevin
from ase.md.velocitydistribution import thermalize_momenta
from ase.optimize import BFGS
from tblite.ase import TBLite

from dmol_molnet import Molecule

FOLDER = Path(__file__).parents[1] / "dmol_molnet" / "data" / "acetylacetone"

TRAJECTORIES = {  # name: temperature in K, frames, seed
    "train_300K": (300, 500, 1),
    "train_600K": (600, 500, 2),
    "test_300K": (300, 650, 3),
    "test_600K": (600, 650, 4),
}
STEP = 0.5  # fs
SPACING = 200  # steps from frame to frame: 0.1 ps
EQUILIBRATION = 10_000  # steps before the first frame: 5 ps
FRICTION = 0.01  # 1/fs
STRETCH = 25  # frames between two checkpoints
ACCURACY = 0.01  # of tblite's labels, where 1 is its default

CARBONYL_C, CARBONYL_O, METHYL_C, MIDDLE_C, ENOL_C, ENOL_O = 4, 6, 5, 3, 1, 2
"""Atoms of acetylacetone in the order of its SMILES, CC(O)=CC(C)=O."""


def theory(**options) -> TBLite:
    return TBLite(method="GFN2-xTB", verbosity=0, **options)


def relaxed(atoms: ase.Atoms, fmax: float = 0.01) -> ase.Atoms:
    """The atoms at the nearest minimum, or the nearest that their constraints allow."""
    atoms = atoms.copy()
    atoms.calc = theory(accuracy=0.1)
    if not BFGS(atoms, logfile=None).run(fmax=fmax, steps=1000):
        raise RuntimeError("a geometry did not relax in 1000 steps")
    return atoms


def enol(seed: int = 0) -> ase.Atoms:
    """The relaxed enol with its hydrogen bond, from another embedding for each seed."""
    for attempt in range(100):
        molecule = Molecule.from_smiles("C/C(O)=C/C(C)=O").embed(100 * seed + attempt)
        atoms = relaxed(ase.Atoms(molecule.numbers, molecule.positions))
        if atoms.get_distance(ENOL_O, CARBONYL_O) < 2.7:
            return atoms
    raise RuntimeError("no embedding led to the hydrogen bond")


def labelled(frames: list[ase.Atoms], **info) -> list[ase.Atoms]:
    """Each frame with energy and forces of a calculation that starts anew, so that labels do not know their past."""
    done = []
    for k, frame in enumerate(frames):
        atoms = ase.Atoms(frame.numbers, frame.positions - frame.positions.mean(axis=0))
        atoms.positions = np.round(atoms.positions, 8)  # what the file keeps is what is labelled
        atoms.calc = theory(accuracy=ACCURACY)
        energy, forces = atoms.get_potential_energy(), atoms.get_forces()
        atoms.calc = SinglePointCalculator(atoms, energy=energy, forces=forces)
        atoms.info = {key: value[k] if isinstance(value, list) else value for key, value in info.items()}
        done.append(atoms)
    return done


def bonds(atoms: ase.Atoms, either: Mapping[int, int] = MappingProxyType({CARBONYL_O: ENOL_O})) -> set[tuple[int, int]]:
    """Pairs of heavy atoms closer than 2.0 Å, and the heavy atom nearest to each hydrogen.

    `either` names atoms between which a hydrogen may change: the proton of the hydrogen bond sits at either oxygen.
    """
    d = atoms.get_all_distances()
    heavy, light = np.flatnonzero(atoms.numbers > 1), np.flatnonzero(atoms.numbers == 1)
    pairs = {(int(a), int(b)) for a in heavy for b in heavy if a < b and d[a, b] < 2.0}
    nearest = {int(h): int(heavy[d[h, heavy].argmin()]) for h in light}
    return pairs | {(either.get(n, n), h) for h, n in nearest.items()}


def trajectory(name: str, folder: Path, n_frames: int) -> str:
    """Run one trajectory, from its last checkpoint if there is one, and write its labelled frames."""
    temperature, _, seed = TRAJECTORIES[name]
    state = folder / f".{name}.npz"
    atoms = enol(seed)
    intact = bonds(atoms)
    if state.exists():
        with np.load(state) as kept:
            positions, momenta, frames, energies = (kept[key] for key in ("positions", "momenta", "frames", "energies"))
        atoms.positions, frames, energies = positions, list(frames), list(energies)
        atoms.set_momenta(momenta)
    else:
        thermalize_momenta(atoms, temperature, rng=np.random.default_rng([seed, 0]))
        frames, energies = [], []
    while len(frames) < n_frames:
        rng = np.random.default_rng([seed, 1 + len(frames)])
        atoms.set_constraint(FixCom())
        atoms.calc = theory(accuracy=0.1)
        dynamics = Langevin(
            atoms, STEP * units.fs, temperature_K=temperature, friction=FRICTION / units.fs, fixcm=False, rng=rng
        )
        if not frames:
            dynamics.run(EQUILIBRATION)
        for _ in range(min(STRETCH, n_frames - len(frames))):
            dynamics.run(SPACING)
            if bonds(atoms) != intact:
                raise RuntimeError(f"{name}: a bond broke after {len(frames)} frames; take another seed")
            frames.append(atoms.positions.copy())
            energies.append(atoms.get_potential_energy())
        np.savez(
            state.with_suffix(".new.npz"),
            positions=atoms.positions, momenta=atoms.get_momenta(), frames=frames, energies=energies,
        )  # fmt: skip
        state.with_suffix(".new.npz").replace(state)
        print(f"{name}: {len(frames)} of {n_frames} frames", flush=True)
    shapes = [ase.Atoms(atoms.numbers, frame) for frame in frames]
    save(folder / f"{name}.xyz.xz", labelled(shapes, config_type=f"MD_{temperature}K"))
    return name


def torsion_scan(n: int = 45) -> list[ase.Atoms]:
    """The acetyl group turned about its bond to the middle carbon, from 0° to 176°; the rest relaxed."""
    atoms, frames, angles = enol(), [], [4.0 * k for k in range(n)]
    torsion = [ENOL_C, MIDDLE_C, CARBONYL_C, CARBONYL_O]
    turned = [i for i in range(len(atoms)) if i in (CARBONYL_O, METHYL_C) or atoms.get_distance(i, METHYL_C) < 1.3]
    for angle in angles:
        atoms.set_constraint()
        atoms.set_dihedral(*torsion, angle, indices=turned)
        atoms.set_constraint(FixInternals(dihedrals_deg=[[angle, torsion]], epsilon=1e-9))
        atoms = relaxed(atoms, fmax=0.01)
        frames.append(atoms.copy())
    return labelled(frames, config_type="torsion_scan", dihedral_angle=angles)


def proton_transfer(n: int = 15) -> list[ase.Atoms]:
    """From one enol to its twin: n values of q = |H O1| - |H O2|, from its value in the one to the opposite; the rest
    relaxed.  The methyl groups stay on their side of their small barriers: so the end lies a little above the start.
    """
    atoms, frames = enol(), []
    proton = int(np.argmin(np.where(atoms.numbers == 1, atoms.get_all_distances()[ENOL_O], np.inf)))

    def transfer(atoms: ase.Atoms) -> float:
        return atoms.get_distance(ENOL_O, proton) - atoms.get_distance(CARBONYL_O, proton)

    values = [float(q) for q in np.linspace(transfer(atoms), -transfer(atoms), n)]
    for q in values:
        atoms.set_constraint()
        along = atoms.positions[CARBONYL_O] - atoms.positions[ENOL_O]
        for _ in range(20):  # Newton's steps to q, the proton moving from oxygen to oxygen
            atoms.positions[proton] += (q - transfer(atoms)) / 2 * along / np.linalg.norm(along)
        combination = [[ENOL_O, proton, 1.0], [CARBONYL_O, proton, -1.0]]
        atoms.set_constraint(FixInternals(bondcombos=[[q, combination]], epsilon=1e-9))
        atoms = relaxed(atoms)
        frames.append(atoms.copy())
    return labelled(frames, config_type="proton_transfer", transfer=values)


def free_atoms() -> list[ase.Atoms]:
    """H, C and O alone, in their ground states (doublet, triplet, triplet)."""
    found = []
    for symbol, unpaired in (("H", 1), ("C", 2), ("O", 2)):
        atom = ase.Atoms(symbol, [[0.0, 0.0, 0.0]])
        atom.calc = theory(accuracy=ACCURACY, multiplicity=unpaired + 1)
        atom.calc = SinglePointCalculator(atom, energy=atom.get_potential_energy())
        atom.info = {"config_type": "free_atom"}
        found.append(atom)
    return found


def save(path: Path, frames: list[ase.Atoms]) -> None:
    """Write extended XYZ, compressed, at once or not at all; the same frames give the same bytes."""
    new = path.with_name(f".{path.name}.new")
    plain = new.with_suffix(".xyz")
    write(plain, frames, format="extxyz")
    new.write_bytes(lzma.compress(plain.read_bytes(), preset=9 | lzma.PRESET_EXTREME))
    plain.unlink()
    new.replace(path)


def checked(frames: list[ase.Atoms], steps: int = 5, h: float = 5e-4) -> float:
    """The largest difference, in eV/Å, of some forces from central differences of the energy (fourth order)."""
    rng, worst = np.random.default_rng(0), 0.0
    for _ in range(steps):
        frame = frames[rng.integers(len(frames))]
        i, axis = rng.integers(len(frame)), rng.integers(3)
        energy = {}
        for k in (-2, -1, 1, 2):
            atoms = ase.Atoms(frame.numbers, frame.positions)
            atoms.positions[i, axis] += k * h
            atoms.calc = theory(accuracy=ACCURACY)
            energy[k] = atoms.get_potential_energy()
        slope = (8 * (energy[1] - energy[-1]) - (energy[2] - energy[-2])) / (12 * h)
        worst = max(worst, abs(-slope - frame.get_forces()[i, axis]))
    return worst


def correlation_time(energies: np.ndarray) -> float:
    """The integrated autocorrelation time in frames: 1 if the frames know nothing of each other."""
    x = energies - energies.mean()
    rho = np.correlate(x, x, "full")[len(x) - 1 :] / (x @ x)
    first = int(np.argmax(rho < 0.05)) or len(rho)
    return float(1 + 2 * rho[1:first].sum())


def closest(a: list[ase.Atoms], b: list[ase.Atoms]) -> float:
    """The smallest root mean square difference, in Å, of the sorted distances of a frame of `a` from one of `b`."""
    x, y = (np.array([np.sort(frame.get_all_distances()[np.triu_indices(15, 1)]) for frame in set_]) for set_ in (a, b))
    return float(min(np.sqrt(((row - y) ** 2).mean(axis=1)).min() for row in x))


def describe(folder: Path) -> dict:
    """What the files hold, for `about.json`: how they were made, checks and statistics."""
    sets = {path.name.split(".")[0]: read(path, ":") for path in sorted(folder.glob("*.xyz.xz"))}
    about = {
        "made by": "experiments/acetylacetone.py",
        "level of theory": "GFN2-xTB",
        "units": {"energy": "eV", "forces": "eV/Å", "positions": "Å"},
        "licence": "CC BY 4.0",
        "versions": {name: version(name) for name in ("tblite", "ase", "numpy", "rdkit")},
        "python": platform.python_version(),
        "dynamics": {
            "step in fs": STEP, "steps between frames": SPACING, "steps before": EQUILIBRATION,
            "friction in 1/fs": FRICTION, "seeds": {name: seed for name, (_, _, seed) in TRAJECTORIES.items()},
        },
        "files": {},
    }  # fmt: skip
    for name, frames in sets.items():
        path = folder / f"{name}.xyz.xz"
        energies = np.array([frame.get_potential_energy() for frame in frames])
        entry = {"sha256": hashlib.sha256(path.read_bytes()).hexdigest(), "frames": len(frames)}
        if name != "free_atoms":
            forces = np.array([frame.get_forces() for frame in frames])
            torque = np.cross([frame.positions for frame in frames], forces).sum(axis=1)
            entry |= {
                "mean energy in eV": energies.mean(),
                "standard deviation of the energy in eV": energies.std(),
                "root mean square force component in eV/Å": float(np.sqrt((forces**2).mean())),
                "largest sum of forces in eV/Å": float(np.abs(forces.sum(axis=1)).max()),
                "largest torque in eV": float(np.abs(torque).max()),
                "largest difference from central differences in eV/Å": checked(frames),
            }
        if name in TRAJECTORIES:
            entry["autocorrelation time of the energy in frames"] = correlation_time(energies)
            if name.startswith("test"):
                entry["smallest difference from a training frame in Å"] = closest(
                    frames, sets[name.replace("test", "train")]
                )
        about["files"][name] = entry
    return about


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where to (default: the package)")
    parser.add_argument("--frames", type=int, help="of each trajectory; fewer, to try the script")
    parser.add_argument("--workers", type=int, default=2, help="how many trajectories at a time")
    arguments = parser.parse_args()
    folder = arguments.folder
    folder.mkdir(parents=True, exist_ok=True)
    for name, make in (("free_atoms", free_atoms), ("torsion", torsion_scan), ("proton_transfer", proton_transfer)):
        if not (folder / f"{name}.xyz.xz").exists():
            save(folder / f"{name}.xyz.xz", make())
            print(f"{name}: done", flush=True)
    left = [name for name in TRAJECTORIES if not (folder / f"{name}.xyz.xz").exists()]
    with ProcessPoolExecutor(arguments.workers) as pool:
        jobs = [pool.submit(trajectory, name, folder, arguments.frames or TRAJECTORIES[name][1]) for name in left]
        for job in jobs:
            print(f"{job.result()}: done", flush=True)
    (folder / "about.json").write_text(json.dumps(describe(folder), indent=1, ensure_ascii=False) + "\n")
    for state in folder.glob(".*.npz"):
        state.unlink()


if __name__ == "__main__":
    sys.exit(main())
