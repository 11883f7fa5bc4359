"""How the settings of a flow become a model and an update."""

import shlex
from dataclasses import dataclass, replace
from typing import ClassVar

import equinox as eqx
import numpy as np
from jaxtyping import PRNGKeyArray

from ansatz.bijections.multiscale import check_even
from ansatz.distributions import entropy
from ansatz.models.flow.build import DEVIATIONS, build, layout, start
from ansatz.models.flow.figures import figures
from ansatz.models.flow.model import Flow
from ansatz.models.flow.objective import NegativeLogLikelihood, with_noise
from ansatz.models.flow.own import check_round_trip
from ansatz.models.flow.settings import FlowSettings
from ansatz.protocol.errors import OptionError, few
from ansatz.protocol.figures import Figure
from ansatz.protocol.gradient import Group, gradient
from ansatz.protocol.measure import Measure
from ansatz.protocol.recipe import Spec
from ansatz.protocol.source import Batch
from ansatz.protocol.subject import Subject
from ansatz.protocol.update import AbstractObjective, AbstractUpdate

FEW = 16
"""Numbers of a row that are turned as a whole between layers; more are only permuted."""
MARGIN = "logit=0.01"
DRAWS = 4000
"""For the entropy."""


@dataclass(frozen=True, kw_only=True)
class FlowRecipe(FlowSettings):
    """A flow: a learnt bijection that carries events to noise, so that log p is exact."""

    name: ClassVar[str] = "flow"
    kind: ClassVar[str] = "the recipe 'flow'"
    family: ClassVar[type[eqx.Module]] = Flow
    nets: ClassVar[tuple[str, ...]] = ("bijection", "base")

    def resolve(self, spec: Spec) -> "FlowRecipe":
        preprocess = self.preprocess
        if preprocess == ("auto",):
            preprocess = self._preprocess(spec)
        for step in ("binarise", "threshold"):
            if any(word.partition("=")[0] == step for word in preprocess):
                raise OptionError(
                    f"A flow learns a density, and zeros and ones have none: give 'dequantise' in "
                    f"place of {step!r} in --preprocess."
                )
        if spec.constant and "dequantise" not in preprocess:
            raise OptionError(_constant(spec))
        if self.net == "conv":
            self._check_field(spec.shape)
        mixing = self.mixing
        if mixing == "auto":
            mixing = "orthogonal" if spec.size <= FEW else "permute"
            # Of an image every second pixel moves as its neighbours say.
            mixing = "reverse" if len(spec.shape) > 1 else mixing
        return replace(self, preprocess=preprocess, mixing=mixing)

    def build(self, spec: Spec, key: PRNGKeyArray, **nets: eqx.Module) -> Flow:
        return build(self, spec, key, nets)

    def initialise(self, model: Flow, batch: Batch, key: PRNGKeyArray) -> Flow:
        """Start at the scales of the events, where they first meet a scaling."""
        events = with_noise(model, batch.event, key)
        deviation = DEVIATIONS[self.base]
        started = start(model.bijection, events, batch.condition, deviation)
        return eqx.tree_at(lambda m: m.bijection, model, started)

    def check(self, model: Flow, batch: Batch) -> None:
        check_round_trip(model, batch)

    def update(self, spec: Spec) -> AbstractUpdate:
        return self.learning(NegativeLogLikelihood(), self.epochs * spec.steps_per_epoch)

    def learning(self, objective: AbstractObjective, steps: int) -> AbstractUpdate:
        """The update that makes any objective of a flow small; the base stands still."""
        return gradient(
            objective,
            (Group(None, "base"), Group(self.alone())),
            steps=steps,
            average=self.average,
        )

    def remarks(self, model: Flow, spec: Spec) -> tuple[str, ...]:
        if "dequantise" in self.preprocess or len(spec.levels) != len(spec.columns):
            return ()
        whole = [n for n, k in zip(spec.columns, spec.levels, strict=True) if k]
        if not whole:
            return ()
        return (
            f"The numbers of {few([repr(name) for name in whole])} are whole, and a density of "
            "them has no bound: its log-likelihood says nothing. Leave them out with --drop "
            f"{shlex.join(whole)}, or learn a table of whole numbers alone, which are dequantised.",
        )

    def figures(self, model: Flow, subject: Subject) -> tuple[Figure, ...]:
        return figures(model, subject)

    def diagnose(
        self, model: Flow, batch: Batch, key: PRNGKeyArray, *, refine: int = 0
    ) -> tuple[Measure, ...]:
        if batch.condition is not None:
            return ()
        found = eqx.filter_jit(lambda m, k: entropy(m(), key=k, samples=DRAWS))(model, key)
        return (
            Measure(
                "entropy of the flow",
                float(found.value),
                float(found.error),
                "nats",
                f"-E log p(x) over {DRAWS:,} samples, as preprocessed",
            ),
        )

    def _preprocess(self, spec: Spec) -> tuple[str, ...]:
        image = len(spec.shape) > 1
        logit = () if self.coupling == "additive" else (MARGIN,)
        if spec.kind in ("binary", "whole"):
            return ("dequantise", "scale", *logit) if image else ("dequantise", "standardise")
        if image and spec.kind == "unit":
            return logit or ("none",)
        # A convolutional flow has scales of its own, the same at every place.
        return ("none",) if self.net == "conv" else ("standardise",)

    def _check_field(self, shape: tuple[int, ...]) -> None:
        """Refuse events that are no fields, or cannot be halved as often as there are scales."""
        space, _, _ = layout(shape)
        if len(shape) == 1 and shape[0] < 2:
            raise OptionError("A field needs 2 places or more: choose another net.")
        for _ in range(self.levels if self.levels > 1 else 0):
            check_even(space)
            space = tuple(length // 2 for length in space)


def _constant(spec: Spec) -> str:
    """What to say of numbers that never vary."""
    if spec.columns:
        names = [spec.columns[k] for k in spec.constant]
        return (
            f"The numbers of {few([repr(name) for name in names])} never vary, and have no "
            f"density: leave them out with --drop {shlex.join(names)}."
        )
    first = ", ".join(map(str, np.unravel_index(spec.constant[0], spec.shape)))
    return (
        f"{len(spec.constant)} of the {spec.size} numbers of an event never vary, the first at "
        f"[{first}], and have no density: leave them out of the array, or give --preprocess "
        "dequantise and more where numbers are whole."
    )
