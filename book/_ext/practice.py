"""Questions and exercises on the page: their texts stand in the package, one file a chapter.

    ```{predict} name            ```{practice} name
    ```                          ```

`predict` asks a question; each answer opens to what is said about it, without any script.  `practice` shows an exercise
with its hints and its solution; the cell with the starter and the check follows it in the chapter.  The functions
`question_markdown` and `exercise_markdown` write the same for a notebook.
"""

import html

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.util.docutils import SphinxDirective

from dmol_molnet import exercises

HINTS = ("Hint 1: a nudge", "Hint 2: the method", "Hint 3: nearly the code")


def verdict(answer):
    """The feedback on an answer, beginning with whether it is right."""
    return f"**{'Yes.' if answer.right else 'No.'}** {answer.because.strip()}"


def solution_markdown(exercise):
    """The code of the solution and its explanation."""
    return f"```python\n{exercise.solution.strip()}\n```\n\n{exercise.explanation.strip()}"


def question_markdown(question):
    """A question for a notebook: plain Markdown, each answer a fold."""
    folds = [_fold(answer.text, verdict(answer)) for answer in question.answers]
    return "\n\n".join(["**Predict.** " + question.question.strip(), *folds])


def exercise_markdown(exercise):
    """An exercise for a notebook: plain Markdown, hints and solution as folds."""
    folds = [_fold(title, text.strip()) for title, text in zip(HINTS, exercise.hints, strict=True)]
    return "\n\n".join([exercise.task.strip(), *folds, _fold("Solution", solution_markdown(exercise))])


def _fold(title, text):
    return f"<details>\n<summary>{html.escape(title, quote=False)}</summary>\n\n{text}\n\n</details>"


class FromChapter(SphinxDirective):
    """What both directives share: the name of something in this chapter, shown as Markdown."""

    required_arguments = 1

    def run(self):
        """The Markdown as nodes."""
        chapter = self.env.docname.rpartition("/")[2]
        known = self.known(chapter)
        if self.arguments[0] not in known:
            raise self.error(f"{chapter}.toml has no {self.arguments[0]!r}; it has {', '.join(known)}")
        box = nodes.Element()
        text = self.markdown(known[self.arguments[0]])
        self.state.nested_parse(StringList(text.split("\n"), source=self.arguments[0]), 0, box)
        return box.children


class Predict(FromChapter):
    """A question with feedback on each answer."""

    known = staticmethod(exercises.questions)

    def markdown(self, question):
        """The question as a box; each answer as a fold."""
        folds = [_dropdown(answer.text.strip(), verdict(answer)) for answer in question.answers]
        text = "\n\n".join([question.question.strip(), *folds])
        return f"`````{{admonition}} Predict\n:class: tip\n{text}\n`````"


class Practice(FromChapter):
    """An exercise, numbered, with its hints and its solution."""

    known = staticmethod(exercises.catalog)

    def markdown(self, exercise):
        """The exercise with its hints; the solution."""
        label = f"ex-{exercise.name}"
        folds = [_dropdown(title, text.strip()) for title, text in zip(HINTS, exercise.hints, strict=True)]
        task = "\n\n".join([exercise.task.strip(), *folds])
        return (
            f"`````{{exercise}} {exercise.title}\n:label: {label}\n{task}\n`````\n\n"
            f"`````{{solution}} {label}\n:class: dropdown\n{solution_markdown(exercise)}\n`````"
        )


def _dropdown(title, text):
    return f"````{{dropdown}} {title}\n{text}\n````"


def setup(app):
    """Add the two directives."""
    app.add_directive("predict", Predict)
    app.add_directive("practice", Practice)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
