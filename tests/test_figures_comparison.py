"""Tables: what a page shows, a terminal prints and a reader is told."""

import pytest
from bs4 import BeautifulSoup

from dmol_molnet.figures import table
from dmol_molnet.molecules import InputError


def example():
    return table(["model", "weights", "error, meV/Å"], [["a < b", "1,234", "5.0"], ["c", "56", None]], "Which is best")


def test_a_page_gets_a_table_with_caption_header_and_named_rows():
    soup = BeautifulSoup(example()._repr_html_(), "html.parser")
    assert soup.caption.text == "Which is best"
    assert [th.text for th in soup.select("thead th[scope=col]")] == ["model", "weights", "error, meV/\u2060Å"]
    assert [th.text for th in soup.select("tbody th[scope=row]")] == ["a < b", "c"]  # escaped, hence read back whole
    assert [td.text for td in soup.select("tbody td")] == ["1,234", "5.0", "56", ""]


def test_numbers_stand_at_the_right_and_words_at_the_left():
    soup = BeautifulSoup(example()._repr_html_(), "html.parser")
    assert [th["class"] for th in soup.select("thead th")] == [["left"], ["right"], ["right"]]
    soup = BeautifulSoup(table(["x", "y"], [["1", "-2e-3"], ["2", "none"]])._repr_html_(), "html.parser")
    assert [th["class"] for th in soup.select("thead th")] == [["right"], ["left"]]


def test_a_terminal_gets_the_same_cells_under_each_other():
    title, blank, header, line, *rows = repr(example()).splitlines()
    assert (title, blank) == ("Which is best", "")
    assert (
        len(
            {row.index(cell) + len(cell) for row, cell in zip([header, *rows], ["weights", "1,234", "56"], strict=True)}
        )
        == 1
    )
    assert set(line) == {"-", " "}


def test_numbers_have_a_true_minus_and_names_keep_their_hyphen():
    shown = table(["x", "y"], [["1-WL", -2.5], ["a-b", "(-0.1 -.2), -3e-17"]])
    assert shown.rows == (("1-WL", "−2.5"), ("a-b", "(−0.1 −.2), −3e−17"))
    assert "−2.5" in repr(shown)


@pytest.mark.parametrize(
    "held",  # ~ is a no-break space, | forbids a break
    [
        "mace, ν~=~2",
        "6.2~/~24.5",
        "3.76~−2.94~3.84",
        "–~–",
        "17.2 (15.9–|18.2)~↑",
        "2-|body",
        "4-|body, chiral",
        "a – b",
        "force, meV/|Å",
    ],
)
def test_what_belongs_together_is_not_broken(held):
    text = held.replace("~", " ").replace("|", "")
    soup = BeautifulSoup(table(["x", text], [["a", text]])._repr_html_(), "html.parser")
    for cell in (soup.select("th")[1], soup.td):
        assert cell.text.replace("\u00a0", "~").replace("\u2060", "|") == held


def test_truth_is_said_in_words():
    assert table(["pair", "told apart"], [["1", True], ["2", False]]).rows == (("1", "yes"), ("2", "no"))


@pytest.mark.parametrize(("header", "rows", "message"), [([], [], "needs a header"), (["a", "b"], [["1"]], "row 1")])
def test_what_is_no_table_is_refused(header, rows, message):
    with pytest.raises(InputError, match=message):
        table(header, rows)


def test_a_corner_without_a_name_is_no_header():
    soup = BeautifulSoup(table(["", "x"], [["a", 1]])._repr_html_(), "html.parser")
    assert [th.text for th in soup.select("thead th")] == ["x"]
    assert len(soup.select("thead td")) == 1
