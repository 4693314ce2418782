"""The stepper in a real browser: what it shows is the story, and every reader can go through it."""

import json
import re
from dataclasses import replace

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from browsing import FLAGS, chromium
from playwright.sync_api import sync_playwright
from test_figures_story import run
from test_site import AXE

from dmol_molnet import Molecule
from dmol_molnet.figures import animate, draw, messages, refinement, show, stepper, tables


@pytest.fixture(scope="module")
def story():
    molecule = Molecule.example("methanol")
    return messages(molecule, run(molecule)[1])


@pytest.fixture(scope="module")
def page(story, tmp_path_factory):
    return animate(story).save(tmp_path_factory.mktemp("stepper") / "methanol.html")


@pytest.fixture(scope="module")
def browser():
    path = chromium()
    if not path:
        pytest.skip("needs Chromium: `apt-get install chromium`, or CHROME_PATH")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser):
    """open_page(path, **options) -> the loaded page, with the `faults` of its loading."""
    contexts = []

    def open_page(path, **options):
        contexts.append(browser.new_context(**{"viewport": {"width": 800, "height": 900}} | options))
        tab = contexts[-1].new_page()
        tab.set_default_timeout(10_000)
        tab.faults = []
        tab.on("pageerror", lambda error: tab.faults.append(str(error)))
        tab.on("console", lambda it: tab.faults.append(it.text) if it.type == "error" else None)
        tab.on("request", lambda it: tab.faults.append(it.url) if not it.url.startswith(("file:", "data:")) else None)
        tab.goto(path.as_uri())
        return tab

    yield open_page
    for context in contexts:
        context.close()


def shown(tab):
    """Counter, sentence, and the texts of each drawing."""
    return tab.evaluate(
        """() => ({
            counter: document.querySelector(".molnet-counter").textContent,
            sentence: document.querySelector(".molnet-sentence").textContent,
            drawings: [...document.querySelectorAll(".molnet-live svg")].map(
                (it) => [...it.querySelectorAll("text")].map((text) => text.textContent)),
        })"""
    )


def told(step, story):
    """The same of a step of the story."""
    panels = [
        [node.text for node in panel.nodes]
        + [text for row in view.rows.values() for text in (*row.texts, row.name) if text]
        for panel, view in zip(story.panels, step.views, strict=True)
    ]
    ledger = [text for row in step.ledger for text in (*row.texts, row.name) if text]
    return {"counter": step.counter, "sentence": step.sentence, "drawings": [*panels, ledger]}


def same(found, expected):
    assert found["counter"] == expected["counter"]
    assert found["sentence"] == expected["sentence"]
    assert list(map(sorted, found["drawings"])) == list(map(sorted, expected["drawings"]))


def test_every_step_shows_the_numbers_of_the_story_and_no_others(open_page, page, story):
    tab = open_page(page)
    forward = tab.get_by_role("button", name="Forward")
    for step in story.steps:
        same(shown(tab), told(step, story))
        forward.click(force=True)  # at the end, too, where it does nothing
    same(shown(tab), told(story.steps[-1], story))  # there it stays
    assert forward.get_attribute("aria-disabled") == "true"
    tab.get_by_role("button", name="Back").click()
    same(shown(tab), told(story.steps[-2], story))
    tab.get_by_role("button", name="First").click()
    same(shown(tab), told(story.steps[0], story))
    assert not tab.faults


def test_keys_and_slider_lead_anywhere(open_page, page, story):
    tab = open_page(page)
    tab.get_by_role("button", name="Forward").focus()
    for key, at in (("ArrowRight", 1), ("ArrowRight", 2), ("ArrowLeft", 1), ("End", -1), ("Home", 0), ("Enter", 1)):
        tab.keyboard.press(key)
        same(shown(tab), told(story.steps[at], story))
    slider = tab.get_by_role("slider")
    slider.focus()
    tab.keyboard.press("ArrowRight")
    same(shown(tab), told(story.steps[2], story))
    slider.fill("20")
    same(shown(tab), told(story.steps[20], story))
    assert story.steps[20].counter in slider.get_attribute("aria-valuetext")
    assert slider.get_attribute("aria-label")


def test_play_goes_on_by_itself_stops_when_asked_and_at_the_end(open_page, page, story):
    tab = open_page(page)
    sentence = tab.locator(".molnet-sentence")
    assert sentence.get_attribute("aria-live") == "polite"
    tab.get_by_role("slider").fill(str(len(story.steps) - 2))
    tab.get_by_role("button", name="Play").click()
    assert sentence.get_attribute("aria-live") == "off"
    tab.get_by_role("button", name="Play").wait_for()  # it was called Pause meanwhile
    same(shown(tab), told(story.steps[-1], story))
    assert sentence.get_attribute("aria-live") == "polite"
    tab.get_by_role("button", name="Play").click()  # from the beginning
    same(shown(tab), told(story.steps[0], story))
    tab.get_by_role("button", name="Pause").click()
    assert tab.get_by_role("button", name="Play").is_visible()


def test_it_does_not_play_for_those_who_ask_for_no_movement(open_page, page, story):
    tab = open_page(page, reduced_motion="reduce")
    assert not tab.get_by_role("button", name="Play").is_visible()
    tab.get_by_role("button", name="Forward").click()
    same(shown(tab), told(story.steps[1], story))
    assert tab.evaluate("document.getAnimations().length") == 0


def test_without_javascript_the_still_stands_there(open_page, page):
    tab = open_page(page, java_script_enabled=False)
    still = tab.locator(".molnet-still svg")
    assert still.is_visible()
    assert len(still.get_attribute("aria-label")) > 100
    assert tab.locator("button").count() == 0
    assert not open_page(page).locator(".molnet-still").is_visible()


@pytest.mark.parametrize("width", [320, 390, 800])
def test_it_fits_its_screen_and_nothing_jumps(open_page, page, story, width):
    tab = open_page(page, viewport={"width": width, "height": 800})
    controls = tab.locator(".molnet-controls")
    heights = set()
    for k in range(0, len(story.steps), 6):
        tab.get_by_role("slider").fill(str(k))
        heights.add(round(controls.bounding_box()["y"]))
        assert tab.evaluate("document.documentElement.scrollWidth") <= width
    assert len(heights) == 1
    for button in controls.locator("button").all():
        box = button.bounding_box()
        assert min(box["width"], box["height"]) >= 24
    smallest = tab.evaluate(
        """Math.min(...[...document.querySelectorAll(".molnet-live text")].map(
            (it) => parseFloat(it.getAttribute("font-size")) * it.getScreenCTM().a))"""
    )
    assert smallest >= (7.4 if width == 320 else 8.5)


@pytest.mark.parametrize(("scheme", "width"), [("light", 800), ("dark", 800), ("light", 390)])
def test_axe_finds_nothing(open_page, page, scheme, width):
    tab = open_page(page, color_scheme=scheme, viewport={"width": width, "height": 900})
    for k in (0, 2, 25):
        tab.get_by_role("slider").fill(str(k))
        tab.evaluate(AXE_SCRIPT)
        assert [f"{f['id']}: {n['html'][:200]}" for f in tab.evaluate(AXE)["violations"] for n in f["nodes"]] == []
    assert not tab.faults


def test_two_on_a_page_go_their_own_ways(open_page, story, tmp_path):
    pair = [Molecule.example(name, hydrogens=False) for name in ("decalin", "bicyclopentyl")]
    both = story, refinement(*pair, ("decalin", "bicyclopentyl"))
    picture = show(draw(pair[0]), alt="decalin, a picture that the script takes away")
    body = "".join(stepper(it, picture)._repr_html_() for it in both)
    (tmp_path / "two.html").write_text(f"<!DOCTYPE html><meta charset='utf-8'><body>{body}</body>")
    tab = open_page(tmp_path / "two.html")
    assert tab.locator(".molnet-live").count() == 2
    tab.get_by_role("button", name="Forward").nth(1).click()
    counters = tab.locator(".molnet-counter").all_text_contents()
    assert counters == [both[0].steps[0].counter, both[1].steps[1].counter]
    faces = tab.locator(".molnet-live").nth(1).locator("svg").first.locator("text").all_text_contents()
    assert sorted(faces[-10:]) == sorted(text for text, _ in both[1].steps[1].views[0].faces.values())
    assert not tab.faults


def test_the_same_story_twice_has_pictures_of_different_names_and_the_script_may_run_again(open_page, story, tmp_path):
    markup = stepper(story, show(draw(Molecule.example("water")), alt="stand-in"))._repr_html_()
    (tmp_path / "twice.html").write_text(f"<!DOCTYPE html><meta charset='utf-8'><body>{markup * 2}</body>")
    tab = open_page(tmp_path / "twice.html")
    script = re.findall(r"<script>(.*?)</script>", markup, flags=re.S)[0]
    tab.evaluate("script => (0, eval)(script)", script)
    assert tab.locator(".molnet-live").count() == 2
    names = tab.locator(".molnet-live :is(svg[role=img], input)").evaluate_all("a => a.map(it => it.ariaLabel)")
    assert len(names) == len(set(names)) == 6
    assert not tab.faults


def test_both_drawings_have_one_scale_and_legible_numbers_come_before_side_by_side(open_page, tmp_path):
    pair = [Molecule.example(name, hydrogens=False) for name in ("decalin", "bicyclopentyl")]
    caffeine = Molecule.from_smiles("CN1C=NC2=C1C(=O)N(C(=O)N2C)C", hydrogens=False)
    told = refinement(*pair, ("decalin", "bicyclopentyl")), messages(caffeine, run(caffeine)[1])
    picture = show(draw(pair[0]), alt="stand-in")
    body = "".join(stepper(it, picture)._repr_html_() for it in told)
    style = "<style>body { margin: 0 auto; width: 730px }</style>"
    (tmp_path / "wide.html").write_text(f"<!DOCTYPE html><meta charset='utf-8'>{style}<body>{body}</body>")
    tab = open_page(tmp_path / "wide.html")
    scales = tab.locator("svg[role=img]:visible").evaluate_all("a => a.map(it => it.getScreenCTM().a)")
    tops = tab.locator("svg[role=img]:visible").evaluate_all("a => a.map(it => it.getBoundingClientRect().top)")
    assert scales[0] == pytest.approx(scales[1])
    assert tops[0] == pytest.approx(tops[1])  # side by side
    assert tops[3] > tops[2] + 100  # one below the other
    assert scales[2] * tables.DIGITS >= 9
    inputs, outputs = (tab.locator(".molnet-live").nth(1).locator("svg[role=img]").nth(k) for k in (0, 1))
    assert inputs.locator("> g:not([style*=none]) > line").count() == len(told[1].panels[0].leaders) > 0
    assert (
        outputs.locator("> g:not([style*=none]) > line").count() == 0
    )  # no line leads to numbers that are not there yet


# --- without a browser


def data_of(markup):
    return json.loads(re.search(r'<script type="application/json">(.*?)</script>', markup, flags=re.S).group(1))


def test_the_json_has_every_number_of_the_story(story):
    data = data_of(stepper(story, show(draw(Molecule.example("water")), alt="water"))._repr_html_())
    for step, written in zip(story.steps, data["steps"], strict=True):
        pairs = list(zip(step.ledger, written["ledger"], strict=True))
        for view, there in zip(step.views, written["views"], strict=True):
            assert [*map(str, view.rows)] == [*there["rows"]]
            pairs += zip(view.rows.values(), there["rows"].values(), strict=True)
        for row, key in pairs:
            _, _, numbers, texts, *_ = data["rows"][key]
            assert texts == [*row.texts]
            assert numbers == pytest.approx(row.numbers, rel=1e-5)


def test_no_title_breaks_out_of_the_data(story):
    title = "</script><b>bold</b><!-- <script>"
    markup = stepper(replace(story, title=title), show(draw(Molecule.example("water")), alt=title))._repr_html_()
    assert data_of(markup)["title"] == title
    assert "<b>" not in markup
    assert markup.count("</script>") == 2


def test_the_output_holds_the_story_and_needs_nothing_else(story):
    markup = stepper(story, show(draw(Molecule.example("water")), alt="water"))._repr_html_()
    data = re.search(r'<script type="application/json">(.*?)</script>', markup, flags=re.S).group(1)
    assert json.loads(data)["steps"][3]["sentence"] == story.steps[3].sentence
    assert not re.search(r'(?:src|href)="(?!#)', markup)
    assert len(data) < 60_000
    ids = re.findall(r'\bid="([^"]+)"', markup)
    assert len(ids) == len(set(ids))
    assert "on" + "click=" not in markup
