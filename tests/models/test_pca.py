"""Principal components against scikit-learn, and the density against SciPy."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats
from sklearn.decomposition import PCA as SklearnPCA

import ansatz
from ansatz.models.reduce import PCA, PCARecipe
from ansatz.protocol.errors import OptionError
from ansatz.protocol.recipe import Spec


def correlated(n: int, shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    """Gaussian events with a full covariance, far from the origin."""
    generator = np.random.default_rng(seed)
    size = int(np.prod(shape))
    mixing = generator.normal(size=(size, size)) / np.sqrt(np.arange(1, size + 1))
    return (50 + generator.normal(size=(n, size)) @ mixing).reshape(n, *shape)


def fitted(data, latent: int, **settings) -> PCA:
    everything = {"validation": 0.0, "test": 0.0, "batch": 37, "quiet": True}
    return ansatz.fit("pca", data, latent=latent, **everything, **settings).model


@pytest.fixture
def pair(double_precision):
    """Our model and scikit-learn's of the same events, in double precision."""
    events = correlated(301, (7,))
    return events, fitted(events, 3, dtype="float64"), SklearnPCA(3).fit(events)


def test_components_and_variances_are_those_of_scikit_learn(pair):
    _, ours, theirs = pair
    signs = np.sign(np.sum(np.asarray(ours.components) * theirs.components_, axis=1))
    np.testing.assert_allclose(ours.components, signs[:, None] * theirs.components_, atol=1e-10)
    np.testing.assert_allclose(ours.mean, theirs.mean_, rtol=1e-12)
    np.testing.assert_allclose(ours.variances, theirs.explained_variance_, rtol=1e-10)
    np.testing.assert_allclose(ours.explained(), theirs.explained_variance_ratio_, rtol=1e-10)
    np.testing.assert_allclose(ours.noise, theirs.noise_variance_, rtol=1e-10)


def test_codes_and_reconstructions_are_those_of_scikit_learn(pair):
    events, ours, theirs = pair
    codes = np.asarray(jax.vmap(ours.encode)(jnp.asarray(events)))
    expected = theirs.transform(events)
    np.testing.assert_allclose(np.abs(codes), np.abs(expected), atol=1e-9)
    again = np.asarray(jax.vmap(ours.decode)(jnp.asarray(codes)))
    np.testing.assert_allclose(again, theirs.inverse_transform(expected), atol=1e-9)


def test_the_density_is_that_of_scikit_learn_and_of_scipy(pair):
    events, ours, theirs = pair
    ours_log_prob = np.asarray(jax.vmap(ours.log_prob)(jnp.asarray(events)))
    np.testing.assert_allclose(ours_log_prob, theirs.score_samples(events), rtol=1e-9)
    gaussian = stats.multivariate_normal(theirs.mean_, theirs.get_covariance())
    np.testing.assert_allclose(ours_log_prob, gaussian.logpdf(events), rtol=1e-9)


def test_with_all_components_it_is_the_full_gaussian(double_precision):
    events = correlated(200, (4,))
    ours = fitted(events, 4, dtype="float64")
    gaussian = stats.multivariate_normal(events.mean(0), np.cov(events.T))
    got = np.asarray(jax.vmap(ours.log_prob)(jnp.asarray(events)))
    np.testing.assert_allclose(got, gaussian.logpdf(events), rtol=1e-9)


def test_single_precision_is_close_far_from_the_origin():
    events = correlated(301, (7,))
    ours, theirs = fitted(events, 3), SklearnPCA(3).fit(events)
    # Moments are summed about a point near the mean, so the offset of 50 costs no digits.
    np.testing.assert_allclose(ours.variances, theirs.explained_variance_, rtol=1e-4)


def test_images_keep_their_shape():
    events = correlated(120, (3, 2))
    ours = fitted(events, 2)
    event = jnp.asarray(events[0], jnp.float32)
    assert ours.encode(event).shape == (2,)
    assert ours.decode(ours.encode(event)).shape == (3, 2)
    assert ours.sample(jax.random.key(0)).shape == (3, 2)


def test_samples_have_the_covariance_of_the_model(double_precision):
    events = correlated(300, (4,))
    ours, theirs = fitted(events, 2, dtype="float64"), SklearnPCA(2).fit(events)
    n = 40_000
    drawn = np.asarray(jax.vmap(ours.sample)(jax.random.split(jax.random.key(1), n)))
    wanted = theirs.get_covariance()
    # The variance of a Gaussian's sample covariance is (C_ii C_jj + C_ij^2) / n.
    diagonal = np.diag(wanted)
    error = np.sqrt((np.outer(diagonal, diagonal) + wanted**2) / n)
    assert np.all(np.abs(np.cov(drawn.T) - wanted) < 5 * error)
    assert np.all(np.abs(drawn.mean(0) - theirs.mean_) < 5 * np.sqrt(diagonal / n))


def test_whole_weights_count_as_repetition(double_precision, tmp_path):
    generator = np.random.default_rng(3)
    events = correlated(150, (3,))
    weights = generator.integers(1, 5, len(events))
    path = tmp_path / "weighted.npz"
    np.savez(path, x=events, w=weights)
    ours = fitted(path, 2, dtype="float64", events=("x",), weights="w")
    theirs = SklearnPCA(2).fit(np.repeat(events, weights, axis=0))
    np.testing.assert_allclose(ours.mean, theirs.mean_, rtol=1e-12)
    np.testing.assert_allclose(ours.explained(), theirs.explained_variance_ratio_, rtol=1e-10)
    np.testing.assert_allclose(
        np.abs(np.asarray(ours.components)), np.abs(theirs.components_), atol=1e-9
    )


@pytest.mark.parametrize("latent", [0, 5])
def test_an_impossible_number_of_components_is_refused(latent):
    with pytest.raises(OptionError, match="from 1 to 4 principal components"):
        PCARecipe(latent=latent).resolve(Spec(shape=(2, 2)))


def test_the_default_of_few_numbers_is_all_of_them():
    assert PCARecipe().resolve(Spec(shape=(3,))).latent == 3
    assert PCARecipe().resolve(Spec(shape=(8, 8))).latent == 16


def test_a_covariance_that_fits_no_memory_is_refused():
    with pytest.raises(OptionError, match="covariance of 13 GB"):
        PCARecipe(latent=2).resolve(Spec(shape=(40_500,)))


def test_the_model_holds_nothing_but_arrays_and_a_shape():
    model = PCARecipe(latent=2).build(Spec(shape=(4,)), jax.random.key(0))
    assert all(eqx.is_array(leaf) for leaf in jax.tree.leaves(model))


@pytest.mark.parametrize("reach", [1.0, 50.0, 5000.0])
def test_a_column_that_drowns_the_others_is_named(reach):
    lowest, highest = (0.0, -1.0, 0.0, 0.0), (1.0, 0.0, 0.0, reach)
    spec = Spec(shape=(4,), columns=tuple("abcd"), lowest=lowest, highest=highest)
    (recipe, even) = (
        PCARecipe(preprocess=steps).resolve(spec) for steps in (("auto",), ("standardise",))
    )
    model = recipe.build(spec, jax.random.key(0))
    remarks = recipe.remarks(model, spec)
    assert bool(remarks) == (reach == 5000)
    assert all("'d' reaches 5e+03 times" in remark for remark in remarks)
    assert not even.remarks(model, spec)
