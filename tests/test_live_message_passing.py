"""Message passing in the page: TensorFlow's numbers, and what an atom starts with comes one bond farther a layer."""

import functools
import json
import subprocess
from pathlib import Path

import keras
import networkx as nx
import numpy as np
import pytest
import tensorflow as tf
from browsing import NODE, copied, live_page, needs_live, needs_node, said

from dmol_molnet import Molecule
from dmol_molnet.live import bundle
from dmol_molnet.molecules import EXAMPLES, SYMBOLS
from dmol_molnet.nn.message_passing import MessagePassing, directed_edges, one_hot

ROOT = Path(__file__).parents[1]

TEXTS = [
    *EXAMPLES.values(),
    *"C N [He] [H][H] O=C=O C#N CC#C CNO CSC CCl C(F)(Cl)Br OB(O)O CP(C)C CC(=O)N [NH4+].[Cl-] O.O c1ccncc1".split(),
    *"c1cc[nH]c1 c1ccoc1 c1ccsc1 Cn1cnc2c1c(=O)n(C)c(=O)n2C OCCCCCCCC CC(C)(C)C C1CC1 C12C3C4C1C5C2C3C45".split(),
    *"NCC(=O)O C[C@H](N)C(=O)O OCC(O)CO c1ccc2ccccc2c1 C1=CC(=C2C=CC=C2)C=C1 CN(C)C=O CS(=O)C C[N+](=O)[O-]".split(),
    *"ClC=C FC(F)F IC BrCCBr OO NN CC(=O)OC1=CC=CC=C1 C1CCC2(CC1)CCCC2 c1ccc(cc1)O CCOCC C=CC=C C=CC=O".split(),
]


@functools.cache
def data():
    import live_figures  # `browsing` says where

    return live_figures.figures()["messages"].data()


def elements_of(molecule):
    return sorted(set(molecule.symbols), key=SYMBOLS.index)


@functools.cache
def layers_of(elements, dtype="float64"):
    """Layers of the package with the weights of the page."""
    found = []
    for k, arrays in enumerate([data()["first"][elements - 1], *data()["others"]]):
        layer = MessagePassing(3, dtype=dtype)
        layer.build((None, 3 if k else elements))
        layer.set_weights([np.array(arrays[name]) for name in ("U", "W", "b")])
        found.append(layer)
    return found


@pytest.mark.parametrize("elements", [1, 3, 6])
def test_the_weights_are_those_that_a_chapter_draws(elements):
    shipped, none = layers_of(elements, "float32"), np.zeros(0, "int32")
    keras.utils.set_random_seed(data()["seed"])
    for k, layer in enumerate(shipped):
        own = MessagePassing(3)
        own(np.zeros((1, 3 if k else elements), "float32"), none, none)
        for one, two in zip(own.get_weights(), layer.get_weights(), strict=True):
            np.testing.assert_array_equal(one, two)


@needs_node
def test_features_and_influence_of_many_molecules_are_tensorflows():
    jobs, molecules = [], []
    for smiles in TEXTS:
        for yes in (False, True):
            molecule = Molecule.from_smiles(smiles, yes)
            elements = elements_of(molecule)
            layers = [data()["first"][len(elements) - 1], *data()["others"]]
            jobs.append({"smiles": smiles, "hydrogens": yes, "elements": elements, "layers": layers})
            molecules.append(molecule)
    command = [
        NODE,
        str(Path(__file__).with_name("live_graphs.mjs")),
        str(bundle._modules(bundle._tool("npm"))),
        str(ROOT),
    ]
    done = subprocess.run(command, input=json.dumps({"molecules": jobs}), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert len(TEXTS) >= 50
    for job, molecule, found in zip(jobs, molecules, json.loads(done.stdout), strict=True):
        layers, edges = layers_of(len(job["elements"])), directed_edges(molecule)
        h = tf.constant(one_hot(molecule, elements=job["elements"]), tf.float64)
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(h)
            after = [h]
            for layer in layers:
                after.append(layer(after[-1], *edges))
            end = after[2]
        for one, two in zip(found["features"], after, strict=True):
            np.testing.assert_allclose(one, two, atol=1e-12, rtol=0)
        if job["smiles"] in ("CCO", "CC(O)=CC(C)=O", "O=C=O", "[NH4+].[Cl-]") and not job["hydrogens"]:
            J = tape.jacobian(end, h, experimental_use_pfor=False)  # [A, F, A, K]
            slopes = np.abs(J).sum(axis=(1, 3))  # [A, A]: of v, by u
            for u, strengths in enumerate(found["influence"]):
                np.testing.assert_allclose(strengths[2], slopes[:, u], atol=1e-12, rtol=0)
        away = dict(nx.all_pairs_shortest_path_length(molecule.to_networkx()))
        for u, strengths in enumerate(found["influence"]):
            for t, row in enumerate(strengths):
                assert [x > 0 for x in row] == [away[u].get(v, 99) <= t for v in range(len(molecule))], (
                    job["smiles"],
                    u,
                    t,
                )


# ------------------------------------------------------------------------------------------------ in the page


@pytest.fixture(scope="module")
def tab(tmp_path_factory):
    with live_page(tmp_path_factory.mktemp("messages"), "messages") as tab:
        yield tab
        assert tab.faults == []


def agrees(figure, molecule, atom, t):
    told = said(figure)
    assert (told["atom"], told["layers"]) == (str(atom), str(t))
    away = nx.single_source_shortest_path_length(molecule.to_networkx(), atom)
    assert told["reached"] == " ".join(str(v) for v in sorted(away) if away[v] <= t)
    np.testing.assert_allclose(
        [float(x) for x in told["row"].split()], np.asarray(copied(figure)[-1][0])[atom], atol=2e-6
    )


@needs_live
def test_a_wall_moves_one_bond_a_layer(tab):
    figure = tab.locator("#live-messages")
    octanol = Molecule.from_smiles("OCCCCCCCC", hydrogens=False)
    agrees(figure, octanol, 0, 2)
    slider = figure.get_by_role("slider", name="layers")
    for t in (3, 4):
        slider.press("ArrowRight")
        agrees(figure, octanol, 0, t)
    slider.press("End")
    agrees(figure, octanol, 0, 8)
    slider.press("Home")
    agrees(figure, octanol, 0, 0)
    slider.press("ArrowRight")
    figure.get_by_role("button", name="C4", exact=True).press("Enter")
    agrees(figure, octanol, 4, 1)
    figure.locator(".live-panel svg g").nth(7).click()
    agrees(figure, octanol, 7, 1)


@needs_live
def test_methanol_has_the_numbers_of_the_chapter(tab):
    figure = tab.locator("#live-messages")
    figure.get_by_role("button", name="methanol").click()
    figure.get_by_role("slider", name="layers").fill("2")
    keras.utils.set_random_seed(7)  # as in the chapter
    methanol = Molecule.example("methanol")
    h = one_hot(methanol, elements=("H", "C", "O"))
    for _ in range(2):
        h = MessagePassing(3)(h, *directed_edges(methanol))
    np.testing.assert_allclose([float(x) for x in said(figure)["row"].split()], h[0], atol=2e-6)
    agrees(figure, methanol, 0, 2)
    shown = figure.locator("tbody tr").first.locator("td").all_text_contents()
    assert shown[:3] == [f"{x:.2f}".replace("-", "\N{MINUS SIGN}") for x in h[0].numpy()]
    assert shown[3:] == [f"{float(said(figure)['influence'].split()[0]):.2f}"]
    heads = figure.locator("thead th")
    assert heads.all_text_contents() == ["atom", "h₁", "h₂", "h₃", "influence of C0"]
    figure.get_by_role("slider", name="layers").press("Home")
    assert heads.all_text_contents() == ["atom", "H", "C", "O", "influence of C0"]
    figure.get_by_role("slider", name="layers").fill("2")


@needs_live
def test_any_smiles_and_what_is_wrong(tab):
    figure = tab.locator("#live-messages")
    entry = figure.get_by_label("SMILES")
    for text, word in [("C1CC", "ring 1"), ("C" * 20, "62 atoms"), ("FC(Cl)(Br)C(I)(N)OSP", "different elements")]:
        before = said(figure)
        entry.fill(text)
        entry.press("Enter")
        assert entry.get_attribute("aria-invalid") == "true"
        assert word in figure.locator(".live-error").text_content()
        assert said(figure) == before
        assert figure.locator(".live-sentence").text_content() == "The picture still shows methanol."
    figure.get_by_label("hydrogens as atoms").click()  # the SMILES is still wrong
    assert figure.get_by_label("hydrogens as atoms").is_checked()
    entry.fill("CC(=O)O.[Na+]")
    entry.press("Enter")
    assert figure.locator(".live-error").text_content() == ""
    agrees(figure, Molecule.from_smiles("CC(=O)O.[Na+]"), 0, 2)
    figure.get_by_role("button", name="Reset").press("Enter")
    assert said(figure)["reached"] == "0 1 2"
    assert not figure.get_by_label("hydrogens as atoms").is_checked()


@needs_live
def test_on_a_phone_picture_slider_and_table_of_a_large_molecule_are_seen_together(tab):
    figure = tab.locator("#live-messages")
    before = tab.viewport_size
    tab.set_viewport_size({"width": 390, "height": 844})
    figure.get_by_label("hydrogens as atoms").check()
    figure.get_by_label("SMILES").fill("C" * 12)
    figure.get_by_label("SMILES").press("Enter")
    table, slider = figure.get_by_role("region", name="Features of all atoms"), figure.get_by_role("slider")
    assert table.locator("tbody tr").count() == 38
    top = figure.locator(".live-panel").bounding_box()["y"]
    box = table.bounding_box()
    assert top < slider.bounding_box()["y"] < box["y"]
    assert box["y"] + box["height"] - top < 844
    assert tab.evaluate("document.documentElement.scrollWidth") <= 390
    figure.get_by_role("button", name="Reset").press("Enter")
    tab.set_viewport_size(before)
