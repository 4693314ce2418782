"""What the book's pages need and no setting of Jupyter Book or its theme can say.

Each function below mends one thing; `setup` says when it runs.
"""

import hashlib
import html
import os
import re
import shutil
from pathlib import Path

from docutils import nodes
from door_pictures import CHAPTERS, PREVIEW, preview
from welcome import chapters

import dmol_molnet

INDEX = """<!DOCTYPE html>
<html lang="{language}">
<head>
<meta charset="utf-8">
<title>{title}</title>
<link rel="icon" href="{icon}">
<meta http-equiv="refresh" content="0; url={page}">
</head>
<body><main><h1>{title}</h1><p><a href="{page}">Open the book</a></p></main></body>
</html>
"""


def complete_config(app, config):
    """The package's version in the footer, and the two switches of the theme that _config.yml cannot reach."""
    options = config.html_theme_options
    options["extra_footer"] = options["extra_footer"].replace("VERSION", dmol_molnet.__version__)
    options["navbar_persistent"] = []  # a second search field above the page, in a bar otherwise empty
    options["back_to_top_button"] = False  # lies over the text, outside of every landmark
    config.version = config.release = dmol_molnet.__version__


def key_cache_to_package(app, config):
    """Run the cells again whenever the package changes: the cache itself looks at the cells only.

    No cell computes with `live`, which has a cache of its own.
    """
    package = Path(dmol_molnet.__file__).parent
    digest = hashlib.sha256((package.parent / "requirements.txt").read_bytes())
    for path in sorted(package.rglob("*")):
        if path.is_file() and path.suffix != ".pyc" and package / "live" not in path.parents:
            digest.update(path.name.encode() + path.read_bytes())
    caches = Path(app.outdir).parent / ".jupyter_cache"
    config.nb_execution_cache_path = str(caches / digest.hexdigest()[:16])
    for old in caches.glob("*"):
        if old.name != digest.hexdigest()[:16]:
            shutil.rmtree(old, ignore_errors=True)


def free_theorems_of_shared_ids(app, doctree):
    """Theorems and exercises hold their text in a section without title, all under one id: make it a box with a class.

    Otherwise ids are doubled on the page, and sphinx-codeautolink, which counts titles, stops the build. All proofs,
    too, are called "proof".
    """
    for section in list(doctree.findall(nodes.section)):
        if not section.children or not isinstance(section[0], nodes.title):
            box = nodes.container("", *section.children, classes=section["classes"] + section["ids"])
            section.parent.replace(section, box)  # replace_self would hand on the id
    for proof in doctree.findall(lambda node: isinstance(node, nodes.admonition) and node["ids"] == ["proof"]):
        proof["ids"] = []


BRACKET, ENDING = re.compile(r"[(\[“]+\Z"), re.compile(r"\S{1,12}(?=\s|\Z)")


def hold_formulas(app, doctree):
    """A formula in the text in one span with the bracket before it and the mark or the ending after it.

    Browsers may break a line on either side of a formula, so a line would begin with a full stop.
    """
    for formula in list(doctree.findall(nodes.math)):
        parent, at = formula.parent, formula.parent.index(formula)
        if isinstance(parent, nodes.title):  # tables of contents copy it
            continue
        before, after = parent[at - 1] if at else None, parent[at + 1] if at + 1 < len(parent) else None
        bracket = BRACKET.search(before) if isinstance(before, nodes.Text) else None
        ending = ENDING.match(after) if isinstance(after, nodes.Text) else None
        if not bracket and not ending:
            continue
        held = nodes.inline(classes=["molnet-held"])
        parent[at] = held
        if bracket:
            held += nodes.Text(bracket[0])
            parent[at - 1] = nodes.Text(before[: bracket.start()])
        held += formula
        if ending:
            held += nodes.Text(ending[0])
            parent[at + 1] = nodes.Text(after[ending.end() :])


LOG = re.compile(r"(WARNING: All log messages before absl::InitializeLog|[IWE]\d{4} [\d:.]+ +\d+ \w+\.cc:\d+\])")


def drop_logs_of_tensorflow(app, doctree):
    """What TensorFlow writes about the machine when it is first imported; everything else on standard error stays."""
    for block in list(doctree.findall(nodes.literal_block)):
        if "stderr" in block["classes"]:
            lines = [line for line in block.astext().splitlines() if not LOG.match(line)]
            if not any(line.strip() for line in lines):
                block.parent.remove(block)
            elif lines != block.astext().splitlines():
                text = "\n".join(lines)
                block.children = [nodes.Text(text)]
                block.rawsource = text


def mend_page(app, pagename, templatename, context, doctree):
    """Citations as items of their list, folded code named by its own text; no scripts that the page does not use.

    There are no live cells, and pages without formulas need no MathJax.  The link of a solution begins at its word, not
    at the blank before it.
    """
    if "body" in context:
        body = context["body"].replace('role="doc-biblioentry"', 'role="listitem"')
        body = re.sub(r"(Solution to)(<a [^>]*>) ", r"\1 \2", body)
        context["body"] = body.replace('<summary aria-label="Toggle hidden content">', "<summary>")

    unused = ["thebe"]
    if not re.search(r'class="[^"]*\bmath\b', context.get("body", "")):
        unused.append("mathjax")

    def is_used(script):
        body = (getattr(script, "attributes", None) or {}).get("body") or ""
        text = f"{getattr(script, 'filename', script)} {body}".lower()
        return not any(word in text for word in unused)

    context["script_files"] = [script for script in context.get("script_files", []) if is_used(script)]
    # The index of all words is as large as a chapter: it need not come before the page is drawn.
    context["deferred"] = lambda html: re.sub(
        r'<script src="([^"]*(?:search|language_)[^"]*)"', r'<script defer src="\1"', str(html)
    )
    context["without_icon_script"] = lambda html: re.sub(r"<script[^>]*fontawesome\.js[^>]*></script>", "", str(html))


def describe_page(app, pagename, templatename, context, doctree):
    """What a link to the page shows elsewhere: title, first sentences, picture. Search engines read the same."""
    if doctree is None:
        return
    first = next((p for p in doctree.findall(nodes.paragraph) if isinstance(p.parent, nodes.section)), None)
    title, text = context["title"], shortened(" ".join(first.astext().split()) if first else "")
    base, name = app.config.html_baseurl, pagename.rpartition("/")[2]
    picture, alt = preview_file(name), CHAPTERS[name][1] if name in CHAPTERS else PREVIEW
    properties = {
        "og:type": "website" if pagename == app.config.root_doc else "article",
        "og:site_name": app.config.html_title,
        "og:title": html.unescape(re.sub(r"<[^>]+>", "", title)),
        "og:description": text,
        "og:url": f"{base}{app.builder.get_target_uri(pagename)}",
        "og:image": f"{base}_static/{picture}",
        "og:image:alt": f"{alt[0].upper()}{alt[1:]}",
    }
    lines = [f'<meta property="{key}" content="{html.escape(value)}" />' for key, value in properties.items() if value]
    lines.append('<meta name="twitter:card" content="summary_large_image" />')
    if text:
        lines.append(f'<meta name="description" content="{html.escape(text)}" />')
    context["metatags"] = "\n".join([context.get("metatags", ""), *lines])


def preview_file(page):
    """The name of the picture that goes with links to a page."""
    return f"preview-{page}.png" if page in CHAPTERS else "preview.png"


def shortened(text, most=200):
    """The first sentences that fit, or else the first words."""
    kept = ""
    for sentence in re.findall(r".+?[.?!](?=\s|$)\s*", text):
        if len(kept + sentence.rstrip()) > most:
            break
        kept += sentence
    return kept.strip() or (text if len(text) <= most else f"{text[: most - 1].rpartition(' ')[0]}…")


def draw_previews(app, exception):
    """The pictures that go with links: a chapter's own, and one for all other pages."""
    if exception:
        return
    folder, book = Path(app.outdir) / "_static", app.config.html_title
    preview(folder / preview_file("index"), book)
    for chapter in chapters(Path(app.srcdir)):
        preview(folder / preview_file(chapter.name), chapter.title, chapter.name, book)


def offer_notebook(app, pagename, templatename, context, doctree):
    """The notebook beside the source for Colab and for download; no button where there is none.

    The theme would offer for download what was executed, with raw MyST in its text, and in Colab the source itself.
    """
    notebook = Path(app.srcdir) / f"{pagename}.ipynb"
    if notebook.exists() and "ipynb_source" in context:
        shutil.copyfile(notebook, Path(app.outdir) / "_sources" / context["ipynb_source"])
    else:
        dead = ("launch-buttons", "download-notebook-button")
        buttons = [button for button in context.get("header_buttons", []) if button.get("label") not in dead]
        for group in buttons:
            if "buttons" in group:
                group["buttons"] = [button for button in group["buttons"] if button.get("label") not in dead]
        context["header_buttons"] = buttons


def drop_unused_mathjax(app, exception):
    """The top level of MathJax holds one bundle for each way to use it: keep the one that our pages load."""
    if exception:
        return
    for bundle in (Path(app.outdir) / "_static" / "mathjax").glob("*.js"):
        if bundle.name != Path(app.config.mathjax_path).name:
            bundle.unlink()


def write_index(app, exception):
    """The site's door, with a language, a name and an icon, which the plain redirect lacks."""
    if exception:
        return
    icon = f"_static/{Path(app.config.html_favicon).name}"
    page = app.builder.get_target_uri(app.config.root_doc)
    index = INDEX.format(language=app.config.language, title=app.config.html_title, icon=icon, page=page)
    (Path(app.outdir) / "index.html").write_text(index)
    (Path(app.outdir) / ".nojekyll").touch()  # GitHub Pages would hide folders that begin with _


def keep_equations(app, what, name, obj, options, lines):
    """Set the indented equations and lists of a module's docstring as they stand, line by line."""
    if what != "module":
        return
    kept, before = [], ""  # before: the last line that is not blank
    for line in lines:
        if line.startswith(" ") and kept and not kept[-1] and not before.startswith(" "):
            kept += [".. code-block:: text", ""]
        kept.append(line)
        before = line or before
    lines[:] = kept


def setup(app):
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # what TensorFlow finds in the machine is not for the page
    app.connect("config-inited", complete_config)
    app.connect("config-inited", key_cache_to_package)
    app.connect("autodoc-process-docstring", keep_equations)
    app.connect("doctree-read", drop_logs_of_tensorflow, priority=100)
    app.connect("doctree-read", free_theorems_of_shared_ids, priority=100)
    app.connect("doctree-read", hold_formulas)
    app.connect("html-page-context", mend_page, priority=900)
    app.connect("html-page-context", describe_page, priority=900)
    app.connect("html-page-context", offer_notebook, priority=900)
    app.connect("build-finished", draw_previews, priority=900)
    app.connect("build-finished", drop_unused_mathjax, priority=900)
    app.connect("build-finished", write_index, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
