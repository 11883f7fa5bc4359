"""Preprocessing against the same chain in NumPy, against autodiff, and against its inverse."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special
import scipy.stats

from ansatz.data.preprocessing import Preprocessing, fit_preprocessing
from ansatz.data.statistics import Survey, gather, survey
from ansatz.protocol.errors import DataError, OptionError


@pytest.fixture(autouse=True, scope="module")
def _float64():
    with jax.enable_x64(True):
        yield


SHAPE = (2, 2)
EVENTS = np.random.default_rng(0).gamma(2.0, 1.5, (42, *SHAPE)) + np.diag([3, 8])
COUNTS = np.random.default_rng(1).integers(0, 7, (51, *SHAPE))


def fit(words, events=EVENTS, dtype="float64", parts=3):
    """A chain fitted to events that come in several parts."""
    return fit_preprocessing(words, events.shape[1:], dtype, in_parts(events, parts))


def in_parts(events, parts):
    def again():
        return map(np.float64, split(events, parts))

    return Survey(again, gather(again()))


def split(events, parts):
    return np.array_split(events, min(parts, len(events)))


def standardise(x):
    return (x - x.mean(0)) / x.std(0)


def scale(x):
    return (x - x.min()) / (x.max() - x.min())


def logit(x, margin=1e-6):
    return scipy.special.logit(margin + (1 - 2 * margin) * x)


CHAINS = {
    ("none",): lambda x: x,
    ("standardise",): standardise,
    ("scale",): scale,
    ("scale=8",): lambda x: x / 8,
    ("log1p",): np.log1p,
    ("scale=40", "logit"): lambda x: logit(x / 40),
    # Each step with constants looks at what those before it made of the events.
    ("log1p", "standardise"): lambda x: standardise(np.log1p(x)),
    ("scale", "logit=0.05", "standardise"): lambda x: standardise(logit(scale(x), 0.05)),
    ("standardise", "scale", "logit=0.01"): lambda x: logit(scale(standardise(x)), 0.01),
}


@jax.jit
def there_and_back(chain, events):
    """Forward with the logarithms of its slopes, the Jacobian by autodiff, and back."""

    def one(x):
        key = jax.random.key(0)
        y, log_slope = chain.forward(x, key)
        jacobian = jax.jacfwd(lambda x: chain.forward(x, key)[0])(x).reshape(x.size, x.size)
        return y, log_slope, jacobian, chain.inverse(y)

    return jax.vmap(one)(events)


@pytest.mark.parametrize("words", CHAINS, ids=" ".join)
def test_deterministic_chains(words):
    chain = fit(words)
    y, log_slope, jacobian, back = there_and_back(chain, jnp.asarray(EVENTS))
    np.testing.assert_allclose(y, CHAINS[words](EVENTS), rtol=1e-9, atol=1e-9)
    diagonal = np.diagonal(jacobian, axis1=1, axis2=2)
    np.testing.assert_array_equal(jacobian, diagonal[:, None] * np.eye(4))
    np.testing.assert_allclose(
        log_slope.reshape(-1, 4), np.log(np.abs(diagonal)), rtol=1e-9, atol=1e-9
    )
    np.testing.assert_allclose(back, EVENTS, rtol=1e-8)


@pytest.mark.parametrize(
    "words", [*CHAINS, ("dequantise", "scale", "logit"), ("binarise",), ()], ids=" ".join
)
def test_without_events_the_structure_is_the_same(words):
    events, dtype = (COUNTS > 3) if words == ("binarise",) else COUNTS, "float32"
    fitted = fit(words, events, dtype)
    empty = fit_preprocessing(words, SHAPE, dtype, None)
    assert jax.tree.structure(empty) == jax.tree.structure(fitted)
    leaves = zip(jax.tree.leaves(empty), jax.tree.leaves(fitted), strict=True)
    assert all((a.shape, a.dtype) == (b.shape, np.dtype(dtype)) for a, b in leaves)


def test_constant_coordinates_are_only_shifted():
    # Of this many equal numbers the rounded mean is off by more than rounding of one of them.
    events = np.full((300_000, 2), 0.1)
    events[:, 1] = np.arange(300_000)
    assert events.std(0)[0] > 1e-13
    chain = fit_preprocessing(("standardise",), (2,), "float64", survey(events))
    low, _ = chain.forward(jnp.array([0.1, 0.0]), jax.random.key(0))
    high, _ = chain.forward(jnp.array([1.1, 299_999.0]), jax.random.key(0))
    np.testing.assert_allclose(high - low, [1.0, 299_999 / events[:, 1].std()], rtol=1e-12)
    # So they are when a step in single precision comes before.
    chain = fit(("log1p", "standardise"), events[:1000], "float32")
    near, _ = chain.forward(jnp.array([0.1, 0.0], jnp.float32), jax.random.key(0))
    assert abs(near[0]) < 1e-6


def test_events_that_are_all_alike_can_be_scaled():
    chain = fit(("scale",), np.full((4, 1), 3.0))
    y, log_slope = chain.forward(jnp.array([3.5]), jax.random.key(0))
    assert (float(y[0]), float(log_slope[0])) == (0.5, 0.0)


def test_scaled_numbers_stay_in_the_unit_interval_in_single_precision():
    random = np.random.default_rng(2)
    for start in random.uniform(-1e3, 1e3, 12):
        events = start + random.uniform(0.1, 2) * random.uniform(size=(20, 3))
        chain = fit(("scale", "logit"), events, "float32", parts=1)
        y, *_ = there_and_back(chain, jnp.asarray(events, jnp.float32))
        assert np.isfinite(y).all()


@pytest.fixture(scope="module")
def draw():
    """Many draws of the first coordinates of a chain, for one event."""

    @jax.jit
    def draws(chain, x, keys):
        return jax.vmap(lambda key: chain.forward(x, key))(keys)

    return lambda chain, x, n=4000: jax.device_get(
        draws(chain, jnp.asarray(x), jax.random.split(jax.random.key(9), n))
    )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_dequantised_numbers_stay_in_their_cell(draw, dtype):
    # At 2^20 single precision has eighths: a sixteenth of all sums would be rounded up.
    x = np.array([0, 1, 255, 2**20, -3, 2**24 + 2], dtype)
    chain = fit(("dequantise",), np.zeros((2, 6)), dtype)
    y, log_slope = draw(chain, x)
    assert y.dtype == dtype
    assert (y >= x).all()
    assert (y < np.where(x < 2**24, x + 1, np.inf)).all()
    np.testing.assert_array_equal(chain.inverse(jnp.asarray(y)), np.broadcast_to(x, y.shape))
    np.testing.assert_array_equal(log_slope, 0)
    assert chain.dequantises
    # The spread is uniform; a test at one in ten thousand, with a fixed key.
    for column in (0, 1, 2):
        assert scipy.stats.kstest(y[:, column] - x[column], "uniform").pvalue > 1e-4
    # Coordinates are spread each on their own: a correlation within 4 sigma of none.
    assert abs(np.corrcoef(y[:, 0], y[:, 1])[0, 1]) < 4 / np.sqrt(len(y))


def test_dequantisation_passes_gradients_on():
    chain = fit(("dequantise",), np.zeros((2, 2)))
    slope = jax.jacfwd(lambda x: chain.forward(x, jax.random.key(0))[0])(jnp.array([2.0, 7.0]))
    np.testing.assert_array_equal(slope, np.eye(2))


def test_the_range_of_dequantised_numbers_is_that_of_their_cells(draw):
    chain = fit(("dequantise", "scale", "logit"), COUNTS)
    assert (COUNTS.min(), COUNTS.max()) == (0, 6)
    x = np.array([[0.0, 6.0], [3.0, 6.0]])
    y, log_slope = draw(chain, x)
    unit = scipy.special.expit(y)
    # Cells are sevenths of the unit interval, up to the margin of the logit.
    assert (np.abs(unit * 7 - x - 0.5) < 0.5 + 1e-5).all()
    back = jax.vmap(chain.inverse)(jnp.asarray(y))
    np.testing.assert_array_equal(back, np.broadcast_to(x, y.shape))
    # log |dy/dx| of y = logit(m + (1 - 2m)(x + u)/7), one term a coordinate
    expected = np.log((1 - 2e-6) / 7) - np.log(unit) - np.log1p(-unit)
    np.testing.assert_allclose(log_slope, expected, rtol=1e-6)


def test_standardised_dequantised_numbers_have_a_twelfth_more_variance():
    events = np.arange(5001)[:, None] % 2
    chain = fit(("dequantise", "standardise"), events)
    affine = chain.steps[1].bijection
    # x + u has mean 1/2 + 1/2 and variance 1/4 + 1/12. The mean of n draws of u is within
    # 4 sigma = 4 sqrt(1/(12 n)), and so nearly is half the relative error of the deviation.
    within = 4 / np.sqrt(12 * 5000)
    assert -affine.shift[0] / affine.scale[0] == pytest.approx(1.0, abs=within)
    assert 1 / affine.scale[0] == pytest.approx(np.sqrt(1 / 3), abs=within)


def test_binarised_pixels_have_their_value_as_mean(draw):
    x = np.array([0.0, 0.02, 0.3, 0.5, 0.9, 1.0])
    chain = fit(("binarise",), x[None].repeat(3, 0))
    y, log_slope = draw(chain, x)
    assert set(np.unique(y)) == {0.0, 1.0}
    # 4 sigma of a Bernoulli mean; none for the certain ends.
    assert (np.abs(y.mean(0) - x) <= 4 * np.sqrt(x * (1 - x) / len(y))).all()
    np.testing.assert_array_equal(log_slope, 0)
    np.testing.assert_array_equal(chain.inverse(jnp.asarray(y)), y)
    assert chain.binarises


def test_two_drawing_steps_draw_from_keys_of_their_own(draw):
    """With one key for both, x + u and the coin would agree: u < 1/2 exactly where heads fell."""
    chain = fit(("binarise", "dequantise"), np.full((3, 1), 0.5))
    y, _ = draw(chain, np.array([0.5]))
    heads, low = y[:, 0] >= 1, y[:, 0] % 1 < 0.5
    # Agreement of two fair coins in n throws: a half within 4 sigma = 2/sqrt(n).
    assert abs(np.mean(heads == low) - 0.5) < 2 / np.sqrt(len(y))


REFUSED_DATA = {
    "binarise above one": (("binarise",), [[0.0], [1.5]], r"'binarise' needs values in \[0, 1\]"),
    "binarise below zero": (("binarise",), [[-0.2], [0.5]], "from -0.2 to 0.5"),
    "binarise what was scaled too little": (("scale=128", "binarise"), [[0], [255]], "to 1.99219"),
    "logit above one": (("logit",), [[0.0], [2.0]], r"'logit' needs values in \[0, 1\]"),
    "log1p below": (("log1p",), [[-1.5], [0.0]], "'log1p' needs values above -1"),
    "log1p at its end": (("log1p",), [[-1.0], [0.0]], "'log1p' needs values above -1"),
    "log1p after standardise": (("standardise", "log1p"), [[0.0]] * 9 + [[9.0]] * 2, None),
    "dequantise fractions": (("dequantise",), [[0.5], [1.0]], "'dequantise' needs whole numbers"),
    "dequantise after scale": (("scale", "dequantise"), [[0], [3], [7]], "needs whole numbers"),
}


@pytest.mark.parametrize("case", REFUSED_DATA)
def test_data_that_a_step_cannot_take(case):
    words, events, message = REFUSED_DATA[case]
    if message is None:
        # The standardised zeros lie above -1, so this one is taken.
        assert fit(words, np.array(events)).steps
        return
    with pytest.raises(DataError, match=message):
        fit(words, np.array(events), parts=2)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("standardize",), r"no preprocessing step 'standardize'. Did you mean 'standardise'\?"),
        (("zzz",), "Known: scale, standardise, logit, log1p, dequantise, binarise"),
        (("none", "scale"), "no preprocessing step 'none'"),
        (("scale=wide",), "'scale=wide' takes a number after '='"),
        (("scale=nan",), "'scale=nan' takes a number"),
        (("scale=inf",), "'scale=inf' takes a number"),
        (("scale=0",), "scale=0 must be positive"),
        (("scale=-2",), "scale=-2 must be positive"),
        (("scale", "logit=0.5"), "margin of a Logit"),
        (("standardise=2",), "'standardise' takes no number"),
        (("log1p=2",), "'log1p' takes no number"),
        (("dequantise=2",), "'dequantise' takes no number"),
        (("binarise=2",), "'binarise' takes no number"),
    ],
)
def test_words_that_name_no_chain(words, message):
    with pytest.raises(OptionError, match=message):
        fit(words, COUNTS)


MISSING = np.where(np.random.default_rng(3).random(EVENTS.shape) < 0.3, np.nan, EVENTS)


@pytest.mark.parametrize("words", CHAINS, ids=" ".join)
def test_missing_numbers_leave_the_others_as_they_would_be(words):
    chain = fit_preprocessing(words, SHAPE, "float64", in_parts(MISSING, 3), missing=True)
    event, log_slope = jax.vmap(lambda x: chain.forward(x, jax.random.key(0)))(MISSING)
    known = ~np.isnan(MISSING)
    np.testing.assert_array_equal(event.observed, known)
    # The same constants by NumPy, whose nan-functions look at the known numbers alone.
    np.testing.assert_allclose(
        event.value[known], NAN_CHAINS[words](MISSING)[known], rtol=1e-9, atol=1e-9
    )
    plain = Preprocessing(chain.steps)
    _, full = jax.vmap(lambda x: plain.forward(x, jax.random.key(0)))(jnp.asarray(EVENTS))
    np.testing.assert_array_equal(log_slope[known], full[known])
    # What is not known stands for nothing.
    assert not np.asarray(event.value)[~known].any()
    assert not np.asarray(log_slope)[~known].any()
    back = jax.vmap(chain.inverse)(event)
    np.testing.assert_allclose(back, MISSING, rtol=1e-8)


def nan_standardise(x):
    return (x - np.nanmean(x, 0)) / np.nanstd(x, 0)


def nan_scale(x):
    return (x - np.nanmin(x)) / (np.nanmax(x) - np.nanmin(x))


NAN_CHAINS = {
    **CHAINS,
    ("standardise",): nan_standardise,
    ("scale",): nan_scale,
    ("log1p", "standardise"): lambda x: nan_standardise(np.log1p(x)),
    ("scale", "logit=0.05", "standardise"): lambda x: nan_standardise(logit(nan_scale(x), 0.05)),
    ("standardise", "scale", "logit=0.01"): lambda x: logit(nan_scale(nan_standardise(x)), 0.01),
}


def test_what_draws_at_random_draws_the_same_for_the_known_numbers(draw):
    counts = np.where(np.isnan(MISSING), np.nan, COUNTS[:42])
    chain = fit_preprocessing(
        ("dequantise", "scale", "logit"), SHAPE, "float64", in_parts(counts, 3), missing=True
    )
    event, _ = draw(chain, counts[0])
    y, _ = draw(Preprocessing(chain.steps), COUNTS[0].astype(float))
    known = ~np.isnan(counts[0])
    np.testing.assert_array_equal(event.value[:, known], y[:, known])
    assert np.isfinite(event.value).all()


def test_a_threshold_cuts_and_spins_are_made_of_bits():
    events = np.array([[0.0, 3.0, 8.0, 16.0], [16.0, 9.0, 8.1, 0.0]])
    key = jax.random.key(0)
    chain = fit(("scale", "threshold", "spin"), events)
    for row in events:
        y, slope = chain.forward(jnp.asarray(row), key)
        np.testing.assert_array_equal(y, np.where(row > 8, 1.0, -1.0))
        np.testing.assert_allclose(slope, np.log(2 / 16), rtol=1e-9)
        np.testing.assert_array_equal(chain.inverse(y), 16.0 * (row > 8))
    assert chain.thresholds
    assert not chain.binarises
    low = fit(("threshold=2",), events)
    assert low.forward(jnp.asarray(events[0]), key)[0].tolist() == [0, 1, 1, 1]
    spins = np.array([[-1.0, 1.0], [1.0, 1.0]])
    back = fit(("scale", "spin"), spins)
    np.testing.assert_array_equal(back.forward(jnp.asarray(spins[0]), key)[0], spins[0])
    with pytest.raises(DataError, match="zeros and ones"):
        fit(("scale", "spin"), np.array([[-1.0, 0.0, 1.0]]))
    with pytest.raises(DataError, match="zeros and ones"):
        fit(("spin",), spins)
