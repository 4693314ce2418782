"""Several workers train the network that one would: shares, sums, and what happens when one dies."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from dmol_molnet import datasets
from dmol_molnet.molecules import InputError
from dmol_molnet.nn import workers
from dmol_molnet.nn.graph import Batches, MolecularGraph
from dmol_molnet.nn.potential import Potential

ROOT = Path(__file__).parents[1]
FRAMES = datasets.load("acetylacetone").train[:40]

SCRIPT = """
import sys
import keras
import numpy as np
from dmol_molnet import datasets
from dmol_molnet.nn.workers import Team
team = Team.of_environment()
keras.config.set_dtype_policy("float64")
from dmol_molnet.nn.design_space import build
from dmol_molnet.nn.potential import Potential
frames = datasets.load("acetylacetone").train[:40]
potential = Potential(build("schnet", channels=8, layers=1, seed=0))
history = potential.fit(frames[:32], frames[32:], batch_size=8, epochs=13, verbose=0, team=team).history
np.savez(sys.argv[1], *potential.get_weights(), loss=history["loss"], val_loss=history["val_loss"])
"""


def environment(**more):
    return os.environ | {"PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""} | more


def configured(n):
    """TF_CONFIG of each of n workers on loopback."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(n)]
    cluster = {"worker": [f"127.0.0.1:{one.getsockname()[1]}" for one in sockets]}
    for one in sockets:
        one.close()
    return [json.dumps({"cluster": cluster, "task": {"type": "worker", "index": k}}) for k in range(n)]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """What one worker and two make of 52 steps: {(workers, rank): arrays}."""
    folder, found = tmp_path_factory.mktemp("trained"), {}
    for n in (1, 2):
        configs = [""] if n == 1 else configured(n)
        running = []
        for k, config in enumerate(configs):
            path = str(folder / f"{n}-{k}.npz")
            command = [sys.executable, "-c", SCRIPT, path]
            running.append((k, path, subprocess.Popen(command, env=environment(TF_CONFIG=config))))
        for k, path, process in running:
            assert process.wait(timeout=240) == 0
            with np.load(path) as arrays:
                found[n, k] = {name: arrays[name] for name in arrays}
    return found


def test_two_workers_end_with_the_weights_of_one(trained):
    for name, value in trained[1, 0].items():
        np.testing.assert_allclose(trained[2, 0][name], value, rtol=1e-8, atol=1e-10)


def test_workers_have_the_same_weights_to_the_last_digit(trained):
    for name, value in trained[2, 0].items():
        np.testing.assert_array_equal(trained[2, 1][name], value)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_each_molecule_is_in_one_share(n):
    batches = Batches(FRAMES, 5.0, 16, split=True, workers=n)
    for chosen, graph in batches(np.random.default_rng(0)):
        assert len(graph.numbers) % n == 0
        shares = [_Alone(n, k).share(graph) for k in range(n)]
        assert len({tuple(x.shape for x in share) for share in shares}) == 1  # one program for all
        assert sum(np.count_nonzero(share.sizes) for share in shares) == len(chosen)
        atoms = np.concatenate([share.positions[share.numbers > 0] for share in shares])
        wanted = np.concatenate([FRAMES[k].positions for k in chosen])
        np.testing.assert_allclose(np.sort(atoms.ravel()), np.sort(wanted.ravel()), atol=1e-5)
        assert isinstance(shares[0], MolecularGraph)


class _Alone(workers.Team):
    """A member of a team that has not met."""

    def __init__(self, size, rank):
        self.size, self.rank = size, rank


@pytest.mark.parametrize(
    "text",
    [
        "nonsense",
        "{}",
        '{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 1}}',
        '{"cluster": {"worker": ["a:1"], "ps": ["b:1"]}, "task": {"type": "worker", "index": 0}}',
        '{"cluster": {"worker": ["a:1"]}, "task": {"type": "chief", "index": 0}}',
    ],
)
def test_a_configuration_that_cannot_be(text, monkeypatch):
    monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(InputError, match="TF_CONFIG names"):
        workers.Team.of_environment()


# ------------------------------------------------------------------------------------------------ the command


def command(output, *more):
    small = ["--channels", "8", "--layers", "1", "--batch-size", "8", "--validation", "0.1"]
    train = [sys.executable, "-m", "dmol_molnet", "train", "acetylacetone", "-o", str(output), *small, *more]
    return {"args": train, "env": environment(), "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}


def test_the_command_with_two_workers_makes_the_potential_of_one(tmp_path):
    said = {}
    for n in (1, 2):
        done = subprocess.run(**command(tmp_path / f"{n}.keras", "--epochs", "2", "--workers", str(n), "--json"))
        assert (done.returncode, done.stderr) == (0, "")
        said[n] = json.loads(done.stdout)
    one, two = (Potential.load(tmp_path / f"{n}.keras") for n in (1, 2))
    np.testing.assert_allclose(two.energy_and_forces(FRAMES[:4])[0], one.energy_and_forces(FRAMES[:4])[0], atol=0.05)
    assert abs(said[2]["force_rmse"] / said[1]["force_rmse"] - 1) < 0.02
    assert sorted(path.name for path in tmp_path.iterdir()) == ["1.keras", "2.keras"]


def test_a_worker_that_dies_ends_in_one_sentence_and_the_same_command_goes_on(tmp_path):
    output = tmp_path / "m.keras"
    checkpoint = tmp_path / "m.keras.checkpoint.npz"
    options = ["--epochs", "40", "--workers", "2", "--json"]
    with subprocess.Popen(**command(output, *options)) as process:
        end = time.monotonic() + 200
        while not checkpoint.exists():
            assert process.poll() is None
            assert time.monotonic() < end
            time.sleep(0.05)
        os.kill(_children(process.pid)[1], signal.SIGKILL)
        out, error = process.communicate(timeout=60)
    assert process.returncode == 2
    assert error == "dmol-molnet: worker 1 of 2 died; the same command goes on after its last epoch\n"
    assert not out
    assert not output.exists()
    options[1] = "3"
    done = subprocess.run(**command(output, *options), timeout=200, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["epochs"] >= 2
    assert output.exists()


def _children(pid):
    """The processes that it has started, in that order."""
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(one) for one in found]
