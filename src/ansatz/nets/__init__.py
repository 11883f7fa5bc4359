"""Learnable functions, and the distributions they parametrise."""

from ansatz.nets.conditional import ConditionalNet
from ansatz.nets.conv import ConvDecoder, ConvEncoder
from ansatz.nets.field import FieldNet
from ansatz.nets.linear import Linear
from ansatz.nets.masked import MaskedMLP
from ansatz.nets.mlp import MLP
from ansatz.nets.nonlinear import ACTIVATIONS, PIECEWISE_LINEAR
from ansatz.nets.own import OwnNet, check_output
from ansatz.nets.pair import making_net, reading_net
from ansatz.nets.residual import ResidualMLP

__all__ = [
    "ACTIVATIONS",
    "MLP",
    "PIECEWISE_LINEAR",
    "ConditionalNet",
    "ConvDecoder",
    "ConvEncoder",
    "FieldNet",
    "Linear",
    "MaskedMLP",
    "OwnNet",
    "ResidualMLP",
    "check_output",
    "making_net",
    "reading_net",
]
