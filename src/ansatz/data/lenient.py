"""A file for HDF5 to write to, which survives a full disk."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class Lenient(io.FileIO):
    """A file that keeps the first error of writing for `check` and ignores what follows.

    The HDF5 library crashes the process if a file is closed after a write has failed, as on a
    full disk; so it must not see that.
    """

    error: OSError | None = None

    def write(self, data: Any, /) -> int:
        rest = memoryview(data).cast("B")
        size = len(rest)
        try:
            while self.error is None and len(rest):
                rest = rest[super().write(rest) :]
        except OSError as error:
            self.error = error
        return size

    def truncate(self, size: int | None = None, /) -> int:
        try:
            return super().truncate(size)
        except OSError as error:
            self.error = self.error or error
            return self.tell() if size is None else size

    @contextmanager
    def told(self) -> Iterator[None]:
        """Raises the error in place of what HDF5 makes of it, and after all if it makes nothing."""
        try:
            yield
        except (OSError, RuntimeError):
            self.check()
            raise
        self.check()

    def check(self) -> None:
        """Raises the error, if there was one."""
        if self.error is not None:
            raise self.error
