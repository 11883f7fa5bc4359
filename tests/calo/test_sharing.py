"""What layers have and how voxels share it: the density by quadrature, samples by its moments."""

from itertools import product

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import integrate, special, stats

from ansatz.calo.layers import Layout
from ansatz.calo.shares import GammaShares, NormalShares
from ansatz.calo.sharing import SharedShower, SharingHead

LAYOUT = Layout((2, 3))
PARTS = slice(0, 2), slice(2, 5)
HIT = np.array([0.3, -0.4, 0.0, 1.0, -1.0])
LOCATION = np.array([0.5, -0.2, 0.1, -0.6, 0.4])
SCALE = np.array([0.7, 0.4, 0.5, 0.9, 0.3])
SOME = np.array([1.5, 0.7])
FORM, RATE, MORE = np.array([0.6, 3.0]), np.array([0.4, 2.0]), np.array([0.8, 1.1])
LEVEL, SLOPE, SPREAD = 2.0, 0.4, 0.2


def shower() -> SharedShower:
    hit, location, scale = (LAYOUT.table(jnp.asarray(row)) for row in (HIT, LOCATION, SCALE))
    # What stands where a layer has no voxels must not count.
    hit, location, scale = (jnp.where(LAYOUT.there, row, 7.0) for row in (hit, location, scale))
    some, form, rate, more = (jnp.asarray(row) for row in (SOME, FORM, np.log(RATE), MORE))
    shares = NormalShares(location, scale), GammaShares(form, rate)
    whole = (jnp.asarray(number) for number in (LEVEL, SLOPE, SPREAD))
    return SharedShower(LAYOUT, some, hit, *shares, more, *whole)


def log_pattern(hit: np.ndarray) -> float:
    """Independent hits in a layer that is not empty, over their chance that one is there."""
    found = 0.0
    for part, some in zip(PARTS, SOME, strict=True):
        if not hit[part].any():
            found += special.log_expit(-some)
            continue
        rate = special.expit(HIT[part])
        none = np.prod(1 - rate)
        found += special.log_expit(some) - np.log(1 - none)
        found += np.log(np.where(hit[part], rate, 1 - rate)).sum()
    return float(found)


def density_of_gamma_shares(f: np.ndarray, form: np.ndarray, rate: np.ndarray) -> float:
    """An integral over the sum t of all; from g to shares and t a volume shrinks by t^(n - 1)."""

    def along(t: float) -> float:
        return float(t ** (len(f) - 1) * np.prod(stats.gamma(form, scale=1 / rate).pdf(f * t)))

    return integrate.quad(along, 0, 200, points=[1, 5, 20], limit=200)[0]


def density_of_shares(f: np.ndarray, location: np.ndarray, scale: np.ndarray) -> float:
    """An integral over what adds to all y, each a normal; from y to shares and that number a
    volume shrinks by Π f."""

    def along(t: float) -> float:
        return float(np.prod(stats.norm(location, scale).pdf(np.log(f) + t)))

    # A narrow bump, which lies where the weighted mean of y is.
    weight = scale**-2
    centre = float(-(weight * (np.log(f) - location)).sum() / weight.sum())
    found = integrate.quad(along, centre - 8, centre + 8, points=[centre])[0]
    return float(found / f.prod())


def density(x: np.ndarray) -> float:
    """p of the energies of hits given which voxels are hit."""
    hits = [x[part] > 0 for part in PARTS]
    counts = np.array([hit.sum() for hit in hits])
    layers = np.array([x[part].sum() for part in PARTS])
    some, energy = counts > 0, x.sum()
    middle = LEVEL + SLOPE * np.log(counts.sum())
    found = stats.lognorm(SPREAD, scale=np.exp(middle)).pdf(energy)
    rate = RATE[some] / counts[some] ** MORE[some]
    found *= density_of_gamma_shares(layers[some] / energy, FORM[some], rate)
    # From (e, f_1 ... f_(n-1)) to n energies a volume grows by e^(n - 1).
    found /= energy ** (some.sum() - 1)
    for part, hit, layer in zip(PARTS, hits, layers, strict=True):
        if hit.any():
            own = x[part][hit] / layer, LOCATION[part][hit], SCALE[part][hit]
            found *= density_of_shares(*own) / layer ** (hit.sum() - 1)
    return float(found)


@pytest.mark.parametrize(
    "x",
    [
        [3.0, 5.0, 0.4, 1.5, 0.2],
        [3.0, 0.0, 0.4, 0.0, 2.2],
        [0.0, 0.0, 0.0, 0.7, 0.0],
        [0.0, 0.0, 0.0, 0.0, 0.0],
    ],
)
def test_the_density_is_that_of_an_energy_and_of_shares_integrated(x):
    x = np.array(x)
    wanted = log_pattern(x > 0)
    if x.any():
        wanted += np.log(density(x))
    found = float(shower().log_prob(jnp.asarray(x, jnp.float32)))
    assert found == pytest.approx(wanted, abs=2e-4)


def test_gradients_are_finite_where_layers_are_empty():
    head = SharingHead((5,), LAYOUT)
    raw = jnp.linspace(-1, 1, head.size)
    for x in (jnp.zeros(5), jnp.array([0.0, 2.0, 0.0, 0.0, 0.0])):
        slope = jax.grad(lambda raw, x=x: head(raw).log_prob(x))(raw)
        assert jnp.all(jnp.isfinite(slope))


def test_samples_have_the_moments_of_their_formula():
    drawn = np.asarray(jax.vmap(shower().sample)(jax.random.split(jax.random.key(0), 40_000)))
    x, hit = drawn.astype(float), drawn > 0
    patterns = np.array(list(product([False, True], repeat=5)))
    chances = np.exp([log_pattern(pattern) for pattern in patterns])
    assert chances.sum() == pytest.approx(1)
    seen = (hit[:, None] == patterns).all(2).mean(0)
    assert np.all(np.abs(seen - chances) < 4.5 * np.sqrt(chances * (1 - chances) / len(x)))
    layer, both = x[:, 2:], hit[:, 2] & hit[:, 3]
    ratio = np.log(layer[both, 0] / layer[both, 1])
    width = np.hypot(*SCALE[2:4])
    error = width / np.sqrt(len(ratio))
    assert abs(ratio.mean() - (LOCATION[2] - LOCATION[3])) < 4.5 * error
    assert abs(ratio.std() - width) < 4.5 * error / np.sqrt(2)
    whole = np.log(np.maximum(x.sum(1), 1e-30))
    for counts in ((1, 1), (2, 1), (2, 3), (0, 2)):
        these = np.all([hit[:, p].sum(1) == k for p, k in zip(PARTS, counts, strict=True)], 0)
        error = SPREAD / np.sqrt(these.sum())
        middle = LEVEL + SLOPE * np.log(sum(counts))
        assert abs(whole[these].mean() - middle) < 4.5 * error
        assert abs(whole[these].std() - SPREAD) < 4.5 * error / np.sqrt(2)
        if min(counts) > 0:
            # Of gammas logarithms have the mean ψ(a) - ln b and the variance ψ'(a).
            ratio = np.log(x[these, :2].sum(1) / x[these, 2:].sum(1))
            middles = special.digamma(FORM) - np.log(RATE) + MORE * np.log(counts)
            width = np.sqrt(special.polygamma(1, FORM).sum())
            error = width / np.sqrt(these.sum())
            assert abs(ratio.mean() - (middles[0] - middles[1])) < 4.5 * error
            # ln g of shape 0.6 has a tail: its kurtosis widens the error of the deviation.
            kurtosis = special.polygamma(3, FORM).sum() / width**4
            assert abs(ratio.std() - width) < 4.5 * error * np.sqrt((2 + kurtosis) / 4)
    assert not x[~hit[:, :2].any(1), :2].any()


def test_the_point_has_the_energy_that_samples_have_on_average():
    """Where every voxel is hit and shares vary little, it leaves nothing out."""
    head = SharingHead((5,), LAYOUT)
    layers = [np.full(2, 20.0), np.full(2, 1e4), np.log(RATE), MORE]
    layers += [np.full(2, LEVEL - 1), np.full(2, SLOPE)]
    layers.append(np.full(2, np.log(np.expm1(SPREAD))))
    raw = np.concatenate([np.full(5, 20.0), LOCATION, np.full(5, -7.0), *layers, [1.0]])
    p = head(jnp.asarray(raw, jnp.float32))
    assert float(p.spread) == pytest.approx(SPREAD, rel=1e-5)
    drawn = np.asarray(jax.vmap(p.sample)(jax.random.split(jax.random.key(1), 20_000)), float)
    error = drawn.std(0) / np.sqrt(len(drawn))
    assert np.all(np.abs(drawn.mean(0) - np.asarray(p.point(), float)) < 4.5 * error)


def test_a_head_begins_at_what_showers_are_like():
    rng = np.random.default_rng(2)
    share = np.where(rng.random((200, 5)) < 0.6, rng.lognormal(-3, 0.8, (200, 5)), 0.0)
    head = SharingHead((5,), LAYOUT)
    raw = np.asarray(head.initial(jnp.asarray(share, jnp.float32)), float)
    hits, second = share > 0, share[:, 2:]
    filled = np.array([hits[:, part].any(1) for part in PARTS])[[0, 0, 1, 1, 1]].T
    odds = special.logit((hits & filled).sum(0) / filled.sum(0))
    np.testing.assert_allclose(raw[:5], odds, rtol=1e-3)
    np.testing.assert_allclose(raw[5], np.log(share[hits[:, 0], 0]).mean(), rtol=1e-4)
    scale = np.asarray(head(jnp.asarray(raw, jnp.float32)).voxels.scale, float)
    np.testing.assert_allclose(scale[0, 1], np.log(share[hits[:, 1], 1]).std(), rtol=1e-4)
    some = second.any(1)
    each = np.log(second[some].sum(1) / (second[some] > 0).sum(1))
    found = head(jnp.asarray(raw, jnp.float32))
    form, rate = float(found.layers.shape[1]), float(found.layers.log_rate[1])
    assert special.digamma(form) - rate == pytest.approx(each.mean(), rel=1e-4)
    # The inverse of ψ' is that of its ends, and 7 % off at most between them.
    assert special.polygamma(1, form) == pytest.approx(each.std() ** 2, rel=0.12)
    np.testing.assert_allclose(
        found.some, [special.logit((share[:, part] > 0).any(1).mean()) for part in PARTS], rtol=1e-3
    )
    np.testing.assert_array_equal(found.more, [1.0, 1.0])
    whole = np.log(share[hits.any(1)].sum(1))
    np.testing.assert_allclose([found.level, found.spread], [whole.mean(), whole.std()], rtol=1e-4)
    assert float(found.slope) == 0
    assert raw[-1] == 0


def test_some_voxels_of_a_layer_cannot_be_missing():
    with pytest.raises(ValueError, match="known together or not at all"):
        shower().log_prob(jnp.ones(5), jnp.ones(5, bool))
