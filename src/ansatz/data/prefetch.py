"""The next slab is made in the background while the present one is used."""

from collections.abc import Generator
from concurrent.futures import Future, ThreadPoolExecutor, wait

import jax

from ansatz.data.slabs import Slab, Slabs, Window


class Prefetch:
    """The slab of any number. What is held can be made again, and `forget` lets go of it."""

    def __init__(self, slabs: Slabs) -> None:
        self.slabs = slabs
        self._window: Window | None = None
        self._present: tuple[int, Slab] | None = None
        self._thread: ThreadPoolExecutor | None = None
        self._ahead: tuple[int, Future[Slab]] | None = None

    def load(self, number: int) -> Slab:
        """The slab of this number on the device: the same arrays until another is asked for."""
        if self._present is None or self._present[0] != number:
            self._present = None
            self._present = number, jax.device_put(self._take(number), may_alias=True)
            self._begin(number + 1)
        return self._present[1]

    def forget(self) -> None:
        """Lets go of all memory, until a slab is asked for again."""
        self._stop(wait_for_block=False)
        self._present = self._window = None

    def _take(self, number: int) -> Slab:
        if self._ahead is not None and self._ahead[0] == number:
            slab = self._ahead[1]
            wait([slab])
            self._ahead = None
            return slab.result()
        self._stop(wait_for_block=True)
        return _all_of(self._work(number))

    def _begin(self, number: int) -> None:
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, "slab")
        slab: Future[Slab] = Future()
        self._thread.submit(_go_on, self._thread, self._work(number), slab)
        self._ahead = number, slab

    def _stop(self, *, wait_for_block: bool) -> None:
        """Gives up the slab that is being made."""
        if self._thread is not None:
            self._thread.shutdown(wait=wait_for_block, cancel_futures=True)
        self._thread = self._ahead = None

    def _work(self, number: int) -> Generator[None, None, Slab]:
        if self._window is None:
            self._window = self.slabs.window()
        return self.slabs.slab(number, self._window)


def _go_on(
    thread: ThreadPoolExecutor, work: Generator[None, None, Slab], slab: Future[Slab]
) -> None:
    """Does a part of the work, and then the next."""
    try:
        next(work)
        # Refused when the program ends: so that waits for one block, and not for a slab.
        thread.submit(_go_on, thread, work, slab)
    except StopIteration as end:
        slab.set_result(end.value)
    except BaseException as error:
        # Raised again where the slab is asked for.
        slab.set_exception(error)


def _all_of(work: Generator[None, None, Slab]) -> Slab:
    while True:
        try:
            next(work)
        except StopIteration as end:
            return end.value
