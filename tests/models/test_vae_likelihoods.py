"""Every likelihood that words can name, single columns of their own, and missing numbers."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import integrate, special, stats

import ansatz
from ansatz.models.vae import VAERecipe
from ansatz.models.vae.likelihood import Likelihoods
from ansatz.models.vae.view import View
from ansatz.protocol.errors import OptionError
from ansatz.protocol.recipe import Spec
from ansatz.protocol.source import Batch, Masked

COLUMNS = ("e", "hits", "kind", "width")
# A real number, a count up to 40, one of three kinds, and a width that is often zero.
TABLE = Spec(
    shape=(4,),
    columns=COLUMNS,
    levels=(0, 41, 3, 0),
    lowest=(-9.0, 0.0, 0.0, 0.0),
    highest=(9.0, 40.0, 2.0, 5.5),
)
WORDS = ("laplace", "hits=poisson", "kind=categorical", "width=hurdle")


def quadrature(model, event, observed):
    """log of the integral over one latent of p(x|z) p(z), on a grid."""
    z = np.linspace(-8, 8, 2001)

    @eqx.filter_jit
    def log_likelihood(model, z):
        return jax.vmap(lambda z: model.decoder(z[None]).log_prob(event, observed))(z)

    values = np.asarray(log_likelihood(model, jnp.asarray(z, jnp.float32)), float)
    total = integrate.simpson(np.exp(values - values.max()) * stats.norm.pdf(z), x=z)
    return np.log(total) + values.max()


UNIFORM = {
    "bernoulli": Spec(shape=(3,), levels=(2,), lowest=(0.0,), highest=(1.0,)),
    "continuous-bernoulli": Spec(shape=(3,), lowest=(0.0,), highest=(1.0,)),
    "categorical": Spec(shape=(3,), levels=(5,), lowest=(0.0,), highest=(4.0,)),
    "normal": Spec(shape=(3,)),
    "full-normal": Spec(shape=(3,)),
    "laplace": Spec(shape=(3,)),
    "logistic:2": Spec(shape=(3,)),
    "normal:3": Spec(shape=(3,)),
    "poisson": Spec(shape=(3,), levels=(41,), lowest=(0.0,), highest=(40.0,)),
    "hurdle": Spec(shape=(3,), lowest=(0.0,), highest=(9.0,)),
    "hurdle:2": Spec(shape=(3,), lowest=(0.0,), highest=(9.0,)),
}
EVENT = {
    "bernoulli": [1, 0, 1],
    "categorical": [4, 0, 2],
    "poisson": [3, 0, 21],
    "hurdle": [0, 2.5, 0.1],
    "hurdle:2": [0, 2.5, 0.1],
}


def wide(model):
    """The model with an encoder whose guess is wider than any posterior can be."""
    last = model.encoder.net.layers[-1]
    layer = eqx.tree_at(
        lambda layer: (layer.weight, layer.bias), last, (0.1 * last.weight, jnp.array([0.0, 1.0]))
    )
    return eqx.tree_at(lambda m: m.encoder.net.layers[-1], model, layer)


@pytest.mark.parametrize("word", UNIFORM)
@pytest.mark.parametrize("missing", [False, True])
def test_the_bound_with_many_draws_is_the_integral_over_the_code(word, missing):
    recipe = VAERecipe(latent=1, hidden=(5,), likelihood=(word,), activation="tanh")
    spec = Spec(**{**vars(UNIFORM[word]), "missing": missing})
    resolved = recipe.resolve(spec)
    assert resolved.likelihood == (word,)
    model = wide(resolved.build(spec, jax.random.key(5)))
    value = jnp.asarray(EVENT.get(word, [0.2, 0.9, 0.4]), jnp.float32)
    observed = jnp.array([True, False, True]) if missing else None
    event = value if observed is None else Masked(jnp.where(observed, value, 0), observed)
    bound = eqx.filter_jit(lambda model: model.bound(event, key=jax.random.key(1), samples=20_000))
    # The relative error of a mean of 20 000 weights, whose deviation is a few times their mean.
    assert float(bound(model)) == pytest.approx(quadrature(model, value, observed), abs=0.05)


@pytest.fixture(scope="module")
def mixed():
    recipe = VAERecipe(latent=1, hidden=(6,), likelihood=WORDS).resolve(TABLE)
    return recipe, recipe.build(TABLE, jax.random.key(0))


def test_columns_have_likelihoods_of_their_own(mixed):
    _, model = mixed
    raw = jnp.asarray(np.random.default_rng(0).normal(size=model.decoder.head.size), jnp.float32)
    says = model.decoder.head(raw)
    event = np.array([0.7, 12, 2, 1.3], np.float32)
    e, hits, kind, width = (part for part in says.parts)
    expected = (
        stats.laplace(float(e.location[0]), float(e.scale[0])).logpdf(event[0])
        + stats.poisson(float(hits.rate[0])).logpmf(event[1])
        + special.log_softmax(np.asarray(kind.logits, float)[:, 0])[2]
        + special.log_expit(float(width.logits[0]))
        + stats.norm(float(width.positive.location[0]), float(width.positive.scale[0])).logpdf(
            np.log(event[3])
        )
        - np.log(event[3])
    )
    assert float(says.log_prob(jnp.asarray(event))) == pytest.approx(expected, rel=1e-5)
    assert model.measure == "mixed"
    np.testing.assert_array_equal(model.continuous(jnp.asarray(event)), [True, False, False, True])
    np.testing.assert_array_equal(
        model.continuous(jnp.array([0.0, 0.0, 0.0, 0.0])), [True, False, False, False]
    )


def test_columns_that_mean_something_as_they_are_are_left_as_they_are(mixed):
    recipe, _ = mixed
    assert recipe.preprocess == ("standardise",)
    assert recipe.untouched(TABLE) == (1, 2, 3)
    same = VAERecipe(likelihood=("poisson",)).resolve(UNIFORM["poisson"])
    assert (same.preprocess, same.untouched(UNIFORM["poisson"])) == (("none",), ())


def test_the_encoder_sees_logarithms_and_single_categories(mixed):
    recipe, model = mixed
    random = np.random.default_rng(1)
    events = np.stack(
        [
            random.normal(size=500),
            random.poisson(9, 500),
            random.integers(0, 3, 500),
            random.exponential(size=500) * (random.random(500) < 0.6),
        ],
        axis=1,
    ).astype(np.float32)
    ones = jnp.ones(500)
    batch = Batch(jnp.asarray(events), None, ones, jnp.array(500.0))
    view = recipe.initialise(model, batch, jax.random.key(1)).view
    shown = np.asarray(jax.vmap(view)(events))
    logs = np.log1p(events[:, [1, 3]])
    expected = np.concatenate(
        [events[:, :1], (logs - logs.mean(0)) / logs.std(0), np.eye(3)[events[:, 2].astype(int)]],
        axis=1,
    )
    np.testing.assert_allclose(shown, expected, atol=2e-5)
    assert view.output == (6,)


def test_the_view_shows_nothing_of_what_is_missing():
    view = View((4,), "float32", logarithmic=(1,), categories=((2, 3),), missing=True)
    observed = jnp.array([True, False, False, True])
    a, b = (Masked(jnp.array([0.5, n, k, 2.0]), observed) for n, k in [(7.0, 1.0), (0.0, 2.0)])
    np.testing.assert_array_equal(view(a), view(b))
    np.testing.assert_array_equal(view(a), [0.5, 0, 2.0, 0, 0, 0, 1, 0, 0, 1])
    assert view.output == (10,)
    image = View((2, 2), "float32", missing=True)
    shown = image(Masked(jnp.ones((2, 2)), jnp.array([[True, False], [True, True]])))
    np.testing.assert_array_equal(shown, [[[1, 0], [1, 1]], [[1, 0], [1, 1]]])
    assert image.output == (2, 2, 2)


REFUSED = {
    "unknown": ("gamma", "no likelihood 'gamma'"),
    "close": ("poison", "Did you mean 'poisson'"),
    "no number": ("normal:", "must end in a number of components, as in normal:3"),
    "not a number": ("laplace:two", "must end in a number"),
    "mixture of all": ("full-normal:2", "not of full-normal"),
    "unknown column": ("ee=normal", "no column 'ee' among the events. Did you mean 'e'"),
    "counts of reals": ("e=poisson", "whole numbers from zero up, and the values of 'e' hold"),
    "kinds of reals": ("width=categorical", "the values of 'width' hold"),
    "coins of kinds": ("kind=bernoulli", "zeros and ones, and the values of 'kind' hold"),
    "hurdle below zero": ("e=hurdle", "the values of 'e' go down to -9"),
    "unit above one": ("width=continuous-bernoulli", "'width' reach from 0 to 5.5"),
    "counts once standardised": ("poisson", "whole numbers from zero up"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_likelihood_that_columns_cannot_have(case):
    word, message = REFUSED[case]
    with pytest.raises(OptionError, match=message):
        VAERecipe(likelihood=(word,), preprocess=("standardise",)).resolve(TABLE)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("normal", "laplace"), "Two likelihoods for all numbers, 'normal' and 'laplace'"),
        (("e=normal", "e=laplace"), "'e' has two likelihoods"),
        (("full-normal", "e=laplace"), "full-normal joins all columns"),
    ],
)
def test_words_that_contradict_each_other(words, message):
    with pytest.raises(OptionError, match=message):
        Likelihoods.of(words, TABLE)


def test_steps_that_a_likelihood_cannot_follow():
    images = Spec(shape=(4, 4), levels=(256,), lowest=(0.0,), highest=(255.0,))
    assert VAERecipe(likelihood=("continuous-bernoulli",)).resolve(images).preprocess == ("scale",)
    with pytest.raises(OptionError, match="reach from"):
        VAERecipe(likelihood=("continuous-bernoulli",), preprocess=("none",)).resolve(images)
    with pytest.raises(OptionError, match="go down to"):
        VAERecipe(likelihood=("hurdle",), preprocess=("standardise",)).resolve(images)
    kept = VAERecipe(likelihood=("hurdle",), preprocess=("scale=100",)).resolve(images)
    assert kept.preprocess == ("scale=100",)


def test_scores_of_mixed_columns_do_not_depend_on_their_units(tmp_path):
    """A density counts the slope of what was standardised, and a probability has none."""
    random = np.random.default_rng(2)
    n = 300
    rows = {
        "e": random.normal(size=n),
        "hits": random.poisson(5, n),
        "width": random.exponential(size=n) * (random.random(n) < 0.6),
    }
    path = tmp_path / "table.csv"
    lines = np.stack(list(rows.values()), 1)
    np.savetxt(path, lines, "%.9g", ",", header=",".join(rows), comments="")
    run = ansatz.fit(
        "vae", path, latent=1, hidden=(4,), epochs=2, quiet=True,
        likelihood=("normal", "hits=poisson", "width=hurdle"),
    )  # fmt: skip
    assert "probability where it has atoms" in run.log_likelihood_is()
    event = np.array([[0.3, 4, 0.0], [0.3, 4, 0.7]])
    values = run.log_likelihood(dataset_like(run, event), samples=20_000)
    # The same by hand: standardised first column, whose slope counts; the others as they are.
    affine = run.pipeline.preprocessing.steps[0].bijection
    for value, row in zip(values, event, strict=True):
        prepared = row.copy()
        prepared[0] = row[0] * affine.scale[0] + affine.shift[0]
        log_p = quadrature(run.model, jnp.asarray(prepared, jnp.float32), None)
        assert value == pytest.approx(log_p + np.log(affine.scale[0]), abs=0.1)
    drawn = run.sample(400)
    assert (drawn[:, 1] == np.rint(drawn[:, 1])).all()
    assert (drawn[:, 2] == 0).any()


def dataset_like(run, events):
    return ansatz.Dataset(events, event_columns=run.record.event_columns)


@pytest.fixture(scope="module")
def holes(tmp_path_factory):
    """Three numbers that say nearly the same, a third of them missing."""
    random = np.random.default_rng(3)
    common = random.normal(size=(600, 1))
    whole = (common + 0.2 * random.normal(size=(600, 3))).astype(np.float32)
    hidden = random.random(whole.shape) < 1 / 3
    hidden[hidden.all(1), 0] = False
    path = tmp_path_factory.mktemp("holes") / "holes.npy"
    np.save(path, np.where(hidden, np.nan, whole))
    return path, whole, hidden


@pytest.fixture(scope="module")
def filled(holes):
    return ansatz.fit(
        "vae", holes[0], missing="nan", latent=1, hidden=(32,), epochs=60, rate=5e-3,
        quiet=True, out=holes[0].parent / "run",
    )  # fmt: skip


def test_missing_numbers_are_filled_in(holes, filled):
    path, whole, hidden = holes
    run = ansatz.load(filled.path)
    found = run.reconstruct(path, fill=True)
    np.testing.assert_array_equal(found[~hidden], whole[~hidden])
    wrong = np.sqrt(np.mean((found - whole)[hidden] ** 2))
    means = np.nanmean(np.load(path), 0)
    naive = np.sqrt(np.mean((np.broadcast_to(means, whole.shape) - whole)[hidden] ** 2))
    # From one or two of the others a number is known to about 0.25, and without them to 1.
    assert wrong < 0.35
    assert naive > 0.9


def test_scores_are_of_the_observed_numbers_alone(holes, filled):
    one = np.array([[0.5, np.nan, 0.4]], np.float32)
    pair = filled.log_likelihood(one, samples=4000)[0]
    # Over all values of the missing number the density of three integrates to that of two.
    grid = np.linspace(-4, 5, 61)
    rows = np.stack([np.full(61, 0.5), grid, np.full(61, 0.4)], 1).astype(np.float32)
    values = filled.log_likelihood(rows, samples=4000)
    assert pair == pytest.approx(np.log(integrate.simpson(np.exp(values), x=grid)), abs=0.05)


def test_recipes_that_cannot_miss_numbers_say_so(holes):
    with pytest.raises(OptionError, match="'pca' cannot learn from events with missing numbers"):
        ansatz.fit("pca", holes[0], missing="nan", latent=1, quiet=True)
