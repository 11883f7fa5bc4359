"""Generative adversarial nets: one net draws events, another tells them from those of the data."""

from ansatz.models.gan.model import GAN
from ansatz.models.gan.recipe import GANRecipe

__all__ = ["GAN", "GANRecipe"]
