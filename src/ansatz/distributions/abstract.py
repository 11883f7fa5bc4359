"""What every elementary distribution can do."""

import abc

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray


class AbstractDistribution(eqx.Module):
    """A probability distribution p(x) over one event x, an array of a fixed shape.

    `log_prob` and `entropy` are single numbers, in nats, for the whole event. `mean` and
    `variance` have the event's shape.

    `reparameterised` says whether a sample is a differentiable function of the parameters and
    of noise that does not depend on them; it is false for discrete events.
    """

    reparameterised: eqx.AbstractClassVar[bool]

    @property
    @abc.abstractmethod
    def shape(self) -> tuple[int, ...]:
        """The shape of an event."""

    @abc.abstractmethod
    def sample(self, key: PRNGKeyArray) -> Float[Array, "..."]:
        """One event drawn from p."""

    @abc.abstractmethod
    def log_prob(self, x: Float[Array, "..."]) -> Float[Array, ""]:
        """log p(x), summed over the coordinates of the event."""

    @abc.abstractmethod
    def entropy(self) -> Float[Array, ""]:
        """H = −E log p(x), summed over the coordinates of the event."""

    @abc.abstractmethod
    def mean(self) -> Float[Array, "..."]:
        """E x, per coordinate."""

    @abc.abstractmethod
    def variance(self) -> Float[Array, "..."]:
        """E (x − E x)², per coordinate."""

    def sample_and_log_prob(
        self, key: PRNGKeyArray
    ) -> tuple[Float[Array, "..."], Float[Array, ""]]:
        """One event drawn from p, and its log p."""
        x = self.sample(key)
        return x, self.log_prob(x)


def check_event(distribution: AbstractDistribution, x: Array) -> None:
    """Raises unless `x` is one event of the distribution.

    Broadcasting would otherwise turn a wrong shape into a wrong sum without a word.
    """
    if jnp.shape(x) != distribution.shape:
        raise ValueError(
            f"This {type(distribution).__name__} has events of shape {distribution.shape}, but x "
            f"has shape {jnp.shape(x)}. A distribution acts on one event; use `jax.vmap` for a "
            "batch."
        )


def check_parameters(name: str, location: Array, scale: Array) -> None:
    """Raises unless location and scale have the event's shape, both of them."""
    if jnp.shape(location) != jnp.shape(scale):
        raise ValueError(
            f"The location of a {name} has shape {jnp.shape(location)} and its scale has shape "
            f"{jnp.shape(scale)}; both must have the shape of the event."
        )
