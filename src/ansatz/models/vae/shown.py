"""How units of a prior show the condition under which codes are drawn."""

from itertools import product

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ansatz.protocol.capabilities import Condition


class Categories(eqx.Module):
    """One unit for each category of each column, up for the one that there is."""

    classes: tuple[int, ...] = eqx.field(static=True)
    """How many each column has; no column, no units."""

    @property
    def size(self) -> int:
        """How many units there are."""
        return sum(self.classes)

    @property
    def rows(self) -> Float[np.ndarray, "row unit"]:
        """All that the units can show; one that is empty where there are none."""
        units = [np.eye(count) for count in self.classes]
        return np.stack([np.concatenate([*each, np.zeros(0)]) for each in product(*units)])

    def __call__(self, condition: Condition) -> Float[Array, " unit"]:
        assert condition is not None
        return condition


class Steps(eqx.Module):
    """A unit for each of some rising thresholds, up where the one number of a condition is above.

    A bias that is coupled to all of them is any function of the number that is constant between.
    """

    thresholds: tuple[float, ...] = eqx.field(static=True)

    @property
    def size(self) -> int:
        """How many units there are."""
        return len(self.thresholds)

    @property
    def rows(self) -> Float[np.ndarray, "row unit"]:
        """All that the units can show, from none that is up."""
        return np.tri(self.size + 1, self.size, -1)

    def __call__(self, condition: Condition) -> Float[Array, " unit"]:
        assert condition is not None
        above = condition > jnp.asarray(self.thresholds, condition.dtype)
        return above.astype(condition.dtype)


Shown = Categories | Steps
