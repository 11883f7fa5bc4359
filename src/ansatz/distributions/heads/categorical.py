"""The head of independent categories."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from ansatz.distributions.categorical import Categorical
from ansatz.distributions.heads.abstract import AbstractElementwiseHead, AbstractProbabilityHead
from ansatz.distributions.heads.fitting import average
from ansatz.protocol.errors import OptionError


class CategoricalHead(AbstractElementwiseHead, AbstractProbabilityHead):
    """Categories with codes 0, 1, …, classes − 1; the raw numbers are their logits."""

    shape: tuple[int, ...] = eqx.field(static=True)
    classes: int = eqx.field(static=True)

    def __check_init__(self) -> None:
        if self.classes < 1:
            raise OptionError(f"A CategoricalHead needs 1 class or more, not {self.classes}.")

    @property
    def numbers(self) -> int:
        return self.classes

    def elementwise(self, raw: Float[Array, "numbers *shape"]) -> Categorical:
        return Categorical(raw)

    def fitted(
        self, events: Float[Array, "n *shape"], observed: Bool[Array, "n *shape"] | None
    ) -> Float[Array, "numbers *shape"]:
        frequencies = jnp.stack(
            [average((events == k).astype(events.dtype), observed) for k in range(self.classes)]
        )
        # What never occurs starts at one in a thousand, where gradients still move it.
        return jnp.log(jnp.maximum(frequencies, 1e-3))
