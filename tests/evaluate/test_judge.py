"""The measures of a run, against SciPy and NumPy on the events themselves."""

import jax
import numpy as np
import pytest
from scipy.stats import multivariate_normal

import ansatz
from ansatz.evaluate.judge import judge


@pytest.fixture(scope="module")
def events():
    rng = np.random.default_rng(3)
    return rng.normal(2, 1, (300, 5)) @ rng.normal(size=(5, 5))


@pytest.fixture(scope="module")
def dataset(events):
    weights = np.random.default_rng(4).uniform(0.5, 2, 300)
    return ansatz.Dataset(events, weights=weights)


def by_name(measures):
    return {measure.name: measure for measure in measures}


def test_the_measures_of_a_gaussian_are_those_of_scipy(events, dataset):
    jax.config.update("jax_enable_x64", True)
    try:
        run = ansatz.fit("pca", events, latent=2, dtype="float64", test=0, quiet=True)
        found = by_name(judge(run, dataset, samples=1))
    finally:
        jax.config.update("jax_enable_x64", False)
    train = np.random.Generator(np.random.Philox(0)).permutation(300)[30:]
    mean, covariance = events[train].mean(0), np.cov(events[train].T)
    values, vectors = np.linalg.eigh(covariance)
    # Beside the two largest eigenvalues stands the mean of the other three.
    kept = np.r_[np.full(3, values[:3].mean()), values[3:]]
    log_p = multivariate_normal(mean, vectors * kept @ vectors.T).logpdf(events)
    w = dataset.weights
    average = np.average(log_p, weights=w)
    error = np.sqrt(300 / 299 * np.sum(w**2 * (log_p - average) ** 2)) / w.sum()
    assert found["log-likelihood"].value == pytest.approx(average, rel=1e-9)
    assert found["log-likelihood"].error == pytest.approx(error, rel=1e-7)
    assert found["log-likelihood"].what == "exact; density in the units of the data"
    bits = found["log-likelihood, in bits"]
    assert bits.value == pytest.approx(-average / np.log(2) / 5, rel=1e-9)
    assert bits.error == pytest.approx(error / np.log(2) / 5, rel=1e-7)
    offset = events - mean
    squared = np.sum((offset @ vectors[:, :3]) ** 2, 1) / 5
    root = found["reconstruction error"]
    assert root.value == pytest.approx(np.sqrt(np.average(squared, weights=w)), rel=1e-9)
    about = events - np.average(events, axis=0, weights=w)
    explained = 1 - np.average(squared, weights=w) / np.average((about**2).mean(1), weights=w)
    assert found["variance explained"].value == pytest.approx(explained, rel=1e-9)


def test_a_perfect_reconstruction_has_no_error(events):
    run = ansatz.fit("pca", events, latent=5, quiet=True)
    found = by_name(judge(run, ansatz.Dataset(events), samples=1))
    assert found["variance explained"].value == pytest.approx(1, abs=1e-9)
    # Float32 rounds events of order ten at a part in 10^7.
    assert found["reconstruction error"].value < 1e-4


def test_events_all_alike_have_no_variance_to_explain(events):
    run = ansatz.fit("pca", events, latent=2, quiet=True)
    alike = ansatz.Dataset(np.repeat(events[:1], 4, axis=0))
    found = by_name(judge(run, alike, samples=1))
    assert "variance explained" not in found
    assert found["log-likelihood"].error == pytest.approx(0, abs=1e-6)
