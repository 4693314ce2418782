"""A molecule: element numbers, positions in Å, bonds and their orders; and the molecules the book calls by name.

Shapes: A atoms, B bonds.  Energies are in eV, forces in eV/Å.  A molecule does not change: its arrays are read-only.
RDKit and ASE are imported only by the methods that need them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import ase
    import networkx as nx
    import rdkit.Chem

SYMBOLS = tuple(
    "X H He Li Be B C N O F Ne Na Mg Al Si P S Cl Ar K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se Br Kr Rb Sr Y Zr "
    "Nb Mo Tc Ru Rh Pd Ag Cd In Sn Sb Te I Xe Cs Ba La Ce Pr Nd Pm Sm Eu Gd Tb Dy Ho Er Tm Yb Lu Hf Ta W Re Os Ir Pt "
    "Au Hg Tl Pb Bi Po At Rn Fr Ra Ac Th Pa U Np Pu Am Cm Bk Cf Es Fm Md No Lr Rf Db Sg Bh Hs Mt Ds Rg Cn Nh Fl Mc "
    "Lv Ts Og".split()
)
"""Element symbols by atomic number; number 0 is no element."""

EXAMPLES = {
    "water": "O",
    "methanol": "CO",
    "ethanol": "CCO",
    "dimethyl ether": "COC",
    "cyclohexane": "C1CCCCC1",
    "benzene": "c1ccccc1",
    "decalin": "C1CCC2CCCCC2C1",
    "bicyclopentyl": "C1CCC(C1)C1CCCC1",
    "acetylacetone": "CC(O)=CC(C)=O",
}
"""SMILES of the molecules that the book calls by name; acetylacetone is the enol."""


_BOND_KINDS = {1.0: "SINGLE", 1.5: "AROMATIC", 2.0: "DOUBLE", 3.0: "TRIPLE", 4.0: "QUADRUPLE"}
_CHIRALITY = {"CHI_TETRAHEDRAL_CW": 1, "CHI_TETRAHEDRAL_CCW": 2}
_BOND_SIDES = {"STEREOZ": 1, "STEREOCIS": 1, "STEREOE": 2, "STEREOTRANS": 2}
# Names that RDKit gives to what a Molecule writes as numbers.


NEAR = 1.25
"""How much farther than the sum of their covalent radii two atoms may be and still count as bonded."""


class InputError(ValueError):
    """Bad input; its message is one sentence that names the input and says what would be right."""


class InputWarning(UserWarning):
    """Input that was taken, and may not be what was meant; its message is one sentence."""


def quoted(value: object, width: int = 60) -> str:
    """`value` as it would be typed, shortened, on one line and printable anywhere: for messages."""
    try:
        text = ascii(value)
    except (ValueError, RecursionError):  # integers of thousands of digits, tuples nested as deep
        text = f"a huge {type(value).__name__}"
    half = (width - 3) // 2  # of a path, the end tells most
    return text if len(text) <= width else f"{text[:half]}...{text[-half:]}"


CHARGE_NAMES = ("charge", "total_charge", "net_charge", "molecular_charge", "tot_charge")
"""The names, in small letters, under which the charge of a whole molecule is looked for."""


def charge_of(table: Mapping[str, object]) -> object:
    """The charge among what is known of a molecule, or 0.

    Raises:
        InputError: there are two, and they differ.
    """
    found = {key: value for key, value in table.items() if str(key).lower() in CHARGE_NAMES and np.size(value) == 1}
    values = {np.asarray(value).reshape(-1)[0] for value in found.values()}
    if len(values) > 1:
        raise InputError(f"{' and '.join(map(quoted, found))} are different charges: keep one of them")
    value = next(iter(values), 0)
    return value.item() if isinstance(value, np.generic) else value


@dataclass(frozen=True, eq=False, repr=False)
class Molecule:
    """Atoms, and what is known of them.

    Args:
        numbers: int [A], atomic numbers 1 to 118.
        positions: float64 [A, 3] in Å, or None.
        bonds: int [B, 2], each bond once, no atom with itself.
        bond_orders: float [B]; 1.5 in an aromatic ring.  All 1 where not given.
        charge: of the whole molecule, in e; the sum of the formal charges where not given.
        cell, pbc: float [3, 3] in Å and bool [3]; both None for an open molecule.
        energy: eV, or None.
        forces: float64 [A, 3] in eV/Å, or None.
        formal_charges: int [A]; all 0 where not given.
        implicit_hydrogens: int [A], hydrogens of an atom that are not atoms of their own; all 0 where not given.
        chirality: int [A]; 1 if the atom's bonds, seen from the first in the list, turn clockwise in their order, 2 if
            counter-clockwise, else 0.  All 0 where not given.
        bond_stereo: int [B, 3]; (i, j, 1) if atom i at the first and atom j at the second end of a double bond are cis,
            (i, j, 2) if trans, else zeros.  All zeros where not given.
        masses: float64 [A] in u, where they are told or an atom is an isotope; None for those of the natural mixtures.

    Stereochemistry guides `embed`; the graph, and all that is computed from it, does not know it.

    Raises:
        InputError: a shape, a number or an index is out of range.
    """

    numbers: np.ndarray
    positions: np.ndarray | None = None
    bonds: np.ndarray = field(default_factory=lambda: np.zeros((0, 2), int))
    bond_orders: np.ndarray | None = None
    charge: int | None = None
    cell: np.ndarray | None = None
    pbc: np.ndarray | None = None
    energy: float | None = None
    forces: np.ndarray | None = None
    formal_charges: np.ndarray | None = None
    implicit_hydrogens: np.ndarray | None = None
    chirality: np.ndarray | None = None
    bond_stereo: np.ndarray | None = None
    masses: np.ndarray | None = None

    def __post_init__(self):
        numbers = self._keep("numbers", self.numbers, int, (-1,))
        if numbers.size and not (numbers.min() >= 1 and numbers.max() < len(SYMBOLS)):
            wrong = next(int(z) for z in numbers if not 1 <= z < len(SYMBOLS))
            raise InputError(f"{wrong} is not the atomic number of an element; those run from 1 to {len(SYMBOLS) - 1}")
        n = len(numbers)
        bonds = self._keep("bonds", self.bonds, int, (-1, 2))
        if bonds.size and (bonds.min() < 0 or bonds.max() >= n or (bonds[:, 0] == bonds[:, 1]).any()):
            raise InputError(f"a bond joins two different atoms, numbered from 0 to {n - 1}")
        if len({frozenset(bond) for bond in bonds.tolist()}) < len(bonds):
            raise InputError("each bond is listed once; one of these is listed twice")
        orders = np.ones(len(bonds)) if self.bond_orders is None else self.bond_orders
        self._keep("bond_orders", orders, float, (len(bonds),))
        for name, dtype, shape, default in (
            ("positions", float, (n, 3), None),
            ("forces", float, (n, 3), None),
            ("cell", float, (3, 3), None),
            ("pbc", bool, (3,), None),
            ("formal_charges", int, (n,), np.zeros(n, int)),
            ("implicit_hydrogens", int, (n,), np.zeros(n, int)),
            ("chirality", int, (n,), np.zeros(n, int)),
            ("bond_stereo", int, (len(bonds), 3), np.zeros((len(bonds), 3), int)),
            ("masses", float, (n,), None),
        ):
            value = getattr(self, name)
            value = default if value is None else value
            if value is not None:
                self._keep(name, value, dtype, shape)
        if (self.implicit_hydrogens < 0).any():
            raise InputError("an atom has 0 or more implicit hydrogens")
        if self.masses is not None and (self.masses <= 0).any():
            raise InputError(f"a mass is a positive number of u, not {self.masses.min():g}")
        if not np.isin(self.chirality, (0, 1, 2)).all():
            raise InputError("chirality is 0, 1 or 2 for each atom")
        joined = {tuple(bond) for bond in bonds.tolist()} | {tuple(bond[::-1]) for bond in bonds.tolist()}
        for (i, j), (u, v, side) in zip(bonds.tolist(), self.bond_stereo.tolist(), strict=True):
            if (u, v, side) != (0, 0, 0) and not (side in (1, 2) and {(u, i), (v, j)} <= joined):
                raise InputError("bond_stereo names a neighbour of each end of its bond, and 1 or 2; or is 0, 0, 0")
        charge = self.formal_charges.sum() if self.charge is None else _number("charge", self.charge, "e")
        if charge != int(charge):
            raise InputError(f"the charge is a whole number of e, not {charge}")
        object.__setattr__(self, "charge", int(charge))
        if self.energy is not None:
            object.__setattr__(self, "energy", _number("energy", self.energy, "eV"))

    def _keep(self, name: str, value, dtype: type, shape: tuple[int, ...]) -> np.ndarray:
        """Set the attribute `name` to a read-only array of `dtype`, whose shape must be `shape` (-1: any length)."""
        try:
            given = np.array(value)
            array = given.astype(dtype)
            lossless = given.dtype.kind in "biuf" or not given.size
            lossless &= dtype is not int or bool((array == given).all())
        except (TypeError, ValueError, OverflowError):
            lossless = False
        if not lossless:
            raise InputError(f"{name} must be an array of {dtype.__name__}, not {quoted(value)}")
        if not np.isfinite(array).all():
            raise InputError(f"{name} must be finite numbers; there is {array[~np.isfinite(array)][0]} among them")
        if array.size == 0 and shape[0] in (-1, 0):
            array = array.reshape(0, *shape[1:])
        if array.ndim != len(shape) or any(
            want not in (-1, have) for want, have in zip(shape, array.shape, strict=True)
        ):
            wanted = ", ".join("any" if want == -1 else str(want) for want in shape)
            raise InputError(f"{name} must have the shape [{wanted}], not {list(array.shape)}")
        array.setflags(write=False)
        object.__setattr__(self, name, array)
        return array

    # ------------------------------------------------------------------ where molecules come from

    @classmethod
    def from_smiles(cls, smiles: str, hydrogens: bool = True) -> Molecule:
        """The molecule that a SMILES writes, without positions.

        Args:
            smiles: for example `"CO"`, methanol.
            hydrogens: True makes every hydrogen an atom; False leaves all of them out that a heavy atom can hold,
                deuterium too: only molecules of hydrogen alone keep some.

        Raises:
            InputError: the SMILES is empty, cannot be parsed, breaks a valence, or names no element (`*`).
        """
        from rdkit import Chem, rdBase

        if not isinstance(smiles, str):
            raise InputError(f"a SMILES is text, such as 'CO'; this is {quoted(smiles)}")
        text = smiles.strip()
        if not text:
            raise InputError("the SMILES is empty; water, for one, is 'O'")
        if not text.isascii() or not text.isprintable() or " " in text:
            raise InputError(
                f"{quoted(smiles)} is not a SMILES: it has a space or a character that SMILES does not use"
            )
        if text.startswith("InChI="):
            raise InputError(
                f"{quoted(text)} is an InChI, not a SMILES; rdkit.Chem.MolFromInchi and Molecule.from_rdkit read it"
            )
        if "[#" in text:
            raise InputError(
                f"{quoted(text)} is a SMARTS pattern, which stands for many molecules; a SMILES names elements, as 'CO'"
            )
        with rdBase.BlockLogs():
            unchecked = Chem.MolFromSmiles(text, sanitize=False)
            if unchecked is None:
                raise InputError(
                    f"{quoted(text)} is not a SMILES: check its brackets, ring numbers and element symbols"
                )
            problems = Chem.DetectChemistryProblems(unchecked)
            mol = None if problems else Chem.MolFromSmiles(text)
            if mol is None:
                reason = problems[0].Message().strip() if problems else "its atoms do not make a molecule"
                raise InputError(f"{quoted(text)} breaks the rules of valence: {reason}")
            mol = Chem.AddHs(mol) if hydrogens else without_hydrogens(mol)
        return cls.from_rdkit(mol)

    @classmethod
    def from_rdkit(cls, mol: rdkit.Chem.Mol) -> Molecule:
        """The atoms, bonds and (first) conformer of a sanitised RDKit molecule; of isotopes, the masses.

        Raises:
            InputError: not a sanitised molecule, a placeholder atom, or a bond without an order.
        """
        from rdkit import Chem

        if not isinstance(mol, Chem.Mol) or mol.NeedsUpdatePropertyCache():
            raise InputError(f"this needs a sanitised RDKit molecule, not {quoted(mol)}; see rdkit.Chem.SanitizeMol")
        atoms, bonds = list(mol.GetAtoms()), list(mol.GetBonds())
        if any(atom.GetAtomicNum() == 0 for atom in atoms):
            raise InputError("an atom written '*' is a placeholder, not an element; name the element")
        kinds = {str(bond.GetBondType()) for bond in bonds} - set(_BOND_KINDS.values())
        if kinds:
            raise InputError(f"a bond of kind {kinds.pop()} has no order; single to quadruple and aromatic bonds do")
        return cls(
            numbers=[atom.GetAtomicNum() for atom in atoms],
            positions=mol.GetConformer().GetPositions() if mol.GetNumConformers() else None,
            bonds=[(bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()) for bond in bonds],
            bond_orders=[bond.GetBondTypeAsDouble() for bond in bonds],
            formal_charges=[atom.GetFormalCharge() for atom in atoms],
            implicit_hydrogens=[atom.GetTotalNumHs() for atom in atoms],
            chirality=[_CHIRALITY.get(str(atom.GetChiralTag()), 0) for atom in atoms],
            bond_stereo=[
                (*bond.GetStereoAtoms(), side) if (side := _BOND_SIDES.get(str(bond.GetStereo()), 0)) else (0, 0, 0)
                for bond in bonds
            ],
            masses=[atom.GetMass() for atom in atoms] if any(atom.GetIsotope() for atom in atoms) else None,
        )

    @classmethod
    def from_ase(cls, atoms: ase.Atoms) -> Molecule:
        """Atoms from ASE, without bonds.

        Energy and forces are taken from a calculator only if it has computed them for these very positions.

        Raises:
            InputError: not an `ase.Atoms`, labels that are no numbers, or two different charges.
        """
        import ase

        if not isinstance(atoms, ase.Atoms):
            raise InputError(f"this needs an ase.Atoms, not {quoted(atoms)}")
        valid = atoms.calc is not None and not atoms.calc.check_state(atoms)
        results = atoms.calc.results if valid else {}
        periodic = bool(atoms.pbc.any())
        return cls(
            numbers=atoms.numbers,
            positions=atoms.positions,
            charge=charge_of(atoms.info),
            cell=atoms.cell.array if periodic else None,
            pbc=atoms.pbc if periodic else None,
            energy=results.get("energy", atoms.info.get("energy")),
            forces=results.get("forces", atoms.arrays.get("forces")),
            masses=atoms.arrays.get("masses"),
        )

    def to_ase(self) -> ase.Atoms:
        """Atoms of ASE with the same positions, masses, cell and charge.

        Raises:
            InputError: there are no positions.
        """
        import ase

        if self.positions is None:
            raise InputError(f"{self} has no positions; embed() gives it some")
        info = {"charge": self.charge} if self.charge else {}
        return ase.Atoms(self.numbers, self.positions, masses=self.masses, cell=self.cell, pbc=self.pbc, info=info)

    @classmethod
    def example(cls, name: str, hydrogens: bool = True) -> Molecule:
        """One of the molecules that the book calls by name (`EXAMPLES`)."""
        if not isinstance(name, str) or name not in EXAMPLES:
            raise InputError(f"the book has no molecule named {quoted(name)}; it has {', '.join(EXAMPLES)}")
        return cls.from_smiles(EXAMPLES[name], hydrogens)

    def embed(self, seed: int = 0) -> Molecule:
        """The same molecule with positions: RDKit's ETKDGv3 geometry, relaxed by a force field.

        The force field is MMFF94; or UFF, where MMFF94 lacks an atom, or a bond as that of CO2 or N2, which it would
        stretch.  Parts that no bond joins, such as ions or molecules side by side, are placed apart and relaxed
        together, or each alone where they would fly apart.  Neither force field knows unpaired electrons: radicals get
        the lengths of closed shells.  Ten heavy atoms take hundredths of a second, two hundred half a minute.

        Sources: Riniker and Landrum (2015), `riniker2015better`, and for this version Wang et al. (2020),
        `wang2020improving`; Halgren (1996), `halgren1996merck`.

        A labelled energy, forces or cell belonged to other positions and do not stay.

        Raises:
            InputError: hydrogens are not atoms, no geometry was found, no force field knows an element, or the seed is
                not a whole number from 0 to 2^31 - 1.
        """
        from rdkit import rdBase
        from rdkit.Chem import AllChem

        if self.implicit_hydrogens.any():
            raise InputError(f"{self} has hydrogens that are not atoms; make it with hydrogens=True before embed()")
        if not isinstance(seed, int | np.integer) or not 0 <= seed < 2**31:
            raise InputError(f"a seed is a whole number from 0 to 2^31 - 1, not {quoted(seed)}")
        moved = {"energy": None, "forces": None, "cell": None, "pbc": None}
        if len(self) <= 1:
            return replace(self, positions=np.zeros((len(self), 3)), **moved)
        mol = self.to_rdkit()
        with rdBase.BlockLogs():
            how = AllChem.ETKDGv3()
            how.randomSeed = int(seed)
            failed = AllChem.EmbedMolecule(mol, how)
            if failed:
                how.useRandomCoords = True
                failed = AllChem.EmbedMolecule(mol, how)
            if failed:
                raise InputError(f"no three-dimensional geometry was found for {self}")
            positions = _relaxed(mol, self._parts(), self.bonds)
            if positions is None:
                raise InputError(f"neither MMFF94 nor UFF has parameters for every atom of {self}")
        return replace(self, positions=positions, **moved)

    def with_bonds(self) -> Molecule:
        """The same atoms, with single bonds between those nearer than `NEAR` times the sum of their covalent radii.

        Raises:
            InputError: there are no positions.
        """
        from ase.data import covalent_radii

        if self.positions is None:
            raise InputError(f"{self} has no positions; embed() gives it some")
        x, radii = self.positions, NEAR * covalent_radii[self.numbers]
        near = np.linalg.norm(x[:, None] - x, axis=-1) < radii[:, None] + radii
        return Molecule(self.numbers, x, np.argwhere(np.triu(near, 1)))

    # ------------------------------------------------------------------ what molecules turn into

    def to_networkx(self) -> nx.Graph:
        """Nodes 0 … A-1 with `element` (the symbol), `charge` (formal), `hydrogens` (implicit); edges with `order`."""
        import networkx as nx

        graph = nx.Graph()
        for i, (z, charge, hydrogens) in enumerate(self._by_atom()):
            graph.add_node(i, element=SYMBOLS[z], charge=charge, hydrogens=hydrogens)
        for (i, j), order in zip(self.bonds.tolist(), self.bond_orders.tolist(), strict=True):
            graph.add_edge(i, j, order=order)
        return graph

    def to_rdkit(self) -> rdkit.Chem.Mol:
        """A sanitised RDKit molecule with the same atoms in the same order.

        Raises:
            InputError: an order is not 1, 1.5, 2, 3 or 4, or the bonds break a valence.
        """
        from rdkit import Chem, rdBase

        mol = Chem.RWMol()
        for (z, charge, hydrogens), turn in zip(self._by_atom(), self.chirality.tolist(), strict=True):
            atom = Chem.Atom(z)
            if turn:
                atom.SetChiralTag([None, Chem.CHI_TETRAHEDRAL_CW, Chem.CHI_TETRAHEDRAL_CCW][turn])
            atom.SetFormalCharge(charge)
            atom.SetNumExplicitHs(hydrogens)
            atom.SetNoImplicit(True)
            mol.AddAtom(atom)
        for (i, j), order in zip(self.bonds.tolist(), self.bond_orders.tolist(), strict=True):
            if order not in _BOND_KINDS:
                raise InputError(f"a bond order is 1, 1.5, 2, 3 or 4, not {order:g}")
            mol.AddBond(i, j, getattr(Chem.BondType, _BOND_KINDS[order]))
            if order == 1.5:
                for atom in (i, j):
                    mol.GetAtomWithIdx(atom).SetIsAromatic(True)
        with rdBase.BlockLogs():
            try:
                Chem.SanitizeMol(mol)
            except ValueError as error:
                raise InputError(f"the bonds of {self} break the rules of valence: {str(error).strip()}") from None
        for bond, (i, j, side) in zip(mol.GetBonds(), self.bond_stereo.tolist(), strict=True):
            if side:
                bond.SetStereoAtoms(i, j)
                bond.SetStereo(Chem.BondStereo.STEREOCIS if side == 1 else Chem.BondStereo.STEREOTRANS)
        Chem.SetDoubleBondNeighborDirections(mol)
        Chem.AssignStereochemistry(mol, cleanIt=True, force=True)
        if self.positions is not None:
            conformer = Chem.Conformer(len(self))
            conformer.SetPositions(np.ascontiguousarray(self.positions))
            mol.AddConformer(conformer, assignId=True)
        return mol.GetMol()

    def _by_atom(self) -> Iterator[tuple[int, int, int]]:
        columns = self.numbers, self.formal_charges, self.implicit_hydrogens
        return zip(*(column.tolist() for column in columns), strict=True)

    def to_smiles(self) -> str:
        """The canonical SMILES of the constitution, without hydrogens, stereochemistry and isotopes."""
        from rdkit import Chem, rdBase

        with rdBase.BlockLogs():
            return Chem.MolToSmiles(without_hydrogens(self.to_rdkit()), isomericSmiles=False)

    def _parts(self) -> list[np.ndarray]:
        """The atoms of each part that bonds hold together."""
        import networkx as nx

        return [np.array(sorted(part)) for part in nx.connected_components(self.to_networkx())]

    # ------------------------------------------------------------------ small things

    @property
    def symbols(self) -> tuple[str, ...]:
        """Element symbols, one an atom."""
        return tuple(SYMBOLS[z] for z in self.numbers)

    @property
    def formula(self) -> str:
        """The molecular formula in Hill's order, hydrogens that are not atoms included: C10H18."""
        counts = Counter(self.symbols)
        counts["H"] += int(self.implicit_hydrogens.sum())
        first = ["C", "H"] if counts["C"] else []
        order = first + sorted(symbol for symbol in counts if symbol not in first)
        return "".join(f"{s}{n if n > 1 else ''}" for s in order if (n := counts[s]))

    def __len__(self) -> int:
        return len(self.numbers)

    def __repr__(self) -> str:
        known = [f"{self.formula or 'no atoms'}: {len(self)} atoms", f"{len(self.bonds)} bonds"]
        known += [f"charge {self.charge:+d}"] if self.charge else []
        known += ["positions"] if self.positions is not None else []
        return f"Molecule({', '.join(known)})"


STRETCHED = 0.15
"""Å; a bond that relaxation changes by more is one that the force field has no parameters for, but guesses."""

FLOWN = 6.0
"""Å; parts that are farther from each other after relaxation have flown apart."""


def _relaxed(mol: rdkit.Chem.Mol, parts: Sequence[np.ndarray], bonds: np.ndarray) -> np.ndarray | None:
    """Positions [A, 3] Å relaxed by the first force field that leaves the bonds whole; None if none knows all atoms.

    MMFF94 says that it has parameters for N2, CO2 or SO2, and makes their bonds a fifth to a third of an Å too long.
    """
    from rdkit.Chem import AllChem
    from scipy.sparse.csgraph import minimum_spanning_tree
    from scipy.spatial.distance import cdist

    def lengths(x):
        return np.linalg.norm(x[bonds[:, 0]] - x[bonds[:, 1]], axis=-1)

    def gap(x):
        """The widest of the gaps that must be bridged to walk from part to part."""
        if len(parts) == 1:
            return 0.0
        between = [[cdist(x[a], x[b]).min() if a is not b else 0.0 for b in parts] for a in parts]
        return minimum_spanning_tree(np.array(between)).toarray().max()

    fields = []
    if AllChem.MMFFHasAllMoleculeParams(mol):
        fields.append(AllChem.MMFFOptimizeMolecule)
    if AllChem.UFFHasAllMoleculeParams(mol):
        fields.append(AllChem.UFFOptimizeMolecule)
    if not fields:
        return None
    start = _parts_apart(mol.GetConformer().GetPositions(), parts)
    for optimise in fields:
        for alone in (False, True) if len(parts) > 1 else (True,):
            mol.GetConformer().SetPositions(start)
            optimise(mol, maxIters=2000, ignoreInterfragInteractions=alone)
            found = mol.GetConformer().GetPositions()
            if gap(found) <= FLOWN and np.all(np.abs(lengths(found) - lengths(start)) < STRETCHED):
                return found
    return start  # a geometry that no relaxation makes worse


def _parts_apart(positions: np.ndarray, parts: Sequence[np.ndarray], gap: float = 3.0) -> np.ndarray:
    """The same with the parts in a row along x, so that atoms of different parts are at least `gap` Å from each other.

    RDKit embeds each part about the origin, one on top of the other.
    """
    placed, edge = positions.copy(), None
    for part in parts:
        if edge is not None:
            placed[part, 0] += edge + gap - placed[part, 0].min()
        edge = placed[part, 0].max()
    return placed


def without_hydrogens(mol: rdkit.Chem.Mol) -> rdkit.Chem.Mol:
    """Without those that RDKit keeps by itself too: isotopes, hydrides, and those that say which side of a bond."""
    from rdkit import Chem

    which = Chem.RemoveHsParameters()
    for name in ("removeIsotopes", "removeHydrides", "removeDefiningBondStereo", "removeNontetrahedralNeighbors"):
        setattr(which, name, True)
    return Chem.RemoveHs(mol, which)


def _number(name: str, value: object, unit: str) -> float:
    """A finite number as float, or an InputError."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | float | np.number) or not np.isfinite(value):
        raise InputError(f"the {name} is a number in {unit}, not {quoted(value)}")
    return float(value)
