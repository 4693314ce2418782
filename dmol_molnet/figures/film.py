"""Films: pictures one after the other, as .mp4 with captions or .gif, in a page or a file.

Each distinct state is rendered once and held by repeating its frame.
"""

from __future__ import annotations

import base64
import html
import io
import os
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
from matplotlib.colors import to_rgb

from dmol_molnet.figures.draw import HIGHLIGHT
from dmol_molnet.molecules import InputError, quoted

COLORS_OF_GIF = 64

CONTROLS = 72
"""Pixels under a film for the browser's bar of controls, which would cover the picture."""

# The video is higher than its picture by the strip of the bar, and the picture stands at its top. Chromium's bar is a
# shadow over half of the picture with a large button in its middle: neither is needed beside a strip that is dark.
PLAYER = """<div class="molnet-film" data-theme="{theme}" style="container-type: inline-size; margin: 0 auto">
<style>.molnet-film video::-webkit-media-controls-panel {{ background-image: none !important }}
.molnet-film video::-webkit-media-controls-overlay-play-button {{ display: none !important }}</style>
<div class="molnet-screen" style="--strip: {strip}px; margin: 0 auto; position: relative;
width: min(100cqw, {width}px)">
<video controls muted playsinline preload="none" width="{width}" height="{height}" aria-label="{name}" poster="{poster}"
style="background: linear-gradient(#3c434b, #3c434b) bottom / 100% {strip}px no-repeat; display: block; width: 100%;
height: calc(min(100cqw, {width}px) * {share} + {strip}px); max-width: none; object-fit: contain;
object-position: top"><source src="{film}" type="video/mp4">
<track kind="captions" srclang="en" label="What happens" src="{captions}"></video></div>
<details style="margin: 0.5rem 0; text-align: left"><summary style="cursor: pointer; min-height: 1.75rem">{title}, \
{seconds} seconds: what happens, in words</summary><ol>{says}</ol></details></div>"""

FORMATS = {
    ".mp4": "a film with controls",
    ".gif": "a film that repeats",
    ".html": "a page to step through",
    ".svg": "a still",
    ".png": "a still",
}


class Film:
    """Pictures in turn, each for a number of frames.

    A subclass gives the pictures by `states`, and may write more formats.

    Args:
        title: what it shows.
        holds: for how many frames each state stays.
        says: what each state shows, for captions; a sentence that is repeated stays.
        fps: frames a second.
        poster: which state is its still.  In a page, the first stands there until it is played, as the clock says.
    """

    theme = "light"

    def __init__(self, title: str, holds: Sequence[int], says: Sequence[str], fps: float, poster: int = 0):
        if isinstance(fps, bool) or not isinstance(fps, int | float) or not 0.05 <= fps <= 60:
            raise InputError(f"the frames a second are a number from 0.05 to 60, not {quoted(fps)}")
        self.title, self.holds, self.says = title, list(holds), list(says)
        self.fps, self.poster = float(fps), poster

    def states(self) -> Iterator[np.ndarray]:
        """Each state rendered once: uint8 [height, width, 3]."""
        raise NotImplementedError

    @property
    def seconds(self) -> float:
        """How long the film is."""
        return sum(self.holds) / self.fps

    def captions(self) -> str:
        """What the states show, as WebVTT."""
        cues, frame, start = ["WEBVTT"], 0, 0
        for k, hold in enumerate(self.holds):
            frame += hold
            if self.says[k : k + 2] != [self.says[k]] * 2:
                times = " --> ".join(_clock(f / self.fps) for f in (start, frame))
                cues.append(f"{times}\n{html.escape(self.says[k], quote=False)}")
                start = frame
        return "\n\n".join(cues) + "\n"

    def save(self, path: str | Path, progress: Callable[[int, int], None] | None = None) -> Path:
        """Write the film into a file, in one of the `FORMATS` that it has.

        Args:
            path: its ending says what is written.  The file appears when it is complete.
            progress: called with the states rendered so far, and their number.

        Raises:
            InputError: an unknown ending, a folder that is not there or not writable, or no moviepy for .mp4.
        """
        writers = self._writers()
        path = destination(path, writers)
        if path.suffix.lower() in (".mp4", ".gif") and "_states" not in self.__dict__:
            states = []
            for state in self.states():
                states.append(_even(state))
                if progress is not None:
                    progress(len(states), len(self.holds))
            self.__dict__["_states"] = states
        part = path.with_name(f".{path.stem}.part{path.suffix.lower()}")
        try:
            writers[path.suffix.lower()](part)
            if not part.exists() or part.stat().st_size == 0:
                raise OSError(f"{path.name} came out empty: the encoder failed without saying why")
            os.replace(part, path)
        finally:
            part.unlink(missing_ok=True)
        return path

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.title!r}, {len(self.holds)} states, {self.seconds:g} s)"

    def _repr_html_(self) -> str:
        """The film with its controls under it, its first frame, and what happens in words; nothing moves by itself."""
        with tempfile.TemporaryDirectory() as folder:
            film = self.save(Path(folder) / "film.mp4").read_bytes()
        file = io.BytesIO()
        _image(self._states[0]).quantize(64).save(file, "PNG")
        name = html.escape(f"{self.title}: a film of {len(self.holds)} steps", quote=True)
        poster, film, captions = (
            f"data:{kind};base64,{base64.b64encode(data).decode()}"
            for kind, data in (
                ("image/png", file.getvalue()),
                ("video/mp4", film),
                ("text/vtt", self.captions().encode()),
            )
        )
        height, width = self._states[0].shape[:2]
        said = [text for k, text in enumerate(self.says) if self.says[k - 1 : k] != [text]]
        return PLAYER.format(
            name=name,
            width=width,
            height=height,
            share=f"{height / width:.4f}",
            strip=CONTROLS,
            poster=poster,
            film=film,
            captions=captions,
            theme=self.theme,
            title=html.escape(self.title, quote=False),
            seconds=f"{self.seconds:.0f}",
            says="".join(f"<li>{html.escape(text, quote=False)}</li>" for text in said),
        )

    @cached_property
    def _states(self) -> list[np.ndarray]:
        return [_even(state) for state in self.states()]

    def _writers(self) -> dict[str, Callable[[Path], None]]:
        """What writes each format, by its ending."""
        return {".mp4": self._mp4, ".gif": self._gif, ".png": self._png}

    def _mp4(self, path: Path) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)  # moviepy 1.0.3, when Python compiles it
            try:
                from moviepy.video.VideoClip import VideoClip
            except ImportError:
                raise InputError("films in .mp4 are written by moviepy: pip install 'moviepy>=1.0.3'") from None
        frames = [k for k, hold in enumerate(self.holds) for _ in range(hold)]
        # The name of the first argument is not the same in moviepy 1 and 2.
        clip = VideoClip(lambda t: self._states[frames[min(int(t * self.fps + 1e-6), len(frames) - 1)]])
        clip.duration = clip.end = len(frames) / self.fps
        clip.write_videofile(
            str(path),
            fps=self.fps,
            codec="libx264",
            audio=False,
            preset="veryfast",
            logger=None,
            ffmpeg_params=["-pix_fmt", "yuv420p", "-crf", "26", "-tune", "animation", "-movflags", "+faststart"],
        )

    def _gif(self, path: Path) -> None:
        """One palette for all, so that nothing flickers; a state that stays is one frame with its time."""
        some = [self._states[k] for k in sorted({0, len(self._states) // 2, len(self._states) - 1})]
        stress = np.full_like(some[0][:60], np.array(to_rgb(HIGHLIGHT)) * 255)  # thin rings would not get a colour
        some = np.concatenate([*some, stress])
        palette = _image(some).quantize(COLORS_OF_GIF, dither=0)
        fills = np.array(palette.getpalette()[: 3 * COLORS_OF_GIF]).reshape(-1, 3)
        paper = self._states[0][0, 0].astype(int)
        fills[np.abs(fills - paper).max(axis=1) <= 5] = paper  # not the mean of paper and the edges of letters
        palette.putpalette(fills.ravel().tolist())
        images, before = [], None
        for state in self._states:
            image = _image(state).quantize(palette=palette, dither=0)
            now = np.asarray(image)
            if before is not None:  # what stays is transparent, which packs well
                image.frombytes(np.where(now == before, np.uint8(COLORS_OF_GIF), now).tobytes())
            images.append(image)
            before = now
        times = [round(1000 * hold / self.fps) for hold in self.holds]
        options = {"loop": 0, "disposal": 1, "optimize": False, "transparency": COLORS_OF_GIF}
        images[0].save(path, save_all=True, append_images=images[1:], duration=times, **options)

    def _png(self, path: Path) -> None:
        _image(self._states[self.poster]).save(path, "PNG")


def _even(state: np.ndarray) -> np.ndarray:
    """A picture of even height and width: the encoder takes no others, and matplotlib's versions round differently."""
    return np.ascontiguousarray(state[: len(state) // 2 * 2, : state.shape[1] // 2 * 2])


def destination(path: str | Path, formats=FORMATS) -> Path:
    """The path, if a film, a page or a still can be written there.

    Args:
        path: of the file.
        formats: those of `FORMATS` that are known.

    Raises:
        InputError: an unknown ending, or a folder that is not there or not writable.
    """
    path = Path(path)
    if path.suffix.lower() not in formats:
        known = ", ".join(f"{ending} ({what})" for ending, what in FORMATS.items() if ending in formats)
        raise InputError(f"{quoted(str(path))} does not end in a format that can be written: {known}")
    if not path.parent.is_dir():
        raise InputError(f"there is no folder {quoted(str(path.parent))} to write into")
    if path.is_dir():
        raise InputError(f"{quoted(str(path))} is a folder")
    if not os.access(path.parent, os.W_OK):
        raise InputError(f"the folder {quoted(str(path.parent))} is not writable")
    return path


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(seconds, 60)
    return f"{int(minutes // 60):02d}:{int(minutes % 60):02d}:{seconds:06.3f}"


def _image(state: np.ndarray):
    from PIL import Image

    return Image.fromarray(state)
