"""Events that are images: which axis holds the channels, and how often an image can be halved."""

from dataclasses import dataclass
from typing import Literal

import jax.numpy as jnp
from jaxtyping import Array, Float

from ansatz.protocol.errors import OptionError


@dataclass(frozen=True)
class Images:
    """Images of one shape: (H, W), (H, W, C) or (C, H, W).

    Of three axes the first holds the channels if its length is 1 to 4, and the last otherwise.
    Where both are as short the shape does not tell, and it is refused.
    """

    shape: tuple[int, ...]

    def __post_init__(self) -> None:
        if len(self.shape) not in (2, 3) or 0 in self.shape:
            raise OptionError(
                "A convolutional net takes images, events of the shape (H, W), (H, W, C) or "
                f"(C, H, W), not {self.shape}: choose another net or reshape the events."
            )
        if len(self.shape) == 3 and _few(self.shape[0]) and _few(self.shape[-1]):
            raise OptionError(
                f"Images of the shape {self.shape} may have their channels first or last: "
                "reshape the events to (H, W), or choose another net."
            )

    @property
    def channel_axis(self) -> Literal["none", "first", "last"]:
        if len(self.shape) == 2:
            return "none"
        return "first" if _few(self.shape[0]) else "last"

    @property
    def channels(self) -> int:
        return {"none": 1, "first": self.shape[0], "last": self.shape[-1]}[self.channel_axis]

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        height, width = self.shape[1:] if self.channel_axis == "first" else self.shape[:2]
        return height, width

    def sizes(self, channels: tuple[int, ...]) -> list[tuple[int, int]]:
        """Height and width at first and after each stage, one for each of `channels`.

        A stage halves both, rounding up.
        """
        if not channels:
            raise OptionError("A convolutional net needs at least one number in channels.")
        sizes = [self.size]
        for stage in range(len(channels)):
            height, width = sizes[-1]
            if height == width == 1:
                raise OptionError(
                    f"Images of {self.size[0]} x {self.size[1]} are one pixel after {stage} "
                    f"halvings, and channels {channels} asks for {len(channels)}: "
                    f"{f'give at most {stage} numbers' if stage else 'choose another net'}."
                )
            sizes.append((-(-height // 2), -(-width // 2)))
        return sizes

    def merge(self, stack: Float[Array, "copies *shape"]) -> Float[Array, "height width channels"]:
        """Several arrays of this shape as one image, height first and all their channels last."""
        if self.channel_axis == "none":
            stack = stack[..., None]
        elif self.channel_axis == "first":
            stack = jnp.moveaxis(stack, 1, -1)
        return jnp.moveaxis(stack, 0, 2).reshape(*self.size, -1)

    def split(self, image: Float[Array, "height width channels"]) -> Float[Array, "copies *shape"]:
        """The inverse of `merge`."""
        stack = jnp.moveaxis(image.reshape(*self.size, -1, self.channels), 2, 0)
        if self.channel_axis == "first":
            stack = jnp.moveaxis(stack, -1, 1)
        return stack.reshape(-1, *self.shape)


def _few(length: int) -> bool:
    """Whether an axis is short enough to be grey, two fields, colour, or colour and depth."""
    return length <= 4
