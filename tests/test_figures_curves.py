"""Parity plots: some points, the errors of all."""

import numpy as np
import pytest

from dmol_molnet.figures import new, parity
from dmol_molnet.molecules import InputError


def test_points_lie_where_labels_and_predictions_say_and_errors_are_those_of_all():
    rng = np.random.default_rng(0)
    labels = [rng.normal(size=(4, 3)), rng.normal(size=(5, 3))]
    predictions = [label + 0.01 for label in labels]
    ax = parity({"a": (labels, predictions), "b": ([0.0, 1.0], [0.5, 0.5])}, what="force", unit="eV/Å", most=7).axes[0]
    first, second, line = ax.lines
    assert len(first.get_xdata()) == 7
    np.testing.assert_allclose(first.get_ydata() - first.get_xdata(), 0.01)
    np.testing.assert_array_equal(second.get_xydata(), [[0, 0.5], [1, 0.5]])
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["a: 10 meV/Å", "b: 500 meV/Å"]
    assert first.get_marker() != second.get_marker(), "never by colour alone"
    np.testing.assert_array_equal(*line.get_data())
    assert ax.get_xlim() == ax.get_ylim()
    assert ax.get_aspect() == 1
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("force, label (eV/Å)", "force, predicted (eV/Å)")


def test_it_draws_into_axes_that_are_given():
    figure, axes = new(8, 3, ncols=2)
    assert parity({"a": ([1.0], [1.0])}, axes[1], what="energy", unit="eV") is figure
    assert not axes[0].lines


@pytest.mark.parametrize("pair", [([1.0, 2.0], [1.0]), ([], [])])
def test_labels_without_predictions_are_told(pair):
    with pytest.raises(InputError, match="as many predictions as labels"):
        parity({"a": pair}, what="energy", unit="eV")
