"""Exercises: the reference passes, the starter counts as not attempted, each wrong answer gets its own diagnosis."""

import importlib
import itertools
import os
import re
import subprocess
import sys

import keras
import networkx as nx
import numpy as np
import pytest
import tensorflow as tf
from conftest import ROOT

from dmol_molnet import InputError, Molecule, exercises, so3
from dmol_molnet.counterexamples import k_chains, pair
from dmol_molnet.exercises import engine
from dmol_molnet.exercises.engine import STATES
from dmol_molnet.exercises.plain import COMMANDS, plain
from dmol_molnet.nn.message_passing import MessagePassing, directed_edges, one_hot
from dmol_molnet.nn.separation import separates

ALL = list(exercises.catalog().values())
each_exercise = pytest.mark.parametrize("exercise", ALL, ids=lambda e: e.name)


def defined(code):
    names = {}
    exec(code, names)
    return names["answer"]


def answers(table):
    """WRONG or RIGHT of all chapters: `tests/answers/` has one file for each."""
    chapters = (importlib.import_module(f"answers.{chapter}") for chapter in exercises.CHAPTERS)
    return {name: tried for chapter in chapters for name, tried in getattr(chapter, table).items()}


WRONG, RIGHT = answers("WRONG"), answers("RIGHT")


@each_exercise
def test_the_reference_passes_and_the_starter_is_not_attempted(exercise):
    result = exercise.check(defined(exercise.solution))
    assert result.right, result
    assert exercise.insight in result.reason
    assert exercise.check(defined(exercise.starter)).state == exercise.check().state == "not attempted"


@pytest.mark.parametrize("name", [name for chapter in exercises.CHAPTERS for name in exercises.catalog(chapter)])
def test_each_exercise_is_tried_with_many_answers(name):
    formal = ("type", "shape", "nothing returned", "not finite", "no irrep", "no molecule")
    assert len(RIGHT[name]) >= 5
    assert sum(misconception not in formal for misconception, _ in WRONG[name]) >= 5 - (name == "which-2wl")


@each_exercise
def test_other_right_answers_pass(exercise):
    for answer in RIGHT.get(exercise.name, []):
        assert exercise.check(answer).right, exercise.check(answer)


@each_exercise
def test_wrong_answers_get_their_own_diagnosis(exercise):
    reasons = {}
    for misconception, answer in WRONG[exercise.name]:
        result = exercise.check(answer)
        assert (result.state in ("wrong", "not understood"), result.misconception) == (True, misconception), result
        assert (misconception == "type") <= (result.state == "not understood"), result
        reasons.setdefault(misconception, result.reason)
        assert str(result).startswith(("Wrong, because ", "Not understood: "))
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
        (lambda: exercises.solution("nonsense-without-end"), "there are write-the-d, "),
        (lambda: exercises.check_file("one-batch", "missing.py"), "exercises start one-batch"),
        (lambda: exercises.catalog("nowhere"), f"there are {', '.join(exercises.CHAPTERS)}"),
        (lambda: exercises.questions("nowhere"), f"there are {', '.join(exercises.CHAPTERS)}"),
    ],
)
def test_bad_names_are_told_in_one_sentence(call, message):
    with pytest.raises(InputError, match=re.escape(message)) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_the_states_are_those_that_are_told_apart():
    assert STATES == ("not attempted", "your code raised", "not understood", "wrong", "right")


# --- what a terminal shows


def texts(exercise):
    return [
        exercise.title, exercise.task, exercise.explanation, exercise.insight, *exercise.hints,
        *exercise.misconceptions.values(),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("markdown", "expected"),
    [
        (r"the $m$ of $\sqrt{2 l_3 + 1}\, C$.", "the m of √(2 l₃ + 1) C."),
        (r"$\mathbf F_i = -\sum_{j \ne i} \varphi'(r_{ij})\, (\mathbf x_i - \mathbf x_j) / r_{ij}$",
         "F_i = -∑_(j ≠ i) φ′(r_ij) (x_i - x_j) / r_ij"),
        (r"$\lvert \sum_j \mathbf r_j \rvert^2 = \sum_{jk} \mathbf r_j \cdot \mathbf r_k$",
         "|∑_j r_j|² = ∑_jk r_j · r_k"),
        (r"$Q = \mathbf x\mathbf x^{\mathsf T} - r^2/3$", "Q = xxᵀ - r²/3"),
        (r"$P_2(\cos\theta_{jj'}) = (3\cos^2\theta_{jj'} - 1)/2$", "P₂(cos θ_jj′) = (3 cos²θ_jj′ - 1)/2"),
        (r"$e^{-4u^2}$ and $e^{-4}$, $\frac{1}{2\sqrt3}$, $\frac12$", "e^(-4u²) and e⁻⁴, 1/(2√3), ½"),
        (r"$\lfloor 5/2 \rfloor + 1$, $\nu = 3$, $V \Lambda^{1/2}$", "⌊5/2⌋ + 1, ν = 3, V Λ^(1/2)"),
        (r"$\hat{\mathbf r}_{ji}$ in `'$x$\n'`, $$A_{lm}$$ is **bold**", r"r̂_ji in `'$x$\n'`, A_lm is bold"),
        (r"\$ alone, and *emphasis*", r"\$ alone, and *emphasis*"),
    ],
)  # fmt: skip
def test_formulas_become_plain_letters(markdown, expected):
    assert plain(markdown) == expected


@each_exercise
def test_no_latex_reaches_a_terminal(exercise, tmp_path, capsys):
    for text in texts(exercise):
        assert set(re.findall(r"\\([a-zA-Z]+)", text)) <= COMMANDS
        assert not re.search(r"[$\\]|\*\*", re.sub("`[^`]*`", "", plain(text))), plain(text)
    results = [exercise.check(), *(exercise.check(answer) for _, answer in WRONG[exercise.name][:3])]
    shown = [str(x) for x in results] + [exercises.hint(exercise.name, k) for k in (1, 2, 3)]
    shown += [exercises.solution(exercise.name), exercises.start_file(exercise.name, tmp_path / "x.py").read_text()]
    for text in shown:
        assert "$" not in text
        assert not set(re.findall(r"\\([a-zA-Z]+)", text)) & COMMANDS  # an example may hold a reader's own \x00
    compile(shown[-1], "x.py", "exec")


def test_a_notebook_shows_markdown_with_its_formulas():
    hint = exercises.hint("derive-the-forces", 2)
    assert r"$\partial r_{ij} / \partial \mathbf x_i$" in hint._repr_markdown_()
    solution = exercises.solution("derive-the-forces")._repr_markdown_()
    assert solution.startswith("```python\nimport numpy as np")
    assert r"\varphi'(r_{ij})" in solution
    wrong = exercises.check("dipole-of-an-ion", lambda q, m, x: q @ x)
    assert r"$\mathbf t$" in wrong._repr_markdown_()
    assert "shift by t adds" in str(wrong)


def test_the_readers_own_words_are_no_markdown():
    shown = exercises.check("which-losses", "$x$ <b> *A*")._repr_markdown_()
    assert shown.startswith("Not understood: ")
    assert r"\$x\$ \<b\> \*A\*" in shown
    raised = exercises.check("longest-wait", lambda n: {}["*`$"])._repr_markdown_()
    assert "```text\nKeyError: '*`$'\n" in raised


# --- errors in the reader's code


def raised_by(tmp_path, name, code):
    path = tmp_path / "mine.py"
    path.write_text(code)
    return str(exercises.check_file(name, path))


@pytest.mark.parametrize(
    ("name", "code", "line"),
    [
        ("first-heard", "import networkx as n\ndef answer(g, a, b):\n    return n.shortest_path_length(g, a, b)\n", 3),
        ("longest-wait", "import statistics\ndef answer(n):\n    return statistics.mean([])\n", 3),
        ("longest-wait", "import json\ndef answer(n):\n    return json.loads('{')\n", 3),
        ("longest-wait", "import numpy as np\ndef half(n):\n    return n // None\nanswer = np.vectorize(half)\n", 3),
        ("write-a-layer", "import tensorflow as tf\ndef answer(h, i, j, W, U, b):\n    return tf.matmul(h, b)\n", 3),
        ("count-hydrogens", "from dmol_molnet import Molecule\nanswer = Molecule.from_smiles('C(')\n", 2),
    ],
)
def test_an_error_below_a_library_is_told_with_the_readers_line(tmp_path, name, code, line):
    said = raised_by(tmp_path, name, code)
    assert said.startswith("Your code raised: ")
    assert f"line {line}: {code.splitlines()[line - 1].strip()}" in said


def test_a_function_of_other_arguments_is_not_understood():
    result = exercises.check("first-heard", lambda graph, a: 1)
    assert (result.state, result.misconception) == ("not understood", "arguments")
    assert "takes 3 arguments; yours takes `(graph, a)`" in str(result)
    assert exercises.check("longest-wait", lambda n, *, extra=0: (n - 1) // 2).right


def test_what_still_holds_dots_is_not_attempted():
    for answer in ({"A": "0e", "B": ...}, [..., 1], ((0, ...), (1, 2))):
        assert exercises.check("sort-the-labels", answer).state == "not attempted"


def test_tensorflow_is_started_only_where_it_is_needed_and_without_notes():
    code = """import sys
from dmol_molnet import exercises
exercises.catalog(), exercises.check("write-the-d", lambda R: R)
print("tensorflow" in sys.modules)
exercises.check("smallest-network", {"layers": 1})
print("tensorflow" in sys.modules)"""
    environment = {k: v for k, v in os.environ.items() if k != "TF_CPP_MIN_LOG_LEVEL"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert (done.stdout, done.stderr) == ("False\nTrue\n", "")


def test_a_readers_file_that_uses_tensorflow_starts_it_quietly(tmp_path, monkeypatch):
    started = []
    monkeypatch.setattr(exercises, "start_quietly", lambda: started.append(True))
    raised_by(tmp_path, "longest-wait", "def answer(n):\n    return n\n")
    assert not started
    raised_by(tmp_path, "longest-wait", "import tensorflow as tf\ndef answer(n):\n    return tf.constant(n)\n")
    assert started


# --- answers that are lists


@pytest.mark.parametrize(
    "answer",
    [
        "ABF",
        "abf",
        "A, B, F",
        "A B F",
        "b and a, F",
        "A+B+F",
        "A & B & F",
        "A/B/F",
        "A, B, and F",
        "- A\n- B\n- F",
        "A) B) F)",
        ["A", "B", "F"],
        ["A", "b, f"],
        {"A", "B", "F"},
        ("F", "a", "B"),
        iter("BFA"),
        np.array(["A", "B", "F"]),
        {"A": True, "B": True, "C": False, "F": np.True_},
    ],
)
def test_letters_are_read_however_they_are_written(answer):
    assert engine.letters(answer, "ABCDEF") == {"A", "B", "F"}


def test_none_and_all_of_the_letters_can_be_named():
    assert engine.letters("none", "ABC") == engine.letters([], "ABC") == set()
    assert engine.letters("All of them", "ABC") == set("ABC")


@pytest.mark.parametrize(
    "answer",
    [
        "A-C",
        "A, ..., F",
        "A–C",
        "ABX",
        "",
        ",",
        "not A",
        "all but C",
        "land",
        3,
        3.5,
        None,
        b"AB",
        [1, 2],
        [["A"]],
        {"A": 1},
        ["A", None],
        [""],
    ],
)
def test_what_may_mean_other_letters_is_not_understood(answer):
    with pytest.raises(engine.NotUnderstood):
        engine.letters(answer, "ABCDEF")


@pytest.mark.parametrize(
    "answer",
    [
        "0e 1o 1o",
        "0e + 1o + 1o",
        "0e+1o+1o",
        "1x0e + 2x1o",
        "1x0e+2×1o",
        "0e, 2*1o",
        "0E; 1O; 1O",
        "0e 1o and 1o",
        "0e1o1o",
        "0⁺ 1⁻ 1⁻",
        "0e ⊕ 1o ⊕ 1o",
        "[0e, 1o, 1o]",
        ["0e", "1o", "1o"],
        ["0e", "2x1o"],
        [(0, 1), (1, -1), (1, -1)],
        [(1, "0e"), (2, (1, -1))],
        so3.irreps("0e+1o+1o"),
        np.array(["0e", "1o", "1o"]),
        iter(["0e", so3.Irrep.of("1o"), (1, -1)]),
    ],
)
def test_irreps_are_read_however_they_are_written(answer):
    assert engine.irreps(answer) == ["0e", "1o", "1o"]


@pytest.mark.parametrize(
    "answer",
    [
        "vector",
        "1",
        "1o or 2o",
        "1 0e",
        "2x",
        "",
        "1f",
        "1oo",
        "-1o",
        "1.5o",
        "99999x1o",
        3,
        None,
        b"1o",
        [3],
        [None],
        (1, 2),
        ("1o", 3),
        (10**9, "1o"),
        {"A": "0e"},
    ],
)
def test_what_is_no_irrep_is_not_understood(answer):
    with pytest.raises(engine.NotUnderstood):
        engine.irreps(answer)


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


def test_derived_forces_are_the_slopes_of_the_energy():
    forces, x = defined(exercises.get("derive-the-forces").solution), np.random.default_rng(0).normal(size=(4, 3))

    def energy(x):
        r = np.linalg.norm(x[:, None] - x, axis=-1)[np.triu_indices(len(x), 1)]
        return np.sin(2 * r).sum()

    moves = 1e-5 * np.eye(12).reshape(12, 4, 3)
    slopes = np.array([energy(x + d) - energy(x - d) for d in moves]).reshape(4, 3) / 2e-5
    np.testing.assert_allclose(forces(x, lambda r: 2 * np.cos(2 * r)), -slopes, atol=1e-7)


def test_the_smallest_network_for_5_chains_is_the_smallest():
    answer, chains = defined(exercises.get("smallest-network").solution), k_chains(5)
    assert separates("mace", chains, seeds=range(2), **answer)
    for key in answer:
        less = {**answer, key: answer[key] - 1}
        if less["l_max"] < less["hidden_l_max"]:
            less["hidden_l_max"] = 0
        assert not separates("mace", chains, seeds=[0], **less), key


def test_a_product_of_sums_of_vectors_reads_the_row_of_painn():
    def block(molecule, edges):
        """Inner products of sums of vectors over neighbours, weighed by random functions of the distance."""
        x, rng, total = molecule.positions, np.random.default_rng(0), 0.0
        c = rng.normal(size=(2, 4))
        for i in range(len(x)):
            js = [b if a == i else a for a, b in edges.tolist() if i in (a, b)]
            r = x[i] - x[js]
            d = np.linalg.norm(r, axis=1, keepdims=True)
            u, v = ((a * np.cos(np.arange(4) * d)).sum(axis=1) @ (r / d) for a in c)
            total += np.tanh(u @ v) + (u @ u) ** 2
        return total

    pairs = {
        "A": pair("2-body"), "B": pair("3-body"), "C": pair("hexagon"), "D": pair("enantiomers"), "E": k_chains(2),
        "F": pair("4-body, isosceles"),
    }  # fmt: skip
    told = [name for name, p in pairs.items() if abs(block(p.a, p.edges) - block(p.b, p.edges)) > 1e-6]
    assert "".join(told) == defined(exercises.get("read-a-row").solution)


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


def test_every_name_is_given_once():
    names = [name for page in exercises.CHAPTERS for name in (*exercises.catalog(page), *exercises.questions(page))]
    assert len(names) == len(set(names))
