"""How the work of a reader's function grows with the number of neighbours, told from outside.

Some exercises ask for a number *without looking at pairs*.  What a function looks at shows in what it takes: time or
memory that grows faster than the number of neighbours.  So the function gets more and more neighbours, as long as that
is quick.  Its time at N is compared with that at N/16, and the most that numpy holds at once with N² bytes.
"""

from __future__ import annotations

import math
import tracemalloc
from collections.abc import Callable
from time import perf_counter, process_time

from dmol_molnet.exercises.engine import Wrong

LARGEST = 24576
"""The most neighbours that a function gets."""

_TELLING = 0.1  # seconds; shorter times are mostly what any call costs
_MANY = 3072  # neighbours; a table of all pairs takes 75 MB
_SINGLE, _PAIRS = 2, 2.6  # growth of the time for each neighbour; between the two, more neighbours must tell


def beyond_single(run: Callable[[int], object]) -> str | None:
    """What shows that the work grows faster than the number of neighbours, as a sentence; None if nothing does.

    Args:
        run: calls the reader's function with so many neighbours.
    """
    run(6)  # whatever is done once, such as imports, is done here
    n, seconds = 6, {}
    while n <= LARGEST:
        seconds[n] = _seconds(run, n)
        few = n // 16 if n // 16 in seconds else n // 4
        if seconds[n] > _TELLING and few in seconds:
            if seconds[n] < 0.4:  # once more, so that nothing hangs on one moment
                seconds[few] = min(seconds[few], _seconds(run, few))
                seconds[n] = min(seconds[n], _seconds(run, n))
            if _growth(seconds, few, n) > _PAIRS:
                times = f"{_spoken(seconds[few])} for {few} neighbours, and {_spoken(seconds[n])} for {n}"
                return f"It took {times}: {seconds[n] / seconds[few]:.0f} times as long for {n // few} times as many."
            if _growth(seconds, few, n) < _SINGLE and few == n // 16:
                seconds[few] = min(seconds[few], _seconds(run, few))  # which another program may have slowed down
                if _growth(seconds, few, n) < _SINGLE:
                    return None
        if n == _MANY and seconds[n] < _TELLING / 2 and (peak := _peak(run, n)) > 3 * n * n:
            return f"With {n} neighbours, it held {peak / 1e6:.0f} MB at once, as a table of all pairs does."
        n *= 2
    return None


def _growth(seconds: dict[int, float], few: int, n: int) -> float:
    """By how much the time for each neighbour has grown: not at all where the work is that of single ones."""
    return seconds[n] / n / (seconds[few] / few)


def single_only(run: Callable[[int], object], name: str) -> None:
    """Refuse a function whose work grows faster than the number of neighbours.

    Args:
        run: calls it with so many neighbours.
        name: of the misconception.

    Raises:
        Wrong: it does.
    """
    if shown := beyond_single(run):
        raise Wrong(name, shown)


def _seconds(run: Callable[[int], object], n: int) -> float:
    """What the work takes, not what the machine does besides: the least of several short runs."""
    best = math.inf
    for _ in range(4):
        cpu, wall = process_time(), perf_counter()
        run(n)
        cpu, wall = process_time() - cpu, perf_counter() - wall
        best = min(best, cpu or wall, wall)  # some clocks of the processor tick too seldom
        if best > _TELLING / 8:
            break
    return max(best, 1e-7)


def _spoken(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds > 0.95 else f"{1000 * seconds:.1f} ms"


def _peak(run: Callable[[int], object], n: int) -> int:
    """The most bytes that were held at once, by Python and numpy."""
    ours = not tracemalloc.is_tracing()
    if ours:
        tracemalloc.start()
    try:
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        run(n)
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        if ours:
            tracemalloc.stop()
