"""Heads: what raw numbers stand for, and the raw numbers that fit given events."""

from collections.abc import Callable
from dataclasses import dataclass

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special
import scipy.stats
from catalogue import sloped

from ansatz.distributions import (
    AbstractElementwiseHead,
    AbstractHead,
    BernoulliHead,
    CategoricalHead,
    ContinuousBernoulliHead,
    FixedNormalHead,
    FullNormalHead,
    HurdleHead,
    LaplaceHead,
    LogisticHead,
    MixtureHead,
    NormalHead,
    PoissonHead,
    ProductHead,
    SharedNormalHead,
)
from ansatz.protocol.errors import OptionError


@pytest.fixture(autouse=True, scope="module")
def _float64():
    with jax.enable_x64(True):
        yield


SHAPE = (2, 3)
RAW = np.random.default_rng(0).normal(0, 1, (40, *SHAPE))
REAL = np.random.default_rng(1).normal(0, 2, SHAPE)
COUNTS = np.array([[0.0, 1.0, 2.0], [1.0, 0.0, 3.0]])
BITS = np.minimum(COUNTS, 1)
UNIT = np.array([[0.0, 0.2, 0.7], [1.0, 0.5, 0.99]])
HITS = np.array([[0.0, 0.2, 3.0], [0.0, 0.0, 10.0]])
PLACES = ((4, 1, 0), (2,), (5, 3))


def softplus(r):
    return np.logaddexp(0, r)


def each_mixed(parts, weights):
    """log Σ_k w_k p_k per coordinate, for logits w_k and log p_k."""
    return scipy.special.logsumexp(np.stack(parts) + scipy.special.log_softmax(weights, 0), 0)


def full_normal():
    """log N(x; μ, L Lᵀ), with L's diagonal and what is below it row by row."""
    raw = RAW.ravel()
    factor = np.diag(softplus(raw[6:12]))
    k = 12
    for i in range(6):
        for j in range(i):
            factor[i, j] = raw[k]
            k += 1
    return scipy.stats.multivariate_normal(raw[:6], factor @ factor.T).logpdf(REAL.ravel())


def hurdle():
    hit = scipy.special.expit(RAW[0])
    positive = scipy.stats.lognorm(softplus(RAW[2]), scale=np.exp(RAW[1]))
    with np.errstate(divide="ignore"):
        return np.where(HITS > 0, np.log(hit) + positive.logpdf(HITS), np.log(1 - hit))


def beside():
    """Three heads side by side, their raw numbers one after the other."""
    raw, x = RAW.ravel(), HITS.ravel()
    normal = scipy.stats.norm.logpdf(x[[4, 1, 0]], raw[:3], softplus(raw[3:6]))
    category = scipy.special.log_softmax(raw[6:10])[int(x[2])]
    hit, location, scale = raw[10:16].reshape(3, 2)
    own = x[[5, 3]]
    with np.errstate(divide="ignore"):
        log_f = scipy.stats.lognorm(softplus(scale), scale=np.exp(location)).logpdf(own)
    last = np.where(own > 0, scipy.special.log_expit(hit) + log_f, scipy.special.log_expit(-hit))
    return normal.sum() + category + last.sum()


@dataclass(frozen=True)
class Case:
    """A head, how many raw numbers it takes, an event, and log p at the numbers of RAW by SciPy.

    `sharp`: the initial numbers make the events likeliest; of others, the moments agree.
    """

    make: Callable[[], AbstractHead]
    size: int
    event: np.ndarray
    log_prob: Callable[[], np.ndarray]
    continuous: np.ndarray
    measure: str
    sharp: bool = True


EVERY, NONE = np.ones(SHAPE, bool), np.zeros(SHAPE, bool)

HEADS = {
    "bernoulli": Case(
        lambda: BernoulliHead(SHAPE),
        6,
        BITS,
        lambda: scipy.stats.bernoulli.logpmf(BITS, scipy.special.expit(RAW[0])),
        NONE,
        "probability",
    ),
    "continuous bernoulli": Case(
        lambda: ContinuousBernoulliHead(SHAPE),
        6,
        UNIT,
        lambda: np.array([sloped(a).log(x) for a, x in zip(RAW[0].flat, UNIT.flat, strict=True)]),
        EVERY,
        "density",
    ),
    "categorical": Case(
        lambda: CategoricalHead(SHAPE, 4),
        24,
        COUNTS,
        lambda: np.take_along_axis(
            scipy.special.log_softmax(RAW[:4], 0), COUNTS.astype(int)[None], 0
        ),
        NONE,
        "probability",
    ),
    "poisson": Case(
        lambda: PoissonHead(SHAPE),
        6,
        COUNTS,
        lambda: scipy.stats.poisson.logpmf(COUNTS, softplus(RAW[0])),
        NONE,
        "probability",
    ),
    "logistic": Case(
        lambda: LogisticHead(SHAPE),
        12,
        REAL,
        lambda: scipy.stats.logistic.logpdf(REAL, RAW[0], softplus(RAW[1])),
        EVERY,
        "density",
        sharp=False,
    ),
    "laplace": Case(
        lambda: LaplaceHead(SHAPE),
        12,
        REAL,
        lambda: scipy.stats.laplace.logpdf(REAL, RAW[0], softplus(RAW[1])),
        EVERY,
        "density",
    ),
    "fixed normal": Case(
        lambda: FixedNormalHead(SHAPE, 0.3),
        6,
        REAL,
        lambda: scipy.stats.norm.logpdf(REAL, RAW[0], 0.3),
        EVERY,
        "density",
    ),
    "shared normal": Case(
        lambda: SharedNormalHead(SHAPE, scale=0.3),
        6,
        REAL,
        lambda: scipy.stats.norm.logpdf(REAL, RAW[0], 0.3),
        EVERY,
        "density",
    ),
    "normal": Case(
        lambda: NormalHead(SHAPE),
        12,
        REAL,
        lambda: scipy.stats.norm.logpdf(REAL, RAW[0], softplus(RAW[1])),
        EVERY,
        "density",
    ),
    "full normal": Case(lambda: FullNormalHead(SHAPE), 27, REAL, full_normal, EVERY, "density"),
    "hurdle": Case(lambda: HurdleHead(SHAPE), 18, HITS, hurdle, HITS > 0, "mixed"),
    "mixture": Case(
        lambda: MixtureHead(NormalHead(SHAPE), 3),
        54,
        REAL,
        lambda: each_mixed(
            [scipy.stats.norm.logpdf(REAL, RAW[k], softplus(RAW[k + 1])) for k in (3, 5, 7)],
            RAW[:3],
        ),
        EVERY,
        "density",
        sharp=False,
    ),
    "mixture of categories": Case(
        lambda: MixtureHead(CategoricalHead(SHAPE, 4), 2),
        60,
        COUNTS,
        lambda: each_mixed(
            [
                np.take_along_axis(
                    scipy.special.log_softmax(RAW[k : k + 4], 0), COUNTS.astype(int)[None], 0
                )[0]
                for k in (2, 6)
            ],
            RAW[:2],
        ),
        NONE,
        "probability",
        sharp=False,
    ),
    "product": Case(
        lambda: ProductHead((NormalHead((3,)), CategoricalHead((), 4), HurdleHead((2,))), PLACES),
        16,
        HITS.ravel(),
        beside,
        np.array([True, True, False, False, True, True]),
        "mixed",
    ),
}


@pytest.fixture(params=HEADS, scope="module")
def case(request) -> Case:
    return HEADS[request.param]


def raw_of(head: AbstractHead) -> jax.Array:
    return jnp.asarray(RAW.ravel()[: head.size])


@eqx.filter_jit
def draw(head: AbstractHead, raw, keys):
    return jax.vmap(head(raw).sample)(keys)


@eqx.filter_jit
def start(head: AbstractHead, events, observed):
    return head.initial(events, observed)


@eqx.filter_jit
def log_likelihood(head: AbstractHead, raw, events):
    return jnp.mean(jax.vmap(head(raw).log_prob)(events))


@pytest.fixture(scope="module")
def events(case) -> jax.Array:
    """Events of the head itself."""
    head = case.make()
    return draw(head, raw_of(head), jax.random.split(jax.random.key(0), 4000))


def test_raw_numbers_become_a_distribution(case):
    head = case.make()
    assert head.size == case.size
    p = head(raw_of(head))
    assert p.shape == head.shape == case.event.shape
    expected = np.sum(case.log_prob())
    np.testing.assert_allclose(p.log_prob(jnp.asarray(case.event)), expected, rtol=1e-10)
    if isinstance(head, AbstractElementwiseHead):
        assert head.numbers * np.prod(SHAPE) == head.size


def test_where_an_event_has_a_density(case):
    head = case.make()
    found = head.continuous(jnp.asarray(case.event))
    assert found.dtype == bool
    np.testing.assert_array_equal(found, case.continuous)
    assert head.measure == case.measure


def test_the_initial_numbers_make_the_events_likeliest(case, events):
    head = case.make()
    raw = start(head, events, None)
    assert raw.shape == (head.size,)
    if not case.sharp:
        return
    fitted, true = (log_likelihood(head, r, events) for r in (raw, raw_of(head)))
    # No parameters make events likelier than the likeliest, not even those they came from; and
    # the excess is half a χ² of as many degrees of freedom as there are numbers, over the number
    # of events: its mean is size/2n, its deviation less.
    assert 0 <= fitted - true < 5 * head.size / (2 * len(events))
    for i in range(0, head.size, 5):
        for step in (-0.05, -0.01, 0.01, 0.05):
            assert log_likelihood(head, raw.at[i].add(step), events) < fitted


def test_the_initial_numbers_have_the_moments_of_the_events(case, events):
    head = case.make()
    p = head(start(head, events, None))
    x = np.asarray(events)
    if not isinstance(head, LaplaceHead | HurdleHead | ProductHead):
        np.testing.assert_allclose(p.mean(), x.mean(0), rtol=2e-3, atol=2e-3)
    if isinstance(head, NormalHead | LogisticHead):
        np.testing.assert_allclose(p.variance(), x.var(0), rtol=1e-12)
    if isinstance(head, FullNormalHead):
        factor = np.asarray(p.factor)
        expected = np.cov(x.reshape(len(x), -1).T, bias=True)
        np.testing.assert_allclose(factor @ factor.T, expected, rtol=1e-9, atol=1e-9)
    if isinstance(head, MixtureHead) and head.measure == "density":
        # Each component has the mean and variance of its share, so that the sum has the whole's.
        np.testing.assert_allclose(p.mean(), x.mean(0), rtol=1e-3, atol=1e-3)
        np.testing.assert_allclose(p.variance(), x.var(0), rtol=2e-3)


def test_numbers_that_were_not_observed_do_not_count(case, events):
    """Coordinate by coordinate it is as if the other events were not there."""
    head = case.make()
    rng = np.random.default_rng(0)
    # As many of each coordinate, so that what is left is an array.
    n, kept = len(events), 3000
    order = np.argsort(rng.uniform(size=events.shape), 0)
    observed = jnp.asarray(order < kept)
    found, other = (start(head, jnp.where(observed, events, x), observed) for x in (-1e15, 1e15))
    np.testing.assert_array_equal(found, other)
    if isinstance(head, FullNormalHead):
        x = np.where(observed, events, np.nan).reshape(n, -1)
        location, factor = np.asarray(head(found).location), np.asarray(head(found).factor)
        np.testing.assert_allclose(location.ravel(), np.nanmean(x, 0), rtol=1e-9)
        # Each correlation from the pairs that are there, with the means and scales of all.
        z = (x - np.nanmean(x, 0)) / np.nanstd(x, 0)
        pairs = np.nanmean(z[:, :, None] * z[:, None], 0)
        expected = pairs * np.nanstd(x, 0) * np.nanstd(x, 0)[:, None]
        np.testing.assert_allclose(factor @ factor.T, expected, rtol=1e-9, atol=1e-9)
        return
    mask = np.asarray(observed).reshape(n, -1)
    columns = [
        column[m] for column, m in zip(np.asarray(events).reshape(n, -1).T, mask.T, strict=True)
    ]
    compressed = jnp.asarray(np.stack(columns, 1)).reshape(kept, *head.shape)
    np.testing.assert_allclose(found, start(head, compressed, None), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("bits", [32, 64])
def test_initial_numbers_are_finite_whatever_the_events(case, bits):
    with jax.enable_x64(bits == 64):
        head = case.make()
        constant = jnp.broadcast_to(jnp.asarray(case.event, float), (7, *head.shape))
        hidden = jnp.zeros(constant.shape, bool)
        # A constant far from zero has a variance by rounding alone.
        shifted = constant + (1e3 if case.measure == "density" and case.event is REAL else 0)

        @eqx.filter_jit
        def everything(head, events, observed):
            raw = head.initial(events, observed)
            gradient = jax.grad(lambda raw: head(raw).log_prob(events[0]))(raw)
            return raw, head(raw).log_prob(events[0]), gradient

        for batch in (constant, shifted, constant[:1]):
            for observed in (~hidden[: len(batch)], hidden[: len(batch)]):
                for leaf in everything(head, batch, observed):
                    assert leaf.dtype == constant.dtype
                    assert np.all(np.isfinite(leaf))


@pytest.mark.parametrize("bits", [32, 64])
def test_a_constant_starts_with_unit_scale(bits):
    with jax.enable_x64(bits == 64):
        events = jnp.broadcast_to(jnp.linspace(1000, 1001, 20), (7, 20))
        # By rounding alone some of these have a deviation.
        assert np.any(jnp.std(events, 0) > 0)
        for head in (
            NormalHead((20,)),
            LaplaceHead((20,)),
            LogisticHead((20,)),
            FullNormalHead((20,)),
        ):
            p = head(start(head, events, None))
            np.testing.assert_allclose(p.location, events[0], rtol=1e-6)
            if not isinstance(head, LaplaceHead):
                np.testing.assert_allclose(p.variance(), 1, rtol=1e-5)
            else:
                np.testing.assert_allclose(p.scale, 1, rtol=1e-5)


@pytest.mark.parametrize("bits", [32, 64])
def test_scales_and_rates_that_vanish_leave_finite_gradients(bits):
    """Events that agree with the location to the bit drive a scale to zero."""
    at, low = [0.0, 0.0], [-1e4, -1e4]
    with jax.enable_x64(bits == 64):
        heads = [
            (NormalHead((2,)), at + low, 0.0),
            (LogisticHead((2,)), at + low, 0.0),
            (LaplaceHead((2,)), at + low, 0.0),
            (FullNormalHead((2,)), [*at, *low, 0.0], 0.0),
            (HurdleHead((2,)), at + at + low, 1.0),
            (PoissonHead((2,)), low, 0.0),
            (MixtureHead(NormalHead((2,)), 2), 2 * at + 2 * (at + low), 0.0),
        ]
        for head, raw, x in heads:
            both = jax.value_and_grad(
                lambda raw, x, head=head: head(raw).log_prob(x), argnums=(0, 1)
            )
            for leaf in jax.tree.leaves(jax.jit(both)(jnp.asarray(raw), jnp.full(2, x))):
                assert np.all(np.isfinite(leaf))


def test_what_never_or_always_happens_starts_at_one_in_a_thousand():
    events = jnp.asarray([[0.0, 0.0, 1.0], [0.0, 1.0, 1.0]])
    bernoulli, hurdle, counts = BernoulliHead((3,)), HurdleHead((3,)), PoissonHead((3,))
    expected = [0.001, 0.5, 0.999]
    np.testing.assert_allclose(bernoulli(bernoulli.initial(events)).mean(), expected, rtol=1e-12)
    hit = scipy.special.expit(hurdle(hurdle.initial(events)).logits)
    np.testing.assert_allclose(hit, expected, rtol=1e-12)
    rate = counts(counts.initial(events)).rate
    np.testing.assert_allclose(rate, [0.001, 0.5, 1], rtol=1e-12)
    categories = CategoricalHead((), 3)
    found = categories(categories.initial(events[:, 1])).probabilities()
    np.testing.assert_allclose(found, np.array([0.5, 0.5, 0.001]) / 1.001, rtol=1e-12)


def test_what_was_never_observed_starts_without_an_opinion():
    events, hidden = jnp.full((5, 1), 7.0), jnp.zeros((5, 1), bool)
    heads = (
        (BernoulliHead((1,)), 0.5),
        (ContinuousBernoulliHead((1,)), 0.5),
        (NormalHead((1,)), 0.0),
        (LaplaceHead((1,)), 0.0),
        (PoissonHead((1,)), 1.0),
        (CategoricalHead((1,), 3), 1.0),
    )
    for head, mean in heads:
        np.testing.assert_allclose(head(head.initial(events, hidden)).mean(), mean, atol=1e-9)


def test_duplicate_coordinates_leave_a_factor():
    """Correlations of one, and more coordinates than events."""
    rng = np.random.default_rng(0)
    one = rng.normal(size=(50, 1))
    twice = np.concatenate([one, 2 * one, rng.normal(size=(50, 1))], 1)
    for bits, events in [(32, twice), (64, twice), (32, rng.normal(size=(4, 9)))]:
        with jax.enable_x64(bits == 64):
            x = jnp.asarray(events)
            head = FullNormalHead((events.shape[1],))
            factor = np.asarray(head(start(head, x, None)).factor, float)
            tolerance = 3 * float(jnp.finfo(x.dtype).eps) ** 0.5 * events.shape[1]
        expected = np.cov(events.T, bias=True)
        scale = np.sqrt(np.diag(expected))
        error = (factor @ factor.T - expected) / scale / scale[:, None]
        assert np.all(np.diag(factor) > 0)
        assert np.max(abs(error)) < tolerance


def test_components_of_a_mixture_start_apart():
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.normal(-5, 0.5, 600), rng.normal(4, 1.0, 300)])
    events = jnp.asarray(rng.permutation(x)[:, None])
    single, mixed = NormalHead((1,)), MixtureHead(NormalHead((1,)), 3)
    p = mixed(mixed.initial(events))
    centres = np.asarray(p.components.location)[:, 0]
    thirds = np.sort(x).reshape(3, 300)
    np.testing.assert_allclose(centres, thirds.mean(1), rtol=1e-12)
    scales = np.asarray(p.components.scale)[:, 0]
    np.testing.assert_allclose(scales, thirds.std(1), rtol=1e-12)
    fits = [float(log_likelihood(h, h.initial(events), events)) for h in (single, mixed)]
    # Two far peaks against one normal: more than half a nat an event.
    assert fits[1] > fits[0] + 0.5

    bits = MixtureHead(BernoulliHead((1,)), 2)
    events = jnp.asarray((rng.uniform(size=(1000, 1)) < 0.3).astype(float))
    rates = np.asarray(scipy.special.expit(bits(bits.initial(events)).components.logits))
    assert rates[0, 0] == pytest.approx(0.001)
    assert rates[1, 0] == pytest.approx(2 * np.mean(events))


def test_the_shared_scale_is_learnt_and_the_fixed_one_is_not():
    assert jax.tree.leaves(FixedNormalHead((3,), 2.0)) == []
    shared = SharedNormalHead((3,), dtype=jnp.float32, scale=2.0)
    assert [leaf.dtype for leaf in jax.tree.leaves(shared)] == [jnp.float32]
    np.testing.assert_allclose(shared.log_scale, np.log(2), rtol=1e-6)
    assert SharedNormalHead((3,)).log_scale == 0
    assert SharedNormalHead((3,)).log_scale.dtype == jnp.float64

    # The best scale is the root mean square residual: there the gradient vanishes.
    residual = jnp.asarray([0.1, -0.4, 2.0])
    best = float(jnp.sqrt(jnp.mean(residual**2)))
    gradient = jax.jit(jax.grad(lambda head: head(residual).log_prob(jnp.zeros(3))))
    assert gradient(SharedNormalHead((3,), scale=best)).log_scale == pytest.approx(0, abs=1e-12)
    assert gradient(SharedNormalHead((3,), scale=2 * best)).log_scale < -1


def test_a_product_learns_the_scales_of_its_heads():
    head = ProductHead(
        (SharedNormalHead((1,)), MixtureHead(SharedNormalHead((1,)), 2)), ((1,), (0,))
    )
    gradient = jax.jit(jax.grad(lambda head: head(jnp.ones(5)).log_prob(jnp.full(2, 3.0))))(head)
    assert len(jax.tree.leaves(gradient)) == 2
    assert all(leaf != 0 for leaf in jax.tree.leaves(gradient))
    assert head.measure == "density"


def test_heads_of_a_scalar_event():
    makers = (
        BernoulliHead, ContinuousBernoulliHead, LogisticHead, LaplaceHead, NormalHead,
        PoissonHead, HurdleHead, FullNormalHead, SharedNormalHead,
    )  # fmt: skip
    heads = [make(()) for make in makers]
    heads += [CategoricalHead((), 3), MixtureHead(NormalHead(()), 2), FixedNormalHead((), 1.0)]
    for head in heads:
        p = jax.eval_shape(head, jax.ShapeDtypeStruct((head.size,), float))
        assert p.shape == ()


def test_wrong_shapes_are_refused(case):
    head = case.make()
    with pytest.raises(
        ValueError, match=rf"raw output of shape \({head.size},\), but it was given"
    ):
        head(jnp.zeros(head.size + 1))
    with pytest.raises(ValueError, match="needs events of shape"):
        head.initial(jnp.zeros((5, *head.shape, 2)))
    with pytest.raises(ValueError, match="`observed` has shape"):
        head.initial(jnp.zeros((5, *head.shape)), jnp.ones((4, *head.shape), bool))


def test_settings_that_make_no_head_are_refused():
    for scale in [0.0, -1.0, float("nan"), float("inf")]:
        with pytest.raises(OptionError, match="scale of a FixedNormalHead must be positive"):
            FixedNormalHead((), scale)
        with pytest.raises(OptionError, match="scale of a SharedNormalHead must be positive"):
            SharedNormalHead((), scale=scale)
    with pytest.raises(OptionError, match="CategoricalHead needs 1 class or more, not 0"):
        CategoricalHead((), 0)
    with pytest.raises(OptionError, match="MixtureHead needs 1 component or more, not 0"):
        MixtureHead(NormalHead(()), 0)
    with pytest.raises(ValueError, match="places of this ProductHead must hold each"):
        ProductHead((NormalHead((1,)), NormalHead((1,))), ((0,), (2,)))
