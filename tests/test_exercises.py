"""Exercises: the reference passes, the starter counts as not attempted, each wrong answer gets its own diagnosis."""

import itertools
import re

import keras
import networkx as nx
import numpy as np
import pytest
import tensorflow as tf
from conftest import ROOT

from dmol_molnet import InputError, Molecule, exercises, wl
from dmol_molnet.exercises.engine import STATES
from dmol_molnet.nn.message_passing import MessagePassing, directed_edges, one_hot

ALL = list(exercises.catalog().values())
each_exercise = pytest.mark.parametrize("exercise", ALL, ids=lambda e: e.name)


def defined(code):
    names = {}
    exec(code, names)
    return names["answer"]


def joined(separator, own=True, order=True):
    return lambda o, n: separator.join([*([o] if own else []), *(sorted(n) if order else n)])


def sums(m, i, n):
    out = np.zeros((n, m.shape[1]))
    for e, receiver in enumerate(i):
        out[receiver] += m[e]
    return out


def layer(change):
    """A layer with one fault: each entry replaces one part of the right one."""
    parts = {
        "i": "i",
        "j": "j",
        "own": "h @ U",
        "b": "b",
        "m": "h[j] @ W",
        "sum": "sums(m, i, len(h))",
        "act": "np.tanh",
    }
    parts |= change
    code = (
        "def f(h, i, j, W, U, b):\n    i, j = {i}, {j}\n    m = {m}\n    a = {sum}\n    return {act}({own} + a + {b})"
    )
    names = {"np": np, "sums": sums}
    exec(code.format(**parts), names)
    return names["f"]


def in_place(h, i, j, W, U, b):
    for v in range(len(h)):
        h[v] = np.tanh(h[v] @ U + sum((h[s] @ W for r, s in zip(i, j, strict=True) if r == v), 0 * b) + b)
    return h


def buffered(h, i, j, W, U, b):
    a = np.zeros((len(h), W.shape[1]))
    a[i] += h[j] @ W
    return np.tanh(h @ U + a + b)


def distance(change):
    return lambda graph, a, b: change(nx.shortest_path_length(graph, a, b)) if nx.has_path(graph, a, b) else None


def batch(starts, both=True, shift=0):
    def f(sizes, bonds):
        i, j = [], []
        for s, pairs in zip(starts(sizes, bonds), bonds, strict=True):
            for u, v in pairs:
                i += [u + s + shift] + ([v + s + shift] if both else [])
                j += [v + s + shift] + ([u + s + shift] if both else [])
        return i, j

    return f


def running(values):
    return [0, *itertools.accumulate(values)][: len(values)]


def pooled(divide):
    def f(h, of, n):
        total = np.zeros((n, h.shape[1]))
        np.add.at(total, of, h)
        return divide(total, np.bincount(of, minlength=n)[:, None], h, n)

    return f


def first_atoms(h, of, n):
    return np.array([h[list(of).index(k)] for k in range(n)])


H, C, O = np.eye(3)[:, :, None]
NOTHING = np.zeros((3, 1))

WRONG = {
    "refine-by-hand": [
        ("labels only", [range(5)]),
        ("stopped early", [[0, 3, 4], [1], [2]]),
        ("stopped early", "abcaa"),
        ("ends and middle", [0, 1, 1, 0, 0]),
        ("atoms have names", {v: v for v in range(5)}),
        ("split for no reason", [{0, 3}, {1}, {2}, {4}]),
        ("merged too much", [{0, 1}, {2}, {3, 4}]),
        ("not every atom once", [{0}, {1}, {2}, {3}]),
        ("type", 7),
    ],
    "longest-wait": [
        ("counts the last look", lambda n: (n - 1) // 2 + 1),
        ("end to end", lambda n: n - 1),
        ("end to end, nodes", lambda n: n),
        ("even and odd", lambda n: n // 2),
        ("half a round", lambda n: n / 2 - 1),
        ("half a round", lambda n: n // 2 - 1),
        ("another number", lambda n: 3),
        ("type", lambda n: "three"),
    ],
    "mean-forgets": [
        ("other elements", (("NCO", 1), ("NCO", 2))),
        ("no neighbours", (("C", 0), ("CO", 0))),
        ("same neighbours", (("NCO", 1), ("OCN", 1))),
        ("other proportions", (("NCO", 1), ("NC(N)O", 1))),
        ("all alike", (("CC", 0), ("CCC", 1))),
        ("no molecule", (("C(", 0), ("CCC", 1))),
        ("no atom", (("CC", 7), ("CCC", 1))),
        ("type", 5),
    ],
    "build-a-twin": [
        ("no bond", ((0, 5), (1, 2))),
        ("shared atom", ((0, 1), (1, 2))),
        ("other colours", ((0, 1), (3, 8))),
        ("turned around", ((0, 9), (4, 5))),
        ("the same again", ((0, 1), (6, 5))),
        ("type", "0-1 and 5-6"),
    ],
    "safe-name": [
        ("order", joined("|", order=False)),
        ("own label", lambda o, n: repr(sorted(n))),
        ("own among the others", lambda o, n: repr(sorted([o, *n]))),
        ("a set", lambda o, n: repr((o, sorted(set(n))))),
        ("no neighbours", lambda o, n: f"{o};{','.join(sorted(n))}"),
        ("run together", lambda o, n: o + "".join(sorted(n)) + str(len(n))),
        ("run together", lambda o, n: repr((o, len(n), "".join(sorted(n))))),
        ("lengths and labels", lambda o, n: "".join(f"{len(x)}{x}" for x in [o, *sorted(n)])),
        ("a separator", lambda o, n: f"{len(n)}" + joined("|")(o, n)),
        ("a number", lambda o, n: hash((o, *sorted(n)))),
        ("type", lambda o, n: [o, *sorted(n)]),
    ],
    "which-2wl": [("folklore", "folklore"), ("both", "Both"), ("neither", "neither "), ("type", "2-WL"), ("type", 2)],
    "write-a-layer": [
        ("sender and receiver", layer({"i": "j", "j": "i"})),
        ("last message only", buffered),
        ("a mean", layer({"sum": "sums(m, i, len(h)) / np.maximum(np.bincount(i, minlength=len(h)), 1)[:, None]"})),
        ("not at once", in_place),
        ("hears itself", layer({"own": "h @ U + h @ W"})),
        ("forgets itself", layer({"own": "0"})),
        ("no activation", layer({"act": ""})),
        ("no bias", layer({"b": "0"})),
        ("bias in messages", layer({"m": "h[j] @ W + b", "b": "0"})),
        ("matrices exchanged", layer({"m": "h[j] @ U", "own": "h @ W"})),
        ("other numbers", layer({"act": "np.sin"})),
        ("shape", lambda h, i, j, W, U, b: h[:2]),
        ("not finite", lambda h, i, j, W, U, b: h * np.nan),
        ("nothing returned", lambda h, i, j, W, U, b: None),
        ("type", lambda h, i, j, W, U, b: "h"),
    ],
    "count-hydrogens": [
        ("itself too", (H, H, [0])),
        ("all neighbours", (H + C + O, NOTHING, [0])),
        ("carbons", (C, NOTHING, [0])),
        ("oxygens", (O, NOTHING, [0])),
        ("is one", (NOTHING, H, [0])),
        ("one too many", (H, NOTHING, [1])),
        ("another number", (2 * H, NOTHING, [0])),
        ("shape", (np.eye(3), NOTHING, [0])),
        ("type", 1),
    ],
    "first-heard": [
        ("atoms, not bonds", distance(lambda d: d + 1)),
        ("half way", distance(lambda d: (d + 1) // 2)),
        ("between", distance(lambda d: max(d - 1, 0))),
        ("itself", distance(lambda d: max(d, 1))),
        ("the whole molecule", lambda graph, a, b: nx.eccentricity(graph, a)),
        ("the numbers of atoms", lambda graph, a, b: abs(a - b)),
        ("another number", lambda graph, a, b: 2),
        ("never", lambda graph, a, b: nx.shortest_path_length(graph, a, b) if nx.has_path(graph, a, b) else -1),
    ],
    "one-batch": [
        ("all from 0", batch(lambda sizes, bonds: [0] * len(sizes))),
        ("all from 0", batch(lambda sizes, bonds: [0] * len(sizes), both=False)),
        ("numbered by bonds", batch(lambda sizes, bonds: running([len(b) for b in bonds]))),
        ("only the one before", batch(lambda sizes, bonds: [0, *sizes[:-1]])),
        ("own size", batch(lambda sizes, bonds: itertools.accumulate(sizes))),
        ("from 1", batch(lambda sizes, bonds: running(sizes), shift=1)),
        ("one direction", batch(lambda sizes, bonds: running(sizes), both=False)),
        ("two lengths", lambda sizes, bonds: ([0, 1], [1])),
        ("other pairs", lambda sizes, bonds: ([0], [1, 0][:1])),
        ("type", lambda sizes, bonds: 3),
    ],
    "intensive-pooling": [
        ("a sum", pooled(lambda total, count, h, n: total)),
        ("over the batch", pooled(lambda total, count, h, n: total / len(h))),
        ("by molecules", pooled(lambda total, count, h, n: total / n)),
        ("by the largest", pooled(lambda total, count, h, n: total / count.max())),
        ("one for all", pooled(lambda total, count, h, n: 0 * total + h.mean(axis=0))),
        ("root", pooled(lambda total, count, h, n: total / count**0.5)),
        ("order", first_atoms),
        ("grows", pooled(lambda total, count, h, n: total / count**0.9)),
        ("company", pooled(lambda total, count, h, n: total / count + h.max(axis=0) - h.min(axis=0))),
        ("no average", pooled(lambda total, count, h, n: (total / count) ** 2)),
        ("shape", lambda h, of, n: h),
    ],
    "follows-or-not": [
        ("C", "ABCF"),
        ("D", {"A", "B", "D", "F"}),
        ("E", "abef"),
        ("not A", "BF"),
        ("not B", "AF"),
        ("not F", ["A", "B"]),
        ("type", "ABX"),
        ("type", 4),
    ],
}
"""Wrong answers by exercise, each with the misconception that must be recognised."""

RIGHT = {
    "refine-by-hand": [
        {0: "a", 1: "b", 2: "c", 3: "d", 4: "d"},
        [3, 1, 2, 0, 0],
        [(3, 4), [2], {1}, {0}],
        iter("abcdd"),
    ],
    "longest-wait": [lambda n: wl.refine(nx.path_graph(n)).rounds, lambda n: tf.constant((n - 1) // 2)],
    "mean-forgets": [(("O=CN", 1), ("NC(N)(O)O", 1)) and (("CSF", 1), ("CS(F)(F)C", 1))],
    "build-a-twin": [((3, 2), (8, 7)), ((0, 1), (5, 6))],
    "safe-name": [
        lambda o, n: repr((o, sorted(n))),
        lambda o, n: f"{o.encode().hex()} {[x.encode() for x in sorted(n)]}",
    ],
    "write-a-layer": [
        lambda h, i, j, W, U, b: tf.tanh(h @ U + tf.math.unsorted_segment_sum(tf.gather(h, j) @ W, i, len(h)) + b),
        lambda h, i, j, W, U, b: np.tanh(
            h @ U + np.array([[(i == v) & (j == u) for u in range(5)] for v in range(5)]).sum(-1) @ h @ W + b
        ),
    ],
    "first-heard": [distance(lambda d: d)],
    "intensive-pooling": [lambda h, of, n: np.array([h[of == k].max(axis=0) for k in range(n)])],
    "follows-or-not": [("F", "a", "B")],
}
"""Other right answers than the reference."""


@each_exercise
def test_the_reference_passes_and_the_starter_is_not_attempted(exercise):
    result = exercise.check(defined(exercise.solution))
    assert result.right, result
    assert exercise.insight in result.reason
    assert exercise.check(defined(exercise.starter)).state == exercise.check().state == "not attempted"


@each_exercise
def test_other_right_answers_pass(exercise):
    for answer in RIGHT.get(exercise.name, []):
        assert exercise.check(answer).right, exercise.check(answer)


@each_exercise
def test_wrong_answers_get_their_own_diagnosis(exercise):
    reasons = {}
    for misconception, answer in WRONG[exercise.name]:
        result = exercise.check(answer)
        assert (result.state, result.misconception) == ("wrong", misconception), result
        reasons.setdefault(misconception, result.reason)
        assert str(result).startswith("Wrong, because ")
    assert len(set(reasons.values())) == len(reasons) >= 3


@each_exercise
def test_every_misconception_that_is_named_can_be_recognised(exercise):
    tried = {name for name, _ in WRONG[exercise.name]}
    assert set(exercise.misconceptions) <= tried


def test_every_swap_of_decalin_that_is_called_right_makes_bicyclopentyl():
    decalin, bicyclopentyl = (Molecule.example(n, hydrogens=False).to_networkx() for n in ("decalin", "bicyclopentyl"))
    n_right = 0
    for (a, b), (c, d) in itertools.product([*decalin.edges, *(edge[::-1] for edge in decalin.edges)], repeat=2):
        if exercises.check("build-a-twin", ((a, b), (c, d))).right:
            swapped = nx.Graph(decalin.edges)
            swapped.remove_edges_from([(a, b), (c, d)])
            swapped.add_edges_from([(a, d), (c, b)])
            assert nx.is_isomorphic(swapped, nx.Graph(bicyclopentyl.edges))
            n_right += 1
    assert n_right > 0


@each_exercise
def test_code_that_raises_is_told_with_the_readers_own_line(exercise, tmp_path):
    path = tmp_path / "mine.py"
    path.write_text("def answer(*arguments):\n    x = {}\n    return x['key']\n")
    result = exercises.check_file(exercise.name, path)
    if result.state == "your code raised":
        assert "KeyError: 'key'" in result.reason
        assert "line 3: return x['key']" in str(result)
    else:
        assert result.misconception == "type"
    path.write_text("answer = 1 / 0\n")
    assert "ZeroDivisionError" in str(exercises.check_file(exercise.name, path))
    path.write_text("answer = (\n")
    assert "SyntaxError" in str(exercises.check_file(exercise.name, path))
    path.write_text("def answer(*arguments):\n    raise NotImplementedError\nraise SystemExit(3)\n")
    assert "SystemExit" in str(exercises.check_file(exercise.name, path))


@each_exercise
def test_nothing_that_is_shown_betrays_the_test_or_the_answer(exercise):
    assert len(exercise.hints) == 3
    assert exercise.solution.strip() not in "".join(exercise.hints) + exercise.task
    for _, answer in WRONG[exercise.name]:
        assert "dmol_molnet" not in str(exercise.check(answer))
        assert exercise.solution.strip() not in str(exercise.check(answer))


@each_exercise
def test_texts_are_plain_markdown(exercise):
    texts = [exercise.task, exercise.explanation, exercise.insight, *exercise.hints, *exercise.misconceptions.values()]
    for text in texts:
        assert not re.search(r"\{\w+(:\w+)*\}`", text), text  # roles mean nothing on the command line
        assert text.strip()[-1] in ".?)`", text


def test_a_check_does_not_change_what_it_is_given_nor_the_other_way_round():
    seen = []

    def answer(sizes, bonds):
        seen.append(sizes)
        sizes.clear()
        return [], []

    exercises.check("one-batch", answer)
    exercises.check("one-batch", answer)
    assert exercises.check("one-batch", defined(exercises.get("one-batch").solution)).right
    assert len(seen) == 2


def test_the_reader_can_start_check_and_start_over(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = exercises.start_file("refine-by-hand")
    assert exercises.check_file("refine-by-hand").state == "not attempted"
    path.write_text(path.read_text().replace("answer = ...", "answer = [[0], [1], [2], [3, 4]]"))
    assert exercises.check_file("refine-by-hand").right
    with pytest.raises(InputError, match="is there already"):
        exercises.start_file("refine-by-hand")
    assert exercises.check_file("refine-by-hand").right
    exercises.start_file("refine-by-hand", overwrite=True)
    assert exercises.check_file("refine-by-hand").state == "not attempted"
    assert [p.name for p in tmp_path.iterdir()] == ["refine-by-hand.py"]


def test_hints_come_one_after_the_other():
    name = "longest-wait"
    shown = [exercises.hint(name) for _ in range(4)]
    assert shown[2] == shown[3]
    assert [str(text).split(":")[0] for text in shown[:3]] == ["Hint 1 of 3", "Hint 2 of 3", "Hint 3 of 3"]
    assert exercises.hint(name, 1) == shown[0]
    assert repr(shown[0]) == str(shown[0])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: exercises.check("refine-by-hands", 1), "did you mean 'refine-by-hand'?"),
        (lambda: exercises.check(["x"], 1), "no exercise is called"),
        (lambda: exercises.hint("longest-wait", 4), "hints 1 to 3"),
        (lambda: exercises.solution("nonsense-without-end"), "there are refine-by-hand, "),
        (lambda: exercises.check_file("one-batch", "missing.py"), "exercises start one-batch"),
        (lambda: exercises.catalog("nowhere"), "there are graphs, message_passing"),
        (lambda: exercises.questions("nowhere"), "there are graphs, message_passing"),
    ],
)
def test_bad_names_are_told_in_one_sentence(call, message):
    with pytest.raises(InputError, match=re.escape(message)) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_the_states_are_those_that_are_told_apart():
    assert STATES == ("not attempted", "your code raised", "wrong", "right")


# --- what the exercises claim, checked by other means


def test_the_layer_of_the_exercise_is_the_layer_of_the_package():
    keras.utils.set_random_seed(0)
    methanol = Molecule.example("methanol")
    h, (i, j) = one_hot(methanol), directed_edges(methanol)
    ours = MessagePassing(3)
    expected = ours(h, i, j)
    reader = defined(exercises.get("write-a-layer").solution)
    found = reader(h, i, j, *(np.asarray(w) for w in (ours.W, ours.U, ours.b)))
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_depth_is_when_the_jacobian_first_does_not_vanish():
    keras.utils.set_random_seed(1)
    molecule = Molecule.from_smiles("CC(O)CC#N")
    h, (i, j) = one_hot(molecule), directed_edges(molecule)
    layers = [MessagePassing(4) for _ in range(4)]
    depth = defined(exercises.get("first-heard").solution)
    graph, start = molecule.to_networkx(), tf.constant(h)
    for t in range(1, 5):
        with tf.GradientTape() as tape:
            tape.watch(start)
            out = start
            for one in layers[:t]:
                out = one(out, i, j)
        J = np.abs(tape.jacobian(out, start)).max(axis=(1, 3))  # [A, A]
        heard = [[depth(graph, a, b) <= t for b in graph] for a in graph]
        np.testing.assert_array_equal(J > 1e-8, heard)


# --- questions


@pytest.mark.parametrize("chapter", exercises.CHAPTERS)
def test_questions_have_one_right_answer_and_feedback_for_each(chapter):
    questions = exercises.questions(chapter)
    assert len(questions) >= 3
    for question in questions.values():
        assert sum(answer.right for answer in question.answers) == 1
        assert len(question.answers) >= 3
        assert len({answer.because for answer in question.answers}) == len(question.answers)


@pytest.mark.parametrize("chapter", exercises.CHAPTERS)
def test_the_chapter_has_its_questions_and_exercises(chapter):
    text = (ROOT / "book" / f"{chapter}.md").read_text()
    assert re.findall(r"^```\{predict\} (\S+)$", text, flags=re.M) == list(exercises.questions(chapter))
    assert re.findall(r"^```\{practice\} (\S+)$", text, flags=re.M) == list(exercises.catalog(chapter))
    assert len(exercises.catalog(chapter)) >= 5
    for name, exercise in exercises.catalog(chapter).items():
        cell = f'{exercise.starter.strip()}\n\nexercises.check("{name}", answer)\n```'
        assert cell in text, f"the cell of {name} should be its starter and the check"
    assert exercises.CHAPTERS[chapter] == re.search(r"^# (.*)$", text, flags=re.M).group(1)
