"""Files that appear under their name only when they are complete."""

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ansatz.data.pending import why
from ansatz.protocol.errors import RunError, WriteError


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
        # Where nothing can be written nothing can be taken away either.
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise unwritable(path, error) from error


def make_folder(path: Path) -> None:
    """A folder, and those it lies in, where they are not there already."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(path, error) from error


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Keep other processes from writing into a folder; the lock dies with its process."""
    # A lock on the folder itself leaves no file behind.
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RunError(
                f"{folder} is being written by another process. Wait for it, or choose another "
                "--out."
            ) from None
        yield
    finally:
        os.close(descriptor)


@contextmanager
def new_folder(path: Path, check: Callable[[], None]) -> Iterator[Path]:
    """A folder to fill, which then takes the name `path`, in place of any old one.

    It is put together beside `path` and renamed: `path` is the old folder or the new one, whole.
    Whether an old one may be replaced is checked when that is to be done, for another process may
    have made it meanwhile.
    """
    # Resolved, so that a link goes on to lead to the folder.
    place = path.resolve()
    new = place.with_name(f".{place.name}.new")
    old = place.with_name(f".{place.name}.old")
    mine = False
    try:
        if old.exists() and not place.exists():
            # Killed between the two renames below.
            os.rename(old, place)
        for left_over in (new, old):
            if left_over.exists():
                with alone(left_over):
                    shutil.rmtree(left_over)
        new.mkdir(parents=True)
        mine = True
        with alone(new):
            yield new
            check()
            if place.exists():
                with alone(place):
                    os.rename(place, old)
            os.rename(new, place)
    except OSError as error:
        raise unwritable(path, error) from error
    finally:
        if mine:
            if old.exists() and not place.exists():
                os.rename(old, place)
            shutil.rmtree(new, ignore_errors=True)
    shutil.rmtree(old, ignore_errors=True)


def read_bytes(path: Path) -> bytes:
    """What is in a file, which must be one: reading from a pipe may never end."""
    try:
        if path.is_file():
            return path.read_bytes()
    except OSError as error:
        raise RunError(f"{path} cannot be read: {error.strerror}.") from error
    raise RunError(f"{path} is no file." if os.path.lexists(path) else f"There is no file {path}.")


def unwritable(path: Path, error: OSError) -> WriteError:
    """The sentence for a file that the system would not let us write."""
    return WriteError(f"Cannot write {path}: {why(error)}. What was saved before is as it was.")


def _sync_folder(folder: Path) -> None:
    """Force a rename to the disk as well, where the system can."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
