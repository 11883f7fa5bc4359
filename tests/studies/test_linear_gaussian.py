"""Linear Gaussian models against scikit-learn and SciPy, and the claims on fits made by hand."""

from dataclasses import replace

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats
from sklearn.decomposition import PCA

import ansatz
from ansatz.data.split import split
from ansatz.evaluate.judge import judge
from ansatz.studies import linear_gaussian as study
from ansatz.studies.claim import Verdict
from ansatz.studies.linear_gaussian import LATENT, LinearGaussian, LinearGaussianStudy
from ansatz.studies.study import Context

N, K, D = 8000, study.LATENT, study.NUMBERS
HELD_OUT = 200


@pytest.fixture(scope="module")
def events():
    generator = np.random.default_rng(2)
    truth = LinearGaussian.drawn(generator)
    return truth.sample(N + HELD_OUT, generator).astype(np.float32).astype(float)


@pytest.fixture(scope="module")
def pca(events):
    """Scikit-learn's own, whose covariance is divided by n - 1 and not by n."""
    return PCA().fit(events[:N])


@pytest.fixture(scope="module")
def values(pca):
    return pca.explained_variance_ * (N - 1) / N


@pytest.fixture(scope="module")
def run(events):
    """Any run of the right shapes."""
    return ansatz.fit(
        "vae",
        events[:HELD_OUT].astype(np.float32),
        latent=K,
        hidden=(),
        likelihood=("normal",),
        preprocess=("none",),
        epochs=1,
        quiet=True,
    )


def made_by_hand(run, mean, loadings, variance, shift=0.0):
    """The run with these weights, and the best normal guess at p(z | x) that a linear net has.

    That is N(M^-1 W^T (x - mean), s^2 / diag(M)) with M = W^T W + s^2 I. Its mean is wrong by
    `shift` deviations.
    """
    m = loadings.T @ loadings + variance * np.eye(K)
    reading = np.linalg.solve(m, loadings.T)
    deviation = np.sqrt(variance / np.diag(m))
    weights = {
        "decoder": (loadings, mean),
        # The other half says the deviation, through log(1 + e^r).
        "encoder": (
            np.concatenate([reading, np.zeros((K, D))]),
            np.concatenate([shift * deviation - reading @ mean, np.log(np.expm1(deviation))]),
        ),
    }
    model = run.model
    for part, pair in weights.items():
        model = eqx.tree_at(
            lambda m, part=part: [
                getattr(getattr(m, part).net.layers[-1], name) for name in ("weight", "bias")
            ],
            model,
            [jnp.asarray(array, "float32") for array in pair],
        )
    scale = jnp.asarray(np.log(variance) / 2, "float32")
    model = eqx.tree_at(lambda m: m.decoder.head.log_scale, model, scale)
    return replace(run, pipeline=eqx.tree_at(lambda p: p.model, run.pipeline, model))


@pytest.fixture(scope="module")
def best(pca, values):
    """The mean, W and s^2 that Tipping and Bishop (1999) found, from scikit-learn's PCA."""
    noise = values[K:].mean()
    return pca.mean_, pca.components_[:K].T * np.sqrt(values[:K] - noise), noise


@pytest.fixture(scope="module")
def judged(run, events, tmp_path_factory):
    """The claims on copies of a run made by hand, in which only draws of codes differ."""
    context = Context(folder=tmp_path_factory.mktemp("judged"))

    def judge_it(*weights, copies=2, **wrong):
        made = made_by_hand(run, *weights, **wrong)
        held_out = made.read(events[N:].astype(np.float32))
        return {c.name: c for c in study.claims(copies * (made,), events[:N], held_out, context)}

    return judge_it


def test_the_most_likely_model_is_scikit_learns(events, pca):
    found = LinearGaussian.most_likely(events[:N], K)
    reference = PCA(n_components=K).fit(events[:N])
    factor = (N - 1) / N
    np.testing.assert_allclose(found.mean, reference.mean_, rtol=1e-9)
    np.testing.assert_allclose(found.variance, reference.noise_variance_ * factor, rtol=1e-9)
    np.testing.assert_allclose(
        found.covariance(), reference.get_covariance() * factor, rtol=1e-8, atol=1e-10
    )


def test_the_log_density_is_scikit_learns(events):
    """Scikit-learn's as it is, with n - 1, so the same model and not the most likely one."""
    reference = PCA(n_components=K).fit(events[:N])
    scales = np.sqrt(reference.explained_variance_ - reference.noise_variance_)
    model = LinearGaussian(
        reference.mean_, reference.components_.T * scales, float(reference.noise_variance_)
    )
    np.testing.assert_allclose(
        model.log_prob(events[N:]), reference.score_samples(events[N:]), rtol=1e-9
    )


def test_no_other_model_is_as_likely(events):
    best = LinearGaussian.most_likely(events[:N], K)
    most = best.log_prob(events[:N]).mean()
    generator = np.random.default_rng(3)
    for size in (1e-3, 1e-2):
        other = replace(
            best,
            mean=best.mean + size * generator.normal(size=D),
            loadings=best.loadings + size * generator.normal(size=(D, K)),
            variance=best.variance * np.exp(size * generator.normal()),
        )
        assert other.log_prob(events[:N]).mean() < most - size**2 / 10


def test_draws_have_the_models_moments():
    generator = np.random.default_rng(4)
    model = replace(LinearGaussian.drawn(generator), variance=2.5)
    n = 50_000
    drawn, wanted = model.sample(n, generator), model.covariance()
    # Standard deviations of the sample's mean and covariance; the largest of 230 normal numbers
    # exceeds 5 once in 10^4.
    own = np.diag(wanted)
    error = np.sqrt((np.outer(own, own) + wanted**2) / n)
    assert np.all(np.abs(drawn.mean(0) - model.mean) < 5 * np.sqrt(own / n))
    assert np.all(np.abs(np.cov(drawn.T) - wanted) < 5 * error)


def test_the_truth_has_the_strengths_it_says():
    model = LinearGaussian.drawn(np.random.default_rng(5))
    found = np.linalg.svd(model.loadings, compute_uv=False)
    np.testing.assert_allclose(found, study.STRENGTHS, rtol=1e-12)
    assert model.variance == 1.0
    other = LinearGaussian.drawn(np.random.default_rng(6))
    assert not np.allclose(model.loadings, other.loadings)
    assert LATENT < len(study.STRENGTHS) < D


def test_a_vae_is_read_off_as_its_decoder_acts(run):
    model = run.model
    found = LinearGaussian.of(model)
    origin = model.decoder(jnp.zeros(K))
    columns = [model.decoder(jnp.eye(K)[i]).mean() - origin.mean() for i in range(K)]
    np.testing.assert_allclose(found.mean, origin.mean(), rtol=1e-6)
    np.testing.assert_allclose(found.loadings.T, columns, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(np.full(D, found.variance), origin.variance(), rtol=1e-6)


def test_all_claims_hold_for_a_perfect_fit(judged, best, values):
    claims = judged(*best)
    assert {claim.verdict for claim in claims.values()} == {Verdict.HOLDS}
    # In single precision, which has seven digits.
    for name, limit in [("log-likelihood", 1e-5), ("directions", 1e-3), ("noise", 1e-6)]:
        measured = claims[name].measured
        assert abs(measured.value - claims[name].expected) < limit
        assert measured.error == 0
    # The posterior is exact, so every draw has the weight p(x): nothing but rounding is left.
    for name in ("bound", "weighted bound"):
        assert abs(claims[name].measured.value) < 1e-4
        assert claims[name].measured.degrees == 1


def test_what_is_expected_comes_from_the_eigenvalues(judged, best, values):
    claims = judged(*best)
    maximum = (
        -(
            D * np.log(2 * np.pi)
            + np.log(values[:K]).sum()
            + (D - K) * np.log(values[K:].mean())
            + D
        )
        / 2
    )
    np.testing.assert_allclose(claims["log-likelihood"].expected, maximum, rtol=1e-10)
    np.testing.assert_allclose(claims["noise"].expected, values[K:].mean(), rtol=1e-10)
    assert all(claims[name].expected == 0 for name in ("bound", "weighted bound", "directions"))


def turned(loadings, i, axis, degrees):
    """The i-th column turned towards an axis at right angles to all."""
    angle, length = np.radians(degrees), np.linalg.norm(loadings[:, i])
    loadings = loadings.copy()
    loadings[:, i] = np.cos(angle) * loadings[:, i] + np.sin(angle) * length * axis
    return loadings


@pytest.mark.parametrize(
    ("wrong", "fail"),
    [
        ("variance", {"noise"}),
        ("mean", {"log-likelihood"}),
        ("column", {"directions"}),
        ("rotation", {"bound"}),
        ("shift", {"bound"}),
        ("far shift", {"bound", "weighted bound"}),
        ("lengths", {"log-likelihood"}),
        ("codes", {"log-likelihood", "directions", "noise"}),
    ],
)
def test_each_claim_sees_what_it_is_about(judged, best, pca, values, wrong, fail):
    mean, loadings, variance = best
    shift = 0.0
    match wrong:
        case "variance":
            # One in a hundred: the log-likelihood falls by (D - k) / 4 of its square only.
            variance = 1.01 * variance
        case "mean":
            mean = mean + 0.2 * pca.components_[-1]
        case "column":
            loadings = turned(loadings, K - 1, pca.components_[-1], 2.5)
        case "rotation":
            # The same p(x), of which the posterior has correlated numbers.
            turn = np.array([[np.cos(0.7), -np.sin(0.7)], [np.sin(0.7), np.cos(0.7)]])
            loadings = np.concatenate([loadings[:, :2] @ turn, loadings[:, 2:]], 1)
        case "shift":
            shift = 0.3
        case "far shift":
            shift = 5.0
        case "lengths":
            loadings = loadings * np.array([1.2, 1, 1, 1])
        case "codes":
            loadings = loadings * np.array([1, 1, 1, 0]) + 1e-4 * pca.components_[-1][:, None]
            variance = values[K - 1 :].mean()
    # Where the guess at the posterior is wrong, draws differ, and it takes more to be sure.
    copies = 8 if "bound" in fail else 2
    claims = judged(mean, loadings, variance, shift=shift, copies=copies)
    assert {c.name for c in claims.values() if c.verdict != Verdict.HOLDS} == fail
    assert {c.name for c in claims.values() if c.verdict == Verdict.FAILS} == fail


def test_the_bounds_are_those_of_evaluate(run, best, judged, events, tmp_path):
    made = made_by_hand(run, *best, shift=0.5)
    held_out = made.read(events[N:].astype(np.float32))
    context = Context(folder=tmp_path, seed=4)
    measures = {m.name: m.value for m in judge(made, held_out, samples=study.DRAWS, seed=4)}
    for draws in (1, study.DRAWS):
        (found,) = study.bounds((made,), held_out, draws, context)
        np.testing.assert_allclose(found, measures[f"bound (K = {draws})"], rtol=1e-12)
    # Each fit has draws of its own: the first those of the study's seed, the second the next.
    exact = LinearGaussian.of(made.model).log_prob(np.asarray(held_out.events, float)).mean()
    pair = [
        made.log_likelihood(held_out, samples=1, seed=seed).mean(dtype=float) for seed in (4, 5)
    ]
    claims = {c.name: c for c in study.claims((made, made), events[:N], held_out, context)}
    np.testing.assert_allclose(claims["bound"].measured.value, np.mean(pair) - exact, rtol=1e-9)
    np.testing.assert_allclose(claims["bound"].measured.error, stats.sem(pair), rtol=1e-9)


def test_tolerances_are_what_chance_does_to_the_events(judged, best):
    """Against principal components of other events: covariances drawn from Wishart's law."""
    claims = judged(*best)
    generator = np.random.default_rng(7)
    # A linear model with spare variance in the left-out directions, as the events have.
    spectrum = np.sort(np.append(np.asarray(study.STRENGTHS) ** 2, np.zeros(D - 6)))[::-1] + 1.0
    draws = 400
    gains, angles, noises = [], [], []
    left = spectrum[K:].mean()
    kept = np.append(spectrum[:K], np.full(D - K, left))
    for scatter in stats.wishart(N - 1, np.diag(spectrum) / N).rvs(draws, random_state=8):
        off = generator.normal(size=D) * np.sqrt(spectrum / N)
        found, vectors = np.linalg.eigh(scatter)
        found, vectors = found[::-1], vectors[:, ::-1]
        noise = found[K:].mean()
        best_here = np.log(found[:K]).sum() + (D - K) * np.log(noise) + D
        truth_here = np.log(kept).sum() + ((np.diag(scatter) + off**2) / kept).sum()
        gains.append((truth_here - best_here) / 2)
        angles.append(np.sum(vectors[K:, K - 1] ** 2))
        noises.append(noise)
    # Means of 400 draws: of a chi-squared of 95 degrees (0.7 % of it), of one of some ten (2 %)
    # and a standard deviation (4 %). The events' own eigenvalues, which the tolerances are made
    # from, are within 2 % of the truth's, and the last two tolerances are of first order in 1/n.
    tolerance = {name: claim.tolerance for name, claim in claims.items()}
    np.testing.assert_allclose(tolerance["log-likelihood"], np.mean(gains), rtol=0.03)
    assert tolerance["bound"] == tolerance["weighted bound"] == tolerance["log-likelihood"]
    turn = np.degrees(np.sqrt(np.mean(angles)))
    np.testing.assert_allclose(tolerance["directions"], turn, rtol=0.1)
    np.testing.assert_allclose(tolerance["noise"], np.std(noises, ddof=1), rtol=0.15)


def test_the_figures_show_spectra_and_courses(run, best, values, events):
    made = made_by_hand(run, *best)
    made = replace(made, history=[{"epoch": e, "loss": 40.0 - e} for e in range(1, 9)])
    other = replace(made, history=[{"epoch": e, "loss": 39.0 - e} for e in range(1, 9)])
    spectrum = study.eigenvalues((made, other), events[:N])
    of_events, of_fits = (curve.y for curve in spectrum.panels[0].curves)
    np.testing.assert_allclose(of_events, values, rtol=1e-9)
    np.testing.assert_allclose(of_fits[:K], values[:K], rtol=1e-5)
    np.testing.assert_allclose(of_fits[K:], values[K:].mean(), rtol=1e-5)
    whole, half = study.learning((made, other), events[:N]).panels
    maximum = LinearGaussian.most_likely(events[:N], K).log_prob(events[:N]).mean()
    for panel, first in [(whole, 1), (half, 5)]:
        line, one, two = panel.curves
        np.testing.assert_array_equal(one.x, np.arange(first, 9))
        np.testing.assert_array_equal(one.y, np.arange(first, 9) - 40.0)
        np.testing.assert_array_equal(two.y, np.arange(first, 9) - 39.0)
        np.testing.assert_allclose(line.y, np.full(len(one.x), maximum))


class Hasty(Context):
    """Fits twice, and for one epoch only."""

    def fit(self, name, recipe, data, **settings):
        return super().fit(name, recipe, data, **{**settings, "seeds": 2, "epochs": 1})


@pytest.mark.slow
def test_fits_that_have_hardly_begun_do_not_pass(tmp_path, monkeypatch):
    monkeypatch.setattr(study, "DRAWS", 10)
    context = Hasty(folder=tmp_path, quick=True, seed=3, quiet=True)
    claims, figures, _ = LinearGaussianStudy().run(context)
    verdicts = {claim.name: claim.verdict for claim in claims}
    assert verdicts["log-likelihood"] != Verdict.HOLDS
    assert verdicts["bound"] != Verdict.HOLDS
    assert [figure.name for figure in figures] == ["eigenvalues", "learning"]
    # What is expected is of the events that were learnt, and of no others.
    events = np.load(tmp_path / "events.npy").astype(float)
    first = ansatz.load(tmp_path / "run" / "seed-3")
    train, _, test = split(first.read(tmp_path / "events.npy"), 0.0, 0.2, 3)
    assert (len(train), len(test)) == (8000, 2000)
    values = PCA().fit(events[train]).explained_variance_ * (len(train) - 1) / len(train)
    np.testing.assert_allclose(claims[3].expected, values[K:].mean(), rtol=1e-9)
    part, held_out = first.held_out()
    assert part == "test"
    np.testing.assert_array_equal(held_out.events, events[test].astype(np.float32))
    generator = np.random.Generator(np.random.Philox(3))
    drawn = LinearGaussian.drawn(generator).sample(study.EVENTS, generator)
    np.testing.assert_allclose(events, drawn, rtol=1e-6)
