"""What the tests of the sources and of the built site share."""

import os
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from hypothesis import settings

ROOT = Path(__file__).parents[1]
SITE = ROOT / "_build" / "html"
TOC = yaml.safe_load((ROOT / "_toc.yml").read_text())
PAGES = [TOC["root"], *(chapter["file"] for part in TOC["parts"] for chapter in part["chapters"])]
REQUIRED = os.environ.get("DMOL_MOLNET_REQUIRE_SITE") == "1"

settings.register_profile("book", deadline=None)  # a busy machine is not a failure
settings.load_profile("book")


@pytest.fixture
def float64():
    """Networks compute in float64."""
    from dmol_molnet.nn.design_space import computing_in

    with computing_in("float64"):
        yield


@pytest.fixture(params=["float32", "float64"])
def dtype(request):
    """Networks compute in this precision, and then in that."""
    from dmol_molnet.nn.design_space import computing_in

    with computing_in(request.param):
        yield request.param


def stop(reason):
    """Skip, and say why; fail where the site is required, as in .ci/run."""
    (pytest.fail if REQUIRED else pytest.skip)(reason)


@pytest.fixture(scope="session")
def site():
    """The folder of the built site, once it is known to be whole and newer than its sources."""
    pages = [SITE / f"{page}.html" for page in PAGES]
    if missing := [page.stem for page in pages if not page.exists()]:
        stop(f"the site lacks {', '.join(missing)}: `make book` first")
    sources = [ROOT / "_config.yml", ROOT / "_toc.yml", ROOT / "CHANGELOG.md"]
    for folder in ("book", "dmol_molnet"):
        sources += (path for path in (ROOT / folder).rglob("*") if path.suffix not in ("", ".pyc", ".ipynb"))
    sources = [path for path in sources if ROOT / "dmol_molnet" / "live" / "built" not in path.parents]
    newest = max(sources, key=lambda path: path.stat().st_mtime)
    if newest.stat().st_mtime > min(page.stat().st_mtime for page in pages):
        stop(f"the site is older than {newest.relative_to(ROOT)}: `make book` first")
    return SITE


@pytest.fixture
def run(capfd):
    """A command, without a new process, to be quick."""
    from dmol_molnet import cli

    def run(*words):
        with pytest.raises(SystemExit) as stop:
            cli.main([str(word) for word in words])
        out, err = capfd.readouterr()
        return SimpleNamespace(returncode=stop.value.code or 0, stdout=out, stderr=err)

    return run


@pytest.fixture
def eagerly():
    """Without compilation, which takes longer than these small runs."""
    import tensorflow as tf

    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.fixture
def roughly_drawn(eagerly, monkeypatch):
    """Members of committees drawn from few directions, without compilation: enough for most tests."""
    monkeypatch.setattr("dmol_molnet.nn.potential.MOVED", 1)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with data, and a potential trained on it for a moment."""
    import tensorflow as tf
    from commands import FRAMES, SMALL, write

    from dmol_molnet import cli

    folder = tmp_path_factory.mktemp("trained")
    write(folder / "data.xyz", FRAMES)
    words = ["train", folder / "data.xyz", "-o", folder / "m.keras", "--epochs", 8, "--batch-size", 8, *SMALL]
    tf.config.run_functions_eagerly(True)
    try:
        with pytest.raises(SystemExit) as stop:
            cli.main([str(word) for word in [*words, "--seed", 1, "--json", "--history", folder / "h.csv"]])
    finally:
        tf.config.run_functions_eagerly(False)
    assert not stop.value.code
    return folder
