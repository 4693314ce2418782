"""A story to step through, in a page or a notebook, by a small script that draws from the story's JSON."""

from __future__ import annotations

from importlib import resources

from dmol_molnet.figures.story import Story
from dmol_molnet.figures.style import Picture

TEMPLATE = """<div class="molnet-stepper">
<style>{style}</style>
<div class="molnet-still">{still}</div>
<script type="application/json">{story}</script>
<script>{script}</script>
</div>"""


class Stepper:
    """A story as it stands in a page: a still, in whose place a script puts the steps.

    Attributes:
        story: what is told.
        still: what is shown without JavaScript.
    """

    def __init__(self, story: Story, still: Picture):
        self.story, self.still = story, still

    def _repr_html_(self) -> str:
        style, script = (_read(name) for name in ("stepper.css", "stepper.js"))
        return TEMPLATE.format(style=style, still=self.still.svg, story=self.story.to_json(), script=script)

    def __repr__(self) -> str:
        return f"Stepper({self.story.title!r}, {len(self.story.steps)} steps)"


def stepper(story: Story, still: Picture) -> Stepper:
    """The story step by step: let it be the last value of a cell.

    The output needs nothing but itself, so it works in a page, from a file, in Colab and in Jupyter.

    Args:
        story: from `messages`, `refinement` or `turning`.
        still: the same story in one picture, with its text alternative; it is shown where there is no JavaScript.
    """
    return Stepper(story, still)


def _read(name: str) -> str:
    """A file of the package, small enough to stand in a page: without comments and indentation."""
    text = resources.files(__package__).joinpath(name).read_text(encoding="utf-8")
    lines = (line.strip() for line in text.splitlines())
    return "\n".join(line for line in lines if line and not line.startswith("//"))
