"""The next slab is made in the background while the present one is used."""

from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Generic, TypeVar

import jax

from ansatz.data.slabs import Assembly, Slab

Result = TypeVar("Result")


class Slabs:
    """The slab of any number; all that is held can be made again, and `forget` lets go of it."""

    def __init__(self, make: Callable[[], Assembly]) -> None:
        self._make = make
        self._assembly: Assembly | None = None
        self._present: tuple[int, Slab] | None = None
        self._ahead: tuple[int, _Task[Slab]] | None = None

    def load(self, number: int) -> Slab:
        """The slab of this number on the device: the same arrays until another is asked for."""
        if self._present is None or self._present[0] != number:
            self._present = None
            self._present = number, jax.device_put(self._take(number), may_alias=True)
            self._ahead = number + 1, self._begin(number + 1)
        return self._present[1]

    def forget(self) -> None:
        """Lets go of all memory, until a slab is asked for again."""
