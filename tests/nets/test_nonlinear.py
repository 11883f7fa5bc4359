"""Normalising, modulating and dropping against formulas; mistakes in words."""

import jax
import jax.numpy as jnp
import numpy as np
import plain
import pytest
from plain import FORMULAS, shaken

from ansatz.nets import ACTIVATIONS
from ansatz.nets.nonlinear import nonlinear
from ansatz.protocol.errors import OptionError

CONDITION = np.array([0.7, -1.2])


@pytest.fixture(autouse=True, scope="module")
def _float64():
    with jax.enable_x64(True):
        yield


def build(*channels, **changes):
    settings = {
        "condition": 0,
        "activation": "tanh",
        "dropout": 0.0,
        "normalise": "none",
        "modulate": False,
        "dtype": "float64",
        **changes,
    }
    return nonlinear(channels, **settings)


def signal(*shape):
    return np.random.default_rng(1).normal(0.4, 1.5, shape)


def test_every_activation_has_a_formula():
    assert set(FORMULAS) == set(ACTIVATIONS)


@pytest.mark.parametrize("shape", [(5,), (4, 3, 5)])
@pytest.mark.parametrize("normalise", ["none", "layer"])
@pytest.mark.parametrize("modulate", [False, True])
def test_it_equals_the_formula(shape, normalise, modulate):
    (then,) = build(5, condition=2, normalise=normalise, modulate=modulate)
    then, h = shaken(then), signal(*shape)
    found = then(jnp.array(h), jnp.array(CONDITION))
    np.testing.assert_allclose(found, plain.nonlinear(then, h, CONDITION), rtol=1e-12)


def test_at_first_normalising_leaves_mean_zero_and_variance_one():
    (then,) = build(5, normalise="layer")
    found = np.asarray(then.norm(jnp.array(signal(4, 3, 5))))
    np.testing.assert_allclose(found.mean(), 0, atol=1e-14)
    np.testing.assert_allclose(found.var(), 1, rtol=1e-4)


def test_a_constant_signal_is_normalised_to_its_shift():
    (then,) = build(3, normalise="layer")
    constant = jnp.full((2, 2, 3), 7.0)
    np.testing.assert_array_equal(then.norm(constant), 0)
    slopes = jax.grad(lambda h: jnp.sum(then.norm(h)[0, 0]))(constant)
    assert np.isfinite(slopes).all()


def test_at_first_the_condition_has_no_influence():
    (with_one,) = build(5, condition=2, modulate=True)
    (without,) = build(5)
    h = jnp.array(signal(4, 3, 5))
    np.testing.assert_array_equal(with_one(h, jnp.array(CONDITION)), without(h))


def test_a_modulated_net_needs_its_condition():
    (then,) = build(5, condition=2, modulate=True)
    with pytest.raises(ValueError, match="must be called with one"):
        then(jnp.zeros(5))


def test_pixels_are_dropped_one_by_one_and_the_rest_rescaled():
    (then,) = build(50, dropout=0.3, activation="relu")
    out = np.asarray(then(jnp.ones((20, 10, 50)), key=jax.random.key(0)))
    alive = out > 0
    np.testing.assert_allclose(out[alive], 1 / 0.7, rtol=1e-12)
    # 4 sigma of a binomial fraction of 10 000; in the mean over pixels of a channel and over
    # channels of a pixel it is as unequal as independent draws are: each variance, of 50 and of
    # 200 means, is itself uncertain by a share sqrt(2 / 49) and sqrt(2 / 199).
    p = 0.7 * 0.3
    assert abs(alive.mean() - 0.7) < 4 * np.sqrt(p / 10_000)
    assert abs(alive.mean((0, 1)).var(ddof=1) / (p / 200) - 1) < 4 * np.sqrt(2 / 49)
    assert abs(alive.mean(2).var(ddof=1) / (p / 50) - 1) < 4 * np.sqrt(2 / 199)


def test_each_place_drops_by_its_own_draw():
    first, second = build(1000, 1000, dropout=0.5, activation="relu")
    h, key = jnp.ones(1000), jax.random.key(3)
    equal = np.asarray(first(h, key=key)) == np.asarray(second(h, key=key))
    # 4 sigma of the agreement of 1000 pairs of coins.
    assert abs(equal.mean() - 0.5) < 4 * np.sqrt(0.25 / 1000)


@pytest.mark.parametrize("activation", FORMULAS)
def test_the_gain_makes_up_for_what_rectifiers_lose(activation):
    """Of a large signal, symmetric about zero, the share of the mean square that is kept."""
    (then,) = build(1, activation=activation)
    formula = FORMULAS[activation]
    kept = np.mean(formula(np.array([-1e3, 1e3])) ** 2) / 1e6
    rectifies = kept > 0.1 and formula(0.0) == 0
    assert then.gain == pytest.approx(kept**-0.5 if rectifies else 1, rel=1e-12)


MISTAKES = {
    "activation": ({"activation": "rely"}, "There is no activation 'rely'. Did you mean 'relu'"),
    "dropout": ({"dropout": 1.0}, r"dropout must lie in \[0, 1\); it is 1.0"),
    "no condition": ({"modulate": True}, "modulate needs a condition, and none is given"),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_mistakes_are_said_in_words(case):
    changes, words = MISTAKES[case]
    with pytest.raises(OptionError, match=words):
        build(5, **changes)


def test_hidden_layers_that_are_not_there_are_said_in_words():
    with pytest.raises(OptionError, match=r"at least 1 unit; they have \(5, 0\)"):
        build(5, 0)
    with pytest.raises(OptionError, match="modulate acts on hidden layers, and there is none"):
        build(condition=2, modulate=True)
