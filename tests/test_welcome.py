"""The welcome page says what the sources say: read here by other means than the page's own."""

import re
import sys
import tomllib
from itertools import combinations, pairwise
from pathlib import Path

import pytest
import yaml
from bs4 import BeautifulSoup
from conftest import PAGES, ROOT, SITE

sys.path.insert(0, str(ROOT / "book" / "_ext"))

import door_pictures
import welcome

CHAPTERS = welcome.chapters(ROOT)
NUMBERED = [
    entry["file"]
    for part in yaml.safe_load((ROOT / "_toc.yml").read_text())["parts"]
    if part.get("numbered")
    for entry in part["chapters"]
]


def test_the_chapters_are_those_of_the_table_of_contents():
    assert [it.docname for it in CHAPTERS] == NUMBERED
    assert [it.number for it in CHAPTERS] == list(range(1, len(NUMBERED) + 1))


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda it: it.name)
def test_a_chapter_tells_what_a_card_needs(chapter):
    lines = (ROOT / f"{chapter.docname}.md").read_text().splitlines()
    assert f"# {chapter.title}" in lines
    after = lines[lines.index("```{admonition} After this chapter you can") :]
    box = " ".join(" ".join(after[: after.index("```")]).split())
    assert len(chapter.objectives) >= 3
    for objective in chapter.objectives:
        assert f"- {objective}" in box
    assert f"The chapter runs in {chapter.runs_in}." in box or f"The chapter runs in {chapter.runs_in};" in box
    told = (ROOT / "dmol_molnet" / "exercises" / f"{chapter.name}.toml").read_text()
    assert chapter.n_exercises == len(tomllib.loads(told)["exercises"])
    assert 15 < chapter.minutes < 150


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda it: it.name)
def test_every_chapter_has_a_small_picture_of_its_own(chapter):
    picture = door_pictures.thumbnail(chapter.name)
    assert len(picture.alt) > 20
    assert len(picture.svg) < 130_000


def test_no_two_small_pictures_are_named_alike():
    assert set(door_pictures.CHAPTERS) >= {it.name for it in CHAPTERS}
    alts = [alt for _, alt in door_pictures.CHAPTERS.values()]
    assert len(set(alts)) == len(alts)


def test_the_two_molecules_of_the_welcome_picture_have_equal_heaps_and_different_bonds():
    (one, first), (two, second) = (door_pictures.colored(name) for name in door_pictures.PAIR)
    assert sorted(first.values()) == sorted(second.values())
    assert len(set(first.values())) == 3
    # Each atom's colour says which colours its neighbours have, in both molecules alike.
    said = {}
    for molecule, fills in ((one, first), (two, second)):
        for v in range(len(molecule)):
            ends = [bond for bond in molecule.bonds.tolist() if v in bond]
            around = sorted(fills[a + b - v] for a, b in ends)
            assert said.setdefault(fills[v], around) == around
    import networkx as nx

    assert not nx.is_isomorphic(one.to_networkx(), two.to_networkx())


def test_the_rule_for_reading_counts_what_it_says():
    words = "word " * welcome.WORDS_A_MINUTE
    head = "---\nkernelspec:\n  name: python3\n---\n\n# T\n\n"
    assert welcome.reading_minutes(f"{head}{words}") == pytest.approx(1, abs=0.02)
    for what, block in {
        "cell": "```{code-cell} ipython3\nx = 'many words of code'\n```",
        "question": "```{predict} name\n```",
        "equation": "$$\na + b\n$$ (eq-label)",
    }.items():
        more = welcome.reading_minutes(f"{head}{words}\n\n{block}\n") - welcome.reading_minutes(f"{head}{words}")
        assert more == pytest.approx(welcome.MINUTES[what], abs=0.02), what
    assert welcome.reading_minutes(f"{head}{words}\n\n```{{practice}} a-name\n```\n") == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize(
    ("minutes", "said"),
    [(2, "5 minutes"), (31, "30 minutes"), (58, "1 hour"), (61, "1 hour"), (100, "1¾ hours"), (120, "2 hours"),
     (384, "6½ hours"), (1000, "17 hours")],
)  # fmt: skip
def test_times_are_said_as_one_would(minutes, said):
    assert welcome.in_words(minutes) == said


@pytest.mark.parametrize("n_days", [1, 2, 3, 5])
def test_no_other_plan_has_a_shorter_longest_day(n_days):
    minutes = [95, 30, 60, 75, 40, 110, 20, 55]
    plan = welcome.spread(minutes, n_days)
    assert [k for day in plan for k in day] == list(range(len(minutes)))
    longest = max(sum(minutes[k] for k in day) for day in plan)
    for cuts in combinations(range(1, len(minutes)), n_days - 1):
        assert longest <= max(sum(minutes[a:b]) for a, b in pairwise([0, *cuts, len(minutes)]))


def test_a_course_has_a_chapter_a_day_at_least():
    with pytest.raises(ValueError, match="2 chapters do not fit 3 days"):
        welcome.spread([1, 2], 3)


def test_every_module_says_what_it_is_about_and_has_a_test_or_a_reason():
    found = welcome.modules()
    files = {path for path in Path(welcome.dmol_molnet.__file__).parent.rglob("*.py") if not path.name.startswith("_")}
    assert files <= set(found.values())
    assert all(len(welcome.idea(path)) > 5 for path in found.values())
    # `nn` only names its modules, `taxonomy` is a table that the tests of the design space read, `cli_common` is what
    # the commands share, whose tests run it.
    untested = {name for name in found if not welcome.tests_of(name, ROOT / "tests")}
    assert untested <= {"nn", "nn.taxonomy", "dynamics", "cli_common"}


def test_imports_are_found_whatever_their_form():
    code = (
        "from dmol_molnet import Molecule, wl\nfrom dmol_molnet.figures import show\nfrom dmol_molnet.nn import ace\n"
        "from dmol_molnet.nn.radial import cosine_cutoff\nimport numpy as np\n"
    )
    assert welcome.imported(code) == {"molecules", "wl", "figures", "nn.ace", "nn.radial"}


@pytest.mark.parametrize("page", PAGES)
def test_commands_stand_on_lines_of_their_own(page):
    command = r"(?:^|\s)(?:pip install|git clone|cd|make|dmol-molnet|python3?)(?=\s)"
    fences = []
    for line in (ROOT / f"{page}.md").read_text().splitlines():
        mark = re.match(r"(`{3,}|:{3,})(.*)", line)
        if mark and fences and line.strip() == fences[-1][0]:
            fences.pop()
        elif mark:
            fences.append(mark.groups())
        elif fences and fences[-1][1] in ("", "console"):
            assert len(re.findall(command, line)) <= 1, line
    assert not fences


def test_the_welcome_page_shows_every_chapter(site):
    page = BeautifulSoup((SITE / f"{PAGES[0]}.html").read_text(), "html.parser")
    cards = page.select("ul.molnet-cards > li")
    assert [card.select_one("a")["href"] for card in cards] == [f"{it.name}.html" for it in CHAPTERS]
    for card, chapter in zip(cards, CHAPTERS, strict=True):
        assert chapter.title in card.text
        assert chapter.runs_in in card.text
        assert card.find("svg")["aria-label"]
