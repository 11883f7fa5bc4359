"""Thresholds, the errors they promise, and their intervals."""

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score, roc_curve

from ansatz.evaluate import alarm
from ansatz.evaluate.alarm import Rate
from ansatz.evaluate.ranking import area_under_curve
from ansatz.protocol.errors import DataError, OptionError

N = 99


def test_the_interval_is_that_of_scipy():
    for k, n in [(0, 10), (3, 50), (50, 50), (110, 10_000)]:
        which = np.arange(n) < k
        rate = Rate.counted(which)
        theirs = stats.binomtest(k, n).proportion_ci(0.95, "exact")
        assert (rate.count, rate.of, rate.value) == (k, n, k / n)
        np.testing.assert_allclose((rate.low, rate.high), theirs, atol=1e-12)


def test_the_interval_covers():
    generator = np.random.default_rng(0)
    inside = 0
    for _ in range(1000):
        rate = Rate.counted(generator.random(60) < 0.03)
        inside += rate.low <= 0.03 <= rate.high
    # At least 95 %, less three standard deviations of 1000 trials.
    assert inside >= 950 - 3 * np.sqrt(1000 * 0.05 * 0.95)


@pytest.mark.parametrize("rate", [0.01, 0.05, 0.1])
def test_the_quantile_keeps_its_promise_whatever_the_distribution(rate):
    generator = np.random.default_rng(1)
    trials = 4000
    for draw in (generator.standard_normal, generator.standard_cauchy):
        calibration, new = draw((trials, N)), draw(trials)
        thresholds = [alarm.quantile(each, rate).value for each in calibration]
        alarms = new < np.array(thresholds)
        # k / (n + 1) exactly, with three standard deviations.
        error = np.sqrt(rate * (1 - rate) / trials)
        assert abs(np.mean(alarms) - rate) < 3 * error


def test_p_values_of_normal_events_are_uniform():
    generator = np.random.default_rng(2)
    p = alarm.p_values(generator.normal(size=2000), generator.normal(size=1999))
    # Both samples are as large: the two-sample statistic, at one in a thousand.
    assert stats.kstest(p, "uniform").statistic < 1.95 * np.sqrt(2 / 2000)
    np.testing.assert_allclose(alarm.p_values(np.array([-9, 2.5, 9]), np.arange(4)), [0.2, 0.8, 1])


def test_three_sigma_of_gaussian_scores():
    scores = np.random.default_rng(3).normal(5, 2, 100_000)
    threshold = alarm.below_the_mean(scores)
    np.testing.assert_allclose(threshold.value, -1, atol=0.03)
    assert abs(threshold.alarms(scores).mean() - stats.norm.sf(3)) < 4e-4


def test_typicality_sees_what_is_too_likely():
    calibration = np.random.default_rng(4).normal(size=500)
    typical = alarm.typicality(calibration, calibration)
    threshold = alarm.quantile(typical, 0.02)
    both = alarm.typicality(np.array([-4.0, 0.0, 4.0]), calibration)
    assert threshold.alarms(both).tolist() == [True, False, True]
    assert alarm.quantile(calibration, 0.02).alarms(np.array([-4.0, 0.0, 4.0])).tolist() == [
        True, False, False,
    ]  # fmt: skip


def test_the_curve_and_its_area_are_those_of_scikit_learn():
    generator = np.random.default_rng(5)
    normal, suspect = generator.normal(size=80).round(1), generator.normal(-1, 1, 60).round(1)
    labels = np.repeat([0, 1], [80, 60])
    scores = -np.concatenate([normal, suspect])
    false, true = alarm.receiver(normal, suspect)
    theirs = roc_curve(labels, scores, drop_intermediate=False)
    np.testing.assert_allclose(false, theirs[0])
    np.testing.assert_allclose(true, theirs[1])
    area = area_under_curve(-normal, -suspect)
    np.testing.assert_allclose(area.value, roc_auc_score(labels, scores))


def test_mistakes():
    few = np.arange(50.0)
    with pytest.raises(OptionError, match=r"needs 99 events to set the threshold by.*there are 50"):
        alarm.quantile(few, 0.01)
    assert alarm.quantile(np.arange(99.0), 0.01).value == 0
    with pytest.raises(OptionError, match=r"between 0 and 1; it is 1\.5"):
        alarm.quantile(few, 1.5)
    with pytest.raises(DataError, match=r"1 of the 51 events .* no finite score"):
        alarm.below_the_mean(np.append(few, -np.inf))
    with pytest.raises(DataError, match="2 events or more; there are 1"):
        alarm.below_the_mean(few[:1])
    with pytest.raises(DataError, match="not a number"):
        alarm.quantile(np.append(few, np.nan), 0.1)
