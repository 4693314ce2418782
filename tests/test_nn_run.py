"""The guard: it knows a collapse from noise, from wavering and from learning, and survives a kill.

What it does in a run, and what a checkpoint keeps, stands in `test_nn_training.py`.
"""

import json
import warnings

import numpy as np
import pytest

from dmol_molnet.nn.run import DivergedError, Guard, TrainingWarning


def test_the_guard_knows_a_collapse_from_noise():
    rng, guard = np.random.default_rng(0), Guard()
    noise = 0.1 * np.exp(rng.normal(size=2000))
    assert not any(guard.after_step(float(x)) for x in noise)
    assert any(guard.after_step(10.0) for _ in range(2 * Guard.STEPS))
    assert Guard().after_step(float("nan"))
    guard = Guard()
    assert not any(guard.after_epoch(float(x)) for x in 1 / (1 + np.arange(50)))  # it learns
    assert not any(guard.after_epoch(x) for x in [0.5, 0.02, 0.5, 0.5, 0.5, 0.02])  # it wavers
    assert [guard.after_epoch(0.02, dead=True) for _ in range(Guard.DEAD)] == [False] * (Guard.DEAD - 1) + [True]
    guard.forget()
    guard.after_epoch(0.02)
    assert [guard.after_epoch(0.5) for _ in range(Guard.EPOCHS)] == [False] * (Guard.EPOCHS - 1) + [True]
    again = Guard()
    again.restore(json.loads(json.dumps(guard.state())))
    assert again.state() == guard.state()


def test_a_collapse_is_said_once_and_ends_in_advice():
    guard = Guard()
    said = r"collapsed in epoch 3 at a learning rate of 2\.0e-02; .* 0\.3 of the planned"
    with pytest.warns(TrainingWarning, match=said) as told:
        guard.slow_down(2, 0.02)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(Guard.MOST - 1):
            guard.slow_down(2, 0.02)
    assert len(told) == 1
    assert guard.factor == pytest.approx(Guard.SLOWER**Guard.MOST)
    with pytest.raises(DivergedError, match="try a smaller one, and look for wrong labels"):
        guard.slow_down(2, 0.02)
