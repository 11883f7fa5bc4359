"""The structure of a fitted pipeline, its numbers yet to come, and the nets that belong to it."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

from ansatz.data.conditions import ConditionEncoder
from ansatz.data.preprocessing import Preprocessing, fit_preprocessing
from ansatz.data.statistics import Survey
from ansatz.protocol.errors import OptionError, RunError, nearest
from ansatz.protocol.recipe import Recipe, Spec
from ansatz.runs.pipeline import Pipeline
from ansatz.runs.record import Record


def empty_pipeline(record: Record, nets: dict[str, eqx.Module]) -> Pipeline:
    """A pipeline of the right structure, its numbers yet to be filled in."""
    recipe, spec = record.recipe, record.spec
    check_nets(recipe, nets)
    missing = [name for name in record.own_nets if name not in nets]
    if missing:
        given = ", ".join(f"{name}=..." for name in missing)
        raise RunError(
            "The run was fitted with nets of your own, which are not saved with it: "
            f"give them again as {given}."
        )
    columns = record.condition_columns
    ones = jnp.ones(len(columns), recipe.dtype)
    shapes = eqx.filter_eval_shape(recipe.build, spec, jax.random.key(0), **nets)
    return Pipeline(
        model=shapes,
        preprocessing=preprocessing_of(recipe, spec, None),
        encoder=ConditionEncoder(columns, ones, ones, recipe.log_conditions) if columns else None,
    )


def preprocessing_of(recipe: Recipe, spec: Spec, seen: Survey | None) -> Preprocessing:
    """The steps between the data and the model; without what was seen of the data, no numbers."""
    return fit_preprocessing(
        recipe.preprocess,
        spec.shape,
        recipe.dtype,
        seen,
        missing=spec.missing,
        untouched=recipe.untouched(spec),
    )


def check_nets(recipe: Recipe, nets: dict[str, Any]) -> None:
    """Refuse a net that the recipe has no place for."""
    for name in nets:
        if name not in recipe.nets:
            raise OptionError(f"{recipe.kind} takes no net {name!r}. {nearest(name, recipe.nets)}")
