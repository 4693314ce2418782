"""Labels where a potential does not know: train, explore, pick, label, and again, until a budget is spent.

    explore    frames of dynamics, with single bonds turned first, until sigma_F is over a bound
    pick       k = argmax_k sigma_k min_l d_kl, one after the other, over candidates k and those already picked, l
    label      by a calculator, or out of a pool of labels that are looked at for what was picked alone

with sigma_k the largest standard deviation of a force on an atom, by a committee's spread and its distance from
training (`dmol_molnet.nn.potential`), and d_kl the distance of two frames' features, in standard deviations of
training.  Two frames that are the same have the distance 0, so that none is picked twice.  Errors on what was picked,
before it is trained on, stand in a table by round: a test of frames that were chosen to be hard.

What is done stands in a journal beside the output (`dmol_molnet.labels.work`), each label as soon as it is there: a
command that was killed goes on from it.

Source: Zhang et al. (2019), `zhang2019active`, of rounds of exploring, picking where members disagree, and labelling.
"""

from __future__ import annotations

import hashlib
import io
import json
import time
import zlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import NamedTuple, Protocol

import ase.io
import networkx as nx
import numpy as np
from ase import units
from ase.calculators.singlepoint import SinglePointCalculator
from ase.md.langevin import Langevin
from scipy.spatial.transform import Rotation

from dmol_molnet import dynamics
from dmol_molnet.calculator import MolnetCalculator
from dmol_molnet.files import write_whole
from dmol_molnet.labels.calculators import Method
from dmol_molnet.labels.frames import Failed, Plan, as_text, frames
from dmol_molnet.labels.work import Journal, Result, beside, table
from dmol_molnet.molecules import InputError, Molecule, quoted
from dmol_molnet.nn.potential import Potential

FRICTION, LOOK = 0.02, 10  # 1/fs; steps from one look at the spread to the next
PLACES = 8  # Å; digits of positions in files


@dataclass(frozen=True)
class Search:
    """How to look for frames, and for how long.

    Attributes:
        labels: how many in all, those of a start without labels included.
        batch: how many a round.
        rounds: at most; None for as many as the labels allow.
        minutes: no round begins later; None for no limit.
        temperature: K, of dynamics.
        replicas: runs a round.
        steps: of half a femtosecond, of each run at most.
        turned: the share of runs that begin with a bond turned by any angle.
        bound: eV/Å; a run stops where sigma_F is larger.  None for ten times its mean on the frames that are known.
        first, epochs: of training a new potential, and in each round.
        learning_rate: of each round; it goes on from the weights of the round before.
    """

    labels: int = 200
    batch: int = 20
    rounds: int | None = None
    minutes: float | None = None
    temperature: float = 500.0
    replicas: int = 40
    steps: int = 100
    turned: float = 0.5
    bound: float | None = None
    first: int = 100
    epochs: int = 30
    learning_rate: float = 0.01

    def __post_init__(self):
        for name in ("labels", "batch", "replicas", "steps", "first", "epochs"):
            if not isinstance(getattr(self, name), int) or getattr(self, name) < 1:
                raise InputError(f"{name} is a whole number, at least 1, not {quoted(getattr(self, name))}")
        if self.rounds is not None and self.rounds < 1:
            raise InputError(f"rounds are at least 1, not {self.rounds}")
        for name in ("minutes", "temperature", "bound", "learning_rate"):
            value = getattr(self, name)
            if value is not None and not 0 < value < float("inf"):
                raise InputError(f"{name} is a positive number, not {quoted(value)}")
        if not 0 <= self.turned <= 1:
            raise InputError(f"turned is a share from 0 to 1, not {quoted(self.turned)}")


class Round(NamedTuple):
    """A row of the table: what was picked, and how well it was known before.

    Attributes:
        number: from 1.
        labels: made so far.
        new: how many were picked and labelled.
        energy_rmse, force_rmse: on these, before they were trained on, eV and eV/Å.
        energy_std, force_std: what the committee said of them, root mean square.
        seconds: of the round, training included.
    """

    number: int
    labels: int
    new: int
    energy_rmse: float
    force_rmse: float
    energy_std: float
    force_std: float
    seconds: float


class Source(Protocol):
    """Where candidates and labels come from."""

    identity: str

    def candidates(self, potential: Potential, known: list[Molecule], search: Search, rng) -> list[Molecule]:
        """Frames without labels."""

    def label(self, molecule: Molecule) -> Molecule:
        """The same frame with energy and forces, or `Failed`."""


class Calculated:
    """Candidates by dynamics, labels by a calculator.

    Args:
        method: which.

    Raises:
        InputError: there is none such.
    """

    def __init__(self, method: Method = Method()):  # noqa: B008 - frozen
        method.calculator()
        self.method, self.identity = method, json.dumps(asdict(method))

    def candidates(self, potential, known, search, rng):
        """Frames of dynamics on the potential, from known frames, some with a bond turned."""
        return explore(potential, known, search, rng)

    def label(self, molecule):
        """By a calculator that starts anew."""
        return _read(as_text(frames(molecule, Plan(as_given=True), self.method, 0)))[0]


class Pool:
    """Candidates and labels out of labelled molecules; only labels of what was picked are looked at.

    Raises:
        InputError: one without labels.
    """

    def __init__(self, molecules: Sequence[Molecule]):
        if any(m.energy is None or m.forces is None for m in molecules):
            raise InputError("a pool has the energy and forces of each of its molecules")
        self.molecules = {_key(m): m for m in molecules}
        self.identity = f"pool {_hash(list(self.molecules.values()))}"

    def candidates(self, potential, known, search, rng):
        """Those that are not known yet."""
        taken = {_key(m) for m in known}
        return [replace(m, energy=None, forces=None) for key, m in self.molecules.items() if key not in taken]

    def label(self, molecule):
        """As the pool has it."""
        return self.molecules[_key(molecule)]


def active(
    first: Sequence[Molecule],
    output: str | Path,
    model: str | Path,
    source: Source,
    search: Search = Search(),
    start: Callable[[], Potential] | None = None,
    network: str = "schnet",
    seed: int = 0,
    progress: Callable[[str, int, int], None] | None = None,
) -> list[Round]:
    """Label where the potential does not know, until the budget is spent; the last potential is trained on all of it.

    Args:
        first: molecules with labels, to begin with; or one with positions and without labels, around which a tenth of
            the budget, or a batch if that is more, is labelled first.
        output: a file (extended XYZ) for all of them and what was labelled; must not be there.  OUTPUT.rounds.csv has
            the table, and OUTPUT.failed.csv what could not be labelled, which counts as labelled.
        model: the file (.keras) of the potential.
        source: `Calculated`, or a `Pool`.
        search: the budget, and how to explore.
        start: makes a potential to go on from, which is taken to know the labels to begin with; one that is no
            committee becomes one of 8.
        network: the name of a new one otherwise, as of `design_space.build`.
        seed: of everything that is random.
        progress: is told what is being done, how many labels there are, and the budget.

    Returns:
        The rows of the table.

    Raises:
        InputError: nothing to begin with; the output, or another command's journal, is there; no frame is left.
    """
    first, output, model = list(first), Path(output), Path(model)
    if output.exists():
        raise InputError(f"{quoted(str(output))} is there; remove it, or name another file")
    if not first or any(m.positions is None for m in first):
        raise InputError("it takes molecules with positions to begin with")
    labelled = [m for m in first if m.energy is not None and m.forces is not None]
    if labelled and len(labelled) < len(first):
        raise InputError(f"{len(first) - len(labelled)} of {len(first)} molecules have no energy or forces")
    if not labelled and not isinstance(source, Calculated):
        raise InputError("a pool takes labelled molecules to begin with")
    told = progress or (lambda *_: None)
    # The budget may grow from one command to the next; all else stays.
    settings = {k: v for k, v in asdict(search).items() if k not in ("labels", "rounds", "minutes")}
    known_as = json.dumps([_hash(first), source.identity, settings, network, seed])
    with _Journal(output, known_as) as journal:
        if not labelled and not journal.rounds():
            _label(journal, 0, _around(first[0], source.method, search, seed), source, search, told)
            journal.finish(0, None)
        rows: list[Round] = journal.table()
        number = len(rows) + 1
        while True:
            began, spent = time.monotonic(), sum(row.seconds for row in rows)
            known = labelled + journal.labelled()
            picked = journal.picks(number)
            if picked is None:
                told("training", journal.asked(), search.labels)
                potential = _trained(journal, model, known, search, start, network, seed, number, bool(labelled))
                if (
                    journal.asked() >= search.labels
                    or (search.rounds is not None and number > search.rounds)
                    or (search.minutes is not None and spent > 60 * search.minutes)
                ):
                    break
                told("exploring", journal.asked(), search.labels)
                rng = np.random.default_rng([seed, number])
                found = source.candidates(potential, known, search, rng)
                chosen = pick(potential, found, min(search.batch, search.labels - journal.asked()))
                if not chosen:
                    break
                picked = [found[k] for k in chosen]
                journal.choose(number, picked)
            else:
                potential = Potential.load(model)
            new = _label(journal, number, picked, source, search, told)
            row = _judged(potential, new, number, journal.asked(), time.monotonic() - began)
            journal.finish(number, row)
            rows.append(row)
            write_whole(beside(output, ".rounds.csv"), table(Round._fields, rows))
            number += 1
        failed = journal.failed()
        if failed:
            write_whole(beside(output, ".failed.csv"), table(("label", "reason"), failed))
        write_whole(output, [as_text([_atoms(m) for m in known]).encode()])
        journal.remove()
    return rows


# ------------------------------------------------------------------------------------------------ exploring and picking


def explore(
    potential: Potential, known: Sequence[Molecule], search: Search, rng: np.random.Generator
) -> list[Molecule]:
    """Frames of dynamics on a committee, from known ones, until sigma_F is over the bound.

    A run gives its first frame if a bond was turned, one in the middle, and its last; those in which bonds break or
    form, or atoms collide, are left out: a potential is to learn the molecule before its reactions.
    """
    some = [known[k] for k in rng.choice(len(known), min(len(known), 50), replace=False)]
    bound = search.bound
    if bound is None:
        spread = [np.linalg.norm(f, axis=1).max() for f in potential.uncertainty(some)[1]]
        bound = 10 * float(np.mean(spread))
    found, calculator = [], MolnetCalculator(potential)
    for _ in range(search.replicas):
        start = known[rng.integers(len(known))]
        bonds, turned = start.with_bonds().bonds.tolist(), rng.random() < search.turned
        if turned:
            start = turn(start, rng)
            if start.with_bonds().bonds.tolist() != bonds:
                continue
        run, atoms = [start] if turned else [], dynamics.to_atoms(start, calculator)
        dynamics.heat(atoms, search.temperature, rng)
        langevin = Langevin(
            atoms, 0.5 * units.fs, temperature_K=search.temperature, friction=FRICTION / units.fs, rng=rng, fixcm=False
        )
        moved = []
        for _ in range(max(search.steps // LOOK, 1)):
            try:
                langevin.run(LOOK)
                frame = replace(start, positions=atoms.positions.copy(), energy=None, forces=None)
                if frame.with_bonds().bonds.tolist() != bonds:
                    break
                std = np.linalg.norm(potential.uncertainty(frame)[1], axis=1).max()
            except InputError:  # atoms on the same place, or positions that are no numbers
                break
            moved.append(frame)
            if not std < bound:
                break
        run += [moved[k] for k in sorted({len(moved) // 2, len(moved) - 1})] if moved else []
        found += run
    return [_rounded(m) for m in found]


def turn(molecule: Molecule, rng: np.random.Generator) -> Molecule:
    """The molecule with all on one side of a bond turned about it, by any angle; a bond in no ring and at no end.

    One without such a bond stays as it is.
    """
    bonds = molecule.with_bonds().bonds.tolist()
    graph = nx.Graph(bonds)
    ends = [(a, b) for a, b in nx.bridges(graph) if min(graph.degree(a), graph.degree(b)) > 1]
    if not ends:
        return replace(molecule, energy=None, forces=None)
    a, b = ends[rng.integers(len(ends))]
    graph.remove_edge(a, b)
    side = sorted(nx.node_connected_component(graph, b))
    axis = molecule.positions[b] - molecule.positions[a]
    turned = Rotation.from_rotvec(rng.uniform(0, 2 * np.pi) * axis / np.linalg.norm(axis))
    x = molecule.positions.copy()
    x[side] = x[b] + turned.apply(x[side] - x[b])
    return replace(molecule, positions=x, energy=None, forces=None)


def pick(potential: Potential, candidates: Sequence[Molecule], n: int) -> list[int]:
    """Which of the candidates to label: up to n, uncertain and unlike each other, no two the same.

    Raises:
        InputError: the potential is no committee.
    """
    potential.require_committee("does not know what it does not know")
    candidates = list(candidates)
    if not candidates:
        return []
    sigma = np.array([np.linalg.norm(f, axis=1).max(initial=0) for f in potential.uncertainty(candidates)[1]])
    x = np.array([rows.sum(axis=0) for rows in potential.environments(candidates)])  # [K, F]
    seen = {_key(m): k for k, m in reversed(list(enumerate(candidates)))}
    first = [seen[_key(m)] == k for k, m in enumerate(candidates)]  # of frames that are the same, one
    score, chosen = np.where(np.isfinite(sigma) & first, sigma, -1.0), []
    nearest = np.full(len(candidates), np.inf)
    while len(chosen) < n:
        value = score * (nearest if chosen else 1.0)
        value[chosen] = -1.0
        k = int(np.argmax(value))
        if not value[k] > 0:
            break
        chosen.append(k)
        nearest = np.minimum(nearest, np.linalg.norm(x - x[k], axis=1))
    return chosen


# ------------------------------------------------------------------------------------------------ the steps of a round


def _around(molecule: Molecule, method: Method, search: Search, seed: int) -> list[Molecule]:
    """Frames along normal modes of the nearest minimum, to begin with, without labels."""
    n = min(max(search.labels // 10, search.batch, 2), search.labels)
    plan = Plan(temperatures=(search.temperature,), displaced=n - 1, moved=0)
    try:
        found = frames(molecule, plan, method, seed)
    except Failed as error:
        raise InputError(f"{molecule.formula} cannot be labelled: {error}") from None
    return [replace(Molecule.from_ase(atoms), energy=None, forces=None) for atoms in found]


def _trained(journal, model, known, search, start, network, seed, number, labelled) -> Potential:
    """The potential of this round: what the last one left, trained on what is known; once, whatever kills it."""
    if journal.trained() == number:
        return Potential.load(model)
    from dmol_molnet.nn.design_space import build

    checkpoint, new = model.with_name(model.name + ".checkpoint.npz"), False
    if number > 1:
        potential = Potential.load(model)  # of the last round
    elif start is not None:
        potential = start()
        potential = potential.with_members(8) if potential.members == 1 else potential
    else:
        potential, new = Potential(build(network, seed=seed, members=8)), True
    held_out, train = known[::10], [m for k, m in enumerate(known) if k % 10]
    options = {"epochs": search.first} if new else {"epochs": search.epochs, "learning_rate": search.learning_rate}
    if number == 1 and not new and labelled:
        potential.draw_members(train or known, seed)  # it is taken to know what it is given
        potential.calibrate(held_out)
    else:
        potential.fit(
            train or known, held_out if train else None, seed=seed, checkpoint=checkpoint, verbose=0, **options
        )
    potential.save(model)
    journal.train(number)
    checkpoint.unlink(missing_ok=True)
    return potential


def _label(journal, number, picked, source, search, told) -> list[Molecule]:
    """Label what has no label yet, each kept at once; those of the round."""
    done = journal.numbers(number)
    for k, molecule in enumerate(picked):
        if k in done:
            continue
        began = time.perf_counter()
        try:
            text, n, reason = as_text([_atoms(source.label(molecule))]), 1, None
        except Failed as error:
            text, n, reason = "", 0, str(error)
        journal.keep_pick(number, k, Result(text, n, reason, time.perf_counter() - began, ""))
        told("labelling", journal.asked(), search.labels)
    return journal.labelled(number)


def _judged(potential: Potential, new: list[Molecule], number: int, labels: int, seconds: float) -> Round:
    """The row of a round."""
    if not new:
        return Round(number, labels, 0, *[float("nan")] * 4, round(seconds, 3))
    errors, (energy_std, force_std) = potential.evaluate(new), potential.uncertainty(new)
    stds = (np.sqrt(np.mean(np.square(x))) for x in (energy_std, np.concatenate(force_std)))
    found = (errors["energy_rmse"], errors["force_rmse"], *stds)
    return Round(number, labels, len(new), *(round(float(x), 6) for x in found), round(seconds, 3))


# ------------------------------------------------------------------------------------------------ the journal


class _Journal(Journal):
    """What labelling keeps, and the picks, the training and the row of each round; a pick has the number
    round * ROUND + k."""

    ROUND = 1_000_000

    def __init__(self, output: Path, identity: str):
        super().__init__(output, identity)
        with self._told():
            self.base.execute(
                "CREATE TABLE IF NOT EXISTS rounds (n INTEGER PRIMARY KEY, picks TEXT, row TEXT, done INTEGER)"
            )
            self.base.execute("CREATE TABLE IF NOT EXISTS trained (n INTEGER)")

    def rounds(self) -> int:
        """How many are done, the labels to begin with included."""
        return self.base.execute("SELECT count(*) FROM rounds WHERE done").fetchone()[0]

    def table(self) -> list[Round]:
        """The rows."""
        found = self.base.execute("SELECT row FROM rounds WHERE row IS NOT NULL ORDER BY n")
        return [Round(*json.loads(row)) for (row,) in found]

    def picks(self, number: int) -> list[Molecule] | None:
        """What a round has picked; None before."""
        found = self.base.execute("SELECT picks FROM rounds WHERE n = ?", (number,)).fetchone()
        return None if found is None else _read(found[0])

    def choose(self, number: int, picked: Sequence[Molecule]) -> None:
        """A round has picked these."""
        with self._told():
            text = as_text([_atoms(m) for m in picked])
            self.base.execute("INSERT INTO rounds VALUES (?, ?, NULL, 0)", (number, text))

    def finish(self, number: int, row: Round | None) -> None:
        """A round is done."""
        with self._told():
            text = None if row is None else json.dumps(row)
            self.base.execute("INSERT OR IGNORE INTO rounds VALUES (?, '', NULL, 0)", (number,))
            self.base.execute("UPDATE rounds SET row = ?, done = 1 WHERE n = ?", (text, number))

    def trained(self) -> int:
        """The last round whose potential is trained."""
        return self.base.execute("SELECT coalesce(max(n), 0) FROM trained").fetchone()[0]

    def train(self, number: int) -> None:
        """The potential of a round is trained."""
        with self._told():
            self.base.execute("INSERT INTO trained VALUES (?)", (number,))

    def keep_pick(self, number: int, k: int, result: Result) -> None:
        """A label of a round, on disk before it returns."""
        self.keep(number * self.ROUND + k, result)

    def numbers(self, number: int) -> set[int]:
        """Which picks of a round are labelled, or have failed."""
        return {k % self.ROUND for k in self.done() if k // self.ROUND == number}

    def asked(self) -> int:
        """How many labels were asked for."""
        return self.counts()[0]

    def labelled(self, number: int | None = None) -> list[Molecule]:
        """All labels, or those of one round."""
        low, high = (0, 2**62) if number is None else (number * self.ROUND, (number + 1) * self.ROUND)
        found = self.base.execute("SELECT text FROM done WHERE k >= ? AND k < ? ORDER BY k", (low, high))
        return _read("".join(zlib.decompress(text).decode() for (text,) in found))


# ------------------------------------------------------------------------------------------------ small things


def _key(molecule: Molecule) -> bytes:
    """The same for the same frame, read from a file or not."""
    return molecule.numbers.tobytes() + (np.round(molecule.positions, 6) + 0.0).tobytes()


def _hash(molecules: Sequence[Molecule]) -> str:
    found = hashlib.sha256()
    for m in molecules:
        found.update(_key(m) + repr((m.charge, m.energy)).encode())
    return found.hexdigest()


def _rounded(molecule: Molecule) -> Molecule:
    """As files keep it: what is labelled is what was picked."""
    return replace(molecule, positions=np.round(molecule.positions, PLACES))


def _atoms(molecule: Molecule):
    """Of ASE, with its labels."""
    atoms = molecule.to_ase()
    if molecule.energy is not None:
        atoms.calc = SinglePointCalculator(atoms, energy=molecule.energy, forces=molecule.forces)
    return atoms


def _read(text: str) -> list[Molecule]:
    if not text:
        return []
    return [Molecule.from_ase(atoms) for atoms in ase.io.read(io.StringIO(text), ":", format="extxyz")]
