"""What the studies of flows claim, and what they judge by."""

import numpy as np
import pytest
from scipy import integrate, stats

from ansatz.data.read import read
from ansatz.evaluate.alarm import Rate, Threshold
from ansatz.evaluate.anomaly import Errors
from ansatz.protocol.recipe import Spec
from ansatz.studies import flow_2d, nice_anomaly
from ansatz.studies import flow_bayes as bayes
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


# Posteriors of an oscillator.


@pytest.mark.parametrize(("frequency", "damping"), [(1.7, 0.2), (0.5, 1.2), (1.0, 1.0)])
def test_the_oscillator_moves_as_its_equation_says(frequency, damping):
    """Swinging, damped beyond swinging, and at the edge between the two."""
    found = bayes.displacement(np.log([[frequency, damping]]))[0]
    wanted = integrate.solve_ivp(
        lambda _, s: [s[1], -2 * damping * s[1] - frequency**2 * s[0]],
        (0, bayes.TIMES[-1]), [1.0, 0.0], t_eval=bayes.TIMES, rtol=1e-9, atol=1e-11,
    ).y[0]  # fmt: skip
    np.testing.assert_allclose(found, wanted, atol=1e-7)


def test_the_grid_has_the_evidence_and_the_mean_of_quadrature():
    rng = np.random.Generator(np.random.Philox(3))
    pairs = bayes.Pairs.drawn(2, rng)
    grid = bayes.Grid.laid()
    shares, evidence = grid.posterior(pairs.readings)
    np.testing.assert_allclose(shares.sum(1), 1, rtol=1e-9)
    # Simpson's rule on another grid, farther and finer, of densities by SciPy.
    x = np.linspace(-5.5, 5.5, 701)
    places = bayes.CENTRE + bayes.WIDTH * np.stack(np.meshgrid(x, x, indexing="ij"), -1)
    expected = bayes.displacement(places.reshape(-1, 2)).reshape(701, 701, -1)
    prior = np.multiply.outer(stats.norm.pdf(x), stats.norm.pdf(x))

    def total(values):
        return integrate.simpson(integrate.simpson(values, x=x), x=x)

    for share, log_p, y in zip(shares, evidence, pairs.readings, strict=True):
        joint = prior * stats.norm(expected, bayes.NOISE).pdf(y).prod(-1)
        assert log_p == pytest.approx(np.log(total(joint)), abs=1e-4)
        mean = [total(joint * places[..., k]) / total(joint) for k in range(2)]
        np.testing.assert_allclose(share @ grid.places, mean, atol=1e-4)
    drawn = grid.draws(pairs.readings[0], 20_000, rng)
    spread = np.sqrt(shares[0] @ grid.places**2 - (shares[0] @ grid.places) ** 2)
    off = (drawn.mean(0) - shares[0] @ grid.places) / spread
    assert np.all(np.abs(off) < 4 / 20_000**0.5)


def test_claims_on_posteriors_hold_of_the_exact_one_and_fail_of_one_too_sure():
    """Of draws from a normal posterior, and from one of half the width."""
    rng = np.random.default_rng(0)
    n = 2000
    for width, held in ((1.0, True), (0.5, False)):
        truth, drawn = rng.normal(size=n), width * rng.normal(size=(n, bayes.DRAWS))
        excess = stats.norm.logpdf(truth) - stats.norm(0, width).logpdf(truth)
        judged = bayes.Judged(
            excess, np.tile(drawn.mean(1)[:, None], 2), (abs(drawn) < abs(truth)[:, None]).sum(1)
        )
        verdicts = {claim.name: claim.verdict for claim in bayes.claims(judged)}
        assert verdicts["means"] == "holds"
        assert (verdicts["divergence"] == "holds") == held
        assert (verdicts["coverage"] == "holds") == held
