"""The claims of the latent family's studies on measurements made by hand, right ones and wrong."""

import equinox as eqx
import jax
import numpy as np
import pytest
from scipy import stats

from ansatz.studies import beta_traversal as beta
from ansatz.studies import conditional_vae as conditional
from ansatz.studies import iwae_mnist as iwae
from ansatz.studies import trainable_prior as prior
from ansatz.studies import vae_limits as limits
from ansatz.studies import wave_packet_vae as packets
from ansatz.studies.claim import Verdict
from ansatz.studies.study import Context


def unmet(claims):
    return {claim.name for claim in claims if claim.verdict != Verdict.HOLDS}


# --- iwae-mnist


def table(**changed):
    """Every cell at its published value, with a spread over ten thousand events."""
    spread = np.random.default_rng(0).normal(size=10_000)
    return {
        cell: -(changed.get(cell.name.replace("-", "_"), nats) + spread)
        for cell, nats in iwae.PUBLISHED.items()
    }


@pytest.mark.parametrize(
    ("changed", "fails"),
    [
        ({}, set()),
        ({"one_1": 90.2}, {"VAE"}),
        ({"one_5": 86.4}, {"draws, one layer"}),
        ({"two_5": 84.9}, {"draws, two layers"}),
        ({"two_1": 86.9, "two_5": 83.89}, {"layers, K = 1"}),
        ({"one_5": 83.0}, {"layers, K = 5"}),
    ],
)
def test_the_published_table_holds_and_others_do_not(changed, fails):
    assert unmet(iwae.claims(table(**changed), None)) == fails


def test_without_mnist_the_order_is_claimed():
    assert unmet(iwae.claims(table(), 200.0)) == set()
    assert unmet(iwae.claims(table(one_5=86.9), 80.0)) == {"VAE", "draws, one layer"}


def test_independent_pixels_have_the_entropy_of_each():
    greys = np.array([[0, 16, 4], [0, 16, 12]])
    found = iwae.independent(greys)
    # The last pixel is on half of the time; the others are never in doubt.
    np.testing.assert_allclose(found, stats.entropy([0.5, 0.5]), atol=1e-9)


# --- vae-limits


def row(rate, spread, deviation, distortion, value):
    mean = spread * np.linspace(-1, 1, limits.PLACES)
    return limits.Line(value, mean, np.full(limits.PLACES, deviation), distortion)


def rows(**changed):
    found = {
        0.01: row(0, 6.0, 0.01, 1.0, 0.01),
        0.1: row(0, 2.0, 0.02, 2.0, 0.1),
        1.0: row(0, 1.7, 0.05, 3.0, 1.0),
        4.0: row(0, 1.5, 0.3, 4.0, 4.0),
        100.0: row(0, 0.0, 1.0, 9.0, 100.0),
    }
    return list({**found, **changed.get("at", {})}.values())


def test_limits_hold_for_lines_that_are_as_theory_says():
    assert unmet(limits.claims(rows(), limits.things())) == set()


@pytest.mark.parametrize(
    ("beta", "line", "fails"),
    [
        (100.0, row(0, 0.5, 0.9, 9.0, 100.0), {"nothing said"}),
        (0.01, row(0, 6.0, 1.5, 1.0, 0.01), {"all told apart"}),
        (1.0, row(0, 1.7, 0.05, 5.0, 1.0), {"distortion"}),
        (1.0, row(0, 1.0, 0.9, 3.0, 1.0), {"rate"}),
    ],
)
def test_each_limit_sees_what_it_is_about(beta, line, fails):
    assert fails <= unmet(limits.claims(rows(at={beta: line}), limits.things()))


def test_an_order_that_is_mixed_up_fails():
    mixed = rows()[3]
    mean = mixed.mean.copy()
    mean[:8] = mean[:8][::-1]
    wrong = limits.Line(4.0, mean, mixed.deviation, mixed.distortion)
    assert unmet(limits.claims(rows(at={4.0: wrong}), limits.things())) == {"side by side"}


def test_rate_and_information_of_codes_known_in_closed_form():
    far = limits.Line(1.0, 100.0 * np.arange(16), np.full(16, 0.5), 0.0)
    np.testing.assert_allclose(far.information, np.log(16), rtol=1e-4)
    same = limits.Line(1.0, np.full(16, 0.7), np.full(16, 0.5), 0.0)
    np.testing.assert_allclose(same.information, 0, atol=1e-4)
    z = stats.norm(0.7, 0.5).rvs(200_000, random_state=0)
    weights = stats.norm(0.7, 0.5).logpdf(z) - stats.norm().logpdf(z)
    assert abs(weights.mean() - same.rate) < 5 * weights.std() / len(z) ** 0.5
    np.testing.assert_allclose(same.mismatch, same.rate, atol=1e-4)


# --- wave-packet-vae


def test_no_reader_does_better_than_cramer_and_rao():
    """Least squares, started at the truth, is at the bound for so little noise."""
    from scipy.optimize import least_squares

    generator = np.random.default_rng(0)
    causes = np.tile([[0.5, 0.8]], (200, 1))
    noisy = packets.packets(causes) + packets.NOISE * generator.normal(size=(200, packets.POINTS))
    found = np.array(
        [least_squares(lambda c, x=x: packets.packets(c[None])[0] - x, causes[0]).x for x in noisy]
    )
    # A variance of 200 is known to ten per cent; three of its errors.
    ratio = found.var(0) / packets.least_variance(causes[:1])[0]
    assert np.all(np.abs(ratio - 1) < 3 * np.sqrt(2 / 200))


def test_packets_read_at_the_bound_hold_and_blurred_ones_do_not():
    generator = np.random.default_rng(0)
    causes = packets.draw(2000, generator).causes
    best = np.sqrt(packets.least_variance(causes))
    read = causes + best * generator.normal(size=(3, *causes.shape))
    noises = np.full(3, packets.NOISE)
    assert unmet(packets.claims(read, noises, causes)) == set()
    blurred = read.copy()
    blurred[..., 1] = causes[:, 1].mean()
    assert unmet(packets.claims(blurred, noises, causes)) == {"width"}
    blurred[..., 0] = 0.0
    assert unmet(packets.claims(blurred, 2 * noises, causes)) == {"position", "width", "noise"}


# --- trainable-prior


def fitted(**means):
    base = {"standard": -1.0, "learnt": -1.0, "learnt:10": -0.9, "vamp:50": -0.9}
    base.update({name.replace("_", ":"): value for name, value in means.items()})
    shake = np.random.default_rng(0).normal(0, 0.01, 1000)
    return {name: mean + shake * (1 + k) for k, (name, mean) in enumerate(base.items())}


TRUTH = np.full(1000, -0.8)


@pytest.mark.parametrize(
    ("means", "fails"),
    [
        ({}, set()),
        ({"learnt_10": -1.1}, {"mixture of ten"}),
        ({"vamp_50": -1.1}, {"VampPrior of fifty"}),
        ({"learnt": -0.9}, {"one Gaussian"}),
        ({"vamp_50": -0.5}, {"truth"}),
    ],
)
def test_priors_that_gain_hold_and_others_do_not(means, fails):
    alike = np.array([[0.2, -0.1], [1.3, 0.8]])
    moments = [prior.Moments(alike, alike * (1 + 1e-4 * k)) for k in range(4)]
    assert unmet(prior.claims(fitted(**means), TRUTH, moments)) == fails
    far = [prior.Moments(alike, alike * np.array([[1], [1.5]])) for _ in range(4)]
    assert "its variance" in unmet(prior.claims(fitted(**means), TRUTH, far))
    off = [prior.Moments(alike, alike + np.array([[0.5], [0.0]])) for _ in range(4)]
    assert "its mean" in unmet(prior.claims(fitted(**means), TRUTH, off))


# --- beta-traversal


def measures(**changed):
    shake = 1e-3 * np.linspace(-1, 1, 3)
    found = {}
    for k, value in enumerate(beta.BETAS):
        entry = {"rate": 20.0 - 4 * k, "distortion": 10.0 + 3 * k, "dependence": 3.0 - 0.5 * k}
        entry["active"] = 20 - 3 * k
        entry.update({n: v for n, (at, v) in changed.items() if at == value})
        found[value] = [
            beta.Measures(
                entry["rate"] + s,
                entry["distortion"] + s * k,
                entry["dependence"] + s * k,
                np.ones(25),
                entry["active"],
            )
            for s in shake
        ]
    return found


@pytest.mark.parametrize(
    ("changed", "fails"),
    [
        ({}, set()),
        ({"rate": (2.0, 30.0)}, {"rate"}),
        ({"distortion": (2.0, 30.0)}, {"distortion"}),
        ({"dependence": (8.0, 5.0)}, {"dependence"}),
        ({"active": (8.0, 20)}, {"latents in use"}),
    ],
)
def test_steps_that_turn_back_are_seen(changed, fails):
    assert unmet(beta.claims(measures(**changed))) == fails


def test_dependence_is_the_information_of_a_gaussian():
    """-1/2 log(1 - r^2) for a pair."""
    covariance = np.array([[4.0, 0.6 * 2 * 3], [0.6 * 2 * 3, 9.0]])
    np.testing.assert_allclose(beta.dependence(covariance), -np.log(1 - 0.36) / 2)
    joint = stats.multivariate_normal(np.zeros(2), covariance)
    z = joint.rvs(200_000, random_state=0)
    shared = joint.logpdf(z) - stats.norm(0, [2, 3]).logpdf(z).sum(1)
    assert abs(shared.mean() - beta.dependence(covariance)) < 5 * shared.std() / len(z) ** 0.5


# --- conditional-vae


@pytest.mark.parametrize("wrong", [None, "separate", "blind", "misled"])
def test_labels_that_are_worth_something_hold(wrong):
    events = np.random.default_rng(0).normal(-20, 3, 400)
    gain = dict.fromkeys(("separate", "blind", "misled"), 1.0)
    if wrong:
        gain[wrong] = -1.0
    noise = np.random.default_rng(1).normal(0, 0.5, 400)
    scored = conditional.Scored(
        np.zeros(400, int), events, *(events - gain[n] + noise for n in gain)
    )
    names = {"separate": "shared", "blind": "told", "misled": "misled"}
    assert unmet(conditional.claims(scored)) == ({names[wrong]} if wrong else set())


def test_labels_are_divided_evenly_and_apart():
    learnt, held_out = conditional.divided("digits", 4, 0)
    for part in (learnt, held_out):
        assert len(set(np.bincount(part.labels))) == 1
    assert set(learnt.labels) == {0, 1, 2, 3}
    flat = {tuple(e.ravel()) for e in learnt.events}
    assert not flat & {tuple(e.ravel()) for e in held_out.events}


def test_a_share_of_the_parameters_is_no_more_than_a_share():
    """Against nets that are built and counted."""
    from ansatz.models.vae import VAERecipe
    from ansatz.protocol.recipe import Spec

    settings = conditional.common(mnist=False, epochs=1)

    def built(width):
        recipe = VAERecipe(
            latent=settings["latent"], hidden=(width, width), likelihood=("bernoulli",)
        )
        spec = Spec(shape=(64,), levels=(2,), lowest=(0.0,), highest=(1.0,))
        model = eqx.filter_eval_shape(recipe.build, spec, jax.random.key(0))
        leaves = jax.tree.leaves((model.encoder, model.decoder))
        return sum(leaf.size for leaf in leaves if hasattr(leaf, "size"))

    width = conditional.share(64, settings, 4)
    assert 4 * built(width) <= built(settings["hidden"][0]) < 4 * built(width + 1)


class Hasty(Context):
    """Fits twice, and for one epoch only."""

    def fit(self, name, recipe, data, **settings):
        few = {"seeds": min(settings.get("seeds", 1), 2), "epochs": 1}
        return super().fit(name, recipe, data, **{**settings, **few})


@pytest.mark.slow
@pytest.mark.parametrize(
    ("study", "fails", "figures"),
    [
        (packets.WavePacketStudy, "noise", 5),
        (beta.BetaTraversalStudy, "latents in use", 5),
    ],
)
def test_fits_that_have_hardly_begun_do_not_pass(tmp_path, study, fails, figures):
    found = study().run(Hasty(folder=tmp_path, quick=True, seed=1, quiet=True))
    assert fails in unmet(found.claims)
    assert len({figure.name for figure in found.figures}) == figures
