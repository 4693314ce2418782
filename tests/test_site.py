"""The built site as a reader meets it: in a real browser, light and dark, on a desk and on a phone.

Each page is visited once in each mode, everything is measured in that visit, and the tests below state the laws.
Pictures of all visits land in _build/screenshots, the summary in _build/site-report.md.
"""

import gzip
import re
import shutil
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from browsing import FLAGS, chromium, said, serving, start
from conftest import PAGES, ROOT, stop
from playwright.sync_api import sync_playwright

VISITED = [*PAGES, "search", "genindex"]
FOLDED = [page for page in PAGES if "hide-input" in (ROOT / f"{page}.md").read_text()]
CHAPTERS = [page for page in PAGES if "code-cell" in (ROOT / f"{page}.md").read_text()]
EXERCISED = [page for page in CHAPTERS if "```{practice}" in (ROOT / f"{page}.md").read_text()]
CALM = {"reduced_motion": "reduce"}  # in one mode, the welcome page's molecule moves by itself; in the others it stands
MODES = {
    "light": {"viewport": {"width": 1280, "height": 900}, "color_scheme": "light"},
    "dark": {"viewport": {"width": 1280, "height": 900}, "color_scheme": "dark", **CALM},
    "phone": {"viewport": {"width": 390, "height": 844}, "color_scheme": "light", "has_touch": True, **CALM},
    "dark phone": {"viewport": {"width": 390, "height": 844}, "color_scheme": "dark", "has_touch": True, **CALM},
}
each_page = pytest.mark.parametrize("page", VISITED)
each_chapter = pytest.mark.parametrize("page", CHAPTERS)
each_visit = pytest.mark.parametrize(("page", "mode"), [(page, mode) for page in VISITED for mode in MODES])

GENERIC = re.compile(r"(?i)(the |an? )?(fig|figure|image|img|picture|plot|drawing|diagram|svg)?[\W\d_]*(\.\w+)?")
MEASURE = (Path(__file__).parent / "measure_page.js").read_text()
# Two rules that axe leaves off by default: names that hold the visible text, and targets of 24 px.
AXE = """(where) => axe.run(where ?? document, {resultTypes: ["violations"], preload: false,
    rules: {"label-content-name-mismatch": {enabled: true}, "target-size": {enabled: true}}})"""


@pytest.fixture(scope="module")
def address(site):
    with serving(site) as address:
        yield address


@pytest.fixture(scope="module")
def browser(site):
    path = chromium()
    if not path:
        stop("needs Chromium: `apt-get install chromium`, or CHROME_PATH")
    # One module, one browser: closed before other tests, because Playwright keeps an event loop running in the thread.
    with sync_playwright() as playwright:
        flags = [*FLAGS, "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]
        browser = playwright.chromium.launch(executable_path=path, args=flags)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def open_page(browser, address):
    """open_page(page, mode) -> the loaded page, with the `faults` of its loading; the page before it is closed."""

    def open_page(page, mode="light", base=address, **options):
        for context in browser.contexts:
            context.close()
        tab = browser.new_context(**MODES[mode], **options).new_page()
        tab.set_default_timeout(60_000)
        tab.faults = []

        def note(event, fault):
            tab.on(event, lambda it: tab.faults.append(fault(it)) if fault(it) else None)

        note("request", lambda it: not it.url.startswith((base, "data:", "blob:")) and f"leaves: {it.url}")
        note("requestfailed", lambda it: "ABORTED" not in it.failure and f"failed: {it.url}")
        note("response", lambda it: it.status >= 400 and f"{it.status}: {it.url}")
        note("console", lambda it: it.type == "error" and f"console: {it.text}")
        note("pageerror", lambda it: f"error: {it}")
        tab.goto(f"{base}/{page}")
        if options.get("java_script_enabled", True):
            tab.wait_for_function("() => window.MathJax?.startup?.promise.then(() => true) ?? true")
        return tab

    return open_page


@pytest.fixture(scope="module")
def visit(open_page):
    """visit(page, mode) -> what was measured there, once; the report is written when all is done."""
    visits = {}
    pictures = ROOT / "_build" / "screenshots"
    shutil.rmtree(pictures, ignore_errors=True)
    pictures.mkdir(parents=True)

    def visit(page, mode):
        if (page, mode) not in visits:
            tab = open_page(f"{page}.html", mode)
            seen = SimpleNamespace(faults=tab.faults, running=[])
            tab.screenshot(path=pictures / f"{page.split('/')[-1]}-{mode.replace(' ', '-')}.png", full_page=True)
            seen.__dict__.update(tab.evaluate(f"{MEASURE}.measure()"))
            tab.evaluate(AXE_SCRIPT)
            seen.axe = tab.evaluate(AXE)["violations"]
            seen.live = {}
            for name in tab.eval_on_selector_all(".live-figure", "all => all.map(it => it.id.slice(5))"):
                seen.live[name] = said(start(tab, name))["state"]
            if seen.live:  # once more, now that they run
                seen.running = tab.evaluate(f"{MEASURE}.pictures()")
                seen.axe += tab.evaluate(AXE, ".live-figure")["violations"]
            seen.overflow = {tab.viewport_size["width"]: tab.evaluate(f"{MEASURE}.overflow()")}
            if MODES[mode]["viewport"]["width"] == 390:
                tab.set_viewport_size({"width": 320, "height": 640})
                seen.overflow[320] = tab.evaluate(f"{MEASURE}.overflow()")
            visits[page, mode] = seen
        return visits[page, mode]

    yield visit
    write_report(visits)


def write_report(visits):
    """Bytes are those of the first visit, not compressed."""
    lines = [
        "# The built site, as measured in the browser",
        "",
        "| page | mode | bytes | axe findings |",
        "| --- | --- | --- | --- |",
    ]
    for (page, mode), seen in visits.items():
        found = ", ".join(f"{f['id']} ({f['impact']}) x{len(f['nodes'])}" for f in seen.axe) or "none"
        lines.append(f"| {page} | {mode} | {seen.bytes:,} | {found} |")
    (ROOT / "_build" / "site-report.md").write_text("\n".join(lines) + "\n")


@each_visit
def test_nothing_fails_and_nothing_leaves_the_site(visit, page, mode):
    assert not visit(page, mode).faults


@each_visit
def test_no_page_is_wider_than_its_screen(visit, page, mode):
    seen = visit(page, mode)
    assert not {width: culprits for width, culprits in seen.overflow.items() if culprits}
    assert not seen.clipped


@each_visit
def test_axe_finds_nothing(visit, page, mode):
    found = [f"{f['id']} ({f['impact']}): {n['html'][:200]}" for f in visit(page, mode).axe for n in f["nodes"]]
    assert not found


@each_visit
def test_every_picture_is_there_and_has_its_own_name(visit, page, mode):
    seen = visit(page, mode)
    for pictures in (seen.pictures, seen.running):
        for picture in pictures:
            assert picture["shown"], picture
            assert picture["size"] >= 8, picture
            if picture["tag"] == "svg":  # drawn in the page's ink, on its paper: nothing may lie between
                assert picture["contrast"] >= 4.5, picture
                assert picture["onPaper"], picture
            assert len(picture["name"]) >= 8, picture
            assert not GENERIC.fullmatch(picture["name"]), picture
        twice = [name for name, count in Counter((p["tag"], p["name"]) for p in pictures).items() if count > 1]
        assert not twice


@each_visit
def test_every_figure_that_computes_runs(visit, page, mode):
    seen = visit(page, mode)
    source = ROOT / f"{page}.md"
    asked = re.findall(r"^```\{live\} (\S+)$", source.read_text(), re.M) if source.exists() else []
    assert list(seen.live) == asked
    assert set(seen.live.values()) <= {"ready", "running"}


@each_visit
def test_every_formula_is_set(visit, page, mode):
    seen = visit(page, mode)
    assert not seen.formulaErrors
    assert set(seen.formulas) <= {1}


@pytest.mark.parametrize("page", [PAGES[0], *CHAPTERS])
def test_the_first_view_is_at_most_one_and_a_half_megabytes(open_page, address, site, page):
    """As servers send it: text compressed.  What is farther down the page, and computes, is not asked for yet."""
    tab = open_page(f"{page}.html")
    tab.wait_for_load_state("networkidle")
    asked = tab.evaluate("performance.getEntriesByType('resource').map(entry => entry.name)")
    total = 0
    for url in {tab.url, *asked}:
        data = (site / url.removeprefix(f"{address}/").partition("?")[0].partition("#")[0]).read_bytes()
        total += min(len(data), len(gzip.compress(data, 6)))
    assert total < 1_500_000


@each_page
def test_the_page_is_well_formed(visit, page):
    seen = visit(page, "light")
    assert seen.lang == "en"
    assert seen.h1 == 1
    assert all(below <= above + 1 for above, below in zip(seen.headings, seen.headings[1:], strict=False)), (
        seen.headings
    )
    assert not [name for name, count in Counter(seen.ids).items() if count > 1]


@pytest.mark.parametrize("page", PAGES)
def test_headings_figures_and_equations_have_permalinks(visit, page):
    seen = visit(page, "light")
    assert seen.permalinks
    for text, link in seen.permalinks:
        assert link, text
        assert link.removeprefix("#") in seen.ids, text


def test_the_door_leads_to_the_book(open_page):
    tab = open_page("")
    tab.wait_for_url("**/intro.html")
    assert not tab.faults


def test_the_skip_link_comes_first_and_leads_to_the_text(open_page):
    tab = open_page(f"{PAGES[0]}.html")
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.getAttribute('href')") == "#main-content"
    tab.wait_for_function("document.activeElement.getBoundingClientRect().top >= 0")  # off the screen until focused
    tab.keyboard.press("Enter")
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.closest('main') !== null")


@pytest.mark.parametrize("page", EXERCISED)
def test_solutions_open_and_close_by_keyboard(open_page, page):
    tab = open_page(f"{page}.html")
    solutions = tab.locator("article .solution").all()
    assert solutions
    for solution in solutions:
        button, text = solution.locator(".toggle-button"), solution.locator(".solution-content")
        text.wait_for(state="hidden")
        button.focus()
        for key, opened, state in (("Enter", "true", "visible"), ("Space", "false", "hidden")):
            tab.keyboard.press(key)
            assert button.get_attribute("aria-expanded") == opened
            text.wait_for(state=state)


def test_wide_boxes_on_a_phone_scroll_by_keyboard(open_page):
    for page in CHAPTERS:
        tab = open_page(f"{page}.html", "phone")
        boxes = tab.locator("article [data-scrolls]")
        assert boxes.count() >= 1
        for box in boxes.all():
            if box.is_visible():
                box.focus()
                tab.keyboard.press("ArrowRight")
                tab.wait_for_function("box => box.scrollLeft > 0", arg=box.element_handle())


@pytest.mark.parametrize(("mode", "beside"), [("light", True), ("phone", False)])
def test_panels_of_a_row_stand_beside_each_other_or_on_a_phone_one_under_the_other(open_page, mode, beside):
    tab = open_page(f"{PAGES[0]}.html", mode)
    boxes = [panel.bounding_box() for panel in tab.locator(".molnet-welcome .molnet-row > div").all()]
    assert len(boxes) == 2
    one, two = boxes
    if beside:
        assert one["x"] + one["width"] <= two["x"] + 1
        assert abs(one["y"] - two["y"]) < 1
    else:
        assert one["y"] + one["height"] <= two["y"] + 1
    assert all(box["x"] >= 0 and box["x"] + box["width"] <= tab.viewport_size["width"] for box in boxes)


@each_chapter
def test_formulas_on_a_phone_stay_on_their_line_and_end_with_their_last_sign(open_page, page):
    tab = open_page(f"{page}.html", "phone")
    tab.wait_for_timeout(200)  # scroll-areas.js measures after MathJax
    boxed, cut = tab.evaluate("""() => {
        const every = (selector) => [...document.querySelectorAll(`article ${selector} mjx-container`)];
        const visible = (box) => box.checkVisibility();
        const boxed = every("span.math").filter(visible)
            .filter((box) => !box.hasAttribute("data-scrolls") && getComputedStyle(box).overflowX !== "visible");
        const cut = every("div.math").filter(visible)
            .filter((box) => box.scrollWidth > box.clientWidth + 1 && !box.hasAttribute("data-scrolls"));
        return [boxed.length, cut.length];
    }""")
    assert boxed == 0, "a box within the line has bars and tears it"
    assert cut == 0, "a formula is cut, and nothing says so"


def test_a_long_table_is_sorted_by_keyboard_and_a_plain_one_without_script(open_page):
    tab = open_page("book/map.html")
    head = tab.locator("article thead th").nth(1)
    column = "rows => rows.map(row => row.cells[1].innerText.trim())"
    for key, way in (("Enter", "ascending"), ("Space", "descending")):
        head.locator("button").focus()
        tab.keyboard.press(key)
        assert head.get_attribute("aria-sort") == way
        names = tab.locator("article tbody tr").evaluate_all(column)
        plain = [re.sub(r"\W", "", name).lower() for name in names]
        ends = plain[0], plain[-1]
        assert ends == ((min(plain), max(plain)) if way == "ascending" else (max(plain), min(plain)))
    assert tab.locator("article th[aria-sort]").count() == 1
    tab = open_page("book/map.html", java_script_enabled=False)
    assert tab.locator("article thead th button").count() == 0
    assert tab.locator("article tbody tr").count() == len(names)


def test_a_table_of_words_becomes_cards_on_a_phone_and_stays_a_table(open_page):
    tab = open_page("book/map.html", "phone")
    row = tab.locator("article tbody tr").first
    assert row.evaluate("row => getComputedStyle(row).display") == "block"
    assert row.get_attribute("role") == "row"
    box = row.bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 390


@pytest.mark.parametrize("page", FOLDED)
def test_folded_code_opens_by_keyboard_without_script(open_page, page):
    tab = open_page(f"{page}.html", java_script_enabled=False)
    fold = tab.locator("details.above-input").first
    code = fold.locator("pre").first
    assert not code.is_visible()
    fold.locator("summary").focus()
    tab.keyboard.press("Enter")
    code.wait_for(state="visible")


@each_chapter
def test_the_bar_of_a_film_lies_under_its_picture(open_page, page):
    tab = open_page(f"{page}.html", "phone")
    for film in tab.locator(".molnet-film video").all():
        box = film.bounding_box()
        height = box["width"] * int(film.get_attribute("height")) / int(film.get_attribute("width"))
        assert box["height"] - height > 60
        assert film.evaluate("film => getComputedStyle(film).objectPosition").endswith("0%")
    assert tab.locator("article video").count() == tab.locator(".molnet-film video").count()


def test_the_search_finds_a_word(open_page):
    tab = open_page(f"{PAGES[0]}.html")
    tab.keyboard.press("Control+k")
    tab.locator("#pst-search-dialog input").fill("Weisfeiler")
    tab.keyboard.press("Enter")
    tab.wait_for_url("**/search.html?q=Weisfeiler*")
    tab.locator("#search-results a[href*='graphs.html']").first.wait_for()
    assert not tab.faults


def test_the_reader_can_choose_the_dark_page(open_page):
    tab = open_page(f"{PAGES[0]}.html", "light")
    paper = "getComputedStyle(document.body).backgroundColor"
    light = tab.evaluate(paper)
    while tab.evaluate("document.documentElement.dataset.mode") != "dark":
        tab.locator(".theme-switch-button").first.click()
    assert tab.evaluate(paper) != light


@pytest.mark.parametrize("page", [PAGES[0], *CHAPTERS])
def test_nothing_moves_for_readers_who_ask_for_that(open_page, page):
    tab = open_page(f"{page}.html", reduced_motion="reduce")
    assert tab.evaluate("document.getAnimations().filter(a => a.effect.getComputedTiming().endTime > 10).length") == 0
    assert tab.evaluate("[...document.querySelectorAll('video')].filter(v => v.autoplay || !v.paused).length") == 0
    assert tab.evaluate("getComputedStyle(document.documentElement).scrollBehavior") == "auto"


@pytest.mark.parametrize("page", [*CHAPTERS, "search"])
def test_the_site_opens_without_a_server(open_page, site, page):
    tab = open_page(f"{page}.html", base=site.as_uri())
    assert not tab.faults
    assert tab.evaluate(f"{MEASURE}.measure()")["formulaErrors"] == []
