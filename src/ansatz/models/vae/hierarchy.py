"""An encoder in levels, each of which sees the event and what the levels before it have drawn."""

from collections.abc import Callable
from itertools import accumulate
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from ansatz.models.vae.cascade import AbstractCascade
from ansatz.nets import ConditionalNet


class Hierarchy(AbstractCascade):
    """q(z) = q(z_1 | x, c) q(z_2 | x, c, z_1) ... q(z_n | x, c, z_1, ..., z_(n-1)).

    Rolfe (2017). A level takes what was drawn before it behind the condition.
    """

    levels: tuple[ConditionalNet, ...]
    shown: Float[Array, "..."]
    """What the levels see of the event."""
    condition: Float[Array, " condition"] | None
    key: PRNGKeyArray | None
    """Of what dropout silences: one draw for all codes."""
    sizes: tuple[int, ...] = eqx.field(static=True)

    def drawn(
        self, key: PRNGKeyArray, draw: Callable[[Any, PRNGKeyArray], Array]
    ) -> Float[Array, " code"]:
        parts: list[Array] = []
        for level, key_level in enumerate(jax.random.split(key, len(self.sizes))):
            parts.append(draw(self._level(level, parts), key_level))
        return jnp.concatenate(parts)

    def layers(self, code: Float[Array, " code"]) -> list[tuple[Any, Array]]:
        parts = jnp.split(code, list(accumulate(self.sizes))[:-1])
        return [(self._level(level, parts[:level]), part) for level, part in enumerate(parts)]

    def entropies(self, code: Float[Array, " code"]) -> Float[Array, ""]:
        """sum_i H(q(z_i | x, c, z_<i)) along this code, whose mean over codes is H(q)."""
        return jnp.sum(jnp.stack([q.entropy() for q, _ in self.layers(code)]))

    def _level(self, level: int, before: list[Array]) -> Any:
        given = before if self.condition is None else [self.condition, *before]
        together = jnp.concatenate(given) if given else None
        key = None if self.key is None else jax.random.fold_in(self.key, level)
        return self.levels[level](self.shown, together, key=key)


class HierarchicalEncoder(eqx.Module):
    """x, c -> q(z | x, c) in levels; a `trunk` looks at the event once for all of them."""

    levels: tuple[ConditionalNet, ...]
    sizes: tuple[int, ...] = eqx.field(static=True)
    trunk: Any = None

    def __call__(
        self,
        x: Float[Array, "..."],
        condition: Float[Array, " condition"] | None = None,
        *,
        key: PRNGKeyArray | None = None,
    ) -> Hierarchy:
        return Hierarchy(
            levels=self.levels,
            shown=self.shown(x, condition),
            condition=condition,
            key=key,
            sizes=self.sizes,
        )

    def shown(
        self, x: Float[Array, "..."], condition: Float[Array, " condition"] | None
    ) -> Float[Array, "..."]:
        """What every level sees of an event."""
        return x if self.trunk is None else self.trunk(x, condition)
