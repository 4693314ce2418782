"""k-WL for k >= 2: colours of ordered k-tuples of nodes, by one of two ways to look at their neighbours.

Folklore:   c(v1 … vk) <- (c, {{ (c(w, v2 …), …, c(…, w)) : w }})
Oblivious:  c(v1 … vk) <- (c, {{ c(w, v2 …) : w }}, …, {{ c(…, w) : w }})

Sources: Cai, Fürer and Immerman (1992), `cai1992optimal`; on the variants: Huang and Villar (2021), `huang2021short`.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Sequence
from itertools import combinations

import numpy as np

from dmol_molnet.molecules import InputError
from dmol_molnet.wl.arrays import Arrays, ids, union

MEMORY_LIMIT = 2 * 2**30
"""Bytes that k-WL may plan to use; larger graphs are refused."""

CODE_LIMIT = 2**63
"""Codes for what a node shows must stay below this to fit into int64."""


def refine_tuples(a: Arrays, b: Arrays, k: int, variant: str) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The colours of all k-tuples of both graphs, int [n]*k each, round after round without end, shared in each round.

    Raises:
        InputError: they would not fit into `MEMORY_LIMIT` bytes.
    """
    check_memory([len(a.names), len(b.names)], k, variant)
    recolor = _folklore if variant == "folklore" else _oblivious
    colors = _atomic_types(a, b, k)
    while True:
        yield colors[0], colors[1]
        n_colors = 1 + max(int(c.max(initial=0)) for c in colors)
        palette: dict[bytes, int] = {}
        colors = [recolor(c, n_colors, palette) for c in colors]


def check_memory(sizes: Sequence[int], k: int, variant: str) -> None:
    """Refuse two graphs of so many nodes if their k-tuples would not fit into `MEMORY_LIMIT` bytes.

    Raises:
        InputError: they would not.
    """
    n_tuples = sum(n**k for n in sizes)
    planned = 200 * n_tuples  # colours, sorted rows and palette, measured
    if planned > MEMORY_LIMIT:
        raise InputError(
            f"{variant} {k}-WL on {sizes[0]} and {sizes[1]} nodes colours {n_tuples:,} tuples, about "
            f"{planned / 2**30:.1f} GiB; the limit, dmol_molnet.wl.tuples.MEMORY_LIMIT, is "
            f"{MEMORY_LIMIT / 2**30:.1f} GiB"
        )


def _atomic_types(a: Arrays, b: Arrays, k: int) -> list[np.ndarray]:
    """int [n]*k for each graph: what a tuple is by itself (labels, equalities, edges), in colours that both share."""
    both = union(a, b)
    node_ids, node_palette, edge_ids, edge_palette = ids(both)
    cuts = [(0, len(a.names)), (len(a.names), len(both.names))]
    nodes, pairs = [], []
    for low, high in cuts:
        around = slice(both.indptr[low], both.indptr[high])
        receivers = np.repeat(np.arange(high - low), np.diff(both.indptr[low : high + 1]))
        pair = np.zeros((high - low, high - low), np.int64)
        pair[receivers, both.indices[around] - low] = 2 * edge_ids[around] + 2
        nodes.append(node_ids[low:high])
        pairs.append(pair + np.eye(high - low, dtype=np.int64))  # even and 0: no edge; odd: one node twice
    types = [np.zeros((high - low,) * k, np.int64) for low, high in cuts]

    def split_by(parts: list[np.ndarray], radix: int):
        mixed = [t * radix + part for t, part in zip(types, parts, strict=True)]
        _, shared = np.unique(np.concatenate([m.ravel() for m in mixed]), return_inverse=True)
        split = np.split(shared, [mixed[0].size])
        types[:] = [s.reshape(m.shape) for s, m in zip(split, mixed, strict=True)]

    def at(array: np.ndarray, *positions: int) -> np.ndarray:
        return array.reshape([len(array) if q in positions else 1 for q in range(k)])

    for p in range(k):
        split_by([at(ids, p) for ids in nodes], len(node_palette) + 1)
        split_by([at(np.diagonal(pair), p) for pair in pairs], 2 * len(edge_palette) + 4)
    for p, q in combinations(range(k), 2):
        split_by([at(pair, p, q) for pair in pairs], 2 * len(edge_palette) + 4)
    return types


def _folklore(colors: np.ndarray, n_colors: int, palette: dict[bytes, int]) -> np.ndarray:
    """c(v1 … vk) <- (c, {{ (c(w, v2 …), …, c(…, w)) : w }}): every w shows all its k tuples at once."""
    k, n = colors.ndim, len(colors)
    replaced = [np.expand_dims(np.moveaxis(colors, p, -1), p) for p in range(k)]  # [v1 … 1 at p … vk, w]
    new = np.empty_like(colors)
    for v1 in range(n):  # one slice at a time, to spare memory
        codes, size = [replaced[0][0]], n_colors
        for other in replaced[1:]:  # what one w shows, in one number, or in two where one has too few bits
            if size * n_colors < CODE_LIMIT:
                codes[-1], size = codes[-1] * n_colors + other[v1], size * n_colors
            else:
                codes, size = [*codes, other[v1]], n_colors
        codes = [np.broadcast_to(code, (*colors.shape[1:], n)) for code in codes]
        order = np.lexsort(codes, axis=-1) if len(codes) > 1 else np.argsort(codes[0], axis=-1)
        seen = [np.take_along_axis(code, order, axis=-1) for code in codes]
        new[v1] = _number_rows(np.concatenate([colors[v1][..., None], *seen], axis=-1), palette)
    return new


def _oblivious(colors: np.ndarray, n_colors: int, palette: dict[bytes, int]) -> np.ndarray:
    """c(v1 … vk) <- (c, {{ c(w, v2 …) : w }}, …, {{ c(…, w) : w }}): one multiset for each position."""
    k = colors.ndim
    rows = [colors]
    for p in range(k):
        seen = _number_rows(np.sort(np.moveaxis(colors, p, -1), axis=-1), palette)  # what replacing v_p shows
        rows.append(np.broadcast_to(np.expand_dims(seen, p), colors.shape))
    return _number_rows(np.stack(rows, axis=-1), palette)


def _number_rows(rows: np.ndarray, palette: dict[bytes, int]) -> np.ndarray:
    """int [...]: the number that `palette` has, or now gets, for each row of rows [..., m]."""
    flat = np.ascontiguousarray(rows.reshape(math.prod(rows.shape[:-1]), rows.shape[-1]))
    keys = (hashlib.sha256(row.tobytes()).digest() for row in flat)
    numbers = [palette.setdefault(key, len(palette)) for key in keys]
    return np.array(numbers, np.int64).reshape(rows.shape[:-1])
