"""The classifier two-sample test, against what the best classifier could do."""

import numpy as np
import pytest
from scipy import stats
from scipy.integrate import quad
from scipy.sparse import csr_array
from sklearn.isotonic import IsotonicRegression
from sklearn.metrics import roc_auc_score

from ansatz.evaluate import two_sample
from ansatz.evaluate.ranking import area_under_curve
from ansatz.evaluate.two_sample import classifier_test

SHIFT = 1.5


def judge(x, y, **changes):
    settings = {"seed": 3, "epochs": 6, "hidden": (16,), "batch": 100, "rate": 5e-3, **changes}
    return classifier_test(x, y, **settings)


@pytest.fixture(scope="module")
def clouds():
    """Normal events, others like them, and others that are shifted."""
    rng = np.random.default_rng(0)
    x, same, far = rng.normal(size=(3, 4000, 2)).astype(np.float32)
    far[:, 0] += SHIFT
    return x, same, far


@pytest.fixture(scope="module")
def told_apart(clouds):
    return judge(clouds[0], clouds[2])


def test_the_area_is_scikit_learns_and_its_error_that_of_repetitions():
    rng = np.random.default_rng(1)
    negative, positive = rng.integers(0, 9, 40), rng.integers(3, 12, 70)
    labels = np.repeat([0, 1], [40, 70])
    found = area_under_curve(negative, positive)
    wanted = roc_auc_score(labels, np.concatenate([negative, positive]))
    assert found.value == pytest.approx(wanted, rel=1e-12)
    drawn = [(rng.normal(size=60), rng.normal(0.7, 1, size=90)) for _ in range(1500)]
    areas = [area_under_curve(*pair) for pair in drawn]
    # The standard deviation of 1500 draws is known to 2 %, the mean of the errors better.
    spread = np.std([area.value for area in areas])
    assert np.mean([area.error for area in areas]) == pytest.approx(spread, rel=0.08)


def test_it_does_as_well_as_the_best_classifier(told_apart):
    auc = stats.norm.cdf(SHIFT / np.sqrt(2))

    def integrand(x):
        p, q = stats.norm.pdf(x), stats.norm.pdf(x, SHIFT)
        return (p * np.log2(2 * p / (p + q)) + q * np.log2(2 * q / (p + q))) / 2

    jsd = quad(integrand, -8, 8 + SHIFT)[0]
    # Better by chance alone, of 4 standard errors; worse also by what 2400 events of a kind and
    # a calibration on 800 leave to be learnt, some parameters over as many events.
    assert abs(told_apart.auc.value - auc) < 4 * told_apart.auc.error + 0.01
    assert abs(told_apart.jsd.value - jsd) < 4 * told_apart.jsd.error + 0.02
    assert told_apart[2:] == (2400, 800, 800)


def test_it_cannot_tell_one_distribution_from_itself(clouds):
    found = judge(*clouds[:2], epochs=2)
    assert abs(found.auc.value - 0.5) < 4 * found.auc.error
    # A calibration to some steps on 1600 events costs about a nat for each, and gains nothing.
    assert -0.02 < found.jsd.value < 4 * found.jsd.error


def test_zeros_may_be_left_out(clouds, told_apart):
    x, _, far = (np.where(np.abs(c) < 0.2, 0, c) for c in clouds)
    dense = judge(x, far, epochs=1)
    sparse = judge(csr_array(x), csr_array(far), epochs=1)
    assert sparse == dense
    assert dense != told_apart


def test_an_epoch_sees_every_event_once_with_its_label():
    x, y = np.arange(14.0)[:, None], np.arange(100.0, 120)[:, None]
    mixture = two_sample._Mixture(x, y, np.array([3, 5, 13, 0, 1]))
    source = two_sample._Batches(mixture, 4, 7)
    seen, orders = {}, []
    for epoch in range(2):
        rows = []
        for step in range(source.steps_per_epoch):
            batch = source.load(epoch * source.steps_per_epoch + step)
            real = np.asarray(batch.weight) > 0
            assert real.sum() == int(batch.size)
            rows += np.asarray(batch.event)[real, 0].tolist()
            seen |= dict(
                zip(rows[-real.sum() :], np.asarray(batch.condition)[real, 0], strict=True)
            )
        assert sorted(rows) == [0, 1, 3, 5, 13, 100, 101, 103, 105, 113]
        orders.append(rows)
    assert orders[0] != orders[1]
    assert all(label == (value >= 100) for value, label in seen.items())


def test_calibrated_probabilities_are_right_on_average():
    rng = np.random.default_rng(2)
    scores = rng.uniform(size=500)
    labels = (rng.uniform(size=500) < scores**2).astype(int)
    found = two_sample._calibrated(scores, labels, np.array([-1.0, 0.3, 2.0]))
    wanted = IsotonicRegression(out_of_bounds="clip").fit(scores, labels).predict([0, 0.3, 1])
    np.testing.assert_allclose(found, np.clip(wanted, 1e-6, 1 - 1e-6), rtol=1e-12)
