"""What a page computes is what TensorFlow computes: the engine, in node, on what the exporter wrote."""

import functools
import json
import re
import shutil
import struct
import subprocess
import zlib
from pathlib import Path

import numpy as np
import pytest
from browsing import FLAGS, NODE, chromium, needs_node, serving
from playwright.sync_api import sync_playwright

from dmol_molnet import InputError, Molecule, datasets, live, symmetry
from dmol_molnet.live import exporter
from dmol_molnet.nn import pretrained
from dmol_molnet.nn.design_space import build, computing_in
from dmol_molnet.nn.graph import MolecularGraph
from dmol_molnet.nn.potential import Normalisation, Potential

pytestmark = needs_node

CONSTANTS = Normalisation({"H": -1.5, "C": -2.0, "O": -3.25}, {"H": 1.0, "C": 1.25, "O": 0.75}, 8.0)
NETWORKS = {
    "schnet, shipped": lambda: pretrained.load("schnet"),
    "mace, shipped": lambda: pretrained.load("mace"),
    **{x: functools.partial(build, x, channels=4, seed=0) for x in ("schnet", "tfn", "nequip", "botnet", "ace")},
    "norms": lambda: build("nequip", channels=5, layers=2, norm=True, seed=0),
    "rotations alone": lambda: build("mace", channels=4, l_max=2, hidden_l_max=2, correlation=4, parity=False, seed=0),
    "few elements": lambda: build("mace", channels=3, elements=["O", "H", "C"], hidden=0, seed=0),
}  # fmt: skip


@functools.cache
def potential(name):
    made = NETWORKS[name]()
    return made if isinstance(made, Potential) else Potential(made, CONSTANTS)


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A potential's file, written once."""
    folder = tmp_path_factory.mktemp("live")

    @functools.cache
    def exported(name):
        path = folder / f"{name}.molnet"
        live.export(potential(name), path)
        return path

    return exported


def engine(model, cases):
    """What the engine answers."""
    command = [NODE, str(Path(__file__).with_name("live_engine.mjs")), str(Path(live.__file__).with_name("engine"))]
    job = json.dumps({"model": str(model), "cases": cases})
    done = subprocess.run(command, input=job, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def case(molecule, **more):
    return {"numbers": molecule.numbers.tolist(), "positions": molecule.positions.tolist(), **more}


@functools.cache
def geometries():
    """Fifty: as they move, turned, mirrored, random, taken apart, two atoms and one."""
    rng, frames = np.random.default_rng(0), datasets.load("acetylacetone").test_300K[::55][:10]
    found = list(frames)
    found += [symmetry.moved(m, symmetry.random_rotation(k)) for k, m in enumerate(frames[:5])]
    found += [symmetry.moved(m, -symmetry.random_rotation(k)) for k, m in enumerate(frames[:5])]
    while len(found) < 38:
        n = int(rng.integers(3, 9))
        x = rng.uniform(0, 4, size=(n, 3))
        if np.linalg.norm(x[:, None] - x[None] + 9 * np.eye(n)[..., None], axis=-1).min() > 0.6:
            found.append(Molecule(rng.choice([1, 6, 8], size=n), x))
    for k, away in enumerate([2.0, 4.0, 8.0, 30.0]):  # one hydrogen leaves
        x = frames[k].positions.copy()
        x[-1] += away * (x[-1] - x.mean(axis=0)) / np.linalg.norm(x[-1] - x.mean(axis=0))
        found.append(Molecule(frames[k].numbers, x))
    found += [
        Molecule([a, b], [[0, 0, 0], [0, 0, r]]) for a, b, r in [(1, 1, 0.74), (6, 8, 1.13), (8, 1, 4.99), (6, 6, 5.01)]
    ]
    found += [Molecule([z], [[1.0, 2, 3]]) for z in (1, 6, 8, 6)]
    assert len(found) == 50
    return found


@functools.cache
def exact(name):
    """Energies (eV) and forces (eV/Å) by TensorFlow in float64."""
    twin = exporter.in_float64(potential(name))
    with computing_in("float64"):
        graph = MolecularGraph.from_molecules(geometries(), twin.cutoff)
    e, f = (x.numpy() for x in twin.derivatives(graph))
    real = np.asarray(graph.numbers) > 0
    forces = [f[(np.asarray(graph.molecule) == k) & real] for k in range(len(geometries()))]
    return [float(e[k]) + twin.normalisation.reference(m) for k, m in enumerate(geometries())], forces


@pytest.mark.parametrize("name", NETWORKS)
def test_the_engine_computes_what_tensorflow_computes(exported, name):
    found = engine(exported(name), [case(m) for m in geometries()])
    for one, energy, forces in zip(found, *exact(name), strict=True):
        largest = max(np.abs(forces).max(), 1.0)  # eV/Å; untrained networks can be much steeper than molecules
        assert one["energy"] == pytest.approx(energy, abs=1e-5 * largest)
        np.testing.assert_allclose(np.reshape(one["forces"], (-1, 3)), forces, atol=1e-5 * largest, rtol=0)
    if "shipped" in name:
        for one, energy, forces in list(zip(found, *exact(name), strict=True))[:20]:
            assert one["energy"] == pytest.approx(energy, abs=1e-5)
            np.testing.assert_allclose(np.reshape(one["forces"], (-1, 3)), forces, atol=1e-4, rtol=0)


@pytest.mark.parametrize("name", NETWORKS)
def test_forces_are_the_slopes_of_the_engines_own_energies(exported, name):
    some = [m for m in geometries() if len(m) < 6][:6] + geometries()[:1]
    for one in engine(exported(name), [case(m, differences=True) for m in some]):
        largest = max(np.abs(one["forces"]).max(), 1.0)
        np.testing.assert_allclose(one["forces"], one["differences"], atol=1e-6 * largest)


WORKER = """async ({model, cases}) => {
  const worker = new Worker("engine/worker.js", {type: "module"});
  const answer = (message) => new Promise((resolve, reject) => {
    worker.onmessage = ({data}) => resolve(data);
    worker.onerror = (event) => reject(new Error(event.message));
    worker.postMessage(message);
  });
  const answers = [await answer({model: await (await fetch(model)).arrayBuffer()})];
  for (const [id, {numbers, positions}] of cases.entries())
    answers.push(await answer({id, numbers, positions: positions.flat()}));
  return answers.map(({forces, ...more}) => ({...more, forces: forces && Array.from(forces)}));
}"""


@pytest.mark.parametrize("name", ["schnet, shipped", "mace, shipped"])
def test_a_worker_in_a_browser_computes_what_node_computes(exported, tmp_path, name):
    path = chromium()
    if path is None:
        pytest.skip("needs Chromium: `apt-get install chromium`, or CHROME_PATH")
    shutil.copytree(Path(live.__file__).with_name("engine"), tmp_path / "engine")
    shutil.copy(exported(name), tmp_path / "model.molnet")
    (tmp_path / "index.html").write_text("<!doctype html><title>engine</title>")
    nitrogen = {"numbers": [7], "positions": [[0.0, 0, 0]]}
    cases = [case(m) for m in geometries()]
    with serving(tmp_path) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        page = browser.new_page()
        page.goto(address)
        ready, *found, refused = page.evaluate(WORKER, {"model": "model.molnet", "cases": [*cases, nitrogen]})
        browser.close()
    assert ready["ready"]["numbers"] == [1, 6, 8]
    assert "has not learned N" in refused["error"]
    for here, there in zip(found, engine(exported(name), cases), strict=True):
        assert here["energy"] == pytest.approx(there["energy"], abs=1e-9)
        np.testing.assert_allclose(here["forces"], there["forces"], atol=1e-9)


def test_what_is_lost_in_splines_is_measured_and_small(exported):
    for name in ("schnet, shipped", "mace, shipped"):
        header = read(exported(name))
        assert 0 < header["spline error"] < exporter.ERROR


def read(path):
    data = path.read_bytes()
    return json.loads(data[20 : 20 + struct.unpack("<I", data[16:20])[0]])


def test_a_spline_is_the_function_it_was_made_of():
    wave = lambda r: np.stack([np.sin(3 * r), np.exp(-r)], 1)  # noqa: E731
    r = np.sort(np.random.default_rng(0).uniform(0, 5, 30))
    knots = np.concatenate([[0], r, [5]])
    table = np.stack([wave(knots), np.stack([3 * np.cos(3 * knots), -np.exp(-knots)], 1),
                      np.stack([-9 * np.sin(3 * knots), np.exp(-knots)], 1)], 1)  # fmt: skip
    here = np.linspace(0.01, 4.99, 200)
    np.testing.assert_allclose(exporter.interpolated(here, knots, table), wave(here), atol=1e-3)
    np.testing.assert_allclose(exporter.interpolated(knots[:-1], knots, table), wave(knots[:-1]), atol=1e-12)


# ------------------------------------------------------------------------------------------------ faults


def damaged(path, tmp_path, how):
    data = path.read_bytes()
    changed = {
        "nothing": b"",
        "a page": b"<!doctype html>" + bytes(100),
        "cut short": data[: len(data) // 2],
        "cut in its first line": data[:15],
        "a byte": data[:-200] + bytes([data[-200] ^ 1]) + data[-199:],
        "another version": data[:8] + struct.pack("<II", 9, zlib.crc32(data[20:])) + data[16:],
    }[how]
    broken = tmp_path / "broken.molnet"
    broken.write_bytes(changed)
    return broken


@pytest.mark.parametrize(
    ("how", "says"),
    {
        "nothing": "no file of a potential",
        "a page": "no file of a potential",
        "cut short": "cut short or damaged",
        "cut in its first line": "cut short",
        "a byte": "cut short or damaged",
        "another version": "has version 9, and this page reads version 1",
    }.items(),
)
def test_a_file_that_is_not_whole_is_refused_in_one_sentence(exported, tmp_path, how, says):
    broken = damaged(exported("schnet, shipped"), tmp_path, how)
    ((found,),) = (engine(broken, [case(geometries()[0])]),)
    assert says in found["error"]
    assert "\n" not in found["error"]


@pytest.mark.parametrize(
    ("molecule", "says"),
    [
        ({"numbers": [7], "positions": [[0, 0, 0]]}, "has not learned N; its elements are H, C, O"),
        ({"numbers": [1, 1], "positions": [[0, 0, 0], [0, 0, 0]]}, "atoms 0 and 1 lie on the same place"),
        ({"numbers": [1, 1], "positions": [[0, 0, 0], [0, 0, None]]}, "coordinates are no numbers"),
    ],
)
def test_a_molecule_that_cannot_be_is_told(exported, molecule, says):
    (found,) = engine(exported("schnet, shipped"), [molecule])
    assert re.search(says, found["error"])


def test_atoms_pulled_onto_each_other_keep_finite_energies(exported):
    close = [{"numbers": [6, 8, 1], "positions": [[0, 0, 0], [0, 0, r], [0, 1, 1]]} for r in (0.5, 0.1, 0.002)]
    for name in ("schnet, shipped", "mace, shipped"):
        for found in engine(exported(name), close):
            assert np.isfinite([found["energy"], *found["forces"]]).all()


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: build("mace", channels=4), "potentials of our networks"),
        (lambda: Potential(build("mace", channels=4)), "no reference energies"),
    ],
)
def test_what_cannot_be_exported_is_told(make, says):
    with pytest.raises(InputError, match=says):
        live.export(make())


def test_a_file_is_written_whole_or_not_at_all(tmp_path):
    path = tmp_path / "there.molnet"
    path.write_bytes(b"before")
    with pytest.raises(InputError):
        live.export(Potential(build("schnet", channels=4)), path)
    assert [(p.name, p.read_bytes()) for p in tmp_path.iterdir()] == [("there.molnet", b"before")]
