"""The judges of the chapter *What graphs cannot tell apart*: named as their exercises; texts: graphs.toml."""

from __future__ import annotations

import itertools
import re
import string
from collections import Counter
from collections.abc import Mapping
from fractions import Fraction

import networkx as nx
import numpy as np

from dmol_molnet import wl
from dmol_molnet.exercises.engine import NotUnderstood, Wrong, ask, mistyped, number
from dmol_molnet.molecules import InputError, Molecule, quoted

# ------------------------------------------------------------------------------------------------ refine by hand


def _partition(answer: object, n: int) -> set[frozenset[int]]:
    """Groups of nodes 0 … n-1 from a list of groups, a list of colours, or colours by node."""
    if isinstance(answer, str) and len(answer) != n:  # a letter for each atom is a list of colours
        raise mistyped("a list of groups of atoms without quotes around it, such as `[{0, 1}, {2}]`", answer)
    try:
        answer = answer if isinstance(answer, Mapping) else list(answer)
        if isinstance(answer, Mapping):
            pairs = [(int(v), color) for v, color in answer.items()]
        elif all(isinstance(item, int | np.integer | str) for item in answer):
            pairs = list(enumerate(answer))
        else:
            pairs = [(int(v), color) for color, group in enumerate(answer) for v in group]
        groups = {}
        for v, color in pairs:
            groups.setdefault(color, set()).add(v)
    except (TypeError, ValueError):
        raise mistyped("a list of groups of atoms, such as `[{0, 1}, {2}]`", answer) from None
    if sorted(v for v, _ in pairs) == list(range(1, n + 1)):
        raise Wrong("from 1")
    if sorted(v for v, _ in pairs) != list(range(n)):
        raise Wrong("not every atom once")
    return {frozenset(group) for group in groups.values()}


def refine_by_hand(answer: object) -> None:
    """The stable colouring of 2-methylbutane: ends of the CH alike, all others different."""
    found = _partition(answer, 5)
    known = {
        ((0, 1, 2, 3, 4),): "labels only",
        ((0, 3, 4), (1,), (2,)): "stopped early",
        ((0, 3, 4), (1, 2)): "ends and middle",
        ((0,), (1,), (2,), (3,), (4,)): "atoms have names",
    }
    for groups, name in known.items():
        if found == set(map(frozenset, groups)):
            raise Wrong(name)
    if found != {frozenset({0}), frozenset({1}), frozenset({2}), frozenset({3, 4})}:
        together = any({3, 4} <= group for group in found)
        raise Wrong("merged too much" if together else "split for no reason")


# ------------------------------------------------------------------------------------------------ the longest wait


def longest_wait(answer: object) -> None:
    """As many rounds as `wl.refine` takes on paths of 2 to 30 nodes."""
    sizes = range(2, 31)
    found = []
    for n in sizes:
        found.append(number(ask(answer, n), "a function that returns a number"))
    right = [wl.refine(nx.path_graph(n)).rounds for n in sizes]
    if found == right:
        return
    n, value = next((n, v) for n, v, r in zip(sizes, found, right, strict=True) if v != r)
    example = f"Try a path of {n} nodes by hand; you say {value:g}."
    for name, f in [
        ("counts the last look", lambda n: (n - 1) // 2 + 1),
        ("end to end", lambda n: n - 1),
        ("end to end, nodes", lambda n: n),
        ("even and odd", lambda n: n // 2),
        ("half a round", lambda n: n / 2 - 1),
        ("not whole", lambda n: (n - 1) / 2),
        ("half a round", lambda n: n // 2 - 1),
    ]:
        if found == [f(n) for n in sizes]:
            raise Wrong(name, example)
    raise Wrong("another number", example)


# ------------------------------------------------------------------------------------------------ what a mean forgets


def _surroundings(item: object) -> tuple[str, Counter]:
    """The element of an atom and those of its neighbours, on heavy atoms."""
    try:
        smiles, v = item
        molecule = Molecule.from_smiles(smiles, hydrogens=False)
    except InputError as error:
        raise NotUnderstood("no molecule", because=f"{error}.") from None
    except (TypeError, ValueError):
        raise mistyped('a SMILES and the number of an atom, such as `("CO", 0)`', item) from None
    if isinstance(v, bool) or not isinstance(v, int | np.integer) or not 0 <= v < len(molecule):
        last = len(molecule) - 1
        raise Wrong("no atom", because=f"{smiles} has the heavy atoms 0 to {last}; there is no {quoted(v)}.")
    neighbors = molecule.bonds[(molecule.bonds == v).any(axis=1)].ravel().tolist()
    return molecule.symbols[v], Counter(molecule.symbols[u] for u in neighbors if u != v)


def mean_forgets(answer: object) -> None:
    """Equal elements, equal proportions of two or more elements around them, different numbers."""
    try:
        first, second = answer
    except (TypeError, ValueError):
        raise mistyped('two atoms, such as `(("CO", 0), ("CCO", 1))`', answer) from None
    (a, near_a), (b, near_b) = _surroundings(first), _surroundings(second)
    listed = [" ".join(sorted(near.elements())) or "none" for near in (near_a, near_b)]
    seen = f"Their neighbours: {'; '.join(listed)}."
    if a != b:
        raise Wrong("other elements", f"Yours are {a} and {b}.")
    if not near_a or not near_b:
        raise Wrong("no neighbours", seen)
    if near_a == near_b:
        raise Wrong("same neighbours", seen)
    means = [{e: Fraction(k, sum(n.values())) for e, k in n.items()} for n in (near_a, near_b)]
    if means[0] != means[1]:
        raise Wrong("other proportions", seen)
    if len(near_a) < 2:
        raise Wrong("all alike", seen)


# ------------------------------------------------------------------------------------------------ build a twin


def build_a_twin(answer: object) -> None:
    """A swap between equal colours whose result is not decalin; in decalin none falls apart or doubles a bond."""
    decalin = Molecule.example("decalin", hydrogens=False)
    graph = decalin.to_networkx()
    try:
        (a, b), (c, d) = ((int(v) for v in bond) for bond in answer)
    except (TypeError, ValueError):
        raise mistyped("two bonds, such as `((0, 1), (2, 3))`", answer) from None
    for u, v in ((a, b), (c, d)):
        if not graph.has_edge(u, v):
            raise Wrong("no bond", f"There is no bond {u}-{v}.")
    if len({a, b, c, d}) < 4:
        raise Wrong("shared atom")
    colors = wl.refine(decalin).colors
    if colors[a] != colors[c] or colors[b] != colors[d]:
        swapped = colors[a] == colors[d] and colors[b] == colors[c]
        raise Wrong("turned around" if swapped else "other colours", f"Your swap joins {a}-{d} and {c}-{b}.")
    graph.remove_edges_from([(a, b), (c, d)])
    graph.add_edges_from([(a, d), (c, b)])
    if nx.is_isomorphic(graph, decalin.to_networkx()):
        raise Wrong("the same again", f"With {a}-{d} and {c}-{b} there are two rings of six again.")


# ---------------------------------------------------------------------------------------- labels that run together


def safe_name(answer: object) -> None:
    """A text that is equal exactly for equal own labels and equal multisets of neighbours' labels."""

    def name(own, neighbors):
        value = ask(answer, own, neighbors)
        if isinstance(value, int | float | np.number):
            raise Wrong("a number")
        if not isinstance(value, str | bytes):
            raise mistyped("a function that returns text", value)
        return value

    def same(one, two):
        return name(*one) == name(*two)

    def pair(one, two):
        return " and ".join(f"{shown(own)} with [{', '.join(map(shown, near))}]" for own, near in (one, two))

    def shown(label):
        return repr(label) if len(label) < 40 else f"{label[:8]!r} and so on, {len(label):,} letters,"

    if not same(("a", ["b", "c"]), ("a", ["c", "b"])):
        raise Wrong("order")
    one, two = ("-".join("xy") for _ in range(2))  # equal texts, but two objects
    if name(one, [one, "b"]) != name(one, [two, "b"]) or name(one, ["b"]) != name(two, ["b"]):
        raise Wrong("not the same twice")
    long = "".join(np.random.default_rng(0).choice([*string.ascii_letters], 2000))
    if len(name(long, [long[::-1]])) < 400:  # letters of 21 bits would have to hold 23,000 bits
        raise Wrong("a digest")
    probes = [
        ("own label", ("a", ["b"]), ("c", ["b"])),
        ("own among the others", ("a", ["b"]), ("b", ["a"])),
        ("a set", ("a", ["b"]), ("a", ["b", "b"])),
        ("no neighbours", ("a", []), ("a", [""])),
        ("letters alike", ("a", ["b"]), ("a", ["B"])),
        ("letters alike", ("a", ["b"]), ("a", ["b "])),
        ("letters alike", ("1", ["1"]), ("1", ["01"])),
        ("run together", ("1", ["1"]), ("11", [])),
        ("run together", ("1", ["11", "1"]), ("11", ["1", "1"])),
        ("run together", ("1", ["2", "3"]), ("1", ["23"])),
        ("run together", ("a", ["bc", "d"]), ("a", ["b", "cd"])),
        ("lengths and labels", ("1", ["a", "b", "c", "d", "ee"]), ("1a1b1c1d2ee", [])),
        *(("letters alike", ("a", [one]), ("a", [two])) for one, two in _nearly_alike()),
        *(("codes run together", (one, []), (two, [])) for one, two in _codes_of_one_width()),
        *(("fixed width", one, two) for one, two in _lengths_of_one_width()),
    ]
    for reason, one, two in probes:
        if same(one, two):
            raise Wrong(reason, f"It gives the same for {pair(one, two)}.")
    found = _marks(name)
    for mark in [*found, *string.punctuation, *string.whitespace, "\0", "->", ", ", "::", "0", "1", "12"]:
        for inner in (f"b{mark}c", f"b'{mark}'c", f'b"{mark}"c', f"b', {mark}'c"):
            parts = [inner[: inner.index(mark)], inner[inner.index(mark) + len(mark) :]]
            tries = [(("a", [inner]), ("a", parts)), ((inner, []), (parts[0], parts[1:]))]
            tries += [((inner, ["d"]), (parts[0], [f"{parts[1]}{mark}d"]))]  # of equally many labels
            tries += [(("a", [inner, "d"]), ("a", [parts[0], f"{parts[1]}{mark}d"]))]
            for one, two in tries:
                if same(one, two):
                    raise Wrong("a separator", f"It gives the same for {pair(one, two)}.")
    # All short labels of the characters that separate or escape, and a few that look like counts or lists.
    characters = "".join(dict.fromkeys("".join(found)))[:3]
    short = ["".join(c) for n in range(3) for c in itertools.product(f"a{characters}", repeat=n)]
    for labels in (short, ["", "1", "2", "11", "1,1", "a", "b", "|", "a|b", "['", "']", "1:", ":1"]):
        seen = {}
        for own in labels:
            for n in range(3):
                for near in itertools.combinations_with_replacement(labels, n):
                    other = seen.setdefault(name(own, list(near)), (own, list(near)))
                    if other != (own, list(near)):
                        raise Wrong("a separator", f"It gives the same for {pair(other, (own, list(near)))}.")
    bell = name("\a", ["\a"])
    bell = bell if isinstance(bell, str) else bell.decode("latin-1")
    if any(f"{q}{mark}{q}" in bell for mark in (r"\x07", r"\u0007") for q in "'\""):
        raise Wrong("left to Python")  # who escapes by hand puts no quotes around it
    # Widths so large that no label fits into memory to show what goes wrong.
    for mark in _marks(name):
        longer = _marks(name, 10)
        if len(mark) > 1 and any(mark == f"{2:0{len(mark)}}" and f"{20:0{len(mark)}{b}}" in longer for b in "dxX"):
            raise Wrong("fixed width", f"Of the length of a label of two letters you make `{mark}`.")


def _nearly_alike() -> list[tuple[str, str]]:
    """Labels that an encoding, a normal form or a cut makes equal."""
    errors = ("ignore", "replace", "xmlcharrefreplace", "backslashreplace", "namereplace")
    found = [(c, c.encode("ascii", e).decode()) for c in ("\xe9", "\u0100", "\U00012345") for e in errors]
    found += [("\xe9", "e"), ("\xe9", "e\u0301"), ("\xdf", "ss"), ("\ufb01", "fi")]
    return [*found, *(("x" * 20000 + c + "x" * 20000, "x" * 40001) for c in "ab")]


def _codes_of_one_width() -> list[tuple[str, str]]:
    """Different labels of one text, if each letter is written by its number in `width` digits, or more where needed."""
    found = []
    for base, spec in ((2, "b"), (8, "o"), (10, "d"), (16, "x")):
        width = 1
        while (code := base**width + 1) < 0x110000:
            digits = f"{code:{spec}}" * width
            split = [int(digits[i : i + width], base) for i in range(0, len(digits), width)]
            found.append((chr(code) * width, "".join(map(chr, split))))
            width += 1
    return found


def _lengths_of_one_width() -> list[tuple[tuple[str, list[str]], tuple[str, list[str]]]]:
    """A long label, and two shorter ones, of one text, if lengths are written in `width` digits, or more where needed.

    Of base**width letters, the length takes a digit more, and this digit can be the first letter of the label instead.
    """
    found = []
    for base, specs in ((2, "b"), (8, "o"), (10, "d"), (16, "xX")):
        for width in range(2, 18):
            if base**width > 200_000:
                break
            first = "b" * (base ** (width - 1) - 1)
            rest = base**width - len(first) - width
            for spec in specs:
                found.append(((f"{first}{rest:0{width}{spec}}{'c' * rest}", []), (f"0{first}", ["c" * rest])))
    return found


def _marks(name, times: int = 1) -> list[str]:
    """What stands between the labels in a reader's own texts, and what becomes of that inside a label."""
    three = [label * times for label in ("kx", "ky", "kz")]

    def between(labels, text):
        text = text.decode("latin-1") if isinstance(text, bytes) else text
        places = sorted((text.find(label), label) for label in labels)
        if places[0][0] < 0:
            return []
        return [text[a + len(one) : b] for (a, one), (b, _) in itertools.pairwise(places)]

    marks = [mark for mark in between(three, name(three[0], three[1:])) if 0 < len(mark) < 40]
    escaped = [part for mark in marks for part in between(three, name(three[0], [mark.join(three[1:])]))]
    return list(dict.fromkeys([*marks[::-1], *escaped[1::2]]))


# ------------------------------------------------------------------------------------------------ which 2-WL


def which_2wl(answer: object) -> None:
    """Oblivious: folklore 2-WL tells the prism from K3,3."""
    words = re.findall("[a-z]+", answer.lower()) if isinstance(answer, str) else []
    said = {"oblivious", "folklore", "both", "neither"} & set(words)
    if len(said) != 1 or {"not", "but", "except"} & set(words):
        raise mistyped('"oblivious", "folklore", "both" or "neither"', answer)
    if said != {"oblivious"}:
        raise Wrong(said.pop())
