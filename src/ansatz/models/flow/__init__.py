"""Flows: a bijection that carries events to noise, so that their density is exact."""

from ansatz.models.flow.model import Flow
from ansatz.models.flow.recipe import FlowRecipe

__all__ = ["Flow", "FlowRecipe"]
