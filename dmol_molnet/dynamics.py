"""Relaxation and molecular dynamics by ASE, with what a long run needs: whole frames on disk, and an end when it fails.

    m x'' = F                               microcanonical: energy is conserved, as far as forces are its derivative
    m x'' = F - gamma m x' + noise          Langevin: at a temperature

With a committee's calculator, a run can be told how uncertain a force may be: it ends there, or warns, and keeps the
geometries that the potential does not know, to be labelled and trained on.

Sources: Larsen et al. (2017), `larsen2017atomic`, for the integrators; Imbalzano et al. (2021),
`imbalzano2021uncertainty`, for committees in dynamics.
"""

from __future__ import annotations

import io
import math
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import ase
import ase.io
import numpy as np
from ase import units
from ase.calculators.calculator import Calculator
from ase.calculators.singlepoint import SinglePointCalculator
from ase.md.langevin import Langevin
from ase.md.verlet import VelocityVerlet
from ase.optimize import BFGS

from dmol_molnet.molecules import InputError, Molecule, quoted

TOO_HOT = 3000.0
"""K above ten times the temperature asked for: a run so hot has failed."""

TOO_STRONG = 1000.0
"""eV/Å: a force so large means that atoms sit in each other."""


class UncertaintyWarning(UserWarning):
    """A geometry of which a committee says that it does not know it."""


class Relaxation(NamedTuple):
    """How a relaxation went: whether the largest force (eV/Å) got small enough, in how many steps; energy in eV.

    `stopped` says why it ended early, if it did, and `uncertain` how many steps were over the bound.
    """

    converged: bool
    steps: int
    energy: float
    largest_force: float
    stopped: str | None = None
    uncertain: int = 0


class Run(NamedTuple):
    """How a run of molecular dynamics went.

    Attributes:
        frames: how many are on disk.
        picoseconds: how long it ran.
        temperature: its mean, K.
        drift: the slope of a line through the total energy, meV an atom and ps; says nothing with a thermostat.
        spread: the standard deviation from that line, meV an atom.
        stopped: why it ended early, or None.
        uncertain: how many steps were over the bound.
    """

    frames: int
    picoseconds: float
    temperature: float
    drift: float
    spread: float
    stopped: str | None
    uncertain: int = 0


def to_atoms(molecule: Molecule, calculator: Calculator) -> ase.Atoms:
    """Atoms of ASE at a molecule's positions, with its masses and charge.

    Raises:
        InputError: it has none.
    """
    atoms = molecule.to_ase()
    atoms.calc = calculator
    return atoms


def relax(
    atoms: ase.Atoms,
    fmax: float = 0.01,
    steps: int = 500,
    trajectory: str | Path | None = None,
    progress: Callable[[int, float, float], None] | None = None,
    bound: float | None = None,
    on_bound: str = "stop",
    uncertain: str | Path | None = None,
) -> Relaxation:
    """Move atoms to the nearest minimum, by BFGS.

    Args:
        atoms: with a calculator; they are moved.
        fmax: eV/Å; the length of the largest force at which it is done.
        steps: at most.
        trajectory: a file (extended XYZ) for every step.
        progress: is told step, energy (eV) and largest force (eV/Å).
        bound: eV/Å; the largest standard deviation of a force that is not told.  It takes a calculator with
            `uncertainty`, and is that of a force as a whole: the root of the sum of squares over its components.
        on_bound: "stop" at the first step over the bound, or "warn" of it and go on.
        uncertain: a file (extended XYZ) for the steps over the bound, to be labelled.

    Raises:
        InputError: atoms in each other; or a bound that is no positive number, or without a committee.
    """
    watch = _Watch(atoms, bound, on_bound, uncertain)
    file = None if trajectory is None else FrameFile(trajectory)
    optimizer = BFGS(atoms, logfile=None)

    def observe():
        energy, largest = atoms.get_potential_energy(), float(np.linalg.norm(atoms.get_forces(), axis=1).max(initial=0))
        if not largest < TOO_STRONG:
            raise InputError(
                f"a force of {largest:.3g} eV/Å in step {optimizer.nsteps}: atoms sit in each other; "
                "the start is too far from what the potential was trained on"
            )
        if file is not None:
            file.write(atoms, step=optimizer.nsteps)
        if progress is not None:
            progress(optimizer.nsteps, energy, largest)
        watch.look(f"in step {optimizer.nsteps}", step=optimizer.nsteps)

    optimizer.attach(observe)
    converged, stopped = False, None
    try:
        converged = bool(optimizer.run(fmax=fmax, steps=steps))
    except _StoppedError as error:
        stopped = str(error)
    finally:
        for one in (file, watch.file):
            if one is not None:
                one.close()
    largest = float(np.linalg.norm(atoms.get_forces(), axis=1).max(initial=0))
    return Relaxation(converged, optimizer.nsteps, atoms.get_potential_energy(), largest, stopped, watch.count)


def run(
    atoms: ase.Atoms,
    path: str | Path | None,
    temperature: float = 300.0,
    picoseconds: float = 1.0,
    timestep: float = 0.5,
    friction: float | None = 0.01,
    every: int = 20,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
    bound: float | None = None,
    on_bound: str = "stop",
    uncertain: str | Path | None = None,
) -> Run:
    """Molecular dynamics, from random velocities unless the atoms have some.

    Fixed atoms, coordinates and bonds of ASE's constraints stay fixed, and count for no temperature.

    Args:
        atoms: with a calculator; they are moved.
        path: the file (extended XYZ) for frames with energies, forces and momenta; None writes none.
        temperature: K; of the thermostat, and of the velocities in the beginning.
        picoseconds: how long.
        timestep: fs.
        friction: 1/fs, of the Langevin thermostat; None conserves the energy.
        every: steps from frame to frame.
        seed: of velocities and noise.
        progress: is told after every step how many are done, and how many there are.
        bound, on_bound, uncertain: as of `relax`; of steps over the bound, the file has at most one in `every`.

    Returns:
        How it went.  A run that flies apart, or gets too hot or too uncertain, ends early and says why; frames stay.

    Raises:
        InputError: a constraint of another kind; no atom can move; or a bound as of `relax`.
    """
    check_constraints(atoms)
    watch = _Watch(atoms, bound, on_bound, uncertain, every)
    n_steps, rng = max(round(1000 * picoseconds / timestep), 1), np.random.default_rng(seed)
    if not atoms.get_momenta().any():
        heat(atoms, temperature, rng)
    dof = _degrees_of_freedom(atoms, friction)
    if friction is None:
        dynamics = VelocityVerlet(atoms, timestep * units.fs)
    else:
        # ASE's way of holding the centre still would not sample the ensemble.
        dynamics = Langevin(
            atoms, timestep * units.fs, temperature_K=temperature, friction=friction / units.fs, rng=rng, fixcm=False
        )
    pieces, n, k = _pieces(atoms), max(len(atoms), 1), 0
    total, kinetic = [], []  # eV, by step
    file = None if path is None else FrameFile(path)

    def observe():
        nonlocal k
        k = len(total)
        heat_now = atoms.get_kinetic_energy()
        total.append(atoms.get_potential_energy() + heat_now)
        kinetic.append(heat_now)
        now = 2 * heat_now / (dof * units.kB)
        where = f"after {k * timestep / 1000:g} ps"
        largest = float(np.abs(atoms.get_forces()).max(initial=0))
        if not largest < TOO_STRONG:
            raise _StoppedError(f"a force of {largest:.3g} eV/Å {where}: atoms sit in each other")
        if not now < 10 * temperature + TOO_HOT:
            raise _StoppedError(f"{now:.0f} K {where}, where {temperature:g} K were asked for")
        if k % every == 0:
            if (more := _pieces(atoms)) > pieces:
                raise _StoppedError(f"the molecule flew apart {where}, into {more} pieces that do not see each other")
            if file is not None:
                file.write(atoms, time_fs=round(k * timestep, 6), temperature_K=round(now, 3))
        watch.look(where, time_fs=round(k * timestep, 6))
        if progress is not None:
            progress(k, n_steps)

    dynamics.attach(observe)
    stopped = None
    try:
        dynamics.run(n_steps)
    except _StoppedError as error:
        stopped = str(error)
    except InputError as error:  # positions that are not finite, atoms on the same place
        stopped = f"after {k * timestep / 1000:g} ps: {error}"
    finally:
        for one in (file, watch.file):
            if one is not None:
                one.close()
    drift, spread = line(np.arange(len(total)) * timestep / 1000, np.array(total) * 1000 / n)
    return Run(
        frames=0 if file is None else file.frames,
        picoseconds=k * timestep / 1000,
        temperature=float(np.mean(kinetic)) * 2 / (dof * units.kB),
        drift=drift,
        spread=spread,
        stopped=stopped,
        uncertain=watch.count,
    )


ANCHORS = ("FixAtoms", "FixCartesian")
"""ASE's constraints that hold atoms in space, so that the molecule as a whole neither drifts nor turns."""

KEPT = (*ANCHORS, "FixBondLengths", "Hookean")
"""ASE's constraints that dynamics here keep."""


def check_constraints(atoms: ase.Atoms) -> None:
    """Refuse constraints that a run would not keep.

    Raises:
        InputError: one of a kind that is not among `KEPT`; or no atom can move.
    """
    kinds = [type(constraint).__name__ for constraint in atoms.constraints]
    other = [kind for kind in kinds if kind not in KEPT]
    if other:
        raise InputError(
            f"a constraint of the kind {other[0]} is not kept by dynamics here, but {', '.join(KEPT)} are: "
            "take it away, or use one of those"
        )
    if len(atoms) and 3 * len(atoms) <= _fixed(atoms):
        raise InputError("all atoms are fixed, and nothing can move: free some of them")


def heat(atoms: ase.Atoms, temperature: float, rng: np.random.Generator) -> None:
    """Give atoms random velocities of exactly this temperature, and none as a whole: no translation, no rotation.

    What constraints fix does not move; where they hold atoms in space, the rest may move as a whole.
    """
    m = atoms.get_masses()[:, None]
    atoms.set_velocities(rng.standard_normal((len(atoms), 3)) * np.sqrt(units.kB * temperature / m))
    v = atoms.get_velocities()
    if not _anchored(atoms):
        v -= (m * v).sum(axis=0) / m.sum()
        if not atoms.pbc.any():
            x = atoms.positions - atoms.get_center_of_mass()
            square = (x**2).sum(1)[:, None, None] * np.eye(3)
            inertia = (m[:, :, None] * (square - x[:, :, None] * x[:, None, :])).sum(0)
            v -= np.cross(np.linalg.pinv(inertia) @ np.cross(x, m * v).sum(axis=0), x)
    energy = 0.5 * float((m * v**2).sum())
    wanted = 0.5 * _degrees_of_freedom(atoms, None) * units.kB * temperature
    atoms.set_velocities(v * np.sqrt(wanted / energy) if energy > 0 else v)


def line(t: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Slope of the least-squares line through y(t), and the standard deviation from it."""
    if len(t) < 3:
        return 0.0, 0.0
    slope, offset = np.polyfit(t - t.mean(), y, 1)
    return float(slope), float(np.std(y - offset - slope * (t - t.mean())))


class FrameFile:
    """A file of frames in extended XYZ that holds whole frames at any time, also after a kill or on a full disk.

    Raises:
        InputError: there is no such folder.
        OSError: it cannot be written.
    """

    def __init__(self, path: str | Path):
        check_place(path)
        self.file = open(path, "wb", buffering=0)  # noqa: SIM115
        self.frames = 0

    def write(self, atoms: ase.Atoms, **info) -> None:
        """Add a frame with the energy and forces that the atoms' calculator has for it."""
        start, text = self.file.tell(), frame_text(atoms, **info)
        try:
            while text:
                text = text[self.file.write(text) :]
        except OSError:
            self.file.truncate(start)
            raise
        self.frames += 1

    def close(self) -> None:
        """Close the file."""
        self.file.close()


def frame_text(atoms: ase.Atoms, **info) -> bytes:
    """A frame in extended XYZ, with energy and forces."""
    frame = atoms.copy()
    frame.calc = SinglePointCalculator(
        frame, energy=float(atoms.get_potential_energy()), forces=atoms.get_forces(apply_constraint=False)
    )
    charge = {key: atoms.info[key] for key in ("charge",) if atoms.info.get(key)}
    frame.info = charge | info
    buffer = io.StringIO()
    ase.io.write(buffer, frame, format="extxyz")
    return buffer.getvalue().encode()


def check_place(path: str | Path) -> None:
    """Refuse a file in a folder that is not there, or a folder.

    Raises:
        InputError: so it is.
    """
    path = Path(path)
    if not path.absolute().parent.is_dir():
        raise InputError(f"there is no folder {quoted(str(path.parent))}")
    if path.is_dir():
        raise InputError(f"{quoted(str(path))} is a folder; name a file in it")


class _StoppedError(Exception):
    """A run that cannot go on."""


class _Watch:
    """Looks at every step whether a committee's forces are more uncertain than a bound; arguments as of `relax`.

    Attributes:
        count: steps over the bound.
        file: of such frames; at most one in `every` steps.
    """

    def __init__(self, atoms, bound, on_bound, uncertain, every=1):
        self.atoms, self.bound, self.on_bound, self.every = atoms, bound, on_bound, every
        self.count, self.steps, self.written, self.file = 0, 0, -math.inf, None
        if bound is None:
            if uncertain is not None:
                raise InputError("a file for uncertain frames needs a bound, in eV/Å, over which a frame is uncertain")
            return
        if isinstance(bound, bool) or not isinstance(bound, int | float) or not 0 < bound < math.inf:
            raise InputError(f"a bound is a positive number in eV/Å, not {quoted(bound)}")
        if on_bound not in ("stop", "warn"):
            raise InputError(f"at the bound, a run can stop or warn, not {quoted(on_bound)}")
        if not getattr(atoms.calc, "uncertainty", False):
            raise InputError("a bound needs a calculator with uncertainty=True, of a potential that is a committee")
        if uncertain is not None:
            self.file = FrameFile(uncertain)

    def look(self, where: str, **info) -> None:
        """Compare this step with the bound.

        Raises:
            _StoppedError: it is over, and the run is to stop.
            UncertaintyWarning: (a warning) it is over, for the first time, and the run is to go on.
        """
        if self.bound is None:
            return
        self.steps += 1
        std = np.linalg.norm(self.atoms.calc.get_property("forces_std", self.atoms), axis=1)
        largest = float(std.max(initial=0))
        if largest <= self.bound:
            return
        self.count += 1
        if self.file is not None and self.steps - self.written >= self.every:
            self.file.write(self.atoms, **info, force_std=round(largest, 6))
            self.written = self.steps
        said = (
            f"{where}, the standard deviation of the force on atom {np.argmax(std) + 1} is {largest:.3g} eV/Å, over "
            f"the bound of {self.bound:g}: the potential does not know this geometry"
        )
        if self.on_bound == "stop":
            raise _StoppedError(said)
        if self.count == 1:
            warnings.warn(said, UncertaintyWarning, stacklevel=2)


def _anchored(atoms: ase.Atoms) -> bool:
    """Whether constraints hold some atom in space."""
    return any(type(constraint).__name__ in ANCHORS for constraint in atoms.constraints)


def _fixed(atoms: ase.Atoms) -> int:
    """How many degrees of freedom constraints take; an atom that is fixed twice counts once."""
    held = np.zeros((len(atoms), 3), bool)
    bonds = 0
    for constraint in atoms.constraints:
        kind = type(constraint).__name__
        if kind == "FixAtoms":
            held[constraint.index] = True
        elif kind == "FixCartesian":
            held[constraint.index] |= np.asarray(constraint.mask, bool)
        elif kind == "FixBondLengths":
            bonds += len({tuple(sorted(pair)) for pair in np.asarray(constraint.pairs).tolist()})
    return int(held.sum()) + bonds


def _degrees_of_freedom(atoms: ase.Atoms, friction: float | None) -> int:
    """3 A less what is fixed; without a thermostat or an anchor, less translation and rotation, which `heat` takes."""
    free = 3 * len(atoms) - _fixed(atoms)
    if friction is None and not _anchored(atoms):
        free -= 3
        if not atoms.pbc.any() and len(atoms) > 1:
            free -= 3 if np.linalg.matrix_rank(atoms.positions - atoms.positions.mean(axis=0), tol=1e-3) > 1 else 2
    return max(free, 1)


def _pieces(atoms: ase.Atoms) -> int:
    """How many groups of atoms do not see each other within the potential's cutoff."""
    potential = getattr(atoms.calc, "potential", None)
    if potential is None or not len(atoms):
        return 1
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    from dmol_molnet.nn.graph import neighbors

    periodic = bool(atoms.pbc.any())
    molecule = Molecule(
        atoms.numbers,
        atoms.positions,
        cell=atoms.cell.array if periodic else None,
        pbc=atoms.pbc if periodic else None,
    )
    found = neighbors(molecule, potential.cutoff)
    links = coo_matrix((np.ones(len(found.i)), (found.i, found.j)), shape=(len(atoms), len(atoms)))
    return int(connected_components(links, directed=False)[0])
