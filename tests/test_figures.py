"""Figures: what is drawn is what was computed; a picture fits any page and has a name."""

import re
import xml.etree.ElementTree as ElementTree
from collections import Counter

import matplotlib as mpl
import networkx as nx
import numpy as np
import pytest
from matplotlib import pyplot as plt
from matplotlib.patches import Circle, Rectangle

from dmol_molnet import wl
from dmol_molnet.figures import color, draw, glue, histogram, new, rounds, row, show, style, unfolding
from dmol_molnet.molecules import EXAMPLES, InputError, Molecule

SVG = "{http://www.w3.org/2000/svg}"


def circles(ax):
    return [patch for patch in ax.patches if isinstance(patch, Circle)]


def lines(ax):
    return ax.collections[0].get_segments()


def parse(picture):
    return ElementTree.fromstring(picture.svg.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1))


CROWDED = [smiles for pair in wl.census()["pairs"] for smiles in pair["smiles"]]


@pytest.mark.parametrize("hydrogens", [True, False])
@pytest.mark.parametrize("smiles", EXAMPLES.values())
def test_molecules_are_drawn_whole_and_without_overlap(smiles, hydrogens):
    check_drawing(Molecule.from_smiles(smiles, hydrogens))


@pytest.mark.parametrize("smiles", CROWDED)
def test_crowded_skeletons_are_drawn_without_overlap(smiles):
    check_drawing(Molecule.from_smiles(smiles, hydrogens=False))


def check_drawing(molecule):
    ax = draw(molecule).axes[0]
    assert [text.get_text() for text in ax.texts] == list(molecule.symbols)
    assert len(circles(ax)) == len(molecule)
    centers = np.array([circle.center for circle in circles(ax)])
    radii = np.array([circle.radius for circle in circles(ax)])
    gaps = np.linalg.norm(centers[:, None] - centers, axis=-1) - radii[:, None] - radii
    np.fill_diagonal(gaps, 1)
    assert gaps.min() > -0.1, "two atoms are drawn over each other"
    low, high = np.array([ax.get_xlim(), ax.get_ylim()]).T
    assert (centers - radii[:, None] >= low).all()
    assert (centers + radii[:, None] <= high).all()


def test_orders_are_lines_side_by_side():
    for smiles, n_lines in (("CC", 1), ("C=C", 2), ("C#C", 3)):
        assert len(lines(draw(Molecule.from_smiles(smiles, hydrogens=False)).axes[0])) == n_lines
    benzene = draw(Molecule.example("benzene", hydrogens=False)).axes[0]
    assert len(lines(benzene)) == 6 * (1 + 3)  # a full line and a broken one


def test_colors_labels_and_highlights():
    path = nx.path_graph(3)
    ax = draw(path, colors={0: 4, 1: 2, 2: 4}, highlight=[(1, 0)]).axes[0]
    assert [mpl.colors.to_hex(circle.get_facecolor()) for circle in circles(ax)] == [color(4), color(2), color(4)]
    assert [text.get_text() for text in ax.texts] == ["4", "2", "4"], "never by colour alone"
    widths = ax.collections[0].get_linewidths()
    assert widths[0] > widths[1]
    named = draw(path, colors={0: 4, 1: 2, 2: 4}, labels={0: "x", 1: "y", 2: "z"}).axes[0]
    assert [text.get_text() for text in named.texts] == ["x", "y", "z"]


def test_features_stand_beside_their_atoms():
    water = Molecule.example("water")
    features = np.array([[1.0, -0.5], [0.0, 2.0], [0.25, 0.0]])
    ax = draw(water, features=features).axes[0]
    cells = [patch for patch in ax.patches if isinstance(patch, Rectangle)]
    assert len(cells) == features.size
    assert [text.get_text() for text in ax.texts[3:]] == [f"{x:.2g}" for x in features.ravel()]
    for cell in cells:
        (x, y), w, h = cell.get_xy(), cell.get_width(), cell.get_height()
        for circle in circles(ax):
            nearest = np.clip(circle.center, [x, y], [x + w, y + h])
            assert np.linalg.norm(nearest - circle.center) > 0.9 * circle.radius, "a table lies over an atom"


def test_graphs_of_all_kinds():
    loop = nx.Graph([(0, 0), (0, 1)])
    assert len(circles(draw(loop).axes[0])) == 3  # two nodes and the loop
    for graph in (nx.Graph(), nx.empty_graph(3), nx.disjoint_union(nx.cycle_graph(3), nx.path_graph(1))):
        ax = draw(graph).axes[0]
        assert len(ax.texts) == len(graph)
    _, given = new(3, 3)
    assert draw(nx.path_graph(2), given) is given.figure


def test_rounds_shows_the_colors_of_the_run():
    g, h = (Molecule.example(name, hydrogens=False) for name in ("decalin", "bicyclopentyl"))
    figure = rounds(g, h, ("decalin", "bicyclopentyl"))
    found = wl.compare(g, h)
    axes = np.array(figure.axes).reshape(3, -1)
    assert axes.shape[1] == found.refinements[0].rounds + 1
    for t, (first, second, bars) in enumerate(axes.T):
        assert first.get_title() == f"round {t}"
        for ax, refinement in zip((first, second), found.refinements, strict=True):
            drawn = [text.get_text() for text in ax.texts][: len(g)]
            assert drawn == [str(c) for c in refinement.history[t].values()]
        counts = Counter(found.refinements[0].history[t].values())
        assert [bar.get_height() for bar in bars.patches] == [counts[c] for c in sorted(counts)] * 2


def test_long_histories_show_the_first_rounds_and_the_last():
    titles = [ax.get_title() for ax in rounds(nx.path_graph(14), nx.path_graph(14)).axes[:5]]
    assert titles == ["round 0", "round 1", "round 2", "round 3", "round 6"]


def test_histogram_counts_each_side():
    ax = histogram({0: 0, 1: 0, 2: 5}, {0: 5, 1: 5, 2: 7}).axes[0]
    assert [bar.get_height() for bar in ax.patches] == [2, 1, 0, 0, 2, 1]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["0", "5", "7"]


@pytest.mark.parametrize("depth", [0, 1, 3])
def test_unfolding_is_all_walks(depth):
    decalin = Molecule.example("decalin", hydrogens=False)
    adjacency = nx.to_numpy_array(decalin.to_networkx(), weight=None)
    n_walks = sum(np.linalg.matrix_power(adjacency, t)[3].sum() for t in range(depth + 1))
    ax = unfolding(decalin, 3, depth).axes[0]
    assert len(circles(ax)) == n_walks
    assert len(lines(ax)) == n_walks - 1


def test_show_makes_an_svg_for_any_page():
    figure, ax = new(3, 2)
    ax.plot([0, 1], [1, 0])
    ax.scatter([0.5], [0.5], c="white")
    ax.set(xlabel="time / fs", ylabel="energy / eV")
    picture = show(figure, alt='A "line" that falls\nfrom 1 to 0 & back')
    root = parse(picture)
    assert root.attrib["role"] == "img"
    assert root.attrib["aria-label"] == 'A "line" that falls from 1 to 0 & back'
    assert picture._repr_html_() == picture.svg
    assert "currentColor" in picture.svg
    assert "var(--pst-color-background, Canvas)" in picture.svg, "white takes the page's background"
    for fixed in ("#000000", "#ffffff", "<metadata", "<!--", "<?xml", "DOCTYPE"):
        assert fixed not in picture.svg
    ids = [element.attrib["id"] for element in root.iter() if "id" in element.attrib]
    assert len(ids) == len(set(ids))
    references = re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', picture.svg)
    assert {a or b for a, b in references} <= set(ids)


def test_pictures_in_one_page_share_no_id_and_are_the_same_every_time():
    def picture(alt):
        figure, ax = new(2, 2)
        ax.set_title("x")
        return show(figure, alt)

    first, second = picture("one"), picture("two")
    ids = [{e.attrib["id"] for e in parse(p).iter() if "id" in e.attrib} for p in (first, second)]
    assert not ids[0] & ids[1]
    assert picture("one").svg == first.svg


def test_a_picture_needs_a_name():
    with pytest.raises(InputError, match="text alternative"):
        show(new(1, 1)[0], alt="  ")


def test_style_is_a_context():
    before = dict(mpl.rcParams)
    with style("dark"):
        assert mpl.rcParams["text.color"] == "#e6e8eb"
    new(2, 2)
    assert dict(mpl.rcParams) == before
    assert plt.get_fignums() == [], "no figure that a notebook would show by itself"
    with pytest.raises(InputError, match="light or dark, not 'sepia'"):
        style("sepia")


def test_dark_figures_are_drawn_in_light_ink():
    figure, ax = new(2, 2, theme="dark")
    draw(nx.path_graph(2), ax, title="dark")
    assert mpl.colors.to_hex(ax.collections[0].get_colors()[0]) == "#e6e8eb"
    assert figure.get_facecolor()[:3] == mpl.colors.to_rgb("#14181e")


def test_letters_are_legible_on_every_fill():
    """WCAG's contrast of 4.5 for letters on classes and elements."""
    from dmol_molnet.figures.draw import ELEMENT_COLORS, OTHER_ELEMENT
    from dmol_molnet.figures.style import COLORS, ON_COLOR

    def luminance(c):
        rgb = np.array(mpl.colors.to_rgb(c))
        return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4) @ [0.2126, 0.7152, 0.0722]

    for fill in (*COLORS, *ELEMENT_COLORS.values(), OTHER_ELEMENT):
        assert (luminance(fill) + 0.05) / (luminance(ON_COLOR) + 0.05) >= 4.5, fill


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: draw(nx.path_graph(2), colors={0: 1}), "node 1 has no colour"),
        (lambda: draw(nx.path_graph(2), labels={1: "x"}), "node 0 has no label"),
        (lambda: draw(nx.path_graph(2), positions={0: (0, 0)}), "node 1 has no position"),
        (lambda: rounds(nx.path_graph(4), nx.path_graph(4), show_rounds=[9]), "there is no round 9"),
        (lambda: rounds(nx.path_graph(4), nx.path_graph(4), show_rounds=[]), "a round to show"),
        (lambda: unfolding(nx.path_graph(2), 7, 1), "no node 7"),
        (lambda: unfolding(nx.path_graph(2), 0, -1), "0 or more, not -1"),
        (lambda: draw("CCO"), "not 'CCO'"),
        (lambda: draw(nx.MultiGraph([(0, 1)])), "single edges"),
        (lambda: draw(nx.path_graph(2), features=np.zeros((3, 2))), r"a table \[2, F\]"),
        (lambda: show(new(1, 1)[0], None), "text alternative"),
    ],
)
def test_bad_input(call, says):
    with pytest.raises(InputError, match=says):
        call()


def test_glue_outside_of_a_book_does_nothing(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "myst_nb", None)
    assert glue("name", 1) is None


def test_a_row_holds_its_pictures_in_order_each_in_a_panel_of_its_own():
    wide, tall = show(new(4, 2)[0], "a wide panel"), show(new(2.5, 4)[0], "a tall panel")
    root = ElementTree.fromstring(row(wide, tall)._repr_html_())
    assert [panel[0].get("aria-label") for panel in root] == ["a wide panel", "a tall panel"]
    assert [re.search(r"max-width: (\d+)px", panel.get("style"))[1] for panel in root] == ["360", "225"]
    ids = [tag.get("id") for tag in root.iter() if tag.get("id")]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("wrong", [(), ("a",), (None,)])
def test_a_row_says_what_it_is_made_of(wrong):
    with pytest.raises(InputError, match="row"):
        row(*wrong)
