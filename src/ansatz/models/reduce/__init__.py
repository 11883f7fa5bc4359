"""Representations of fewer numbers."""

from ansatz.models.reduce.pca import PCA
from ansatz.models.reduce.recipe import PCARecipe

__all__ = ["PCA", "PCARecipe"]
