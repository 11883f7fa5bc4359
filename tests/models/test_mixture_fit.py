"""Mixtures and k-means as a user fits them: through the engine, from files, with mistakes."""

import json
import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats
from sklearn.cluster import KMeans as SklearnKMeans
from sklearn.mixture import GaussianMixture

import ansatz
from ansatz.cli.main import run as command
from ansatz.evaluate.components import best, curve, measure
from ansatz.models.mixture import KMeans, KMeansRecipe, MixtureRecipe
from ansatz.models.mixture.figures import outline
from ansatz.models.mixture.kmeans import assignment, centred
from ansatz.models.mixture.start import best as best_start
from ansatz.models.mixture.start import centres
from ansatz.protocol.errors import DataError, OptionError
from ansatz.protocol.recipe import Spec
from ansatz.protocol.source import Masked

CENTRES = np.array([[0.0, 0.0, 0.0], [6.0, 0.0, 3.0], [0.0, 6.0, -3.0]])
N = 600
ALL = {"validation": 0.0, "test": 0.0, "quiet": True}


def clusters(seed=0, n=N):
    """Events of three clusters of unequal weights whose numbers hang together."""
    generator = np.random.default_rng(seed)
    k = generator.choice(3, n, p=[0.5, 0.3, 0.2])
    mixing = np.array([[1, 0, 0], [0.7, 0.5, 0], [-0.3, 0.2, 0.8]])
    return (CENTRES[k] + generator.normal(size=(n, 3)) @ mixing.T).astype(np.float32)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with events, and a mixture fitted to them."""
    folder = tmp_path_factory.mktemp("mixture")
    np.save(folder / "events.npy", clusters())
    ansatz.fit("mixture", folder / "events.npy", components=3, epochs=30, out=folder / "run", **ALL)
    return folder


@pytest.fixture(scope="module")
def run(made):
    return ansatz.load(made / "run")


def test_a_fit_finds_what_scikit_learn_finds(run):
    events = clusters()
    theirs = GaussianMixture(3, n_init=3, random_state=0, tol=1e-6, reg_covar=0).fit(events)
    order = np.argsort(theirs.weights_)
    own = np.argsort(np.asarray(run.model.weights))
    # Rounding in single precision, and the tolerance at which theirs stops.
    np.testing.assert_allclose(run.model.weights[own], theirs.weights_[order], atol=1e-4)
    np.testing.assert_allclose(run.log_likelihood(events).mean(), theirs.score(events), atol=1e-4)
    codes = run.encode(events)[:, own]
    np.testing.assert_allclose(codes, theirs.predict_proba(events)[:, order], atol=5e-3)


def test_the_history_has_the_bound_of_every_half_step(made):
    """From a start that is far off: weights of a run on other scales."""
    run = ansatz.fit(
        "mixture",
        clusters(),
        components=3,
        epochs=8,
        start=made / "run",
        preprocess=("none",),
        **ALL,
    )
    touching, before = (
        np.array([row[name] for row in run.history]) for name in ("log_prob", "bound")
    )
    assert touching[0] == before[0]
    steps = np.stack([touching[:-1], before[1:]], 1).ravel()
    # Sums of 600 in single precision.
    assert np.all(np.diff(steps) > -2e-6 * np.abs(steps[0]))
    assert touching[-1] > touching[0] + 0.1


def test_the_cut_into_batches_changes_nothing_but_rounding(made, run, tmp_path):
    large = np.tile(clusters(), (160, 1))
    np.save(tmp_path / "large.npy", large)
    assert large.nbytes > 1 << 20
    small = ansatz.fit("mixture", made / "events.npy", components=3, epochs=30, batch=70, **ALL)
    np.testing.assert_allclose(small.model.weights, run.model.weights, atol=2e-5)
    np.testing.assert_allclose(
        small.history[-1]["log_prob"], run.history[-1]["log_prob"], atol=2e-5
    )
    start = {"components": 3, "epochs": 2, "start": made / "run", "preprocess": ("none",)}
    held, streamed = (
        ansatz.fit("mixture", tmp_path / "large.npy", **start, **ALL, buffer=buffer)
        for buffer in (64, 1)
    )
    assert streamed.record.options.buffer == 1
    np.testing.assert_allclose(
        streamed.model.components.mean, held.model.components.mean, rtol=1e-4, atol=1e-4
    )


def test_whole_weights_count_as_repetition(made, tmp_path):
    events, weights = clusters(), np.random.default_rng(1).integers(0, 4, N)
    np.savez(tmp_path / "weighted.npz", x=events, w=weights)
    common = {"components": 3, "epochs": 3, "start": made / "run", "preprocess": ("none",)}
    one = ansatz.fit(
        "mixture", tmp_path / "weighted.npz", events=("x",), weights="w", **common, **ALL
    )
    other = ansatz.fit("mixture", np.repeat(events, weights, axis=0), **common, **ALL)
    np.testing.assert_allclose(one.model.weights, other.model.weights, rtol=1e-4)
    np.testing.assert_allclose(
        one.model.components.mean, other.model.components.mean, rtol=1e-4, atol=1e-4
    )
    weights = weights - 0.5
    np.savez(tmp_path / "negative.npz", x=events, w=weights)
    for recipe in ("mixture", "kmeans"):
        with pytest.raises(
            OptionError, match=f"{recipe}.* negative weights, and .* has {sum(weights < 0)}"
        ):
            ansatz.fit(recipe, tmp_path / "negative.npz", events=("x",), weights="w", quiet=True)


def test_holes_are_filled_by_regression_from_the_command_line(made, run, capsys):
    """Of a run that never saw a hole: against the conditional Gaussians by hand."""
    events = clusters(3, 40)
    asked = events.copy()
    asked[:, 1] = np.nan
    asked[:5, 0] = np.nan
    np.save(made / "asked.npy", asked)
    words = ["reconstruct", str(made / "run"), str(made / "asked.npy"), "--fill", "--json"]
    assert command([*words, "--out", str(made / "filled.npy")]) == 0
    assert json.loads(capsys.readouterr().out)["events"] == 40
    filled = np.load(made / "filled.npy")
    known = ~np.isnan(asked)
    np.testing.assert_array_equal(filled[known], asked[known])
    # The mixture in the units of the data, as preprocessing is affine.
    raw = np.asarray(jax.vmap(run.pipeline.preprocessing.inverse)(run.model.components.mean))
    zero, one = (
        np.asarray(run.pipeline.preprocessing.inverse(jnp.full(3, value))) for value in (0.0, 1.0)
    )
    scale = one - zero
    covariances = np.asarray(run.model.components.covariance()) * np.outer(scale, scale)
    for x, seen, got in zip(asked, known, filled, strict=True):
        joint, expected = [], []
        for w, m, c in zip(run.model.weights, raw, covariances, strict=True):
            block = c[np.ix_(seen, seen)]
            joint.append(w * stats.multivariate_normal(m[seen], block).pdf(x[seen]))
            gain = c[np.ix_(~seen, seen)] @ np.linalg.inv(block)
            expected.append(m[~seen] + gain @ (x - m)[seen])
        wanted = np.array(joint) @ expected / np.sum(joint)
        np.testing.assert_allclose(got[~seen], wanted, rtol=2e-3, atol=2e-3)
    # Filled in so, numbers are closer to the truth than the mean.
    assert np.std(filled[:, 1] - events[:, 1]) < 0.5 * np.std(events[:, 1])
    words = [*words, "--draw", "--seed", "7"]
    assert command([*words, "--out", str(made / "drawn.npy")]) == 0
    drawn = np.load(made / "drawn.npy")
    np.testing.assert_array_equal(drawn[known], asked[known])
    assert np.std(drawn[:, 1] - filled[:, 1]) > 0.3
    np.testing.assert_allclose(
        run.reconstruct(asked, fill=True, draw=True, seed=7), drawn, rtol=1e-5
    )
    with pytest.raises(OptionError, match="give --fill with --draw"):
        run.reconstruct(events, draw=True)
    with pytest.raises(DataError, match="NaN"):
        run.reconstruct(asked)
    # Nothing is missing, nothing changes.
    np.testing.assert_array_equal(run.reconstruct(events, fill=True), events)


def test_learning_with_holes_is_nearly_as_good(tmp_path):
    events = clusters()
    generator = np.random.default_rng(2)
    holes = np.where(generator.random(events.shape) < 0.3, np.nan, events)
    holes[np.isnan(holes).all(1)] = events[np.isnan(holes).all(1)]
    run = ansatz.fit("mixture", holes, components=3, epochs=20, missing="nan", **ALL)
    order = np.argsort(-np.asarray(run.model.weights))
    means = np.asarray(jax.vmap(run.pipeline.preprocessing.inverse)(run.model.components.mean))
    # A mean of some 80 events, the fewest of a cluster, has a deviation below 1.1 / sqrt(80).
    np.testing.assert_allclose(means[order], CENTRES, atol=5 * 1.1 / np.sqrt(80))
    values = run.log_likelihood(ansatz.Dataset(holes, missing=True))
    assert np.isfinite(values).all()
    kmeans = ansatz.fit("kmeans", holes, clusters=3, epochs=5, missing="nan", **ALL)
    filled = kmeans.reconstruct(holes, fill=True)
    assert np.isfinite(filled).all()


# Mistakes.


@pytest.mark.parametrize(
    ("settings", "spec", "said"),
    [
        ({"components": 9}, {"events": 8}, "9, and there are 8 events"),
        ({}, {"events": 99, "condition": 1}, "takes no conditions"),
        ({"preprocess": ("binarise",), "likelihood": "normal"}, {}, "--likelihood bernoulli"),
        ({"likelihood": "bernoulli"}, {}, "zeros and ones"),
        ({"method": "variational", "covariance": "tied"}, {}, "--covariance full"),
        ({}, {"shape": (20_000,)}, "32 GB"),
    ],
)
def test_mistakes_are_refused_before_anything_is_learnt(settings, spec, said):
    recipe = MixtureRecipe(**settings)
    with pytest.raises(OptionError, match=said):
        recipe.resolve(Spec(**{"shape": (3,), "events": 100, **spec}))


@pytest.mark.parametrize(
    "settings",
    [{"components": 0}, {"restarts": 0}, {"concentration": 0.0}, {"floor": 0.7}, {"tolerance": -1}],
)
def test_impossible_settings_are_refused(settings):
    with pytest.raises(OptionError, match=next(iter(settings))):
        MixtureRecipe.of(settings)
    with pytest.raises(OptionError, match="clusters"):
        KMeansRecipe(clusters=0)


def test_what_suits_the_data():
    def chosen(**spec):
        recipe = MixtureRecipe().resolve(Spec(**{"shape": (3,), "events": 100, **spec}))
        return recipe.likelihood, recipe.preprocess, recipe.floor

    assert chosen() == ("normal", ("standardise",), 1e-6)
    assert chosen(levels=(2,)) == ("bernoulli", ("none",), 1e-3)
    assert chosen(shape=(8, 8), levels=(17,)) == ("normal", ("scale",), 1e-6)


def test_a_singular_covariance_is_held_at_the_floor_and_said(tmp_path):
    path = tmp_path / "x.csv"
    rows = [f"{a},{b},3" for a, b, _ in clusters(0, 60)]
    path.write_text("\n".join(["a,b,c", *rows]))
    with pytest.warns(UserWarning, match=r"of 2 of 2 components is singular .* 1e-06 .*'c' never"):
        run = ansatz.fit("mixture", path, components=2, epochs=3, restarts=1, **ALL)
    assert np.isfinite(run.log_likelihood(path)).all()
    assert np.isfinite(run.sample(5)).all()
    events = clusters(0, 60)
    events[:, 2] = events[:, 0] - events[:, 1]
    with pytest.warns(UserWarning, match="its events lie in a plane or are too few"):
        ansatz.fit("mixture", events, components=2, epochs=3, restarts=1, **ALL)


# Starts.


def test_centres_are_far_from_each_other():
    """k-means++ by its own definition: the second of two is drawn as the square distance."""
    x = jnp.array([[0.0], [1.0], [3.0]])
    keys = jax.random.split(jax.random.key(0), 4000)
    drawn = np.asarray(jax.jit(jax.vmap(lambda key: centres(key, x, jnp.ones(3), 2)))(keys))[..., 0]
    for first, others in [
        (0.0, {1.0: 1, 3.0: 9}),
        (1.0, {0.0: 1, 3.0: 4}),
        (3.0, {0.0: 9, 1.0: 4}),
    ]:
        second = drawn[drawn[:, 0] == first, 1]
        assert len(second) > 1000
        for value, square in others.items():
            p = square / sum(others.values())
            error = np.sqrt(p * (1 - p) / len(second))
            assert abs(np.mean(second == value) - p) < 5 * error


def test_the_best_start_goes_on():
    found = best_start(
        lambda key: (jax.random.bits(key), jax.random.uniform(key)), jax.random.key(1), 5
    )
    keys = jax.random.split(jax.random.key(1), 5)
    good = np.array([jax.random.uniform(key) for key in keys])
    assert found == jax.random.bits(keys[int(good.argmax())])


# K-means.


def test_every_round_of_kmeans_is_scikit_learns():
    x = clusters().astype(np.float64)
    with jax.enable_x64(True):
        found = jnp.asarray(x[:4])
        for rounds in (1, 2, 3):
            theirs = SklearnKMeans(
                4, init=x[:4], n_init=1, max_iter=rounds, tol=0, algorithm="lloyd"
            )
            with warnings.catch_warnings():
                # So few rounds need not converge.
                warnings.simplefilter("ignore")
                theirs.fit(x)
            sums, distance, _ = assignment(found, jnp.asarray(x), jnp.ones(N))
            found = centred(found, sums)
            np.testing.assert_allclose(found, theirs.cluster_centers_, rtol=1e-9)
        _, distance, chosen = assignment(found, jnp.asarray(x), jnp.ones(N))
        brute = np.sum((x[:, None] - np.asarray(found)) ** 2, 2)
        np.testing.assert_array_equal(chosen, brute.argmin(1))
        np.testing.assert_allclose(distance, brute.min(1), rtol=1e-9)


def test_kmeans_looks_at_what_was_observed():
    generator = np.random.default_rng(0)
    x, middle = generator.normal(size=(50, 4)), generator.normal(size=(3, 4))
    observed = generator.random(x.shape) < 0.6
    with jax.enable_x64(True):
        event = Masked(jnp.asarray(np.where(observed, x, 0)), jnp.asarray(observed))
        sums, distance, chosen = assignment(jnp.asarray(middle), event, jnp.ones(50))
        moved = np.asarray(centred(jnp.asarray(middle), sums))
    brute = np.sum(observed[:, None] * (x[:, None] - middle) ** 2, 2)
    np.testing.assert_array_equal(chosen, brute.argmin(1))
    np.testing.assert_allclose(distance, brute.min(1), rtol=1e-9)
    for k in range(3):
        own = brute.argmin(1) == k
        wanted = np.nanmean(np.where(observed, x, np.nan)[own], 0)
        np.testing.assert_allclose(moved[k], wanted, rtol=1e-9)


def test_kmeans_through_the_engine():
    run = ansatz.fit("kmeans", clusters(), clusters=3, epochs=5, quiet=True)
    assert isinstance(run.model, KMeans)
    codes = run.encode(clusters())
    np.testing.assert_array_equal(codes.sum(1), 1)
    np.testing.assert_array_equal(np.unique(codes), [0, 1])
    distances = [row["squared_distance"] for row in run.history]
    assert np.all(np.diff(distances) < 1e-5)
    found = {figure.name: figure for figure in run.figures(clusters())}
    assert {"shares", "centres"} <= found.keys()
    np.testing.assert_allclose(found["shares"].values.sum(), 1, rtol=1e-5)


# The variational mixture, and how many components.


def test_the_variational_mixture_finds_how_many_clusters_there_are():
    run = ansatz.fit("mixture", clusters(), components=8, method="variational", epochs=60, **ALL)
    weights = np.sort(np.asarray(run.model.weights))[::-1]
    assert np.sum(weights > 1e-3) == 3
    error = np.sqrt(0.25 / N)
    np.testing.assert_allclose(weights[:3], [0.5, 0.3, 0.2], atol=4 * error)
    elbo = np.array([row["elbo"] for row in run.history])
    assert np.all(np.diff(elbo) > -1e-5)
    size = measure(run, clusters())
    assert (size.components, size.alive, size.held_out) == (8, 3, None)
    scale = clusters().astype(float).std(0)
    np.testing.assert_allclose(size.elbo, N * (elbo[-1] - np.log(scale).sum()), rtol=1e-5)
    # All parameters are integrated out, so that the bound pays for them.
    assert size.elbo < N * size.log_likelihood


def test_bic_is_scikit_learns_and_smallest_for_the_clusters_there_are(made, run, tmp_path, capsys):
    events = clusters()
    size = measure(run, made / "events.npy")
    theirs = GaussianMixture(3, random_state=0, tol=1e-6, reg_covar=0).fit(events)
    assert size.parameters == theirs._n_parameters()
    np.testing.assert_allclose(size.bic, theirs.bic(events), atol=0.2)
    words = ["components", str(made / "events.npy"), "--counts", "2", "3", "4", "--epochs", "12"]
    words += ["--restarts", "2", "--out", str(tmp_path / "sizes"), "--quiet"]
    assert command([*words, "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["best"] == 3
    assert [size["components"] for size in printed["sizes"]] == [2, 3, 4]
    assert ansatz.load(tmp_path / "sizes" / "components-4").finished
    assert (tmp_path / "sizes" / "components.png").exists()
    assert best([size]) is size
    figure = curve([size])
    assert figure.mark == 3
    np.testing.assert_allclose(figure.panels[0].curves[0].y, [size.bic])
    with pytest.raises(OptionError, match="each once"):
        command(["components", str(made / "events.npy"), "--counts", "2", "2"])


# Figures.


def test_ellipses_are_where_the_density_says(run):
    found = {figure.name: figure for figure in run.figures(clusters())}
    assert {"weights", "components", "responsibilities", "bound"} <= found.keys()
    ellipses = found["components"]
    assert len(ellipses.planes) == 3
    codes = run.encode(clusters())
    assert len(ellipses.groups) == N
    np.testing.assert_array_equal(np.bincount(ellipses.groups), np.bincount(codes.argmax(1)))
    raw = np.asarray(jax.vmap(run.pipeline.preprocessing.inverse)(run.model.components.mean))
    plane = ellipses.planes[1]
    assert (plane.x_label, plane.y_label) == ("x0", "x2")
    np.testing.assert_allclose(plane.centres, raw[:, [0, 2]], atol=1e-4)
    # Half the probability of a plane is within sqrt(2 log 2) deviations; 1 and 2 hold these.
    k = int(np.argmax(np.bincount(ellipses.groups)))
    points = plane.points[ellipses.groups == k] - plane.centres[k]
    for level, deviations in enumerate((1, 2)):
        edge = plane.outlines[k, level] - plane.centres[k]
        angle, corner = (np.arctan2(*a.T[::-1]) for a in (points, edge))
        order = np.argsort(corner)
        reach = np.interp(angle, corner[order], np.hypot(*edge[order].T), period=2 * np.pi)
        share = 1 - np.exp(-(deviations**2) / 2)
        inside = np.mean(np.hypot(*points.T) < reach)
        assert abs(inside - share) < 4 * np.sqrt(share * (1 - share) / len(points)) + 0.01


def test_an_outline_has_one_mahalanobis_distance():
    covariance = np.array([[[2.0, -0.7], [-0.7, 0.5]], [[1.0, 0], [0, 0]]])
    edge = outline(covariance, 3.0)
    inverse = np.linalg.inv(covariance[0])
    np.testing.assert_allclose(np.einsum("ni,ij,nj->n", edge[0], inverse, edge[0]), 9)
    np.testing.assert_allclose(edge[1, :, 1], 0, atol=1e-12)


def test_components_of_images_and_of_bits():
    digits = ansatz.fit(
        "mixture", "digits", components=3, covariance="spherical", epochs=2, restarts=1, quiet=True
    )
    found = {figure.name: figure for figure in digits.figures()}
    assert found["components"].images.shape == (1, 3, 8, 8)
    # Classes against the labels beside the events.
    assert found["codes"].values.shape == (10, 3)
    np.testing.assert_allclose(found["codes"].values.sum(1), 1, rtol=1e-5)
    bits = (ansatz.read("digits").events > 7).astype(np.uint8)
    run = ansatz.fit("mixture", bits, components=3, epochs=2, restarts=1, quiet=True)
    assert run.record.recipe.likelihood == "bernoulli"
    assert "probability" in run.log_likelihood_is()
    assert set(np.unique(run.sample(4))) <= {0, 1}
