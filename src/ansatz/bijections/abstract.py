"""What every bijection can do."""

import abc

import equinox as eqx
from jaxtyping import Array, Float

Condition = Float[Array, " condition"] | None


class AbstractBijection(eqx.Module):
    """An invertible, differentiable map y = f(x | c) of events to events of as many numbers.

    If x has the density p(x), then y has the density p(x) / |det ∂y/∂x|. Both directions
    therefore return the image together with the logarithm of the absolute determinant of
    *their own* Jacobian: one number for the whole event, whatever the event's shape. A map that
    does not depend on the condition c leaves it alone.
    """

    @abc.abstractmethod
    def forward(
        self, x: Float[Array, "..."], condition: Condition = None
    ) -> tuple[Float[Array, "..."], Float[Array, ""]]:
        """y = f(x | c) and log |det ∂y/∂x|."""

    @abc.abstractmethod
    def inverse(
        self, y: Float[Array, "..."], condition: Condition = None
    ) -> tuple[Float[Array, "..."], Float[Array, ""]]:
        """x = f⁻¹(y | c) and log |det ∂x/∂y|."""
