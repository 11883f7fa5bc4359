"""Learnable functions, and the distributions they parametrise."""

from ansatz.nets.conditional import ConditionalNet
from ansatz.nets.mlp import ACTIVATIONS, MLP, Linear
from ansatz.nets.own import OwnNet, check_output

__all__ = ["ACTIVATIONS", "MLP", "ConditionalNet", "Linear", "OwnNet", "check_output"]
