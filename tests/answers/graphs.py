"""Answers to the exercises of the chapter on graphs."""

import networkx as nx
import tensorflow as tf

from dmol_molnet import wl


def joined(separator, own=True, order=True):
    return lambda o, n: separator.join([*([o] if own else []), *(sorted(n) if order else n)])


WRONG = {
    "refine-by-hand": [
        ("labels only", [range(5)]),
        ("stopped early", [[0, 3, 4], [1], [2]]),
        ("stopped early", "abcaa"),
        ("ends and middle", [0, 1, 1, 0, 0]),
        ("atoms have names", {v: v for v in range(5)}),
        ("split for no reason", [{0, 3}, {1}, {2}, {4}]),
        ("merged too much", [{0, 1}, {2}, {3, 4}]),
        ("not every atom once", [{0}, {1}, {2}, {3}]),
        ("type", 7),
    ],
    "longest-wait": [
        ("counts the last look", lambda n: (n - 1) // 2 + 1),
        ("end to end", lambda n: n - 1),
        ("end to end, nodes", lambda n: n),
        ("even and odd", lambda n: n // 2),
        ("half a round", lambda n: n / 2 - 1),
        ("half a round", lambda n: n // 2 - 1),
        ("another number", lambda n: 3),
        ("type", lambda n: "three"),
    ],
    "mean-forgets": [
        ("other elements", (("NCO", 1), ("NCO", 2))),
        ("no neighbours", (("C", 0), ("CO", 0))),
        ("same neighbours", (("NCO", 1), ("OCN", 1))),
        ("other proportions", (("NCO", 1), ("NC(N)O", 1))),
        ("all alike", (("CC", 0), ("CCC", 1))),
        ("no molecule", (("C(", 0), ("CCC", 1))),
        ("no atom", (("CC", 7), ("CCC", 1))),
        ("type", 5),
    ],
    "build-a-twin": [
        ("no bond", ((0, 5), (1, 2))),
        ("shared atom", ((0, 1), (1, 2))),
        ("other colours", ((0, 1), (3, 8))),
        ("turned around", ((0, 9), (4, 5))),
        ("the same again", ((0, 1), (6, 5))),
        ("type", "0-1 and 5-6"),
    ],
    "safe-name": [
        ("order", joined("|", order=False)),
        ("own label", lambda o, n: repr(sorted(n))),
        ("own among the others", lambda o, n: repr(sorted([o, *n]))),
        ("a set", lambda o, n: repr((o, sorted(set(n))))),
        ("no neighbours", lambda o, n: f"{o};{','.join(sorted(n))}"),
        ("run together", lambda o, n: o + "".join(sorted(n)) + str(len(n))),
        ("run together", lambda o, n: repr((o, len(n), "".join(sorted(n))))),
        ("lengths and labels", lambda o, n: "".join(f"{len(x)}{x}" for x in [o, *sorted(n)])),
        ("a separator", lambda o, n: f"{len(n)}" + joined("|")(o, n)),
        ("a number", lambda o, n: hash((o, *sorted(n)))),
        ("type", lambda o, n: [o, *sorted(n)]),
    ],
    "which-2wl": [("folklore", "folklore"), ("both", "Both"), ("neither", "neither "), ("type", "2-WL"), ("type", 2)],
}
"""Wrong answers by exercise, each with the misconception that must be recognised."""

RIGHT = {
    "refine-by-hand": [
        {0: "a", 1: "b", 2: "c", 3: "d", 4: "d"},
        [3, 1, 2, 0, 0],
        [(3, 4), [2], {1}, {0}],
        iter("abcdd"),
    ],
    "longest-wait": [lambda n: wl.refine(nx.path_graph(n)).rounds, lambda n: tf.constant((n - 1) // 2)],
    "mean-forgets": [(("O=CN", 1), ("NC(N)(O)O", 1)) and (("CSF", 1), ("CS(F)(F)C", 1))],
    "build-a-twin": [((3, 2), (8, 7)), ((0, 1), (5, 6))],
    "safe-name": [
        lambda o, n: repr((o, sorted(n))),
        lambda o, n: f"{o.encode().hex()} {[x.encode() for x in sorted(n)]}",
    ],
}
"""Other right answers than the reference."""
