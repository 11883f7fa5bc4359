"""What the studies of adversarial nets claim, and what they judge by."""

import numpy as np
import pytest
from scipy import stats

from ansatz.evaluate.estimate import Estimate, weighted_mean
from ansatz.evaluate.modes import Modes, count_modes
from ansatz.studies import conditional_gan as told
from ansatz.studies import gan_2d, optimal_discriminator
from ansatz.studies.claim import Verdict

N = 20_000


def test_the_fork_is_drawn_from_the_distribution_it_is_judged_by():
    c, x = (values.astype(float) for values in told.fork(N, 3))
    # One in a thousand by chance.
    assert stats.kstest(told.cumulative(x, c), "uniform").pvalue > 1e-3
    at = 0.5
    generator = np.random.default_rng(0)
    exact = told.branch(at) * generator.choice([-1, 1], N)
    exact = exact + told.WIDTH * generator.standard_normal(N)
    # All moved by as much lie as far off; of 20 000 draws chance leaves 0.01 or less.
    for shift in (0.0, 0.2):
        assert told.distance(exact + shift, at) == pytest.approx(shift, abs=0.02)


def test_the_least_loss_is_that_of_the_best_discriminator():
    toy = optimal_discriminator.TOY
    events, _ = toy.draw(N, 5)
    generator = np.random.default_rng(6)
    samples = generator.normal(optimal_discriminator.MIDDLE, optimal_discriminator.SCALE, (N, 2))
    d, other = (optimal_discriminator.best(x) for x in (events, samples))
    found = weighted_mean(-np.log(d) - np.log1p(-other))
    assert abs(found.value - optimal_discriminator.least_loss()) < 4 * found.error
    np.testing.assert_allclose(
        optimal_discriminator.log_q(samples),
        stats.multivariate_normal(
            optimal_discriminator.MIDDLE, optimal_discriminator.SCALE**2
        ).logpdf(samples),
    )


def test_the_grid_itself_and_what_falls_short_of_it():
    itself = count_modes(gan_2d.GRID.draw(gan_2d.SAMPLES, 7)[0], gan_2d.GRID)
    assert {claim.verdict for claim in gan_2d.grid_claims([itself])} == {Verdict.HOLDS}
    rings = count_modes(gan_2d.RINGS.draw(gan_2d.SAMPLES, 7)[0], gan_2d.RINGS)
    assert {claim.verdict for claim in gan_2d.ring_claims(rings)} == {Verdict.HOLDS}
    counts = np.full(25, 360)
    counts[:2] = 99
    few = Modes(counts, Estimate(0.85, 0.003))
    # The worst of several fits decides.
    for found in ([few], [itself, few]):
        assert {claim.verdict for claim in gan_2d.grid_claims(found)} == {Verdict.FAILS}
    assert gan_2d.minimax_claims([itself])[0].verdict == Verdict.FAILS
    assert gan_2d.minimax_claims([few])[0].verdict == Verdict.HOLDS
    lone = Modes(np.array([9000, 900, 100]), Estimate(1.0, 0.0))
    assert gan_2d.ring_claims(lone)[0].verdict == Verdict.FAILS


@pytest.mark.parametrize(("right", "coverage", "fails"), [(97, 0.9, 0), (50, 0.1, 2)])
def test_verdicts_of_digits(right, coverage, fails):
    asked = np.repeat(np.arange(10), 100)
    said = np.where(np.arange(1000) % 100 < right, asked, -1)
    true = np.arange(10)
    images = np.zeros((10, 100, 2, 2))
    found = told.Read(images, asked, said, true, true, coverage, 0.97, 0.02)
    verdicts = [claim.verdict for claim in told.digit_claims(found)]
    assert verdicts.count(Verdict.FAILS) == fails
    assert verdicts.count(Verdict.HOLDS) == 2 - fails
