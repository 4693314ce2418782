"""A graph as arrays, and its labels as bytes that are equal exactly for equal labels."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain

import networkx as nx
import numpy as np

from dmol_molnet.molecules import InputError, Molecule, quoted

Graph = nx.Graph | Molecule
"""An undirected graph with single edges, or a molecule."""

Label = str | Sequence[str] | bool | None
"""The name of an attribute, or a list of names; None leaves it to the function, False means none."""


@dataclass(frozen=True)
class Arrays:
    """A graph by node number: the neighbours of v are indices[indptr[v] : indptr[v + 1]].

    node_codes [n], edge_codes [2m]: labels as bytes (`encode`); None where there are no labels.
    """

    names: Sequence[Hashable]
    indptr: np.ndarray
    indices: np.ndarray
    node_codes: list[bytes] | None
    edge_codes: list[bytes] | None

    def neighbors(self, v: int) -> list[tuple[int, bytes]]:
        """The neighbours of v, each with the code of the edge between."""
        around = range(self.indptr[v], self.indptr[v + 1])
        return [(int(self.indices[e]), self.edge_codes[e] if self.edge_codes else b"") for e in around]


def read(graph: Graph, node_label: Label, edge_label: Label) -> Arrays:
    """The graph as arrays.  Raises: InputError, as `refine` says."""
    if isinstance(graph, Molecule):
        return _read_molecule(graph, "element" if node_label is None else node_label, edge_label)
    if not isinstance(graph, nx.Graph):
        raise InputError(f"a graph is a networkx.Graph or a Molecule, not {quoted(graph)}")
    if graph.is_directed() or graph.is_multigraph():
        kind = "a directed graph" if graph.is_directed() else "a multigraph"
        raise InputError(f"colour refinement here is for undirected graphs with single edges, and this is {kind}")
    names = list(graph)
    neighborhoods = [neighbors for _, neighbors in graph.adjacency()]
    indptr = np.zeros(len(names) + 1, np.int64)
    np.cumsum([len(neighbors) for neighbors in neighborhoods], out=indptr[1:])
    flat = chain.from_iterable(neighborhoods)
    if names != list(range(len(names))):
        number = {name: v for v, name in enumerate(names)}
        flat = map(number.__getitem__, flat)
    indices = np.fromiter(flat, np.int64, count=int(indptr[-1]))
    node_codes = edge_codes = None
    if node_label is not None and node_label is not False:
        coded = _label_encoder(node_label, "node")
        node_codes = [coded(data, name) for name, data in graph.nodes(data=True)]
    if edge_label is not None and edge_label is not False:
        coded = _label_encoder(edge_label, "edge")
        edge_codes = [
            coded(data, (name, other))
            for name, neighbors in zip(names, neighborhoods, strict=True)
            for other, data in neighbors.items()
        ]
    return Arrays(names, indptr, indices, node_codes, edge_codes)


def _read_molecule(molecule: Molecule, node_label: Label, edge_label: Label) -> Arrays:
    n, bonds = len(molecule), molecule.bonds
    receivers, senders = np.concatenate([bonds, bonds[:, ::-1]]).T
    order = np.argsort(receivers, kind="stable")
    indptr = np.concatenate([[0], np.cumsum(np.bincount(receivers, minlength=n))])
    node_codes = edge_codes = None
    if node_label is not False:
        known = {
            "element": molecule.symbols,
            "charge": molecule.formal_charges.tolist(),
            "hydrogens": molecule.implicit_hydrogens.tolist(),
        }
        _refuse_unknown(node_label, known, "atoms")
        coded = _label_encoder(node_label, "atom")
        atoms = [dict(zip(known, values, strict=True)) for values in zip(*known.values(), strict=True)]
        node_codes = [coded(atom, v) for v, atom in enumerate(atoms)]
    if edge_label is not None and edge_label is not False:
        _refuse_unknown(edge_label, {"order": molecule.bond_orders}, "bonds")
        codes = [encode(x) for x in molecule.bond_orders.tolist()] * 2
        edge_codes = [codes[e] for e in order]
    return Arrays(range(n), indptr, senders[order], node_codes, edge_codes)


def _refuse_unknown(label: Label, known: dict, what: str):
    for name in _names(label):
        if name not in known:
            raise InputError(f"a molecule's {what} carry {', '.join(map(repr, known))}, not {quoted(name)}")


def _names(label: Label) -> Sequence[Hashable]:
    """The names of the attributes that make up a label."""
    names = label if isinstance(label, list | tuple) else [label]
    for name in names:
        if not isinstance(name, Hashable) or isinstance(name, np.ndarray):
            raise InputError(f"a label is named by an attribute or a list of attributes, not by {quoted(label)}")
    return names


def _label_encoder(label: Label, what: str) -> Callable[[dict, Hashable], bytes]:
    """A function from a node's (edge's) attributes and its name to the code of its label."""
    names = _names(label)
    cache: dict[tuple[type, Hashable], bytes] = {}

    def coded(data: dict, where: Hashable) -> bytes:
        codes = []
        for name in names:
            if name not in data:
                raise InputError(f"{what} {quoted(where)} has no attribute {quoted(name)}")
            value = data[name]
            if type(value) in (str, int, float):  # the type is part of the key: 1 == 1.0 == True
                key = (type(value), value)
                code = cache.get(key)
                if code is None:
                    code = cache[key] = encode(value)
            else:
                try:
                    code = encode(value)
                except RecursionError:
                    raise InputError(f"the label of {what} {quoted(where)} is nested too deeply") from None
            codes.append(code)
        return codes[0] if len(codes) == 1 else join(codes)

    return coded


def join(parts: Iterable[bytes]) -> bytes:
    """All parts in one, each behind its length, so that different parts never make the same whole."""
    return b"".join(b"%d:" % len(part) + part for part in parts)


def encode(label: object) -> bytes:
    """Bytes that are equal exactly for equal labels.  Numbers are equal by value (1 is 1.0), True is not 1."""
    if isinstance(label, np.generic):
        label = label.item()
    if label is None:
        return b"none"
    if isinstance(label, bool):
        return b"true" if label else b"false"
    if isinstance(label, str):
        return b"text " + label.encode("utf-8", "surrogatepass")
    if isinstance(label, int):
        return b"number %x" % label
    if isinstance(label, float) and not math.isnan(label):
        return b"number %x" % int(label) if label.is_integer() else b"number " + label.hex().encode()
    if isinstance(label, tuple):
        return b"tuple " + join(map(encode, label))
    what = "not a number" if isinstance(label, float) else f"a {type(label).__name__}, {quoted(label)}"
    raise InputError(f"a label is text, a number, True, False, None or a tuple of these; this one is {what}")


def decode(code: bytes) -> object:
    """The label that `encode` made into bytes; a number as int or float."""
    kind, _, rest = code.partition(b" ")
    if kind == b"text":
        return rest.decode("utf-8", "surrogatepass")
    if kind == b"number":
        text = rest.decode()
        return float.fromhex(text) if "p" in text or "n" in text else int(text, 16)
    if kind == b"tuple":
        parts = []
        while rest:
            length, _, rest = rest.partition(b":")
            parts.append(decode(rest[: int(length)]))
            rest = rest[int(length) :]
        return tuple(parts)
    return {b"none": None, b"true": True, b"false": False}[kind]


def ids(g: Arrays) -> tuple[np.ndarray, list[bytes], np.ndarray, list[bytes]]:
    """Node labels int [n] and edge labels int [2m] as numbers, each with its palette of codes, sorted."""

    def number(codes: list[bytes] | None, length: int) -> tuple[np.ndarray, list[bytes]]:
        if codes is None:
            return np.zeros(length, np.int64), []
        palette = sorted(set(codes))
        rank = {code: i for i, code in enumerate(palette)}
        return np.fromiter(map(rank.__getitem__, codes), np.int64, count=length), palette

    return *number(g.node_codes, len(g.names)), *number(g.edge_codes, len(g.indices))


def union(a: Arrays, b: Arrays) -> Arrays:
    """The disjoint union: the nodes of a, then those of b, named by their numbers."""

    def both(first, second):
        return None if first is None else first + second

    return Arrays(
        range(len(a.names) + len(b.names)),
        np.concatenate([a.indptr, b.indptr[1:] + a.indptr[-1]]),
        np.concatenate([a.indices, b.indices + len(a.names)]),
        both(a.node_codes, b.node_codes),
        both(a.edge_codes, b.edge_codes),
    )
