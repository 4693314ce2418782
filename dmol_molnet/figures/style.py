"""One style for all figures, and the way into a page: an inline SVG that takes its ink and paper from the page.

Black stands for the page's ink and white for its paper, so one drawing suits light and dark pages, and any matplotlib
figure can be shown.  Other colours, those of elements and classes, stay what they are in both.
"""

from __future__ import annotations

import hashlib
import html
import io
import re
from contextlib import AbstractContextManager

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from dmol_molnet.molecules import InputError, quoted

THEMES = {"light": ("#000000", "#ffffff"), "dark": ("#e6e8eb", "#14181e")}
"""Ink and paper of figures that are written to files.  In a page, `show` lets light ones take the page's own."""

GRAY = "#7d858e"
"""Quiet lines and notes, legible on light and on dark."""

COLORS = (
    *("#8ecae6", "#ffb703", "#a7c957", "#f28482", "#cdb4db", "#f6e27f", "#6fd3c0", "#e09ac0"),
    *("#9fb1ff", "#d9a46c", "#c4e8a2", "#ffc4d6", "#7fb7be", "#e3d5ca", "#c99bff", "#b5bd68"),
)
"""Fills for classes, light enough for dark letters on all of them."""

IDENTITY = ("#d97706", "#0d9488", "#7c5cd6")
"""The three colours by which the book is known, as in its logo: mid tones, to be told apart on light and on dark."""

ON_COLOR = "#14171a"
"""Letters and lines on a fill of COLORS."""

PIXELS_PER_INCH = 90


def color(c: int) -> str:
    """The fill of class c."""
    return COLORS[c % len(COLORS)]


def style(theme: str = "light") -> AbstractContextManager:
    """The book's style, as a context; nothing stays changed after it.

    Args:
        theme: "light", also for figures that `show` puts into pages, or "dark", for files.

    Raises:
        InputError: another theme.
    """
    if theme not in THEMES:
        raise InputError(f"a theme is {' or '.join(THEMES)}, not {quoted(theme)}")
    ink, paper = THEMES[theme]
    names = ("axes.edgecolor", "axes.labelcolor", "text.color", "xtick.color", "ytick.color")
    return mpl.rc_context(
        {
            **dict.fromkeys(names, ink),
            "figure.facecolor": paper,
            "axes.facecolor": "none",
            "savefig.facecolor": "auto",
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.titlesize": 10,
            "axes.titleweight": "bold",
            "axes.titlelocation": "left",
            "axes.labelsize": 10,
            "xtick.labelsize": 9,
            "ytick.labelsize": 9,
            "legend.fontsize": 9,
            "legend.frameon": False,
            "grid.color": GRAY,
            "grid.alpha": 0.35,
            "lines.linewidth": 1.6,
            "font.size": 10,
            "axes.prop_cycle": mpl.cycler(color=["#2a7fb8", "#d9822b", "#5a9a3c", "#c44e52", "#8e6bbf"]),
            "svg.fonttype": "path",
            "svg.hashsalt": "dmol_molnet",
        }
    )


def new(width: float = 8.0, height: float = 3.0, theme: str = "light", **subplots) -> tuple:
    """A figure and its axes in the book's style, unknown to pyplot, so that no notebook shows it twice.

    Args:
        width, height: in inches; a page is 8 wide.
        theme: as for `style`.
        subplots: as for `matplotlib.figure.Figure.subplots`.
    """
    with style(theme):
        # The space keeps a title off the axis of the drawing above it.
        figure = Figure(figsize=(width, height), layout=ConstrainedLayoutEngine(hspace=0.06))
        return figure, figure.subplots(**subplots)


def ink(ax: Axes) -> str:
    """The colour in which these axes are written."""
    return ax.title.get_color()


class Picture:
    """A figure as it stands in a page: an SVG with a text alternative, in the page's own ink.

    Attributes:
        svg: the text of the SVG element.
        alt: what the picture shows, for those who do not see it.
    """

    def __init__(self, svg: str, alt: str):
        self.svg, self.alt = svg, alt

    def _repr_html_(self) -> str:
        return self.svg

    def __repr__(self) -> str:
        return f"Picture({self.alt!r})"


def show(figure: Figure, alt: str) -> Picture:
    """The figure for a page or a notebook: let it be the last value of a cell.

    Args:
        figure: any matplotlib figure on white; its black takes the page's text colour, its white the background.
        alt: the text alternative: what the figure shows, not that it is one.

    Raises:
        InputError: there is no text alternative.
    """
    if not isinstance(alt, str) or not alt.strip():
        raise InputError("a picture needs a text alternative: say what it shows")
    file = io.StringIO()
    with style():
        figure.savefig(file, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    head, body = re.fullmatch(r".*?(<svg.*?>)(.*)", file.getvalue().strip(), flags=re.S).groups()
    body = re.sub(r"\s*<metadata>.*?</metadata>|\s*<!--.*?-->", "", body, flags=re.S)
    body = re.sub(r' d="[^"]+"', lambda path: re.sub(r"(\.\d\d)\d+", r"\1", path.group()), body)  # 0.01 pt is enough
    # Ids must be unlike those of the other pictures in the page.
    prefix = "p" + hashlib.sha256((alt + body).encode()).hexdigest()[:8]
    body = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{prefix}-", body.replace("xlink:href", "href"))
    body = body.replace("#000000", "currentColor").replace("#ffffff", "var(--pst-color-background, Canvas)")
    # Matplotlib leaves black fills unsaid, hence fill on the whole.
    width, height = figure.get_size_inches() * PIXELS_PER_INCH
    name = html.escape(" ".join(alt.split()), quote=True)
    box = re.search(r'viewBox="[^"]+"', head).group()
    start = f'<svg role="img" aria-label="{name}" width="{width:.0f}" height="{height:.0f}" {box} fill="currentColor">'
    return Picture(start + body, alt)


ROW = (
    "align-items: flex-start; display: flex; flex-wrap: wrap; gap: 0.5rem 1rem; justify-content: center; margin: 0 auto"
)
# Where there are less than 34rem, as on a page of 576 px, a panel asks for the whole line; else for 14rem and a share.
PANEL = "flex: {width:.0f} 1 max(14rem, min(100%, (34rem - 100%) * 999)); max-width: {width:.0f}px; min-width: 0"


class Row:
    """Pictures side by side; on a phone, one under the other.

    Attributes:
        pictures: each a `Picture`, from left to right.
    """

    def __init__(self, pictures: tuple[Picture, ...]):
        self.pictures = pictures

    def _repr_html_(self) -> str:
        panels = []
        for picture in self.pictures:
            style = PANEL.format(width=float(re.search(r'width="([\d.]+)"', picture.svg)[1]))
            svg = picture.svg.replace("<svg ", '<svg style="display: block; height: auto; width: 100%" ', 1)
            panels.append(f'<div style="{style}">{svg}</div>')
        return f'<div class="molnet-row" style="{ROW}">{"".join(panels)}</div>'

    def __repr__(self) -> str:
        return f"Row({', '.join(map(repr, self.pictures))})"


def row(*pictures: Picture) -> Row:
    """A figure of several panels, which stack where the page is narrow: let it be the last value of a cell.

    Panels of one figure that do not share an axis are better drawn as figures of their own and put into a row: on a
    phone one wide drawing would have to scroll, and half of it would be out of sight.

    Args:
        pictures: from `show`, from left to right, each with its own text alternative.  A page is 8 inches wide, so two
            panels are about 4 wide each.

    Raises:
        InputError: nothing to show, or something that is no picture.
    """
    if not pictures:
        raise InputError("a row needs pictures: row(show(a, alt=…), show(b, alt=…))")
    for picture in pictures:
        if not isinstance(picture, Picture):
            raise InputError(f"a row is made of pictures from `show`, not of {quoted(picture)}")
    return Row(pictures)


def glue(name: str, value: object) -> None:
    """Name a value for the text of the page, where `{glue:text}` shows it; where there is no page, print it.

    The text of a chapter takes its numbers from its cells in this way.
    """
    try:
        from myst_nb import glue as glue_into_page
    except ImportError:
        print(f"{name} = {value}")
        return
    glue_into_page(name, value, display=False)
