"""The potentials that ship with the package: small, whole, as good as the book says, made by a command there is."""

import shlex
from importlib import resources

import pytest
import typer

from dmol_molnet import InputError, cli, datasets
from dmol_molnet.nn import pretrained

FOLDER = resources.files("dmol_molnet") / "data" / "models"


@pytest.mark.parametrize("name", pretrained.COMMANDS)
def test_weights_are_small(name):
    assert (FOLDER / f"{name}.keras").stat().st_size <= 1_000_000


def test_every_file_has_the_command_that_made_it():
    assert {path.name for path in FOLDER.iterdir()} == {f"{name}.keras" for name in pretrained.COMMANDS}


@pytest.mark.parametrize("name", pretrained.COMMANDS)
def test_commands_name_options_that_there_are(name):
    program, command, *words = shlex.split(pretrained.COMMANDS[name])
    assert program == "dmol-molnet"
    found = typer.main.get_command(cli.app).commands[command]
    options = {option for parameter in found.params for option in parameter.opts}
    assert {word for word in words if word.startswith("-")} <= options
    assert f"{name}.keras" in words


@pytest.mark.parametrize(("name", "energy", "force"), [("schnet", 0.012, 0.03), ("mace", 0.004, 0.02)])
def test_they_are_good_where_they_were_trained_and_say_nothing_about_elsewhere(name, energy, force):
    potential, data = pretrained.load(name), datasets.load("acetylacetone")
    cold, hot = (potential.evaluate(data[file][:160]) for file in ("test_300K", "test_600K"))
    assert cold["energy_rmse"] < energy
    assert cold["force_rmse"] < force
    assert cold["force_rmse"] < hot["force_rmse"] < 0.1


def test_others_are_told():
    with pytest.raises(InputError, match=r"no potential called 'nequip' ships with .*; there are schnet, mace"):
        pretrained.load("nequip")
