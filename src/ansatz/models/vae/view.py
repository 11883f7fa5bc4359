"""What an encoder is shown of an event."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from ansatz.protocol.capabilities import Event
from ansatz.protocol.source import Masked


class View(eqx.Module):
    """An event as an encoder can read it; the model itself is of the event as it is.

    Numbers that no preprocessing has brought to a common scale, such as counts, are shown as
    their logarithms, standardised: (log(1 + x) - shift) / scale. A column of categories is
    shown as one number for each, and of an event with missing numbers a second copy says which
    were observed.
    """

    shift: Float[Array, "..."] | None
    scale: Float[Array, "..."] | None
    shape: tuple[int, ...] = eqx.field(static=True)
    logarithmic: tuple[int, ...] | None = eqx.field(static=True)
    """The columns shown as logarithms; None if all numbers are."""
    categories: tuple[tuple[int, int], ...] = eqx.field(static=True)
    """The columns of categories, each with how many there are."""
    missing: bool = eqx.field(static=True)

    def __init__(
        self,
        shape: tuple[int, ...],
        dtype: str,
        *,
        logarithmic: tuple[int, ...] | None = (),
        categories: tuple[tuple[int, int], ...] = (),
        missing: bool = False,
    ) -> None:
        self.shift = self.scale = None
        if logarithmic != ():
            numbers = shape if logarithmic is None else (len(logarithmic),)
            self.shift, self.scale = jnp.zeros(numbers, dtype), jnp.ones(numbers, dtype)
        self.shape, self.logarithmic, self.categories = shape, logarithmic, categories
        self.missing = missing

    @property
    def output(self) -> tuple[int, ...]:
        """The shape of what is shown."""
        if not self.categories:
            return (2, *self.shape) if self.missing else self.shape
        size = self.shape[0] + sum(classes - 1 for _, classes in self.categories)
        return (size + self.shape[0] if self.missing else size,)

    def __call__(self, event: Event) -> Float[Array, "..."]:
        value, observed = known(event)
        if self.shift is not None and self.scale is not None:
            places = ... if self.logarithmic is None else np.array(self.logarithmic)
            value = value.at[places].set((jnp.log1p(value[places]) - self.shift) / self.scale)
        if observed is not None:
            # Nothing is to be read off a number that stands for nothing.
            value = jnp.where(observed, value, 0)
        if self.categories:
            return self._unfolded(value, observed)
        return value if observed is None else jnp.stack([value, observed.astype(value.dtype)])

    def fitted(self, event: Event) -> "View":
        """The view with the mean and deviation of the logarithms in a batch of events."""
        if self.shift is None:
            return self
        value, observed = known(event)
        observed = jnp.ones(value.shape, bool) if observed is None else observed
        if self.logarithmic is not None:
            places = np.array(self.logarithmic)
            value, observed = value[:, places], observed[:, places]
        logs = jnp.log1p(jnp.where(observed, value, 0))
        count = jnp.maximum(jnp.sum(observed.astype(value.dtype), 0), 1)
        mean = jnp.sum(jnp.where(observed, logs, 0), 0) / count
        offset = jnp.where(observed, logs - mean[None], 0)
        deviation = jnp.sqrt(jnp.sum(offset**2, 0) / count)
        scale = jnp.where(deviation > 1e-3, deviation, 1)
        return eqx.tree_at(lambda view: (view.shift, view.scale), self, (mean, scale))

    def _unfolded(self, value: Array, observed: Bool[Array, "..."] | None) -> Array:
        plain = np.setdiff1d(np.arange(self.shape[0]), [place for place, _ in self.categories])
        pieces = [value[plain]]
        for place, classes in self.categories:
            one_hot = jax.nn.one_hot(value[place].astype(int), classes, dtype=value.dtype)
            pieces.append(one_hot if observed is None else jnp.where(observed[place], one_hot, 0))
        if observed is not None:
            pieces.append(observed.astype(value.dtype))
        return jnp.concatenate(pieces)


def known(event: Event) -> tuple[Array, Bool[Array, "..."] | None]:
    """The numbers of an event, and which of them were observed if not all."""
    return (event.value, event.observed) if isinstance(event, Masked) else (event, None)
