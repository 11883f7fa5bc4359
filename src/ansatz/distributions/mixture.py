"""Mixtures."""

from typing import ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from ansatz.distributions.abstract import AbstractDistribution, check_event
from ansatz.distributions.elementwise import AbstractElementwise
from ansatz.distributions.elementwise_mixture import ElementwiseMixture
from ansatz.distributions.independent import Independent
from ansatz.distributions.product import Product, assemble
from ansatz.distributions.stack import check_stack, one_of


class Mixture(AbstractDistribution):
    """An event from one of K components at random: p(x) = Σ_k w_k p_k(x), w = softmax(l).

    Every array of `components` has a leading axis K, one distribution for each k, as `jax.vmap`
    of a constructor makes them. The entropy of a mixture has no formula. A draw chooses a
    component, so that it does not carry the gradient of the weights.
    """

    reparameterised: ClassVar[bool] = False

    logits: Float[Array, " K"]
    components: AbstractDistribution

    def __check_init__(self) -> None:
        shape = jnp.shape(self.logits)
        if len(shape) != 1 or shape[0] == 0:
            raise ValueError(
                f"The logits of a Mixture need shape (K,) with one component or more, but they "
                f"have shape {shape}."
            )
        check_stack("Mixture", self.components, shape)

    @property
    def shape(self) -> tuple[int, ...]:
        return one_of(self.components, 1).shape

    def weights(self) -> Float[Array, " K"]:
        """The probability of each component."""
        return jax.nn.softmax(self.logits)

    def sample(self, key: PRNGKeyArray) -> Float[Array, "..."]:
        key_component, key_event = jax.random.split(key)
        k = jax.random.categorical(key_component, self.logits)
        return jax.tree.map(lambda a: a[k], self.components).sample(key_event)

    def log_prob(
        self, x: Float[Array, "..."], observed: Bool[Array, "..."] | None = None
    ) -> Float[Array, ""]:
        check_event(self, x, observed)
        return jax.nn.logsumexp(self.log_joint(x, observed))

    def log_joint(
        self, x: Float[Array, "..."], observed: Bool[Array, "..."] | None = None
    ) -> Float[Array, " K"]:
        """log w_k p_k(x): after softmax, the probability that x comes from each component."""
        each = jax.vmap(lambda p: p.log_prob(x, observed))(self.components)
        return jax.nn.log_softmax(self.logits) + each

    def entropy(self) -> None:
        return None

    def mean(self) -> Float[Array, "..."]:
        return jnp.tensordot(self.weights(), jax.vmap(lambda p: p.mean())(self.components), 1)

    def variance(self) -> Float[Array, "..."]:
        """E Var_k x + Var E_k x."""
        means = jax.vmap(lambda p: p.mean())(self.components)
        variances = jax.vmap(lambda p: p.variance())(self.components)
        return jnp.tensordot(self.weights(), variances + (means - self.mean()[None]) ** 2, 1)

    def point(self) -> Float[Array, "..."]:
        return _point(jax.nn.log_softmax(self.logits), self.components)


def _point(log_weights: Float[Array, " K"], components: AbstractDistribution) -> Array:
    """The point of a mixture: by parts where the components have parts.

    Each part is then a mixture of the components' parts, with the same weights.
    """
    match components:
        case AbstractElementwise():
            shape = one_of(components, 1).shape
            logits = jnp.expand_dims(log_weights, range(1, 1 + len(shape)))
            logits = jnp.broadcast_to(logits, (*log_weights.shape, *shape))
            return ElementwiseMixture(logits, components).point()
        case Product():
            points = [_point(log_weights, part) for part in components.parts]
            return assemble(points, components.places)
        case Independent():
            inner = jax.tree.map(
                lambda a: jnp.moveaxis(a, 0, len(components.axes)), components.distribution
            )
            return Independent(inner, components.axes).each(lambda p: _point(log_weights, p))
        case Mixture():
            joint = log_weights[:, None] + jax.nn.log_softmax(components.logits, 1)
            inner = jax.tree.map(lambda a: a.reshape(-1, *a.shape[2:]), components.components)
            return _point(joint.ravel(), inner)
        case _:
            means = jax.vmap(lambda p: p.mean())(components)
            return jnp.tensordot(jnp.exp(log_weights), means, 1)
