"""When the epochs of a fit end."""

import time

from ansatz.runs.progress import Watcher
from ansatz.training import ChunkEnd


class Clock(Watcher):
    """Shows what a user is shown, and notes when epochs end."""

    def __init__(self) -> None:
        super().__init__()
        self.ends: list[float] = []

    def chunk(self, chunk: ChunkEnd) -> None:
        super().chunk(chunk)
        if chunk.rows:
            self.ends.append(time.perf_counter())

    def per_second(self, count: int) -> float:
        """Of `count` things to an epoch, how many a second from the end of the first one on."""
        return count * (len(self.ends) - 1) / (self.ends[-1] - self.ends[0])
