"""Whether k-WL tells two graphs apart, in which round, and what shows it; geometric WL answers in the same form."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field

import numpy as np

from dmol_molnet.molecules import InputError, quoted
from dmol_molnet.wl.arrays import Arrays, Graph, Label, decode, read, union
from dmol_molnet.wl.colors import History, Refinement, run
from dmol_molnet.wl.tuples import refine_tuples


def compare(
    g: Graph, h: Graph, k: int = 1, variant: str = "folklore", node_label: Label = None, edge_label: Label = None
) -> Comparison:
    """Whether k-WL tells `g` and `h` apart.

    Folklore 2-WL is as strong as oblivious 3-WL, and oblivious 2-WL only as strong as 1-WL: books differ in what they
    call "k-WL", so the variant is named here.

    Args:
        g, h: graphs or molecules.
        k: 1 colours nodes; 2 and 3 colour ordered pairs and triples of nodes.
        variant: for k >= 2, "folklore" (each node w in turn shows the colours of all k tuples into which it was put,
            at once) or "oblivious" (one position at a time).
        node_label, edge_label: as for `refine`.

    Raises:
        InputError: as for `refine`; a k or variant that does not exist; graphs for which the tuples would not fit into
            `MEMORY_LIMIT` bytes.
    """
    if not isinstance(k, int | np.integer) or k not in (1, 2, 3):
        raise InputError(f"k is 1, 2 or 3, not {quoted(k)}")
    if not isinstance(variant, str) or variant not in ("folklore", "oblivious"):
        raise InputError(f"the variant is 'folklore' or 'oblivious', not {quoted(variant)}")
    a, b = read(g, node_label, edge_label), read(h, node_label, edge_label)
    if (a.node_codes is None) != (b.node_codes is None):
        raise InputError(
            "one is a Molecule, with elements as labels, and the other a graph: name a node_label for both"
        )
    return _compare_nodes(a, b) if k == 1 else _compare_tuples(a, b, k, variant)


@dataclass(frozen=True)
class Comparison:
    """Whether k-WL tells two graphs apart, and what shows it.

    Attributes:
        distinguished: True proves that the graphs are not isomorphic; False proves nothing.
        round: the first round whose colour histograms differ (0: the labels alone), or None.
        k, variant: which test; variant is "folklore" or "oblivious" for k >= 2, and None for k = 1.
        histograms: how many nodes (k-tuples for k >= 2) have each colour, by graph, in that round or else the last.
        examples: a node (k-tuple) of each colour, by graph, in the same round.
        n_colors: the number of colours, by round.
        reasons: k = 1 only: what nodes of such a colour had and saw one round before, in words.
        refinements: k = 1 only, and not in space: the `Refinement` of each graph, in colours that both share.
        test: what the test is called; by k and variant where this is empty.
    """

    distinguished: bool
    round: int | None
    k: int
    variant: str | None
    histograms: tuple[Counter, Counter]
    examples: tuple[dict[int, Hashable], dict[int, Hashable]] = field(repr=False)
    n_colors: list[int]
    reasons: dict[int, str] = field(repr=False, default_factory=dict)
    refinements: tuple[Refinement, Refinement] | None = field(repr=False, default=None)
    test: str = ""

    @property
    def differences(self) -> dict[int, tuple[int, int]]:
        """The colours that are not equally frequent: how often in the first graph, how often in the second."""
        first, second = self.histograms
        return {c: (first[c], second[c]) for c in sorted(first | second) if first[c] != second[c]}

    def __str__(self) -> str:
        test = self.test or ("1-WL" if self.k == 1 else f"{self.variant} {self.k}-WL")
        if not self.distinguished:
            n = self.n_colors[-1]
            same = "all have one colour" if n == 1 else f"the same {n} colours, equally often"
            return f"{test} cannot tell them apart: {same}, stable."
        what = "nodes" if self.k == 1 else f"{self.k}-tuples"
        one = "node " if self.k == 1 and not self.test else ""
        lines = [f"{test} tells them apart in round {self.round}: colours that are not equally frequent"]
        differences = list(self.differences.items())
        for color, counts in differences[:8]:
            which = next(i for i in (0, 1) if color in self.examples[i])
            example = self.examples[which][color]
            line = f"  colour {color}: {counts[0]} {what} against {counts[1]}, such as {one}{example!r} of the "
            lines.append(line + ("first", "second")[which] + self.reasons.get(color, ""))
        lines += [f"  and {len(differences) - 8} more"] if len(differences) > 8 else []
        return "\n".join(lines)


def _compare_nodes(a: Arrays, b: Arrays) -> Comparison:
    both = union(a, b)
    n_a, n = len(a.names), len(both.names)
    result = run(both)
    history = result.history

    # A colour is balanced if both graphs have it equally often; the first round with an unbalanced one tells.
    colors = history.array(0).tolist()
    excess = Counter()
    for v, color in enumerate(colors):
        excess[color] += 1 if v < n_a else -1
    n_colors, told = [len(excess)], 0 if any(excess.values()) else None
    for t in range(1, len(history)):
        changes = history.changes(t)
        for v, color in changes.items():
            excess[colors[v]] -= 1 if v < n_a else -1
            excess[color] += 1 if v < n_a else -1
            colors[v] = color
        n_colors.append(len(excess))
        if told is None and any(excess[color] for color in changes.values()):
            told = t
    last = history.array(result.rounds if told is None else told).tolist()
    sides = [(a.names, 0, n_a), (b.names, n_a, n)]
    return Comparison(
        distinguished=told is not None,
        round=told,
        k=1,
        variant=None,
        histograms=tuple(Counter(last[low:high]) for _, low, high in sides),
        examples=tuple(dict(zip(last[low:high], names, strict=True)) for names, low, high in sides),
        n_colors=n_colors,
        reasons=_reasons(both, history, told) if told else {},
        refinements=tuple(
            Refinement(_part(history, names, low, high), result.rounds, result.stable) for names, low, high in sides
        ),
    )


def _reasons(g: Arrays, history: History, t: int) -> dict[int, str]:
    """For every colour of round t > 0: what its nodes were and saw in the round before."""
    before = history.array(t - 1)
    reasons = {}
    for color, v in zip(*(part.tolist() for part in np.unique(history.array(t), return_index=True)), strict=True):
        seen = sorted((before[u], b"" if e is None else e) for u, e in g.neighbors(v))
        words = [f"{c} behind {decode(e)!r}" if e else str(c) for c, e in seen]
        shown = ", ".join(words[:12]) + (", ..." if len(words) > 12 else "")
        reasons[color] = f": it was {before[v]} and saw {shown or 'nothing'}"
    return reasons


def _part(history: History, names: Sequence[Hashable], low: int, high: int) -> History:
    """The history of the nodes low … high-1 alone."""
    inside = (history._changed >= low) & (history._changed < high)
    counts = np.concatenate([[0], np.cumsum(inside)])
    start, changed, to = history._start[low:high], history._changed[inside] - low, history._to[inside]
    return History(names, start, changed, to, counts[history._ends].tolist())


def _compare_tuples(a: Arrays, b: Arrays, k: int, variant: str) -> Comparison:
    n_colors = []
    for colors in refine_tuples(a, b, k, variant):
        histograms = [Counter(c.ravel().tolist()) for c in colors]
        told = histograms[0] != histograms[1]
        stable = n_colors[-1:] == [len(histograms[0] | histograms[1])]
        if stable and not told:
            break  # this round found nothing new
        n_colors.append(len(histograms[0] | histograms[1]))
        if told:
            break
    found = []
    for g, c in zip((a, b), colors, strict=True):
        values, first = np.unique(c, return_index=True)
        indices = zip(*(axis.tolist() for axis in np.unravel_index(first, c.shape)), strict=True)
        tuples = (tuple(g.names[v] for v in index) for index in indices)
        found.append(dict(zip(values.tolist(), tuples, strict=True)))
    return Comparison(told, len(n_colors) - 1 if told else None, k, variant, tuple(histograms), tuple(found), n_colors)
