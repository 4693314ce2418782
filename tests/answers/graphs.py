"""Answers to the exercises of the chapter on graphs."""

import base64
import hashlib
import json
import math
import pickle
import unicodedata
from collections import Counter

import networkx as nx
import numpy as np
import tensorflow as tf

from dmol_molnet import Molecule, wl


def joined(separator, own=True, order=True):
    return lambda o, n: separator.join([*([o] if own else []), *(sorted(n) if order else n)])


def by_length(spec):
    return lambda o, n: "".join(f"{len(x):{spec}}{x}" for x in [o, *sorted(n)])


def by_letter(spec):
    return lambda o, n: ",".join("".join(f"{ord(c):{spec}}" for c in x) for x in [o, *sorted(n)])


def encoded(errors):
    return lambda o, n: ",".join(x.encode("ascii", errors).hex() for x in [o, *sorted(n)])


def normal(x):
    return unicodedata.normalize("NFC", x).encode().hex()


def by_eccentricities(n):
    """From the eccentricities: their different values, less one."""
    return len(set(nx.eccentricity(nx.path_graph(n)).values())) - 1


WRONG = {
    "refine-by-hand": [
        ("merged too much", [{0, 2}, {1}, {3, 4}]),
        ("split for no reason", [{0, 4}, {1}, {2}, {3}]),
        ("labels only", [range(5)]),
        ("from 1", [{1}, {2}, {3}, {4, 5}]),
        ("type", "[{0}, {1}, {2}, {3, 4}]"),
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
        ("not whole", lambda n: (n - 1) / 2),
        ("another number", lambda n: round(n / 2) - 1),  # to even numbers: right for half of all
        ("another number", lambda n: max(1, (n - 1) // 2)),  # wrong for two nodes only
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
        ("other proportions", (("NCO", 1), ("NC(N)(O)C", 1))),
        ("all alike", (("OCO", 1), ("OC(O)(O)O", 1))),
        ("same neighbours", (("NCO", 1), ("NC(=O)", 1))),
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
        ("turned around", ((3, 2), (7, 8))),
        ("other colours", ((2, 3), (4, 5))),
        ("no bond", ((1, 0), (5, 5))),
        ("no bond", ((0, 5), (1, 2))),
        ("shared atom", ((0, 1), (1, 2))),
        ("other colours", ((0, 1), (3, 8))),
        ("turned around", ((0, 9), (4, 5))),
        ("the same again", ((0, 1), (6, 5))),
        ("type", "0-1 and 5-6"),
    ],
    "safe-name": [
        ("a separator", joined("\0")),
        ("a separator", joined("<SEP>")),
        ("a separator", joined("\x1f")),
        ("a separator", joined(" ; ")),
        ("a separator", lambda o, n: o + "".join(f"§{x}" for x in sorted(n))),
        ("a separator", lambda o, n: "".join(f"{x}###" for x in [o, *sorted(n)])),
        ("a separator", lambda o, n: "|".join(x.replace("|", "||") for x in [o, *sorted(n)])),
        ("a separator", lambda o, n: "|".join(x.replace("|", "\\|") for x in [o, *sorted(n)])),
        ("a separator", lambda o, n: f"{len(n)}:" + joined("\x00\x01")(o, n)),
        ("letters alike", lambda o, n: repr((o.lower(), sorted(x.lower() for x in n)))),
        ("letters alike", lambda o, n: repr((o, sorted(x.strip() for x in n)))),
        ("a digest", lambda o, n: str(hash((o, tuple(sorted(n)))))),
        ("a digest", lambda o, n: hashlib.sha256(repr((o, sorted(n))).encode()).hexdigest()[:8]),
        ("not the same twice", lambda o, n: f"{id(o)} {(o, sorted(n))!r}"),
        ("not the same twice", lambda o, n: pickle.dumps([o, *sorted(n)])),  # remembers which objects are one
        ("order", lambda o, n: repr((o, Counter(n)))),
        ("order", joined("|", order=False)),
        ("own label", lambda o, n: repr(sorted(n))),
        ("own among the others", lambda o, n: repr(sorted([o, *n]))),
        ("a set", lambda o, n: repr((o, sorted(set(n))))),
        ("no neighbours", lambda o, n: f"{o};{','.join(sorted(n))}"),
        ("run together", lambda o, n: o + "".join(sorted(n)) + str(len(n))),
        ("run together", lambda o, n: repr((o, len(n), "".join(sorted(n))))),
        ("lengths and labels", lambda o, n: "".join(f"{len(x)}{x}" for x in [o, *sorted(n)])),
        *(("fixed width", by_length(spec)) for spec in "02d 03d 04d 05d 06d 010d 02x 04x 04X 08x 016b".split()),
        ("fixed width", lambda o, n: "".join(f"{x}{len(x):03d}" for x in [o, *sorted(n)])),
        *(
            ("codes run together", by_letter(spec))
            for spec in "d x 02d 03d 04d 05d 06d 02x 03x 04x 05x 03o 08b".split()
        ),
        ("letters alike", lambda o, n: ",".join(x.encode("latin-1", "replace").hex() for x in [o, *sorted(n)])),
        *(("letters alike", encoded(e)) for e in ("ignore", "replace", "xmlcharrefreplace", "backslashreplace")),
        ("letters alike", lambda o, n: ",".join(normal(x) for x in [o, *sorted(n)])),
        ("letters alike", lambda o, n: ",".join(x[:2000].encode().hex() for x in [o, *sorted(n)])),
        ("letters alike", lambda o, n: ",".join(x[-2000:].encode().hex() for x in [o, *sorted(n)])),
        ("a separator", lambda o, n: f"{len(n)}" + joined("|")(o, n)),
        ("a number", lambda o, n: hash((o, *sorted(n)))),
        ("left to Python", lambda o, n: repr((o, sorted(n)))),
        ("left to Python", lambda o, n: str([o, *sorted(n)]).encode()),
        ("left to Python", lambda o, n: json.dumps([o, *sorted(n)])),
        ("left to Python", lambda o, n: repr((o, sorted(Counter(n).items())))),
        ("left to Python", lambda o, n: f"{o.encode().hex()} {[x.encode() for x in sorted(n)]}"),
        ("type", lambda o, n: [o, *sorted(n)]),
    ],
    "which-2wl": [
        ("type", "not folklore"),
        ("type", "oblivious or both"),
        ("folklore", "the folklore variant"),
        ("folklore", "folklore"),
        ("both", "Both"),
        ("neither", "neither "),
        ("type", "2-WL"),
        ("type", 2),
    ],
}
"""Wrong answers by exercise, each with the misconception that must be recognised."""

RIGHT = {
    "refine-by-hand": [
        {0: "a", 1: "b", 2: "c", 3: "d", 4: "d"},
        [3, 1, 2, 0, 0],
        [(3, 4), [2], {1}, {0}],
        iter("abcdd"),
        wl.refine(Molecule.from_smiles("CCC(C)C", hydrogens=False)).colors,
        np.array([7, 5, 9, 1, 1]),
    ],
    "longest-wait": [
        lambda n: wl.refine(nx.path_graph(n)).rounds,
        lambda n: tf.constant((n - 1) // 2),
        lambda n: math.ceil(n / 2) - 1,
        lambda n: len({min(v, n - 1 - v) for v in range(n)}) - 1,
        lambda n: n // 2 - (n % 2 == 0),
        lambda n: np.floor((n - 1) / 2),
        by_eccentricities,
    ],
    "mean-forgets": [
        (("CSF", 1), ("CS(F)(F)C", 1)),
        [["NCO", 1], ["OC(N)(O)N", 1]],
        (("CPO", 1), ("CP(C)(O)O", 1)),
        (("OC(O)(F)F", 1), ("OCF", 1)),
        (("CCO", 1), ("CC(C)(O)O", 1)),
        (("FC(N)(F)N", 1), ("FCN", np.int64(1))),
    ],
    "build-a-twin": [
        ((3, 2), (8, 7)),
        ((0, 1), (5, 6)),
        [[6, 5], [1, 0]],
        np.array([[2, 3], [7, 8]]),
        ((5, 6), (0, 1)),
    ],
    "safe-name": [
        lambda o, n: ".".join(x.encode().hex() for x in [o, *sorted(n)]),
        lambda o, n: "'" + "','".join(x.replace("\\", "\\\\").replace("'", "\\'") for x in [o, *sorted(n)]) + "'",
        lambda o, n: "|".join(base64.b64encode(x.encode()).decode() for x in [o, *sorted(n)]),
        lambda o, n: "".join(f"{len(x)}:{x}" for x in [o, *(x for x in sorted(n))]).encode(),
        lambda o, n: "|".join(x.replace("%", "%25").replace("|", "%7C") for x in [o, *sorted(n)]),
        lambda o, n: f"{[len(x) for x in (o, *sorted(n))]}" + o + "".join(sorted(n)),
        lambda o, n: ",".join("".join(f"\\x{ord(c):02x}" for c in x) for x in [o, *sorted(n)]),
        lambda o, n: "\n".join(x.encode("unicode_escape").decode() for x in [o, *sorted(n)]),
        lambda o, n: "".join("1" * len(x) + "0" + x for x in [o, *sorted(n)]),
        lambda o, n: "".join(chr(len(x)) + x for x in [o, *sorted(n)]),
        lambda o, n: "".join(f"{len(x):08d}:{x}" for x in [o, *sorted(n)]),
        by_letter("06x"),
        by_letter("07d"),
    ],
    "which-2wl": ["Oblivious", " oblivious.", "the oblivious one", "oblivious 2-WL", "OBLIVIOUS"],
}
"""Other right answers than the reference."""
