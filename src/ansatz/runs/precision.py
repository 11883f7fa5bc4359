"""The precision that numbers are computed in."""

from collections.abc import Iterator
from contextlib import contextmanager

import jax


@contextmanager
def precision(dtype: str) -> Iterator[None]:
    """Compute in the precision of a recipe, whatever other runs in this process asked for.

    Draws of random numbers depend on it, and so would the bits of a fit in single precision.
    Double precision stays on afterwards, for the model is still to be used.
    """
    if dtype == "float64":
        jax.config.update("jax_enable_x64", True)
        yield
    else:
        with jax.enable_x64(False):
            yield
