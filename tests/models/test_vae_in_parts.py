"""A bound cut into parts against the whole of it, by automatic differentiation."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ansatz.models.vae import VAERecipe, parts
from ansatz.protocol.recipe import Spec
from ansatz.protocol.source import Batch

SPEC = Spec(shape=(3,), condition=2, levels=(2,), lowest=(0.0,), highest=(1.0,))


@pytest.mark.parametrize(
    ("events", "codes", "expected"),
    [
        (100, 5, 1),  # As many as a part holds.
        (100, 50, 10),
        (128, 50, 16),  # 12.8 wanted: 16 is nearer than 8, in the ratio.
        (101, 6, 1),  # A prime number: all or one at a time.
        (101, 200, 101),
        (1, 10_000, 1),
    ],
)
def test_a_batch_is_cut_into_parts_of_one_size_near_the_best(monkeypatch, events, codes, expected):
    monkeypatch.setattr(parts.jax, "default_backend", lambda: "cpu")
    assert parts.parts(events, codes) == expected


def test_an_accelerator_takes_the_batch_whole(monkeypatch):
    monkeypatch.setattr(parts.jax, "default_backend", lambda: "gpu")
    assert parts.parts(100, 50) == 1


@pytest.mark.parametrize("estimator", ["doubly-reparameterised", "score-constant"])
def test_loss_gradient_carry_and_metrics_are_those_of_the_whole(monkeypatch, estimator):
    recipe = VAERecipe(
        latent=2, hidden=(4,), likelihood=("bernoulli",), samples=3, estimator=estimator, epochs=1
    )
    model = recipe.build(SPEC, jax.random.key(0))
    objective = recipe.update(SPEC).objective
    generator = np.random.default_rng(0)
    batch = Batch(
        event=jnp.asarray(generator.integers(0, 2, (6, 3)), jnp.float32),
        condition=jnp.asarray(generator.normal(size=(6, 2)), jnp.float32),
        weight=jnp.asarray(generator.uniform(0.5, 1.5, 6), jnp.float32),
        size=jnp.asarray(5.0),
    )

    carry, key = objective.initial(model), jax.random.key(1)

    def of(rows):
        monkeypatch.setattr(parts, "ROWS", rows)

        @eqx.filter_jit
        @eqx.filter_value_and_grad(has_aux=True)
        def loss(model):
            value, *more = objective(model, batch, carry, jnp.asarray(0), key)
            return 3 * value, more

        return loss(model)

    whole, cut = of(18), of(6)
    assert parts.parts(6, 3) == 3
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=2e-5, atol=1e-6), whole, cut)
