"""One way to read data: a file of any accepted format, a folder, a name or an array.

The format is told by a file's first bytes, never by its name.
"""

import codecs
import difflib
import gzip
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ansatz.data.catalogue import CATALOGUE
from ansatz.data.columns import choose
from ansatz.data.contents import Contents, held, members, sound
from ansatz.data.dataset import Dataset
from ansatz.data.finite import check_finite
from ansatz.data.hdf5 import open_hdf5
from ansatz.data.idx import is_idx, open_idx, open_idx_folder
from ansatz.data.numpy_files import open_npy, open_npz
from ansatz.data.options import DEFAULT, DataOptions
from ansatz.data.tables import open_table
from ansatz.protocol.errors import DataError

HEAD = 4096
"""How many bytes tell the format."""


def read(source: Any, options: DataOptions = DEFAULT) -> Dataset:
    """The dataset in `source`, all its numbers finite but for those that may be missing.

    `source` is the path of a file or of a folder, a name of the catalogue, an array of events,
    a pair of arrays (events, conditions), or a dataset, which is returned as it is.
    """
    if isinstance(source, Dataset):
        return source
    dataset = unchecked(source, options)
    check_finite(dataset)
    return dataset


def unchecked(source: Any, options: DataOptions = DEFAULT) -> Dataset:
    """The same for whoever goes through all events and checks them then."""
    if isinstance(source, Dataset):
        return source
    if isinstance(source, tuple) and not options.names_any:
        options = replace(options, events=("events",), conditions=("condition",))
    return choose(open_source(source), options)


def open_source(source: Any) -> Contents:
    """What `source` holds; no choice is made and no number is checked."""
    if isinstance(source, str | Path):
        path = Path(source)
        with sound(str(path), "data"):
            if path.is_dir():
                return open_idx_folder(path)
            if path.is_file():
                return _open_file(path)
            if path.exists():
                raise DataError(
                    f"{path} is a pipe or a device, and data are read more than once: write them "
                    "to a file and name that."
                )
            if str(source) in CATALOGUE:
                return CATALOGUE[str(source)].load()
            raise _missing(path)
    if isinstance(source, tuple):
        if len(source) != 2:
            raise DataError(f"A tuple of data is (events, conditions); it has {len(source)} items.")
        events, conditions = (_array(item) for item in source)
        return Contents("array", (held("events", events), held("condition", conditions)))
    values = _array(source)
    if values.dtype.names and values.ndim == 1:
        return Contents("array", members(values), table=True)
    return Contents("array", (held("events", values),))


def _array(source: Any) -> np.ndarray:
    if not hasattr(source, "__array__"):
        raise DataError(
            f"Data cannot be a {type(source).__name__}; give a path, a name of the catalogue, "
            "an array, a pair (events, conditions) or a Dataset."
        )
    return np.asarray(source)


def _open_file(path: Path) -> Contents:
    with path.open("rb") as stream:
        head = stream.read(HEAD)
    compressed = head[:2] == b"\x1f\x8b"
    if compressed:
        with sound(str(path), "gzip"), gzip.open(path) as stream:
            head = stream.read(HEAD)
    if not head:
        raise DataError(f"{path} is empty.")
    if head[:6] == b"\x93NUMPY":
        return open_npy(path, compressed)
    if is_idx(head):
        return open_idx(path)
    if not compressed and head[:4] in (b"PK\3\4", b"PK\5\6"):
        return open_npz(path)
    if not compressed and head[:8] == b"\x89HDF\r\n\x1a\n":
        return open_hdf5(path)
    if _is_text(head):
        return open_table(path, compressed)
    raise DataError(
        f"{path} has no format that can be read. Accepted are npy, npz, HDF5, idx and tables as "
        "UTF-8 text (comma, semicolon, tab or white space); npy, idx and text also within gzip."
    )


def _is_text(head: bytes) -> bool:
    if b"\0" in head:
        return False
    try:
        # Not final: the last character may go on after the head.
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return False
    return True


def _missing(path: Path) -> DataError:
    """The error of a path that does not exist, with what may have been meant."""
    folder = path.parent
    if not folder.is_dir():
        return DataError(f"There is no folder {folder}, so no data {path}.")
    bare = str(path) == path.name
    known = [*(CATALOGUE if bare else ()), *(p.name for p in folder.iterdir())]
    close = difflib.get_close_matches(path.name, known, n=1, cutoff=0.5)
    if close:
        hint = f"Did you mean {close[0] if bare else folder / close[0]}?"
    else:
        hint = f"Data by name: {', '.join(CATALOGUE)}." if bare else f"Look into {folder}."
    what = f"There is no file {path}" + (" and no data of that name" if bare else "")
    return DataError(f"{what}. {hint}")
