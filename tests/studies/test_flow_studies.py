"""What the studies of flows claim, and what they judge by."""

import numpy as np
import pytest

from ansatz.data.read import read
from ansatz.evaluate.alarm import Rate, Threshold
from ansatz.evaluate.anomaly import Errors
from ansatz.protocol.recipe import Spec
from ansatz.studies import flow_2d, nice_anomaly
from ansatz.studies.claim import Verdict


@pytest.mark.parametrize("name", flow_2d.TOYS)
def test_the_square_holds_all_of_an_exact_density(name):
    toy = flow_2d.TOYS[name]
    grid, area = flow_2d.square(toy, flow_2d.FINE)
    total = np.exp(toy.log_prob(grid)).sum() * area
    # A tenth of what is claimed of the flow's.
    assert abs(total - 1) < 1e-3


def test_scrambled_digits_have_the_same_pixels():
    events, other = np.asarray(read("digits").events), nice_anomaly.scrambled(0)
    assert other.shape == events.shape
    flat = events.reshape(len(events), -1)
    np.testing.assert_array_equal(np.sort(other.reshape(flat.shape), 1), np.sort(flat, 1))
    # One order for all: pixels of one place stay together.
    assert {c.tobytes() for c in flat.T} == {c.tobytes() for c in other.reshape(flat.shape).T}
    assert not np.array_equal(events, other)


def errors(false, missed, promised):
    """A search with these error rates among a thousand events of each kind."""

    def rate(share):
        return Rate.counted(np.arange(1000) < 1000 * share)

    threshold = Threshold(0.0, "any")
    return tuple(
        Errors("likelihood", threshold, rate(share), rate(missed), None)
        for share in (false, promised)
    )


def test_nats_are_those_of_pixels_between_zero_and_one():
    # Every grey level as likely as any other is a density of one in [0, 1].
    scores = np.array([-784 * np.log(256)])
    found = nice_anomaly.in_unit_pixels(Spec((28, 28), levels=(256,)), scores)
    np.testing.assert_allclose(found, 0, atol=1e-9)


@pytest.mark.parametrize(
    ("rates", "nats", "fails"),
    [
        ((0.011, 0.002, 0.01), 1950.0, set()),
        ((0.03, 0.02, 0.03), 1950.0, {"type I", "type II", "promised type I"}),
        ((0.011, 0.002, 0.01), 1890.0, {"log-likelihood"}),
    ],
)
def test_verdicts_beside_what_is_published(rates, nats, fails):
    claims = nice_anomaly.published(np.full(1000, nats), errors(*rates), 9)
    assert {c.name for c in claims if c.verdict != Verdict.HOLDS} == fails


def test_verdicts_beside_theory():
    good = nice_anomaly.expected(np.full(1000, 10.0), errors(0.02, 0.0, 0.05), 500)
    assert all(claim.verdict == Verdict.HOLDS for claim in good)
    bad = nice_anomaly.expected(np.full(1000, -10.0), errors(0.2, 0.1, 0.12), 500)
    assert all(claim.verdict == Verdict.FAILS for claim in bad)
