"""The settings of an autoencoder, and which of them go together."""

import warnings
from dataclasses import dataclass, replace
from typing import Literal, TypeVar

from ansatz.models.reduce.layered import LINEAR
from ansatz.nets import PIECEWISE_LINEAR
from ansatz.protocol.errors import OptionError
from ansatz.protocol.optimiser import Optimiser
from ansatz.protocol.recipe import Recipe, Spec

Own = TypeVar("Own", bound="AutoencoderSettings")


@dataclass(frozen=True, kw_only=True)
class AutoencoderSettings(Optimiser, Recipe):
    """Everything that can be chosen."""

    latent: int = 16
    """Numbers in a code."""
    net: Literal["mlp", "residual", "conv"] = "mlp"
    """Layers that are fully connected, fully connected and added to their input, or convolutional
    and then fully connected (for images)."""
    hidden: tuple[int, ...] = (256, 256)
    """Widths of the encoder's fully connected layers; the decoder mirrors them. With none, a code
    and an output that are linear, codes are those of principal components but for their axes."""
    channels: tuple[int, ...] = (32, 64)
    """Channels of the encoder's convolutions, each of which halves the image; the decoder mirrors
    them."""
    circular: bool = False
    """Whether an image goes on at its other side, as on a torus."""
    activation: Literal["tanh", "relu", "leaky_relu", "gelu", "silu", "softplus", "sigmoid"] = (
        "gelu"
    )
    """The function between layers."""
    code: Literal["linear", "sigmoid", "tanh", "relu", "softplus"] = "linear"
    """The function behind the encoder's last layer."""
    tied: bool = False
    """Give the decoder the encoder's own matrices, transposed."""
    dropout: float = 0.0
    """Fraction of hidden units silenced in training."""
    normalise: Literal["none", "layer"] = "none"
    """Whether the units of a layer are brought to mean zero and variance one."""
    modulate: bool = False
    """Let a condition scale and shift the hidden units, in place of standing beside the input."""
    error: Literal["auto", "squared", "cross-entropy"] = "auto"
    """What is made small: the squared error, or of numbers within [0, 1] the cross-entropy, which
    'auto' takes for zeros and ones."""
    noise: float = 0.0
    """Standard deviation of the Gaussian noise that is added to preprocessed events, and that the
    net learns to take away again."""
    mask: float = 0.0
    """Fraction of the numbers of an event that are set to zero, likewise."""
    contract: float = 0.0
    """Weight of the squared norm of the encoder's Jacobian, so that codes heed little of what
    changes."""
    contract_decoder: float = 0.0
    """Weight of that of the decoder's, so that codes cannot be scaled down at no cost."""
    probes: int = 0
    """Random directions by which these norms are estimated in a step; 0 takes them exactly."""
    sparsity: float = 0.0
    """Weight of a penalty on numbers of a code that are not zero."""
    activity: float = 0.0
    """Mean over events that every number of a code is to have: then the penalty is the divergence
    of coins, KL, from it; 0 penalises absolute values."""
    stacked: bool = False
    """Let one layer after the other learn to make again what the one below gives, before all learn
    together. They share the epochs equally, and the last model is kept."""
    average: float = 0.0
    """Decay of the parameters' running average, which is then what is kept; 0 for none."""

    def __post_init__(self) -> None:
        Recipe.__post_init__(self)
        Optimiser.__post_init__(self)
        if self.latent < 1:
            raise OptionError(f"latent must be at least 1; it is {self.latent}.")
        for label in ("noise", "contract", "contract_decoder", "probes", "sparsity"):
            if getattr(self, label) < 0:
                raise OptionError(f"{label} must not be negative; it is {getattr(self, label)}.")
        for label in ("mask", "activity"):
            if not 0 <= getattr(self, label) < 1:
                raise OptionError(f"{label} must lie in [0, 1); it is {getattr(self, label)}.")
        if any(width < 1 for width in (*self.hidden, *self.channels)):
            raise OptionError(
                f"Widths and channels must be at least 1; they are {self.hidden} and "
                f"{self.channels}."
            )
        if self.activity and not self.sparsity:
            raise OptionError("activity needs a weight: give --sparsity too.")
        if self.activity and self.code != "sigmoid":
            raise OptionError(
                "activity is of numbers between zero and one, which a code has with --code "
                f"sigmoid; it is {self.code}."
            )
        if self.probes and not (self.contract or self.contract_decoder):
            raise OptionError("probes estimate Jacobians: give --contract or --contract-decoder.")
        self._check_smooth()
        if self.tied:
            self._check_tied()
        if self.stacked:
            self._check_stacked()

    def _check_smooth(self) -> None:
        """Refuse a gradient of slopes that do not change but for jumps."""
        inner = [self.activation] if self.hidden or self.net == "conv" else []
        met = [
            *(inner if self.contract or self.contract_decoder else []),
            *([self.code] if self.contract else []),
        ]
        wrong = next((name for name in met if name in PIECEWISE_LINEAR), None)
        if wrong:
            raise OptionError(
                f"A contractive penalty follows how slopes change, and those of {wrong!r} only "
                "jump, which no gradient sees: choose an activation and a code that are smooth, "
                "such as gelu, tanh or sigmoid."
            )

    def _check_tied(self) -> None:
        if self.net != "mlp":
            raise OptionError(
                f"Tied weights are transposed matrices, and the layers of --net {self.net} have "
                "no such mirror of the same shapes: choose --net mlp, or leave --tied out."
            )
        if self.normalise != "none" or self.modulate:
            raise OptionError("Tied weights leave no place for --normalise or --modulate.")

    def _check_stacked(self) -> None:
        if self.net != "mlp" or not self.hidden:
            raise OptionError("stacked needs --net mlp and a hidden layer at least.")
        if self.normalise != "none" or self.modulate:
            raise OptionError("Stacked layers take no --normalise and no --modulate.")
        if self.epochs < self.phases:
            raise OptionError(
                f"{self.phases - 1} layers, and then all of them, need as many epochs at least; "
                f"there are {self.epochs}, and {self.phases} are needed."
            )

    @property
    def phases(self) -> int:
        """How many parts learn one after the other: every layer and then the whole, or one."""
        return len(self.hidden) + 2 if self.stacked else 1

    def resolve(self: Own, spec: Spec) -> Own:
        if spec.condition and (self.tied or self.stacked):
            what = "Tied weights" if self.tied else "Stacked layers"
            raise OptionError(
                f"{what} need an encoder and a decoder of mirrored shapes, and a condition stands "
                "beside the input of both: leave --conditions out."
            )
        error = self.error
        if error == "auto":
            error = "cross-entropy" if spec.kind == "binary" else "squared"
        preprocess = self.preprocess
        if preprocess == ("auto",):
            preprocess = _steps(spec, error)
        if error == "cross-entropy":
            _check_unit(spec, preprocess)
        self._warn(spec)
        return replace(self, error=error, preprocess=preprocess)

    def _warn(self, spec: Spec) -> None:
        """What learns nothing of use, though nothing forbids it."""
        held = (self.noise, self.mask, self.contract, self.sparsity)
        if self.latent >= spec.size and not any(held):
            warnings.warn(
                f"A code of {self.latent} numbers holds an event of {spec.size} as it is, and "
                "nothing needs to be learnt: give --noise, --contract or --sparsity, or a smaller "
                "--latent.",
                RuntimeWarning,
                stacklevel=2,
            )
        shrinks = self.contract or (self.sparsity and not self.activity)
        if shrinks and not (self.tied or self.contract_decoder or self.l2 or self.weight_decay):
            warnings.warn(
                "Codes can be scaled down and the decoder can scale them up again, so that the "
                "penalty on codes alone costs nothing: give --tied or --contract-decoder.",
                RuntimeWarning,
                stacklevel=2,
            )

    @property
    def output(self) -> str:
        """The function behind the decoder's last layer."""
        return "sigmoid" if self.error == "cross-entropy" else LINEAR


def _steps(spec: Spec, error: str) -> tuple[str, ...]:
    """The preprocessing that suits events and what is made small of them."""
    if spec.kind == "binary" or (error == "cross-entropy" and spec.kind == "unit"):
        return ("none",)
    bounded = error == "cross-entropy" or (len(spec.shape) > 1 and spec.kind != "real")
    return ("scale",) if bounded else ("standardise",)


def _check_unit(spec: Spec, preprocess: tuple[str, ...]) -> None:
    last = preprocess[-1].partition("=")[0] if preprocess else "none"
    if last in ("scale", "binarise", "threshold"):
        return
    if last != "none" or spec.kind not in ("binary", "unit"):
        raise OptionError(
            "The cross-entropy is of numbers within [0, 1], and the events hold others: end "
            "--preprocess with 'scale', or choose --error squared."
        )
