"""Figures that compute in the page: a directive, what each figure is made of, and the scripts that the site serves.

    ```{live} bending
    What will happen?

    What to do.
    ```

A chapter says the question and the task.  What its figures are made of stands in `book/_live`: a module of the
chapter's name with `FIGURES`, a `Figure` by name, and the scripts; where figures compute with potentials that are not
shipped, also `POTENTIALS`, functions that make them, by name.  Only pages with figures ask for the loader.

    python book/_ext/live_figures.py -o FOLDER [NAME ...]     # a page of figures alone, to try them and to test them
"""

from __future__ import annotations

import argparse
import functools
import hashlib
import html
import importlib.util
import json
import re
import shutil
from pathlib import Path

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

from dmol_molnet.live.page import Figure, figure

ROOT = Path(__file__).parents[2]
SOURCES = ROOT / "book" / "_live"
OUT = ROOT / "_build" / "live"


@functools.cache
def modules() -> dict:
    """Those in `book/_live`, by the chapter's name."""
    found = {}
    for path in sorted(SOURCES.glob("*.py")):
        spec = importlib.util.spec_from_file_location(f"live_{path.stem}", path)
        found[path.stem] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(found[path.stem])
    return found


def figures() -> dict[str, Figure]:
    """All figures."""
    return {name: made for module in modules().values() for name, made in module.FIGURES.items()}


def markup(name: str, question: str, task: str) -> str:
    """The HTML of one of the figures; question and task are HTML."""
    made = figures()[name]
    return figure(name, question, task, made.still(), made.script, made.data() if made.data else None)


def build(folder: Path, models: set[str]) -> None:
    """All scripts, and the potentials, into a folder."""
    from dmol_molnet.live import bundle

    bundle.build(OUT, SOURCES)
    folder.mkdir(parents=True, exist_ok=True)
    for path in OUT.iterdir():
        if path.suffix in (".js", ".txt"):
            shutil.copyfile(path, folder / path.name)
    shutil.copyfile(bundle.HERE / "stage" / "live.css", folder / "live.css")
    with bundle.one_at_a_time():
        for model in models:
            shutil.copyfile(_model(model), folder / f"model-{model}.js")


def _model(name: str) -> Path:
    """The script that holds a potential, shipped or of `POTENTIALS`; made once for its weights and this exporter."""
    import dmol_molnet
    from dmol_molnet.live import exporter

    package = Path(dmol_molnet.__file__).parent
    made = next((m.POTENTIALS[name]() for m in modules().values() if name in getattr(m, "POTENTIALS", {})), None)
    digest = hashlib.sha256(_about(made) if made else (package / "data" / "models" / f"{name}.keras").read_bytes())
    digest.update(Path(exporter.__file__).read_bytes())
    path = ROOT / "_build" / "live-models" / f"{name}-{digest.hexdigest()[:12]}.js"
    if not path.exists():
        from dmol_molnet.files import write_whole
        from dmol_molnet.live.page import model_script
        from dmol_molnet.nn import pretrained

        path.parent.mkdir(parents=True, exist_ok=True)
        for old in path.parent.glob(f"{name}-{'[0-9a-f]' * 12}.js"):
            old.unlink()
        script = model_script(name, exporter.export(made or pretrained.load(name)))
        write_whole(path, script.encode())
    return path


def _about(potential) -> bytes:
    """All that its file depends on."""
    model = potential.model
    config = {**model.get_config(), "name": ""}  # Keras counts names up
    settings = json.dumps([config, vars(potential.normalisation)], sort_keys=True, default=str)
    return settings.encode() + b"".join(weight.tobytes() for weight in model.get_weights())


# ------------------------------------------------------------------------------------------------ in the site


class LiveDirective(SphinxDirective):
    """A figure that computes: the first paragraph asks, the second says what to do."""

    required_arguments = 1
    has_content = True

    def run(self):
        name = self.arguments[0]
        if name not in figures():
            raise self.error(f"no figure {name}; there are {', '.join(figures())}")
        inside = nodes.container(classes=["live-words"])
        self.state.nested_parse(self.content, self.content_offset, inside)
        if len(inside) != 2 or not inside[0].astext().rstrip().endswith("?"):
            raise self.error("a live figure has two paragraphs: a question, and what to do")
        made = live_figure(name=name)
        made += inside.children
        self.set_source_info(made)
        return [made]


class live_figure(nodes.General, nodes.Element):
    """A figure: its two paragraphs."""


def visit_html(self, node):
    """The words are rendered by Sphinx; what stands around them comes from the package."""
    question, task = node.children
    texts = []
    for paragraph in (question, task):
        start = len(self.body)
        for child in paragraph.children:
            child.walkabout(self)
        texts.append("".join(self.body[start:]))
        del self.body[start:]
    self.body.append(markup(node["name"], *texts))
    raise nodes.SkipNode


def prepare(app):
    """Build the scripts before any page is written."""
    if app.builder.format == "html":
        models = {model for made in figures().values() for model in made.models}
        build(Path(app.outdir) / "_static" / "live", models)


def load_where_needed(app, pagename, templatename, context, doctree):
    """The loader and its style, on pages with figures alone."""
    if doctree is not None and any(doctree.findall(live_figure)):
        app.add_js_file("live/live.js", loading_method="defer")
        app.add_css_file("live/live.css")


def setup(app):
    app.add_node(live_figure, html=(visit_html, None))
    app.add_directive("live", LiveDirective)
    app.connect("builder-inited", prepare)
    app.connect("html-page-context", load_where_needed)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


# ------------------------------------------------------------------------------------------------ alone


@functools.cache
def words() -> dict[str, tuple[str, str]]:
    """The two paragraphs of every figure, from the chapters."""
    found = {}
    for path in sorted((ROOT / "book").glob("*.md")):
        for name, body in re.findall(r"^```\{live\} (\S+)\n(.*?)^```", path.read_text(encoding="utf-8"), re.M | re.S):
            found[name] = tuple(" ".join(part.split()) for part in body.strip().split("\n\n"))
    return found


def alone(folder: Path, names: list[str]) -> None:
    """A page of figures and nothing else: FOLDER/index.html, with its scripts in FOLDER/live."""
    build(folder / "live", {model for name in names for model in figures()[name].models})
    parts = [markup(name, *(html.escape(text) for text in words()[name])) for name in names]
    text = f"""<!DOCTYPE html>
<html lang="en" data-theme="light">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Figures</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="live/live.css">
<style>
html {{ --pst-color-background: #fff; --pst-color-text-base: #14171a; }}
html[data-theme="dark"] {{ --pst-color-background: #14181e; --pst-color-text-base: #ced6dd; }}
html {{ background: var(--pst-color-background); color: var(--pst-color-text-base); }}
body {{ font: 1rem/1.5 system-ui, "Liberation Sans", sans-serif; margin: 0 auto; max-width: 50rem; padding: 0 1rem; }}
</style>
<script defer src="live/live.js"></script>
</head>
<body><main><h1>Figures</h1>
{"".join(parts)}
</main></body>
</html>
"""
    (folder / "index.html").write_text(text, encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(figures())}; all by default")
    parser.add_argument("-o", "--output", type=Path, required=True, help="the folder to write")
    arguments = parser.parse_args()
    unknown = set(arguments.names) - set(figures())
    if unknown:
        parser.error(f"no figure {', '.join(sorted(unknown))}; there are {', '.join(figures())}")
    alone(arguments.output, arguments.names or list(figures()))
    print(arguments.output / "index.html")


if __name__ == "__main__":
    main()
