"""Films and stills: what is drawn is the story, each state once, and files are whole or not there."""

import base64
import html
import io
import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest
from matplotlib.text import Text
from PIL import Image
from test_figures_story import run

from dmol_molnet import InputError, Molecule
from dmol_molnet.figures import animate, messages, refinement, show, still
from dmol_molnet.figures.animate import DPI
from dmol_molnet.figures.film import FORMATS

imageio_ffmpeg = pytest.importorskip("imageio_ffmpeg", reason="films need the extra `anim`")


@pytest.fixture(scope="module")
def methanol():
    molecule = Molecule.example("methanol")
    return messages(molecule, run(molecule)[1], columns=("C", "H", "O"))


@pytest.fixture(scope="module")
def rounds():
    pair = [Molecule.example(name, hydrogens=False) for name in ("decalin", "bicyclopentyl")]
    return refinement(*pair, ("decalin", "bicyclopentyl"))


@pytest.fixture(scope="module")
def film(methanol):
    return animate(methanol)


def drawn(artists):
    """The texts among artists."""
    return [artist.get_text() for artist in artists if isinstance(artist, Text)]


def test_frame_by_frame_the_numbers_drawn_are_those_of_the_trace(film, methanol):
    stage = film._stage
    for step in methanol.steps:
        parts = stage.parts(step)
        texts = {k: [text for part in parts[k] for text in drawn(stage.artists(part))] for k in parts}
        for k in range(2):
            rows = [text for row in step.views[k].rows.values() for text in (*row.texts, row.name) if text]
            assert texts[k] == [step.views[k].title, *rows]
        ledger = [text for row in step.ledger for text in (*row.texts, row.name)]
        assert texts["ledger"] == [step.heading, *ledger]
        assert texts["counter"] == [step.counter]
        assert " ".join(texts["sentence"][0].split()) == step.sentence


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_kept_pictures_equal_a_picture_drawn_anew(methanol, rounds, theme):
    for story in (methanol, rounds):
        stage = animate(story, theme)._stage
        for step in story.steps[:: 1 if story is rounds else 4]:
            kept = stage.render(step)
            shown = [artist for parts in stage.parts(step).values() for part in parts for artist in stage.artists(part)]
            hidden = [artist for artist in stage.ax.get_children() if artist.get_animated() and artist not in shown]
            for artist in hidden:
                artist.set_visible(False)
            file = io.BytesIO()
            stage.figure.savefig(file, format="rgba", dpi=DPI)  # draws everything, what is animated too
            for artist in hidden:
                artist.set_visible(True)
            anew = np.frombuffer(file.getvalue(), np.uint8).reshape(*kept.shape[:2], 4)[..., :3]
            off = np.abs(kept.astype(int) - anew).max(axis=-1)
            assert (off > 40).mean() < 2e-4, step.counter  # only where round edges lie on each other


def test_each_state_is_another_picture(film):
    pictures = {state.tobytes() for state in film._states}
    assert len(pictures) == len(film.story.steps)
    assert film._states[0].shape == (600, 1400, 3)


def test_mp4_has_the_planned_frames_and_plays_everywhere(film, tmp_path):
    path = film.save(tmp_path / "methanol.mp4")
    frames, seconds = imageio_ffmpeg.count_frames_and_secs(str(path))
    assert frames == film.story.n_frames == 48
    assert seconds == pytest.approx(film.seconds)
    told = subprocess.run([imageio_ffmpeg.get_ffmpeg_exe(), "-i", path], capture_output=True, text=True).stderr
    assert "h264" in told
    assert "yuv420p" in told
    assert "1400x600" in told
    data = path.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")  # can begin before all of it is there
    reader = imageio_ffmpeg.read_frames(str(path))
    next(reader)
    shown = [np.frombuffer(frame, np.uint8).reshape(600, 1400, 3) for frame in reader]
    held = [state for step, state in zip(film.story.steps, film._states, strict=True) for _ in range(step.hold)]
    for frame, state in zip(shown, held, strict=True):
        assert np.abs(frame.astype(int) - state).mean() < 2.5


def test_gif_holds_each_state_for_its_time(film, tmp_path):
    with Image.open(film.save(tmp_path / "methanol.gif")) as image:
        assert image.n_frames == len(film.story.steps)
        for k, (step, state) in enumerate(zip(film.story.steps, film._states, strict=True)):
            image.seek(k)
            assert image.info["duration"] == 1000 * step.hold
            assert np.abs(np.asarray(image.convert("RGB")).astype(int) - state).mean() < 3
        assert image.info["loop"] == 0


def test_faster_frames_make_a_shorter_film(rounds, tmp_path):
    film = animate(rounds, fps=4)
    _, seconds = imageio_ffmpeg.count_frames_and_secs(str(film.save(tmp_path / "rounds.mp4")))
    assert seconds == pytest.approx(rounds.n_frames / 4)


def test_nothing_half_written_stays(film, tmp_path, monkeypatch):
    path = tmp_path / "methanol.mp4"
    path.write_text("what was there")

    def fail(self, part):
        part.write_text("half")
        raise KeyboardInterrupt

    monkeypatch.setattr(type(film), "_mp4", fail)
    with pytest.raises(KeyboardInterrupt):
        film.save(path)
    assert [p.name for p in tmp_path.iterdir()] == ["methanol.mp4"]
    assert path.read_text() == "what was there"
    monkeypatch.setattr(type(film), "_mp4", lambda self, part: part.touch())
    with pytest.raises(OSError, match="came out empty"):
        film.save(path)
    assert path.read_text() == "what was there"


def test_without_moviepy_the_extra_is_named(film, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "moviepy.video.VideoClip", None)
    with pytest.raises(InputError, match="pip install 'moviepy"):
        film.save(tmp_path / "methanol.mp4")
    assert not list(tmp_path.iterdir())
    film.save(tmp_path / "methanol.gif")


@pytest.mark.parametrize(
    ("name", "message"),
    [("film.avi", ".mp4 (a film"), ("film", "does not end in a format"), ("no/film.gif", "no folder 'no'")],
)
def test_places_that_cannot_be_written_are_told(film, name, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=re.escape(message)):
        film.save(name)
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_leave_is_told(film, tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(InputError, match="not writable"):
        film.save(tmp_path / "film.gif")


@pytest.mark.parametrize(
    ("options", "message"),
    [({"theme": "pink"}, "light or dark"), ({"fps": 0}, "frames a second"), ({"fps": "1"}, "'1'")],
)
def test_impossible_films_are_told(rounds, options, message):
    with pytest.raises(InputError, match=message):
        animate(rounds, **options)


def test_progress_counts_the_states(rounds, tmp_path):
    seen = []
    animate(rounds).save(tmp_path / "rounds.gif", progress=lambda done, of: seen.append((done, of)))
    assert seen == [(k, len(rounds.steps)) for k in range(1, len(rounds.steps) + 1)]


def test_the_film_in_a_page_waits_has_a_poster_a_name_and_captions(rounds):
    film = animate(rounds)
    markup = film._repr_html_()
    head = re.search(r"<video ([^>]*)>", markup).group(1)
    assert re.search(r'\baria-label="[^"]{20,}"', head)
    for word in ("controls", "muted", "playsinline", 'preload="none"', 'poster="data:image/png;base64,'):
        assert word in head
    assert "autoplay" not in markup
    assert 'src="data:video/mp4;base64,' in markup
    assert "http" not in re.sub(r"base64,[^\"]*", "", markup)
    poster = Image.open(
        io.BytesIO(base64.b64decode(re.search(r'poster="data:image/png;base64,([^"]*)', head).group(1)))
    )
    first, last = (np.abs(np.asarray(poster.convert("RGB")) - film._states[k].astype(float)).mean() for k in (0, -1))
    assert first < 1 < last, "the clock stands at 0, so the picture must too"
    told = re.findall(r"<li>(.*?)</li>", markup)
    assert [html.unescape(text) for text in told] == [f"{step.counter}: {step.sentence}" for step in rounds.steps]
    captions = film.captions()
    assert captions.startswith("WEBVTT\n\n00:00:00.000 --> ")
    assert captions.count("-->") == len(rounds.steps)
    assert f"--> 00:00:{film.seconds:06.3f}\n" in captions


# --- the still


def test_the_still_has_numbered_panels_with_the_numbers_of_their_steps(methanol):
    figure = still(methanol)
    texts = [text.get_text() for text in figure.axes[0].texts]
    for n, k in enumerate(methanol.telling, 1):
        assert str(n) in texts
        step = methanol.steps[k]
        rows = step.ledger if step.part == "ledger" else step.views[step.part].rows.values()
        for row in rows:
            assert set(row.texts) <= set(texts)
    assert show(figure, alt="methanol").svg.startswith("<svg")


def test_the_still_tells_both_layers(methanol):
    counters = [methanol.steps[k].counter for k in methanol.telling]
    assert [counter.split(" · ")[0] for counter in counters[:4]] == ["layer 1 of 2"] * 2 + ["layer 2 of 2"] * 2
    assert "the end" in counters[-1]


@pytest.mark.parametrize("steps", [[99], [-1], [], ["1"]])
def test_steps_that_there_are_not_are_told(methanol, steps):
    with pytest.raises(InputError, match="step"):
        still(methanol, steps)


def test_every_format_is_written(rounds, tmp_path):
    film = animate(rounds)
    for ending in FORMATS:
        assert film.save(tmp_path / f"rounds{ending}").stat().st_size > 1000
    page = (tmp_path / "rounds.html").read_text()
    told = json.loads(re.search(r'<script type="application/json"[^>]*>(.*?)</script>', page, flags=re.S).group(1))
    assert [step["sentence"] for step in told["steps"]] == [step.sentence for step in rounds.steps]
    assert not re.findall(r"(?:src|href)=[\"']https?:", page)
    assert "<svg" in (tmp_path / "rounds.svg").read_text()
