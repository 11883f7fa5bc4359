"""Every number moves as a net says that sees those before it."""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ansatz.bijections.abstract import AbstractBijection, Condition
from ansatz.bijections.scalar import AbstractScalarMap


class Autoregressive(AbstractBijection):
    """y_i = t(x_i; net_i(x_1, ..., x_(i−1), c)) (Papamakarios, Pavlakou and Murray, 2017).

    The Jacobian is a triangle: log |det ∂y/∂x| = Σ log t′. Forwards the net is called once, and
    backwards once for every number in turn. The net must not let net_i see x_i or what comes
    after: `ansatz.nets.MaskedMLP` does not.
    """

    map: AbstractScalarMap
    net: Any

    def forward(
        self, x: Float[Array, "..."], condition: Condition = None
    ) -> tuple[Float[Array, "..."], Float[Array, ""]]:
        row = x.ravel()
        y, log_slopes = self.map.forward(row, self._raw(row, condition))
        return y.reshape(x.shape), jnp.sum(log_slopes)

    def inverse(
        self, y: Float[Array, "..."], condition: Condition = None
    ) -> tuple[Float[Array, "..."], Float[Array, ""]]:
        row = y.ravel()
        places = jnp.arange(len(row))

        def one(i: Array, found: tuple[Array, Array]) -> tuple[Array, Array]:
            x, log_slopes = found
            new = self.map.inverse(row, self._raw(x, condition))
            # The others do not see yet all that they depend on.
            return jnp.where(places == i, new[0], x), jnp.where(places == i, new[1], log_slopes)

        zeros = jnp.zeros_like(row)
        x, log_slopes = jax.lax.fori_loop(0, len(row), one, (zeros, zeros))
        return x.reshape(y.shape), jnp.sum(log_slopes)

    def _raw(self, row: Array, condition: Condition) -> Array:
        return self.net(row, condition).reshape(self.map.numbers, len(row))
