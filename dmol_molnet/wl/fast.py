"""The fast way to refine: look only at the neighbours of what split last, all parts of a class but its largest.

What a node sees of the largest part follows from the rest, since its class agreed on the whole before.  A node lies in
a smaller part at most log2(n) times, hence O(m log n) altogether.  Source: Cardon and Crochemore (1982),
`cardon1982partitioning`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

PATIENCE = 7
"""How many small rounds in a row are still done on arrays: making lists costs as much as a few of those."""

SMALL = 2000
"""Graphs with at most so many neighbours in all go to lists at once."""


def _mix(x):
    """A fixed scrambling of 64-bit integers (the finaliser of splitmix64), for one int or a uint64 array."""
    mask = (1 << 64) - 1
    if isinstance(x, int):
        x = (x + 1) * 0x9E3779B97F4A7C15 & mask
        x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9 & mask
        x = (x ^ x >> 27) * 0x94D049BB133111EB & mask
        return x ^ x >> 31
    u = np.uint64
    x = (x + u(1)) * u(0x9E3779B97F4A7C15)
    x = (x ^ (x >> u(30))) * u(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> u(27))) * u(0x94D049BB133111EB)
    return x ^ (x >> u(31))


def _factor(label: int) -> int:
    """What the scrambled colour of a neighbour is multiplied by, behind an edge with this label."""
    return 1 if label == 0 else _mix(label) | 1


class Classes:
    """The classes in the making.  Colours from `fresh` on were new in the last round; only they can split others.

    A large round works on whole arrays, a small one on lists, touching only what it must.  Both number new colours
    alike: by the class that split, then by a 64-bit sum over what the part's nodes see, then by that itself.  So
    colours depend on the graph up to isomorphism, not on the order of its nodes.
    """

    def __init__(
        self, colors: np.ndarray, indptr: np.ndarray, indices: np.ndarray, edge_ids: np.ndarray, n_labels: int
    ):
        self.indptr, self.indices, self.edge_ids, self.n_labels = indptr, indices, edge_ids, n_labels
        self.factors = np.array([_factor(label) for label in range(n_labels)], np.uint64)
        self.degree = np.diff(indptr)
        self.colors = colors.copy()
        self.n_colors = int(colors.max(initial=-1)) + 1
        self.fresh = 0
        self.lists: _Lists | None = None  # when set, it holds the colours, and self.colors is out of date
        self.adjacency: tuple[list[int], ...] | None = None
        self._look_at(np.arange(len(colors)), self.degree, indices, edge_ids)
        self.small_rounds = 0

    def _look_at(self, live: np.ndarray, length: np.ndarray, seen: np.ndarray, edge_ids: np.ndarray):
        """The nodes that can still split, and their neighbours: those of live[q] are length[q] entries of `seen`."""
        alone = np.bincount(self.colors, minlength=1)[self.colors[live]] == 1
        if alone.any():
            here = np.repeat(~alone, length)
            live, length, seen = live[~alone], length[~alone], seen[here]
            edge_ids = edge_ids[here] if self.n_labels > 1 else edge_ids
        self.live, self.length, self.seen, self.seen_through = live, length, seen, edge_ids

    def split(self) -> tuple[Sequence[int], Sequence[int]]:
        """One round: the nodes that change colour, and their new colours."""
        small = max(SMALL, len(self.indices) // 32)  # an edge costs about 32 times as much in lists as in arrays
        if self.lists is not None and self.lists.n_seen() > small:
            self.colors, self.lists, self.small_rounds = np.array(self.lists.colors, np.int64), None, 0
            self._look_at(np.arange(len(self.colors)), self.degree, self.indices, self.edge_ids)
        if self.lists is None:
            n_seen = int(self.degree[self.colors >= self.fresh].sum())
            self.small_rounds = self.small_rounds + 1 if n_seen <= small else 0
            if len(self.indices) > SMALL and self.small_rounds <= PATIENCE:
                result = self._split_arrays()
                if result is not None:
                    return result
            if self.adjacency is None:
                self.adjacency = self.indptr.tolist(), self.indices.tolist(), self.edge_ids.tolist()
            self.lists = _Lists(self.colors, self.fresh, *self.adjacency)
        result = self.lists.split(self.n_labels)
        self.fresh, self.n_colors = self.n_colors, self.lists.n_colors
        return result

    def _split_arrays(self) -> tuple[np.ndarray, np.ndarray] | None:
        """None if two nodes that see different things have the same sum: lists, which do not hash, must decide."""
        if not len(self.live):
            return self.live, self.live
        own = self.colors[self.live]  # [q]
        news = np.maximum(self.colors[self.seen] - self.fresh, -1)  # which fresh colour is seen, -1 for no fresh one
        scramble = np.append(_mix(np.arange(self.fresh, self.n_colors, dtype=np.uint64)), np.uint64(0))
        scrambled = scramble[news]
        if self.n_labels > 1:
            scrambled *= self.factors[self.seen_through]
        ends = np.cumsum(self.length)
        total = np.concatenate([np.zeros(1, np.uint64), np.cumsum(scrambled)])
        sums = total[ends] - total[ends - self.length] + _mix(~own.astype(np.uint64))  # [q]

        order = np.argsort(sums)
        ordered = sums[order]
        starts = _starts(ordered)
        sizes = np.diff(starts, append=len(order))
        if not self._parts_are_true(order, np.repeat(starts, sizes), own, news):
            return None
        old = own[order[starts]]  # [parts]
        by_class = np.argsort(old, kind="stable")  # and by sum within a class, as the parts are already
        old, sizes_by_class = old[by_class], sizes[by_class]
        first = _starts(old)
        class_of = np.repeat(np.arange(len(first)), np.diff(first, append=len(old)))
        candidates = np.flatnonzero(sizes_by_class == np.maximum.reduceat(sizes_by_class, first)[class_of])
        is_new = np.ones(len(old), bool)
        is_new[candidates[_starts(class_of[candidates])]] = False  # the first of the largest keeps the colour
        colors = np.empty_like(old)
        colors[by_class] = np.where(is_new, self.n_colors + np.cumsum(is_new) - 1, old)

        proposed = np.repeat(colors, sizes)
        moved = proposed >= self.n_colors
        changed, to = self.live[order[moved]], proposed[moved]
        self.colors[changed] = to
        self.fresh, self.n_colors = self.n_colors, self.n_colors + int(np.count_nonzero(is_new))
        self._look_at(self.live, self.length, self.seen, self.seen_through)
        return changed, to

    def _parts_are_true(self, order: np.ndarray, model: np.ndarray, own: np.ndarray, news: np.ndarray) -> bool:
        """Whether order[i] and order[model[i]] agree in colour and in all that they see of fresh colours."""
        like = np.empty(len(order), np.int64)
        like[order] = order[model]  # [q]: the first of the same part, with which each is compared
        look = news >= 0
        counts = self.length
        if not look.all():
            ends = np.cumsum(self.length)
            n_looks = np.concatenate([[0], np.cumsum(look)])
            counts = n_looks[ends] - n_looks[ends - self.length]
        if (own != own[like]).any() or (counts != counts[like]).any():
            return False
        radix = (self.n_colors - self.fresh) * self.n_labels
        if radix == 1:
            return True  # there is one thing to see: its count says all
        in_company = np.bincount(like, minlength=len(order))[like] > 1  # a part of one node needs no comparison
        look &= np.repeat(in_company, self.length)
        counts = np.where(in_company, counts, 0)
        key = news[look]
        if self.n_labels > 1:
            key = key * self.n_labels + self.seen_through[look]
        row = np.repeat(np.arange(len(order)), counts)
        key = np.sort(row * radix + key, kind="stable") - row * radix  # stable: quick where the rows are sorted already
        first = np.cumsum(counts) - counts  # where each node's row begins
        return bool((key == key[np.arange(len(key)) - (first - first[like])[row]]).all())


def _starts(values: np.ndarray) -> np.ndarray:
    """Where each run of equal values begins."""
    return np.flatnonzero(np.concatenate([[True], values[1:] != values[:-1]]))


class _Lists:
    """The same state in plain lists: class c is members[start[c] : start[c] + size[c]], node v stands at place[v]."""

    def __init__(self, colors: np.ndarray, fresh: int, indptr: list[int], indices: list[int], edge_ids: list[int]):
        self.indptr, self.indices, self.edge_ids = indptr, indices, edge_ids
        self.n_colors = int(colors.max(initial=-1)) + 1
        members = np.argsort(colors, kind="stable")
        place = np.empty_like(members)
        place[members] = np.arange(len(members))
        size = np.bincount(colors, minlength=self.n_colors)
        self.start, self.size = (np.cumsum(size) - size).tolist(), size.tolist()
        self.members, self.place, self.colors = members.tolist(), place.tolist(), colors.tolist()
        self.fresh_nodes = [v for v in self.members if self.colors[v] >= fresh]

    def n_seen(self) -> int:
        return sum(self.indptr[v + 1] - self.indptr[v] for v in self.fresh_nodes)

    def split(self, n_labels: int) -> tuple[list[int], list[int]]:
        colors, size = self.colors, self.size
        sees: dict[int, list[int]] = {}
        for v in self.fresh_nodes:
            color = colors[v] * n_labels
            for e in range(self.indptr[v], self.indptr[v + 1]):
                sees.setdefault(self.indices[e], []).append(color + self.edge_ids[e])
        classes: dict[int, dict[tuple[int, ...], list[int]]] = {}
        for v, seen in sees.items():
            if size[colors[v]] > 1:
                seen.sort()
                classes.setdefault(colors[v], {}).setdefault(tuple(seen), []).append(v)
        changed, to = [], []
        for c in sorted(classes):
            parts = classes[c]
            n_rest = size[c] - sum(map(len, parts.values()))  # those that see nothing fresh
            if n_rest:
                parts[()] = None
            if len(parts) == 1:
                continue
            sizes = {seen: n_rest if nodes is None else len(nodes) for seen, nodes in parts.items()}
            ordered = list(parts)
            if len(parts) > 2 or len(set(sizes.values())) == 1:
                ordered.sort(key=lambda seen: (self._sum(seen, c, n_labels), seen))
            largest = max(ordered, key=sizes.__getitem__)  # the first of the largest
            if n_rest and largest != ():
                here = self.members[self.start[c] : self.start[c] + size[c]]
                parts[()] = [v for v in here if v not in sees]
            for seen in ordered:
                if seen != largest:
                    nodes = parts[seen]
                    self._move(nodes, c)
                    changed += nodes
                    to += [self.n_colors] * len(nodes)
                    self.n_colors += 1
        self.fresh_nodes = changed
        return changed, to

    def _sum(self, seen: tuple[int, ...], color: int, n_labels: int) -> int:
        mask = (1 << 64) - 1
        terms = (_mix(key // n_labels) * _factor(key % n_labels) for key in seen)
        return (sum(terms) + _mix(~color & mask)) & mask

    def _move(self, nodes: list[int], c: int):
        """Nodes of class c become the class n_colors: they change places with the last of class c."""
        members, place = self.members, self.place
        end = self.start[c] + self.size[c]
        for v in nodes:
            end -= 1
            w, p = members[end], place[v]
            members[p], members[end], place[w], place[v] = w, v, p, end
            self.colors[v] = self.n_colors
        self.size[c] -= len(nodes)
        self.start.append(end)
        self.size.append(len(nodes))
