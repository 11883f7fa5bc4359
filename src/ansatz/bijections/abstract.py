"""What every bijection can do."""

import abc

import equinox as eqx
from jaxtyping import Array, Float


class AbstractBijection(eqx.Module):
    """An invertible, differentiable map y = f(x) between events of one shape.

    If x has the density p(x), then y has the density p(x) / |det ∂y/∂x|. Both directions
    therefore return the image together with the logarithm of the absolute determinant of
    *their own* Jacobian: one number for the whole event, whatever the event's shape.
    """

    @abc.abstractmethod
    def forward(self, x: Float[Array, "..."]) -> tuple[Float[Array, "..."], Float[Array, ""]]:
        """y = f(x) and log |det ∂y/∂x|."""

    @abc.abstractmethod
    def inverse(self, y: Float[Array, "..."]) -> tuple[Float[Array, "..."], Float[Array, ""]]:
        """x = f⁻¹(y) and log |det ∂x/∂y|."""
