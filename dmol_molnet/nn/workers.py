"""Several processes that train one network: each computes its share of every step, and what they find is added up.

    gradient of a batch = sum over its molecules = sum over workers of (sum over their molecules)

Every worker has the whole network, draws the same batches, and takes the same steps from the same sums; so weights
stay equal without being sent.  `TF_CONFIG` says who is there, as everywhere in TensorFlow:

    {"cluster": {"worker": ["node1:2222", "node2:2222"]}, "task": {"type": "worker", "index": 0}}

The first worker speaks and writes for all.  Source of the sum: Patarasuk and Yuan (2009), `patarasuk2009bandwidth`, a
ring of all workers, as TensorFlow's collectives have it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence

import tensorflow as tf

from dmol_molnet.molecules import InputError, quoted


def rank() -> int:
    """Which worker this process is, as `TF_CONFIG` says; 0 alone.

    Raises:
        InputError: it cannot be understood.
    """
    return _configured()[1]


def _configured() -> tuple[int, int]:
    """How many workers there are, and which this is."""
    text = os.environ.get("TF_CONFIG")
    if not text:
        return 1, 0
    try:
        config = json.loads(text)
        workers, task = config["cluster"]["worker"], config["task"]
        index = int(task["index"])
    except (ValueError, KeyError, TypeError):
        raise InputError(
            "TF_CONFIG names the workers and which of them this is, as in "
            '{"cluster": {"worker": ["node1:2222", "node2:2222"]}, "task": {"type": "worker", "index": 0}}, not '
            f"{quoted(text)}"
        ) from None
    if set(config["cluster"]) != {"worker"} or task.get("type") != "worker" or not 0 <= index < len(workers):
        raise InputError(f"TF_CONFIG names workers alone, and one of them for this process; not {quoted(text)}")
    return len(workers), index


class LostWorkerError(RuntimeError):
    """A worker does not answer any more."""


class Team:
    """The processes that train together; made before TensorFlow computes anything, which then listens to the others.

    Attributes:
        size: how many.
        rank: which one this is, from 0.
    """

    def __init__(self, size: int = 1, rank: int = 0):
        self.size, self.rank = size, rank
        self._sum = _summation() if size > 1 else None

    @classmethod
    def of_environment(cls) -> Team:
        """As `TF_CONFIG` says; alone without it.

        Raises:
            InputError: it cannot be understood.
        """
        return cls(*_configured())

    def share(self, batch):
        """This worker's share of a named tuple of arrays [P, …], P a multiple of `size`: every `size`-th."""
        return type(batch)(*(x[self.rank :: self.size] for x in batch))

    def first(self, values: Sequence[float]) -> list[float]:
        """What the first worker says, where workers may not be of one opinion: clocks."""
        if self.size == 1:
            return list(values)
        return self.add(tf.constant(values, "float64") * float(self.rank == 0)).numpy().tolist()

    def agree(self, value: float, about: str) -> None:
        """Refuse to go on where workers have different numbers.

        Raises:
            InputError: so they have.
        """
        if self.first([value])[0] != value:
            raise InputError(f"the workers are not of one mind about {about}: {value:g} here, another number elsewhere")

    def add(self, values: tf.Tensor) -> tf.Tensor:
        """The sum of all workers' values, the same for each to the last digit.

        Raises:
            LostWorkerError: one of them does not answer any more.
        """
        if self.size == 1:
            return values
        try:
            return self._sum(values)
        except tf.errors.OpError as error:
            raise LostWorkerError(f"a worker is gone: {error.message.splitlines()[0]}") from None


def _summation():
    """A function of a tensor: its sum over all workers that `TF_CONFIG` names."""
    options = tf.distribute.experimental.CommunicationOptions(
        implementation=tf.distribute.experimental.CommunicationImplementation.RING
    )
    strategy = tf.distribute.MultiWorkerMirroredStrategy(communication_options=options)

    def on_this(x):
        with tf.device("/CPU:0"):  # the sum asks where its numbers are
            x = tf.identity(x)
        return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, x)

    return tf.function(lambda x: strategy.run(on_this, args=(x,)), autograph=False)
