"""The field's two heads: what their loss is, where it is least, and what undoes its weights."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import optimize, special

import ansatz
from ansatz.calo.layers import Layout
from ansatz.calo.masked import MaskedHead
from ansatz.calo.nets import REST, logits, shares
from ansatz.calo.raised import GUESS, Raised, Seen, regressed
from ansatz.data.read import read
from ansatz.data.split import split
from ansatz.runs.load import load

ENERGY = 5e4


def head_of(size, mask, power, coefficients=(0.0, 0.0)):
    raised = Raised(jnp.asarray([coefficients], jnp.float32), Layout((size,)))
    return MaskedHead((size,), mask, power, raised)


def shower_of(head, hit, activation, energy=ENERGY):
    return head(jnp.asarray(np.concatenate([hit, activation, [np.log(energy)]]), jnp.float32))


@pytest.mark.parametrize("mask", ["true", "predicted"])
def test_the_loss_of_the_field_is_squares_and_weighted_entropies(mask):
    rng = np.random.default_rng(2)
    hit, activation = rng.normal(size=4), 10 + rng.normal(size=4)
    share = np.array([0.02, 0.0, 0.1, 0.0])
    u = np.asarray(logits(jnp.asarray(share, jnp.float32)), float)
    theta = (share > 0).astype(float)
    # Of all sixteen masks that may be drawn, or of the one that is there.
    masks = np.array(list(np.ndindex(2, 2, 2, 2))) if mask == "predicted" else theta[None]
    p = special.expit(hit)
    often = np.prod(np.where(masks > 0, p, 1 - p), 1) if mask == "predicted" else np.ones(1)
    squares = often @ ((u - activation * masks) ** 2).sum(1)
    entropy = -theta * special.log_expit(hit) - (1 - theta) * special.log_expit(-hit)
    wanted = -squares - ((1 + u) ** 0.5 * entropy).sum()
    p = shower_of(head_of(4, mask, 0.5), hit, activation)
    found = float(p.log_prob(jnp.asarray(share * ENERGY, jnp.float32)))
    assert found == pytest.approx(wanted, rel=1e-4)


LEVELS = np.array([0.0, 4.0, 6.0, 9.0])
OFTEN = np.array([0.7, 0.1, 0.15, 0.05])
"""u of a voxel, and how often: it is empty seven times in ten."""


def least(mask, power):
    """The logit and the activation at which the mean loss over these is least, in closed form."""
    hit, mean = 1 - OFTEN[0], OFTEN @ LEVELS
    weight = OFTEN[1:] @ (1 + LEVELS[1:]) ** power / hit
    if mask == "true":
        return np.log(hit / OFTEN[0] * weight), mean / hit
    # Squares are then s E(u − a)² + (1 − s) E u²: least in a at E u whatever s is, where they
    # are E u² − s (E u)², so that more hits always make them less.
    odds = hit * weight / (hit * weight + OFTEN[0])
    total = hit * weight + OFTEN[0]

    def slope(s):
        return total * (s - odds) / (s * (1 - s)) - mean**2

    return special.logit(optimize.brentq(slope, 1e-9, 1 - 1e-9)), mean


@pytest.mark.parametrize("power", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("mask", ["true", "predicted"])
def test_where_the_loss_is_least(mask, power):
    """Weights raise the odds by E[w | hit]; a mask of draws lowers activations to E u."""
    share = np.asarray(shares(jnp.asarray(LEVELS, jnp.float32)), float)
    x = jnp.asarray(share[:, None] * ENERGY, jnp.float32)
    head = head_of(1, mask, power)

    def loss(parameters):
        p = head(jnp.append(parameters, jnp.log(ENERGY)))
        return -jnp.asarray(OFTEN, jnp.float32) @ jax.vmap(p.log_prob)(x)

    there = jnp.asarray(least(mask, power), jnp.float32)
    slope, curved = jax.grad(loss)(there), jax.hessian(loss)(there)
    # By rounding, Newton's step from there is no more than float32 keeps of u.
    np.testing.assert_allclose(np.linalg.solve(curved, slope), 0, atol=2e-3)
    assert np.all(np.linalg.eigvalsh(curved) > 0)


def test_draws_that_miss_a_hit_teach_its_activation_nothing():
    """|d loss / d a| of a hit falls as σ(l) under a mask of draws, and not at all under hits."""
    x = jnp.asarray([0.01 * ENERGY], jnp.float32)

    def slope(mask, hit):
        head = head_of(1, mask, 0.0)
        raw = jnp.array([hit, 3.0, np.log(ENERGY)], jnp.float32)
        return float(jax.grad(lambda raw: head(raw).log_prob(x))(raw)[1])

    whole = slope("true", -12.0)
    u = special.logit(REST + (1 - 2 * REST) * 0.01) - special.logit(REST)
    assert whole == pytest.approx(2 * (u - 3), rel=1e-4)
    for hit in (-12.0, -6.0, 0.0):
        assert slope("true", hit) == pytest.approx(whole, rel=1e-6)
        assert slope("predicted", hit) == pytest.approx(special.expit(hit) * whole, rel=1e-4)


@pytest.mark.parametrize("power", [0.0, 1.0])
def test_the_fields_heads_start_at_what_showers_are_like(power):
    rng = np.random.default_rng(3)
    share = np.where(rng.random((50, 4)) < 0.4, rng.random((50, 4)) / 10, 0.0)
    raw = np.asarray(head_of(4, "true", power).initial(jnp.asarray(share, jnp.float32)), float)
    hits = share > 0
    u = special.logit(REST + (1 - 2 * REST) * share) - special.logit(REST)
    odds = (hits * (1 + u) ** power).sum(0) / (1 - hits).sum(0)
    np.testing.assert_allclose(raw[:4], np.log(odds), rtol=1e-4)
    np.testing.assert_allclose(raw[4:8], (u * hits).sum(0) / hits.sum(0), rtol=1e-4)
    assert raw[8] == 0


def test_samples_of_the_fields_heads_are_hit_as_often_as_they_say():
    """As often as the logit says without ln E[w | hit], here 0.2 + 0.5 ln(1 + a)."""
    p = shower_of(head_of(2, "true", 0.5, (0.2, 0.5)), [1.0, -2.0], [12.0, -1.0], 1e4)
    drawn = np.asarray(jax.vmap(p.sample)(jax.random.split(jax.random.key(0), 20_000)), float)
    odds = special.expit(1.0 - 0.2 - 0.5 * np.log(13))
    assert abs((drawn[:, 0] > 0).mean() - odds) < 4 * (odds * (1 - odds) / 20_000) ** 0.5
    # What an activation below zero says is nothing.
    assert not drawn[:, 1].any()
    x = special.expit(12 + special.logit(REST))
    energy = 1e4 * (x - REST) / (1 - 2 * REST)
    np.testing.assert_allclose(drawn[drawn[:, 0] > 0, 0], energy, rtol=1e-3)
    assert float(p.mean()[0]) == pytest.approx(odds * energy, rel=1e-3)
    assert float(p.variance()[0]) == pytest.approx(odds * (1 - odds) * energy**2, rel=2e-3)
    # 1 is a likely hit, and less ln E[w | hit] it is none.
    assert p.point()[0] == 0


def test_what_weights_raise_hits_by_is_a_poisson_regression():
    """The same numbers by a general minimiser of the deviance with the guess's square beside it."""
    rng = np.random.default_rng(4)
    a = rng.gamma(3, 2, 300) - 0.5
    w, often = (1 + rng.gamma(4, (np.abs(a) + 1) / 4)) ** 0.5, rng.integers(0, 3, 300).astype(float)
    x = np.log1p(np.maximum(a, 0))

    def cost(c):
        log = c[0] + c[1] * x
        return often @ (np.exp(log) - w * log) + GUESS / 2 * (c[0] ** 2 + (c[1] - 0.5) ** 2)

    wanted = optimize.minimize(cost, [0.0, 0.5], tol=1e-12).x
    np.testing.assert_allclose(regressed(0.5, a, w, often), wanted, atol=1e-5)


def test_each_layer_has_what_its_own_hits_weigh():
    """u of a hit is a times Gamma noise of mean 1, so that E[1 + u | hit] = 1 + a exactly."""
    rng = np.random.default_rng(5)
    layout, n = Layout((2, 12, 4)), 3000
    a = rng.uniform(1, 10, (n, 18))
    factor = np.repeat([1.0, 1.5, 1.0], layout.sizes)
    hit = rng.random((n, 18)) < np.repeat([0.3, 0.1, 0.0], layout.sizes)
    w = factor * (1 + a * rng.gamma(9, 1 / 9, a.shape))
    halves = [Seen(*(v[part] for v in (hit, a, w, np.ones(n)))) for part in np.s_[:1000, 1000:]]
    raised = Raised.found(layout, 1.0, halves, "float32")
    # No hit was seen in the last layer, and 4 errors of some 1800 hits whose weights vary by a
    # third and whose ln(1 + a) by 0.55 are 0.06 at their middle, and 0.09 for the slope.
    np.testing.assert_array_equal(raised.coefficients[2], [0, 1])
    middle = np.log1p(5.5)
    for layer, wanted in ((0, 0.0), (1, np.log(1.5))):
        constant, slope = np.asarray(raised.coefficients[layer], float)
        assert slope == pytest.approx(1, abs=0.09)
        assert constant + slope * middle == pytest.approx(wanted + middle, abs=0.06)
    found = raised(jnp.full(18, 5.0))
    rows = np.asarray(raised.coefficients, float)
    np.testing.assert_allclose(found, np.repeat(rows @ [1, np.log(6)], layout.sizes), rtol=1e-5)


def test_a_run_draws_hits_without_what_weights_add(tmp_path):
    """Showers without a pattern: half of the voxels are hit, and weights of 1 + u at u near 10."""
    rng = np.random.default_rng(6)
    energies = np.exp(rng.uniform(np.log(1e3), np.log(1e5), 400))
    share = np.exp(rng.normal(-6, 0.3, (400, 6))) * (rng.random((400, 6)) < 0.5)
    events = (share * energies[:, None]).astype(np.float32)
    binning = (
        '<Bins><Bin pid="22" name="one"><Layer id="0" r_edges="0,1,2" n_bin_alpha="3"/>'
        "</Bin></Bins>"
    )
    run = ansatz.fit(
        "calo-qvae", (events, energies[:, None]), out=tmp_path / "run", quiet=True,
        geometry=binning, energies="masked", hit_power=1.0, prior="bernoulli", clamp=False,
        latent=4, features=4, depth=1, width=8, batch=50, epochs=15, rate=0.02, patience=0,
        validation=0.4,
    )  # fmt: skip
    # Every weight that was held out is in its mean: those that the layer says sum to the same.
    recipe = run.record.recipe
    _, held, _ = split(read((events, energies[:, None])), 0.4, recipe.test, recipe.seed)
    (row,) = np.asarray(run.model.decoder.head.raised.coefficients, float)
    x = REST + (1 - 2 * REST) * share[held]
    u = special.logit(x) - special.logit(REST)
    mean = (1 + u)[share[held] > 0].mean()
    assert np.exp(row @ [1, np.log1p(mean - 1)]) == pytest.approx(mean, rel=0.02)
    drawn = run.sample(len(energies), condition=energies[:, None], seed=1)
    # With a weight of 11 each, voxels hit half of the time would be hit eleven times in twelve.
    assert abs((drawn > 0).mean() - (share > 0).mean()) < 0.1
    again = load(run.path)
    np.testing.assert_array_equal(again.sample(5, condition=energies[:5, None], seed=1), drawn[:5])
