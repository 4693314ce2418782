"""Small organic molecules of H, C, N and O, made up at random: a stream of constitutions that a seed repeats.

A molecule grows from one heavy atom.  A step bonds a new atom to one that has a valence free, closes a ring, or makes a
bond one stronger; hydrogens take what is left.  What no bottle holds is thrown away (`UNSTABLE`).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import numpy as np
from rdkit import Chem, rdBase
from rdkit.Chem.rdMolDescriptors import CalcNumBridgeheadAtoms

from dmol_molnet.molecules import InputError

VALENCE = {"C": 4, "N": 3, "O": 2}
SHARES = {"C": 0.68, "N": 0.15, "O": 0.17}
"""Of new atoms: carbon is what organic molecules are made of."""

RINGS = {3: 0.25, 4: 0.15, 5: 1.0, 6: 1.0, 7: 0.3}
"""How willingly a ring of so many atoms closes."""

AROMATIC = 0.35
"""The share of molecules that grow from an aromatic ring, which chance alone would hardly ever close."""

UNSTABLE = (
    "[#7,#8]~[#7,#8;!a]~[#7,#8]",  # chains of three: ozonides, triazanes
    "[#8]~[#8]",
    "[#8]~[#7]~[#8]",
    "[NX2]=O",  # nitroso compounds turn into oximes
    "[NX2]=[NX2]",
    "N#N",
    "[CX4]([OX2H])[OX2H]",  # gem-diols, hemiaminals and aminals lose water or ammonia
    "[CX4]([OX2H])[NX3]",
    "[CX4]([NX3H2])[NX3]",
    "[CX3;!a]=[CX3;!a][OX2H]",  # enols and enamines turn over
    "[CX3;!a]=[CX3;!a][NX3;H1,H2]",
    "[CX2]#[CX2][#7,#8]",
    "*=[CX2]=*",  # cumulenes, ketenes
    "*~1~*~*~1=,#,:*",  # unsaturated rings of three and four
    "[r3]=,#,:[r3]",
    "[r4]=,#,:[r4]",
    "[R]#[R]",
    "[x3;r3,r4]",  # cages
    "[x4]",
)
"""SMARTS of what falls apart, turns into something else, or is strained beyond what a small set can teach."""


def constitutions(heavy_atoms: int = 8, seed: int = 0, least: int = 1) -> Iterator[str]:
    """Canonical SMILES without stereochemistry, no two alike, in an order that the seed settles; without end.

    Args:
        heavy_atoms: at most; sizes are drawn so that larger molecules, of which there are more, are likelier.
        seed: another one, another order.
        least: heavy atoms at least.

    Raises:
        InputError: bounds that nothing fits.
    """
    if not 1 <= least <= heavy_atoms:
        raise InputError(f"molecules have from {least} to {heavy_atoms} heavy atoms: that is none")
    rng = np.random.default_rng(seed)
    sizes = np.arange(least, heavy_atoms + 1)
    found, in_vain = set(), 0
    while in_vain < 10_000:  # all that are small are found at some time
        smiles = grown(int(rng.choice(sizes, p=1.8**sizes / (1.8**sizes).sum())), rng)
        in_vain += 1
        if smiles is not None and smiles not in found:
            found.add(smiles)
            in_vain = 0
            yield smiles


def grown(n: int, rng: np.random.Generator) -> str | None:
    """One molecule of n heavy atoms as a SMILES; None if it came out unstable."""
    symbols, orders = [_symbol(rng)], np.zeros((n, n), dtype=int)  # orders of bonds
    if n >= 5 and rng.random() < AROMATIC:
        symbols, ring = _aromatic(5 if n == 5 else int(rng.choice([5, 6], p=[0.4, 0.6])), rng)
        orders[: len(ring), : len(ring)] = ring

    def free(k: int) -> int:
        return VALENCE[symbols[k]] - orders[k].sum()

    while len(symbols) < n:
        ends = [k for k in range(len(symbols)) if free(k) > 0]
        if not ends:
            return None
        k, new = int(rng.choice(ends)), len(symbols)
        symbol = _symbol(rng)
        if symbol != "C" and symbols[k] != "C" and rng.random() < 0.8:  # N-N, N-O: some, as few as there are
            symbol = "C"
        symbols.append(symbol)
        orders[k, new] = orders[new, k] = 1
    for _ in range(rng.poisson(0.35 * n)):  # unsaturations: a ring or a stronger bond each
        if rng.random() < 0.5:
            pairs = [(a, b) for a in range(n) for b in range(a) if not orders[a, b] and free(a) > 0 and free(b) > 0]
            if not pairs:
                continue
            a, b = pairs[rng.integers(len(pairs))]
            if rng.random() >= RINGS.get(_distance(orders, a, b) + 1, 0.0):
                continue
        else:
            pairs = [(a, b) for a in range(n) for b in range(a) if 0 < orders[a, b] < 3 and free(a) > 0 and free(b) > 0]
            if not pairs:
                continue
            a, b = pairs[rng.integers(len(pairs))]
        orders[a, b] += 1
        orders[b, a] += 1
    return _smiles(symbols, orders)


def _aromatic(n: int, rng: np.random.Generator) -> tuple[list[str], np.ndarray]:
    """A ring of five or six with its double bonds; some carbons are nitrogens, and the first atom of five gives two."""
    symbols = ["N" if rng.random() < 0.2 else "C" for _ in range(n)]
    if n == 5:
        symbols[0] = str(rng.choice(["N", "O"]))
    orders = np.zeros((n, n), dtype=int)
    for k in range(n):
        after = (k + 1) % n
        orders[k, after] = orders[after, k] = 2 if k % 2 == n % 2 and after else 1
    return symbols, orders


def _symbol(rng: np.random.Generator) -> str:
    return str(rng.choice(list(SHARES), p=list(SHARES.values())))


def _distance(orders: np.ndarray, a: int, b: int) -> int:
    """Bonds from atom to atom."""
    reached, steps = {a}, 0
    while b not in reached:
        reached |= {int(k) for k in np.flatnonzero(orders[list(reached)].any(axis=0))}
        steps += 1
    return steps


@cache
def _unstable() -> list[Chem.Mol]:
    return [Chem.MolFromSmarts(pattern) for pattern in UNSTABLE]


def _smiles(symbols: list[str], orders: np.ndarray) -> str | None:
    molecule = Chem.RWMol()
    for symbol in symbols:
        molecule.AddAtom(Chem.Atom(symbol))
    kinds = {1: Chem.BondType.SINGLE, 2: Chem.BondType.DOUBLE, 3: Chem.BondType.TRIPLE}
    for a, b in np.argwhere(np.triu(orders)).tolist():
        molecule.AddBond(a, b, kinds[int(orders[a, b])])
    with rdBase.BlockLogs():
        Chem.SanitizeMol(molecule)
    if any(molecule.HasSubstructMatch(pattern) for pattern in _unstable()):
        return None
    if CalcNumBridgeheadAtoms(molecule) and any(
        bond.IsInRing() and bond.GetBondTypeAsDouble() > 1 for bond in molecule.GetBonds()
    ):  # Bredt's rule, taken strictly
        return None
    return Chem.MolToSmiles(molecule)
