"""What a moving picture tells, step by step: message passing from its recorded traces, or colour refinement.

A `Story` holds every place, number and sentence, and no drawing code; film, still and the stepper of a page draw the
same one.  All lengths are in the units of the drawing: a bond is about 1 long, y points up.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import networkx as nx
import numpy as np

from dmol_molnet import wl
from dmol_molnet.figures import tables
from dmol_molnet.figures.draw import bond_lines, layout, parts, sizes
from dmol_molnet.figures.style import color
from dmol_molnet.molecules import InputError, Molecule, quoted

if TYPE_CHECKING:
    from dmol_molnet.nn.message_passing import Trace

MAX_ATOMS = 40
"""More atoms cannot be drawn legibly with a row of numbers each."""

MAX_NODES = 60
"""More nodes cannot be drawn legibly side by side with another graph."""

MAX_FEATURES = 6
"""More numbers beside every atom leave no room for the atoms."""

MAX_ROWS = 12
"""Colours in the ledger of a refinement."""

RADIUS = 0.36
PITCH = 0.38
"""From one row of the ledger to the next."""


@dataclass(frozen=True)
class Node:
    """A circle with letters of `size` in it."""

    x: float
    y: float
    radius: float
    text: str
    size: float
    fill: str


@dataclass(frozen=True)
class Row:
    """Numbers in a row of cells, as they are written.

    Attributes:
        x, y: the left end and the middle height.
        numbers, texts, fills: one a cell.
        name: to the left of the cells.
        rule: whether a line above sets it off, as above a sum.
    """

    x: float
    y: float
    numbers: tuple[float, ...]
    texts: tuple[str, ...]
    fills: tuple[str, ...]
    name: str = ""
    rule: bool = False


@dataclass(frozen=True)
class View:
    """What one panel shows in one step.

    Attributes:
        title: above the panel.
        rows: the numbers beside a node, for the nodes that have some by now.
        faces: text and fill of nodes that differ from those of the panel.
        focus: nodes with a ring.
        arrows: (sender, receiver).
    """

    title: str
    rows: dict[int, Row] = field(default_factory=dict)
    faces: dict[int, tuple[str, str]] = field(default_factory=dict)
    focus: tuple[int, ...] = ()
    arrows: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True)
class Step:
    """One state of the picture.

    Attributes:
        counter: where we are.
        sentence: what has changed, with its numbers.
        views: one a panel.
        heading, ledger: the calculation in the middle, and what it is of.
        hold: for how many frames it stays.
        part: what tells it best: a panel's number, "ledger", or "all".
    """

    counter: str
    sentence: str
    views: tuple[View, ...]
    heading: str = ""
    ledger: tuple[Row, ...] = ()
    hold: int = 1
    part: int | str = "all"


@dataclass(frozen=True)
class Panel:
    """A drawing that stays while its numbers and colours change.

    Attributes:
        name: what it shows.
        nodes, edges: circles; (u, v, order).
        lines: the strokes of the edges, each (x, y, x, y).
        leaders: the lines from nodes to rows that do not touch them, each (node, x, y, x, y).
        box: left, bottom, right, top.
    """

    name: str
    nodes: tuple[Node, ...]
    edges: tuple[tuple[int, int, float], ...]
    lines: tuple[tuple[float, float, float, float], ...]
    leaders: tuple[tuple[int, float, float, float, float], ...]
    box: tuple[float, float, float, float]

    def arrow(self, sender: int, receiver: int) -> list[tuple[float, float]]:
        """The corners of an arrow between the circles of two nodes."""
        a, b = self.nodes[sender], self.nodes[receiver]
        start, end = np.array([a.x, a.y]), np.array([b.x, b.y])
        along = (end - start) / max(np.hypot(*(end - start)), 1e-9)
        across = np.array([-along[1], along[0]])
        start, end = start + along * (a.radius + 0.03), end - along * (b.radius + 0.09)
        neck = end - along * min(0.2, 0.6 * np.hypot(*(end - start)))
        corners = (start, 0.04), (neck, 0.04), (neck, 0.13), (end, 0), (neck, -0.13), (neck, -0.04), (start, -0.04)
        return [tuple((point + side * across).tolist()) for point, side in corners]


@dataclass(frozen=True)
class Story:
    """A picture in steps.

    Attributes:
        title: what it is about.
        panels: one or two drawings.
        ledger: the box of the calculation between them, as in `Panel`.
        steps: in their order.
        telling: the numbers of the steps that tell it in short, for a still.
    """

    title: str
    panels: tuple[Panel, ...]
    ledger: tuple[float, float, float, float]
    steps: tuple[Step, ...]
    telling: tuple[int, ...]

    @property
    def n_frames(self) -> int:
        """How many frames all steps take together."""
        return sum(step.hold for step in self.steps)

    def to_json(self) -> str:
        """Everything as one JSON object, safe inside of a `<script>`; rows that stay are written once."""
        rows: dict[Row, int] = {}

        def key(row: Row) -> int:
            return rows.setdefault(row, len(rows))

        steps = [
            {
                "counter": step.counter,
                "sentence": step.sentence,
                "hold": step.hold,
                "heading": step.heading,
                "ledger": [key(row) for row in step.ledger],
                "views": [
                    {
                        "title": view.title,
                        "rows": {v: key(row) for v, row in view.rows.items()},
                        "faces": view.faces,
                        "focus": view.focus,
                        "arrows": [[*edge, _round(panel.arrow(*edge))] for edge in view.arrows],
                    }
                    for panel, view in zip(self.panels, step.views, strict=True)
                ],
            }
            for step in self.steps
        ]
        panels = [
            {
                "name": panel.name,
                "nodes": [[*_round((n.x, n.y, n.radius)), n.text, *_round((n.size,)), n.fill] for n in panel.nodes],
                "edges": panel.edges,
                "lines": _round(panel.lines),
                "leaders": [[v, *_round(line)] for v, *line in panel.leaders],
                "box": _round(panel.box),
            }
            for panel in self.panels
        ]
        written = [
            [
                *_round((row.x, row.y)),
                [float(f"{x:.6g}") for x in row.numbers],
                row.texts,
                row.fills,
                row.name,
                row.rule,
            ]
            for row in rows
        ]
        story = {
            "title": self.title,
            "cell": tables.CELL,
            "digits": tables.DIGITS,
            "ledger": _round(self.ledger),
            "panels": panels,
            "rows": written,
            "steps": steps,
        }
        text = json.dumps(story, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        return text.replace("<", "\\u003c")


def messages(
    molecule: Molecule,
    traces: Sequence[Trace],
    columns: Sequence[str] | None = None,
    follow: Sequence[int] | None = None,
    title: str = "",
) -> Story:
    """Message passing on a molecule, layer by layer and atom by atom, from the traces of the layers.

    Args:
        molecule: the molecule that the layers were called on.
        traces: of the layers, in their order; each layer's inputs are the outputs of the one before.
        columns: names of the input features, such as elements, for the text.
        follow: the atoms whose calculation is shown; None follows all of up to 8, and otherwise three heavy ones whose
            neighbourhoods differ.
        title: None makes one from the formula.

    Raises:
        InputError: the traces do not chain or belong to another molecule, an atom that there is not, or more atoms or
            features than can be drawn.
    """
    names = [f"{symbol}{v}" for v, symbol in enumerate(molecule.symbols)]
    check_size(molecule)
    layers = [_Layer(trace) for trace in traces]
    _check_layers(molecule, layers)
    chosen = _followed(molecule) if follow is None else [*dict.fromkeys(follow)]
    for v in chosen:
        if not isinstance(v, int | np.integer) or not 0 <= v < len(molecule):
            raise InputError(f"{molecule} has no atom {quoted(v)} to follow; its atoms are 0 to {len(molecule) - 1}")
    if not chosen:
        raise InputError("there must be an atom to follow")
    width = max(layer.width for layer in layers)
    scale = max(layer.scale for layer in layers)
    panel, places = panel_of(molecule, names, width)
    left, right = replace(panel, name="inputs of the layer"), replace(panel, name="outputs of the layer")

    def beside(table: np.ndarray, atoms: Sequence[int]) -> dict[int, Row]:
        return rows_beside(panel, places, width, table, scale, atoms)

    everyone, few, steps = range(len(molecule)), len(molecule) <= 8, []
    telling, n_layers, focus = [], len(layers), max(chosen, key=lambda v: (layers[0].i == v).sum())
    for t, layer in enumerate(layers, 1):
        head = f"layer {t} of {n_layers}"
        n_steps = 1 + 3 * len(chosen) + (len(chosen) < len(molecule))
        inputs = View(f"inputs of layer {t}", beside(layer.inputs, everyone))
        done: dict[int, Row] = {}
        news: list[Step] = []

        def step(what, sentence, left, right, heading="", ledger=(), hold=1, part="ledger"):
            counter = f"{head} · step {len(news) + 1} of {n_steps} · {what}"  # noqa: B023
            news.append(Step(counter, sentence, (left, right), heading, tuple(ledger), hold, part))  # noqa: B023

        outputs = View(f"outputs of layer {t}")
        begin = "Each atom starts with its own features" if t == 1 else f"What came out of layer {t - 1} now goes in"
        begin += f", one number each for {_listed(columns)}" if columns is not None and t == 1 else ""
        begin += f": {_each(names, layer.inputs)}." if few else "."
        if len(chosen) < len(molecule):
            why = ", atoms with different neighbours" if follow is None else ""
            begin += f" We follow {_listed([names[v] for v in chosen])}{why}; all others do the same at the same time."
        else:
            begin += " All atoms compute at the same time; we look at one after the other."
        step("inputs", begin, inputs, outputs, hold=3, part=0)
        for v in chosen:
            ledger = _ledger(layer, v, names, scale)
            n_messages = len(ledger) - 3
            senders = layer.j[layer.i == v].tolist()
            heading = f"{names[v]} in layer {t}"
            hold = 2 if t == 1 and v == chosen[0] else 1
            sent = [f"{names[j]} sends {vector(m)}" for j, m in zip(senders, layer.messages[layer.i == v], strict=True)]
            ring = replace(inputs, focus=(v,))
            outputs = replace(outputs, focus=(v,))
            hears = f"{names[v]} hears from its {'neighbour' if len(sent) == 1 else f'{len(sent)} neighbours'}: "
            step(
                f"messages to {names[v]}",
                hears + f"{_listed(sent)}." if sent else f"{names[v]} has no neighbour, so no message arrives.",
                replace(ring, arrows=tuple((j, v) for j in senders)),
                outputs,
                heading,
                ledger[:n_messages],
                hold,
            )
            step(
                f"{layer.aggregate} at {names[v]}",
                f"The {layer.aggregate} of its messages is {vector(layer.aggregates[v])}."
                if sent
                else f"The {layer.aggregate} of no messages is {vector(layer.aggregates[v])}.",
                ring,
                outputs,
                heading,
                ledger[: n_messages + 1],
                hold,
            )
            done |= beside(layer.outputs, [v])
            outputs = replace(outputs, rows=dict(done))
            if v == focus:
                telling.append((t, len(news)))
            through = "" if layer.activation == "linear" else f", put through {layer.activation},"
            step(
                f"output of {names[v]}",
                f"{names[v]} itself adds {vector(layer.own[v])}; the total{through} is its output: "
                f"{vector(layer.outputs[v])}.",
                ring,
                outputs,
                heading,
                ledger,
                hold,
            )
            outputs = replace(outputs, focus=())
        if len(chosen) < len(molecule):
            outputs = replace(outputs, rows=beside(layer.outputs, everyone))
            others = f"All other atoms have done the same at the same time; layer {t} is complete."
            step("all other atoms", others, inputs, outputs, part=1)
        telling = [*telling]
        steps.append(news)
    end = f"After {n_layers} layer{'s' * (n_layers > 1)} every atom has heard from atoms up to {n_layers} "
    end += f"bond{'s' * (n_layers > 1)} away. Its features are now"
    end += f": {_each(names, layers[-1].outputs)}." if few else " those on the right."
    last = Step(f"after layer {n_layers} · the end", end, (inputs, outputs), hold=3, part=1)
    starts = np.cumsum([0, *map(len, steps)]).tolist()
    short = [start + k for t, start in enumerate(starts[:-1]) for k in (0, *(k for s, k in telling if s == t + 1))]
    n_rows = max(len(step.ledger) for news in steps for step in news)
    return Story(
        title or f"Message passing on {molecule.formula}",
        (left, right),
        (
            -name_width([step for news in steps for step in news]),
            -n_rows * PITCH - 0.05,
            width * tables.CELL[0] + 0.05,
            0.05,
        ),
        (*(step for news in steps for step in news), last),
        (*short, starts[-1]),
    )


def refinement(
    g: nx.Graph | Molecule,
    h: nx.Graph | Molecule | None = None,
    names: tuple[str, str] = ("first", "second"),
    node_label: wl.Label = None,
    edge_label: wl.Label = None,
    title: str = "",
) -> Story:
    """Colour refinement of one graph or molecule, or of two side by side, round by round.

    Args:
        g, h, node_label, edge_label: as for `wl.compare`; without `h`, as for `wl.refine`.
        names: of the two.
        title: None makes one.

    Raises:
        InputError: as `wl.compare`; no nodes, or more than can be drawn.
    """
    graphs = (g,) if h is None else (g, h)
    for graph in graphs:
        if len(graph) == 0:
            raise InputError("a graph without nodes cannot be drawn")
        if len(graph) > MAX_NODES:
            raise InputError(f"{len(graph)} nodes cannot be drawn legibly; up to {MAX_NODES} can")
    if h is None:
        found, results = None, (wl.refine(g, node_label, edge_label),)
    else:
        found = wl.compare(g, h, node_label=node_label, edge_label=edge_label)
        results = found.refinements
    panels = []
    for graph, name in zip(graphs, names, strict=False):
        texts = [str(v) for v in parts(graph)[0]]
        panels.append(replace(panel_of(graph, texts, 0)[0], name=name))
    n_rounds, steps, before = results[0].rounds, [], None
    for t in range(n_rounds + 1):
        colors = [[*result.history[t].values()] for result in results]
        counts = [Counter(c) for c in colors]
        views = tuple(
            View(
                f"{panel.name}: {len(set(c))} colour{'s' * (len(set(c)) != 1)}",
                faces={v: (str(k), color(k)) for v, k in enumerate(c)},
            )
            for panel, c in zip(panels, colors, strict=True)
        )
        sentence = _round_in_words(t, n_rounds, before, colors, names, found)
        counted = tuple(_count_rows(counts))
        steps.append(Step(f"round {t} of {n_rounds}", sentence, views, "how many of each", counted, 2))
        before = colors
    last = steps[-1]
    steps[-1] = replace(last, hold=4)
    height = PITCH * max(len(step.ledger) for step in steps)
    telling = sorted({*range(min(4, n_rounds + 1)), n_rounds})
    return Story(
        title or " and ".join(["Colour refinement of " + str(names[0]), *names[1:]][: len(graphs)]),
        tuple(panels),
        (-name_width(steps), -height - 0.05, len(graphs) * tables.CELL[0] + 0.05, 0.05),
        tuple(steps),
        tuple(telling),
    )


def check_size(molecule: Molecule) -> None:
    """Do nothing if a molecule can be drawn with a row of numbers beside each atom.

    Raises:
        InputError: it has no atoms, or too many; the message says what is possible instead.
    """
    n = len(molecule)
    if n == 0:
        raise InputError("a molecule without atoms cannot be drawn")
    if n > MAX_ATOMS:
        heavy = int((molecule.numbers != 1).sum())
        instead = (
            f"leave out the hydrogens, and {heavy} are left"
            if heavy <= MAX_ATOMS and heavy < n
            else "take a part of it"
        )
        raise InputError(f"{n} atoms with their numbers cannot be drawn legibly, but up to {MAX_ATOMS} can: {instead}")


# ------------------------------------------------------------------------------------------------ helpers


def name_width(steps: Sequence[Step]) -> float:
    """Room for the longest name in the ledger."""
    return 0.2 + 0.115 * max(len(row.name) for step in steps for row in step.ledger)


class _Layer:
    """A trace in numpy, and as wide and as large as its numbers are."""

    def __init__(self, trace: Trace):
        for name in ("inputs", "i", "j", "messages", "aggregates", "own", "outputs"):
            setattr(self, name, np.asarray(getattr(trace, name)))
        self.aggregate, self.activation = trace.aggregate, trace.activation
        tables = [self.inputs, self.messages, self.aggregates, self.own, self.outputs]
        self.width = max(table.shape[1] for table in tables)
        self.scale = float(np.max([np.abs(table).max(initial=0.0) for table in tables]))  # nan if there is one


def _check_layers(molecule: Molecule, layers: list[_Layer]) -> None:
    if not layers:
        raise InputError("there must be the trace of a layer to tell of")
    bonds = sorted((i, j) for a, b in molecule.bonds.tolist() for i, j in ((a, b), (b, a)))
    for t, layer in enumerate(layers, 1):
        if len(layer.inputs) != len(molecule) or sorted(zip(layer.i.tolist(), layer.j.tolist(), strict=True)) != bonds:
            raise InputError(f"the trace of layer {t} is not of {molecule}: its atoms or edges are others")
        if not np.isfinite(layer.scale):
            raise InputError(f"layer {t} made a number that is not finite")
        if layer.width > MAX_FEATURES:
            raise InputError(
                f"layer {t} has {layer.width} features an atom, and up to {MAX_FEATURES} can be drawn: take fewer"
            )
    for t, (one, two) in enumerate(pairwise(layers), 1):
        if not np.array_equal(one.outputs, two.inputs):
            raise InputError(
                f"the inputs of layer {t + 1} are not the outputs of layer {t}, so the traces do not chain"
            )


def _followed(molecule: Molecule) -> list[int]:
    """All atoms of a small molecule; of a larger one, three heavy atoms with different neighbours."""
    if len(molecule) <= 8:
        return [*range(len(molecule))]
    neighbors = [[] for _ in molecule.symbols]
    for i, j in molecule.bonds.tolist():
        neighbors[i].append(molecule.symbols[j])
        neighbors[j].append(molecule.symbols[i])
    kinds: dict[tuple, int] = {}
    for v, symbol in enumerate(molecule.symbols):
        kinds.setdefault((symbol == "H", -len(neighbors[v]), symbol, *sorted(neighbors[v])), v)
    return sorted(kinds[kind] for kind in sorted(kinds)[:3])


def rows_beside(
    panel: Panel, places: Places, width: int, table: np.ndarray, scale: float, nodes: Sequence[int]
) -> dict[int, Row]:
    """For each of these nodes its numbers, in the place that `panel_of` found for `width` numbers."""
    rows = {}
    for v in nodes:
        node, n, (x, y), tag = panel.nodes[v], len(table[v]), places.middles[v], places.tags[v]
        slack = (width - n) * tables.CELL[0] / 2  # a short row stays near its atom
        x = np.clip(node.x, x - slack, x + slack)
        rows[v] = row_of(x + (tag - n * tables.CELL[0]) / 2, y, table[v], scale, node.text if tag else "")
    return rows


class Places(NamedTuple):
    """Where the rows beside nodes stand.

    Attributes:
        middles: [N, 2], of each row, its name included.
        tags: [N], room for the name before its numbers; 0 where it needs none.
    """

    middles: np.ndarray
    tags: np.ndarray


def panel_of(graph: nx.Graph | Molecule, names: Sequence[str], width: int) -> tuple[Panel, Places]:
    """The drawing, and the places of rows of `width` numbers beside its nodes.

    A row that could be taken for that of another node has the name of its own before it.
    """
    nodes, edges, orders, _, fills = parts(graph)
    number = {v: k for k, v in enumerate(nodes)}
    at = layout(graph)
    points = np.array([at[v] for v in nodes], float).reshape(-1, 2)
    radii = RADIUS * np.array(sizes(graph))
    lines = []
    for (u, v), order in zip(edges, orders, strict=True):
        lines += [line.ravel() for line in bond_lines(np.asarray(at[u], float), np.asarray(at[v], float), order)]
        if u == v:
            turn = np.linspace(0, 2 * np.pi, 25)
            circle = at[v] + RADIUS * np.stack([np.cos(turn), 1.3 + np.sin(turn)], axis=-1)
            lines += [np.concatenate(pair) for pair in pairwise(circle)]
    strokes = np.array(lines).reshape(-1, 2, 2)
    corners = [points - radii[:, None] - 0.12, points + radii[:, None] + 0.12, strokes.reshape(-1, 2)]
    leaders, middles, tags = [], points, np.zeros(len(points))
    if width:
        room = np.array([0.15 + 0.13 * len(name) for name in names])
        for turn in range(4):  # a name takes room, which may push others together; in the end all get one
            wide = tags + width * tables.CELL[0]
            middles = tables.places(points, radii, strokes, wide)
            unnamed = tables.unclear(points, radii, middles, wide) & (tags == 0)
            if turn == 3 or not unnamed.any():
                break
            tags = room if turn == 2 else np.where(unnamed, room, tags)
        found = [tables.leader(p, r, m, w) for p, r, m, w in zip(points, radii, middles, wide, strict=True)]
        leaders = [(v, *line.ravel().tolist()) for v, line in enumerate(found) if line is not None]
        half = np.stack([wide, np.full(len(wide), tables.CELL[1])], axis=-1) / 2 + 0.04
        corners += [middles - half, middles + half]
    everything = np.concatenate(corners) if len(points) else np.array([[0.0, 0], [1, 1]])
    return Panel(
        "",
        tuple(
            Node(*xy, r, name, min(0.28, 2.4 * r / max(2, len(name))), fills[v])
            for v, xy, r, name in zip(nodes, points.tolist(), radii.tolist(), names, strict=True)
        ),
        tuple((number[u], number[v], order) for (u, v), order in zip(edges, orders, strict=True)),
        tuple(tuple(line) for line in strokes.reshape(-1, 4).tolist()),
        tuple(leaders),
        (*everything.min(0).tolist(), *everything.max(0).tolist()),
    ), Places(middles, tags)


def row_of(x: float, y: float, values: np.ndarray, scale: float, name: str = "", rule: bool = False) -> Row:
    """A row of these numbers, written and coloured."""
    values = [float(value) for value in values]
    texts, fills = ([make(value) for value in values] for make in (tables.number, lambda v: tables.shade(v, scale)))
    return Row(float(x), float(y), tuple(values), tuple(texts), tuple(fills), name, rule)


def _ledger(layer: _Layer, v: int, names: list[str], scale: float) -> list[Row]:
    """Messages, their sum or mean, the atom's own term, the output: what a reader can check by hand."""
    here = layer.i == v
    lines = [(f"from {names[j]}", m) for j, m in zip(layer.j[here], layer.messages[here], strict=True)]
    total = f"own + {layer.aggregate}"
    lines += [(layer.aggregate, layer.aggregates[v]), ("own", layer.own[v])]
    lines += [(total if layer.activation == "linear" else f"{layer.activation}({total})", layer.outputs[v])]
    ruled = {len(lines) - 3, len(lines) - 1}
    return [row_of(0, -(k + 0.5) * PITCH, m, scale, name, k in ruled and k > 0) for k, (name, m) in enumerate(lines)]


def _count_rows(counts: list[Counter]) -> list[Row]:
    """How many nodes have each colour; where there are too many colours, those that differ come first."""
    used = sorted(set().union(*counts), key=lambda c: (len({count[c] for count in counts}) == 1, c))
    shown = used if len(used) <= MAX_ROWS else used[: MAX_ROWS - 1]
    rows = [
        Row(0.0, -(k + 0.5) * PITCH, *zip(*((n[c], str(n[c]), color(c)) for n in counts), strict=True), f"colour {c}")
        for k, c in enumerate(sorted(shown))
    ]
    if len(shown) < len(used):
        rows.append(Row(0.0, -(len(rows) + 0.5) * PITCH, (), (), (), f"+ {len(used) - len(shown)} more"))
    return rows


def _round_in_words(t: int, n_rounds: int, before, colors, names, found) -> str:
    n_colors = len({c for side in colors for c in side})
    if t == 0:
        there = "is 1 colour" if n_colors == 1 else f"are {n_colors} colours"
        says = f"Round 0: every node has the colour of its label; there {there}."
    else:
        children: dict[int, set] = {}
        for old, new in zip(before, colors, strict=True):
            for a, b in zip(old, new, strict=True):
                children.setdefault(a, set()).add(b)
        split = [f"{a} splits into {_listed(sorted(b))}" for a, b in sorted(children.items()) if len(b) > 1]
        more = f" and {len(split) - 4} more" if len(split) > 4 else ""
        says = f"Round {t}: colour {'; '.join(split[:4])}{more}. There are now {n_colors} colours."
    if found is not None:
        counts = [Counter(side) for side in colors]
        differ = [c for c in sorted(counts[0] | counts[1]) if counts[0][c] != counts[1][c]]
        if not differ:
            says += " Both have every colour equally often."
        else:
            c = differ[0]
            when = "for the first time" if t == found.round else "still"
            here, there = (f"{count[c]} in {name}" for count, name in zip(counts, names, strict=True))
            says += f" The counts differ {when}: colour {c} has {here} and {there}."
    if t == n_rounds:
        says += " No further round splits a colour."
        if found is not None and not found.distinguished:
            says += " 1-WL cannot tell the two apart."
    return says


def vector(values: np.ndarray) -> str:
    """Numbers in brackets, for a sentence."""
    return f"({', '.join(tables.number(float(value)) for value in values)})"


def _each(names: Sequence[str], table: np.ndarray) -> str:
    return ", ".join(f"{name} {vector(row)}" for name, row in zip(names, table, strict=True))


def _listed(words: Sequence[Hashable]) -> str:
    words = [str(word) for word in words]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _round(values):
    """Nested numbers to a thousandth, enough for a drawing."""
    return [_round(v) for v in values] if np.ndim(values) else round(float(values), 3)
