"""Fine-tuning: a potential keeps what it knows, takes the new zero of energy, and learns from few labels."""

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from commands import one_line, write
from test_nn_training import Kill, comparable

from dmol_molnet import InputError, Molecule
from dmol_molnet.nn.design_space import build
from dmol_molnet.nn.finetuning import RATES, refitted
from dmol_molnet.nn.graph import Batches
from dmol_molnet.nn.potential import Normalisation, Potential
from dmol_molnet.nn.training import TrainingWarning, Tuning

RADII = {"H": 0.31, "C": 0.76, "N": 0.71, "O": 0.66}
ZEROS = {"H": -13.0, "C": -1030.0, "N": -1480.0, "O": -2040.0}


def labelled(smiles, n, seed, depth=4.0):
    """Frames of a molecule, labelled by Morse potentials between all atoms, and a zero for each element."""
    found, start = [], Molecule.from_smiles(smiles).embed(0)
    z = start.symbols
    r0 = np.array([[RADII[a] + RADII[b] for b in z] for a in z])
    rng = np.random.default_rng(seed)
    for _ in range(n):
        x = start.positions + rng.normal(scale=0.08, size=(len(z), 3))
        d = x[:, None] - x[None]
        r = np.linalg.norm(d, axis=-1) + 10 * np.eye(len(z))
        e = np.exp(-1.5 * (r - r0))
        slope = depth * 2 * 1.5 * (e - e**2)  # of depth ((1 - e)^2 - 1)
        energy = 0.5 * np.sum(depth * ((1 - e) ** 2 - 1) * (1 - np.eye(len(z)))) + sum(ZEROS[s] for s in z)
        forces = -np.sum((slope / r * (1 - np.eye(len(z))))[..., None] * d, axis=1)
        found.append(replace(start, positions=x, energy=float(energy), forces=forces))
    return found


# All of six atoms, which is one shape to compile.
OLD = [m for k, smiles in enumerate(["CO", "C=C", "NN", "NC=O", "CC#N"]) for m in labelled(smiles, 6, k)]
NEW = labelled("CN", 70, 10)
TRAIN, TEST = NEW[:50], NEW[50:]
FEW = TRAIN[:16]
OPTIONS = {"epochs": 2, "batch_size": 10, "verbose": 0}


pytestmark = pytest.mark.usefixtures("eagerly")


def network(name="schnet", **changes):
    sizes = {"schnet": {"radial": 10}, "mace": {"l_max": 1, "correlation": 2, "elements": list("HCNO")}}[name]
    return Potential(build(name, **{"channels": 16, "layers": 1, "cutoff": 3.0, "seed": 0, **sizes, **changes}))


@pytest.fixture(scope="module")
def known(tmp_path_factory):
    """A potential that was trained on the old molecules, anew from its file for each use."""
    path = tmp_path_factory.mktemp("known") / "known.keras"
    one = network()
    one.fit(OLD, epochs=100, batch_size=10, verbose=0)
    one.save(path)
    return SimpleNamespace(path=path, load=lambda: Potential.load(path))


def says(one, molecules):
    """The molecules, labelled by a potential."""
    energies, forces = one.energy_and_forces(molecules)
    return [replace(m, energy=e, forces=f) for m, e, f in zip(molecules, energies.tolist(), forces, strict=True)]


def moved(molecules, by):
    return [replace(m, energy=m.energy + sum(by[symbol] for symbol in m.symbols)) for m in molecules]


def weights(variables):
    return [v.numpy() for v in variables]


# ------------------------------------------------------------------------------------------------ the zero of energy


def test_without_an_epoch_forces_stay_to_the_last_bit_and_energies_but_for_their_zero(known):
    old, new = known.load(), known.load()
    assert new.finetune(TRAIN, reference="average", **{**OPTIONS, "epochs": 0}).history == {}
    (e, f), (e_new, f_new) = (one.energy_and_forces(TEST) for one in (old, new))
    np.testing.assert_array_equal(np.array(f), np.array(f_new))
    np.testing.assert_allclose(e_new - e_new[0], e - e[0], atol=1e-9)
    kept = [(one.normalisation.scales, one.normalisation.neighbors, one.model.neighbors) for one in (old, new)]
    assert kept[0] == kept[1]
    assert new.normalisation.shifts != old.normalisation.shifts
    off = new.energy_and_forces(TRAIN)[0] - [m.energy for m in TRAIN]
    assert off.mean() == pytest.approx(0, abs=1e-6)


def test_labels_that_it_knows_leave_its_shifts_and_a_zero_by_element_goes_into_them_alone(known):
    one = known.load()
    before, forces = one.normalisation.shifts, one.energy_and_forces(OLD)[1]
    mine = says(one, OLD)
    one.finetune(mine, **{**OPTIONS, "epochs": 0})
    assert one.normalisation.shifts == pytest.approx(before, abs=1e-6)
    by = {"H": 0.5, "C": -3.0, "N": 2.0, "O": 11.0}
    one.finetune(moved(mine, by), **{**OPTIONS, "epochs": 0})
    assert one.normalisation.shifts == pytest.approx({s: before[s] + by[s] for s in before}, abs=1e-6)
    assert one.normalisation.undetermined == 0
    for a, b in zip(one.energy_and_forces(OLD)[1], forces, strict=True):
        np.testing.assert_array_equal(a, b)


def test_what_one_composition_leaves_open_stays_as_it_was(known):
    one = known.load()
    off = np.mean([m.energy for m in TRAIN] - one.energy_and_forces(TRAIN)[0])
    found, count = refitted(one, TRAIN, "average"), {"H": 5, "C": 1, "N": 1, "O": 0}
    delta = {s: found.shifts[s] - shift for s, shift in one.normalisation.shifts.items()}
    # The least change that takes off the mean: along the composition.
    assert delta == pytest.approx({s: off * n / 27 for s, n in count.items()}, abs=1e-6)
    assert found.undetermined == 2


def test_reference_energies_are_kept_or_given_where_told(known):
    one = known.load()
    before = one.normalisation.shifts
    assert refitted(one, TRAIN, "kept").shifts == before
    found = refitted(one, moved(says(one, OLD), {"H": 1.0, "C": 1.0, "N": 0.0, "O": 0.0}), {"H": before["H"] + 1.0})
    assert found.shifts == pytest.approx({**before, "H": before["H"] + 1, "C": before["C"] + 1}, abs=1e-5)


def test_a_potential_that_is_wrong_about_a_molecule_is_not_on_another_zero(known):
    one = known.load()
    before = one.normalisation.shifts
    # Off by 43 meV an atom, all alike; by 200 as wildly as that; and by 1.9 eV.
    little, rough = moved(says(one, TRAIN), {"C": 0.2, "H": 0.02, "N": 0.0}), np.random.default_rng(0).normal(size=50)
    assert refitted(one, little).shifts == before
    assert refitted(one, little, "average").shifts != before
    noisy = [replace(m, energy=m.energy + 0.2 * len(m) * (1 + x)) for m, x in zip(says(one, TRAIN), rough, strict=True)]
    assert refitted(one, noisy).shifts == before
    plain = refitted(one, moved(says(one, TRAIN), {"C": 5.0, "H": 1.0, "N": 3.0}))
    assert plain.shifts["C"] - before["C"] > 0.3
    assert plain == refitted(one, moved(says(one, TRAIN), {"C": 5.0, "H": 1.0, "N": 3.0}), "average")


def test_free_atoms_are_no_reference_here(known):
    one = known.load()
    alone = Molecule([1], [[0, 0, 0]], energy=-100.0, forces=np.zeros((1, 3)))
    one.finetune([alone, *says(one, OLD)], **{**OPTIONS, "epochs": 0})
    assert one.normalisation.shifts == pytest.approx(known.load().normalisation.shifts, abs=1e-6)


def test_charges_of_old_and_new_labels_are_noted(known):
    one = known.load()
    one.finetune([replace(m, charge=1) for m in TRAIN], **{**OPTIONS, "epochs": 0})
    assert one.normalisation.charges == [0, 1]


# ------------------------------------------------------------------------------------------------ what is trained


@pytest.mark.parametrize("name", ["schnet", "mace"])
def test_a_frozen_trunk_stays_bit_for_bit_and_its_readouts_do_not(name):
    one = network(name)
    one.normalise(Normalisation.of(OLD, one.cutoff))
    readouts = one.model.readout_weights
    trunk = [w for w in one.model.weights if all(w is not other for other in readouts)]
    assert len(trunk) + len(readouts) == len(one.model.weights) > len(trunk) > 0
    before = weights(trunk), weights(readouts)
    one.finetune(FEW, TEST[:4], freeze="trunk", **OPTIONS)
    for a, b in zip(before[0], weights(trunk), strict=True):
        np.testing.assert_array_equal(a, b)
    assert all(np.any(a != b) for a, b in zip(before[1], weights(readouts), strict=True))
    one.finetune(FEW, **{**OPTIONS, "epochs": 1})
    assert any(np.any(a != b) for a, b in zip(before[0], weights(trunk), strict=True))


def test_fifty_frames_of_an_unseen_molecule_beat_the_same_from_nothing(known):
    errors = {}
    for what, one in (("from nothing", network()), ("fine-tuned", known.load())):
        options = {**OPTIONS, "epochs": 5}
        one.fit(TRAIN, **options) if what == "from nothing" else one.finetune(TRAIN, **options)
        errors[what] = one.evaluate(TEST)
    for key in ("force_rmse", "energy_rmse"):
        assert errors["fine-tuned"][key] < 0.7 * errors["from nothing"][key]
    before = known.load()
    before.finetune(TRAIN, **{**OPTIONS, "epochs": 0})
    assert errors["fine-tuned"]["force_rmse"] < 0.9 * before.evaluate(TEST)["force_rmse"]


def test_the_first_steps_do_not_throw_it_off(known):
    one = known.load()
    before = one.evaluate(OLD)["force_rmse"]
    found = one.finetune(OLD, **{**OPTIONS, "epochs": 4}).history
    assert max(found["force_rmse"]) < 1.5 * before


def test_where_no_epoch_is_better_what_it_began_with_stays(known, tmp_path):
    # Its own answers are labels that no training improves on.
    one, checkpoint = known.load(), tmp_path / "c.npz"
    train, held_out, before = says(one, TRAIN[:10]), says(one, TEST[:10]), weights(one.weights)
    options = OPTIONS | {"reference": "kept", "learning_rate": 0.05, "checkpoint": checkpoint}
    with pytest.warns(TrainingWarning, match="no epoch was better than the potential that this began with"):
        one.finetune(train, held_out, **options)
    for x, y in zip(before, weights(one.weights), strict=True):
        np.testing.assert_allclose(y, x, rtol=1e-6)
    going_on = known.load()
    with pytest.warns(TrainingWarning, match="its weights stay"):  # also after a kill
        going_on.finetune(train, held_out, **(options | {"epochs": 3}))
    for x, y in zip(before, weights(going_on.weights), strict=True):
        np.testing.assert_allclose(y, x, rtol=1e-6)


def test_the_rate_is_smaller_where_all_is_free(known):
    for freeze, rate in RATES.items():
        found = known.load().finetune(TRAIN, freeze=freeze, **{**OPTIONS, "epochs": 1}).history
        assert 0 < found["learning_rate"][0] < rate
    assert RATES["none"] < 0.02


# ------------------------------------------------------------------------------------------------ replay


def test_with_replay_what_it_knew_is_not_forgotten(known):
    options = {**OPTIONS, "epochs": 6}
    other = moved(labelled("CN", 30, 3, depth=6.0), {"H": 1.0, "C": 2.0, "N": 3.0})  # another method
    kept, without = known.load(), known.load()
    before = kept.evaluate(OLD)
    without.finetune(other, **options)
    kept.finetune(other, replay=OLD, **options)
    change = [abs(one.evaluate(OLD)["force_rmse"] - before["force_rmse"]) for one in (kept, without)]
    assert change[0] < 0.8 * change[1]


def test_an_epoch_has_all_new_labels_and_the_share_of_old_ones_drawn_anew(known):
    tuning = Tuning("none", OLD, 0.2, "")
    drawn = [tuning.draw(12, np.random.default_rng(k)) for k in range(2)]
    for some in drawn:
        assert list(some[:12]) == list(range(12))
        assert len(some) == len(set(some)) == 15
        assert max(some) < 12 + len(OLD)
    assert set(drawn[0]) != set(drawn[1])
    assert len(Tuning("none", OLD[:5], 0.9, "").draw(12, np.random.default_rng(0))) == 17  # no more than there are
    batches = Batches([*TRAIN[:12], *OLD], 3.0, 4)
    seen = np.concatenate([chosen for chosen, _ in batches.rounds(np.random.default_rng(0), drawn[0])])
    assert sorted(seen) == sorted(drawn[0])
    assert batches.count(drawn[0]) == len(batches.rounds(None, drawn[0]))
    assert batches.count() == len(batches) == len(list(batches()))


def test_replayed_labels_ask_of_the_network_what_they_asked_before(known, monkeypatch):
    from dmol_molnet.nn import finetuning

    seen = {}
    monkeypatch.setattr(finetuning, "fit", lambda *args, tuning, **options: seen.update(replay=tuning.replay))
    one = known.load()
    before = [m.energy - one.normalisation.reference(m) for m in OLD]
    by = {"H": 1.0, "C": 20.0, "N": 0.0, "O": -7.0}
    for replay, method in ((OLD, None), (moved(OLD, by), "average")):  # of the old method, and of a third one
        one = known.load()
        mine = says(one, OLD)
        one.finetune(moved(mine, {"H": 5.0, "C": 6.0, "N": 7.0, "O": 8.0}), replay=replay, reference=None)
        after = [m.energy - one.normalisation.reference(m) for m in seen["replay"]]
        off = refitted(known.load(), OLD, method).shifts
        offset = {s: off[s] - known.load().normalisation.shifts[s] for s in off}
        expected = [e - sum(offset[s] for s in m.symbols) for e, m in zip(before, OLD, strict=True)]
        np.testing.assert_allclose(after, expected, atol=1e-5)


# ------------------------------------------------------------------------------------------------ committees


def test_a_trained_potential_becomes_a_committee_without_training(known):
    one = known.load()
    many = one.with_members(4)
    for a, b in zip(one.energy_and_forces(TEST), many.energy_and_forces(TEST), strict=True):
        np.testing.assert_array_equal(np.array(a), np.array(b))
    many.finetune(OLD, TRAIN[:10], **{**OPTIONS, "epochs": 0}, reference="kept")
    assert many.energy_and_forces(TEST[0])[0] == one.energy_and_forces(TEST[0])[0]
    assert many.uncertainty(TEST[0])[0] > 0
    errors = many.evaluate(TRAIN[:10])
    assert errors["energy_std_mean"] == pytest.approx(errors["energy_rmse"], rel=0.5)
    assert many.with_members(1).members == 1


def test_members_are_kept_and_drawn_anew_as_the_new_labels_ask(known):
    one = known.load().with_members(3)
    before = one.model.deviation.numpy()
    one.finetune(TRAIN, TEST, **{**OPTIONS, "epochs": 1})
    assert one.members == 3
    drawn = one.model.deviation.numpy()
    assert np.all(before != drawn)
    one.draw_members(TRAIN)
    np.testing.assert_array_equal(one.model.deviation.numpy(), drawn)


# ------------------------------------------------------------------------------------------------ going on


@pytest.mark.parametrize("freeze", ["none", "trunk"])
def test_a_killed_run_goes_on_as_if_nothing_had_been(known, tmp_path, freeze):
    options = {**OPTIONS, "epochs": 4, "freeze": freeze, "replay": OLD}
    whole, path = known.load(), tmp_path / "run.npz"
    expected = whole.finetune(FEW, TEST, **options)
    with pytest.raises(SystemExit):
        known.load().finetune(FEW, TEST, **options, checkpoint=path, callbacks=[Kill(2)])
    one = known.load()
    found = one.finetune(FEW, TEST, **options, checkpoint=path)
    assert comparable(found) == comparable(expected)
    for a, b in zip(one.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert one.normalisation == whole.normalisation


@pytest.mark.parametrize("how", ["potential", "freeze", "replay", "share", "reference", "fit"])
def test_a_checkpoint_of_another_beginning_is_refused(known, tmp_path, how):
    path, options = tmp_path / "run.npz", {**OPTIONS, "epochs": 1, "checkpoint": tmp_path / "run.npz"}
    known.load().finetune(TRAIN[:8], **options, replay=OLD[:8])
    kept, one = path.read_bytes(), known.load()
    changes = {
        "potential": {}, "freeze": {"freeze": "trunk", "learning_rate": RATES["none"]}, "replay": {"replay": OLD[:7]},
        "share": {"share": 0.4}, "reference": {"reference": "kept"}, "fit": {},
    }[how]  # fmt: skip
    if how == "potential":
        one.model.readout_weights[0].assign_add(1e-3 * np.ones(one.model.readout_weights[0].shape))
    again = one.finetune
    if how == "fit":
        again, options = one.fit, {**options, "learning_rate": RATES["none"], "reference": "kept"}
    else:
        options = {**options, "replay": OLD[:8], **changes}
    with pytest.raises(InputError, match="checkpoint of another run"):
        again(TRAIN[:8], **options)
    assert path.read_bytes() == kept


# ------------------------------------------------------------------------------------------------ what is refused


def test_elements_that_it_does_not_know_are_named(known):
    chlorine = Molecule.from_smiles("CCl").embed(0)
    chlorine = replace(chlorine, energy=-1.0, forces=np.zeros((5, 3)))
    message = "was trained on H, C, N, O, and the labels have Cl too: begin with"
    for sets in (([*TRAIN, chlorine], []), (TRAIN, [chlorine])):
        with pytest.raises(InputError, match=message):
            known.load().finetune(*sets, **OPTIONS)
    with pytest.raises(InputError, match=message):
        known.load().finetune(TRAIN, replay=[chlorine], **OPTIONS)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"freeze": "all"}, "freeze is none or trunk, not 'all'"),
        ({"share": 1.0}, "share is a number between 0 and 1, not 1.0"),
        ({"share": True}, "share is a number between 0 and 1"),
        ({"reference": "mean"}, "reference energies are average, kept, or"),
        ({"reference": {"Xx": 1.0}}, "a number in eV of an element, not"),
        ({"epochs": -1}, "epochs is a whole number, at least 0"),
        ({"replay": [replace(OLD[0], forces=None)]}, "replay molecule 1 .* has no forces"),
    ],
)
def test_bad_options_are_told_in_one_sentence_and_change_nothing(known, changes, message):
    one = known.load()
    before = one.normalisation, one.get_weights()
    with pytest.raises(InputError, match=message):
        one.finetune(TRAIN, **{**OPTIONS, **changes})
    assert one.normalisation.shifts == before[0].shifts
    for a, b in zip(one.get_weights(), before[1], strict=True):
        np.testing.assert_array_equal(a, b)


def test_what_was_never_trained_or_has_no_labels_is_told(known):
    with pytest.raises(InputError, match="there is nothing to fine-tune"):
        network().finetune(TRAIN)
    with pytest.raises(InputError, match="no molecule to train on"):
        known.load().finetune([])
    with pytest.raises(InputError, match="has no energy"):
        known.load().finetune([replace(TRAIN[0], energy=None)])


# ------------------------------------------------------------------------------------------------ the command


@pytest.fixture
def folder(known, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "old.keras").write_bytes(known.path.read_bytes())
    write(tmp_path / "new.xyz", TRAIN[:12])
    write(tmp_path / "old.xyz", OLD)
    return tmp_path


def test_the_command_fine_tunes_with_replay_and_a_frozen_trunk(run, folder):
    words = ["train", "new.xyz", "--from", "old.keras", "-o", "m.keras", "--epochs", 1, "--replay", "old.xyz"]
    done = run(*words, "--freeze", "trunk", "--replay-share", 0.3)
    assert done.returncode == 0, done.stderr
    assert "m.keras: old.keras, fine-tuned, after 1 epochs; root mean square error" in done.stdout
    old, new = (Potential.load(folder / f"{name}.keras") for name in ("old", "m"))
    for a, b in zip(old.model.interactions, new.model.interactions, strict=True):
        for x, y in zip(weights(a.weights), weights(b.weights), strict=True):
            np.testing.assert_array_equal(x, y)
    assert any(np.any(x != y) for x, y in zip(*(weights(one.model.readout_weights) for one in (old, new)), strict=True))
    assert sorted(p.name for p in folder.iterdir()) == ["m.keras", "new.xyz", "old.keras", "old.xyz"]


def test_the_command_makes_a_committee_without_training(run, folder):
    words = ["train", "old.xyz", "--from", "old.keras", "-o", "m.keras", "--epochs", 0, "--members", 4]
    done = run(*words, "--reference-energies", "kept", "--json", "--history", "h.csv")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["epochs"] == 0
    assert said["force_rmse"] > 0
    old, new = (Potential.load(folder / f"{name}.keras") for name in ("old", "m"))
    assert (old.members, new.members) == (1, 4)
    assert old.energy_and_forces(TEST[0])[0] == new.energy_and_forces(TEST[0])[0]


def test_the_shipped_ones_are_fine_tuned_by_name(run, folder):
    write(folder / "acac.xyz", labelled("CO", 6, 0))
    done = run("train", "acac.xyz", "--from", "schnet", "-o", "m.keras", "--epochs", 1)
    assert "m.keras: schnet, fine-tuned, after 1 epochs" in done.stdout, done.stderr
    said = one_line(run("train", "old.xyz", "--from", "schnet", "-o", "n.keras", "--epochs", 1, "--json"))
    assert "was trained on H, C, O, and the labels have N too" in said
    assert not (folder / "n.keras").exists()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("--from old.keras --model schnet", "--model belongs to a new network, and --from names one that is there"),
        ("--from old.keras --channels 8 --cutoff 4", "--channels and --cutoff belong to a new network"),
        ("--from nowhere.keras", "there is no file 'nowhere.keras', and no potential of that name: mace, schnet"),
        ("--from old.keras --freeze all", "--freeze is none or trunk, not 'all'"),
        ("--from old.keras --replay-share 0.3", "--replay-share is that of --replay"),
        ("--from old.keras --replay old.xyz --replay-share 1", "--replay-share is between 0 and 1, not 1"),
        ("--from old.keras --replay nowhere.xyz", "there is no file 'nowhere.xyz'"),
        ("--replay old.xyz", "--replay fine-tunes a trained potential: name it by --from"),
        ("--freeze trunk", "--freeze fine-tunes a trained potential"),
        ("--epochs 0", "--epochs 0 trains nothing"),
        ("--reference-energies kept", "kept are those of a trained potential"),
    ],
)
def test_options_that_contradict_are_told_before_tensorflow_starts(run, folder, monkeypatch, words, says):
    from dmol_molnet import nn

    def started():
        raise AssertionError("TensorFlow was started")

    monkeypatch.setattr(nn, "start_quietly", started)
    before = sorted(path.name for path in folder.iterdir())
    assert says in one_line(run("train", "new.xyz", "-o", "m.keras", "--json", *words.split()))
    assert sorted(path.name for path in folder.iterdir()) == before


def test_a_killed_command_goes_on_and_another_potential_does_not(run, folder, monkeypatch):
    words = ["train", "new.xyz", "--from", "old.keras", "-o", "m.keras", "--epochs", 2, "--json"]
    assert run(*words).returncode == 0
    expected = Potential.load(folder / "m.keras")
    (folder / "m.keras").rename(folder / "other.keras")
    saved, save = Potential.save, []

    def killed(*arguments, **options):
        save.append(1)
        raise OSError("killed")

    monkeypatch.setattr(Potential, "save", killed)
    assert run(*words).returncode != 0
    assert save
    monkeypatch.setattr(Potential, "save", saved)
    checkpoint = folder / "m.keras.checkpoint.npz"
    assert checkpoint.exists()
    assert "checkpoint of another run" in one_line(run(*words[:3], "other.keras", *words[4:]))
    assert run(*words).returncode == 0
    found = Potential.load(folder / "m.keras")
    for a, b in zip(found.get_weights(), expected.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert not checkpoint.exists()
