"""Training: it learns, repeats itself exactly, goes on after a kill as if nothing had been, and stops in time."""

import json
import re
import time
import warnings
from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf

from dmol_molnet import InputError, Molecule, datasets
from dmol_molnet.molecules import SYMBOLS
from dmol_molnet.nn.design_space import build
from dmol_molnet.nn.graph import Batches, Capacity, MolecularGraph
from dmol_molnet.nn.potential import Normalisation, Potential
from dmol_molnet.nn.run import Guard
from dmol_molnet.nn.training import DivergedError, TrainingWarning, _Step, check_labels, labels

FRAMES = datasets.load("acetylacetone").train[:28]
TRAIN, VALIDATION = FRAMES[:20], FRAMES[20:]


def potential(**changes):
    return Potential(build("schnet", **{"channels": 8, "layers": 1, "radial": 8, "cutoff": 3.0, "seed": 0, **changes}))


@pytest.fixture(autouse=True)
def uncompiled(request):
    """Compilation takes longer than these small runs; those marked `compiled` are run as users run them."""
    tf.config.run_functions_eagerly("compiled" not in request.fixturenames)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.fixture
def compiled():
    """Asked for by a test that runs compiled."""


OPTIONS = {"epochs": 4, "batch_size": 8, "learning_rate": 0.01, "verbose": 0}


def comparable(history):
    return {key: values for key, values in history.history.items() if key != "seconds"}


# ------------------------------------------------------------------------------------------------ the step


def test_the_loss_and_its_errors_are_those_of_numpy():
    one = potential()
    one.normalise(Normalisation.of(TRAIN, one.cutoff))
    step = _Step(one, 1e-3, 2.0, 5.0, 0.9)
    batch = TRAIN[:5]
    graph = MolecularGraph.from_molecules(batch, one.cutoff)
    loss, energy2, force2, molecules, atoms = step.errors(graph, labels(one, batch, graph))
    energies, forces = one.energy_and_forces(batch)
    de = energies - [m.energy for m in batch]
    df = np.array(forces) - [m.forces for m in batch]
    scale = one.normalisation.scales["C"]
    assert loss == pytest.approx(2 * np.mean(de**2 / 15) / scale**2 + 5 * np.mean(df**2) / scale**2, rel=1e-4)
    assert (energy2, force2) == pytest.approx((np.mean((de / 15) ** 2), np.mean(df**2)), rel=1e-4)
    assert (molecules, atoms) == (5, 75)


def test_padding_changes_no_gradient():
    batch = TRAIN[:3]
    weights = []
    for room in (None, Capacity(5, 96, 512, 20)):
        one = potential()
        one.normalise(Normalisation.of(TRAIN, one.cutoff))
        step = _Step(one, 1e-2, 1.0, 10.0, 0.9)
        graph = MolecularGraph.from_molecules(batch, one.cutoff, room)
        for _ in range(3):
            step.set_rate(0.0)
            step.train(graph, labels(one, batch, graph))
        weights.append(one.model.get_weights())
    for a, b in zip(*weights, strict=True):
        np.testing.assert_allclose(a, b, atol=2e-5)


def test_a_batch_in_parts_trains_as_a_whole_one():
    batch = TRAIN[:11]  # of 15 atoms each, so three parts, the last of them not full
    weights, found = [], []
    for split in (False, True):
        one = potential()
        one.normalise(Normalisation.of(TRAIN, one.cutoff))
        step = _Step(one, 1e-2, 1.0, 10.0, 0.9)
        for chosen, graph in Batches(batch, one.cutoff, 12, split=split)():
            assert graph.numbers.shape == ((3, 60) if split else (165,))
            wanted = labels(one, [batch[k] for k in chosen], graph)
            for _ in range(3):
                step.set_rate(0.0)
                found.append(step.train(graph, wanted))
        weights.append(one.model.get_weights())
    np.testing.assert_allclose(found[:3], found[3:], rtol=1e-4)
    for a, b in zip(*weights, strict=True):
        np.testing.assert_allclose(a, b, atol=2e-5)


def test_a_part_without_molecules_changes_nothing():
    one = potential()
    one.normalise(Normalisation.of(TRAIN, one.cutoff))
    step, found = _Step(one, 1e-9, 1.0, 10.0, 0.9), []
    for chosen, graph in Batches(TRAIN[:10], one.cutoff, 8, split=True)():  # 8 molecules, then 2 for two parts
        assert graph.numbers.shape == (2, 60)
        found.append(step.train(graph, labels(one, [TRAIN[k] for k in chosen], graph))[3:])
    np.testing.assert_array_equal(found, [[8, 120], [2, 30]])


def test_gradients_of_the_step_are_those_of_differences():
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float64")
    try:
        one = potential()
        one.normalise(Normalisation.of(TRAIN, one.cutoff))
        step = _Step(one, 1e-3, 1.0, 10.0, 0.0)
        graph = MolecularGraph.from_molecules(TRAIN[:2], one.cutoff)
        wanted = labels(one, TRAIN[:2], graph)
        bias = one.model.interactions[0].filter[1].kernel
        w, h = bias.numpy(), 1e-5
        slopes = []
        for k in range(3):
            loss = []
            for sign in (1, -1):
                moved = w.copy()
                moved[k, k] += sign * h
                bias.assign(moved)
                loss.append(step.errors(graph, wanted)[0])
            slopes.append((loss[0] - loss[1]) / (2 * h))
        bias.assign(w)
        with tf.GradientTape() as tape:
            energy, forces = one.derivatives(graph)
            de, df = (x / one.normalisation.scales["C"] for x in (energy - wanted.energy, forces - wanted.forces))
            total = tf.reduce_mean(de**2 / 15) + 10 * tf.reduce_sum(df**2) / 90
        found = tape.gradient(total, bias.value).numpy()
        np.testing.assert_allclose([found[k, k] for k in range(3)], slopes, rtol=1e-6)
    finally:
        keras.config.set_dtype_policy(before)


# ------------------------------------------------------------------------------------------------ a run


def test_it_learns_and_tells_how(compiled):
    one = potential()
    before = Potential(one.model, Normalisation.of(TRAIN, one.cutoff)).evaluate(VALIDATION)
    history = one.fit(TRAIN, VALIDATION, **{**OPTIONS, "epochs": 60}).history
    after = one.evaluate(VALIDATION)
    assert after["force_rmse"] < 0.9 * before["force_rmse"]
    assert set(history) == {
        "loss", "energy_rmse_per_atom", "force_rmse", "val_loss", "val_energy_rmse_per_atom", "val_force_rmse",
        "learning_rate", "seconds",
    }  # fmt: skip
    assert all(len(values) == 60 for values in history.values())
    assert history["learning_rate"][-1] < 0.1 * max(history["learning_rate"])
    # It ends with the best averaged weights, not with the last.
    best = int(np.argmin(history["val_loss"]))
    assert after["force_rmse"] == pytest.approx(history["val_force_rmse"][best], rel=1e-3)
    assert after["energy_rmse_per_atom"] == pytest.approx(history["val_energy_rmse_per_atom"][best], rel=1e-2)


@pytest.fixture(scope="module")
def unbroken():
    """A run as users run it, and its potential: made once."""
    one = potential()
    tf.config.run_functions_eagerly(False)
    return one.fit(TRAIN, VALIDATION, **OPTIONS), one


def test_the_same_seed_gives_the_same_history(compiled, unbroken):
    again = potential()
    assert comparable(again.fit(TRAIN, VALIDATION, **OPTIONS)) == comparable(unbroken[0])
    for a, b in zip(again.get_weights(), unbroken[1].get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_another_seed_draws_the_molecules_in_another_order():
    one, other = (potential().fit(TRAIN, VALIDATION, **OPTIONS, seed=seed) for seed in (1, 2))
    assert comparable(one) != comparable(other)


class Kill(keras.callbacks.Callback):
    """Ends the process, or as good as, in the middle of an epoch."""

    def __init__(self, epoch):
        super().__init__()
        self.epoch = epoch

    def on_epoch_begin(self, epoch, logs=None):
        self.now = epoch

    def on_train_batch_end(self, batch, logs=None):
        if (self.now, batch) == (self.epoch, 1):
            raise SystemExit


def test_a_killed_run_goes_on_as_if_nothing_had_been(tmp_path, compiled, unbroken):
    expected, whole = unbroken
    path = tmp_path / "run.npz"
    with pytest.raises(SystemExit):
        potential().fit(TRAIN, VALIDATION, **OPTIONS, checkpoint=path, callbacks=[Kill(2)])
    resumed = potential(seed=5)  # its own first weights do not matter
    found = resumed.fit(TRAIN, VALIDATION, **OPTIONS, checkpoint=path)
    assert comparable(found) == comparable(expected)
    assert found.epoch == [0, 1, 2, 3]
    for a, b in zip(resumed.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert [p.name for p in tmp_path.iterdir()] == ["run.npz"]


@pytest.mark.parametrize("how", ["other molecules", "other options", "truncated", "no npz", "no folder"])
def test_a_checkpoint_that_does_not_fit_is_refused(how, tmp_path):
    path = tmp_path / "run.npz"
    potential().fit(TRAIN, **{**OPTIONS, "epochs": 1}, checkpoint=path)
    train, options = TRAIN, {**OPTIONS, "epochs": 1}
    if how == "other molecules":
        train = TRAIN[1:]
    elif how == "other options":
        options["learning_rate"] = 0.02
    elif how == "truncated":
        path.write_bytes(path.read_bytes()[:1000])
    elif how == "no npz":
        path.write_text("hello")
    else:
        path = tmp_path / "nowhere" / "run.npz"
    expected = {"other": "checkpoint of another run", "no folder": "there is no folder"}
    message = next(
        (text for start, text in expected.items() if how.startswith(start)), "no checkpoint that can be read"
    )
    with pytest.raises(InputError, match=message):
        potential().fit(train, **options, checkpoint=path)


def test_a_checkpoint_is_written_at_once_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "run.npz"
    potential().fit(TRAIN, **{**OPTIONS, "epochs": 1}, checkpoint=path)
    before = path.read_bytes()

    def full(file, **arrays):
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(OSError, match="No space left"):
        potential().fit(TRAIN, **{**OPTIONS, "epochs": 1}, checkpoint=tmp_path / "other.npz")
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["run.npz"]


def test_minutes_are_kept_and_planned_by():
    began, minutes = time.monotonic(), 0.06
    history = potential().fit(TRAIN, VALIDATION, minutes=minutes, batch_size=8, verbose=0).history
    assert time.monotonic() - began < 60 * minutes + 3
    assert len(history["loss"]) > 3
    # A half cosine of the time that has passed: in an epoch the rate is at most what it was planned at its beginning.
    passed = np.array(history["seconds"][:-1]) / (60 * minutes)
    planned = 0.02 * (1e-3 + (1 - 1e-3) * (1 + np.cos(np.pi * passed)) / 2)
    assert np.all(history["learning_rate"][1:] <= 1.01 * planned)
    assert planned[-1] < 0.02


def test_it_stops_early_when_nothing_improves():
    history = (
        potential().fit(TRAIN, VALIDATION, **{**OPTIONS, "learning_rate": 1e-12, "epochs": 30}, patience=3).history
    )
    assert len(history["loss"]) < 10


def test_callbacks_of_keras_see_the_errors_and_may_stop():
    seen = []

    class Watch(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            seen.append(logs["val_force_rmse"])
            self.model.stop_training = epoch == 1

    history = potential().fit(TRAIN, VALIDATION, **OPTIONS, callbacks=[Watch()]).history
    assert seen == history["val_force_rmse"]
    assert len(seen) == 2


# ------------------------------------------------------------------------------------------------ averages, collapses


def test_the_average_is_one(compiled):
    """The averaged weights are m times their last value and 1 - m times the weights, from step to step."""
    one = potential()
    one.normalise(Normalisation.of(TRAIN, one.cutoff))
    step, batch = _Step(one, 1e-2, 1.0, 10.0, 0.9), TRAIN[:5]
    graph = MolecularGraph.from_molecules(batch, one.cutoff)
    wanted, expected = labels(one, batch, graph), step.theta.numpy()
    for count in range(40):
        step.set_rate(0.0)
        step.train(graph, wanted)
        m = min(0.9, count / (count + 10))
        expected = m * expected + (1 - m) * step.theta.numpy()
    np.testing.assert_allclose(step.average.numpy(), expected, atol=1e-5)
    assert np.abs(expected - step.theta.numpy()).max() > 1e-4


def test_averages_of_other_lengths_give_other_results():
    options = {**OPTIONS, "learning_rate": 0.1}
    runs = [potential().fit(TRAIN, VALIDATION, **options, average=m).history for m in (0.0, 0.9)]
    np.testing.assert_allclose(runs[0]["loss"], runs[1]["loss"], rtol=1e-5)  # the steps do not know the average
    assert not np.allclose(runs[0]["val_loss"], runs[1]["val_loss"], rtol=1e-3)


def test_callbacks_see_the_weights_that_were_validated():
    seen = []

    class Watch(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            seen.append((self.model.evaluate(VALIDATION)["force_rmse"], logs["val_force_rmse"]))

    potential().fit(TRAIN, VALIDATION, **OPTIONS, callbacks=[Watch()])
    found, told = np.transpose(seen)
    np.testing.assert_allclose(found, told, rtol=1e-4)


def test_callbacks_of_keras_may_take_the_rate_over():
    halve = keras.callbacks.LearningRateScheduler(lambda epoch, rate: 0.003 / 2**epoch)
    history = potential().fit(TRAIN, VALIDATION, **OPTIONS, callbacks=[halve]).history
    np.testing.assert_allclose(history["learning_rate"], [0.003, 0.0015, 0.00075, 0.000375], rtol=1e-6)
    plateau = keras.callbacks.ReduceLROnPlateau(monitor="loss", factor=0.1, patience=1, min_delta=1e9)
    history = potential().fit(TRAIN, VALIDATION, **OPTIONS, callbacks=[plateau]).history
    assert history["learning_rate"][-1] < 0.011 * history["learning_rate"][1]


def test_a_potential_is_not_compiled():
    with pytest.raises(InputError, match="its loss and Adam are in `fit`"):
        potential().compile(optimizer="adam")


def test_a_run_that_collapses_goes_back_slows_down_and_still_learns(compiled):
    one = potential(channels=16, layers=3)
    options = {**OPTIONS, "epochs": 80, "learning_rate": 1.0}  # two hundred times what is sensible
    with pytest.warns(
        TrainingWarning, match=r"the training collapsed in epoch \d+ .* goes on from its best weights"
    ) as told:
        history = one.fit(TRAIN, VALIDATION, **options).history
    assert len(told) <= Guard.MOST
    zero = np.sqrt(np.mean(np.concatenate([m.forces for m in VALIDATION]) ** 2))
    assert one.evaluate(VALIDATION)["force_rmse"] == pytest.approx(min(history["val_force_rmse"]), rel=0.05)
    assert min(history["val_force_rmse"]) < 0.9 * zero


def test_what_goes_wrong_in_the_last_epoch_is_not_kept_without_validation_either():
    """The guard waits for a second bad epoch, which does not come."""

    class Wild(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            self.model.optimizer.learning_rate.assign(0.01 if epoch < 7 else 10.0)

        def on_epoch_end(self, epoch, logs=None):
            errors.append(self.model.evaluate(TRAIN)["force_rmse"])

    errors, one = [], potential(channels=16)
    losses = one.fit(TRAIN, **{**OPTIONS, "epochs": 8}, callbacks=[Wild()]).history["loss"]
    assert losses[-1] > 4 * min(losses)  # or nothing went wrong
    assert one.evaluate(TRAIN)["force_rmse"] == pytest.approx(errors[np.argmin(losses)], rel=1e-5)
    assert errors[-1] > 1.01 * errors[np.argmin(losses)]


def test_what_is_saved_after_training_is_the_weights_alone(tmp_path):
    fresh, trained = potential(), potential()
    fresh.normalise(Normalisation.of(TRAIN, fresh.cutoff))
    trained.fit(TRAIN, **{**OPTIONS, "epochs": 1})
    sizes = []
    for name, one in {"fresh": fresh, "trained": trained}.items():
        one.save(tmp_path / f"{name}.keras")
        sizes.append((tmp_path / f"{name}.keras").stat().st_size)
    assert sizes[1] == pytest.approx(sizes[0], rel=0.05)  # Adam keeps two numbers a weight


def test_labels_that_nothing_can_learn_stop_with_advice(tmp_path):
    path = tmp_path / "run.npz"
    with (
        pytest.raises(DivergedError, match=r"collapsed 9 times, the last time in epoch .* at a learning rate of"),
        pytest.warns(TrainingWarning),
    ):
        potential().fit(TRAIN, **{**OPTIONS, "learning_rate": 1e30, "epochs": 50}, checkpoint=path)


# ------------------------------------------------------------------------------------------------ budgets, zeros


def test_the_budget_of_a_run_may_grow(tmp_path):
    path = tmp_path / "run.npz"
    potential().fit(TRAIN, VALIDATION, **OPTIONS, checkpoint=path)
    history = potential().fit(TRAIN, VALIDATION, **{**OPTIONS, "epochs": 7}, checkpoint=path).history
    assert len(history["loss"]) == 7


def free_atom(symbol, energy):
    return Molecule([SYMBOLS.index(symbol)], np.zeros((1, 3)), energy=energy, forces=np.zeros((1, 3)))


def test_free_atoms_are_the_reference_and_not_trained_on():
    free = {"H": -13.6, "C": -1027.0, "O": -2041.0}
    one = potential()
    history = one.fit([*(free_atom(*item) for item in free.items()), *TRAIN], VALIDATION, **OPTIONS)
    assert one.normalisation.shifts == free
    assert one.normalisation.undetermined == 0
    other = potential()
    assert comparable(other.fit(TRAIN, VALIDATION, **OPTIONS, reference=free)) == comparable(history)
    average = potential()
    average.fit(TRAIN, VALIDATION, **OPTIONS, reference="average")
    assert average.normalisation.undetermined == 2


def test_a_few_known_reference_energies_leave_the_others_to_least_squares():
    one = potential()
    one.fit([free_atom("H", -13.6), *TRAIN], **OPTIONS)
    shifts, mean = one.normalisation.shifts, np.mean([m.energy for m in TRAIN])
    assert shifts["H"] == -13.6
    assert shifts["C"] == pytest.approx(shifts["O"]) == pytest.approx((mean + 8 * 13.6) / 7)


def test_further_training_on_labels_of_another_zero_follows_it_and_says_so(compiled):
    one = potential(channels=16, layers=2)
    with warnings.catch_warnings():
        warnings.simplefilter("error", TrainingWarning)
        one.fit(TRAIN, **{**OPTIONS, "epochs": 60, "learning_rate": 0.05})
        one.fit(TRAIN, **{**OPTIONS, "epochs": 1})  # the same labels: nothing to say
    moved = [replace(m, energy=m.energy + 5.0) for m in TRAIN]
    with pytest.warns(TrainingWarning, match=r"another zero of energy .* \+0\.3\d\d eV an atom"):
        history = one.fit(moved, **{**OPTIONS, "epochs": 1, "learning_rate": 1e-6}).history
    assert history["energy_rmse_per_atom"][0] < 0.02


def test_energies_alone_can_be_trained_on():
    train = [replace(m, forces=None) for m in TRAIN]
    history = potential().fit(train, **OPTIONS, force_weight=0).history
    assert np.isfinite(history["loss"]).all()
    with pytest.raises(InputError, match=r"training molecule 1 \(C5H8O2\) has no forces"):
        potential().fit(train, **OPTIONS)


def test_mixed_sizes_train_in_a_handful_of_programs(compiled):
    rng = np.random.default_rng(0)
    molecules = []
    for n in (1, 2, 3, 4, 5, 6):
        one = Molecule.from_smiles("C" * n).embed(0)
        for _ in range(4):
            x = one.positions + rng.normal(scale=0.05, size=one.positions.shape)
            e = -10.0 * len(one) + 0.01 * rng.normal()
            molecules.append(replace(one, positions=x, energy=e, forces=rng.normal(size=x.shape)))
    one = potential()
    one.normalise(Normalisation.of(molecules, one.cutoff))
    step, batches, shapes = _Step(one, 1e-2, 1.0, 10.0, 0.9), Batches(molecules, one.cutoff, 3, shapes=2), set()
    for epoch in range(3):
        for chosen, graph in batches(np.random.default_rng(epoch)):
            step.train(graph, labels(one, [molecules[k] for k in chosen], graph))
            shapes.add(graph.i.shape)
    assert len(shapes) == 2
    assert step._train.experimental_get_tracing_count() <= 2


def test_the_run_is_shown(capsys):
    potential().fit(TRAIN, VALIDATION, **{**OPTIONS, "verbose": 2, "epochs": 2})
    assert re.search(r"epoch 2: energy \d+\.\d\d meV/atom, force \d+\.\d meV/Å", capsys.readouterr().err)
    potential().fit(TRAIN, VALIDATION, **{**OPTIONS, "verbose": 1, "epochs": 2})
    assert "100 % epoch 2, energy" in capsys.readouterr().err
    potential().fit(TRAIN, **OPTIONS)
    assert capsys.readouterr() == ("", "")


# ------------------------------------------------------------------------------------------------ bad input


def test_labels_in_mixed_units_are_refused():
    wrong = [*TRAIN[:9], replace(TRAIN[9], energy=TRAIN[9].energy / 27.211)]
    with pytest.raises(InputError, match=r"training molecule 10 .* are units mixed"):
        check_labels(wrong)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"epochs": 0}, "epochs is a whole number, at least 1"),
        ({"minutes": -1}, "minutes is a positive number"),
        ({"batch_size": 1.5}, "batch_size is a whole number"),
        ({"learning_rate": 0}, "learning_rate is a positive number"),
        ({"force_weight": -1}, "force_weight is 0 or a positive number"),
        ({"force_weight": 0, "energy_weight": 0}, "nothing to learn from"),
        ({"average": 1}, "average is a number from 0 to less than 1"),
        ({"patience": 0}, "patience is a whole number"),
    ],
)
def test_bad_options_are_told_in_one_sentence(change, message):
    with pytest.raises(InputError, match=message):
        potential().fit(TRAIN, **{**OPTIONS, **change})


def test_no_molecule_or_none_with_energy_is_told():
    with pytest.raises(InputError, match="no molecule to train on"):
        potential().fit([])
    with pytest.raises(InputError, match="has no energy"):
        potential().fit([replace(TRAIN[0], energy=None)])


def test_the_history_is_plain_numbers():
    history = potential().fit(TRAIN, **{**OPTIONS, "epochs": 1}).history
    assert json.loads(json.dumps(history)) == history
