"""Harmonic vibrations of a molecule: its Hessian by differences of forces, and what its eigenvectors say.

    H = d²E / dx dx = -dF / dx                          [3A, 3A] eV/Å²
    M^(-1/2) H M^(-1/2) u = ω² u                        u [3A], orthonormal
    x(t) = x + M^(-1/2) u q cos(ω t)                    q in Å sqrt(u)

Translations and rotations are taken out of the space before it is diagonalised: they do not mix with soft modes where
the geometry is only nearly a minimum.  Source: Wilson, Decius and Cross (1955), `wilson1955molecular`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import ase
import numpy as np
from ase import units

QUANTUM = units._hbar * 1e10 / np.sqrt(units._e * units._amu)
"""eV of a quantum whose ω² is one eV/Å²/u."""


class Modes(NamedTuple):
    """The vibrations of a molecule, softest first.

    Attributes:
        frequencies: [M] 1/cm; an unstable one, which is imaginary, is told as negative.
        displacements: [M, A, 3] Å for one Å sqrt(u) of its coordinate q: M^(-1/2) u.
        squares: [M] ω² in eV/Å²/u.
    """

    frequencies: np.ndarray
    displacements: np.ndarray
    squares: np.ndarray

    @property
    def zero_point_energy(self) -> float:
        """Half a quantum of each stable mode, eV."""
        return float(0.5 * units.invcm * self.frequencies[self.frequencies > 0].sum())


def hessian(atoms: ase.Atoms, step: float = 0.005, progress: Callable[[int, int], None] | None = None) -> np.ndarray:
    """Second derivatives of the energy, by central differences of forces, made symmetric: [3A, 3A] eV/Å².

    Args:
        atoms: with a calculator; they end where they were.
        step: Å, to either side.
        progress: is told how many coordinates are done, and how many there are.
    """
    x = atoms.positions.copy()
    found = np.empty((x.size, x.size))
    try:
        for k in range(x.size):
            slopes = []
            for sign in (1, -1):
                moved = x.copy()
                moved.flat[k] += sign * step
                atoms.positions = moved
                slopes.append(atoms.get_forces().ravel())
            found[k] = (slopes[1] - slopes[0]) / (2 * step)
            if progress is not None:
                progress(k + 1, x.size)
    finally:
        atoms.positions = x
    return (found + found.T) / 2


def modes(hessian: np.ndarray, positions: np.ndarray, masses: np.ndarray) -> Modes:
    """Frequencies and displacements of all vibrations: 3A - 6 of them, 3A - 5 if the molecule is linear.

    Args:
        hessian: [3A, 3A] eV/Å².
        positions: [A, 3] Å, where it was taken.
        masses: [A] u.
    """
    root = np.repeat(np.sqrt(masses), 3)  # [3A]
    inside = vibrating(positions, masses)  # [3A, M]
    squares, u = np.linalg.eigh(inside.T @ (hessian / np.outer(root, root)) @ inside)
    frequencies = np.sign(squares) * np.sqrt(np.abs(squares)) * QUANTUM / units.invcm
    return Modes(frequencies, ((inside @ u) / root[:, None]).T.reshape(len(squares), -1, 3), squares)


def vibrating(positions: np.ndarray, masses: np.ndarray) -> np.ndarray:
    """An orthonormal basis of the mass-weighted motions that neither shift nor turn the molecule: [3A, M]."""
    root = np.sqrt(masses)[:, None]  # [A, 1]
    x = positions - np.average(positions, axis=0, weights=masses)
    shifts = [root * axis for axis in np.eye(3)]
    turns = [root * np.cross(axis, x) for axis in np.eye(3)]
    rigid = np.stack([motion.ravel() for motion in shifts + turns], axis=1)  # [3A, 6]
    rigid /= np.maximum(np.linalg.norm(rigid, axis=0), 1e-12)
    basis, sizes, _ = np.linalg.svd(rigid, full_matrices=True)
    return basis[:, int((sizes > 1e-6).sum()) :]
