"""Two nets of one kind: one that reads an event, and its mirror, which makes one."""

import math
from typing import Any, Literal

import equinox as eqx

from ansatz.nets.conv import ConvDecoder, ConvEncoder
from ansatz.nets.mlp import MLP
from ansatz.nets.residual import ResidualMLP

Kind = Literal["mlp", "residual", "conv"]
"""Fully connected, fully connected and added to their input, or convolutional (for images)."""


def reading_net(
    kind: Kind,
    shape: tuple[int, ...],
    size: int,
    *,
    copies: int = 1,
    numbers: int | None = None,
    hidden: tuple[int, ...],
    channels: tuple[int, ...],
    circular: bool,
    **nets: Any,
) -> eqx.Module:
    """From an event to `size` numbers.

    A convolutional net reads so many `copies` of an image beside each other; others read an event
    laid out in a row, of so many `numbers` where these are not those of its shape.
    """
    if kind == "conv":
        common: dict[str, Any] = {"channels": channels, "circular": circular, **nets}
        return ConvEncoder(shape, size, copies=copies, hidden=hidden, **common)
    row = math.prod(shape) if numbers is None else numbers
    return _DENSE[kind](row, hidden, size, **nets)


def making_net(
    kind: Kind,
    size: int,
    shape: tuple[int, ...],
    numbers: int,
    *,
    hidden: tuple[int, ...],
    channels: tuple[int, ...],
    circular: bool,
    **nets: Any,
) -> eqx.Module:
    """The mirror: from `size` numbers to `numbers`, as many for every place of an event."""
    if kind == "conv":
        common: dict[str, Any] = {"channels": channels, "circular": circular, **nets}
        each = numbers // math.prod(shape)
        return ConvDecoder(size, shape, each, hidden=hidden[::-1], **common)
    return _DENSE[kind](size, hidden[::-1], numbers, **nets)


_DENSE: dict[str, Any] = {"mlp": MLP, "residual": ResidualMLP}
