"""Several processes that train one network: each computes its share of every step, and what they find is added up.

    gradient of a batch = sum over its molecules = sum over workers of (sum over their molecules)

Every worker has the whole network, draws the same batches, and takes the same steps from the same sums; so weights
stay equal without being sent.  `TF_CONFIG` says who is there, as everywhere in TensorFlow:

    {"cluster": {"worker": ["node1:2222", "node2:2222"]}, "task": {"type": "worker", "index": 0}}

The workers stand in a ring: each speaks to the one after it and hears the one before.  A vector of m numbers is cut
into as many pieces as there are workers, n.  In n - 1 turns each piece goes around and takes every worker's numbers up;
in n - 1 more the sums go around.  Each worker sends 2 m (n - 1) / n numbers, and no way needs fewer (Patarasuk and Yuan
2009, `patarasuk2009bandwidth`).

A worker listens only while they meet: on loopback where all of them are there, else at all addresses of its machine.
What comes over the network is read as numbers and JSON, and no code is run from it; but nothing is encrypted, and who
can reach the ports at that moment could take a worker's place.  The network must be trusted.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import ipaddress
import json
import os
import select
import signal
import socket
import struct
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

import dmol_molnet
from dmol_molnet.molecules import InputError, quoted

MEETING, ANSWER = 120.0, 600.0
"""Seconds that a worker waits for the others at the start, and then for each of their answers: others may compile."""


def configured() -> tuple[list[str], int]:
    """The addresses of all workers and which of them this process is, as `TF_CONFIG` says; ([], 0) without it.

    Raises:
        InputError: it cannot be understood.
    """
    text = os.environ.get("TF_CONFIG")
    if not text:
        return [], 0
    try:
        config = json.loads(text)
        cluster, task = config["cluster"], config["task"]
        workers, kind, index = cluster["worker"], task["type"], int(task["index"])
        known = isinstance(workers, list) and all(_port(address) for address in workers)
    except (ValueError, KeyError, TypeError, AttributeError):
        known = False
    if not known:
        raise InputError(
            "TF_CONFIG names the workers and which of them this is, as in "
            '{"cluster": {"worker": ["node1:2222", "node2:2222"]}, "task": {"type": "worker", "index": 0}}, not '
            f"{quoted(text)}"
        )
    if set(cluster) != {"worker"} or kind != "worker":
        raise InputError(f"TF_CONFIG names workers alone, no other kind of task; not {quoted(text)}")
    if not 0 <= index < len(workers):
        raise InputError(f"TF_CONFIG names {len(workers)} workers, from index 0, and this one is none: {index}")
    if len(set(workers)) < len(workers):
        raise InputError(f"TF_CONFIG names each worker once, with a port of its own; not {quoted(text)}")
    return workers, index


def loopback(n: int) -> list[str]:
    """So many addresses of this machine alone at which nobody listens."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(n)]
    addresses = [f"127.0.0.1:{one.getsockname()[1]}" for one in sockets]
    for one in sockets:
        one.close()
    return addresses


def threads(n: int) -> dict[str, str]:
    """Environment variables by which a process computes with so many threads; before it starts TensorFlow."""
    # With one, XLA would still take a second, and processes that have a core each would get in each other's way.
    alone = {"XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false"} if n == 1 else {}
    return {"TF_NUM_INTRAOP_THREADS": str(n)} | alone


class LostWorkerError(RuntimeError):
    """A worker does not answer any more."""


class Team:
    """The processes that train together; alone without addresses.  They meet here.

    Args:
        addresses: of all workers, "host:port", in the same order for each.
        rank: which of them this is, from 0.
        meeting: seconds to wait for the others here.
        answer: seconds to wait for an answer afterwards.

    Attributes:
        size: how many workers there are.
        sent: bytes that this one has sent.

    Raises:
        InputError: a port cannot be had, a worker does not come, or has another version.
    """

    def __init__(self, addresses: Sequence[str] = (), rank: int = 0, meeting: float = MEETING, answer: float = ANSWER):
        self.addresses, self.rank, self.answer = list(addresses), rank, answer
        self.size, self.sent = max(len(self.addresses), 1), 0
        self._stop = False
        if self.size > 1:
            self._before, self._after = _meet(self.addresses, rank, meeting)
            self.agree({"the version": _version()})

    @classmethod
    def of_environment(cls) -> Team:
        """As `TF_CONFIG` says; alone without it."""
        return cls(*configured())

    def gather(self, data: bytes) -> list[bytes]:
        """What every worker gives, by rank.

        Raises:
            LostWorkerError: one of them does not answer any more.
        """
        said = [b""] * self.size
        said[self.rank] = data
        for turn in range(self.size - 1):
            said[(self.rank - turn - 1) % self.size] = bytes(self._pass(said[(self.rank - turn) % self.size]))
        return said

    def first(self, values: np.ndarray) -> np.ndarray:
        """The first worker's numbers, where others may differ: by a clock, by rounding."""
        values = np.asarray(values)
        if self.size == 1:
            return values
        said = self.gather(values.tobytes() if self.rank == 0 else b"")[0]
        return self._numbers(said, values.ravel()).reshape(values.shape)

    def agree(self, said: Mapping[str, str]) -> None:
        """Refuse to go on where workers differ in what they must not.

        Args:
            said: what it is about, and what is here.

        Raises:
            InputError: they differ; all of them say so.
        """
        everyone = [json.loads(one) for one in self.gather(json.dumps(dict(said)).encode())]
        for about, wanted in everyone[0].items():
            for k, one in enumerate(everyone):
                if one.get(about) != wanted:
                    raise InputError(
                        f"the workers are not of one mind about {about}: worker 0 has {wanted}, {self._called(k)} has "
                        f"{one.get(about)}"
                    )

    def add(self, values: np.ndarray) -> np.ndarray:
        """The sum of all workers' vectors [m], the same for each to the last digit.

        Raises:
            LostWorkerError: one of them does not answer any more.
        """
        n, pieces = self.size, np.array_split(np.asarray(values), self.size)
        for turn in range(n - 1):
            heard, k = self._pass(pieces[(self.rank - turn) % n].tobytes()), (self.rank - turn - 1) % n
            pieces[k] = pieces[k] + self._numbers(heard, pieces[k])
        for turn in range(n - 1):
            heard, k = self._pass(pieces[(self.rank - turn + 1) % n].tobytes()), (self.rank - turn) % n
            pieces[k] = self._numbers(heard, pieces[k])
        return np.concatenate(pieces)

    @contextlib.contextmanager
    def stopping_together(self):
        """A context in which Ctrl-C is a wish to stop, for all workers after the same step; a second one is obeyed."""
        if self.size == 1 or threading.current_thread() is not threading.main_thread():
            yield
            return

        def wish(*_):
            self._stop = True
            signal.signal(signal.SIGINT, usual)

        usual = signal.signal(signal.SIGINT, wish)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, usual)

    @property
    def stop(self) -> bool:
        """Whether this worker was asked to stop by hand; others learn it from what is added up."""
        return self._stop

    def take_gpu(self) -> None:
        """Let TensorFlow see, of the GPUs of this machine, the one of this worker; before it computes anything."""
        import tensorflow as tf

        gpu = own_device(tf.config.list_physical_devices("GPU"), self.addresses, self.rank) if self.size > 1 else None
        if gpu is not None:
            tf.config.set_visible_devices(gpu, "GPU")
            tf.config.experimental.set_memory_growth(gpu, True)  # another worker may have to share it

    def close(self) -> None:
        """Leave; the others lose this worker, if they still wait for it."""
        if self.size > 1:
            self._before.close()
            self._after.close()

    def _pass(self, data: bytes) -> bytearray:
        """Give the next worker these bytes, and take those of the one before."""
        before, after = (self.rank - 1) % self.size, (self.rank + 1) % self.size
        out, head, heard = memoryview(struct.pack("!Q", len(data)) + data), bytearray(8), None  # a length, and so much
        into = memoryview(head)
        self.sent += len(out)
        while out or into:
            hears, speaks = [self._before] if into else [], [self._after] if out else []
            hears, speaks, _ = select.select(hears, speaks, [], self.answer)
            if not hears and not speaks:
                raise self._lost(before if into else after, f"does not answer for {self.answer:g} seconds")
            if hears:
                into = into[self._or_lost(before, self._before.recv_into, into) :]
                if not into and heard is None:
                    heard = bytearray(*struct.unpack("!Q", head))
                    into = memoryview(heard)
            if speaks:
                out = out[self._or_lost(after, self._after.send, out) :]
        return heard

    def _or_lost(self, k: int, act, data: memoryview) -> int:
        """How many bytes went to or came from a worker."""
        try:
            n = act(data)
        except OSError:
            n = 0
        if not n:
            raise self._lost(k, "is gone")
        return n

    def _lost(self, k: int, why: str) -> LostWorkerError:
        """What to raise; others then lose this worker, and so on around the ring."""
        self.close()
        return LostWorkerError(f"{self._called(k)} {why}")

    def _numbers(self, data: bytes, like: np.ndarray) -> np.ndarray:
        if len(data) != like.nbytes:
            raise self._lost((self.rank - 1) % self.size, "is at another place of the training")
        return np.frombuffer(data, like.dtype)

    def _called(self, k: int) -> str:
        return f"worker {k} of {self.size} ({self.addresses[k]})"


def own_device(devices: Sequence, addresses: Sequence[str], rank: int):
    """Which device of its machine a worker computes on: the workers of one host take them in turn.

    Args:
        devices: those that this process sees; one alone where `CUDA_VISIBLE_DEVICES` or a queue has chosen.
        addresses: of all workers.
        rank: which of them this is.

    Returns:
        One of `devices`; None if there are none.
    """
    host = _host(addresses[rank])
    turn = sum(_host(address) == host for address in addresses[:rank])
    return devices[turn % len(devices)] if devices else None


# ------------------------------------------------------------------------------------------------ meeting


def _meet(addresses: list[str], rank: int, patience: float) -> tuple[socket.socket, socket.socket]:
    """Connections from the worker before and to the one after, once each has shown that it has the same list."""
    n, end, given_up = len(addresses), time.monotonic() + patience, threading.Event()
    before, after = (rank - 1) % n, (rank + 1) % n

    def hear() -> socket.socket | None:
        """Who calls and is the worker before, among whoever may call."""
        while not given_up.is_set() and time.monotonic() < end:
            with contextlib.suppress(OSError):
                caller, _ = ear.accept()
                caller.settimeout(5)
                if _read(caller, 32) == _token(addresses, before):
                    caller.sendall(_token(addresses, rank))
                    return caller
                caller.close()
        return None

    def call() -> tuple[socket.socket | None, str]:
        """The worker after, or why it could not be reached."""
        why = "nobody there"
        while not given_up.is_set() and (left := end - time.monotonic()) > 0:
            called = None
            try:
                called = socket.create_connection(
                    (_host(addresses[after]), _port(addresses[after])), timeout=min(left, 5)
                )
                called.sendall(_token(addresses, rank))
                called.settimeout(max(end - time.monotonic(), 0.1))
                if _read(called, 32) == _token(addresses, after):
                    return called, ""
                why = "who answers there is no worker, or has another list of workers"
            except OSError as error:
                why = error.strerror or str(error)
            if called is not None:
                called.close()
            time.sleep(0.2)
        return None, why

    with _ear(addresses, rank) as ear, ThreadPoolExecutor(1) as pool:
        hearing = pool.submit(hear)
        try:
            right, why = call()
            left = hearing.result()
        finally:
            given_up.set()
    if right is None or left is None:
        missing = after if right is None else before
        why = f" ({why})" if why else ""
        raise InputError(
            f"worker {missing} of {n} did not come to {addresses[missing]} within {patience:g} seconds{why}: all start "
            "at about the same time, with one list of workers, and their ports must be open to each other"
        )
    for one in (left, right):
        one.setblocking(False)
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return left, right


def _ear(addresses: list[str], rank: int) -> socket.socket:
    """Where this worker listens: on loopback where all are there, else everywhere, for a name may be that of a gate."""
    host, port = _host(addresses[rank]), _port(addresses[rank])
    try:
        if all(_is_loopback(_host(address)) for address in addresses):
            family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
            ear = socket.create_server((host, port), family=family)
        else:
            both = socket.has_dualstack_ipv6()
            family = socket.AF_INET6 if both else socket.AF_INET
            ear = socket.create_server(("", port), family=family, dualstack_ipv6=both)
    except OSError as error:
        raise InputError(
            f"worker {rank} of {len(addresses)} cannot listen at {addresses[rank]}, the place that TF_CONFIG gives it: "
            f"{os.strerror(error.errno) if error.errno and error.errno > 0 else error}"
        ) from None
    ear.settimeout(0.2)
    return ear


def _is_loopback(host: str) -> bool:
    """Whether a name is this machine's alone; one that nobody knows is not."""
    try:
        found = socket.getaddrinfo(host, None)
    except OSError:
        return False
    return all(ipaddress.ip_address(address[0].partition("%")[0]).is_loopback for *_, address in found)


def _read(connection: socket.socket, n: int) -> bytes:
    data = b""
    while len(data) < n and (more := connection.recv(n - len(data))):
        data += more
    return data


def _token(addresses: list[str], rank: int) -> bytes:
    """By which workers of one list know each other."""
    return hashlib.sha256(json.dumps(["dmol-molnet workers", 1, addresses, rank]).encode()).digest()


def _host(address: str) -> str:
    return address.rpartition(":")[0].strip("[]")


def _port(address: str) -> int:
    """Of "host:port"; 0 if it is no such address."""
    host, _, port = address.rpartition(":")
    return int(port) if host and port.isdecimal() and int(port) < 1 << 16 else 0


def _version() -> str:
    return f"dmol-molnet {dmol_molnet.__version__} on TensorFlow {importlib.metadata.version('tensorflow')}"
