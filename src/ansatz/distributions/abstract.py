"""What every elementary distribution can do."""

import abc

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, PRNGKeyArray


class AbstractDistribution(eqx.Module):
    """A probability distribution p(x) over one event x, an array of a fixed shape.

    `log_prob` and `entropy` are single numbers, in nats, for the whole event. `mean`, `variance`
    and `point` have the event's shape.
    """

    @property
    @abc.abstractmethod
    def reparameterised(self) -> bool:
        """Whether a sample is a differentiable function of the parameters and of noise that does
        not depend on them; false for discrete events."""

    @property
    @abc.abstractmethod
    def shape(self) -> tuple[int, ...]:
        """The shape of an event."""

    @abc.abstractmethod
    def sample(self, key: PRNGKeyArray) -> Float[Array, "..."]:
        """One event drawn from p."""

    @abc.abstractmethod
    def log_prob(
        self, x: Float[Array, "..."], observed: Bool[Array, "..."] | None = None
    ) -> Float[Array, ""]:
        """log p(x); with `observed`, log p of the coordinates where it is true alone.

        The others are integrated out, exactly. Whatever x holds there has no influence.
        """

    @abc.abstractmethod
    def entropy(self) -> Float[Array, ""] | None:
        """H = −E log p(x), or nothing where no formula gives it; `ansatz.distributions.entropy`
        then estimates it."""

    @abc.abstractmethod
    def mean(self) -> Float[Array, "..."]:
        """E x, per coordinate."""

    @abc.abstractmethod
    def variance(self) -> Float[Array, "..."]:
        """E (x − E x)², per coordinate."""

    @abc.abstractmethod
    def point(self) -> Float[Array, "..."]:
        """The one event that stands for p: its mean, per coordinate.

        Where values are categories without an order, it is the most probable value.
        """

    def sample_and_log_prob(
        self, key: PRNGKeyArray
    ) -> tuple[Float[Array, "..."], Float[Array, ""]]:
        """One event drawn from p, and its log p."""
        x = self.sample(key)
        return x, self.log_prob(x)


def check_event(distribution: AbstractDistribution, x: Array, observed: Array | None) -> None:
    """Raises unless `x` is one event of the distribution, and `observed` is of its shape.

    Broadcasting would otherwise turn a wrong shape into a wrong sum without a word.
    """
    shapes = {"x": jnp.shape(x)} | ({} if observed is None else {"observed": jnp.shape(observed)})
    for name, shape in shapes.items():
        if shape != distribution.shape:
            raise ValueError(
                f"This {type(distribution).__name__} has events of shape {distribution.shape}, "
                f"but {name} has shape {shape}. A distribution acts on one event; use `jax.vmap` "
                "for a batch."
            )


def check_parameters(name: str, location: Array, scale: Array) -> None:
    """Raises unless location and scale have the event's shape, both of them."""
    if jnp.shape(location) != jnp.shape(scale):
        raise ValueError(
            f"The location of a {name} has shape {jnp.shape(location)} and its scale has shape "
            f"{jnp.shape(scale)}; both must have the shape of the event."
        )
