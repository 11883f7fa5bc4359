"""Every bijection against automatic differentiation, its own inverse and SciPy."""

from collections.abc import Callable
from dataclasses import dataclass

import equinox as eqx
import hypothesis
import hypothesis.extra.numpy
import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special

from ansatz.bijections import AbstractBijection, Affine, Chain, Log1p, Logit
from ansatz.protocol.errors import OptionError

SHAPE = (2, 3)
N = 20  # as many events in every test, so that each bijection compiles once


@pytest.fixture(autouse=True, scope="module")
def _float64():
    with jax.enable_x64(True):
        yield


@dataclass(frozen=True)
class Case:
    """A bijection, the same map in NumPy, and the interval its events lie in."""

    make: Callable[[], AbstractBijection]
    oracle: Callable[[np.ndarray], np.ndarray]
    low: float
    high: float


SHIFT = np.array([[-1.0, 0.5, 100.0], [0.0, 2.0, -7.0]])
SCALE = np.array([[1.0, 1e-3, 50.0], [0.2, 3.0, 7.0]])

CASES = {
    "affine": Case(
        lambda: Affine(jnp.asarray(SHIFT), jnp.asarray(SCALE)), lambda x: SHIFT + SCALE * x, -5, 5
    ),
    "affine of scalars": Case(
        lambda: Affine(jnp.asarray(3.0), jnp.asarray(0.25)), lambda x: 3 + x / 4, -5, 5
    ),
    "affine of a row": Case(
        lambda: Affine(jnp.asarray(1.0), jnp.asarray(SCALE[0])), lambda x: 1 + SCALE[0] * x, -5, 5
    ),
    "logit": Case(lambda: Logit(0.0), scipy.special.logit, 1e-3, 1 - 1e-3),
    "logit with margin": Case(
        lambda: Logit(0.05), lambda x: scipy.special.logit(0.05 + 0.9 * x), 0, 1
    ),
    "log1p": Case(Log1p, np.log1p, -0.9, 100),
    "empty chain": Case(lambda: Chain(()), lambda x: x, -5, 5),
    "chain": Case(
        # The order matters: the same three in reverse are another map.
        lambda: Chain((Log1p(), Affine(jnp.asarray(0.1), jnp.asarray(0.2)), Logit(0.01))),
        lambda x: scipy.special.logit(0.01 + 0.98 * (0.1 + 0.2 * np.log1p(x))),
        0,
        10,
    ),
}


@pytest.fixture(params=CASES, scope="module")
def case(request) -> Case:
    return CASES[request.param]


def events(case: Case) -> np.ndarray:
    return np.random.default_rng(0).uniform(case.low, case.high, (N, *SHAPE))


@eqx.filter_jit
def there_and_back(bijection, x):
    def one(x):
        y, forward = bijection.forward(x)
        back, inverse = bijection.inverse(y)
        return y, forward, back, inverse

    return jax.vmap(one)(x)


def jacobian_log_det(function, x):
    """Of maps between events of any shape, by automatic differentiation."""
    jacobian = jax.jit(jax.vmap(jax.jacfwd(function)))(x)
    return np.linalg.slogdet(np.reshape(jacobian, (len(x), 6, 6)))[1]


def test_forward_is_the_map(case):
    x = events(case)
    y, *_ = there_and_back(case.make(), jnp.asarray(x))
    np.testing.assert_allclose(y, case.oracle(x), rtol=1e-12, atol=1e-14)


def test_inverse_undoes_forward_and_so_do_the_log_determinants(case):
    x = jnp.asarray(events(case))
    _, forward, back, inverse = there_and_back(case.make(), x)
    assert forward.shape == inverse.shape == (len(x),)
    np.testing.assert_allclose(back, x, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(forward, -inverse, rtol=1e-10, atol=1e-10)


def test_log_determinants_are_those_of_the_jacobian(case):
    bijection, x = case.make(), jnp.asarray(events(case))
    y, forward, _, inverse = there_and_back(bijection, x)
    expected = jacobian_log_det(lambda x: bijection.forward(x)[0], x)
    np.testing.assert_allclose(forward, expected, rtol=1e-9, atol=1e-9)
    expected = jacobian_log_det(lambda y: bijection.inverse(y)[0], y)
    np.testing.assert_allclose(inverse, expected, rtol=1e-9, atol=1e-9)


def test_forward_increases(case):
    # All the scales of the table are positive.
    line = np.linspace(case.low, case.high, N)[:, None, None] * np.ones(SHAPE)
    y, *_ = there_and_back(case.make(), jnp.asarray(line))
    assert np.all(np.diff(y, axis=0) > 0)


@hypothesis.settings(max_examples=10, deadline=None, derandomize=True)
@hypothesis.given(hypothesis.extra.numpy.arrays(float, (N, *SHAPE), elements=st.floats(0, 1)))
def test_round_trip_of_any_event(case, fractions):
    x = jnp.asarray(case.low + fractions * (case.high - case.low))
    _, forward, back, inverse = there_and_back(case.make(), x)
    np.testing.assert_allclose(back, x, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(forward, -inverse, rtol=1e-10, atol=1e-10)


def test_float32_agrees_with_float64(case):
    x = events(case)
    expected = there_and_back(case.make(), jnp.asarray(x))
    with jax.enable_x64(False):
        found = there_and_back(case.make(), jnp.asarray(x))
    for f, e in zip(found, expected, strict=True):
        assert f.dtype == jnp.float32
        # A few hundred roundings of 6e-8, relative to numbers of up to 100.
        np.testing.assert_allclose(f, e, rtol=3e-5, atol=3e-5)


def test_a_negative_scale_reverses():
    bijection = Affine(jnp.asarray(1.0), jnp.asarray(-2.0))
    y, log_det = bijection.forward(jnp.asarray([0.0, 1.0, 2.0]))
    np.testing.assert_allclose(y, [1, -1, -3])
    np.testing.assert_allclose(log_det, 3 * np.log(2))


def test_a_scalar_event():
    y, log_det = Chain((Log1p(), Logit(0.0))).forward(jnp.asarray(0.5))
    assert y.shape == log_det.shape == ()


@pytest.mark.parametrize("margin", [0.0, 1e-6, 0.05])
def test_logit_keeps_its_digits_at_the_ends(margin):
    bijection = Logit(margin)
    # Steps of the last bit of 1, where 1 minus a rounded number would lose all its digits.
    x = jnp.asarray([2.0**-53, 1e-300, 0.5, 1 - 2.0**-53, 1 - 2.0**-30])
    y, log_det = jax.jit(jax.vmap(bijection.forward))(x)
    x = np.asarray(x)
    s, t = margin + (1 - 2 * margin) * x, margin + (1 - 2 * margin) * (1 - x)
    np.testing.assert_allclose(y, np.log(s) - np.log(t), rtol=1e-12)
    np.testing.assert_allclose(log_det, np.log(1 - 2 * margin) - np.log(s * t), rtol=1e-12)

    y = np.array([-700.0, -40.0, 0.0, 40.0, 700.0])
    _, log_det = jax.jit(jax.vmap(bijection.inverse))(jnp.asarray(y))
    # σ(y) σ(−y) = e^(−|y|) / (1 + e^(−|y|))²
    expected = -abs(y) - 2 * np.log1p(np.exp(-abs(y))) - np.log(1 - 2 * margin)
    np.testing.assert_allclose(log_det, expected, rtol=1e-12)


def test_logit_with_margin_is_finite_at_both_ends():
    bijection = Logit(0.05)
    y, log_det = bijection.forward(jnp.asarray([0.0, 1.0]))
    np.testing.assert_allclose(y, [-np.log(19), np.log(19)], rtol=1e-14)
    assert np.isfinite(log_det)
    assert not np.isfinite(Logit(0.0).forward(jnp.asarray([0.0, 1.0]))[0]).any()


def test_log1p_keeps_the_digits_of_small_numbers():
    y, log_det = Log1p().forward(jnp.asarray(1e-20))
    assert y == 1e-20
    assert log_det == -1e-20
    assert Log1p().inverse(jnp.asarray(1e-20))[0] == 1e-20


def test_errors():
    with pytest.raises(ValueError, match=r"shift of an Affine has shape \(2,\)"):
        Affine(jnp.ones(2), jnp.ones(3)).forward(jnp.ones(3))
    with pytest.raises(ValueError, match=r"scale of an Affine .* event's shape \(3,\)"):
        # The event would grow to shape (2, 3).
        Affine(jnp.ones(3), jnp.ones((2, 3))).inverse(jnp.ones(3))
    for margin in [-0.1, 0.5, float("nan")]:
        with pytest.raises(OptionError, match="margin of a Logit"):
            Logit(margin)
