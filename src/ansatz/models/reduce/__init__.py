"""Representations of fewer numbers."""

from ansatz.models.reduce.autoencoder import Autoencoder
from ansatz.models.reduce.autoencoder_recipe import AutoencoderRecipe
from ansatz.models.reduce.pca import PCA
from ansatz.models.reduce.recipe import PCARecipe

__all__ = ["PCA", "Autoencoder", "AutoencoderRecipe", "PCARecipe"]
