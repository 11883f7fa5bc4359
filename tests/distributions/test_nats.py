"""The entropy of any distribution, exact or by sampling, against quadrature."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from catalogue import CASES

from ansatz.distributions import Mixture, Normal, entropy
from ansatz.protocol.errors import OptionError


@pytest.fixture(autouse=True, scope="module")
def _float64():
    with jax.enable_x64(True):
        yield


fast_entropy = eqx.filter_jit(entropy)


@pytest.mark.parametrize("name", [name for name in CASES if "mixture" not in name])
def test_it_is_exact_where_the_distribution_knows_it(name):
    p = CASES[name].make()
    found = fast_entropy(p)
    assert found.exact
    assert found.error == 0
    np.testing.assert_allclose(found.value, p.entropy(), rtol=1e-14)


def test_an_estimate_is_within_its_error():
    case = CASES["mixtures"]
    exact = 0.0
    for line in case.lines:
        points, weights = line.nodes()
        mass = weights * np.exp(line.log(points))
        exact -= np.sum(mass * np.where(mass > 0, line.log(points), 0))
    found = fast_entropy(case.make(), key=jax.random.key(0), samples=20_000)
    assert not found.exact
    # Four standard errors: a right estimate fails with probability 6e-5.
    assert abs(found.value - exact) < 4 * found.error
    assert 0 < found.error < 0.02 * exact


def test_its_gradient_is_unbiased():
    """By the score, since the draws of a mixture do not carry the gradient of its weights."""
    p = Mixture(jnp.asarray([0.3, -0.5]), Normal(jnp.asarray([-1.0, 2.0]), jnp.asarray([1.0, 0.5])))
    line = jnp.linspace(-12, 12, 2001)

    def quadrature(p):
        log = jax.vmap(p.log_prob)(line)
        return -jnp.sum(jnp.exp(log) * log) * (line[1] - line[0])

    @jax.jit
    def gradients(p, keys):
        def one(key):
            return jax.grad(lambda p: entropy(p, key=key, samples=4).value)(p)

        return jax.vmap(one)(keys), jax.grad(quadrature)(p)

    n = 5000
    found, expected = gradients(p, jax.random.split(jax.random.key(1), n))
    for leaf, exact in zip(*map(jax.tree.leaves, (found, expected)), strict=True):
        # Four standard errors, for six numbers.
        assert np.all(abs(np.mean(leaf, 0) - exact) < 4 * np.std(leaf, 0) / n**0.5)


def test_errors():
    p = CASES["mixture"].make()
    with pytest.raises(OptionError, match="entropy of a Mixture has no closed form here; pass a"):
        entropy(p)
    with pytest.raises(OptionError, match="estimated from 1 sample or more, not 0"):
        entropy(p, key=jax.random.key(0), samples=0)
