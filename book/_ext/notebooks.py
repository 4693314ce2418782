"""Each chapter as a clean notebook beside its source: what the Colab button opens.

    python book/_ext/notebooks.py [--check]

A chapter is read into blocks, its figures, equations, theorems and exercises are numbered as the site numbers them, and
the blocks are written as cells.  Directives and roles become Markdown that every notebook shows, with links into the
site.  What this file does not know is an error that names page and line, so that nothing is lost.
"""

from __future__ import annotations

import argparse
import hashlib
import html
import json
import os
import posixpath
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import nbformat
import yaml
from docutils.nodes import make_id
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from myst_parser.config.main import MdParserConfig
from myst_parser.parsers.mdit import create_md_parser
from practice import exercise_markdown, question_markdown
from pybtex.database import Entry, parse_file
from pybtex.richtext import Text

from dmol_molnet import exercises
from dmol_molnet.molecules import InputError

ROOT = Path(__file__).parents[2]

OPENING = """# [{title}]({page})

This is a chapter of [{book}]({site}) as a notebook: run its cells from top to bottom, and change what you like."""
ABOUT_NAMES = """
Where a name in code stands for a number, such as `{name}`, a cell close by prints its value."""
INSTALL = """\
import importlib.util
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # or TensorFlow's start-up notes come between the lines
if importlib.util.find_spec("dmol_molnet") is None:
    %pip install --quiet "{package}\""""

CALLOUTS = "attention caution danger error hint important note seealso tip warning".split()
THEOREMS = (
    "algorithm assumption axiom conjecture corollary criterion definition example lemma notation observation property "
    "proposition remark theorem"
).split()
# The text after the name of any other directive is the beginning of its body.
TITLED = {"admonition", "dropdown", "exercise", "exercise-start", *(f"prf:{kind}" for kind in THEOREMS)}
ARGUED = {"code-cell", "code", "code-block", "solution", "solution-start", "predict", "practice", "live"}
VERBATIM = {"code-cell", "code", "code-block", "math", "glossary", "eval-rst", "bibliography", "include"}
OPTIONS = {"class", "name", "label", "nonumber", "open", "hidden"}
GATES = {"exercise-start": "exercise-end", "solution-start": "solution-end"}

PLAIN_BLOCKS = {"blockquote", "bullet_list", "heading", "list_item", "ordered_list", "paragraph"}
PLAIN_BLOCKS |= {"table", "thead", "tbody", "tr", "th", "td"}
PLAIN = {f"{block}_{end}" for block in PLAIN_BLOCKS for end in ("open", "close")}
PLAIN |= {"inline", "hr", "code_block", "fence", "html_block"}
PLAIN_INLINE = {"text", "softbreak", "hardbreak", "code_inline", "math_inline", "html_inline", "image", "myst_role"}
PLAIN_INLINE |= {f"{span}_{end}" for span in ("em", "strong", "link") for end in ("open", "close")}

_IN = r"(?:(?!\n[ \t]*\n).)"  # anything within one paragraph
INLINE = re.compile(
    rf"\\.|\{{(?P<role>[\w:+.-]+)\}}(?P<tick>`+)(?P<content>{_IN}+?)(?<!`)(?P=tick)(?!`)"
    rf"|(?P<code>(?P<ticks>`+)(?!`){_IN}+?(?<!`)(?P=ticks)(?!`))"
    rf"|<!--.*?-->|<[a-zA-Z/][^<>]*>"
    rf"|(?<!\$)\$(?P<math>(?!\$)(?:\\.|(?!\n[ \t]*\n)[^$\\])+)\$"
    r"|(?<=\]\()(?P<target>[^\s()<>]+(?:\([^\s()]*\)[^\s()]*)*)(?=\)|\s+[\"'])",
    re.DOTALL,
)


class NotebookError(Exception):
    """A page holds what no notebook can show, or what does not fit together; the message begins with page and line."""


@dataclass
class Block:
    """A part of a page: text, math, or a directive with the blocks of its body."""

    kind: str  # "text", "math", "target", "verbatim", or the name of a directive
    line: int
    text: str
    argument: str = ""  # the title, or a label
    number: str = ""  # "Figure 1.2", "(1.2)", "Theorem 1.2"
    options: dict = field(default_factory=dict)
    children: list[Block] = field(default_factory=list)
    ranges: list[tuple[int, int]] = field(default_factory=list)  # lines of a text that stay as they are


@dataclass
class Label:
    """What a reference leads to."""

    url: str
    text: str  # "Theorem 1.2", "(1.3)", the title of a section
    title: str = ""


class Source:
    """Reads MyST into blocks; `where` names it in messages."""

    def __init__(self, where: str, parser: MarkdownIt):
        self.where, self.parser = where, parser

    def fail(self, line: int, reason: str) -> NotebookError:
        return NotebookError(f"{self.where}:{line}: {reason}")

    def read(self, text: str, first: int = 1) -> list[Block]:
        """The blocks of a text that begins in line `first` of its file."""
        lines = text.split("\n")
        blocks, seen = [], set()
        tokens = self.parser.parse(text, {})
        for n, token in enumerate(tokens):
            if token.level or token.nesting < 0:
                continue
            start, end = token.map
            seen.update(range(start, end))
            line = first + start
            if token.type in ("front_matter", "myst_line_comment", "myst_block_break"):
                continue
            if token.type in ("fence", "colon_fence"):
                blocks.append(self.fence(token, line, "\n".join(lines[start:end])))
            elif token.type in ("math_block", "math_block_label"):
                blocks.append(Block("math", line, token.content, argument=token.info))
            elif token.type == "myst_target":
                blocks.append(Block("target", line, token.content))
            else:
                last = n + 1
                while token.nesting > 0 and last < len(tokens) and tokens[last].level:
                    last += 1
                part = "\n".join(lines[start:end]).rstrip()
                ranges = [(a - start, b - start) for a, b in self.untouched(tokens[n:last], first)]
                blocks.append(Block("text", line, part, ranges=ranges))
        for number, part in enumerate(lines):
            if part.strip() and number not in seen:
                raise self.fail(first + number, f"nobody reads this line: {part.strip()[:60]}")
        return self.gated(blocks)

    def untouched(self, tokens: list, first: int) -> Iterator[tuple[int, int]]:
        """Lines of code and HTML within a text, once all its parts are known to be plain Markdown."""
        line = first + tokens[0].map[0]
        for token in tokens:
            line = first + token.map[0] if token.map else line
            kind = token.info.strip() if token.type == "fence" else token.type
            if token.type not in PLAIN or kind.startswith("{"):
                raise self.fail(line, f"cannot become a notebook's text here: {kind}")
            for child in token.children or ():
                if child.type not in PLAIN_INLINE or (child.type == "image" and "//" not in child.attrs["src"]):
                    raise self.fail(line, f"cannot become a notebook's text: {child.type} {child.content}".rstrip())
                if set(child.attrs) - {"href", "title", "src", "alt"}:
                    raise self.fail(line, f"attributes cannot be kept: {', '.join(child.attrs)}")
            if token.type in ("fence", "code_block", "html_block"):
                yield tuple(token.map)

    def fence(self, token, line: int, whole: str) -> Block:
        match = re.fullmatch(r"\{([^}\s]+)\}[ \t]*(.*)", token.info.strip(), flags=re.DOTALL)
        if not match:
            if token.type == "colon_fence":
                raise self.fail(line, "a fence of colons without a directive")
            return Block("verbatim", line, whole)
        name, argument = match.groups()
        body, options = token.content, {}
        # One blank line may stand between the options and the body.
        head = re.match(
            r"---\n(.*?)^---[ \t]*(\n|\Z)|(?:[ \t]*:[\w-]+:[^\n]*(?:\n|\Z))+", body, re.DOTALL | re.MULTILINE
        )
        if head:
            part = head[1] if head[1] is not None else re.sub(r"(?m)^[ \t]*:([\w-]+):", r"\1:", head.group())
            options, body = yaml.safe_load(part) or {}, body[head.end() :]
        start = line + 1 + (token.content[: head.end()].count("\n") if head else 0)
        if name not in TITLED | ARGUED and argument:
            body, argument, start = f"{argument}\n{body}", "", start - 1
        block = Block(name, line, body, argument=argument, options=options)
        if name not in VERBATIM:
            block.children = self.read(body, start)
        return block

    def gated(self, blocks: list[Block]) -> list[Block]:
        """What stands between a start and its end becomes the children of the start."""
        result, open_gate = [], None
        for block in blocks:
            if open_gate is None and block.kind in GATES:
                open_gate = block
                result.append(block)
            elif open_gate is not None and block.kind == GATES[open_gate.kind]:
                open_gate = None
            elif block.kind in (*GATES, *GATES.values()):
                raise self.fail(block.line, f"{block.kind} without its other half")
            else:
                (result if open_gate is None else open_gate.children).append(block)
        if open_gate is not None:
            raise self.fail(open_gate.line, f"{open_gate.kind} without its end")
        return result


class Page(Source):
    """A page of the book: where it lies, which number its chapter has, and its blocks."""

    def __init__(self, book: Book, name: str, number: int | None):
        super().__init__(f"{name}.md", book.parser)
        self.book, self.name, self.number = book, name, number
        self.url = f"{book.site}{name}.html"
        self.blocks = self.read((book.root / f"{name}.md").read_text())
        headings = (re.match(r"# +(.*)", block.text) for block in self.blocks if block.kind == "text")
        self.title = next((heading[1] for heading in headings if heading), name)
        self.has_code = any(block.kind == "code-cell" for block in walk(self.blocks))


class Book:
    """The sources, as `_toc.yml` orders them, with all that a reference can lead to."""

    def __init__(self, root: Path = ROOT):
        self.root = root
        config = yaml.safe_load((root / "_config.yml").read_text())
        toc = yaml.safe_load((root / "_toc.yml").read_text())
        self.title, self.site = config["title"], config["html"]["baseurl"]
        repository = config["repository"]
        self.package = f"dmol-molnet[anim] @ git+{repository['url']}@{repository['branch']}"
        extensions = set(config["parse"]["myst_enable_extensions"])
        self.parser = create_md_parser(MdParserConfig(enable_extensions=extensions), RendererHTML)
        self.entries = {}
        for file in config["bibtex_bibfiles"]:
            self.entries.update(parse_file(root / file).entries)
        self.pages = {toc["root"]: Page(self, toc["root"], None)}
        number = 0
        for part in toc["parts"]:
            for chapter in part["chapters"]:
                number += bool(part.get("numbered"))
                name = chapter["file"]
                self.pages[name] = Page(self, name, number if part.get("numbered") else None)
        self.exercises = exercises.catalog()
        self.labels, self.terms = {}, {}
        for page in self.pages.values():
            self.number(page)

    @cached_property
    def modules(self) -> dict[str, str]:
        """The address of the page that documents each module."""
        found = {}
        for page, block in self.directives("eval-rst"):
            found |= dict.fromkeys(re.findall(r"automodule:: (\S+)", block.text), page.url)
        return found

    def api(self, name: str) -> str:
        """The address of the page that documents a name; else of the site."""
        while name and name not in self.modules:
            name = name.rpartition(".")[0]
        return self.modules.get(name, self.site)

    @cached_property
    def bibliography(self) -> str:
        return next((page.url for page, _ in self.directives("bibliography")), self.site)

    def directives(self, kind: str) -> Iterator[tuple[Page, Block]]:
        """All blocks of this kind, and their pages."""
        return ((page, block) for page in self.pages.values() for block in walk(page.blocks) if block.kind == kind)

    def number(self, page: Page) -> None:
        """Give every block with a label its number, counted in each chapter as the site does."""
        counts, target = Counter(), None

        def add(name: str, kind: str, title: str = "", anchor: str = "", numbered: bool = True) -> str:
            counts[kind] += numbered
            number = f"{page.number}.{counts[kind]}" if page.number else str(counts[kind])
            text = f"({number})" if kind == "equation" else f"{kind} {number}" if numbered else kind
            if name:
                self.labels[name] = Label(f"{page.url}#{make_id(anchor or name)}", text, title)
            return text

        for block in walk(page.blocks):
            label = block.options.get("label") or block.options.get("name")
            numbered = "nonumber" not in block.options
            if block.kind == "code-cell":
                figure = figure_of(block)
                if figure.get("caption"):
                    block.number = add(figure.get("name"), "Figure", figure["caption"])
            elif block.kind == "math":
                if name := block.argument or label:
                    block.number = add(name, "equation", anchor=f"equation-{name}")
            elif block.kind in ("exercise", "exercise-start") or block.kind[4:] in THEOREMS:
                kind = block.kind.removeprefix("prf:").removesuffix("-start").capitalize()
                block.number = add(label, kind, block.argument, numbered=numbered)
            elif block.kind == "practice":
                if block.argument not in self.exercises:
                    raise page.fail(block.line, f"no exercise is called {block.argument}")
                block.number = add(f"ex-{block.argument}", "Exercise", self.exercises[block.argument].title)
            elif block.kind == "glossary":
                for term in re.findall(r"^\S.*", block.text, flags=re.MULTILINE):
                    anchor = "-".join(re.findall(r"[\w.]+", term))
                    self.terms[term.lower()] = f"{page.url}#term-{anchor}"
            elif label:
                self.labels[label] = Label(f"{page.url}#{make_id(label)}", block.argument or label)
            if target and block.kind == "text":
                title = re.sub(r"^#+ +", "", block.text)
                self.labels[target] = Label(f"{page.url}#{make_id(target)}", title)
            target = block.text if block.kind == "target" else None

    def notebook(self, name: str) -> nbformat.NotebookNode:
        """The notebook of a page."""
        return Writer(self, self.pages[name]).notebook()

    def notebooks(self) -> dict[Path, str]:
        """The text of every notebook, by file."""
        names = [name for name, page in self.pages.items() if page.has_code]
        return {self.root / f"{name}.ipynb": nbformat.writes(self.notebook(name)) + "\n" for name in names}


class Writer(Source):
    """Writes the blocks of one page as Markdown and cells."""

    def __init__(self, book: Book, page: Page):
        super().__init__(page.where, book.parser)
        self.book, self.page = book, page
        self.cells, self.glued = [], []

    def notebook(self) -> nbformat.NotebookNode:
        book, page = self.book, self.page
        self.write(page.blocks)
        title = f"{page.number}. {page.title}" if page.number else page.title
        opening = OPENING.format(title=title, page=page.url, book=book.title, site=book.site)
        if self.glued:
            opening += ABOUT_NAMES.format(name=self.glued[0])
        install = {
            "cell_type": "code",
            "source": INSTALL.format(package=book.package),
            "metadata": {"tags": ["install"]},
        }
        self.cells = [{"cell_type": "markdown", "source": opening, "metadata": {}}, install, *self.cells]
        seen = Counter()
        for cell in self.cells:
            content = f"{page.name} {cell['cell_type']} {cell['source']}"
            seen[content] += 1
            cell["id"] = hashlib.sha256(f"{content} {seen[content]}".encode()).hexdigest()[:12]
            if cell["cell_type"] == "code":
                cell.update(execution_count=None, outputs=[])
        metadata = {
            "colab": {"provenance": [], "toc_visible": True},
            "dmol_molnet": {"source": page.where},
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        }
        notebook = {"cells": self.cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}
        nbformat.validate(notebook)
        return nbformat.from_dict(notebook)

    # --- cells

    def write(self, blocks: Iterable[Block]) -> None:
        """Cells of code as they are; between them text, in cells that begin with their headings."""
        text = []
        for block in blocks:
            if block.kind == "code-cell":
                self.flush(text)
                self.code(block)
            elif block.kind in GATES and any(child.kind == "code-cell" for child in walk(block.children)):
                text.append(self.heading(block))
                self.flush(text)
                self.write(block.children)
            else:
                part = self.block(block)
                if part.startswith("#"):
                    self.flush(text)
                if not part.startswith("# "):
                    text.append(part)
        self.flush(text)

    def flush(self, text: list[str]) -> None:
        if source := join(text):
            self.cells.append({"cell_type": "markdown", "source": source, "metadata": {}})
        text.clear()

    def code(self, block: Block) -> None:
        if unknown := set(block.options) - {"tags", "mystnb"}:
            raise self.fail(block.line, f"a cell's head with {', '.join(unknown)}")
        metadata, figure = {}, figure_of(block)
        if tags := block.options.get("tags"):
            metadata["tags"] = tags
            # What the page folds ("hide-input") stays open: in a notebook one comes to see and change the code.
            if {"remove-input", "hide-cell", "remove-cell"} & set(tags):
                metadata.update(cellView="form", jupyter={"source_hidden": True})
        if figure:
            metadata["dmol_molnet"] = {"figure": figure.get("name", "")}
        self.cells.append({"cell_type": "code", "source": block.text.strip("\n"), "metadata": metadata})
        if figure.get("caption"):
            caption = self.markdown(str(figure["caption"]).strip(), block.line)
            self.flush([f"**{block.number}.** {caption}"])

    # --- text

    def markdown(self, text: str, line: int) -> str:
        """MyST as plain Markdown."""
        return self.blocks(self.read(text, line))

    def blocks(self, blocks: Iterable[Block]) -> str:
        return join(self.block(block) for block in blocks)

    def block(self, block: Block) -> str:
        kind = block.kind
        if kind == "text":
            return self.prose(block)
        if kind == "verbatim":
            return block.text
        if kind == "target":
            return ""
        if kind == "math":
            return self.display(block)
        if kind in ("code", "code-block"):
            return f"```{block.argument}\n{block.text.rstrip()}\n```"
        if kind == "bibliography":
            return f"[References]({self.book.bibliography})"
        if unknown := set(block.options) - OPTIONS:
            raise self.fail(block.line, f"{kind} with the option {', '.join(sorted(unknown))}")
        if kind in ("admonition", "dropdown", *CALLOUTS):
            title = block.argument or {"seealso": "See also"}.get(kind, kind.capitalize())
            folded = kind == "dropdown" or "dropdown" in str(block.options.get("class"))
            body = self.blocks(block.children)
            if folded:
                return details(self.html(title, block.line), body)
            return quote(f"**{self.inline(title, block.line)}**\n\n{body}")
        if kind == "prf:proof":
            return quote(f"**Proof.** {self.blocks(block.children)}")
        if kind.startswith("prf:") and kind[4:] in THEOREMS:
            return quote(f"**{self.titled(block)}.** {self.blocks(block.children)}")
        if kind in ("exercise", "exercise-start"):
            return f"{self.heading(block)}\n\n{self.blocks(block.children)}"
        if kind in ("solution", "solution-start"):
            return details(self.heading(block).strip("*"), self.blocks(block.children))
        if kind == "predict":
            return self.predict(block)
        if kind == "practice":
            return self.practice(block)
        if kind == "live":
            where = f"{self.page.url}#live-{block.argument}"
            return quote(f"{self.blocks(block.children)}\n\n[The figure to move stands on the page.]({where})")
        raise self.fail(block.line, f"no notebook knows the directive {kind}")

    def titled(self, block: Block) -> str:
        """As the site does: Theorem 1.1 (Colours are trees)."""
        title = self.inline(block.argument, block.line)
        return f"{block.number} ({title})" if title else block.number

    def heading(self, block: Block) -> str:
        if "solution" in block.kind:
            return f"**Solution to {self.label(block.argument, block.line).text}**"
        title = self.inline(block.argument, block.line)
        return f"### {block.number}. {title}".rstrip()

    def display(self, block: Block) -> str:
        """In one line, because notebooks take formulas out of the text before they see that it is a quotation."""
        if re.search(r"(?<!\\)%", block.text):
            raise self.fail(block.line, "a comment within a formula")
        tag = rf" \tag{{{block.number.strip('()')}}}" if block.number else ""
        return f"$$ {' '.join(block.text.split())}{tag} $$"

    def predict(self, block: Block) -> str:
        try:
            known = exercises.questions(posixpath.basename(self.page.name))
        except InputError as error:
            raise self.fail(block.line, str(error)) from error
        if block.argument not in known:
            raise self.fail(block.line, f"no question is called {block.argument}; there are {', '.join(known)}")
        return self.markdown(question_markdown(known[block.argument]), block.line)

    def practice(self, block: Block) -> str:
        exercise = self.book.exercises[block.argument]
        return f"### {block.number}. {exercise.title}\n\n{self.markdown(exercise_markdown(exercise), block.line)}"

    def html(self, text: str, line: int) -> str:
        """A line of Markdown within a tag, where Markdown itself is not read; formulas stay."""
        formulas = []

        def taken(match: re.Match) -> str:
            if match["math"]:
                formulas.append(html.escape(match.group(), quote=False))
            return f"\ue000{len(formulas) - 1}\ue001" if match["math"] else match.group()

        rendered = MarkdownIt().renderInline(INLINE.sub(taken, self.inline(text, line)))
        return re.sub("\ue000(\\d+)\ue001", lambda match: formulas[int(match[1])], rendered)

    def prose(self, block: Block) -> str:
        """A text with its roles, formulas and links replaced; code within it as it is."""
        lines, parts, done = block.text.split("\n"), [], 0
        for start, end in [*block.ranges, (len(lines), len(lines))]:
            if start > done:
                parts.append(self.inline("\n".join(lines[done:start]), block.line + done))
            if end > start:
                parts.append("\n".join(lines[start:end]))
            done = max(done, end)
        return "\n".join(parts)

    def inline(self, text: str, line: int) -> str:
        counts = Counter()

        def replaced(match: re.Match) -> str:
            here = line + text.count("\n", 0, match.start())
            if match["role"]:
                counts["myst_role"] += 1
                return self.role(match["role"], " ".join(match["content"].split()), here)
            if match["math"]:
                counts["math_inline"] += 1
                return f"${' '.join(match['math'].split())}$"
            return self.link(match["target"], here) if match["target"] else match.group()

        new = INLINE.sub(replaced, text)
        meant = Counter(child.type for token in self.parser.parse(text) for child in token.children or ())
        for kind in ("myst_role", "math_inline"):
            if meant[kind] != counts[kind]:
                raise self.fail(line, f"{meant[kind]} of {kind} meant, {counts[kind]} found in: {text[:60]}")
        return new

    def link(self, target: str, line: int) -> str:
        """An address that holds outside of the book too."""
        if re.match(r"(https?|mailto):", target):
            return target
        path, _, fragment = target.partition("#")
        if not path:
            return self.label(fragment, line).url
        name = posixpath.normpath(posixpath.join(posixpath.dirname(self.page.name), path)).removesuffix(".md")
        if name not in self.book.pages:
            raise self.fail(line, f"a link to {target}, which is no page of the book")
        return self.book.pages[name].url + (f"#{fragment}" if fragment else "")

    # --- roles

    def role(self, role: str, content: str, line: int) -> str:
        """A role as Markdown."""
        match = re.fullmatch(r"(.+?) *<([^<>]+)>", content, flags=re.DOTALL)
        text, target = match.groups() if match else ("", content)
        role = role.removeprefix("std:")
        if role in ("cite", "cite:p", "cite:t"):
            return self.citation([key.strip() for key in content.split(",")], line, textual=role == "cite:t")
        if role in ("eq", "ref", "numref", "prf:ref", "doc", "term"):
            return getattr(self, f"role_{role.replace(':', '_')}")(text, target, line)
        if role.removeprefix("py:") in ("func", "class", "meth", "mod", "attr", "data", "exc", "obj"):
            return self.python(role.removeprefix("py:"), text, target)
        if role in ("glue:text", "glue:"):
            name = content.partition(":")[0]
            self.glued.append(name)
            return f"`{name}`"
        if role in ("sub", "sup", "kbd"):
            return f"<{role}>{content}</{role}>"
        if role in ("code", "math"):
            return f"`{content}`" if role == "code" else f"${content}$"
        raise self.fail(line, f"no notebook knows the role {role}")

    def label(self, name: str, line: int) -> Label:
        if name not in self.book.labels:
            raise self.fail(line, f"nothing is labelled {name}")
        return self.book.labels[name]

    def role_eq(self, text: str, target: str, line: int) -> str:
        label = self.label(target, line)
        return f"[{text or label.text}]({label.url})"

    role_prf_ref = role_ref = role_eq

    def role_numref(self, text: str, target: str, line: int) -> str:
        label = self.label(target, line)
        number = label.text.split()[-1]
        text = text.replace("%s", number).replace("{number}", number).replace("{name}", label.title)
        return f"[{text or label.text}]({label.url})"

    def role_doc(self, text: str, target: str, line: int) -> str:
        folder = posixpath.dirname(self.page.name)
        name = target.lstrip("/") if target.startswith("/") else posixpath.normpath(posixpath.join(folder, target))
        if name not in self.book.pages:
            raise self.fail(line, f"no page is called {name}")
        page = self.book.pages[name]
        return f"[{text or page.title}]({page.url})"

    def role_term(self, text: str, target: str, line: int) -> str:
        if target.lower() not in self.book.terms:
            raise self.fail(line, f"the glossary lacks {target}")
        return f"[{text or target}]({self.book.terms[target.lower()]})"

    def python(self, role: str, text: str, target: str) -> str:
        full = target.lstrip("~")
        if not text:
            text = full.rpartition(".")[2] if target.startswith("~") else full
            text += "()" if role in ("func", "meth") else ""
        if not full.startswith("dmol_molnet"):
            return f"`{text}`"
        return f"[`{text}`]({self.book.api(full)}#{'module-' if role == 'mod' else ''}{full})"

    def citation(self, keys: list[str], line: int, textual: bool) -> str:
        """(Xu et al., 2019), or in the flow of a sentence Xu et al. (2019), with links to what is cited."""
        parts = []
        for key in keys:
            if key not in self.book.entries:
                raise self.fail(line, f"no reference is called {key}")
            who, year, url = cited(self.book.entries[key])
            url = url or self.book.bibliography
            parts.append(f"{who} ([{year}]({url}))" if textual else f"[{who}, {year}]({url})")
        return ", ".join(parts) if textual else f"({'; '.join(parts)})"


def walk(blocks: Iterable[Block]) -> Iterator[Block]:
    """All blocks, outer ones first."""
    for block in blocks:
        yield block
        yield from walk(block.children)


def figure_of(block: Block) -> dict:
    """The name and caption in the head of a cell that draws a figure."""
    head = block.options.get("mystnb") or {}
    return head.get("figure") or {} if block.kind == "code-cell" else {}


def cited(entry: Entry) -> tuple[str, str, str | None]:
    """Who, when and where, of a reference."""
    persons = entry.persons.get("author") or entry.persons["editor"]
    names = [str(Text.from_latex(" ".join([*person.prelast_names, *person.last_names]))) for person in persons]
    who = names[0] if len(names) == 1 else " and ".join(names) if len(names) == 2 else f"{names[0]} et al."
    fields = entry.fields
    url = f"https://doi.org/{fields['doi']}" if "doi" in fields else fields.get("url")
    if not url and fields.get("eprint"):
        url = f"https://arxiv.org/abs/{fields['eprint']}"
    return who, fields["year"], url


def join(parts: Iterable[str]) -> str:
    return "\n\n".join(part for part in parts if part.strip())


def quote(text: str) -> str:
    return "\n".join(f"> {line}".rstrip() for line in text.split("\n"))


def details(title: str, body: str) -> str:
    return f"<details>\n<summary>{title}</summary>\n\n{body}\n\n</details>"


# --- files


def ours(file: Path) -> bool:
    """Whether this exporter made the notebook."""
    try:
        return "source" in json.loads(file.read_text())["metadata"]["dmol_molnet"]
    except (KeyError, TypeError, ValueError):
        return False


def stale(book: Book) -> dict[Path, str | None]:
    """Files that are not as they should be, with the text they should have; None for those that should go."""
    wanted = book.notebooks()
    changed = {file: text for file, text in wanted.items() if not file.exists() or file.read_text() != text}
    for file in changed:
        if file.exists() and not ours(file):
            raise NotebookError(
                f"{file.relative_to(book.root)}:1: would be overwritten, and was not made by this script"
            )
    folders = {(book.root / name).parent for name in book.pages}
    left = {file for folder in folders for file in folder.glob("*.ipynb") if file not in wanted and ours(file)}
    return {**changed, **dict.fromkeys(sorted(left))}


def write(file: Path, text: str) -> None:
    """Whole or not at all."""
    with tempfile.NamedTemporaryFile("w", dir=file.parent, prefix=f".{file.stem}-", delete=False) as part:
        part.write(text)
    os.chmod(part.name, 0o644)
    os.replace(part.name, file)


def main() -> int:
    parser = argparse.ArgumentParser(description="Write each chapter's notebook beside its source.")
    parser.add_argument("--check", action="store_true", help="write nothing; fail if a notebook is not up to date")
    check = parser.parse_args().check
    try:
        changes = stale(Book())
    except NotebookError as error:
        print(error, file=sys.stderr)
        return 2
    for file, text in changes.items():
        print(f"{file.relative_to(ROOT)}: {'stale' if check else 'removed' if text is None else 'written'}")
        if check:
            continue
        if text is None:
            file.unlink()
        else:
            write(file, text)
    return 1 if check and changes else 0


if __name__ == "__main__":
    sys.exit(main())
