"""A file that is being written, and appears under its name only when it is complete."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ansatz.protocol.errors import DataError

REASONS = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EFBIG: "the file would be larger than the system allows",
    errno.EACCES: "permission is denied",
    errno.EROFS: "the disk is read-only",
}


def why(error: Exception) -> str:
    """Why the system did not let a file be written, in words."""
    number = getattr(error, "errno", None)
    if number is None and "No space left" in str(error):
        number = errno.ENOSPC
    return REASONS.get(number or 0) or getattr(error, "strerror", None) or str(error)


class Pending:
    """A name for a file, and until it is complete a temporary name in the same folder."""

    def __init__(self, path: str | Path, *, force: bool = False) -> None:
        self.path, self.force = Path(path), force
        self.temporary = self.path.with_name(f".{self.path.name}.{os.getpid()}.partial")
        self._refuse_existing()

    def complete(self) -> None:
        """Give the file its name."""
        # Someone may have written the file in the meantime.
        self._refuse_existing()
        self.temporary.replace(self.path)

    def clear(self) -> None:
        """Leave no temporary file, where the disk lets us."""
        with suppress(OSError):
            self.temporary.unlink(missing_ok=True)

    def _refuse_existing(self) -> None:
        if self.path.is_dir():
            raise DataError(f"{self.path} is a folder; name a file with --out.")
        if self.path.exists() and not self.force:
            raise DataError(f"{self.path} exists; use --force to replace it or another --out.")

    @contextmanager
    def said(self) -> Iterator[None]:
        """Says in a sentence why the file system did not take the file."""
        try:
            yield
        except (OSError, RuntimeError) as error:
            raise DataError(
                f"{self.path} could not be written: {why(error)}. Nothing is left under that name; "
                "make room or choose another --out."
            ) from None
