"""The dynamics of a page: its laws, on oscillators, in node."""

import json
import subprocess
from pathlib import Path

import pytest
from ase import units
from browsing import NODE, needs_node

from dmol_molnet import live

pytestmark = needs_node
SCRIPT = Path(live.__file__).parent / "stage" / "langevin.js"


def run(**job):
    job = {"atoms": 8, "mass": 12.0, "k": 20.0, "step": 0.5, "friction": 0.01, "temperature": 300} | job
    command = [NODE, str(Path(__file__).with_name("live_langevin.mjs")), str(SCRIPT)]
    done = subprocess.run(command, input=json.dumps(job), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("temperature", [100, 600])
def test_oscillators_have_the_spread_and_the_heat_of_their_temperature(temperature):
    """<x²> = kB T / k and <T> = T; the units are those of ASE."""
    found = run(temperature=temperature, friction=0.05, steps=60_000, skip=4_000)
    assert found["squares"] == pytest.approx(units.kB * temperature / 20.0, rel=0.05)
    assert found["heat"] == pytest.approx(temperature, rel=0.05)
    assert found["held"] == 0


def test_without_friction_energy_is_conserved():
    found = run(friction=0.0, temperature=0, start=0.05, steps=4_000, skip=0)
    assert found["high"] - found["low"] < 2e-3 * found["high"]


def test_at_no_temperature_it_comes_to_rest():
    found = run(temperature=0, start=0.1, steps=4_000, skip=3_900)
    assert found["squares"] < 1e-8


def test_no_atom_goes_farther_than_the_limit_and_it_says_so():
    found = run(k=1e5, start=1.0, steps=3, skip=0)
    assert found["held"] == 3
    assert found["farthest"] <= 0.1 + 1e-12
