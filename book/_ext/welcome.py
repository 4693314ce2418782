"""What the welcome page says of the book, read from the book, so that it stays true.

    ```{welcome-picture}      ```{chapters}      ```{course} 5      ```{path}                ```{module-map}
    the caption               ```                ```                symmetry ace …           ```
    ```                                                             ```

`chapters` shows every chapter of _toc.yml as a card: its title, the first thing that one will be able to do, a small
picture, and how long it takes.  `course` spreads them over days, `path` says how long some of them take, and
`module-map` lists the package: what a module is about, which chapters use it, which test holds it.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path

import yaml
from docutils import nodes
from docutils.parsers.rst import directives
from docutils.statemachine import StringList
from sphinx.util.docutils import SphinxDirective

import dmol_molnet

WORDS_A_MINUTE = 130
"""Of a text to think along with; a novel goes twice as fast."""

MINUTES = {"equation": 0.5, "cell": 1.0, "question": 1.0, "exercise": 10.0}
"""What each takes beside the words: an equation on its own line, a cell with its output, a question, an exercise."""

RULE = (
    f"{WORDS_A_MINUTE} words a minute, half a minute for an equation on a line of its own, a minute for a cell with "
    f"what it shows and for a question, {MINUTES['exercise']:.0f} minutes for an exercise"
)

FENCE = re.compile(r"^(?P<fence>`{3,}|:{3,})\{(?P<name>[\w:+-]+)\}[^\n]*\n(?P<body>.*?)^(?P=fence)[ \t]*$", re.M | re.S)
BOX = re.compile(r"\{admonition\} After this chapter you can\s*\n(?::[^\n]*\n)*(?P<body>.*?)^`{3,}", re.M | re.S)


@dataclass(frozen=True)
class Chapter:
    """A chapter as its source tells of it."""

    number: int
    docname: str
    text: str

    @property
    def name(self) -> str:
        return self.docname.rpartition("/")[2]

    @cached_property
    def title(self) -> str:
        return re.search(r"^# +(.+)$", self.text, re.M)[1].strip()

    @cached_property
    def objectives(self) -> list[str]:
        """What one can do afterwards, as Markdown, one item each."""
        items = re.findall(r"^- +(.*?)(?=^- |^\s*$)", self._box + "\n\n", re.M | re.S)
        return [" ".join(item.split()).rstrip(";.") for item in items]

    @cached_property
    def runs_in(self) -> str:
        """How long its cells take, in the chapter's own words: "less than a minute"."""
        found = re.search(r"The chapter runs in (.+?)[.;]", " ".join(self._box.split()))
        if not found:
            raise ValueError(f'{self.docname}.md does not say "The chapter runs in …." among what one can do after it')
        return found[1]

    @cached_property
    def n_exercises(self) -> int:
        return len(re.findall(r"^`{3,}\{practice\}", self.text, re.M))

    @cached_property
    def minutes(self) -> float:
        """Of reading, by `RULE`, without exercises."""
        return reading_minutes(self.text)

    @cached_property
    def practice(self) -> float:
        """Minutes of exercises."""
        return MINUTES["exercise"] * self.n_exercises

    @property
    def modules(self) -> set[str]:
        """The package's modules from which its cells import."""
        found = set()
        for match in FENCE.finditer(self.text):
            if match["name"] == "code-cell":
                code = re.sub(r"\A(---\n.*?^---\n|(:[^\n]*\n)+)", "", match["body"], flags=re.M | re.S)
                found |= imported(re.sub(r"^(\s*)[!%].*", r"\1pass", code, flags=re.M))
        return found

    @cached_property
    def _box(self) -> str:
        match = BOX.search(self.text)
        if not match:
            raise ValueError(f'{self.docname}.md has no box "After this chapter you can"')
        return match["body"]


def chapters(root: Path) -> list[Chapter]:
    """The numbered chapters, in the order of _toc.yml."""
    toc = yaml.safe_load((root / "_toc.yml").read_text())
    names = [entry["file"] for part in toc["parts"] if part.get("numbered") for entry in part["chapters"]]
    return [Chapter(k + 1, name, (root / f"{name}.md").read_text()) for k, name in enumerate(names)]


def reading_minutes(text: str) -> float:
    """How long a reader takes for a source, by `RULE`; exercises are counted apart."""
    text = re.sub(r"\A---\n.*?^---\n", "", text, flags=re.M | re.S)
    n_cells = len(re.findall(r"^`{3,}\{code-cell\}", text, re.M))
    n_questions = len(re.findall(r"^`{3,}\{predict\}", text, re.M))
    prose = FENCE.sub(lambda m: "" if m["name"] in ("code-cell", "practice", "predict") else m["body"], text)
    equations = re.findall(r"^\$\$.*?\$\$", prose, re.M | re.S)
    n_words = len(re.findall(r"[^\W\d_]{2,}|\d+", re.sub(r"^\$\$.*?\$\$|^:\w.*$", "", prose, flags=re.M | re.S)))
    times = {"equation": len(equations), "cell": n_cells, "question": n_questions}
    return n_words / WORDS_A_MINUTE + sum(MINUTES[what] * count for what, count in times.items())


def in_words(minutes: float) -> str:
    """Rounded as one would say it: 35 minutes, 1¼ hours, 12 hours."""
    if minutes < 57:
        return f"{max(5, 5 * round(minutes / 5))} minutes"
    if minutes >= 12 * 60:
        return f"{round(minutes / 60)} hours"
    whole, quarters = divmod(round(minutes / 15), 4)
    fraction = ("", "¼", "½", "¾")[quarters]
    return f"{whole}{fraction} hour{'' if (whole, quarters) == (1, 0) else 's'}"


def spread(minutes: list[float], n_days: int) -> list[range]:
    """Which chapters to take on which day, in order, so that the longest day is as short as can be."""

    def days(first: int, left: int) -> tuple[float, list[range]]:
        if left == 1:
            return sum(minutes[first:]), [range(first, len(minutes))]
        best = (float("inf"), [])
        for last in range(first + 1, len(minutes) - left + 2):
            rest, plan = days(last, left - 1)
            longest = max(rest, sum(minutes[first:last]))
            if longest < best[0]:
                best = longest, [range(first, last), *plan]
        return best

    if not 1 <= n_days <= len(minutes):
        raise ValueError(f"{len(minutes)} chapters do not fit {n_days} days, one at least on each")
    return days(0, n_days)[1]


# --- the package


def modules() -> dict[str, Path]:
    """Every module that has something to say, by its name without the package's, with its file."""
    package = Path(dmol_molnet.__file__).parent
    found = {}
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        if name and not any(part.startswith("_") for part in parts if part != "__init__"):
            found[name] = path
    return found


def idea(path: Path) -> str:
    """The first sentence of a module's docstring."""
    doc = ast.get_docstring(ast.parse(path.read_text())) or ""
    first = " ".join(doc.split("\n\n")[0].split())
    return first.split(".  ")[0].split(". ")[0].rstrip(".:")


def imported(code: str) -> set[str]:
    """The package's modules that some code imports, also by way of its subpackages."""
    known, found = modules(), set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "dmol_molnet":
            base = node.module.removeprefix("dmol_molnet").lstrip(".")
            for alias in node.names:
                inner = f"{base}.{alias.name}".lstrip(".")
                found.add(inner if inner in known else base or _home(inner))
    return found - {"", None}


def _home(name: str) -> str | None:
    """The module that defines a name of the package itself."""
    module = getattr(getattr(dmol_molnet, name, None), "__module__", "")
    return module.removeprefix("dmol_molnet.") if module.startswith("dmol_molnet.") else None


def tests_of(module: str, folder: Path) -> list[Path]:
    """The tests that carry a module's name, or that of its package."""
    parts = module.split(".")
    own = [folder / f"test_{'_'.join(parts[:n])}.py" for n in range(len(parts), 0, -1)]
    return next(([path] for path in own if path.exists()), [])


# --- directives


class FromBook(SphinxDirective):
    """What the directives share: Markdown that becomes nodes, and the sources that the page depends on."""

    def chapters(self) -> list[Chapter]:
        root = Path(self.env.srcdir)
        self.env.note_dependency(str(root / "_toc.yml"))
        found = chapters(root)
        for chapter in found:
            self.env.note_dependency(str(root / f"{chapter.docname}.md"))
        return found

    def parsed(self, markdown: str) -> list[nodes.Node]:
        box = nodes.Element()
        self.state.nested_parse(StringList(markdown.split("\n"), source=self.env.docname), self.content_offset, box)
        return box.children


def drawing(html: str) -> nodes.raw:
    return nodes.raw("", html, format="html")


class WelcomePicture(FromBook):
    """The book in one picture, with the directive's text as its caption."""

    has_content = True

    def run(self):
        from door_pictures import welcome

        caption = self.parsed("\n".join(self.content))
        figure = nodes.container("", drawing(welcome()._repr_html_()), *caption, classes=["molnet-welcome"])
        return [figure]


class ChapterCards(FromBook):
    """Every chapter as a card."""

    def run(self):
        from door_pictures import thumbnail

        cards = nodes.bullet_list(classes=["molnet-cards"])
        for it in self.chapters():
            task = f", {it.n_exercises} exercises" if it.n_exercises else ""
            text = (
                f"{{doc}}`{it.number} {it.title} </{it.docname}>`\n\n"
                f"You can {it.objectives[0]}.\n\n"
                f"{in_words(it.minutes).capitalize()} to read{task}; its cells run in {it.runs_in}."
            )
            picture = nodes.container("", drawing(thumbnail(it.name).svg), classes=["molnet-thumb"])
            cards += nodes.list_item("", picture, *self.parsed(text))
        return [cards]


class Times(FromBook):
    """How long all takes, and by which rule."""

    def run(self):
        found = self.chapters()
        reading, practice = (sum(getattr(it, what) for it in found) for what in ("minutes", "practice"))
        return self.parsed(
            f"The {len(found)} chapters take about {in_words(reading)} to read, and their "
            f"{sum(it.n_exercises for it in found)} exercises about {in_words(practice)} more. We count {RULE}."
        )


class Course(FromBook):
    """All chapters with their exercises over some days, as evenly as can be."""

    required_arguments = 1

    def run(self):
        found = self.chapters()
        plan = spread([it.minutes + it.practice for it in found], directives.positive_int(self.arguments[0]))
        days = []
        for day, numbers in enumerate(plan, 1):
            taken = [found[k] for k in numbers]
            links = ", ".join(f"{{doc}}`/{it.docname}`" for it in taken)
            days.append(f"{day}. {links}: {in_words(sum(it.minutes + it.practice for it in taken))}")
        return self.parsed("\n".join(days))


class Way(FromBook):
    """Some chapters in the order of the book, and how long they take to read."""

    has_content = True

    def run(self):
        found = {it.name: it for it in self.chapters()}
        names = " ".join(self.content).split()
        if unknown := [name for name in names if name not in found]:
            raise self.error(f"no chapter is called {', '.join(unknown)}; there are {', '.join(found)}")
        order = [found[name].number for name in names]
        if any(a >= b for a, b in pairwise(order)):
            raise self.error("a path goes through the book in its order")
        links = " → ".join(f"{{doc}}`/{found[name].docname}`" for name in names)
        reading = sum(found[name].minutes for name in names)
        return self.parsed(f"{links}: about {in_words(reading)} of reading.")


class ModuleMap(FromBook):
    """The package, module by module: idea, chapters, tests."""

    def run(self):
        used = {it: it.modules for it in self.chapters()}
        theme = self.config.html_theme_options
        url = f"{theme['repository_url']}/blob/{theme['repository_branch']}"
        tests = Path(dmol_molnet.__file__).parents[1] / "tests"
        rows = ["| idea | module | chapters | tests |", "| --- | --- | --- | --- |"]
        for name, path in modules().items():
            where = ", ".join(f"{{doc}}`{it.number} </{it.docname}>`" for it, names in used.items() if name in names)
            held = ", ".join(f"[{it.stem[5:]}]({url}/tests/{it.name})" for it in tests_of(name, tests))
            file = path.relative_to(path.parents[name.count(".") + (path.stem == "__init__") + 1]).as_posix()
            rows.append(f"| {idea(path).replace('|', '&#124;')} | [`{name}`]({url}/{file}) | {where} | {held} |")
        return self.parsed("\n".join(rows))


def setup(app):
    """Add the directives."""
    app.add_directive("welcome-picture", WelcomePicture)
    app.add_directive("chapters", ChapterCards)
    app.add_directive("times", Times)
    app.add_directive("course", Course)
    app.add_directive("path", Way)
    app.add_directive("module-map", ModuleMap)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
