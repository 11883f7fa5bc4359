"""Stochastic layers on top of each other: each code is drawn given those before."""

from abc import abstractmethod
from collections.abc import Callable
from itertools import accumulate
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from ansatz.distributions import AbstractDistribution
from ansatz.nets import ConditionalNet


class AbstractCascade(eqx.Module):
    """p(z) = p(z_1) p(z_2 | z_1) ..., over one vector of all layers' codes."""

    sizes: eqx.AbstractVar[tuple[int, ...]]
    """Numbers in each layer, in the order in which they are drawn."""

    @abstractmethod
    def drawn(
        self, key: PRNGKeyArray, draw: Callable[[Any, PRNGKeyArray], Array]
    ) -> Float[Array, " code"]:
        """A code of which each layer is drawn by `draw`."""

    @abstractmethod
    def layers(self, code: Float[Array, " code"]) -> list[tuple[Any, Array]]:
        """The distribution of each layer given the rest of this code, and its part of the code,
        as they stand in the vector."""

    def sample(self, key: PRNGKeyArray) -> Float[Array, " code"]:
        return self.drawn(key, lambda p, key: p.sample(key))

    def log_prob(self, code: Float[Array, " code"]) -> Float[Array, ""]:
        return jnp.sum(jnp.stack([p.log_prob(part) for p, part in self.layers(code)]))

    def sample_and_log_prob(
        self, key: PRNGKeyArray
    ) -> tuple[Float[Array, " code"], Float[Array, ""]]:
        code = self.sample(key)
        return code, self.log_prob(code)

    def point(self) -> Float[Array, " code"]:
        """The point of every layer given that of the one before."""
        return self.drawn(jax.random.key(0), lambda p, _: p.point())

    def entropy(self) -> None:
        return None


class Cascade(AbstractCascade):
    """p(z) = p(z_1) p(z_2 | z_1) ... p(z_n | z_(n-1)).

    `first` is p(z_1); each of the `rest` makes p(z_i | z_(i-1)) of what was drawn before and of
    the `condition`. In the vector layers stand in the order in which they are drawn, or, for one
    that descends, in the reverse order: an encoder ascends from the event and its prior descends
    to it, and both speak of the same vector.
    """

    first: Any
    rest: tuple[Callable[..., AbstractDistribution], ...]
    condition: Float[Array, " condition"] | None
    sizes: tuple[int, ...] = eqx.field(static=True)
    descends: bool = eqx.field(static=True, default=False)

    def drawn(
        self, key: PRNGKeyArray, draw: Callable[[Any, PRNGKeyArray], Array]
    ) -> Float[Array, " code"]:
        keys = jax.random.split(key, len(self.sizes))
        parts = [draw(self.first, keys[0])]
        for then, key_layer in zip(self.rest, keys[1:], strict=True):
            parts.append(draw(then(parts[-1], self.condition), key_layer))
        return jnp.concatenate(parts[::-1] if self.descends else parts)

    def layers(self, code: Float[Array, " code"]) -> list[tuple[Any, Array]]:
        sizes = self.sizes[::-1] if self.descends else self.sizes
        parts = jnp.split(code, list(accumulate(sizes))[:-1])
        drawn = parts[::-1] if self.descends else parts
        given = [
            self.first,
            *(f(z, self.condition) for f, z in zip(self.rest, drawn, strict=False)),
        ]
        return list(zip(given[::-1] if self.descends else given, parts, strict=True))


class LayeredEncoder(eqx.Module):
    """q(z | x, c) = q(z_1 | x, c) q(z_2 | z_1, c) ..."""

    first: ConditionalNet
    rest: tuple[ConditionalNet, ...]
    sizes: tuple[int, ...] = eqx.field(static=True)

    def __call__(
        self,
        x: Float[Array, "..."],
        condition: Float[Array, " condition"] | None = None,
        *,
        key: PRNGKeyArray | None = None,
    ) -> Cascade:
        first = self.first(x, condition, key=key)
        return Cascade(first=first, rest=self.rest, condition=condition, sizes=self.sizes)
