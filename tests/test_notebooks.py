"""The chapters' notebooks: as their sources say, readable without MyST, and running in Colab's versions."""

import ast
import json
import os
import re
import subprocess
import sys
from urllib.parse import unquote, urlsplit

import nbformat
import pytest
import yaml
from bs4 import BeautifulSoup
from conftest import PAGES, ROOT, SITE
from IPython.core.inputtransformer2 import TransformerManager
from markdown_it import MarkdownIt
from test_book import anchors, built, cells

sys.path.insert(0, str(ROOT / "book" / "_ext"))

import notebooks
import run_notebooks

CONFIG = yaml.safe_load((ROOT / "_config.yml").read_text())
CHAPTERS = [page for page in PAGES if list(cells(page))]
BASE = CONFIG["html"]["baseurl"]
each_chapter = pytest.mark.parametrize("page", CHAPTERS)


@pytest.fixture(scope="module")
def book():
    return notebooks.Book()


@pytest.fixture(scope="module")
def read(book):
    """read(page) -> the notebook that the page gives now."""
    known = {}
    return lambda page: known.setdefault(page, book.notebook(page))


def texts(notebook):
    return [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]


def codes(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def links(text):
    """All targets of links and pictures in a Markdown text."""
    for token in MarkdownIt().enable("table").parse(text):
        for child in token.children or ():
            if target := child.attrs.get("href") or child.attrs.get("src"):
                yield target


# --- the files


def test_the_notebooks_are_those_that_the_chapters_give(book):
    stale = {
        str(file.relative_to(ROOT)): "gone" if text is None else "changed"
        for file, text in notebooks.stale(book).items()
    }
    assert not stale, "`make notebooks`, and commit what it wrote"


@each_chapter
def test_a_notebook_is_clean(book, page):
    text = book.notebooks()[ROOT / f"{page}.ipynb"]
    notebook = nbformat.reads(text, 4)
    nbformat.validate(notebook)
    assert text.endswith("}\n")
    assert all(not cell.outputs and cell.execution_count is None for cell in codes(notebook))
    assert len({cell.id for cell in notebook.cells}) == len(notebook.cells)
    assert notebook.metadata.kernelspec.name == "python3"


@each_chapter
def test_nothing_of_myst_is_left(read, page):
    for text in texts(read(page)):
        prose = re.sub(r"^```\w*\n.*?^```$|\$[^$]+\$|\$\$.*?\$\$", "", text, flags=re.MULTILINE | re.DOTALL)
        assert not re.search(r"\{[\w:+.-]+\}`|^\s*:::|```+\{|^\([\w-]+\)=|\{\{", prose, flags=re.MULTILINE), text
        assert not re.search(r"^> ?\$\$(?!.*\$\$)", text, flags=re.MULTILINE), "a formula broken by a quotation"


@each_chapter
def test_all_code_is_there_as_it_was(read, page):
    assert [cell.source for cell in codes(read(page))[1:]] == list(cells(page))


@each_chapter
def test_it_opens_with_its_title_and_with_the_installation(read, page, monkeypatch):
    opening, install = read(page).cells[:2]
    assert f"]({BASE}{page}.html)\n" in opening.source
    assert f"@ git+{CONFIG['repository']['url']}@{CONFIG['repository']['branch']}" in install.source
    assert "%pip" in install.source

    def refuse(*args):
        raise AssertionError(f"would run {args}")

    # As a notebook would run it, here where the package is present; and then as if it were not.
    code = TransformerManager().transform_cell(install.source)
    shell = type("Shell", (), {"run_line_magic": refuse})
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "3")  # so that monkeypatch sets it back
    exec(code, {"get_ipython": shell})
    exec(code, {"get_ipython": shell})
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(AssertionError, match="pip"):
        exec(code, {"get_ipython": shell})


@each_chapter
def test_links_are_absolute(read, page):
    found = [target for text in texts(read(page)) for target in links(text)]
    assert found
    assert not [target for target in found if not target.startswith(("https://", "mailto:"))]


@each_chapter
def test_links_into_the_site_lead_somewhere(site, read, page):
    for target in {target for text in texts(read(page)) for target in links(text) if target.startswith(BASE)}:
        parts = urlsplit(target.removeprefix(BASE))
        name = unquote(parts.path) or "index.html"
        assert (SITE / name).is_file(), target
        assert not parts.fragment or unquote(parts.fragment) in anchors(name), target


@each_chapter
def test_numbers_are_those_of_the_page(site, read, page):
    text = "\n".join(texts(read(page)))
    article = built(f"{page}.html").select_one("article")
    theirs = [it.text.strip().rstrip(".") for it in article.select(".caption-number")]
    figures = [number.replace("Fig.", "Figure") for number in theirs if number.startswith("Fig.")]
    assert re.findall(r"^\*\*(Figure [\d.]+\d)\.\*\*", text, flags=re.MULTILINE) == figures
    assert [f"({tag})" for tag in re.findall(r"\\tag\{([^}]*)\}", text)] == [
        it.text.strip("#¶ ") for it in article.select(".eqno")
    ]
    theorems = [number for number in theirs if not number.startswith(("Fig.", "Exercise"))]
    assert re.findall(r"^> \*\*(\w+ \d[\d.]*\d)", text, flags=re.MULTILINE) == theorems
    exercises = [number for number in theirs if number.startswith("Exercise")]
    assert re.findall(r"^### (Exercise [\d.]+\d)\.", text, flags=re.MULTILINE) == exercises
    assert f"# [{article.select_one('h1').text.strip('#¶ ')}](" in text


@pytest.mark.parametrize("page", PAGES)
def test_a_page_offers_its_notebook_if_it_has_one(site, page):
    hrefs = [a.get("href", "") for a in built(f"{page}.html").select(".article-header-buttons a")]
    colab = [href for href in hrefs if "colab" in href]
    download = [href for href in hrefs if href.endswith(".ipynb") and "_sources" in href]
    if page not in CHAPTERS:
        assert not colab + download
        return
    owner, name = CONFIG["repository"]["url"].split("/")[-2:]
    assert colab == [f"https://colab.research.google.com/github/{owner}/{name}/blob/main/{page}.ipynb"]
    assert download == [f"../_sources/{page}.ipynb"]
    assert (SITE / "_sources" / f"{page}.ipynb").read_text() == (ROOT / f"{page}.ipynb").read_text()
    ignored = subprocess.run(["git", "check-ignore", "-q", f"{page}.ipynb"], cwd=ROOT).returncode == 0
    assert not ignored


# --- what becomes of each construct


CITED = '@article{a2020x, title={X}, author={M{\\"u}ller, A. and Bo, C. and Du, E.}, year={2020}, doi={10.1/x}}\n'
CITED += "@book{b1999y, title={Y}, author={van Dyk, F. and Eis, G.}, year={1999}}\n"


@pytest.fixture
def export(tmp_path):
    """export(MyST text, **other pages) -> the cells below title and installation, in a small book of its own."""

    def export(text, **pages):
        pages = {"one": f"# One\n\n{text}\n\n```{{code-cell}}\n1\n```\n", **pages}
        pages.setdefault("words", "# Words\n\n```{glossary}\nk-WL\n    A test.\n```\n")
        pages.setdefault("refs", "# Refs\n\n```{bibliography}\n```\n")
        (tmp_path / "book").mkdir(exist_ok=True)
        for name, content in pages.items():
            (tmp_path / "book" / f"{name}.md").write_text(content)
        (tmp_path / "refs.bib").write_text(CITED)
        config = {key: CONFIG[key] for key in ("title", "html", "repository", "parse")}
        (tmp_path / "_config.yml").write_text(yaml.safe_dump({**config, "bibtex_bibfiles": ["refs.bib"]}))
        chapters = [{"file": f"book/{name}"} for name in pages if name not in ("words", "refs")]
        rest = [{"file": "book/words"}, {"file": "book/refs"}]
        parts = [{"numbered": True, "chapters": chapters}, {"chapters": rest}]
        (tmp_path / "book" / "home.md").write_text("# Home\n")
        (tmp_path / "_toc.yml").write_text(yaml.safe_dump({"root": "book/home", "parts": parts}))
        return notebooks.Book(tmp_path).notebook("book/one").cells[2:-1]

    return export


ONE = f"{BASE}book/one.html"
SMALL = {
    "plain": ("a *b* `{c}` <b>d</b> \\$5", "a *b* `{c}` <b>d</b> \\$5"),
    "verbatim": ("```\n{eq}`x` $a\nb$\n```", "```\n{eq}`x` $a\nb$\n```"),
    "verbatim in a list": (
        "- a {sub}`2`\n\n  ```python\n  f({sub}`2`)\n  ```",
        "- a <sub>2</sub>\n\n  ```python\n  f({sub}`2`)\n  ```",
    ),
    "formula over two lines": ("a $x\n= y$ b", "a $x = y$ b"),
    "formula on its own": ("$$\nx\n= y\n$$", "$$ x = y $$"),
    "formula with a label": (
        "$$\nx\n$$ (eq-x)\n\nBy {eq}`eq-x`.",
        f"$$ x \\tag{{1.1}} $$\n\nBy [(1.1)]({ONE}#equation-eq-x).",
    ),
    "math": ("```{math}\n:label: e\nx\n```\n{eq}`e`", f"$$ x \\tag{{1.1}} $$\n\n[(1.1)]({ONE}#equation-e)"),
    "citation": ("({cite}`a2020x`)", "(([Müller et al., 2020](https://doi.org/10.1/x)))"),
    "two citations": (
        "{cite}`a2020x,b1999y`",
        f"([Müller et al., 2020](https://doi.org/10.1/x); [van Dyk and Eis, 1999]({BASE}book/refs.html))",
    ),
    "citation in a sentence": ("{cite:t}`b1999y` say", f"van Dyk and Eis ([1999]({BASE}book/refs.html)) say"),
    "term": (
        "{term}`tests <k-WL>`, {term}`k-WL`",
        f"[tests]({BASE}book/words.html#term-k-WL), [k-WL]({BASE}book/words.html#term-k-WL)",
    ),
    "doc": ("{doc}`words`, {doc}`here </book/one>`", f"[Words]({BASE}book/words.html), [here]({ONE})"),
    "section": ("{ref}`sec`, {ref}`there <sec>`\n\n(sec)=\n\nText", f"[Text]({ONE}#sec), [there]({ONE}#sec)\n\nText"),
    "link to a page": ("[a](words.md#b), [c](https://d.e)", f"[a]({BASE}book/words.html#b), [c](https://d.e)"),
    "link to a label": ("[a](#sec)\n\n(sec)=\n\nb", f"[a]({ONE}#sec)\n\nb"),
    "function": ("{func}`~dmol_molnet.wl.refine`", f"[`refine()`]({BASE}#dmol_molnet.wl.refine)"),
    "module": ("{mod}`dmol_molnet.wl`, {class}`dict`", f"[`dmol_molnet.wl`]({BASE}#module-dmol_molnet.wl), `dict`"),
    "glued": ("It is {glue:text}`n-x` or {glue:text}`y:.2f`.", "It is `n-x` or `y`."),
    "comment": ("% nobody\n\na\n\n+++\n\nb", "a\n\nb"),
    "admonition": (
        "```{admonition} See $x$\n:class: tip\na\n\n$$\nx\n$$\n\n- b\n```",
        "> **See $x$**\n>\n> a\n>\n> $$ x $$\n>\n> - b",
    ),
    "note": (":::{note}\nA note.\n:::", "> **Note**\n>\n> A note."),
    "note in the first line": ("```{tip} Try\nit.\n```", "> **Tip**\n>\n> Try\n> it."),
    "folded": (
        ":::{admonition} If $a<b$ `c`\n:class: dropdown\nd\n:::",
        "<details>\n<summary>If $a&lt;b$ <code>c</code></summary>\n\nd\n\n</details>",
    ),
    "theorem": (
        "```{prf:theorem} Trees\n:label: t\n{prf:ref}`t` says $x\n=y$.\n```\n\n```{prf:proof}\nObvious.\n```",
        f"> **Theorem 1.1 (Trees).** [Theorem 1.1]({ONE}#t) says $x =y$.\n\n> **Proof.** Obvious.",
    ),
    "kinds are counted apart": (
        "```{prf:lemma}\na\n```\n\n```{prf:theorem}\nb\n```\n\n```{prf:lemma}\nc\n```",
        "> **Lemma 1.1.** a\n\n> **Theorem 1.1.** b\n\n> **Lemma 1.2.** c",
    ),
    "exercise": (
        "````{exercise} Try\n:label: ex\nIt.\n````\n\n````{solution} ex\n:class: dropdown\n```python\n1\n```\n````",
        "### Exercise 1.1. Try\n\nIt.\n\n"
        "<details>\n<summary>Solution to Exercise 1.1</summary>\n\n```python\n1\n```\n\n</details>",
    ),
    "gated exercise": (
        "```{exercise-start} Try\n:label: ex\n```\nIt: {ref}`ex`.\n```{exercise-end}\n```",
        f"### Exercise 1.1. Try\n\nIt: [Exercise 1.1]({ONE}#ex).",
    ),
    "code block": ("```{code-block} python\nf({eq})\n```", "```python\nf({eq})\n```"),
}


def test_a_name_leads_to_the_page_of_its_module(export, book):
    api = {name: f"# {name}\n\n```{{eval-rst}}\n.. automodule:: dmol_molnet.{name}\n```\n" for name in ("wl", "so3")}
    (cell,) = export("{func}`dmol_molnet.so3.irreps`", **api)
    assert cell.source == f"[`dmol_molnet.so3.irreps()`]({BASE}book/so3.html#dmol_molnet.so3.irreps)"
    assert book.api("dmol_molnet.nn.ace.Path") == f"{BASE}book/api_networks.html"


@pytest.mark.parametrize(("source", "wanted"), SMALL.values(), ids=SMALL)
def test_a_construct_becomes_markdown(export, source, wanted):
    assert "\n\n".join(cell.source for cell in export(source)) == wanted


BAD = {
    "a directive nobody knows": ("a\n\n```{mermaid}\nx\n```", 5, "mermaid"),
    "a role nobody knows": ("a\n{abbr}`b`", 4, "abbr"),
    "a label that is nowhere": ("{eq}`e`", 3, "nothing is labelled e"),
    "a reference that is nowhere": ("a\n\nb {cite}`x2000`", 5, "x2000"),
    "a term that is nowhere": ("{term}`x`", 3, "glossary lacks x"),
    "a question that is nowhere": ("```{predict} x\n```", 3, "x"),
    "an exercise that is nowhere": ("```{practice} x\n```", 3, "x"),
    "an option nobody knows": ("```{note}\n:width: 3\na\n```", 3, "width"),
    "a directive in a list": ("- a\n\n  ```{note}\n  b\n  ```", 5, "note"),
    "a formula in a list": ("- a\n\n  $$\n  b\n  $$", 5, "math_block"),
    "a footnote": ("a [^1]\n\n[^1]: b", 3, "footnote"),
    "a definition list": ("a\n: b", 3, "dl_open"),
    "a substitution": ("a {{ b }}", 3, "substitution"),
    "an attribute": ("[a](https://b.c){.d}", 3, "class"),
    "a picture in a file": ("![a](b.png)", 3, "image"),
    "a link into the repository": ("[a](../b.py)", 3, "no page"),
    "a link defined elsewhere": ("[a][b]\n\n[b]: https://c.d", 5, "nobody reads"),
    "a comment in a formula": ("$$\na % b\n$$", 3, "comment"),
    "half a gate": ("```{exercise-start}\n:label: a\n```\n", 3, "without its end"),
    "a bare environment": ("\\begin{align}\na\n\\end{align}", 3, "amsmath"),
}


@pytest.mark.parametrize(("source", "line", "reason"), BAD.values(), ids=BAD)
def test_what_nobody_knows_is_an_error_with_page_and_line(export, source, line, reason):
    with pytest.raises(notebooks.NotebookError) as error:
        export(source)
    assert str(error.value).startswith(f"book/one.md:{line}: ")
    assert reason in str(error.value)


def test_figures_are_numbered_and_captioned_below(export):
    head = "---\nmystnb:\n  figure:\n    name: fig-{0}\n    caption: |\n      The {0}, beside {{numref}}`fig-b`.\n---\n"
    figures = [f"```{{code-cell}}\n{head.format(name)}show({name})\n```\n\n" for name in "ab"]
    first, caption, second, last, text = export(f"{figures[0]}{figures[1]}{{numref}}`see %s <fig-a>`")
    assert (first.source, second.source) == ("show(a)", "show(b)")
    assert first.metadata.dmol_molnet.figure == "fig-a"
    assert caption.source == f"**Figure 1.1.** The a, beside [Figure 1.2]({ONE}#fig-b)."
    assert last.source.startswith("**Figure 1.2.**")
    assert text.source == f"[see 1.1]({ONE}#fig-a)"


def test_references_reach_other_chapters(export):
    two = "# Two\n\n$$\nx\n$$ (e)\n\n```{prf:theorem}\n:label: t\nu\n```\n"
    (cell,) = export("{eq}`e` {prf:ref}`t`", two=two)
    assert cell.source == f"[(2.1)]({BASE}book/two.html#equation-e) [Theorem 2.1]({BASE}book/two.html#t)"


def test_code_that_the_page_folds_is_open_in_the_notebook(export):
    (cell,) = export("```{code-cell}\n:tags: [hide-input]\nx = 1\n```")
    assert cell.metadata == {"tags": ["hide-input"]}


def test_tags_fold_cells(export):
    hidden, plain = export(
        "```{code-cell}\n:tags: [remove-cell]\nx = 1\n```\n\n```{code-cell}\n:tags: [raises-exception]\ny\n```"
    )
    assert hidden.metadata == {"tags": ["remove-cell"], "cellView": "form", "jupyter": {"source_hidden": True}}
    assert plain.metadata == {"tags": ["raises-exception"]}


def test_code_in_a_gated_solution_stays_a_cell(export):
    gate = "```{solution-start} a\n```\nSo:\n```{code-cell}\nx\n```\nDone.\n```{solution-end}\n```"
    task, before, code, after = export(f"```{{exercise}} Try\n:label: a\nIt.\n```\n\n{gate}")
    assert task.source == "### Exercise 1.1. Try\n\nIt.\n\n**Solution to Exercise 1.1**"
    assert [before.source, code.source, after.source] == ["So:", "x", "Done."]


def test_each_heading_begins_a_cell(export):
    assert [cell.source for cell in export("a\n\n## B\n\nb\n\n### C")] == ["a", "## B\n\nb", "### C"]


@each_chapter
def test_questions_and_exercises_come_with_their_folds(read, page):
    from dmol_molnet import exercises

    stem = page.split("/")[-1]
    text = "\n".join(texts(read(page)))
    summaries = {summary.text for summary in BeautifulSoup(text, "html.parser").find_all("summary")}
    if stem not in exercises.CHAPTERS:  # a page of formulas asks nothing
        assert "**Predict.**" not in text
        assert "exercises.check" not in text
        return
    for question in exercises.questions(stem).values():
        assert {answer.text.strip() for answer in question.answers} <= summaries
    for exercise in exercises.catalog(stem).values():
        assert f". {exercise.title}\n" in text
        assert exercise.solution.strip() in text
    assert text.count("**Predict.**") == len(exercises.questions(stem))


def test_only_notebooks_of_this_writer_are_touched(tmp_path, export):
    export("a")
    book = notebooks.Book(tmp_path)
    one, gone, foreign = (tmp_path / "book" / f"{name}.ipynb" for name in ("one", "gone", "foreign"))
    notebooks.write(one, book.notebooks()[one])
    notebooks.write(gone, book.notebooks()[one])
    foreign.write_text(json.dumps({"metadata": {}}))
    assert notebooks.stale(book) == {gone: None}
    assert sorted(path.name for path in one.parent.glob("*ipynb*")) == ["foreign.ipynb", "gone.ipynb", "one.ipynb"]
    one.write_text(foreign.read_text())
    with pytest.raises(notebooks.NotebookError, match=r"one\.ipynb"):
        notebooks.stale(book)


def test_the_same_source_gives_the_same_notebook(tmp_path, export):
    export("a\n\n```{code-cell}\n1\n```")
    first, second = (notebooks.Book(tmp_path).notebooks() for _ in range(2))
    assert first == second


# --- in Colab's versions


def test_the_constraints_are_pins_with_a_source_and_what_we_need():
    lines = run_notebooks.CONSTRAINTS.read_text().splitlines()
    assert re.search(r"backend-info.*commit", lines[0])
    assert any(re.search(r"\d{4}-\d\d-\d\d", line) for line in lines if line.startswith("#"))
    pins = dict(line.split("==") for line in lines if not line.startswith("#"))
    assert {
        "tensorflow",
        "keras",
        "numpy",
        "scipy",
        "matplotlib",
        "networkx",
        "ipykernel",
        "ipython",
        "moviepy",
    } <= set(pins)


def test_a_run_reports_what_went_wrong():
    picture = nbformat.v4.new_code_cell("1", metadata={"dmol_molnet": {"figure": "fig-a"}}, execution_count=1)
    result = run_notebooks.Run("a.ipynb")
    run_notebooks.inspect(picture, 3, result)
    assert result.faults == ["cell 3 shows no picture: fig-a"]
    result.noise.append("cell 4: red")
    assert "| a.ipynb | 0 | 0.0 s, no. 0 | 1 | 1 |" in run_notebooks.report([result])
    assert "cell 4: red" in run_notebooks.report([result])


@pytest.fixture(scope="module")
def colab():
    """run(page), in Colab's versions; the table is written when all have run."""
    if os.environ.get("DMOL_MOLNET_REQUIRE_COLAB") != "1":
        found = run_notebooks.find_python()
        pytest.skip("`make colab` does this" if found else "needs a Python 3.13, as in Colab")
    run_notebooks.environment()
    runs = []

    def run(page):
        runs.append(
            run_notebooks.run(ROOT / f"{page}.ipynb", keep=run_notebooks.KEPT_RUNS / f"{page.split('/')[-1]}.ipynb")
        )
        return runs[-1]

    yield run
    run_notebooks.write_report(runs)


@each_chapter
def test_the_notebook_runs_as_in_colab(colab, page):
    assert not colab(page).faults


def test_code_of_the_notebooks_is_for_ipython_7(read):
    """Colab's shell is old: no cell awaits, and magics are those of lines."""
    for page in CHAPTERS:
        for cell in codes(read(page)):
            tree = ast.parse(TransformerManager().transform_cell(cell.source))
            assert not [node for node in ast.walk(tree) if isinstance(node, ast.Await)], cell.source
