"""The runs that are shown are the runs that were measured, and nothing else."""

import numpy as np
import pytest
from browsing import copied, live_page, needs_live, said
from live_figures import modules

from dmol_molnet import datasets

pytestmark = needs_live

BESIDE = {
    **dict.fromkeys(["shift", "labels", "scale", "sums divided by", "weight of forces"], ("normalisation", "base")),
    **dict.fromkeys(["norm", "sums over channels", "silu"], ("layers", "base")),
    **dict.fromkeys(["nonlinearity", "norm, no gates"], ("layers", "linear")),
}


@pytest.fixture(scope="module")
def chapter():
    """The module of the chapter's figures."""
    return modules()["normalisation"]


@pytest.fixture(scope="module")
def tab(tmp_path_factory):
    with live_page(tmp_path_factory.mktemp("normalisation"), "runs") as tab:
        yield tab
        assert tab.faults == []


def measured(experiment, name, key):
    runs = datasets.experiment(experiment)["choices"][name]["runs"]
    return np.array([1000 * abs(run[key]) for run in runs if not run.get("diverged")])


def verdict(experiment, name, beside, key):
    mine, theirs = (measured(experiment, which, key) for which in (name, beside))
    if not len(mine) or mine.min() > theirs.max():
        return "larger"
    return "smaller" if mine.max() < theirs.min() else "alike"


def promise(experiment, name):
    """Whether the promises of a choice are kept, recomputed."""
    if experiment == "layers":
        off = measured(experiment, name, "energy_changed_by_turn")
    else:
        slopes, forces = (measured(experiment, name, f"{key}force_rmse") for key in ("derivative_", ""))
        off = np.concatenate([measured(experiment, name, "two_molecules_minus_each"), np.abs(slopes - forces)])
    return "nothing to be told" if not len(off) else "kept" if off.max() < 1 else "broken"


def test_every_choice_of_both_experiments_is_there(chapter):
    for experiment in ("normalisation", "layers"):
        names = {name for _, of, base, _, options in chapter.GROUPS if of == experiment for name in (base, *options)}
        assert names == set(datasets.experiment(experiment)["choices"])
    assert {name: (of, base) for name, of, base, *_ in chapter.GROUPS} == BESIDE
    picked = [option for *_, options in chapter.GROUPS for option in options]
    assert len(set(picked)) == len(picked)  # one menu has them all


def test_by_the_keys_each_choice_shows_its_runs(tab, chapter):
    figure, hidden, heights = tab.locator("#live-runs"), [], set()
    figure.get_by_label("changed").focus()
    for name, experiment, beside, _, options in chapter.GROUPS:
        for option in options:
            if (name, option) != (chapter.GROUPS[0][0], chapter.FIRST):
                tab.keyboard.press("ArrowDown")
            told = said(figure)
            heights.add(figure.bounding_box()["height"])
            assert figure.get_by_label("changed").evaluate("it => it.selectedOptions[0].text").startswith(f"{name}: ")
            assert (told["choice"], told["base"], told["experiment"]) == (option, beside, experiment)
            lost = sum(run.get("diverged", False) for run in datasets.experiment(experiment)["choices"][option]["runs"])
            assert told["diverged"] == str(lost)
            for key, error, word in (
                ("energy_rmse", "energyError", "energies"),
                ("force_rmse", "forceError", "forces"),
            ):
                assert told[word] == verdict(experiment, option, beside, key)
                if lost:
                    assert told[error] == ""
                else:
                    assert float(told[error]) == pytest.approx(measured(experiment, option, key).mean(), rel=1e-6)
            assert told["promise"] == promise(experiment, option)
            if told["promise"] == "broken" and "larger" not in (told["energies"], told["forces"]):
                hidden.append(option)
            marks_lie_on_their_axes(figure, chapter, experiment, option, beside)
    assert len(heights) == 1
    assert hidden == ["shift-molecule", "pointwise"]  # as the chapter says
    figure.get_by_role("button", name="Reset").click()
    assert said(figure)["choice"] == chapter.FIRST


def marks_lie_on_their_axes(figure, chapter, experiment, option, beside):
    """Each run has its mark, in its place, and there is no other mark."""
    marks = figure.evaluate(
        """element => Array.from(element.querySelectorAll("[data-run]"), (it) =>
        [it.dataset.run, Number(it.dataset.value),
         Number(it.getAttribute("cx") ?? Number(it.getAttribute("x")) + 5)])"""
    )
    expected = []
    for key, strip in chapter.runs()["experiments"][experiment].items():
        for name in (beside, option):
            for value in measured(experiment, name, key):
                share = (np.log10(value) - strip["from"]) / (strip["to"] - strip["from"]) if value else 0
                expected.append((name, value, 12 + share * (390 - 12 - 66)))
    assert [mark[0] for mark in marks] == [it[0] for it in expected]
    np.testing.assert_allclose([mark[1:] for mark in marks], [it[1:] for it in expected], rtol=1e-9, atol=1e-6)


def test_the_lines_to_copy_read_the_runs(tab):
    figure = tab.locator("#live-runs")
    [(first, *runs)] = copied(figure)
    choice = datasets.experiment("normalisation")["choices"][said(figure)["choice"]]
    assert first == choice["value"]
    assert runs == choice["runs"]


def test_ticks_are_numbers_that_lie_on_the_axis(chapter):
    for low, high in ((1.1, 2.1), (-5.0, 6.2), (0.98, 1.25), (1.6, 1.8)):
        found = chapter.ticks(low, high)
        assert 2 <= len(found) <= 7
        for value, words in found:
            assert low <= np.log10(value) <= high
            assert words.startswith("10") or float(words) == pytest.approx(value)
