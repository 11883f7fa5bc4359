"""The settings of a generative adversarial net."""

from dataclasses import dataclass, field
from typing import Any, Literal

from ansatz.protocol.errors import OptionError, nearest
from ansatz.protocol.optimiser import Optimiser
from ansatz.protocol.recipe import Recipe

PLAYERS = ("generator", "discriminator")


@dataclass(frozen=True, kw_only=True)
class GANSettings(Optimiser, Recipe):
    """Everything that can be chosen."""

    loss: Literal["minimax", "non-saturating", "wasserstein", "hinge"] = "non-saturating"
    """What the players make small: the divergence of Jensen and Shannon as a game, the same with
    a generator that learns from samples that convince nobody, the distance of Wasserstein, or a
    margin."""
    constraint: Literal["auto", "none", "gradient-penalty", "zero-centred", "spectral"] = "auto"
    """What keeps the discriminator from being too sure: a penalty on slopes other than one between
    events and samples, one on any slope at events, or matrices over their largest singular value.
    'auto' is gradient-penalty for wasserstein, spectral for hinge, zero-centred for
    non-saturating, and none for minimax."""
    penalty: float | None = None
    """Weight of a penalty: 10 for gradient-penalty and 0.1 for zero-centred if not given."""
    discriminator_steps: int = 0
    """Steps of the discriminator to one of the generator; 0 is 5 for wasserstein, 1 for others."""
    latent: int = 16
    """Numbers of the noise that a sample is made from."""
    net: Literal["mlp", "residual", "conv"] = "mlp"
    """Layers that are fully connected, fully connected and added to their input, or convolutional
    and then fully connected (for images)."""
    hidden: tuple[int, ...] = (128, 128, 128)
    """Widths of the discriminator's fully connected layers; the generator mirrors them."""
    channels: tuple[int, ...] = (32, 64)
    """Channels of the discriminator's convolutions, each of which halves the image; the generator
    mirrors them."""
    circular: bool = False
    """Whether an image goes on at its other side, as on a torus."""
    activation: Literal["tanh", "relu", "leaky_relu", "gelu", "silu", "softplus"] = "leaky_relu"
    """The function between layers."""
    output: Literal["auto", "real", "unit"] = "auto"
    """What the generator makes: any numbers, or numbers within [0, 1], which 'auto' takes for
    images that are."""
    rate: float = 1e-3
    """Learning rate, the highest the schedule reaches."""
    momentum: float = 0.0
    """Decay of the running mean of gradients (Adam's and Lion's first beta)."""
    second_moment: float = 0.99
    """Decay of the running mean of squared gradients (Adam's second beta)."""
    schedule: Literal["constant", "cosine", "exponential"] = "cosine"
    """The course of the learning rate after the warm-up."""
    average: float = 0.99
    """Decay of the parameters' running average, which is then what is kept; 0 for none."""
    groups: dict[str, Any] = field(default_factory=dict)
    """Settings of the optimiser for the 'generator' or the 'discriminator' alone."""

    def __post_init__(self) -> None:
        Recipe.__post_init__(self)
        Optimiser.__post_init__(self)
        for label, least in (("latent", 1), ("discriminator_steps", 0)):
            if getattr(self, label) < least:
                raise OptionError(
                    f"{label} must be at least {least}; it is {getattr(self, label)}."
                )
        if self.penalty is not None and self.penalty < 0:
            raise OptionError(f"penalty must not be negative; it is {self.penalty}.")
        for label in ("hidden", "channels"):
            if any(width < 1 for width in getattr(self, label)):
                raise OptionError(f"{label} must be at least 1; they are {getattr(self, label)}.")
        if self.loss == "wasserstein" and self.constraint == "none":
            raise OptionError(
                "A score without bound on its slope makes the Wasserstein loss as low as it likes: "
                "leave --constraint out."
            )
        self.optimisers()

    def optimisers(self) -> dict[str, Optimiser]:
        """The optimiser of each player."""
        common = self.alone()
        for part in self.groups:
            if part not in PLAYERS:
                raise OptionError(
                    f"A GAN has no group of parameters {part!r}. {nearest(part, PLAYERS)}"
                )
        return {part: common.with_settings(self.groups.get(part, {})) for part in PLAYERS}
