"""Mixtures, and what expectation maximisation does with them."""

from ansatz.models.mixture.kmeans import KMeans
from ansatz.models.mixture.kmeans_recipe import KMeansRecipe
from ansatz.models.mixture.model import Mixture
from ansatz.models.mixture.recipe import MixtureRecipe

__all__ = ["KMeans", "KMeansRecipe", "Mixture", "MixtureRecipe"]
