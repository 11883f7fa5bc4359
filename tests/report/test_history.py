"""Histories as curves."""

import numpy as np
import pytest

from ansatz.protocol.update import Score
from ansatz.report.history import history


def rows(values, offset=0.0):
    return [
        {
            "epoch": k + 1,
            "step": 10 * (k + 1),
            "kl": 1.0,
            "loss": value,
            "validation_loss": value + offset,
            "validation_kl": None if k == 0 else 2.0,
            "best_epoch": 2,
        }
        for k, value in enumerate(values)
    ]


def test_a_panel_for_each_metric_with_the_score_first():
    figure = history([("vae", rows([3.0, 2.0, 2.5], 0.25))], Score("loss"))
    assert [panel.label for panel in figure.panels] == ["loss", "kl"]
    training, validation = figure.panels[0].curves
    assert (training.label, validation.label) == ("training", "validation")
    np.testing.assert_array_equal(training.x, [1, 2, 3])
    np.testing.assert_array_equal(training.y, [3, 2, 2.5])
    np.testing.assert_array_equal(validation.y, [3.25, 2.25, 2.75])
    # What was not finite is a gap.
    np.testing.assert_array_equal(figure.panels[1].curves[1].y, [np.nan, 2, 2])
    assert figure.mark == 2
    assert figure.mark_label == "best, epoch 2"
    assert "Lower loss is better" in figure.caption
    higher = history([("", rows([3.0, 2.0]))], Score("kl", "higher"))
    assert [panel.label for panel in higher.panels] == ["kl", "loss"]
    assert "Higher kl is better" in higher.caption


@pytest.mark.parametrize(
    ("values", "log"),
    [([1e5, 1.0, 2.0], True), ([90.0, 1.0], False), ([1e5, -1.0], False), ([1e5, 0.0], False)],
)
def test_orders_of_magnitude_get_a_log_scale(values, log):
    assert history([("", rows(values))], Score("loss")).panels[0].log == log


def test_several_fits_share_the_panels_and_none_is_marked():
    figure = history([("a", rows([3.0, 2.0])), ("b", rows([5.0, 4.0, 1.0]))], Score("loss"))
    curves = figure.panels[0].curves
    assert [curve.label for curve in curves] == [
        "a, training",
        "a, validation",
        "b, training",
        "b, validation",
    ]
    np.testing.assert_array_equal(curves[2].y, [5, 4, 1])
    assert figure.mark is None


def test_one_epoch_is_no_history():
    assert history([("", rows([1.0]))]) is None
    assert history([]) is None
    only = history([("a", rows([1.0])), ("b", rows([2.0, 1.0]))])
    assert [curve.label for curve in only.panels[0].curves] == ["training", "validation"]
    assert only.mark == 2


def test_without_a_score_or_validation():
    plain = [{"epoch": k, "step": k, "loss": 1.0 / k} for k in (1, 2)]
    figure = history([("", plain)])
    (panel,) = figure.panels
    assert [curve.label for curve in panel.curves] == ["training"]
    assert figure.mark is None
    assert "better" not in figure.caption
