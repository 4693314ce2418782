"""The networks by name: `build("mace")` makes one, `describe("mace")` says what it is.

One class, `Network`, runs through the space.  Each of its layers forms the atomic basis A, its products B, a message
and an update, as in `dmol_molnet.nn.ace`; the named points differ in nothing but its arguments.

Every model takes a `MolecularGraph` and gives one energy a molecule; `model.features(graph)` gives its atoms' features,
by irrep.

Sources: Batatia et al. (2025), `batatia2025design`, for the space; Kellner and Ceriotti (2024),
`kellner2024uncertainty`, for committees of readouts (`dmol_molnet.nn.potential` says how members are drawn).

Shapes: G molecules, A atoms, P pairs, K features (channels), Z elements.
"""

from __future__ import annotations

import inspect
import math
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

import keras
import numpy as np
import tensorflow as tf

from dmol_molnet import so3
from dmol_molnet.molecules import SYMBOLS, InputError, quoted
from dmol_molnet.nn.ace import AtomicBasis, Layer, LayerNorm, Message, ProductBasis, Readout, Update
from dmol_molnet.nn.graph import MolecularGraph, lengths, molecule_sum, pair_vectors
from dmol_molnet.nn.harmonics import spherical_harmonics
from dmol_molnet.nn.schnet import SchNet, deviation, deviations, seeds_from
from dmol_molnet.nn.taxonomy import ROWS
from dmol_molnet.so3 import Irrep

SCALAR = Irrep(0, 1)


@keras.saving.register_keras_serializable(package="dmol_molnet")
class Network(keras.Model):
    """Any point of the design space; `build` gives the named ones.

    Args:
        channels: K, features of an atom, of each irrep and component.
        layers: T, how many times messages are sent.
        l_max: highest degree of the spherical harmonics, and of A.
        hidden_l_max: highest degree of the features that atoms send on.
        correlation: nu, how many neighbours a message multiplies, 1 to 4; its body order is nu + 1.
        cutoff: Å; atoms farther apart do not see each other.
        radial: how many Bessel functions.
        parity: True: O(3), with mirrors; False: SO(3), rotations alone, in which every irrep is called even.
        readout: the irrep of the answer, as "0e" for an energy, "0o" for a pseudoscalar, "1o" for a vector.
        gates: whether updates are nonlinear: scalars through silu, directions by gates.
        norm: whether the features that a layer receives are brought to size 1 first, irrep by irrep.
        message: whose weights a message has: "element", of its receiver, or "shared".
        memory: by whose weights an update keeps the features before: "element", "shared", or "none".
        readouts: "all" layers are read, or the "last".
        hidden: units of the last readout's hidden layer; 0 makes it linear.  An answer that is no scalar is linear.
        members: M, how many readouts a committee has; the energy is their mean.  For energies alone.
        elements: symbols of the elements that have weights; None for all there are.
        neighbors: n, what sums over neighbours are divided by.  None leaves it to the potential, which takes the
            average number in its training set, and is 1 until then.
        seed: of the initial weights; None takes the global generator's.

    Attributes:
        interactions: one `Interaction` a layer; the last makes only what is read.

    Raises:
        InputError: a number or word that cannot be; a readout or hidden irrep that no coupling leads to.
    """

    def __init__(
        self,
        channels: int = 32,
        layers: int = 2,
        l_max: int = 3,
        hidden_l_max: int = 1,
        correlation: int = 3,
        cutoff: float = 5.0,
        radial: int = 8,
        parity: bool = True,
        readout: str = "0e",
        gates: bool = False,
        norm: bool = False,
        message: str = "element",
        memory: str = "element",
        readouts: str = "all",
        hidden: int = 16,
        members: int = 1,
        elements: Sequence[str] | None = None,
        neighbors: float | None = None,
        seed: int | None = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.arguments = {
            "channels": channels, "layers": layers, "l_max": l_max, "hidden_l_max": hidden_l_max,
            "correlation": correlation, "cutoff": cutoff, "radial": radial, "parity": parity, "readout": readout,
            "gates": gates, "norm": norm, "message": message, "memory": memory, "readouts": readouts, "hidden": hidden,
            "members": members, "elements": None if elements is None else list(elements), "seed": seed,
        }  # fmt: skip
        _plain(self.arguments)
        neighbors = neighbors.item() if isinstance(neighbors, np.integer | np.floating) else neighbors
        _check(self.arguments, neighbors)
        with computing_in(self.dtype_policy):  # a network of float64 has layers of float64, also when it is loaded
            self._make(**self.arguments, neighbors=neighbors)

    def _make(
        self, channels, layers, l_max, hidden_l_max, correlation, cutoff, radial, parity, readout, gates, norm, message,
        memory, readouts, hidden, members, elements, seed, neighbors,
    ):  # fmt: skip
        """All layers and weights, of arguments that are checked."""
        self.cutoff, self.l_max, self.readout, self.members = float(cutoff), l_max, Irrep.of(readout), members
        numbers = range(1, len(SYMBOLS)) if elements is None else [SYMBOLS.index(symbol) for symbol in elements]
        self.numbers = tuple(numbers)
        seeds, Z = seeds_from(seed), len(self.numbers)
        normal = keras.initializers.RandomNormal(stddev=1.0, seed=next(seeds))
        self.embedding = self.add_weight(name="embedding", shape=(Z, channels), initializer=normal)
        settings = {
            "l_max": l_max, "channels": channels, "correlation": correlation, "cutoff": self.cutoff, "radial": radial,
            "parity": parity, "gates": gates, "norm": norm, "message": {"element": Z, "shared": 1}[message],
            "memory": {"element": Z, "shared": 1, "none": 0}[memory],
        }  # fmt: skip
        self.interactions, self.rest = [], None
        senders = (SCALAR,)
        for receivers, rest in _irreps(self.arguments):
            self.interactions.append(Interaction(join(senders), join(receivers), **settings, seed=next(seeds)))
            if rest:
                self.rest = Interaction(join(senders), join(rest), **settings, seed=next(seeds))
                self.rest.trainable = False  # no energy depends on it
            senders = receivers
        hidden = hidden if self.readout == SCALAR else 0
        layers_read = range(layers) if readouts == "all" else [layers - 1]
        self.heads = {
            str(t): Readout(channels, hidden if t == layers - 1 else 0, next(seeds))
            for t in layers_read
            if self.readout in self.interactions[t].receivers
        }
        self.deviation = deviation(self, sum(head.kernels[-1].shape[0] for head in self.heads.values()))
        self.neighbors = neighbors
        self.built = True

    @property
    def neighbors(self) -> float | None:
        """What sums over neighbours are divided by; None for 1, until a potential sets it."""
        return self._neighbors

    @neighbors.setter
    def neighbors(self, value: float | None) -> None:
        """Set it in all layers."""
        self._neighbors = value
        for interaction in [*self.interactions, *([self.rest] if self.rest else [])]:
            interaction.atomic_basis.neighbors = 1.0 if value is None else value

    @property
    def readout_weights(self) -> list[keras.Variable]:
        """What is trained of the readouts of all layers; the rest is the trunk."""
        return [weight for head in self.heads.values() for weight in head.trainable_variables]

    def __call__(self, graph: MolecularGraph, *arguments, **more):
        """As `call`.

        Raises:
            InputError: an element without weights; inside of a `tf.function`, which cannot know, it adds nothing.
        """
        self._refuse_strangers(graph)  # here, since Keras would write pages around what is raised below
        return super().__call__(graph, *arguments, **more)

    def call(self, graph: MolecularGraph, positions: tf.Tensor | None = None):
        """The answer for each molecule, [G] or [G, 2l+1]; with `positions` [A, 3] Å in place of the graph's."""
        return molecule_sum(self.atomic(graph, positions), graph)

    def atomic_energies(self, graph: MolecularGraph, positions: tf.Tensor | None = None):
        """What each atom adds to the energy of its molecule [A]; of a committee, the mean."""
        if self.readout != SCALAR:
            raise InputError(f"an energy is a scalar, 0e; this network answers {self.readout}")
        return self.atomic(graph, positions)

    def atomic_members(self, graph: MolecularGraph, positions: tf.Tensor | None = None):
        """What each atom adds to the energy of its molecule, by member [A, M]."""
        return self.atomic_energies(graph, positions)[:, None] + self.atomic_deviations(graph, positions)

    def atomic_deviations(self, graph: MolecularGraph, positions: tf.Tensor | None = None):
        """What each member deviates from the mean [A, M]; of one member, zeros."""
        return deviations(self.last(graph, positions), self.deviation)

    def last(self, graph: MolecularGraph, positions: tf.Tensor | None = None):
        """What the last kernels of all readouts of scalars weigh, one after the other [A, F]."""
        layers = self._run(graph, positions)[0]
        read = [(self.heads[str(t)], _part(h, one.receivers, SCALAR)) for t, one, h in layers if str(t) in self.heads]
        return tf.concat([head.last(part) for head, part in read], 1)

    def atomic(self, graph: MolecularGraph, positions: tf.Tensor | None = None):
        """What each atom adds to the answer: [A], or [A, 2l+1]."""
        y = 0.0
        for t, interaction, h in self._run(graph, positions)[0]:
            if str(t) in self.heads:
                y += self.heads[str(t)](_part(h, interaction.receivers, self.readout))  # [A, 2l+1]
        return y[:, 0] if self.readout.l == 0 else y

    def features(self, graph: MolecularGraph, positions: tf.Tensor | None = None) -> dict[str, tf.Tensor]:
        """The atoms' features after the last layer, by irrep: {"0e": [A, K], "1o": [A, K, 3], …}, m = -l … l last.

        What no readout reads (directions in the last layer, for an energy) has the random weights of the beginning.
        """
        return self.trace(graph, positions)[-1]

    def trace(self, graph: MolecularGraph, positions: tf.Tensor | None = None) -> list[dict[str, tf.Tensor]]:
        """The features at the start and after each layer, T + 1 of them, each as of `features`."""
        layers, (before, Y, r, z, start) = self._run(graph, positions)
        found = [{SCALAR: start}]
        found += [{x: _part(h, made.receivers, x) for x in made.receivers} for _, made, h in layers]
        if self.rest:
            h = self.rest(before, Y, r, z, graph)
            found[-1] = {x: _part(h, self.rest.receivers, x) for x in self.rest.receivers} | found[-1]
        return [{str(x): h[x][0] if x.l == 0 else tf.transpose(h[x], [1, 2, 0]) for x in sorted(h)} for h in found]

    def get_config(self):
        """The arguments, for saving."""
        return {**super().get_config(), **self.arguments, "neighbors": self.neighbors}

    def _refuse_strangers(self, graph) -> None:
        if len(self.numbers) < len(SYMBOLS) - 1 and tf.executing_eagerly():  # a program knows no numbers yet
            unknown = sorted(set(np.asarray(graph.numbers).tolist()) - {0, *self.numbers})
            if unknown:
                raise InputError(
                    f"this network has no weights for {', '.join(SYMBOLS[z] for z in unknown)}; its elements are "
                    f"{', '.join(SYMBOLS[z] for z in self.numbers)}"
                )

    def _run(self, graph, positions):
        """(t, interaction, features [rows, A, K]) of every layer; what entered the last one; and the first features."""
        vectors = tf.cast(pair_vectors(graph, positions), self.compute_dtype)  # [P, 3]
        r = lengths(vectors)  # [P]
        Y = spherical_harmonics(self.l_max, vectors / r[:, None])  # [(l_max+1)^2, P]
        row = np.full(len(SYMBOLS), -1)
        row[list(self.numbers)] = np.arange(len(self.numbers))
        self._refuse_strangers(graph)
        z = tf.one_hot(tf.gather(tf.constant(row), graph.numbers), len(self.numbers), dtype=r.dtype)  # [A, Z]
        h = start = (z @ self.embedding)[None]  # [1, A, K]
        found = []
        for t, interaction in enumerate(self.interactions):
            before, h = h, interaction(h, Y, r, z, graph)
            found.append((t, interaction, h))
        return found, (before, Y, r, z, start)


@keras.saving.register_keras_serializable(package="dmol_molnet")
class Interaction(Layer):
    """One layer: A, its products, the message and the update.

    Args:
        senders, receivers: irreps of the features before and after, as "0e+1o".
        message, memory: how many elements have weights of their own, as of `Message` and `Update`.
        The others: as of `Network`.
    """

    def __init__(
        self,
        senders,
        receivers,
        l_max,
        channels,
        correlation,
        cutoff,
        radial,
        parity,
        gates,
        norm,
        message,
        memory,
        seed=None,
    ):
        super().__init__(
            seed, senders=senders, receivers=receivers, l_max=l_max, channels=channels, correlation=correlation,
            cutoff=cutoff, radial=radial, parity=parity, gates=gates, norm=norm, message=message, memory=memory,
        )  # fmt: skip
        self.senders, self.receivers = so3.irreps(senders), so3.irreps(receivers)
        A = join(so3.harmonic_irreps(l_max, parity)) if correlation > 1 else receivers
        seeds = self._seeds
        self.atomic_basis = AtomicBasis(senders, A, l_max, channels, cutoff, radial, parity, seed=next(seeds))
        self.product_basis = ProductBasis(A, receivers, correlation, parity)
        couplings = [self.product_basis.count(irrep) for irrep in self.receivers]
        self.message = Message(couplings, channels, message, next(seeds))
        self.update = Update(receivers, senders, channels, memory, gates, next(seeds))
        self.norm = LayerNorm(senders, channels) if norm else None
        self.built = True

    def call(self, h, Y, r, z, graph):
        """h [rows, A, K], Y [(l_max+1)^2, P], r [P] Å, z one-hot [A, Z] -> [rows, A, K]."""
        A = self.atomic_basis(h if self.norm is None else self.norm(h), Y, r, graph)
        B = self.product_basis(A)
        m = self.message(B, z)
        return self.update(m, h, z)


# ------------------------------------------------------------------------------------------------ irreps of layers


def join(irreps: Iterable[Irrep]) -> str:
    """As "0e+1o"."""
    return "+".join(map(str, irreps))


def _irreps(a: dict) -> list[tuple[tuple[Irrep, ...], tuple[Irrep, ...]]]:
    """For each layer: the irreps it makes, and in the last one those that nothing reads, besides."""
    readout, T, parity = Irrep.of(a["readout"]), a["layers"], a["parity"]
    hidden = set(so3.harmonic_irreps(a["hidden_l_max"], parity))
    natural = readout.parity == (-1) ** readout.l or not parity
    if not natural and a["correlation"] == 1:  # products of one neighbour must pass through the other parity
        hidden |= {Irrep(x.l, -x.parity) for x in hidden}
    found, senders = [], (SCALAR,)
    for t in range(T):
        reached = _reached(senders, a)
        keep = tuple(sorted(x for x in reached if x in hidden))
        if t == T - 1:
            if readout not in reached:
                raise InputError(_why_not(readout, a))
            read = {readout} | ({SCALAR} if a["gates"] else set())
            rest = set(keep) - read
            rest |= {SCALAR} if a["gates"] and rest else set()
            found.append((tuple(sorted(read)), tuple(sorted(rest))))
        else:
            found.append((keep, ()))
        senders = keep
    never = [x for x in so3.harmonic_irreps(a["hidden_l_max"], parity) if x not in keep]
    if never:
        raise InputError(
            f"no coupling leads to hidden features {join(never)}: hidden_l_max {a['hidden_l_max']} is beyond what "
            f"l_max {a['l_max']} and correlation {a['correlation']} reach in {T} layer{'s' if T > 1 else ''}"
        )
    return found


def _reached(senders: Sequence[Irrep], a: dict) -> set[Irrep]:
    """The irreps that a layer can make of its senders'."""
    l_max, nu, parity = a["l_max"], a["correlation"], a["parity"]
    Y = so3.harmonic_irreps(l_max, parity)
    if nu == 1:
        return {x for sender in senders for y in Y for x in so3.couplings(sender, y)}
    tops = [Irrep(l, p) for l in range(nu * l_max + 1) for p in ((1, -1) if parity else (1,))]
    wanted = {*so3.harmonic_irreps(a["hidden_l_max"], parity), Irrep.of(a["readout"])}
    return {
        x for x in tops
        if x in wanted and (x in Y or any(so3.count_symmetric(l_max, n, x, parity) for n in range(2, nu + 1)))
    }  # fmt: skip


def _why_not(readout: Irrep, a: dict) -> str:
    if not a["parity"]:
        return f"readout {readout}: no coupling leads to it"
    more = "more layers" if a["correlation"] == 1 else "a higher correlation"
    odd = readout.parity != (-1) ** readout.l
    why = f", whose parity is not (-1)^l: it takes {more}, or a higher l_max" if odd else ""
    return (
        f"there is no path to the readout {readout}{why}; here correlation is {a['correlation']}, l_max {a['l_max']}, "
        f"hidden_l_max {a['hidden_l_max']}, layers {a['layers']}"
    )


def _part(h, irreps: Sequence[Irrep], irrep: Irrep):
    """The rows [2l+1, A, K] of one irrep."""
    start = sum(one.dim for one in irreps[: irreps.index(irrep)])
    return h[start : start + irrep.dim]


def _plain(a: dict) -> None:
    """NumPy's whole numbers, and 0 and 1 for False and True, as what they stand for, so that they can be saved."""
    for name, value in a.items():
        if name in ("parity", "gates", "norm"):
            if isinstance(value, int | np.integer | np.bool_) and value in (0, 1):
                a[name] = bool(value)
        elif isinstance(value, np.integer | np.floating):
            a[name] = value.item()


@contextmanager
def computing_in(policy: keras.DTypePolicy | str) -> Iterator[None]:
    """What Keras makes inside of it computes as `policy` says."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def _check(a: dict, neighbors: float | None) -> None:
    """Refuse what cannot be, with the reason."""
    least = {
        "channels": 1, "layers": 1, "l_max": 0, "hidden_l_max": 0, "correlation": 1, "radial": 1, "hidden": 0,
        "members": 1,
    }  # fmt: skip
    for name, low in least.items():
        if not isinstance(a[name], int) or isinstance(a[name], bool) or a[name] < low:
            raise InputError(f"{name} is a whole number, at least {low}, not {quoted(a[name])}")
    if a["correlation"] > 4:
        raise InputError(f"correlation is 1 to 4, not {a['correlation']}")
    for name, value in (("cutoff", a["cutoff"]), ("neighbors", 1.0 if neighbors is None else neighbors)):
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
            raise InputError(f"{name} is a positive number, not {quoted(value)}")
    for name in ("parity", "gates", "norm"):
        if not isinstance(a[name], bool):
            raise InputError(f"{name} is True or False, not {quoted(a[name])}")
    words = {"message": ("element", "shared"), "memory": ("element", "shared", "none"), "readouts": ("all", "last")}
    for name, known in words.items():
        if a[name] not in known:
            raise InputError(f"{name} is one of {', '.join(known)}, not {quoted(a[name])}")
    readout = Irrep.of(a["readout"])
    if not a["parity"] and readout.parity < 0:
        raise InputError(
            f"readout {readout} is odd under mirrors, and parity=False makes a network that knows rotations alone: "
            f"ask for {readout.l}e, or for parity=True"
        )
    if a["members"] > 1 and readout != SCALAR:
        raise InputError(f"a committee answers energies, 0e, and not {readout}: members is 1 for other answers")
    unknown = [symbol for symbol in a["elements"] or [] if symbol not in SYMBOLS[1:]]
    if unknown or a["elements"] == [] or len(set(a["elements"] or [])) < len(a["elements"] or []):
        raise InputError(f"elements are different symbols of elements, not {quoted(a['elements'])}")


# ------------------------------------------------------------------------------------------------ named points


_MODELS: dict[str, tuple[type, dict]] = {
    "schnet": (SchNet, {}),
    "tfn": (
        Network,
        {"layers": 3, "l_max": 2, "hidden_l_max": 2, "correlation": 1, "gates": True, "message": "shared",
         "memory": "none", "readouts": "last", "hidden": 0},
    ),
    "nequip": (
        Network,
        {"layers": 4, "l_max": 2, "hidden_l_max": 2, "correlation": 1, "gates": True, "message": "shared",
         "memory": "element", "readouts": "last", "hidden": 0},
    ),
    "botnet": (
        Network,
        {"layers": 5, "l_max": 3, "hidden_l_max": 1, "correlation": 1, "message": "shared"},
    ),
    "ace": (Network, {"layers": 1, "hidden_l_max": 0, "memory": "none", "hidden": 0}),
    "mace": (Network, {}),
}  # fmt: skip
NAMES = tuple(_MODELS)
"""The models that can be built."""

_FIXED = {
    "schnet": {"l_max": 0, "hidden_l_max": 0, "correlation": 1, "parity": True, "readout": "0e"},
    "tfn": {"correlation": 1},
    "nequip": {"correlation": 1},
    "botnet": {"correlation": 1},
    "ace": {"layers": 1},
    "mace": {},
}
"""What the definition of a model leaves no choice in."""


def build(name: str, **changes) -> keras.Model:
    """An untrained model.

    Args:
        name: one of `NAMES`.
        changes: to its defaults: `channels`, `layers`, `cutoff`, `seed`, …; `describe` lists them.

    Raises:
        InputError: an unknown name or argument, or one that the model's definition fixes at another value.
    """
    make, own = _find(name)
    known, fixed = defaults(name), _FIXED[name]
    for key, value in changes.items():
        if key not in known:
            raise InputError(f"{name} has no {quoted(key)}; it has {', '.join(known)}")
        if key in fixed and value != fixed[key]:
            raise InputError(f"{name} has {key} {fixed[key]!r} by definition, not {quoted(value)}")
    return make(**{**own, **{key: value for key, value in changes.items() if key not in fixed}})


def defaults(name: str) -> dict:
    """The arguments of a model and their values where nothing is changed.

    Raises:
        InputError: an unknown name.
    """
    make, own = _find(name)
    parameters = inspect.signature(make).parameters.values()
    known = {p.name: p.default for p in parameters if p.default is not inspect.Parameter.empty}
    return {**known, **own, **_FIXED[name]}


def describe(name: str) -> str:
    """A model's row of the design space, and its defaults, as text.

    Raises:
        InputError: an unknown name.
    """
    arguments = ", ".join(f"{key}={value!r}" for key, value in defaults(name).items())
    values = {**ROWS[name]._asdict(), "defaults": arguments}
    lines = [textwrap.fill(f"  {key:<12} {value}", 84, subsequent_indent=" " * 15) for key, value in values.items()]
    return "\n".join([name, *lines])


def _find(name: str):
    if not isinstance(name, str) or name not in _MODELS:
        raise InputError(f"there is no model called {quoted(name)}; there are {', '.join(NAMES)}")
    return _MODELS[name]
