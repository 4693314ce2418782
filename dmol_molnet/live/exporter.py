"""A potential as one compact file, from which the engine in a page computes its energies and forces.

The engine knows the shapes of our networks, and nothing of this one: which irreps, paths, couplings and products there
are stands in the file, as `so3` makes them.  What is constant is multiplied out here: 1/sqrt(n) of sums of n terms, the
number of neighbours, the scale of the coupled product.

Radial functions are sums of few others, R_f(r) = sum_b y_b(r) M_bf, since their last layer is linear; where the R_f are
fewer, they stand for the y_b, and M is the identity.  Each y_b stands in the file as a quintic spline: value, slope and
curvature at knots from 0 to the cutoff, which lie the closer the more the functions bend there.  There are as few knots
as keep the error of forces below `ERROR`; it is measured, and the file says how large it is.

    bytes 0-7     DMOLLIVE
    8-11          version of the format, uint32, little endian as all that follows
    12-15         CRC-32 of what comes after byte 20
    16-19         n, length of the header
    20-(20+n)     the header: JSON, in UTF-8, filled up with spaces so that arrays begin at a multiple of 8
    then          arrays; the header says of each where it begins (from here), its type and its shape

Shapes: K channels, Z elements, X paths, B functions of the distance, N knots, Q couplings.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from dmol_molnet import so3
from dmol_molnet.files import write_whole
from dmol_molnet.molecules import SYMBOLS, InputError, Molecule, quoted
from dmol_molnet.nn import ace, design_space, schnet
from dmol_molnet.nn.graph import MolecularGraph
from dmol_molnet.nn.potential import Normalisation, Potential
from dmol_molnet.nn.radial import bessel_basis, cosine_cutoff, gaussian_basis, polynomial_cutoff

MAGIC, VERSION = b"DMOLLIVE", 1
ERROR = 2e-6
"""The largest error of a force, relative to the largest force in the molecule, that splines may make."""
FEWEST, MOST = 96, 1024
"""Knots that are tried first, and that there may be."""


def export(potential: Potential, path: str | Path | None = None) -> bytes:
    """Write a potential for the engine, all or nothing.

    Args:
        potential: of a `Network` or of a `SchNet`; of a committee, its mean is written.
        path: where to; None writes nothing.

    Returns:
        What the file holds.

    Raises:
        InputError: a network of another kind, or a potential that is not normalised.
    """
    if not isinstance(potential, Potential) or not isinstance(potential.model, design_space.Network | schnet.SchNet):
        raise InputError(f"the engine computes potentials of our networks, not {quoted(potential)}")
    if potential.normalisation is None:
        raise InputError("this potential has no reference energies yet: train it, or give it a Normalisation")
    exact, n = in_float64(potential), FEWEST
    error = _spline_errors(exact)
    while (off := error(n)) > ERROR:
        if n == MOST:
            raise InputError(f"{n} knots leave an error of {off:.1e} in forces: the radial functions are too wild")
        n = min(-(-int(n * (2 * off / ERROR) ** 0.2) // 16) * 16, MOST)  # it falls as the fifth power
    file = _File()
    part = _network if isinstance(potential.model, design_space.Network) else _schnet
    elements = [SYMBOLS.index(s) for s in potential.normalisation.shifts]
    header = {
        "cutoff": potential.cutoff,
        "numbers": elements,
        "shifts": [potential.normalisation.shifts[SYMBOLS[z]] for z in elements],
        "scales": [potential.normalisation.scales[SYMBOLS[z]] for z in elements],
        "spline error": float(f"{off:.2g}"),
        "model": part(exact.model, n, file, elements),
    }
    data = file.bytes(header)
    if path is not None:
        write_whole(path, data)
    return data


class _File:
    """Arrays one after the other, and a header that says where they are."""

    def __init__(self):
        self.arrays, self.at, self.known = [], 0, []

    def add(self, array, dtype: str = "float32") -> int:
        """The number of the array in the file."""
        array = np.ascontiguousarray(array, np.dtype(dtype).newbyteorder("<"))
        self.known.append({"at": self.at, "type": dtype, "shape": list(array.shape)})
        data = array.tobytes()
        self.arrays.append(data + bytes(-len(data) % 8))
        self.at += len(self.arrays[-1])
        return len(self.known) - 1

    def bytes(self, header: dict) -> bytes:
        """The whole file."""
        text = json.dumps({**header, "arrays": self.known}, ensure_ascii=False, separators=(",", ":")).encode()
        text += b" " * (-(20 + len(text)) % 8)
        body = text + b"".join(self.arrays)
        numbers = np.array([VERSION, zlib.crc32(body), len(text)], "<u4").tobytes()
        return MAGIC + numbers + body


# ------------------------------------------------------------------------------------------------ the networks


def _network(model: design_space.Network, n: int, file: _File, elements: list[int]) -> dict:
    """All layers of a point of the design space."""
    rows = [model.numbers.index(z) for z in elements]  # of the weights by element
    return {
        "kind": "network",
        "channels": model.arguments["channels"],
        "l_max": model.l_max,
        "silu": ace.silu_scale(),
        "embedding": file.add(model.embedding.numpy()[rows]),
        "layers": [_interaction(one, n, rows, file) for one in model.interactions],
        "readouts": [
            [file.add(_divided(kernel)) for kernel in model.heads[str(t)].kernels] if str(t) in model.heads else None
            for t in range(len(model.interactions))
        ],
    }


def _couplings(basis: ace.AtomicBasis, file: _File) -> list[dict]:
    """Of each sender: its rows, the couplings that lead to them, and how their channels are mixed."""
    mix = np.split(basis.mix.numpy() / basis.neighbors, np.cumsum([len(c.paths) for c in basis.couplings])[:-1])
    found, first = [], 0
    for c, sender, W, up in zip(basis.couplings, basis.senders, mix, basis.up, strict=True):
        C = c.matrix.reshape(len(c.path), sender.dim, -1)  # [g, m, (l_max+1)^2]
        g, m, q = np.nonzero(C)
        here, to = np.nonzero(c.rows.T)  # each row g adds to one row of A, all those of a path with one factor
        start = [int(np.argmax(c.path == x)) for x in range(len(c.paths))]
        found.append({
            "rows": len(c.path), "dim": sender.dim, "first": first,
            "path": file.add(c.path, "int32"), "sign": file.add(c.sign, "int32"), "to": file.add(to, "int32"),
            "g": file.add(g, "int32"), "m": file.add(m, "int32"), "q": file.add(q, "int32"),
            "C": file.add(C[g, m, q], "float64"),
            "up": file.add(_divided(up)), "mix": file.add(W * c.rows[to, here][start][:, None, None]),
        })  # fmt: skip
        first += len(c.paths)
    return found


def _levels(products: ace.ProductBasis, file: _File) -> list[dict]:
    """Which rows each level of products multiplies, and how it adds them up."""
    found = []
    for a, P, b, Q, S in products.tree.steps if products.correlation > 1 else ():
        row, column = np.nonzero(S)
        found.append({
            "a": int(a), "b": int(b), "rows": len(S),
            "P": file.add(P, "int32"), "Q": file.add(Q, "int32"),
            "row": file.add(row, "int32"), "column": file.add(column, "int32"),
            "S": file.add(np.asarray(S)[row, column], "float64"),
        })  # fmt: skip
    return found


def _interaction(layer: design_space.Interaction, n: int, rows: list[int], file: _File) -> dict:
    """One layer."""
    basis, products = layer.atomic_basis, layer.product_basis
    blocks = []  # of each irrep of the message: its couplings, by nu
    for irrep in products.outputs:
        found = [(nu, *products.rows_of(nu, irrep)) for nu in range(1, products.correlation + 1)]
        blocks.append([{"nu": nu, "start": int(start), "count": int(q)} for nu, start, q in found if q])
    update, norm = layer.update, layer.norm
    return {
        "senders": [str(x) for x in layer.senders], "receivers": [str(x) for x in layer.receivers],
        "basis": [str(x) for x in basis.receivers],
        "norm": None if norm is None else {"eps": norm.eps, "gain": [file.add(g.numpy()) for g in norm.gain]},
        "radial": _radial(layer, n, file),
        "couplings": _couplings(basis, file),
        "levels": _levels(products, file),
        "blocks": blocks,
        "message": [
            file.add(_by_element(kernel.numpy() / np.sqrt(kernel.shape[1]), rows)) for kernel in layer.message.kernels
        ],
        "kernels": [file.add(_divided(kernel)) for kernel in update.kernels],
        "old": [_old(update, irrep, layer.senders, rows, file) for irrep in update.irreps],
        "gates": [
            file.add(_divided(update.gate[update.gated.index(x)])) if x in update.gated else None
            for x in update.irreps
        ]
        if update.gates
        else None,
    }  # fmt: skip


def _old(update: ace.Update, irrep: so3.Irrep, senders, rows: list[int], file: _File) -> dict | None:
    """What is kept of the features before: by element [Z, K, K]."""
    if str(irrep) not in update.old:
        return None
    kernel = _divided(update.old[str(irrep)])  # [K, Z K]
    kernel = kernel.reshape(len(kernel), -1, len(kernel)).transpose(1, 0, 2)  # [Z, K, K]
    return {"sender": senders.index(irrep), "kernel": file.add(_by_element(kernel, rows))}


def _schnet(model: schnet.SchNet, n: int, file: _File, elements: list[int]) -> dict:
    """All layers of a SchNet."""

    def dense(layer):
        return {
            "kernel": file.add(layer.kernel.numpy()),
            "bias": file.add(layer.bias.numpy()) if layer.use_bias else None,
        }

    layers = []
    for one in model.interactions:
        layers.append({
            "radial": _radial(one, n, file, one.neighbors),
            "sender": dense(one.sender),
            "update": [dense(layer) for layer in one.update],
        })  # fmt: skip
    return {
        "kind": "schnet",
        "channels": model.arguments["channels"],
        "embedding": file.add(model.embedding.embeddings.numpy()[elements]),
        "layers": layers,
        "readout": [dense(layer) for layer in model.readout],
    }


def _divided(kernel) -> np.ndarray:
    """A kernel of variance 1 [n, …] that a sum of n terms is weighted by, divided by sqrt(n)."""
    return np.asarray(kernel.numpy() if hasattr(kernel, "numpy") else kernel, float) / np.sqrt(kernel.shape[0])


def _by_element(kernel: np.ndarray, rows: list[int]) -> np.ndarray:
    """Those of the potential's elements, or the one that all share: [Z or 1, …]."""
    return kernel[rows] if len(kernel) > 1 else kernel


# ------------------------------------------------------------------------------------------------ splines


def _hidden(radial: ace.Radial):
    """y_b(r) of a network's radial functions: r [P] Å -> [P, B], float64."""

    def y(r):
        scale = np.sqrt(radial.cutoff**3 / 3)
        y = scale * bessel_basis(r, radial.radial, radial.cutoff) * polynomial_cutoff(r, radial.cutoff, 5)[:, None]
        for kernel in radial.kernels[:-1]:
            y = ace.silu(ace.weigh(y, tf.cast(kernel.value, "float64")))
        return y

    return y


def _filter(layer: schnet.Interaction):
    """f s and f of a SchNet's filters: r [P] Å -> [P, K + 1], float64."""

    def y(r):
        f = cosine_cutoff(r, layer.cutoff)[:, None]
        return tf.concat([f * layer.filter[0](gaussian_basis(r, layer.radial, layer.cutoff)), f], 1)

    return y


def _functions(layer: design_space.Interaction | schnet.Interaction):
    """y and M [B, F] of a layer's radial functions, and their cutoff."""
    if isinstance(layer, schnet.Interaction):
        last = layer.filter[1]
        return _filter(layer), np.concatenate([last.kernel.numpy(), last.bias.numpy()[None]]), layer.cutoff
    radial = layer.atomic_basis.radial
    y, last = _hidden(radial), _divided(radial.kernels[-1])
    if last.shape[0] <= last.shape[1]:
        return y, last, radial.cutoff
    return lambda r: y(r) @ last, np.eye(last.shape[1]), radial.cutoff  # few R_f: they themselves, and M = 1


def _radial(layer, n: int, file: _File, divisor: float = 1.0) -> dict:
    """Splines of y and the matrix M [B, F] behind them."""
    y, last, cutoff = _functions(layer)
    r, last = knots(y, last, cutoff, n), last / divisor
    value, slopes = np.split(spline(y, r), [1], axis=1)
    return {
        "knots": file.add(r, "float64"),
        "value": file.add(value, "float64"),  # where knots lie close, slopes come from small differences of values
        "slopes": file.add(slopes),
        "matrix": file.add(last),
    }


def knots(y, last: np.ndarray, cutoff: float, n: int) -> np.ndarray:
    """r [N] Å from 0 to the cutoff, N = n, the error of a spline's slope spread evenly between them.

    That error grows as the fifth power of the spacing.  So it is measured with even spacing, and its fifth root is how
    close knots should lie; but nowhere are they much sparser than even ones.
    """
    even, places = np.linspace(0, cutoff, n), 8 * n
    r = tf.constant((np.arange(places) + 0.5) * cutoff / places)
    table = tf.constant(spline(y, even))
    splined = _slope(lambda r: interpolated(r, even, table))
    wrong = (_slope(y)(r) - splined(r)).numpy() @ last  # [places, F]
    density = np.abs(wrong).max(axis=1).reshape(n, -1).max(axis=1) ** 0.2
    density = np.convolve(np.pad(density, 1, mode="edge"), np.ones(3) / 3, "valid") + 0.5 * density.mean()
    share = np.concatenate([[0], np.cumsum(density)]) / density.sum()
    return np.interp(np.linspace(0, 1, n), share, np.linspace(0, cutoff, n + 1))


def _slope(y):
    """dy_b/dr as a function of r [P] -> [P, B].

    By two reverse passages: the slope of sum_pb u_pb y_b(r_p) by r is linear in u, and its coefficients are dy_b/dr.
    """

    def slope(r):
        with tf.GradientTape() as outer:
            with tf.GradientTape() as inner:
                inner.watch(r)
                found = y(r)
                u = tf.ones_like(found)
                outer.watch(u)
                total = tf.reduce_sum(u * found)
            along = inner.gradient(total, r)
        return outer.gradient(along, u)

    return slope


def spline(y, r: np.ndarray) -> np.ndarray:
    """Value, slope and curvature of y at the knots r [N] Å: [N, 3, B]."""
    r = tf.constant(np.append(r[:-1], np.nextafter(r[-1], 0)))  # at the cutoff, as they are from inside
    return np.stack([y(r), _slope(y)(r), _slope(_slope(y))(r)], 1)


def interpolated(r, knots: np.ndarray, table):
    """The spline of `spline` at r [P] Å, on tensors: [P, B]."""
    k = tf.clip_by_value(tf.searchsorted(tf.constant(knots), r, "right") - 1, 0, len(knots) - 2)
    h = tf.gather(tf.constant(np.diff(knots)), k)  # [P]
    t = ((r - tf.gather(tf.constant(knots), k)) / h)[:, None]
    a, b, h = tf.gather(table, k), tf.gather(table, k + 1), h[:, None]  # [P, 3, B]
    return sum(h**n * (w(t) * a[:, n] + (-1) ** n * w(1 - t) * b[:, n]) for n, w in enumerate(HERMITE))


HERMITE = (
    lambda t: 1 - t**3 * (10 - 15 * t + 6 * t * t),
    lambda t: t - t**3 * (6 - 8 * t + 3 * t * t),
    lambda t: t * t * (1 - 3 * t + 3 * t * t - t**3) / 2,
)
"""What value, slope and curvature at the left knot weigh; at the right one, of 1 - t, the slope with the other sign."""


# ------------------------------------------------------------------------------------------------ how good they are


def in_float64(potential: Potential) -> Potential:
    """The same potential, computing in float64."""
    with design_space.computing_in("float64"):
        model = type(potential.model).from_config({**potential.model.get_config(), "dtype": "float64"})
        twin = Potential(model, Normalisation(**vars(potential.normalisation)))
    model.set_weights(potential.model.get_weights())
    return twin


def _samples(potential: Potential, molecules: int = 8, atoms: int = 5) -> list[Molecule]:
    """Random clouds of the potential's elements, no two atoms closer than 0.8 Å."""
    rng, found = np.random.default_rng(0), []
    numbers = [SYMBOLS.index(s) for s in potential.normalisation.shifts]
    while len(found) < molecules:
        x = rng.uniform(0, 0.6 * potential.cutoff, size=(atoms, 3))
        apart = np.linalg.norm(x[:, None] - x[None], axis=-1)[np.triu_indices(atoms, 1)]
        if apart.min() > 0.8:
            found.append(Molecule(rng.choice(numbers, size=atoms), x))
    return found


def _spline_errors(potential: Potential) -> Callable[[int], float]:
    """By the number of knots, the largest error of a force, relative to the largest force in its molecule."""
    with design_space.computing_in("float64"):
        graph = MolecularGraph.from_molecules(_samples(potential), potential.cutoff)
    exact = potential.derivatives(graph)[1].numpy()
    molecules = [np.asarray(graph.molecule) == k for k in range(len(graph.sizes))]

    def error(n: int) -> float:
        with _splined(potential.model, n):
            off = np.abs(potential.derivatives(graph)[1].numpy() - exact)
        return max(float(off[here].max() / np.abs(exact[here]).max()) for here in molecules)

    return error


@contextmanager
def _splined(model: keras.Model, n: int) -> Iterator[None]:
    """Inside, the model's radial functions are splines as the file has them, in float32."""

    def replaced(layer):
        y, last, cutoff = _functions(layer)
        r = knots(y, last, cutoff, n)
        value, slopes = np.split(spline(y, r), [1], axis=1)
        slopes, last = (x.astype("float32").astype("float64") for x in (slopes, last))
        table = tf.constant(np.concatenate([value, slopes], 1))
        return lambda d: interpolated(d, r, table) @ last  # [P, F]

    changed = []
    for layer in model.interactions:
        if isinstance(layer, schnet.Interaction):
            layer.filters = replaced(layer)
            changed.append((layer, "filters"))
        else:
            radial = layer.atomic_basis.radial
            f = replaced(layer)
            radial.call = lambda r, f=f, X=radial.paths, K=radial.channels: tf.transpose(
                tf.reshape(f(r), (-1, X, K)), [1, 0, 2]
            )
            changed.append((radial, "call"))
    try:
        yield
    finally:
        for layer, name in changed:
            delattr(layer, name)
