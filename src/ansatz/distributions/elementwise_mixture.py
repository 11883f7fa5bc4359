"""Mixtures of independent coordinates, each with a choice of its own."""

from typing import ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from ansatz.distributions.categorical import Categorical
from ansatz.distributions.elementwise import AbstractElementwise
from ansatz.distributions.stack import check_stack, one_of


class ElementwiseMixture(AbstractElementwise):
    """Independent coordinates, each from one of K components at random.

    log p(x) = Σ_i log Σ_k w_ki p_ki(x_i) with weights w_i = softmax(l_i)

    The logits have shape (K, *event shape), and every array of `components` a leading axis K.
    It says what `Independent` of one `Mixture` for each coordinate says in less than half the
    time, since components lie along the first axis, where sums over them are fast.
    """

    reparameterised: ClassVar[bool] = False

    logits: Float[Array, "K ..."]
    components: AbstractElementwise

    def __check_init__(self) -> None:
        shape = jnp.shape(self.logits)
        if not shape or shape[0] == 0:
            raise ValueError(
                f"The logits of an ElementwiseMixture need shape (K, *event shape) with one "
                f"component or more, but they have shape {shape}."
            )
        check_stack("ElementwiseMixture", self.components, shape[:1])
        if one_of(self.components, 1).shape != shape[1:]:
            raise ValueError(
                f"The logits of an ElementwiseMixture have shape {shape}, so that its components "
                f"need events of shape {shape[1:]}, not {one_of(self.components, 1).shape}."
            )

    @property
    def inside(self) -> float:
        return self.components.inside

    @property
    def shape(self) -> tuple[int, ...]:
        return self.logits.shape[1:]

    def weights(self) -> Float[Array, "K ..."]:
        """The probability of each component, per coordinate."""
        return jax.nn.softmax(self.logits, 0)

    def sample(self, key: PRNGKeyArray) -> Float[Array, "..."]:
        key_component, key_event = jax.random.split(key)
        k = jax.random.categorical(key_component, self.logits, 0)

        def chosen(a: Array) -> Array:
            """What the chosen components have of an array, whose last axes are the event's."""
            index = jnp.expand_dims(k, range(a.ndim - k.ndim))
            return jnp.take_along_axis(a, index, 0)[0]

        return jax.tree.map(chosen, self.components).sample(key_event)

    def log_probs(self, x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        each = jax.vmap(lambda p: p.log_probs(x))(self.components)
        return jax.nn.logsumexp(jax.nn.log_softmax(self.logits, 0) + each, 0)

    def entropies(self) -> None:
        return None

    def mean(self) -> Float[Array, "..."]:
        return jnp.sum(self.weights() * jax.vmap(lambda p: p.mean())(self.components), 0)

    def variance(self) -> Float[Array, "..."]:
        """E Var_k x + Var E_k x."""
        means = jax.vmap(lambda p: p.mean())(self.components)
        variances = jax.vmap(lambda p: p.variance())(self.components)
        return jnp.sum(self.weights() * (variances + (means - self.mean()[None]) ** 2), 0)

    def point(self) -> Float[Array, "..."]:
        match self.components:
            case Categorical():
                each = jax.vmap(lambda p: p.probabilities())(self.components)
                mixed = jnp.sum(self.weights()[:, None] * each, 0)
                return jnp.argmax(mixed, 0).astype(mixed.dtype)
            case ElementwiseMixture():
                # A mixture of mixtures is a mixture of all their components.
                inner = jax.nn.log_softmax(self.components.logits, 1)
                joint = jax.nn.log_softmax(self.logits, 0)[:, None] + inner
                flat = [
                    jax.tree.map(lambda a: a.reshape(-1, *a.shape[2:]), part)
                    for part in (joint, self.components.components)
                ]
                return ElementwiseMixture(*flat).point()
            case _:
                return self.mean()
