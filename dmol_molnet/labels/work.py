"""The work of labelling: one task a molecule, spread by Dask, each result on disk as soon as it is there.

What a killed command has done stands in a journal beside the output, an SQLite file (`OUTPUT.journal`): the same
command goes on from it.  A worker that dies takes one molecule with it, which is done again elsewhere; one that kills
its workers time and again is listed as failed.  A molecule's frames follow from its SMILES or geometry, the plan and
the seed alone, and the output holds them in the order of the molecules: it is the same for one worker and for many.

Source of Dask: Rocklin (2015), `rocklin2015dask`.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import logging
import sqlite3
import time
import zlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple

from dmol_molnet.files import write_whole
from dmol_molnet.labels.calculators import GFN2, Method
from dmol_molnet.labels.frames import Failed, Plan, as_text, frames, one_line
from dmol_molnet.molecules import InputError, Molecule, quoted

AHEAD = 4
"""Tasks that a worker has been given, at most: enough to be busy, and few to do again."""

PATIENCE = 30.0
"""Seconds to wait for a scheduler to answer, and for its first worker."""


@dataclass(frozen=True)
class Labelling:
    """How it went.

    Attributes:
        molecules: how many gave frames.
        frames: how many they gave.
        failed: name and reason of each of the others.
        seconds: of computation on all workers together, in this run.
    """

    molecules: int
    frames: int
    failed: list[tuple[str, str]]
    seconds: float


class Result(NamedTuple):
    """What a worker gives back for one molecule."""

    text: str
    frames: int
    reason: str | None
    seconds: float
    versions: str


def label(
    molecules: Sequence[str | Molecule],
    output: str | Path,
    plan: Plan = Plan(),  # noqa: B008 - frozen
    method: Method = Method(),  # noqa: B008
    seed: int = 0,
    workers: int | None = None,
    scheduler: str | None = None,
    progress: Callable[[int, int, int], None] | None = None,
) -> Labelling:
    """Label frames of molecules into one file of extended XYZ.

    Args:
        molecules: SMILES, or molecules with positions.
        output: the file; must not be there yet.  Beside it, OUTPUT.failed.csv lists what gave no frames, if any.
        plan: which frames of a molecule.
        method: who labels.
        seed: of everything that is random.
        workers: processes on this machine; None for one a core.  Not with a scheduler.
        scheduler: the address of one of Dask that runs, such as "tcp://node7:8786"; its workers need this package.
        progress: is told how many molecules are done, how many of them failed, and how many there are.

    Raises:
        InputError: a molecule without positions; the output or another command's journal is there; another process
            labels into it; the calculator or the scheduler does not answer; workers have other versions of what labels;
            no molecule gave frames.
    """
    output, names = Path(output), [x if isinstance(x, str) else x.formula for x in molecules]
    if output.exists():
        raise InputError(f"{quoted(str(output))} is there; remove it, or name another file")
    if not molecules:
        raise InputError("there are no molecules to label")
    for x in molecules:
        if isinstance(x, Molecule) and x.positions is None:
            raise InputError(f"{x.formula} has no positions to label; give its SMILES, or embed() it")
    method.calculator()  # whether there is one, before anything starts
    seconds = 0.0
    with Journal(output, _identity(molecules, plan, method, seed)) as journal:
        done, failed = journal.counts()
        if progress is not None:
            progress(done, failed, len(molecules))
        known = journal.done()
        tasks = [(k, (x, plan, method, (seed, k))) for k, x in enumerate(molecules) if k not in known]
        for k, result in _spread(tasks, _versions(method), workers, scheduler):
            journal.keep(k, result)
            done, failed, seconds = done + 1, failed + (result.reason is not None), seconds + result.seconds
            if progress is not None:
                progress(done, failed, len(molecules))
        reasons = [(names[k], reason) for k, reason in journal.failed()]
        if reasons:
            write_whole(beside(output, ".failed.csv"), table(("molecule", "reason"), reasons))
        n = journal.frames()
        if n:
            write_whole(output, journal.texts())
        journal.remove()
    if not n:
        raise InputError(f"none of the {len(molecules)} molecules gave frames; {reasons[0][0]}: {reasons[0][1]}")
    return Labelling(len(molecules) - len(reasons), n, reasons, seconds)


def one(molecule: str | Molecule, plan: Plan, method: Method, seed: tuple[int, int]) -> Result:
    """The frames of one molecule, or why it has none: what a worker does."""
    began, text, n, reason = time.perf_counter(), "", 0, None
    try:
        found = frames(Molecule.from_smiles(molecule) if isinstance(molecule, str) else molecule, plan, method, seed)
        text, n = as_text(found), len(found)
    except (Failed, InputError) as error:
        reason = str(error)
    return Result(text, n, reason, time.perf_counter() - began, _versions(method))


# ------------------------------------------------------------------------------------------------ the workers


def _spread(
    tasks: list[tuple[int, tuple]], versions: str, workers: int | None, scheduler: str | None
) -> Iterator[tuple[int, Result]]:
    """Results of all tasks as they come, computed by Dask."""
    if not tasks:
        return
    try:
        from distributed import as_completed
    except ImportError:
        raise InputError("labelling needs Dask: pip install 'dmol-molnet[data]'") from None
    arguments, waiting, suspects, alone, numbers = dict(tasks), deque(k for k, _ in tasks), [], None, {}
    with _client(workers, scheduler) as client:
        results, threads, counted = as_completed(), 1, -1.0

        def submit(k: int) -> int:
            future = client.submit(one, *arguments[k], pure=False)
            numbers[future] = k
            results.add(future)
            return k

        def give() -> None:
            nonlocal alone, threads, counted
            if time.monotonic() - counted > 1.0:  # workers come and go
                threads, counted = max(sum(client.nthreads().values()), 1), time.monotonic()
            while waiting and len(numbers) < AHEAD * threads:
                submit(waiting.popleft())
            if suspects and not numbers:
                alone = submit(suspects.pop())

        give()
        for future in results:
            k = numbers.pop(future)
            if k != alone and _killed(future):
                suspects.append(k)  # it may only have waited on a worker that another task killed: once more, alone
            elif (result := _result(future, versions)) is not None:
                yield k, result
            elif client.status == "running":
                waiting.appendleft(k)  # it was done, but its worker died before it could tell
            else:
                raise InputError("the scheduler of Dask is gone; the same command goes on where this one was")
            give()


def _killed(future) -> bool:
    return future.status == "error" and type(future.exception()).__name__ == "KilledWorker"


def _result(future, versions: str) -> Result | None:
    """What came back, or what became of it; None if it is lost."""
    if future.status in ("cancelled", "lost"):
        return None
    if future.status == "error":
        if _killed(future):
            return Result("", 0, "each worker that was given it died", 0.0, versions)
        error = future.exception()
        if isinstance(error, ImportError):
            raise InputError(f"a worker of Dask cannot import what labels: {error}")
        return Result("", 0, f"{type(error).__name__}: {one_line(error)}", 0.0, versions)
    try:
        result = future.result()
    except CancelledError:
        return None
    if result.versions != versions:
        raise InputError(f"a worker has {result.versions}, and this machine {versions}: install the same on both")
    return result


@contextmanager
def _client(workers: int | None, scheduler: str | None):
    """A client of the scheduler, or of as many processes on this machine."""
    from distributed import Client, LocalCluster

    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # what matters is told by us, in one sentence
    if scheduler is None:
        with (
            LocalCluster(
                n_workers=workers, threads_per_worker=1, processes=True, dashboard_address="127.0.0.1:0",
                silence_logs=logging.CRITICAL,
            ) as cluster,
            Client(cluster) as client,
        ):  # fmt: skip
            yield client
        return
    if workers is not None:
        raise InputError("--workers belong to this machine; a scheduler has its own")
    try:
        client = Client(scheduler, timeout=PATIENCE)
    except (OSError, ValueError) as error:
        raise InputError(f"no scheduler of Dask answers at {quoted(scheduler)}: {one_line(error)}") from None
    with client:
        try:
            client.wait_for_workers(1, timeout=PATIENCE)
        except TimeoutError:
            raise InputError(f"the scheduler at {quoted(scheduler)} has no worker") from None
        yield client


def _versions(method: Method) -> str:
    """What labels depend on: the same here and on every worker."""
    found = []
    for name in ("dmol-molnet", "ase", "rdkit", *(["tblite"] if method.name == GFN2 else [])):
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            found.append(f"no {name}")
    return ", ".join(found)


# ------------------------------------------------------------------------------------------------ the journal


class Journal:
    """What is done, in an SQLite file beside the output, held by one process at a time."""

    def __init__(self, output: Path, identity: str):
        """Open it, or begin it.

        Raises:
            InputError: another process holds it, it belongs to another command, or it cannot be written.
        """
        self.path = beside(output, ".journal")
        with self._told():
            self.base = sqlite3.connect(self.path, timeout=0, isolation_level=None)
            self.base.execute("PRAGMA locking_mode = EXCLUSIVE")
            self.base.execute("CREATE TABLE IF NOT EXISTS job (identity TEXT)")
            self.base.execute(
                "CREATE TABLE IF NOT EXISTS done (k INTEGER PRIMARY KEY, text BLOB, n INTEGER, reason TEXT)"
            )
            known = self.base.execute("SELECT identity FROM job").fetchone()
            if known is None:
                self.base.execute("INSERT INTO job VALUES (?)", (identity,))
        if known is not None and known[0] != identity:
            self.base.close()
            raise InputError(
                f"{quoted(str(self.path))} holds what another command has labelled (other molecules, frames, method, "
                "seed or versions); give that command again, or remove the file"
            )

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *error) -> None:
        self.base.close()

    @contextmanager
    def _told(self):
        try:
            yield
        except sqlite3.Error as error:
            if "locked" in str(error):
                raise InputError(f"another process labels into {quoted(str(self.path.with_suffix('')))}") from None
            raise InputError(
                f"{quoted(str(self.path))} cannot be written: {error}; what is done stays, the same command goes on"
            ) from None

    def done(self) -> set[int]:
        """The numbers of molecules that are done."""
        return {k for (k,) in self.base.execute("SELECT k FROM done")}

    def counts(self) -> tuple[int, int]:
        """How many are done, and how many of these failed."""
        return self.base.execute("SELECT count(*), count(reason) FROM done").fetchone()

    def failed(self) -> list[tuple[int, str]]:
        """Numbers and reasons."""
        return self.base.execute("SELECT k, reason FROM done WHERE reason IS NOT NULL ORDER BY k").fetchall()

    def frames(self) -> int:
        """How many there are."""
        return self.base.execute("SELECT coalesce(sum(n), 0) FROM done").fetchone()[0]

    def texts(self) -> Iterator[bytes]:
        """The frames of each molecule, in the molecules' order."""
        for (text,) in self.base.execute("SELECT text FROM done ORDER BY k"):
            yield zlib.decompress(text)

    def keep(self, k: int, result: Result) -> None:
        """On disk before it returns."""
        with self._told():
            row = (k, zlib.compress(result.text.encode()), result.frames, result.reason)
            self.base.execute("INSERT INTO done VALUES (?, ?, ?, ?)", row)

    def remove(self) -> None:
        """All of it is in the output."""
        self.path.unlink()


def _identity(molecules: Sequence[str | Molecule], plan: Plan, method: Method, seed: int) -> str:
    known = hashlib.sha256()
    for x in molecules:
        known.update(
            x.encode() if isinstance(x, str) else x.numbers.tobytes() + x.positions.tobytes() + str(x.charge).encode()
        )
        known.update(b"\n")
    return json.dumps([known.hexdigest(), asdict(plan), asdict(method), seed, _versions(method)])


def beside(output: Path, ending: str) -> Path:
    """A file beside the output, of its name and more."""
    return output.with_name(output.name + ending)


def table(header: Sequence[str], rows: Sequence[Sequence]) -> bytes:
    """Rows as CSV."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([header, *rows])
    return text.getvalue().encode()
