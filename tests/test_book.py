"""The book's sources, and what they were built into, read without a browser."""

import ast
import re
import sys
from functools import cache
from urllib.parse import unquote, urlsplit

import pytest
import yaml
from bs4 import BeautifulSoup
from conftest import PAGES, ROOT, SITE
from docutils import nodes
from PIL import Image
from pybtex.database import parse_file

sys.path.insert(0, str(ROOT / "book" / "_ext"))

from molnet_pages import drop_logs_of_tensorflow, hold_formulas, shortened
from welcome import chapters

CONFIG = yaml.safe_load((ROOT / "_config.yml").read_text())
TEXTS = {page: (ROOT / f"{page}.md").read_text() for page in PAGES}
CHAPTERS = [page for page in PAGES if "{code-cell}" in TEXTS[page]]
CELL = re.compile(r"^(`{3,}|:{3,})\{code-cell\}[^\n]*\n(.*?)^\1\s*$", re.MULTILINE | re.DOTALL)
each_page = pytest.mark.parametrize("page", PAGES)


def cells(page):
    """The code of each cell of a page, without its options."""
    for _, cell in CELL.findall(TEXTS[page]):
        yield re.sub(r"\A(---\n.*?^---\n|(:[^\n]*\n)+)", "", cell, flags=re.MULTILINE | re.DOTALL).strip("\n")


@cache
def built(name):
    return BeautifulSoup((SITE / name).read_text(), "html.parser")


@cache
def anchors(name):
    return {tag["id"] for tag in built(name).find_all(id=True)}


# --- the sources


def test_cells_are_found():
    assert [len(list(cells(page))) for page in PAGES] == [text.count("{code-cell}") for text in TEXTS.values()]
    assert any(list(cells(page)) for page in PAGES)


@each_page
def test_cells_are_short_and_narrow(page):
    for cell in cells(page):
        assert not [line for line in cell.splitlines() if len(line) > 84]
        code = [line for line in cell.splitlines() if line.strip() and not line.lstrip().startswith("#")]
        assert len(code) <= 15, cell


@each_page
def test_cells_use_only_public_names(page):
    for cell in cells(page):
        for node in ast.walk(ast.parse(re.sub(r"^(\s*)[!%].*", r"\1pass", cell, flags=re.MULTILINE))):
            names = []
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "dmol_molnet":
                names = [*node.module.split("."), *(alias.name for alias in node.names)]
            elif isinstance(node, ast.Import):
                names = [part for a in node.names if a.name.startswith("dmol_molnet") for part in a.name.split(".")]
            elif isinstance(node, ast.Attribute):
                names = [node.attr]
            private = [name for name in names if name.startswith("_") and not name.endswith("__")]
            assert not private, cell


def test_citations_and_references_are_the_same_set():
    known = set(parse_file(ROOT / "book" / "references.bib").entries)
    roles = [match for text in TEXTS.values() for match in re.findall(r"\{cite(?::\w+)?\}`([^`]+)`", text)]
    cited = {key.strip() for role in roles for key in role.split(",")}
    assert cited - known == set()
    listed = ":all:" in TEXTS["book/bibliography"] or re.search(r":filter:\s*True", TEXTS["book/bibliography"])
    assert listed or known - cited == set()


@each_page
def test_a_source_has_one_title(page):
    prose = re.sub(r"^(`{3,}|:{3,}).*?^\1\s*$", "", TEXTS[page], flags=re.MULTILINE | re.DOTALL)
    assert len(re.findall(r"^# ", prose, flags=re.MULTILINE)) == 1


# --- what was built


@each_page
def test_a_formula_ends_where_it_begins(page):
    """A line that begins with "+ 1$" begins a list, and tears its formula apart."""
    text = re.sub(
        r"^(`{3,}|:{3,})(\{code-cell\}|\w).*?^\1\s*$|^\$\$.*?^\$\$", "", TEXTS[page], flags=re.MULTILINE | re.DOTALL
    )
    text = re.sub(r"`[^`\n]+`", "", text)
    for paragraph in re.split(r"\n\s*\n|\n(?=\s*(?:[-+*]|\d+\.) )|\n(?=\||\s*[`:]{3})", text):
        assert paragraph.count("$") % 2 == 0, paragraph


@each_page
def test_the_page_is_built_with_one_title(site, page):
    titles = built(f"{page}.html").find_all("h1")
    assert len(titles) == 1
    assert len(titles[0].text) > 3


def test_the_site_has_its_doors(site):
    assert PAGES[0] in built("index.html").find("meta", attrs={"http-equiv": "refresh"})["content"]
    assert (site / ".nojekyll").exists()
    assert list((site / "_static" / "mathjax").glob("*.js")) == [site / "_static" / "mathjax" / "tex-chtml.js"]


@pytest.mark.parametrize("name", [*(f"{page}.html" for page in PAGES), "index.html", "search.html", "genindex.html"])
def test_links_lead_somewhere_and_all_is_local(site, name):
    for tag in built(name).find_all(["a", "link", "script", "img", "source", "track", "video", "iframe", "use"]):
        target = tag.get("href") or tag.get("src")
        if not target or tag.get("rel") == ["canonical"]:
            continue
        parts = urlsplit(target)
        if parts.scheme == "data":
            continue
        if parts.scheme or parts.netloc:
            assert tag.name == "a", f"{name} loads {target}"
            continue
        path = ((site / name).parent / unquote(parts.path)).resolve() if parts.path else site / name
        assert path.is_file(), f"{name} -> {target}"
        assert path.is_relative_to(site), f"{name} -> {target}"
        if parts.fragment and path.suffix == ".html":
            assert unquote(parts.fragment) in anchors(str(path.relative_to(site))), f"{name} -> {target}"


def test_no_style_loads_from_elsewhere(site):
    for style in (site / "_static").rglob("*.css"):
        outside = re.findall(r"(?:@import|url\()\s*[\"']?((?:https?:)?//[^\"')\s]+)", style.read_text())
        assert not outside, style


@each_page
def test_the_page_offers_its_source_and_a_place_to_complain(site, page):
    repository = CONFIG["repository"]["url"]
    links = {a["href"] for a in built(f"{page}.html").select(".article-header-buttons a")}
    assert {repository, f"{repository}/edit/main/{page}.md"} <= links
    assert any(link.startswith(f"{repository}/issues/new") for link in links)


@each_page
def test_the_footer_tells_licences_version_and_independence(site, page):
    from dmol_molnet import __version__

    footer = built(f"{page}.html").select_one(".bd-footer-content").text
    for words in ("CC BY 4.0", "MIT", f"dmol_molnet {__version__}", "dmol.pub", "independent"):
        assert words in footer


@each_page
def test_a_link_to_the_page_shows_a_title_its_first_words_and_a_picture(site, page):
    head = built(f"{page}.html").head
    told = {tag["property"]: tag["content"] for tag in head.find_all("meta", property=True)}
    base = CONFIG["html"]["baseurl"]
    heading = built(f"{page}.html").h1
    assert told["og:title"] in heading.text
    assert told["og:url"] == f"{base}{page}.html"
    first = head.find("meta", attrs={"name": "description"})
    if first is not None:
        assert 20 <= len(first["content"]) <= 200
        assert first["content"] == told["og:description"]
    assert first is not None or page not in CHAPTERS
    picture = site / told["og:image"].removeprefix(base)
    with Image.open(picture) as image:
        assert image.format == "PNG"
        assert image.size == (1200, 630)
    assert len(told["og:image:alt"]) > 20


@pytest.mark.parametrize("tag", [{"name": "description"}, {"property": "og:image"}])
def test_no_two_chapters_describe_themselves_alike(site, tag):
    pages = [chapter.docname for chapter in chapters(ROOT)]
    assert len({built(f"{page}.html").head.find("meta", attrs=tag)["content"] for page in pages}) == len(pages) > 1


@each_page
def test_the_index_of_all_words_does_not_hold_the_page_up(site, page):
    (index,) = (tag for tag in built(f"{page}.html").find_all("script", src=True) if "searchindex" in tag["src"])
    assert index.has_attr("defer")


@each_page
def test_code_that_only_draws_is_folded_without_any_script(site, page):
    folded = len(re.findall(r"hide-input", TEXTS[page]))
    folds = built(f"{page}.html").select("div.cell.tag_hide-input > details.above-input")
    assert len(folds) == folded
    for fold in folds:
        assert not fold.has_attr("open")
        shown = fold.summary.select(".collapsed")
        assert [tag.text for tag in shown] == ["Show the code"]
        assert not fold.summary.has_attr("aria-label")
        assert fold.select_one(".cell_input pre").text.strip()


def test_only_the_logs_of_tensorflow_are_dropped():
    log = "WARNING: All log messages before absl::InitializeLog() is called are written to STDERR\n"
    log += "I0000 00:00:1795813211.074302   26682 port.cc:153] oneDNN custom operations are on.\n"
    page = nodes.section()
    for text, classes in ((log, ["stderr"]), (f"{log}UserWarning: look\n", ["stderr"]), (log, ["stdout"])):
        page += nodes.literal_block(text, text, classes=["output", *classes])
    drop_logs_of_tensorflow(None, page)
    assert [block.astext() for block in page] == ["UserWarning: look", log]


def test_a_formula_holds_its_bracket_and_its_mark():
    pieces = ["all (", "V", " nodes), ", "k", "-WL; ", "a", "/", "b", ".\nNext ", "c", " and ", "d"]
    kinds = [nodes.Text, lambda text: nodes.math(text, text)]
    paragraph = nodes.paragraph("", "", *(kinds[k % 2](piece) for k, piece in enumerate(pieces)))
    hold_formulas(None, paragraph)
    assert [held.astext() for held in paragraph.findall(nodes.inline)] == ["(V", "k-WL;", "a/", "b."]
    assert paragraph.astext() == "".join(pieces)


@each_page
def test_no_page_shows_what_tensorflow_finds_in_the_machine(site, page):
    assert "InitializeLog" not in built(f"{page}.html").text


def test_a_description_ends_with_a_sentence_where_one_fits():
    assert shortened("One. Two and more. " + "x" * 300) == "One. Two and more."
    assert shortened("word " * 100).endswith("word…")
    assert len(shortened("word " * 100)) <= 200
    assert shortened("What? Yes.") == "What? Yes."


def test_what_stands_in_the_citation_file_is_true():
    import dmol_molnet

    about = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert about["version"] == dmol_molnet.__version__
    assert about["repository-code"] == CONFIG["repository"]["url"]
    assert CONFIG["title"].lower() in about["title"].lower()
    assert set(about["license"]) == {"MIT", "CC-BY-4.0"}
