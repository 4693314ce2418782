"""Functions compiled by XLA, one program for each shape of their arguments, on all cores."""

from __future__ import annotations

import functools
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import tensorflow as tf


class Program:
    """A function of tensors, compiled by XLA once for each shape of its arguments.

    Args:
        function: of graphs, labels, arrays; what it takes from elsewhere, but for variables, stays as it was when it
            was compiled.
    """

    def __init__(self, function: Callable):
        self.function, self.compiled = function, {}

    def __call__(self, *arguments):
        """The function's result."""
        if tf.config.functions_run_eagerly():
            return self.function(*arguments)
        shapes = self._shapes(arguments)
        if shapes not in self.compiled:  # each by itself: TensorFlow warns of functions of many shapes
            traced = tf.function(self.function, jit_compile=True, autograph=False)
            self.compiled[shapes] = traced.get_concrete_function(*arguments)
        return self.compiled[shapes](*arguments)

    def map(self, many: Iterable[tuple]) -> Iterator:
        """The results for many arguments, in their order, several at a time.

        A program of a small graph keeps one core busy; the others compute the next ones.
        """
        n, waiting, known = threads(), deque(), set(self.compiled)
        for arguments in many:
            shapes = self._shapes(arguments)
            if n > 1 and shapes in known:
                waiting.append(_pool(n).submit(self, *arguments))
            else:  # compiles, for which Keras has settings that other threads do not see
                waiting.append(Future())
                waiting[-1].set_result(self(*arguments))
                known.add(shapes)
            if len(waiting) > 2 * n:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()

    @staticmethod
    def _shapes(arguments) -> tuple:
        return tuple((tuple(x.shape), tf.as_dtype(x.dtype)) for x in tf.nest.flatten(arguments))


@functools.cache
def _pool(n: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(n)


def threads() -> int:
    """How many threads TensorFlow may use."""
    ours = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return tf.config.threading.get_intra_op_parallelism_threads() or ours or 1
