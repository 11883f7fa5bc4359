"""A bijection the other way round."""

from jaxtyping import Array, Float

from ansatz.bijections.abstract import AbstractBijection, Condition


class Inverse(AbstractBijection):
    """The map y = f⁻¹(x): what was quick forwards is now quick backwards."""

    bijection: AbstractBijection

    def forward(
        self, x: Float[Array, "..."], condition: Condition = None
    ) -> tuple[Float[Array, "..."], Float[Array, ""]]:
        return self.bijection.inverse(x, condition)

    def inverse(
        self, y: Float[Array, "..."], condition: Condition = None
    ) -> tuple[Float[Array, "..."], Float[Array, ""]]:
        return self.bijection.forward(y, condition)
