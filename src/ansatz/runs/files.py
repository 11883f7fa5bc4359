"""Files that appear under their name only when they are complete."""

import errno
import os
from pathlib import Path

from ansatz.protocol.errors import RunError


def write_atomic(path: Path, content: bytes) -> None:
    """Write to a temporary name beside `path`, force it to the disk, rename it.

    Whenever the process dies, `path` holds the old content or the new, never a part.
    """
    temporary = path.with_name(f".{path.name}.part")
    try:
        with open(temporary, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        _sync_folder(path.parent)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise unwritable(path, error) from error


def unwritable(path: Path, error: OSError) -> RunError:
    """The sentence for a file that the system would not let us write."""
    reasons = {
        errno.ENOSPC: "the disk is full",
        errno.EDQUOT: "the disk quota is used up",
        errno.EFBIG: "the file would be larger than the system allows",
        errno.EACCES: "permission is denied",
        errno.EROFS: "the disk is read-only",
    }
    reason = reasons.get(error.errno or 0, error.strerror or str(error))
    return RunError(f"Cannot write {path}: {reason}. What was saved before is as it was.")


def _sync_folder(folder: Path) -> None:
    """Force a rename to the disk as well, where the system can."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
