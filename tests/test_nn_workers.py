"""Several workers train the network that one would: sums, shares, what they must have in common, how a run ends."""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from pathlib import Path

import keras
import numpy as np
import pytest

from dmol_molnet import datasets
from dmol_molnet.molecules import InputError, Molecule
from dmol_molnet.nn import workers
from dmol_molnet.nn.design_space import build, computing_in
from dmol_molnet.nn.graph import Batches
from dmol_molnet.nn.potential import Potential
from dmol_molnet.nn.run import TrainingWarning
from dmol_molnet.nn.workers import LostWorkerError, Team, own_device

ROOT = Path(__file__).parents[1]
FRAMES = datasets.load("acetylacetone").train[:40]
EXAMPLE = '{"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker", "index": 0}}'


def places(n, host="127.0.0.1"):
    """Addresses at which nobody listens."""
    sockets = [socket.create_server((host, 0)) for _ in range(n)]
    addresses = [f"{host}:{one.getsockname()[1]}" for one in sockets]
    for one in sockets:
        one.close()
    return addresses


def together(n, act):
    """What `act(rank)` gives or raises, in n threads."""

    def tried(k):
        try:
            return act(k)
        except (Exception, KeyboardInterrupt) as error:
            return error

    with ThreadPoolExecutor(n) as pool:
        return list(pool.map(tried, range(n)))


def ending(team, act):
    """What a worker's process would do: leave the others however it ends."""
    try:
        return act()
    finally:
        team.close()


@contextlib.contextmanager
def teams(n, kinds=(), **options):
    """n workers that have met, each in a thread to come; the k-th of `kinds[k]`, if there is one."""
    addresses = places(n) if n > 1 else []
    options = {"meeting": 60, "answer": 60} | options
    met = together(n, lambda k: (kinds[k] if k < len(kinds) else Team)(addresses, k, **options))
    try:
        assert all(isinstance(team, Team) for team in met), met
        yield met
    finally:
        for team in met:
            if isinstance(team, Team):
                team.close()


# ------------------------------------------------------------------------------------------------ the ring


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_the_sum_is_that_of_numpy_and_the_same_for_all_to_the_last_digit(n, dtype):
    with teams(n) as team:
        for m in (2, 60_001):  # fewer numbers than workers, and more than a socket takes at once
            values = np.random.default_rng(m).normal(size=(n, m)).astype(dtype)
            found = together(n, lambda k, v=values: team[k].add(v[k]))
            np.testing.assert_allclose(found[0], values.sum(0, dtype="float64"), rtol=0, atol=50 * np.finfo(dtype).eps)
            assert all(one.tobytes() == found[0].tobytes() and one.dtype == dtype for one in found)


def test_a_worker_sends_twice_what_it_has_however_many_they_are():
    for n in (2, 4):
        with teams(n) as team:
            before = team[0].sent
            together(n, lambda k, team=team: team[k].add(np.ones(4000)))
            assert team[0].sent - before == 2 * (n - 1) * (8 * 4000 // n + 8)  # each turn: a piece and its length


def test_everyone_hears_everyone_and_the_first():
    with teams(3) as team:
        assert together(3, lambda k: team[k].gather(b"x" * 10**6 * k)) == [[b"", b"x" * 10**6, b"x" * 2 * 10**6]] * 3
        for found in together(3, lambda k: team[k].first([[k + 0.1, k]])):
            np.testing.assert_array_equal(found, [[0.1, 0]])


def test_all_say_what_they_differ_in():
    with teams(3) as team:
        said = together(3, lambda k: team[k].agree({"the weather": "fine", "the seed": str(k // 2)}))
        for error in said:
            assert isinstance(error, InputError)
            assert str(error) == (
                "the workers are not of one mind about the seed: worker 0 has 0, worker 2 of 3 "
                f"({team[0].addresses[2]}) has 1"
            )


def test_a_worker_that_goes_or_is_silent_is_missed():
    with teams(3) as team:
        team[1].close()
        lost = together(3, lambda k: None if k == 1 else team[k].add(np.ones(5)))
        assert all(isinstance(lost[k], LostWorkerError) and "is gone" in str(lost[k]) for k in (0, 2))
        assert "worker 1 of 3" in str(lost[2])
    with teams(2, answer=0.5) as team:
        began = time.monotonic()
        (lost,) = together(1, lambda k: team[k].add(np.ones(5)))
        assert str(lost) == f"worker 1 of 2 ({team[0].addresses[1]}) does not answer for 0.5 seconds"
        assert time.monotonic() - began < 20


def test_workers_at_different_places_notice():
    with teams(2) as team:
        lost = together(2, lambda k: team[k].add(np.ones(4)) if k else team[k].add(np.ones(6)))
        assert all(isinstance(one, LostWorkerError) for one in lost)
        assert any("another place" in str(one) for one in lost)


# ------------------------------------------------------------------------------------------------ meeting


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("nonsense", "names the workers and which"),
        ("{}", "names the workers and which"),
        ("[1]", "names the workers and which"),
        (EXAMPLE.replace("b:1", "b"), "names the workers and which"),
        (EXAMPLE.replace("b:1", "b:port"), "names the workers and which"),
        (EXAMPLE.replace('"a:1", "b:1"', "1, 2"), "names the workers and which"),
        (EXAMPLE.replace('["a:1", "b:1"]', '"a:1"'), "names the workers and which"),
        (EXAMPLE.replace("0}", "null}"), "names the workers and which"),
        (EXAMPLE.replace("0}", "2}"), "names 2 workers, from index 0, and this one is none: 2"),
        (EXAMPLE.replace("0}", "-1}"), "names 2 workers, from index 0, and this one is none: -1"),
        (EXAMPLE.replace("b:1", "a:1"), "names each worker once"),
        (EXAMPLE.replace('"worker": [', '"ps": ["c:1"], "worker": ['), "names workers alone"),
        (EXAMPLE.replace('"type": "worker"', '"type": "chief"'), "names workers alone"),
    ],
)
def test_a_configuration_that_cannot_be(text, said, monkeypatch):
    monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(InputError, match=f"TF_CONFIG {said}"):
        Team.of_environment()


def test_the_usual_configuration(monkeypatch):
    monkeypatch.setenv("TF_CONFIG", EXAMPLE.replace("0}", '"1"}'))
    assert workers.configured() == (["a:1", "b:1"], 1)
    monkeypatch.setenv("TF_CONFIG", '{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 0}}')
    assert Team.of_environment().size == 1
    monkeypatch.delenv("TF_CONFIG")
    assert Team.of_environment().size == 1


def test_nobody_comes():
    addresses = places(2)
    began = time.monotonic()
    with pytest.raises(InputError) as error:
        Team(addresses, 0, meeting=1)
    assert time.monotonic() - began < 20
    assert f"worker 1 of 2 did not come to {addresses[1]} within 1 seconds" in str(error.value)
    with pytest.raises(InputError, match=r"worker 1 of 2 did not come to nowhere\.invalid:1 within 1 seconds \(.+\)"):
        Team([addresses[0], "nowhere.invalid:1"], 0, meeting=1)


def test_a_port_that_is_taken():
    addresses = places(2)
    host, port = addresses[1].split(":")
    with (
        socket.create_server((host, int(port))),
        pytest.raises(InputError, match=f"worker 1 of 2 cannot listen at {addresses[1]}, .*: Address already in use"),
    ):
        Team(addresses, 1, meeting=1)
    with pytest.raises(
        InputError, match=r"worker 0 of 2 cannot listen at 127\.0\.0\.1:1, .*: Permission denied|within"
    ):
        Team(["127.0.0.1:1", "127.0.0.1:2"], 0, meeting=0.1)


def test_others_with_another_list_are_not_taken_for_workers():
    addresses = places(3)
    lists = [addresses[:2], addresses[:2] + addresses[2:]]
    for error in together(2, lambda k: Team(lists[k], k, meeting=2)):
        assert isinstance(error, InputError)
        assert "one list of workers" in str(error)


def test_strangers_are_not_heard():
    addresses = places(2)
    host, port = addresses[0].split(":")

    def stranger():
        with socket.create_connection((host, int(port))) as one:
            one.sendall(b"GET / HTTP/1.1\r\nHost: here.example.org\r\n\r\n")
            one.settimeout(20)
            with contextlib.suppress(ConnectionError):
                assert one.recv(10) == b""
        return None

    def late(k):
        if k == 1:
            for _ in range(200):
                with contextlib.suppress(ConnectionRefusedError):
                    stranger()
                    break
                time.sleep(0.02)
        return Team(addresses, k, meeting=60, answer=60)

    met = together(2, late)
    np.testing.assert_array_equal(together(2, lambda k: met[k].add(np.ones(3)))[0], 2 * np.ones(3))
    for address in addresses:  # when all are there, nobody listens any more
        host, port = address.split(":")
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((host, int(port)), timeout=5)
    for team in met:
        team.close()


@pytest.mark.parametrize(
    ("others", "own"),
    [
        (["127.0.0.1", "localhost"], {"127.0.0.1"}),
        (["127.0.0.1", "nowhere.invalid"], {"::", "0.0.0.0"}),
        (["127.0.0.1", "192.0.2.1"], {"::", "0.0.0.0"}),
    ],
)
def test_they_listen_on_loopback_unless_some_are_elsewhere(others, own):
    port = places(1)[0].rpartition(":")[2]
    with workers._ear([f"{host}:{port}" for host in others], 0) as ear:
        assert ear.getsockname()[0] in own


def test_versions_must_be_the_same(monkeypatch):
    found = iter(["dmol-molnet 1", "dmol-molnet 2"])
    monkeypatch.setattr(workers, "_version", lambda: next(found))
    addresses = places(2)
    for error in together(2, lambda k: Team(addresses, k, meeting=60)):
        assert isinstance(error, InputError)
        assert "not of one mind about the version" in str(error)


def examples():
    """The commands of the page on training that set TF_CONFIG."""
    page = (ROOT / "book" / "api_training.md").read_text(encoding="utf-8")
    return [block for block in re.findall(r"```bash\n(.*?)```", page, re.DOTALL) if "TF_CONFIG" in block]


def test_the_documented_commands_configure_all_workers(tmp_path, monkeypatch):
    fakes = {
        "dmol-molnet": 'echo "$TF_CONFIG"',
        "scontrol": '[ "$*" = "show hostnames $SLURM_JOB_NODELIST" ] && printf "n1\\nn2\\n"',
        "srun": 'shift; for k in 0 1 2 3; do SLURM_PROCID=$k "$@"; done',
    }
    for name, text in fakes.items():
        (tmp_path / name).write_text(f"#!/bin/bash\n{text}\n")
        (tmp_path / name).chmod(0o755)
    slurm = {"SLURM_JOB_NODELIST": "n[1-2]", "SLURM_NTASKS_PER_NODE": "2", "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    by_hand, by_queue = examples()
    for script, addresses in (
        (by_hand, ["node1:2222", "node2:2222"]),
        (by_queue, ["n1:2222", "n1:2223", "n2:2222", "n2:2223"]),
    ):
        done = subprocess.run(
            ["bash", "-c", script], env=os.environ | slurm, capture_output=True, text=True, check=True
        )
        found = []
        for line in done.stdout.splitlines():
            monkeypatch.setenv("TF_CONFIG", line)
            found.append(workers.configured())
        assert found == [(addresses, k) for k in range(len(addresses))]


# ------------------------------------------------------------------------------------------------ shares and devices


@pytest.mark.parametrize("n", [1, 2, 3, 8])
def test_each_molecule_is_in_one_share_and_batches_are_the_same_for_any_number(n):
    mixed = [*FRAMES[:20], *(Molecule.from_smiles("C" * k).embed(0) for k in (1, 1, 2))]
    one, some = Batches(mixed, 5.0, 8, split=True), Batches(mixed, 5.0, 8, split=True, workers=n)
    whole, rounds = (batches.rounds(np.random.default_rng(0)) for batches in (one, some))
    for (chosen, c), (same, _) in zip(rounds, whole, strict=True):
        np.testing.assert_array_equal(chosen, same)
        shares = [some.share(chosen, c, rank) for rank in range(n)]
        assert len({tuple(x.shape for x in graph) for _, graph in shares}) == 1  # one program for all
        assert sorted(np.concatenate([mine for mine, _ in shares])) == sorted(chosen)
        for mine, graph in shares:
            assert np.count_nonzero(graph.sizes) == len(mine)
            numbers = np.concatenate([mixed[k].numbers for k in mine]) if len(mine) else []
            np.testing.assert_array_equal(graph.numbers[graph.numbers > 0], numbers)


def test_workers_of_one_host_take_its_devices_in_turn():
    two = ["a:1", "a:2", "b:1", "b:2", "a:3"]
    assert [own_device(["x", "y", "z"], two, k) for k in range(5)] == ["x", "y", "x", "y", "z"]
    assert [own_device(["x", "y"], two, k) for k in range(5)] == ["x", "y", "x", "y", "x"]  # the third one shares
    assert [own_device(["mine"], two, k) for k in range(5)] == ["mine"] * 5  # a queue has chosen
    assert own_device([], two, 0) is None
    assert [own_device(["x", "y"], ["[::1]:1", "[::1]:2"], k) for k in range(2)] == ["x", "y"]


DEVICES = """
import numpy as np
import tensorflow as tf
cpu, half = tf.config.list_physical_devices("CPU")[0], tf.config.LogicalDeviceConfiguration()
tf.config.set_logical_device_configuration(cpu, [half, half])
from dmol_molnet import datasets
from dmol_molnet.nn.design_space import build
from dmol_molnet.nn.graph import Batches
from dmol_molnet.nn.potential import Normalisation, Potential
from dmol_molnet.nn.training import _Step, _one_part, labels
from dmol_molnet.nn.workers import own_device
frames = datasets.load("acetylacetone").train[:6]
potential = Potential(build("schnet", channels=8, layers=1, seed=0))
potential.normalise(Normalisation.of(frames, potential.cutoff))
tf.config.run_functions_eagerly(True)
step, devices, found = _Step(potential, 0.01, 1.0, 10.0, 0.99), tf.config.list_logical_devices("CPU"), {}
for n in (1, 2):
    batches = Batches(frames, potential.cutoff, 6, split=True, workers=n)
    (chosen, c), = batches.rounds()
    for rank in range(n):
        device = own_device(devices, ["localhost:1", "localhost:2"], rank)
        mine, graph = batches.share(chosen, c, rank)
        wanted = labels(potential, [frames[k] for k in mine], graph)
        with tf.device(device):
            sums, slope = step._slope(_one_part(graph), _one_part(wanted), np.float32(6), np.float32(90))
            found[n, rank] = tf.concat([sums, slope], 0)
        print(found[n, rank].device)
np.testing.assert_allclose(found[2, 0] + found[2, 1], found[1, 0], rtol=1e-4, atol=1e-4)
"""


def test_two_devices_of_one_machine_share_a_step():
    done = subprocess.run([sys.executable, "-c", DEVICES], env=environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert [line[-5:] for line in done.stdout.split()] == ["CPU:0", "CPU:0", "CPU:1"]


# ------------------------------------------------------------------------------------------------ training


def small(**changes):
    return Potential(build("schnet", **{"channels": 4, "layers": 1, "radial": 6, "cutoff": 3.0, "seed": 0, **changes}))


OPTIONS = {"batch_size": 8, "epochs": 2, "learning_rate": 0.01, "verbose": 0}


def train(n, kinds=(), by_rank=None, changes=None, **options):
    """What each of n workers ends with: (weights, history, potential); or its error.  In float64, for sharp laws."""

    def act(k):
        with computing_in("float64"):
            potential = small(**(changes or {}))
            own = {"train": FRAMES[:20], "validation_data": FRAMES[32:], **OPTIONS, **options}
            own |= (by_rank or (lambda k: {}))(k)
            history = ending(team[k], lambda: potential.fit(**own, team=team[k])).history
            return potential.get_weights(), history, potential

    with teams(n, kinds) as team:
        return together(n, act)


def assert_same(found):
    """All workers have the same weights, to the last digit, and the same history but for their clocks."""
    for one in found:
        assert isinstance(one, tuple), one
    (weights, history, _), *others = found
    for other, log, _ in others:
        for a, b in zip(weights, other, strict=True):
            np.testing.assert_array_equal(a, b)
        np.testing.assert_equal({**log, "seconds": 0}, {**history, "seconds": 0})


def assert_close(found, wanted):
    for a, b in zip(found[0], wanted[0], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-8, atol=1e-10)
    for name in ("loss", "val_loss", "force_rmse"):
        np.testing.assert_allclose(found[1][name], wanted[1][name], rtol=1e-8)


SCRIPT = """
import sys
import numpy as np
from dmol_molnet.nn.workers import Team
team = Team.of_environment()
from dmol_molnet import datasets
from dmol_molnet.nn.design_space import build, computing_in
from dmol_molnet.nn.potential import Potential
frames = datasets.load("acetylacetone").train[:40]
with computing_in("float64"):
    potential = Potential(build("schnet", channels=8, layers=1, seed=0))
    history = potential.fit(frames[:32], frames[32:], batch_size=8, epochs=13, verbose=0, team=team).history
np.savez(sys.argv[1], *potential.get_weights(), loss=history["loss"], val_loss=history["val_loss"])
"""


def environment(**more):
    return os.environ | {"PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""} | more


def config(addresses, rank):
    return json.dumps({"cluster": {"worker": addresses}, "task": {"type": "worker", "index": rank}})


def test_two_processes_end_after_52_steps_with_the_weights_of_one(tmp_path):
    addresses, running = places(2), []
    for name, text in (("one", ""), ("first", config(addresses, 0)), ("second", config(addresses, 1))):
        command = [sys.executable, "-c", SCRIPT, str(tmp_path / f"{name}.npz")]
        running.append(subprocess.Popen(command, env=environment(TF_CONFIG=text)))
    assert [one.wait(timeout=400) for one in running] == [0, 0, 0]
    one, first, second = (np.load(tmp_path / f"{name}.npz") for name in ("one", "first", "second"))
    for name in one.files:
        np.testing.assert_allclose(first[name], one[name], rtol=1e-8, atol=1e-10)
        np.testing.assert_array_equal(second[name], first[name])


def test_three_workers_train_a_committee_as_one_does(eagerly):
    (one,), found = (train(n, changes={"members": 2}) for n in (1, 3))
    assert_same(found)
    assert_close(found[0], one)
    assert asdict(found[0][2].calibration) == pytest.approx(asdict(one[2].calibration), rel=1e-6)


@pytest.mark.parametrize("call", [2, 4], ids=["step", "validation"])
def test_a_number_that_is_none_sends_all_back_to_the_same_weights(call, eagerly):
    class Poisoned(Team):
        calls = 0

        def add(self, values):
            self.calls += 1
            return super().add(values * (np.nan if self.calls == call else 1))

    with pytest.warns(TrainingWarning, match="collapsed in epoch 1"):
        found = train(2, [Team, Poisoned])
    assert_same(found)
    assert np.isfinite(found[0][1]["val_loss"][1])


def test_the_guard_is_of_one_mind(eagerly):
    with pytest.warns(TrainingWarning, match="collapsed"):
        found = train(2, learning_rate=30.0, epochs=14, train=FRAMES[:16])
    assert_same(found)


def test_a_wish_to_stop_stops_all_after_the_same_step(eagerly):
    class Interrupted(Team):
        calls = 0

        @property
        def stop(self):
            self.calls += 1
            return self.calls > 4

    found = train(2, [Team, Interrupted], verbose=2)
    assert_same(found)
    assert len(found[0][1]["loss"]) == 1
    for error in train(2, [Team, Interrupted]):  # silent runs hand it on
        assert isinstance(error, KeyboardInterrupt)


@pytest.fixture
def interrupts():
    """Ctrl-C as in a terminal: what runs in the background ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_ctrl_c_is_a_wish_first_and_then_an_order(interrupts):
    with teams(2) as team, team[0].stopping_together():
        signal.raise_signal(signal.SIGINT)
        assert team[0].stop
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    with Team().stopping_together(), pytest.raises(KeyboardInterrupt):  # alone, as ever
        signal.raise_signal(signal.SIGINT)


def test_the_minutes_are_those_of_the_first_clock(eagerly):
    late, now = -1e6, time.monotonic()
    fast = train(2, minutes=60.0, by_rank=lambda k: {"began": (now, late)[k]})
    assert_same(fast)
    assert len(fast[0][1]["loss"]) == 2
    slow = train(2, minutes=60.0, by_rank=lambda k: {"began": (late, now)[k]}, epochs=5)
    assert_same(slow)
    assert "loss" not in slow[0][1]


def test_the_checkpoint_is_the_first_workers_and_serves_any_number(eagerly, tmp_path):
    class Interrupted(Team):
        calls = 0

        @property
        def stop(self):
            self.calls += 1
            return self.calls > 5  # in the third epoch of two steps

    def files(k):
        return {"checkpoint": tmp_path / ("run.npz" if k == 0 else "nowhere/run.npz")}

    options = {"train": FRAMES[:16], "epochs": 4}
    (whole,) = train(1, **options)
    for n in (2, 1):
        assert all(isinstance(one, KeyboardInterrupt) for one in train(2, [Interrupted], files, **options))
        assert [path.name for path in tmp_path.iterdir()] == ["run.npz"]
        found = train(n, by_rank=files, **options)
        assert_same(found)
        assert_close(found[0], whole)
        (tmp_path / "run.npz").unlink()


def test_what_other_processors_round_is_made_equal_after_each_epoch(eagerly):
    class Rounding(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            momentum = self.model.optimizer.variables[2]
            momentum.assign(momentum * (1 + 1e-6))

    found = train(2, by_rank=lambda k: {"callbacks": [Rounding()] * k})
    assert_same(found)


@pytest.mark.parametrize(
    ("of_second", "about"),
    [
        ({"seed": 1}, "the options: worker 0 has .*seed 0.* has .*seed 1"),
        ({"epochs": 3}, "the options: .*epochs 2.*epochs 3"),
        ({"learning_rate": 0.02}, "the options: .*learning_rate 0.01.*learning_rate 0.02"),
        ({"train": FRAMES[1:21]}, "the molecules: worker 0 has 20 and 8 held out"),
        ({"validation_data": FRAMES[33:]}, "the molecules: .* has 20 and 7 held out"),
        ({"train": [replace(FRAMES[0], energy=FRAMES[0].energy + 1e-9), *FRAMES[1:20]]}, "the molecules"),
    ],
)
def test_workers_that_differ_refuse_to_start(of_second, about, eagerly):
    for error in train(2, by_rank=lambda k: of_second if k else {}):
        assert isinstance(error, InputError)
        assert re.search(f"not of one mind about {about}", str(error))


def test_workers_with_other_networks_refuse_to_start(eagerly):
    def act(k):
        potential = small(seed=k)
        potential.fit(FRAMES[:8], **OPTIONS, team=team[k])

    with teams(2) as team:
        for error in together(2, act):
            assert "not of one mind about the network" in str(error)


def test_more_workers_than_molecules_a_step():
    for size, frames in ((2, 20), (8, 2)):
        with teams(3) as team:
            for error in together(3, lambda k, size=size, frames=frames, team=team: small().fit(
                FRAMES[:frames], **{**OPTIONS, "batch_size": size}, team=team[k]
            )):  # fmt: skip
                assert isinstance(error, InputError)
                assert "3 workers cannot share a step of 2 molecules" in str(error)


# ------------------------------------------------------------------------------------------------ the command


def command(output, *more, **variables):
    small = ["--channels", "4", "--layers", "1", "--batch-size", "8", "--validation", "0.1"]
    train = [sys.executable, "-m", "dmol_molnet", "train", "acetylacetone", "-o", str(output), *small, *more]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return {"args": train, "env": environment(**variables), **pipes}


def test_wrong_use_of_the_command(tmp_path, monkeypatch, capsys):
    from dmol_molnet.cli import main

    def said(*more):
        with pytest.raises(SystemExit) as end:
            main(["train", "acetylacetone", "-o", str(tmp_path / "m.keras"), *more])
        assert end.value.code == 2
        return capsys.readouterr().err

    assert "--workers" in said("--workers", "0")
    monkeypatch.setenv("TF_CONFIG", EXAMPLE)
    assert said("--workers", "3") == "dmol-molnet: --workers 3, but TF_CONFIG names 2: leave one of them out\n"
    monkeypatch.setenv("TF_CONFIG", "[")
    assert said().startswith("dmol-molnet: TF_CONFIG names the workers")


def test_the_command_with_two_workers_makes_the_potential_of_one(tmp_path):
    running = [
        subprocess.Popen(**command(tmp_path / f"{n}.keras", "--epochs", "1", "--workers", str(n), "--json"))
        for n in (1, 2)
    ]
    said = [one.communicate(timeout=400) for one in running]
    assert [(one.returncode, error) for one, (_, error) in zip(running, said, strict=True)] == [(0, "")] * 2
    one, two = (json.loads(out) for out, _ in said)
    assert two["force_rmse"] == pytest.approx(one["force_rmse"], rel=0.02)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["1.keras", "2.keras"]


def test_bad_input_is_said_once(tmp_path):
    told = command(tmp_path / "m.keras", "--workers", "3", "--validation", "none.xyz")
    done = subprocess.run(**told, timeout=400, check=False)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert done.stderr.startswith("dmol-molnet: there is no file 'none.xyz'")


def test_runs_that_end_before_their_time(tmp_path):
    """A worker is killed, then the first, then the command, then it is stopped by hand; each goes on where it was."""
    output, checkpoint = tmp_path / "m.keras", tmp_path / "m.keras.checkpoint.npz"
    options = ["--epochs", "10000", "--workers", "2"]
    sentence = "dmol-molnet: worker {} of 2 was killed by SIGKILL; the same command goes on after its last epoch\n"
    for victim in (1, 0, "command", "hand"):
        epochs = epochs_done(checkpoint)
        with subprocess.Popen(**command(output, *options)) as process:
            end = time.monotonic() + 400
            while epochs_done(checkpoint) <= epochs:  # it goes on where it was
                assert process.poll() is None
                assert time.monotonic() < end
                time.sleep(0.05)
            children = [int(k) for k in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()]
            if victim == "hand":
                process.send_signal(signal.SIGINT)
            else:
                os.kill(process.pid if victim == "command" else children[victim], signal.SIGKILL)
            out, error = process.communicate(timeout=100)
        if victim == "hand":
            assert process.returncode == 0, error
            assert "stopped by hand after" in error
            assert f"Stopped early; the same command goes on from {checkpoint}" in out
            assert output.exists()
        else:
            assert not output.exists()
        if victim in (0, 1):
            assert process.returncode == 2
            assert error.endswith(sentence.format(victim))
        while any(alive(child) for child in children):
            assert time.monotonic() < end
            time.sleep(0.1)
    Potential.load(output)


def epochs_done(checkpoint):
    if not checkpoint.exists():
        return 0
    with np.load(checkpoint) as kept:
        return json.loads(str(kept["about"]))["epochs"]


def alive(pid):
    """Whether a process runs, or has ended and waits to be noticed by its parent."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
