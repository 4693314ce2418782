"""Functions compiled for each shape of their arguments, on several cores."""

import threading
import time

import numpy as np
import pytest
import tensorflow as tf

from dmol_molnet.molecules import InputError
from dmol_molnet.nn.program import Program, threads

SIZES = [(k % 2 + 1, k) for k in range(40)]  # two shapes


@pytest.fixture
def three(monkeypatch):
    monkeypatch.setattr(tf.config.threading, "get_intra_op_parallelism_threads", lambda: 3)


def test_each_shape_is_traced_once_without_a_warning(three, caplog):
    traced = []

    def double(x, more):
        traced.append(x.shape[0])
        return 2 * x + more["one"]

    program = Program(double)
    sizes = [*SIZES, *((k, k) for k in range(3, 9))]
    arguments = [(np.full(shape, k, "float32"), {"one": np.float32(1)}) for shape, k in sizes]
    found = list(program.map(arguments))
    assert traced == list(range(1, 9))
    for (x, _), y in zip(arguments, found, strict=True):
        np.testing.assert_array_equal(y, 2 * x + 1)
    np.testing.assert_array_equal(program(*arguments[0]), found[0])
    assert len(traced) == 8
    assert not caplog.records


def test_variables_are_read_anew_but_constants_stay():
    variable, constant = tf.Variable(1.0), [1.0]
    program = Program(lambda x: x * variable + constant[0])
    assert float(program(tf.constant(2.0))) == 3.0
    variable.assign(5.0)
    constant[0] = 7.0
    assert float(program(tf.constant(2.0))) == 11.0


def test_threads_keep_the_order_and_hand_on_errors(three, monkeypatch):
    drawn, seen = [], []
    monkeypatch.setattr(Program, "__call__", lambda self, *arguments: self.function(*arguments))

    def arrays():
        for shape, k in SIZES:
            drawn.append(k)
            yield (np.full(shape, k),)

    def slow(array):
        time.sleep(0.002 * (array[0] % 3))
        seen.append(threading.get_ident())
        return int(array[0])

    found = Program(slow).map(arrays())
    assert next(found) == 0
    assert len(drawn) < 10  # it does not hold all of them
    assert list(found) == list(range(1, 40))
    assert len(set(seen)) > 1
    assert seen[:2].count(threading.get_ident()) == 2  # each shape is compiled in this thread

    def fail(array):
        if array[0] == 5:
            raise InputError("no")
        return array

    with pytest.raises(InputError, match="no"):
        list(Program(fail).map(arrays()))


def test_as_many_threads_as_tensorflow_is_given(monkeypatch):
    assert threads() >= 1
    monkeypatch.setattr(tf.config.threading, "get_intra_op_parallelism_threads", lambda: 7)
    assert threads() == 7
