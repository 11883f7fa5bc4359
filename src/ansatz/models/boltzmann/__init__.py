"""Boltzmann machines on any graph."""

from ansatz.models.boltzmann.abstract import AbstractMachine
from ansatz.models.boltzmann.deep import DeepMachine
from ansatz.models.boltzmann.deep_recipe import DeepRecipe
from ansatz.models.boltzmann.general import BoltzmannRecipe
from ansatz.models.boltzmann.graph import Graph
from ansatz.models.boltzmann.machine import BoltzmannMachine
from ansatz.models.boltzmann.named import named
from ansatz.models.boltzmann.rbm import RBMRecipe
from ansatz.models.boltzmann.restricted import RestrictedMachine

__all__ = [
    "AbstractMachine",
    "BoltzmannMachine",
    "BoltzmannRecipe",
    "DeepMachine",
    "DeepRecipe",
    "Graph",
    "RBMRecipe",
    "RestrictedMachine",
    "named",
]
