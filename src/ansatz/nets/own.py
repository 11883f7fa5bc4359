"""A user's own network where the package has one."""

import inspect
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from ansatz.protocol.errors import OptionError


class OwnNet(eqx.Module):
    """Calls any `equinox.Module` as a net of this package: net(x, condition, key=key) -> vector.

    A module that takes no condition is given it appended to the flattened input, and one that
    takes no key is called without; so `equinox.nn.MLP` and `equinox.nn.Sequential` plug in as
    they are.
    """

    net: Any
    takes_condition: bool = eqx.field(static=True)
    names_condition: bool = eqx.field(static=True)
    takes_key: bool = eqx.field(static=True)

    def __init__(self, net: Any) -> None:
        if not callable(net):
            raise OptionError(
                f"A net of your own must be a callable equinox.Module, not {type(net).__name__}."
            )
        parameters = inspect.signature(net).parameters
        positional = [
            p
            for p in parameters.values()
            if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
            and p.name not in ("key", "state")
        ]
        self.net = net
        self.names_condition = "condition" in parameters
        self.takes_condition = self.names_condition or len(positional) > 1
        self.takes_key = "key" in parameters

    def __call__(
        self,
        x: Float[Array, "..."],
        condition: Float[Array, " condition"] | None = None,
        *,
        key: PRNGKeyArray | None = None,
    ) -> Float[Array, " out"]:
        keyed = {"key": key} if self.takes_key else {}
        if condition is None:
            out = self.net(x, **keyed)
        elif self.names_condition:
            out = self.net(x, condition=condition, **keyed)
        elif self.takes_condition:
            out = self.net(x, condition, **keyed)
        else:
            out = self.net(jnp.concatenate([x.ravel(), condition]), **keyed)
        return out.ravel()


def check_output(
    name: str, net: Any, shape: tuple[int, ...], condition: int, wanted: int, dtype: str
) -> None:
    """Refuse a net whose output has the wrong length, in words, before it is compiled."""
    x = jax.ShapeDtypeStruct(shape, dtype)
    c = jax.ShapeDtypeStruct((condition,), dtype) if condition else None
    key = jax.eval_shape(lambda: jax.random.key(0))
    try:
        out = eqx.filter_eval_shape(lambda x, c, key: net(x, c, key=key), x, c, key)
    except Exception as error:
        raise OptionError(
            f"The {name} cannot be called on an input of shape {shape}"
            f"{f' with a condition of {condition} numbers' if condition else ''}: {error}"
        ) from error
    if out.shape != (wanted,):
        raise OptionError(
            f"The {name} gives {out.size} numbers for an input of shape {shape}; "
            f"the model needs {wanted}."
        )
