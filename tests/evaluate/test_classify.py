"""Classifiers of codes, against what the best classifier comes to."""

import numpy as np
import pytest
from scipy.stats import norm

from ansatz.evaluate.classify import classify
from ansatz.protocol.errors import DataError
from ansatz.protocol.figures import Labels


def labelled(values, *categories):
    return Labels("kind", np.asarray(values), categories)


def test_two_normal_clouds_are_told_apart_as_well_as_can_be():
    rng = np.random.default_rng(0)
    kind = rng.integers(0, 2, 1500)
    codes = rng.normal(size=(1500, 2)) * [1, 30]
    codes[:, 0] += 2 * kind
    linear, near = classify(codes, labelled(kind, "a", "b"), seed=0)
    assert (linear.name, near.name) == ("linear classifier", "nearest neighbours")
    # The best has the accuracy Φ(1); few parameters learnt of 1200 events cost next to nothing.
    assert linear.value == pytest.approx(norm.cdf(1), abs=4 * linear.error)
    assert linear.error == pytest.approx(np.sqrt(norm.cdf(1) * norm.cdf(-1) / 1500), rel=0.1)
    # The few nearest vote, which costs some hundredths where clouds overlap.
    assert norm.cdf(1) - 0.08 < near.value < norm.cdf(1) + 4 * near.error
    assert f"{max(kind.mean(), 1 - kind.mean()):.3f}" in linear.what


def test_neighbours_see_what_no_line_parts():
    rng = np.random.default_rng(1)
    codes = rng.uniform(-1, 1, (600, 2))
    kind = (codes[:, 0] * codes[:, 1] > 0).astype(int)
    linear, near = classify(codes, labelled(kind, "a", "b"), seed=0)
    assert linear.value < 0.65
    assert near.value > 0.9


def test_labels_that_cannot_be_learnt_are_left_out_or_refused():
    codes = np.random.default_rng(2).normal(size=(40, 2))
    values = np.repeat([0, 1, 2], [18, 18, 4])
    (first, _) = classify(codes, labelled(values, "a", "b", "c"), seed=0)
    assert "of 36 events" in first.what
    with pytest.raises(DataError, match="two kinds of kind"):
        classify(codes, labelled(np.zeros(40, int), "a", "b"), seed=0)
    with pytest.raises(DataError, match="is a number and no category"):
        classify(codes, labelled(values), seed=0)
