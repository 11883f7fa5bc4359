"""The settings of a flow."""

from dataclasses import dataclass
from typing import Literal

from ansatz.protocol.errors import OptionError
from ansatz.protocol.optimiser import Optimiser
from ansatz.protocol.recipe import Recipe


@dataclass(frozen=True, kw_only=True)
class FlowSettings(Optimiser, Recipe):
    """Everything that can be chosen."""

    coupling: Literal["additive", "affine", "spline"] = "spline"
    """How a number moves: it is shifted (NICE), shifted and scaled (RealNVP), or sent through a
    monotone spline."""
    structure: Literal["coupling", "autoregressive", "inverse-autoregressive"] = "coupling"
    """What says how far: the half of the numbers that stays, or all numbers before it; that is
    quick to score and slow to sample, and its inverse the other way round."""
    layers: int = 8
    """How many couplings, or autoregressive maps; of a convolutional flow at each scale."""
    mixing: Literal["auto", "reverse", "permute", "orthogonal", "lower-upper"] = "auto"
    """What comes between layers: the numbers in reverse, in an order drawn at random, or a linear
    map that is learnt, orthogonal or the product of two triangles. 'auto' is orthogonal for up to
    16 numbers, permute for more, and reverse for images."""
    net: Literal["mlp", "residual", "conv"] = "mlp"
    """The nets of couplings: fully connected, fully connected and added to their input, or
    convolutional (for fields in one or two dimensions)."""
    hidden: tuple[int, ...] = (128, 128)
    """Widths of a net's layers."""
    channels: tuple[int, ...] = (32, 32)
    """Channels of a convolutional net's layers."""
    circular: bool = False
    """Whether a field goes on at its other side, as on a ring or a torus."""
    levels: int = 1
    """Scales of a convolutional flow: at each, space becomes channels and half of them is done."""
    activation: Literal["tanh", "relu", "leaky_relu", "gelu", "silu", "softplus"] = "relu"
    """The function between layers."""
    bins: int = 8
    """Pieces of a spline."""
    bound: float = 5.0
    """Where splines end, in standard deviations of a number; they are straight beyond."""
    base: Literal["normal", "logistic"] = "normal"
    """The density of the noise."""
    average: float = 0.0
    """Decay of the parameters' running average, which is then what is kept; 0 for none."""

    def __post_init__(self) -> None:
        Recipe.__post_init__(self)
        Optimiser.__post_init__(self)
        for label in ("layers", "levels", "bins"):
            if getattr(self, label) < 1:
                raise OptionError(f"{label} must be at least 1; it is {getattr(self, label)}.")
        for label in ("hidden", "channels"):
            if any(width < 1 for width in getattr(self, label)):
                raise OptionError(f"{label} must be at least 1; they are {getattr(self, label)}.")
        if not self.bound > 0:
            raise OptionError(f"bound must be positive; it is {self.bound}.")
        if self.net != "mlp" and self.structure != "coupling":
            raise OptionError(
                f"Autoregressive maps have masked nets of their own: leave --net {self.net} out, "
                "or --structure."
            )
        if self.net != "conv" and self.levels > 1:
            raise OptionError("Several --levels are for fields: give --net conv, too.")
