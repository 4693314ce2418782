"""Any SMILES in the page: the graph is RDKit's, and its colours are those of Python, number for number."""

import functools
import json
import random
import re
import subprocess
from pathlib import Path

import networkx as nx
import numpy as np
import pytest
from browsing import NODE, copied, live_page, needs_live, needs_node, said
from networkx.generators.atlas import graph_atlas_g
from rdkit import Chem, rdBase

from dmol_molnet import InputError, Molecule, wl
from dmol_molnet.live import bundle
from dmol_molnet.molecules import EXAMPLES, SYMBOLS

ROOT = Path(__file__).parents[1]

KINDS = """
    C CC C=C C#C O N S F Cl Br I C=O C#N [N+](=O)[O-] CN(=O)=O N=[N+]=[N-] CN=N#N C(=O)[O-] S(=O)(=O)O P(=O)(O)O B(O)O
    c1ccccc1 c1ccncc1 c1cc[nH]c1 c1ccoc1 c1ccsc1 c1c[nH]cn1 c1ccc2ccccc2c1 c1ccc2cccc2cc1 c1ccc2c(c1)-c1ccccc12
    Cn1cnc2c1c(=O)n(C)c(=O)n2C c1ccc(cc1)-c1ccccc1 c1ccc2nsnc2c1 c1cc[se]c1 [cH-]1cccc1 [o+]1ccccc1 C[n+]1ccccc1
    [O-][n+]1ccccc1 O=n1ccccc1 O=c1cc[nH]cc1 c1cc2ccc3cccc4ccc(c1)c2c34 C1=CC(=C2C=CC=C2)C=C1 O=C1C=CC(=O)C=C1
    C1CC1 C1CCC1 C1CCCC1 C1CCCCC1 C1CCC2CCCCC2C1 C1CCC(C1)C1CCCC1 C1CC2CCC1C2 C1C2CC3CC1CC(C2)C3 C12C3C4C1C5C2C3C45
    C1CCC2(CC1)CCCC2 C%10CCCCC%10 C=1CCCCC=1 F/C=C/C C[C@H](N)O [13CH4] [2H]C [H]C [H][H] [HH] [H+] [CH3:7]C
    [NH3+]C [NH4+] [OH-] [Na+].[Cl-] CC(=O)[O-].[Na+] O.O C1.C1 OCl(=O)(=O)=O F[P-](F)(F)(F)(F)F FS(F)(F)(F)(F)F
    C[Mg]Br C[Si](C)(C)C C[Sn](C)(C)C IC=C [C] [O][O] [C-]#[O+] C$C CS(C)=O [U](F)(F)(F)(F)(F)F [Fe+2] [He]
""".split()

WRONG = {
    "": "empty",
    "CQC": "character 2",
    "C C": "character 2",
    "Cé": "character 2",
    "C(C": "not closed",
    "C)C": "not opened",
    "C()C": "character 3",
    "C==C": "character 3",
    "C=": "breaks off",
    "C1CC": "ring 1",
    "C11": "itself",
    "C12CC12": "joins two atoms twice",
    "C=1CC#1": "two kinds of bonds",
    "[Xx]": "no element",
    "[C": "means nothing",
    "*C": "placeholder",
    "[#6]": "means nothing",
    "C(C)(C)(C)(C)C": "atom 0, C, has 5 bonds",
    "FCl(F)F": "valence",
    "c1ccnc1": "[nH]",
    "cc": "in no ring",
    "InChI=1S/CH4/h1H4": "character 4",
    "C" * 401: "401",
    "(" * 40 + "C" + ")" * 40: "character 1",
    "C(" * 30 + "Q" + ")" * 30: "means nothing",
}


def computed(molecules):
    """What the scripts of the figures say of each."""
    modules = bundle._modules(bundle._tool("npm"))
    command = [NODE, str(Path(__file__).with_name("live_graphs.mjs")), str(modules), str(ROOT)]
    done = subprocess.run(command, input=json.dumps({"molecules": molecules}), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@functools.cache
def texts():
    """A thousand SMILES: every kind above, small skeletons of carbon, and joined pieces in random spellings."""
    rng, found = random.Random(0), list(KINDS)
    skeletons = [g for g in graph_atlas_g() if len(g) > 3 and nx.is_connected(g) and max(d for _, d in g.degree) < 5]
    for graph in rng.sample(skeletons, 300):
        found.append(Molecule([6] * len(graph), bonds=list(graph.edges)).to_smiles())
    pieces = [mol for mol in map(Chem.MolFromSmiles, KINDS) if mol.GetNumAtoms() > 1]
    with rdBase.BlockLogs():
        while len(found) < 1000:
            mol = rng.choice(pieces)
            for _ in range(rng.randrange(4)):
                mol = joined(mol, rng.choice(pieces), rng) or mol
            mol = Chem.AddHs(mol) if rng.random() < 0.2 else Chem.Mol(mol)
            how = {key: rng.random() < 0.25 for key in ("allBondsExplicit", "allHsExplicit", "kekuleSmiles")}
            if how["kekuleSmiles"]:
                Chem.Kekulize(mol, clearAromaticFlags=True)
            found += Chem.MolToRandomSmilesVect(mol, 1, randomSeed=rng.randrange(1, 2**30), **how)
    return found


def joined(one, two, rng):
    """Both by a single bond in the place of two hydrogens, or None."""
    both, n = Chem.RWMol(Chem.CombineMols(one, two)), one.GetNumAtoms()
    ends = []
    for low, high in ((0, n), (n, both.GetNumAtoms())):
        ends.append([v for v in range(low, high) if both.GetAtomWithIdx(v).GetTotalNumHs()])
    if not all(ends) or both.GetNumAtoms() > 40:
        return None
    ends = [rng.choice(some) for some in ends]
    both.AddBond(*ends, Chem.BondType.SINGLE)
    for atom in map(both.GetAtomWithIdx, ends):
        atom.SetNumExplicitHs(max(0, atom.GetNumExplicitHs() - 1))
    return both.GetMol() if Chem.SanitizeMol(both, catchErrors=True) == 0 else None


def edges(bonds):
    return sorted(tuple(sorted(bond[:2])) for bond in bonds)


@needs_node
def test_a_thousand_smiles_are_the_same_graphs_with_the_same_colours():
    assert len(texts()) == 1000
    jobs = [{"smiles": smiles, "hydrogens": yes} for smiles in texts() for yes in (False, True)]
    for job, found in zip(jobs, computed(jobs), strict=True):
        molecule = Molecule.from_smiles(job["smiles"], job["hydrogens"])
        assert "error" not in found, job
        assert tuple(found["symbols"]) == molecule.symbols, job
        assert edges(found["bonds"]) == edges(molecule.bonds.tolist()), job
        assert found["implicit"] == molecule.implicit_hydrogens.tolist(), job
        expected = wl.refine(molecule)
        assert found["history"] == [[*colors.values()] for colors in expected.history], job
        assert found["rounds"] == expected.rounds, job


@needs_node
def test_atoms_have_places_of_their_own():
    """All bonds can be seen; in a plane, cages fall on themselves a little."""
    texts = [*KINDS, "CCO.CCO", "C" * 30, "CC(C)(C)C(C)(C)C", "c1cc2ccc3cccc4ccc(c1)c2c34"]
    for smiles, found in zip(
        texts, computed([{"smiles": s, "hydrogens": True, "places": True} for s in texts]), strict=True
    ):
        at = np.array(found["places"])
        assert at.shape == (len(found["symbols"]), 2)
        assert np.isfinite(at).all(), smiles
        gaps = np.linalg.norm(at[:, None] - at, axis=-1) + 9 * np.eye(len(at))
        assert gaps.min() > 0.1, smiles
        lengths = [gaps[i, j] for i, j, _ in found["bonds"]]
        assert np.median(lengths or [1]) == pytest.approx(1, abs=0.2), smiles


@needs_node
def test_pairs_are_told_apart_in_the_same_round_or_never():
    rng, kinds = random.Random(1), texts()
    pairs = [
        (EXAMPLES["decalin"], EXAMPLES["bicyclopentyl"]),
        ("c1ccc2ccccc2c1", "C1=CC(=C2C=CC=C2)C=C1"),
        ("C1CCCCC1", "c1ccccc1"),
    ]
    pairs += [tuple(pair["smiles"]) for pair in wl.census()["pairs"]]
    pairs += [tuple(rng.sample(kinds, 2)) for _ in range(150)]
    skeletons = [s for s in kinds if set(s) <= set("C()123456789%") and Chem.MolFromSmiles(s).GetNumAtoms() == 7]
    pairs += [tuple(rng.sample(skeletons, 2)) for _ in range(150)]
    pairs += [(s, Chem.MolToRandomSmilesVect(Chem.MolFromSmiles(s), 1, 5)[0]) for s in rng.sample(kinds, 60)]
    jobs = [{"smiles": one, "with": two, "hydrogens": yes} for one, two in pairs for yes in (False, True)]
    never = 0
    for job, found in zip(jobs, computed(jobs), strict=True):
        one, two = (Molecule.from_smiles(job[key], job["hydrogens"]) for key in ("smiles", "with"))
        expected = wl.compare(one, two)
        assert (found["other"]["distinguished"], found["other"]["round"]) == (expected.distinguished, expected.round), (
            job
        )
        for history, refinement in zip(found["other"]["refinements"], expected.refinements, strict=True):
            assert history == [[*colors.values()] for colors in refinement.history], job
        if not expected.distinguished:
            never += 1
            same = nx.is_isomorphic(
                one.to_networkx(), two.to_networkx(), node_match=lambda a, b: a["element"] == b["element"]
            )
            assert found["isomorphic"] == same, job
    assert never > 100


@needs_node
def test_what_cannot_be_read_is_refused_in_one_sentence():
    found = computed([{"smiles": smiles, "hydrogens": True} for smiles in WRONG])
    for (smiles, word), answer in zip(WRONG.items(), found, strict=True):
        assert word in answer["error"], (smiles, answer["error"])
        assert answer["error"].endswith(".")
        if word not in ("401", "two kinds of bonds"):  # these the page alone refuses
            with pytest.raises(InputError):
                Molecule.from_smiles(smiles)
    (large,) = computed([{"smiles": "C" * 21, "hydrogens": True, "limit": 60}])
    assert "65 atoms" in large["error"]
    assert "60" in large["error"]
    assert "leave out the hydrogens, and 21 are left" in large["error"]


@needs_node
def test_broken_texts_are_refused_by_both_or_read_alike():
    rng, signs, broken = random.Random(2), "CNOSFcnos()[]=#123.+-H", []
    short = [smiles for smiles in texts() if len(smiles) < 30]
    while len(broken) < 600:
        text = list(rng.choice(short))
        text[rng.randrange(len(text))] = rng.choice(signs)
        broken.append("".join(text))
    differ = []
    for smiles, found in zip(broken, computed([{"smiles": s, "hydrogens": True} for s in broken]), strict=True):
        try:
            expected = Molecule.from_smiles(smiles)
        except InputError:
            expected = None
        if (expected is None) != ("error" in found):
            differ.append(smiles)
        elif expected is not None:
            assert sorted(expected.symbols) == sorted(found["symbols"]), smiles
            assert len(expected.bonds) == len(found["bonds"]), smiles
    assert len(differ) <= 18, differ  # odd aromatic ones, of which RDKit takes some


def test_the_elements_are_those_of_python_and_rdkit():
    written = json.loads((ROOT / "book" / "_live" / "shared" / "elements.json").read_text(encoding="utf-8"))
    table = Chem.GetPeriodicTable()
    assert tuple(written["symbols"]) == SYMBOLS
    lists = {symbol: list(table.GetValenceList(z)) for z, symbol in enumerate(SYMBOLS) if z}
    assert written["valences"] == {symbol: some for symbol, some in lists.items() if some != [-1]}


# ------------------------------------------------------------------------------------------------ in the page


@pytest.fixture(scope="module")
def tab(tmp_path_factory):
    with live_page(tmp_path_factory.mktemp("graphs"), "refine") as tab:
        yield tab
        assert tab.faults == []


def type_in(figure, first, second=""):
    figure.get_by_label("1st SMILES").fill(first)
    entry = figure.get_by_label("2nd SMILES")
    entry.fill(second)
    entry.press("Enter")


def outdated(figure):
    """Whether the picture is dimmed, since it is not of what the entries say."""
    return float(figure.locator(".live-stage").evaluate("it => getComputedStyle(it).opacity")) < 0.5


def agrees(figure, *molecules):
    """Every round is Python's; by the arrow keys to the end."""
    results = [wl.refine(molecules[0])] if len(molecules) == 1 else wl.compare(*molecules).refinements
    slider = figure.get_by_role("slider", name="round")
    slider.focus()
    for t in range(results[0].rounds + 1):
        told = said(figure)
        assert (told["round"], told["rounds"]) == (str(t), str(results[0].rounds))
        for key, result in zip(("colors", "otherColors"), results, strict=False):
            assert told[key] == " ".join(map(str, result.history[t].values()))
        slider.press("ArrowRight")
    return said(figure)


@needs_live
def test_the_pair_of_the_chapter_is_never_told_apart(tab):
    figure = tab.locator("#live-refine")
    for hydrogens in (False, True):
        pair = [Molecule.example(name, hydrogens) for name in ("decalin", "bicyclopentyl")]
        told = agrees(figure, *pair)
        assert (told["told"], told["same"]) == ("never", "false")
        assert str(copied(figure)[0][0]) == str(wl.compare(*pair))
        figure.get_by_label("hydrogens as atoms").press("Space")


@needs_live
def test_benzene_and_cyclohexane_are_one_graph_until_hydrogens_are_added(tab):
    figure = tab.locator("#live-refine")
    figure.get_by_role("button", name="benzene and cyclohexane").click()
    assert said(figure)["verdict"].endswith("one and the same graph")
    assert said(figure)["same"] == "true"
    figure.get_by_label("hydrogens as atoms").press("Space")
    assert said(figure)["told"] == "0"
    figure.get_by_label("hydrogens as atoms").press("Space")


@needs_live
def test_any_smiles_alone_or_with_another(tab):
    figure = tab.locator("#live-refine")
    type_in(figure, "c1ccc2[nH]ccc2c1")
    told = agrees(figure, Molecule.from_smiles("c1ccc2[nH]ccc2c1", hydrogens=False))
    assert told["verdict"] == "stable, with 9 colours"
    assert "Refinement(9 colours" in str(copied(figure)[0][0])
    type_in(figure, "CCO", "COC")
    for _ in range(3):
        figure.get_by_role("button", name="Forward").press("Enter")
    ethers = [Molecule.from_smiles(smiles, hydrogens=False) for smiles in ("CCO", "COC")]
    assert said(figure)["told"] == str(wl.compare(*ethers).round) == "1"
    figure.get_by_role("button", name="First").press("Enter")
    assert said(figure)["told"] == ""


@needs_live
def test_what_is_wrong_is_said_below_its_entry_and_nothing_is_lost(tab):
    figure = tab.locator("#live-refine")
    type_in(figure, "CCO", "CCC")
    before = said(figure)
    type_in(figure, "CCN", "C1CC")
    entry = figure.get_by_label("2nd SMILES")
    assert entry.get_attribute("aria-invalid") == "true"
    assert "ring 1" in figure.locator(f"[id='{entry.get_attribute('aria-describedby')}']").text_content()
    assert said(figure) == before
    assert outdated(figure)  # and says whose picture it is
    assert figure.locator(".live-sentence").text_content() == "The picture still shows ethanol and CCC."
    type_in(figure, "C" * 61)
    assert re.search(r"61 atoms, and up to 60", figure.locator(".live-error").first.text_content())
    assert outdated(figure)
    type_in(figure, "C" * 20)
    assert not outdated(figure)
    assert len(said(figure)["colors"].split()) == 20
    figure.get_by_label("hydrogens as atoms").click()  # 62 atoms: not taken
    assert not figure.get_by_label("hydrogens as atoms").is_checked()
    assert not outdated(figure)  # all is as written
    assert len(said(figure)["colors"].split()) == 20
    figure.get_by_role("button", name="Reset").press("Enter")
    assert len(said(figure)["otherColors"].split()) == 10
    assert figure.locator(".live-error").first.text_content() == ""


@needs_live
def test_one_button_or_enter_in_either_entry_takes_both(tab):
    figure = tab.locator("#live-refine")
    entries = [figure.get_by_label(label) for label in ("1st SMILES", "2nd SMILES")]
    assert figure.locator("button[type=submit]").count() == 1
    submit = [
        lambda: figure.get_by_role("button", name="Show both", exact=True).click(),
        lambda: entries[0].press("Enter"),
        lambda: entries[1].press("Enter"),
    ]
    for n, act in enumerate(submit, start=1):
        for entry, text in zip(entries, ("C" * n, "C" * n + "O"), strict=True):
            entry.fill(text)
        act()
        assert (len(said(figure)["colors"].split()), len(said(figure)["otherColors"].split())) == (n, n + 1)


@needs_live
def test_below_each_bar_stands_how_many_atoms_have_its_colour(tab):
    figure = tab.locator("#live-refine")
    bars, forward = figure.locator(".live-bars"), figure.get_by_role("button", name="Forward")
    for one, two in (("CCCO", "CCOC"), ("CCO", "")):
        type_in(figure, one, two)
        heights = set()
        for _ in range(int(said(figure)["rounds"]) + 1):
            colors = [said(figure)[key].split() for key in ("colors", "otherColors")]
            expected = []
            for c in sorted({c for some in colors for c in some}, key=int):
                a, b = (str(some.count(c)) for some in colors)
                expected.append([a, b, "=" if a == b else "≠", c] if two else [a, c])
            groups = bars.locator("> svg").evaluate_all(
                "all => all.map((it) => [...it.querySelectorAll('text')].map((word) => word.textContent))"
            )
            assert [words for words in groups if words] == expected
            heights.add(bars.bounding_box()["height"])
            forward.press("Enter")
        assert len(heights) == 1  # nothing below moves from round to round
    figure.get_by_role("button", name="Reset").press("Enter")
