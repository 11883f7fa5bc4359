"""The settings of an optimiser, and the transformation of gradients they stand for."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import ClassVar, Literal

import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int

from ansatz.protocol.errors import OptionError
from ansatz.protocol.settings import Settings


@dataclass(frozen=True, kw_only=True)
class Optimiser(Settings):
    """How parameters follow their gradient."""

    kind: ClassVar[str] = "the optimiser"

    optimiser: Literal["adam", "adamw", "sgd", "rmsprop", "lion"] = "adam"
    """The rule that turns gradients into steps."""
    rate: float = 1e-3
    """Learning rate, the highest the schedule reaches."""
    momentum: float = 0.9
    """Decay of the running mean of gradients (Adam's and Lion's first beta)."""
    second_moment: float = 0.999
    """Decay of the running mean of squared gradients (Adam's second beta)."""
    epsilon: float = 1e-8
    """Added to the root of the second moment."""
    schedule: Literal["constant", "cosine", "exponential"] = "constant"
    """The course of the learning rate after the warm-up."""
    warmup: int = 0
    """Steps in which the learning rate rises linearly from zero."""
    final_rate: float = 0.01
    """The fraction of the learning rate left at the end of a falling schedule."""
    clip: float | None = None
    """Scale gradients down to this global norm where they exceed it."""
    weight_decay: float = 0.0
    """Pull of all parameters towards zero, apart from the gradient (adamw and lion)."""
    l1: float = 0.0
    """Penalty on the sum of absolute weights, added to the loss (biases are free)."""
    l2: float = 0.0
    """Penalty on the sum of squared weights, added to the loss (biases are free)."""

    def __post_init__(self) -> None:
        for name in ("momentum", "second_moment"):
            if not 0 <= getattr(self, name) < 1:
                raise OptionError(f"{name} must lie in [0, 1); it is {getattr(self, name)}.")
        for name in ("epsilon", "warmup", "weight_decay", "l1", "l2"):
            if getattr(self, name) < 0:
                raise OptionError(f"{name} must not be negative; it is {getattr(self, name)}.")
        if not self.rate > 0:
            raise OptionError(f"rate must be positive; it is {self.rate}.")
        if not 0 <= self.final_rate <= 1 or (
            self.schedule == "exponential" and self.final_rate == 0
        ):
            raise OptionError(
                f"final_rate must lie in (0, 1], or be 0 for a cosine; it is {self.final_rate}."
            )
        if self.clip is not None and not self.clip > 0:
            raise OptionError(f"clip must be positive; it is {self.clip}. Leave it out for none.")
        if self.weight_decay and self.optimiser not in ("adamw", "lion"):
            raise OptionError(
                f"weight_decay acts with adamw and lion, not with {self.optimiser}. "
                "Use l2 for a penalty in the loss."
            )

    def alone(self) -> "Optimiser":
        """The optimiser by itself, of a recipe that has its settings among others."""
        return Optimiser(**{field.name: getattr(self, field.name) for field in fields(Optimiser)})

    def direction(self) -> optax.GradientTransformation:
        """The transformation from gradients to steps of unit learning rate, uphill."""
        rules = {
            "adam": lambda: optax.scale_by_adam(self.momentum, self.second_moment, self.epsilon),
            "adamw": lambda: optax.scale_by_adam(self.momentum, self.second_moment, self.epsilon),
            "sgd": lambda: optax.trace(self.momentum) if self.momentum else optax.identity(),
            "rmsprop": lambda: optax.scale_by_rms(
                self.second_moment, self.epsilon, eps_in_sqrt=False
            ),
            "lion": lambda: optax.scale_by_lion(self.momentum, self.second_moment),
        }
        parts = [rules[self.optimiser]()]
        if self.clip is not None:
            parts.insert(0, optax.clip_by_global_norm(self.clip))
        if self.weight_decay:
            parts.append(optax.add_decayed_weights(self.weight_decay))
        return optax.chain(*parts)

    def rate_at(self, steps: int) -> Callable[[Int[Array, ""]], Float[Array, ""]]:
        """The learning rate as a function of the step, for a fit of so many `steps`."""
        falling = max(steps - self.warmup, 1)
        after = {
            "constant": lambda: optax.constant_schedule(self.rate),
            "cosine": lambda: optax.cosine_decay_schedule(self.rate, falling, self.final_rate),
            "exponential": lambda: optax.exponential_decay(self.rate, falling, self.final_rate),
        }[self.schedule]()
        course = after
        if self.warmup:
            rising = optax.linear_schedule(0.0, self.rate, self.warmup)
            course = optax.join_schedules([rising, after], [self.warmup])
        # Schedules divide the step by a number, which strict types allow only as a float.
        return lambda step: course(jnp.asarray(step, jnp.result_type(float)))


@dataclass(frozen=True, kw_only=True)
class PartOptimiser(Optimiser):
    """How the parameters of one part of a model follow their gradient, and when."""

    first: int = 0
    """The first step at which the part learns."""
    last: int | None = None
    """The step from which it stands still again."""
    every: int = 1
    """It learns at every so many steps."""
