"""One table of bijections with parameters: round trip, log-determinant, volume, mistakes."""

from collections.abc import Callable
from dataclasses import dataclass

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import ndimage

from ansatz.bijections import (
    AbstractBijection,
    Autoregressive,
    Chain,
    Channelled,
    Coupling,
    Inverse,
    LowerUpper,
    MaskedCoupling,
    MultiScale,
    Permutation,
    Repeated,
    Reversal,
    Rotation,
    Scaling,
    Shift,
    ShiftAndScale,
    Spline,
    Squeeze,
    by_channel,
    by_index,
    checkerboard,
)
from ansatz.nets import MLP, FieldNet, MaskedMLP
from ansatz.protocol.errors import OptionError

EVENTS = 16
SIDE = 141
"""Points along each axis of the plane, on which densities are summed."""
REACH = 10.0
SPLINE = Spline(5, 3.0)


@dataclass(frozen=True)
class Case:
    """A bijection with random parameters, the shape of its events and the size of a condition."""

    make: Callable[[jax.Array], AbstractBijection]
    shape: tuple[int, ...] = (2,)
    condition: int = 0


def coupling(key, map, size=2, condition=0):
    stays = size // 2
    net = MLP(stays, (8,), (size - stays) * map.numbers, condition=condition, key=key)
    return Coupling(map, net)


def masked(key, mask, map=SPLINE, condition=0, circular=True):
    channels = mask.shape[-1]
    net = FieldNet(
        mask.ndim - 1, channels, (4,), channels * map.numbers, condition=condition,
        circular=circular, key=key,
    )  # fmt: skip
    return MaskedCoupling(jnp.asarray(mask), map, net)


def autoregressive(key, map, size=2, condition=0):
    net = MaskedMLP(size, (9,), map.numbers, condition=condition, key=key)
    return Autoregressive(map, net)


def repeated(key):
    def layer(key):
        return Chain((coupling(key, SPLINE), Rotation.drawn(key, 2)))

    return Repeated(eqx.filter_vmap(layer)(jax.random.split(key, 3)))


def multi_scale(key):
    first, second = jax.random.split(key)
    levels = (
        Chain((masked(first, checkerboard((4, 4, 1)), Shift()), Squeeze())),
        Chain((Squeeze(), masked(second, by_channel((1, 1, 8)), ShiftAndScale()))),
    )
    shapes = ((2, 2, 4), (1, 1, 8))
    return Chain((Channelled((4, 4), None), MultiScale(levels, shapes)))


def scaling(key):
    shift, raw = jax.random.normal(key, (2, 3))
    return Scaling(shift, raw / 10)


CASES = {
    "additive coupling": Case(lambda key: coupling(key, Shift())),
    "additive coupling in units": Case(lambda key: coupling(key, Shift(jnp.array([0.1])))),
    "affine coupling": Case(lambda key: coupling(key, ShiftAndScale())),
    "spline coupling": Case(lambda key: coupling(key, SPLINE)),
    "coupling of an odd number": Case(lambda key: coupling(key, SPLINE, 5), (5,)),
    "conditional coupling": Case(lambda key: coupling(key, SPLINE, 2, 3), (2,), 3),
    "mask by index": Case(
        lambda key: MaskedCoupling(jnp.asarray(by_index((2,))), SPLINE, MLP(2, (8,), 28, key=key))
    ),
    "checkerboard on a ring": Case(lambda key: masked(key, checkerboard((6, 1))), (6, 1)),
    "checkerboard on a torus": Case(
        lambda key: masked(key, checkerboard((4, 2, 1)), ShiftAndScale(), 2), (4, 2, 1), 2
    ),
    "mask by channel": Case(
        lambda key: masked(key, by_channel((2, 2, 3)), ShiftAndScale(), 0, False), (2, 2, 3)
    ),
    "autoregressive affine": Case(lambda key: autoregressive(key, ShiftAndScale())),
    "autoregressive spline": Case(lambda key: autoregressive(key, SPLINE, 4, 2), (4,), 2),
    "inverse autoregressive": Case(
        lambda key: Inverse(autoregressive(key, ShiftAndScale(), 2, 1)), (2,), 1
    ),
    "a number by itself": Case(lambda key: autoregressive(key, SPLINE, 1, 2), (1,), 2),
    "reversal": Case(lambda _: Reversal(), (2, 3)),
    "permutation": Case(lambda key: Permutation.drawn(key, 6), (2, 3)),
    "rotation": Case(lambda key: Rotation.drawn(key, 6), (6,)),
    "lower and upper triangles": Case(lambda key: LowerUpper.drawn(key, 5), (5,)),
    "scaling of channels": Case(scaling, (2, 3)),
    "channels first": Case(lambda _: Channelled((3, 2, 2), 0), (3, 2, 2)),
    "squeeze": Case(lambda _: Squeeze(), (4, 2, 1)),
    "several scales": Case(multi_scale, (4, 4)),
    "repeated": Case(repeated),
}


def everything(bijection, x, condition):
    """Images, log-determinants, the way back, and the determinant by differentiation."""
    y, forward = bijection.forward(x, condition)
    back, inverse = bijection.inverse(y, condition)
    jacobian = jax.jacfwd(lambda x: bijection.forward(x, condition)[0])(x)
    return y, forward, back, inverse, jnp.linalg.slogdet(jacobian.reshape(x.size, x.size))[1]


everything_of_many = eqx.filter_jit(jax.vmap(everything, (None, 0, None)))


@pytest.fixture(params=CASES, scope="module")
def found(request):
    """A case, its events, and all that it says of them; of the plane, on a grid."""
    case = CASES[request.param]
    key, key_noise, key_events, key_condition = jax.random.split(jax.random.key(1), 4)
    arrays, rest = eqx.partition(case.make(key), eqx.is_inexact_array)
    leaves, tree = jax.tree.flatten(arrays)
    # What begins at zero would be tested at zero alone.
    keys = jax.random.split(key_noise, len(leaves) + 1)
    leaves = [a + 0.1 * jax.random.normal(k, a.shape) for a, k in zip(leaves, keys, strict=False)]
    bijection = eqx.combine(jax.tree.unflatten(tree, leaves), rest)
    x = 2 * jax.random.normal(key_events, (EVENTS, *case.shape))
    if case.shape == (2,):
        line = jnp.linspace(-REACH, REACH, SIDE)
        x = jnp.stack(jnp.meshgrid(line, line), -1).reshape(-1, 2)
    condition = jax.random.normal(key_condition, (case.condition,)) if case.condition else None
    return case, bijection, x, condition, everything_of_many(bijection, x, condition)


def test_round_trip(found):
    _, _, x, _, (y, forward, back, inverse, _) = found
    assert y[0].size == x[0].size
    assert forward.shape == inverse.shape == (len(x),)
    # The grid goes on to where densities end, at numbers that no longer have so many digits.
    ordinary = np.abs(x).reshape(len(x), -1).max(1) <= 3
    np.testing.assert_allclose(back[ordinary], x[ordinary], atol=1e-4)
    np.testing.assert_allclose(forward[ordinary], -inverse[ordinary], atol=1e-4)


def test_the_log_determinant_is_that_of_the_jacobian(found):
    *_, (_, forward, _, _, expected) = found
    np.testing.assert_allclose(forward, expected, atol=1e-4)


def test_a_density_sums_to_one(found):
    case, _, _, _, (y, log_det, *_) = found
    if case.shape != (2,):
        pytest.skip("only densities in the plane are summed")
    log_prob = -np.sum(np.square(y), 1) / 2 - np.log(2 * np.pi) + log_det
    total = np.sum(np.exp(log_prob, dtype=float)) * (2 * REACH / (SIDE - 1)) ** 2
    # The trapezoidal rule, on densities whose second derivatives jump at the knots of a spline.
    np.testing.assert_allclose(total, 1, atol=2e-3)


def test_a_condition_matters(found):
    _, bijection, x, condition, (y, *_) = found
    if condition is None:
        pytest.skip("there is none")
    other = everything_of_many(bijection, x, condition + 1)[0]
    assert np.abs(other - y).max() > 0.01


@pytest.mark.parametrize("map", [Shift(), ShiftAndScale(), SPLINE], ids=["shift", "affine", "rq"])
def test_scalar_maps_increase_and_begin_as_the_identity(map):
    x = jnp.linspace(-4, 4, 201)
    y, log_slope = map.forward(x, jnp.zeros((map.numbers, 201)))
    np.testing.assert_allclose(y, x, atol=1e-6)
    np.testing.assert_allclose(log_slope, 0, atol=1e-6)
    raw = 0.3 * jax.random.normal(jax.random.key(0), (map.numbers, 1)) * jnp.ones((1, 201))
    y, log_slope = map.forward(x, raw)
    assert np.all(np.diff(y) > 0)
    # Between two points a slope is what it is on average, which no formula of ours says.
    rise = np.diff(np.asarray(y, float)) / np.diff(np.asarray(x, float))
    middle = np.exp((log_slope[1:] + log_slope[:-1]) / 2)
    np.testing.assert_allclose(rise[np.abs(x[1:]) < 2.9], middle[np.abs(x[1:]) < 2.9], rtol=0.05)


def test_a_spline_is_the_identity_outside_and_joins_there():
    raw = jax.random.normal(jax.random.key(3), (SPLINE.numbers, 4))
    x = jnp.array([-20.0, -3.0, 3.0, 7.0])
    y, log_slope = SPLINE.forward(x, raw)
    np.testing.assert_array_equal(y, x)
    np.testing.assert_array_equal(log_slope, 0)
    near = jnp.array([-3.0, -3.0, 3.0, 3.0]) * (1 - 1e-6)
    y, log_slope = SPLINE.forward(near, raw)
    np.testing.assert_allclose(y, near, atol=1e-5)
    np.testing.assert_allclose(log_slope, 0, atol=1e-3)
    slope = jax.grad(lambda x: jnp.sum(SPLINE.forward(x, raw)[1] + SPLINE.inverse(x, raw)[1]))(x)
    assert np.isfinite(slope).all()


def test_a_masked_net_sees_nothing_that_comes_later():
    size, numbers = 5, 3
    for hidden in ((20,), (3, 2), ()):
        net = MaskedMLP(size, hidden, numbers, condition=2, key=jax.random.key(0))
        x, c = jnp.ones(size), jnp.ones(2)
        jacobian = jax.jacfwd(net)(x, c).reshape(numbers, size, size)
        before = np.arange(size)[None, :] < np.arange(size)[:, None]
        assert np.all(np.asarray(jacobian)[:, ~before] == 0)
        if hidden == (20,):
            assert np.abs(np.asarray(jacobian)[:, before]).min() > 0
            given = jax.jacfwd(net, 1)(x, c)
            assert np.all(np.abs(given).reshape(numbers, size, 2).max((0, 2)) > 0)


def test_a_field_net_on_a_torus_moves_with_its_field():
    net = FieldNet(2, 1, (3,), 2, circular=True, key=jax.random.key(0))
    x = jax.random.normal(jax.random.key(1), (4, 6, 1))
    moved = net(jnp.roll(x, (1, 2), (0, 1))).reshape(4, 6, 2)
    np.testing.assert_allclose(moved, jnp.roll(net(x).reshape(4, 6, 2), (1, 2), (0, 1)), atol=1e-6)
    bordered = FieldNet(1, 1, (), 1, key=jax.random.key(0))
    impulse = jnp.zeros((5, 1)).at[0].set(1)
    w = bordered.layers[0].weight[0]
    np.testing.assert_allclose(bordered(impulse), [w[1], w[0], 0, 0, 0], atol=1e-7)


@pytest.mark.parametrize("circular", [True, False])
@pytest.mark.parametrize("channels", [(1, 4), (4, 1), (3, 3)])
def test_a_field_net_convolves(channels, circular):
    """One layer against SciPy, of few channels to many and of many to few."""
    before, after = channels
    net = FieldNet(2, before, (), after, circular=circular, key=jax.random.key(0))
    kernel = np.asarray(net.layers[0].weight).reshape(after, 3, 3, before)
    x = np.random.default_rng(0).normal(size=(4, 5, before)).astype(np.float32)
    mode = "wrap" if circular else "constant"
    expected = [
        sum(ndimage.correlate(x[..., i], kernel[o, ..., i], mode=mode) for i in range(before))
        for o in range(after)
    ]
    found = net(jnp.asarray(x)).reshape(4, 5, after)
    np.testing.assert_allclose(found, np.stack(expected, -1), atol=1e-5)


def test_a_rotation_is_orthogonal_and_what_reflections_make():
    rotation = Rotation.drawn(jax.random.key(0), 5)
    expected = np.eye(5)
    for v in np.asarray(rotation.axes, float):
        expected = expected @ (np.eye(5) - 2 * np.outer(v, v) / (v @ v))
    np.testing.assert_allclose(rotation.matrix(), expected, atol=1e-5)
    np.testing.assert_allclose(rotation.matrix() @ rotation.matrix().T, np.eye(5), atol=1e-5)


def test_a_scaling_starts_from_events():
    events = np.random.default_rng(0).normal(3, [[[1.0], [0.1]]], (50, 2, 1)).astype(np.float32)
    events = np.concatenate([events, np.full((50, 2, 1), 7, np.float32)], -1)
    fitted = Scaling(jnp.zeros((2, 2)), jnp.zeros((2, 2))).fitted(jnp.asarray(events), 2.0)
    y = np.asarray(jax.vmap(lambda x: fitted.forward(x)[0])(jnp.asarray(events)))
    np.testing.assert_allclose(y.mean(0), 0, atol=1e-5)
    np.testing.assert_allclose(y.std(0)[:, 0], 2, rtol=1e-4)
    # What never varies is only shifted.
    np.testing.assert_array_equal(fitted.log_scale[:, 1], 0)


def test_masks():
    np.testing.assert_array_equal(by_index((5,)), [True, False, True, False, True])
    np.testing.assert_array_equal(
        checkerboard((2, 3, 1))[..., 0], [[True, False, True], [False, True, False]]
    )
    np.testing.assert_array_equal(by_channel((1, 3))[0], [True, False, False])


@pytest.mark.parametrize(
    ("mistake", "words"),
    [
        (lambda: by_index((1,)), "nothing to move of an event of shape"),
        (lambda: by_channel((4, 1)), "nothing to stay"),
        (lambda: checkerboard((1, 1, 3)), "nothing to move"),
        (lambda: coupling(jax.random.key(0), Shift()).forward(jnp.ones(1)), "2 numbers or more"),
        (lambda: Squeeze().forward(jnp.ones((3, 2, 1))), "3 x 2 cannot be squeezed"),
        (lambda: Spline(0, 1.0), "from 1 to 999 bins"),
        (lambda: Spline(4, 0.0), "must be positive"),
    ],
)
def test_mistakes(mistake, words):
    with pytest.raises(OptionError, match=words):
        mistake()
