"""A family of its own: a point that is moved to the mean of the events."""

from dataclasses import dataclass
from typing import ClassVar

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from ansatz.protocol.figures import Bars
from ansatz.protocol.gradient import gradient
from ansatz.protocol.optimiser import Optimiser
from ansatz.protocol.recipe import Recipe
from ansatz.protocol.update import AbstractObjective, Score


class Point(eqx.Module):
    place: Array


class SquaredDistance(AbstractObjective):
    @property
    def score(self):
        return Score("distance", "lower")

    def initial(self, model):
        return None

    def __call__(self, model, batch, carry, step, key):
        loss = batch.mean(jnp.sum((batch.event - model.place[None]) ** 2, 1))
        return loss, carry, {"distance": loss}


@dataclass(frozen=True, kw_only=True)
class ToyRecipe(Optimiser, Recipe):
    """A point: the best guess at all events. It has no code and no noise."""

    name: ClassVar[str] = "toy"
    kind: ClassVar[str] = "the recipe 'toy'"
    family: ClassVar[type[eqx.Module]] = Point

    epochs: int = 3

    def resolve(self, spec):
        return self.with_settings({"preprocess": ("none",)})

    def build(self, spec, key, **nets):
        return Point(jnp.zeros(spec.shape, self.dtype))

    def update(self, spec):
        return gradient(SquaredDistance(), self, steps=self.epochs * spec.steps_per_epoch)

    def figures(self, model, subject):
        return (
            Bars(
                name="toy-place",
                title="Where the point is",
                caption="Its coordinates <i>now</i>: good ones are the mean's.",
                labels=subject.axes,
                values=np.asarray(subject.raw(model.place)),
                x_label="number",
                y_label="place",
            ),
        )
