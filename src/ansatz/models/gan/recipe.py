"""How the settings of a generative adversarial net become a model and an update."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import PRNGKeyArray

from ansatz.models.gan.collapse import collapses
from ansatz.models.gan.figures import figures
from ansatz.models.gan.judge import AgainstEvents
from ansatz.models.gan.losses import Loss
from ansatz.models.gan.model import GAN
from ansatz.models.gan.objective import Constraint, TwoPlayers
from ansatz.models.gan.settings import PLAYERS, GANSettings
from ansatz.nets import OwnNet, check_output, making_net, reading_net
from ansatz.protocol.errors import OptionError
from ansatz.protocol.figures import Figure
from ansatz.protocol.gradient import Group, gradient
from ansatz.protocol.recipe import Spec
from ansatz.protocol.source import Batch
from ansatz.protocol.subject import Subject
from ansatz.protocol.update import AbstractUpdate

CONSTRAINTS: dict[Loss, Constraint] = {
    "minimax": "none",
    "non-saturating": "zero-centred",
    "wasserstein": "gradient-penalty",
    "hinge": "spectral",
}
"""What 'auto' is for each loss."""
PENALTIES: dict[Constraint, float] = {"gradient-penalty": 10.0, "zero-centred": 0.1}
"""Weights of those that are penalties."""


@dataclass(frozen=True, kw_only=True)
class GANRecipe(GANSettings):
    """A generative adversarial net: a generator draws, a discriminator tells samples from data."""

    name: ClassVar[str] = "gan"
    kind: ClassVar[str] = "the recipe 'gan'"
    family: ClassVar[type[eqx.Module]] = GAN
    nets: ClassVar[tuple[str, ...]] = PLAYERS
    remedy: ClassVar[str] = (
        "Of two nets the discriminator runs away first: give it a --constraint, a larger --penalty "
        "or a --group discriminator.rate of its own."
    )
    takes_negative: ClassVar[bool] = False

    def resolve(self, spec: Spec) -> "GANRecipe":
        image = len(spec.shape) > 1
        whole = spec.kind in ("binary", "whole")
        preprocess = self.preprocess
        if preprocess == ("auto",):
            if whole:
                preprocess = ("dequantise", "scale" if image else "standardise")
            else:
                preprocess = ("none",) if image and spec.kind == "unit" else ("standardise",)
        for step in ("binarise", "threshold"):
            if any(word.partition("=")[0] == step for word in preprocess):
                raise OptionError(
                    "A generator makes any numbers, of which zeros and ones are told at once: give "
                    f"'dequantise' in place of {step!r} in --preprocess."
                )
        unit = preprocess[-1] == "scale" or (preprocess == ("none",) and spec.kind == "unit")
        output = self.output
        if output == "auto":
            output = "unit" if image and unit else "real"
        constraint = self._constraint
        penalty = PENALTIES.get(constraint) if self.penalty is None else self.penalty
        if penalty is not None and constraint not in PENALTIES:
            raise OptionError(
                f"There is no penalty without a constraint that has one: leave --penalty out, or "
                f"give --constraint {' or '.join(PENALTIES)}."
            )
        steps = self.discriminator_steps or (5 if self.loss == "wasserstein" else 1)
        return replace(
            self,
            preprocess=preprocess,
            output=output,
            constraint=constraint,
            penalty=penalty,
            discriminator_steps=steps,
        )

    def build(self, spec: Spec, key: PRNGKeyArray, **nets: eqx.Module) -> GAN:
        keys = dict(zip(PLAYERS, jax.random.split(key), strict=True))
        ends = {"generator": ((self.latent,), spec.size), "discriminator": (spec.shape, 1)}
        players: dict[str, Any] = {}
        for part, (shape, size) in ends.items():
            own = nets.get(part)
            made = OwnNet(own) if own is not None else self._net(part, spec, keys[part])
            check_output(part, made, shape, spec.condition, size, self.dtype)
            players[part] = made
        return GAN(
            **players,
            shape=spec.shape,
            latent=self.latent,
            output="unit" if self.output == "unit" else "real",
            spectral=self._constraint == "spectral",
            dtype=self.dtype,
        )

    def initialise(self, model: GAN, batch: Batch, key: PRNGKeyArray) -> GAN:
        """Start about the mean of the events, so that the discriminator has more to tell."""
        net = model.generator
        if isinstance(net, OwnNet):
            return model
        mean = jnp.mean(batch.event, axis=0).ravel()
        if model.output == "unit":
            mean = jnp.clip(mean, 0.01, 0.99)
            mean = jnp.log(mean) - jnp.log1p(-mean)
        return eqx.tree_at(lambda m: m.generator, model, net.with_output_bias(mean))

    def update(self, spec: Spec) -> AbstractUpdate:
        steps = self.discriminator_steps
        optimisers = self.optimisers()
        objective = TwoPlayers(self.loss, self._constraint, self.penalty or 0.0, steps)
        return gradient(
            objective,
            (
                Group(optimisers["generator"], "generator", first=steps - 1, every=steps),
                Group(optimisers["discriminator"], "discriminator"),
            ),
            steps=self.epochs * spec.steps_per_epoch,
            average=self.average,
            judge=AgainstEvents(),
        )

    def remarks_on(self, history: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
        return collapses(history[-1]) if history else ()

    def figures(self, model: GAN, subject: Subject) -> tuple[Figure, ...]:
        return figures(model, subject)

    @property
    def _constraint(self) -> Constraint:
        return CONSTRAINTS[self.loss] if self.constraint == "auto" else self.constraint

    def _net(self, part: str, spec: Spec, key: PRNGKeyArray) -> eqx.Module:
        """A net of the settings' own kind."""
        common: dict[str, Any] = {
            "hidden": self.hidden,
            "channels": self.channels,
            "circular": self.circular,
            "condition": spec.condition,
            "activation": self.activation,
            "dtype": self.dtype,
            "key": key,
        }
        if part == "generator":
            return making_net(self.net, self.latent, spec.shape, spec.size, **common)
        return reading_net(self.net, spec.shape, 1, **common)
