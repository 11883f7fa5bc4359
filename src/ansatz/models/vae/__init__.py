"""Variational autoencoders."""

from ansatz.models.vae.model import VAE
from ansatz.models.vae.qvae import QVAERecipe
from ansatz.models.vae.recipe import VAERecipe

__all__ = ["VAE", "QVAERecipe", "VAERecipe"]
