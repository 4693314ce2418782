"""What a moving picture tells: every number of it is the trace's, and layer 2 starts from the outputs of layer 1."""

import json
import re
from collections import Counter
from dataclasses import replace

import keras
import networkx as nx
import numpy as np
import pytest

from dmol_molnet import InputError, Molecule, wl
from dmol_molnet.figures import messages, refinement, tables
from dmol_molnet.figures.story import MAX_ATOMS
from dmol_molnet.nn.message_passing import MessagePassing, directed_edges, one_hot


def run(molecule, layers=2, features=3, aggregate="sum", activation="tanh", seed=3):
    """The layers and their traces."""
    keras.utils.set_random_seed(seed)
    elements = tuple(sorted(set(molecule.symbols)))
    h, edges = one_hot(molecule, elements=elements), directed_edges(molecule)
    made, traces = [MessagePassing(features, aggregate, activation) for _ in range(layers)], []
    for layer in made:
        traces.append(layer(h, *edges, trace=True))
        h = traces[-1].outputs
    return made, traces


def by_hand(molecule, layers):
    """Inputs, messages by (receiver, sender), aggregates, own terms and outputs of each layer, by plain loops."""
    elements = sorted(set(molecule.symbols))
    h = np.array([[s == e for e in elements] for s in molecule.symbols], float)
    graph = molecule.to_networkx()
    for layer in layers:
        U, W, b = (np.asarray(w, float) for w in (layer.U, layer.W, layer.b))
        m = {(i, j): h[j] @ W for i in graph for j in graph[i]}
        a = np.array([sum((m[i, j] for j in graph[i]), np.zeros(W.shape[1])) for i in graph])
        if layer.aggregate == "mean":
            a /= np.maximum([graph.degree[i] for i in graph], 1)[:, None]
        own = h @ U + b
        out = np.tanh(own + a)
        yield h, m, a, own, out
        h = out


def close(row, values):
    """Whether the numbers of a row are these, and its texts are these numbers, to the digits that are written."""
    np.testing.assert_allclose(row.numbers, values, atol=2e-6)
    read = [float(text.replace("−", "-")) for text in row.texts]
    np.testing.assert_allclose(read, values, atol=0.005001)
    return True


@pytest.mark.parametrize("aggregate", ["sum", "mean"])
@pytest.mark.parametrize("smiles", ["CO", "O", "[OH-]", "C#N"])
def test_every_number_of_every_step_is_the_layers_own(smiles, aggregate):
    molecule = Molecule.from_smiles(smiles)
    layers, traces = run(molecule, aggregate=aggregate)
    story = messages(molecule, traces)
    n = len(molecule)
    steps = iter(story.steps)
    for t, (h, m, a, own, out) in enumerate(by_hand(molecule, layers), 1):
        done = {}

        def panels(step, h=h, done=done):
            left, right = step.views
            assert set(left.rows) == set(range(n))
            assert all(close(left.rows[v], h[v]) for v in range(n))
            assert set(right.rows) == set(done)
            assert all(close(right.rows[v], done[v]) for v in done)

        step = next(steps)
        assert step.counter.startswith(f"layer {t} of 2 · step 1 of {1 + 3 * n}")
        assert not step.ledger
        panels(step)
        for v in range(n):
            senders = sorted(j for i, j in m if i == v)
            for stage in range(3):
                step = next(steps)
                if stage == 2:
                    done[v] = out[v]
                panels(step)
                assert step.views[0].focus == (v,)
                assert sorted(step.views[0].arrows) == ([(j, v) for j in senders] if stage == 0 else [])
                named = {row.name: row for row in step.ledger}
                sent = [row for row in step.ledger if row.name.startswith("from ")]
                assert sorted(row.name for row in sent) == sorted(f"from {molecule.symbols[j]}{j}" for j in senders)
                assert all(close(named[f"from {molecule.symbols[j]}{j}"], m[v, j]) for j in senders)
                assert len(step.ledger) == len(senders) + (0, 1, 3)[stage]
                if stage > 0:
                    assert close(named[aggregate], a[v])
                if stage == 2:
                    assert close(named["own"], own[v])
                    assert close(named[f"tanh(own + {aggregate})"], out[v])
    last = next(steps)
    assert all(close(last.views[1].rows[v], out[v]) for v in range(n))
    assert next(steps, None) is None


def test_layer_2_starts_from_what_came_out_of_layer_1():
    molecule = Molecule.example("methanol")
    _, traces = run(molecule)
    story = messages(molecule, traces)
    second = next(k for k, step in enumerate(story.steps) if step.counter.startswith("layer 2"))
    before, after = story.steps[second - 1].views[1].rows, story.steps[second].views[0].rows
    assert {v: row.texts for v, row in before.items()} == {v: row.texts for v, row in after.items()}
    assert {v: row.numbers for v, row in after.items()} != {
        v: r.numbers for v, r in story.steps[0].views[0].rows.items()
    }


def test_a_second_layer_that_replays_the_first_is_refused():
    molecule = Molecule.example("methanol")
    _, traces = run(molecule, features=3)
    with pytest.raises(InputError, match="inputs of layer 2 are not the outputs of layer 1"):
        messages(molecule, [traces[0], traces[0]])


def test_sentences_tell_the_numbers():
    molecule = Molecule.example("methanol")
    _, traces = run(molecule)
    for step in messages(molecule, traces).steps:
        for row in step.ledger[-1:]:
            assert f"({', '.join(row.texts)})" in step.sentence or "hears from" in step.sentence
        assert step.sentence.endswith(".")
        assert len(step.counter) < 60


def test_a_larger_molecule_follows_a_few_atoms_and_says_so():
    molecule = Molecule.from_smiles("CCO")
    _, traces = run(molecule)
    story = messages(molecule, traces)
    followed = {step.views[0].focus for step in story.steps} - {()}
    assert len(followed) == 3
    assert all(molecule.symbols[v] != "H" for (v,) in followed)
    assert any("all other atoms" in step.counter for step in story.steps)
    assert "We follow" in story.steps[0].sentence
    chosen = messages(molecule, traces, follow=[8])
    assert {step.views[0].focus for step in chosen.steps} == {(), (8,)}


def test_json_holds_every_number_and_cannot_leave_its_script():
    molecule = Molecule.example("water")
    _, traces = run(molecule)
    story = messages(molecule, traces, title="</script><b>")
    assert "<" not in story.to_json()
    told = json.loads(story.to_json())
    assert told["title"] == "</script><b>"
    for step, written in zip(story.steps, told["steps"], strict=True):
        assert (written["counter"], written["sentence"]) == (step.counter, step.sentence)
        for row, key in zip(step.ledger, written["ledger"], strict=True):
            np.testing.assert_allclose(told["rows"][key][2], row.numbers, rtol=1e-5)
            assert tuple(told["rows"][key][3]) == row.texts
        for view, shown in zip(step.views, written["views"], strict=True):
            assert {int(v): tuple(told["rows"][k][3]) for v, k in shown["rows"].items()} == {
                v: row.texts for v, row in view.rows.items()
            }


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda m, t: messages(m, []), "the trace of a layer"),
        (lambda m, t: messages(Molecule.example("water"), t), "not of"),
        (lambda m, t: messages(m, t, follow=[17]), "no atom 17"),
        (lambda m, t: messages(m, t, follow=[]), "an atom to follow"),
        (lambda m, t: messages(m, run(m, features=9)[1]), "9 features"),
        (lambda m, t: messages(Molecule.from_smiles("C" * 18), t), "leave out the hydrogens, and 18 are left"),
        (lambda m, t: messages(Molecule.from_smiles("C" * 90, hydrogens=False), t), "take a part"),
        (lambda m, t: messages(m, [t[0]._replace(outputs=t[0].outputs * np.nan)]), "not finite"),
        (lambda m, t: refinement(nx.path_graph(200)), "200 nodes"),
        (lambda m, t: refinement(nx.Graph()), "without nodes"),
    ],
)
def test_what_cannot_be_drawn_is_told_in_one_sentence(change, message):
    molecule = Molecule.example("methanol")
    with pytest.raises(InputError, match=re.escape(message)) as caught:
        change(molecule, run(molecule)[1])
    assert "\n" not in str(caught.value)


# --- colour refinement


@pytest.mark.parametrize("hydrogens", [False, True])
def test_rounds_have_the_counts_of_plain_refinement(hydrogens):
    pair = [Molecule.example(name, hydrogens=hydrogens) for name in ("decalin", "bicyclopentyl")]
    story = refinement(*pair, ("decalin", "bicyclopentyl"))
    plain = [wl.refine_plain(molecule) for molecule in pair]
    assert len(story.steps) == len(plain[0])
    for t, step in enumerate(story.steps):
        for k in range(2):
            counts = sorted(Counter(plain[k][t].values()).values())
            assert counts == sorted(row.numbers[k] for row in step.ledger if row.numbers[k])
            assert counts == sorted(Counter(text for text, _ in step.views[k].faces.values()).values())
        assert "equally often" in step.sentence
    assert "1-WL cannot tell the two apart" in story.steps[-1].sentence


def test_a_round_says_where_two_graphs_differ():
    ethanol, ether = (Molecule.example(name, hydrogens=False) for name in ("ethanol", "dimethyl ether"))
    story = refinement(ethanol, ether, ("ethanol", "ether"))
    found = wl.compare(ethanol, ether)
    first = next(t for t, step in enumerate(story.steps) if "differ" in step.sentence)
    assert first == found.round
    assert "for the first time" in story.steps[first].sentence
    assert "cannot" not in story.steps[-1].sentence


def test_graphs_of_any_names_and_one_alone_are_told():
    graph = nx.Graph([("a", (1, 2)), ((1, 2), 3.5)])
    story = refinement(graph)
    assert [step.counter for step in story.steps] == ["round 0 of 1", "round 1 of 1"]
    assert len(story.panels) == 1
    assert [len(row.numbers) for row in story.steps[-1].ledger] == [1, 1]


# --- the rows of numbers


@pytest.mark.parametrize("smiles", ["O", "CO", "CCO", "c1ccccc1", "CC(O)=CC(C)=O", "C", "OO"])
def test_a_row_is_nearest_to_its_own_node_or_says_whose_it_is(smiles):
    molecule = Molecule.from_smiles(smiles)
    story = messages(molecule, run(molecule)[1])
    nodes, named = story.panels[1].nodes, 0
    for v, row in story.steps[-1].views[1].rows.items():
        right = row.x + 3 * tables.CELL[0]
        away = [
            np.hypot(max(row.x - n.x, n.x - right, 0), max(abs(n.y - row.y) - tables.CELL[1] / 2, 0)) - n.radius
            for n in nodes
        ]
        assert row.name == nodes[v].text or (not row.name and np.argmin(away) == v), (v, row.name, away)
        named += bool(row.name)
    assert named < len(nodes)  # a name before each would make the drawing wide, and its numbers small


@pytest.mark.parametrize("smiles", ["O", "CO", "CCO", "c1ccccc1", "CC(O)=CC(C)=O", "C"])
def test_rows_cover_neither_atoms_nor_each_other(smiles):
    molecule = Molecule.from_smiles(smiles)
    story = messages(molecule, run(molecule)[1])
    rows = list(story.steps[-1].views[1].rows.values())
    half = np.array([3 * tables.CELL[0], tables.CELL[1]]) / 2
    middles = np.array([(row.x + half[0], row.y) for row in rows])
    for k, middle in enumerate(middles):
        for other in middles[k + 1 :]:
            assert (np.abs(middle - other) >= 2 * half - 1e-6).any(), (smiles, k)
        for node in story.panels[0].nodes:
            away = np.maximum(np.abs(np.array([node.x, node.y]) - middle) - half, 0)
            assert np.hypot(*away) >= node.radius - 0.02
        left, bottom, right, top = story.panels[0].box
        assert (middle - half >= (left, bottom)).all()
        assert (middle + half <= (right, top)).all()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0.00"),
        (-0.001, "0.00"),
        (-0.5, "−0.50"),
        (1, "1.00"),
        (12.345, "12.3"),
        (-123.4, "−123"),
        (123456, "1e5"),
    ],
)
def test_numbers_are_short_and_have_a_true_minus(value, text):
    found = tables.number(value)
    assert found == text
    assert len(found) <= 6


def test_cells_are_legible_in_every_shade():
    def luminance(fill):
        channels = [int(fill[k : k + 2], 16) / 255 for k in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return np.dot([0.2126, 0.7152, 0.0722], linear)

    for value in np.linspace(-1, 1, 41):
        assert (luminance(tables.shade(value, 1)) + 0.05) / (luminance("#14171a") + 0.05) >= 4.5


def test_the_largest_molecule_that_is_drawn_is_drawn():
    molecule = Molecule.from_smiles("C" * MAX_ATOMS, hydrogens=False)
    story = messages(molecule, run(molecule)[1])
    assert len(story.steps[0].views[0].rows) == MAX_ATOMS
    assert replace(story, title="another").steps == story.steps
