"""Data that are not what they should be, and the commands that read them."""

import gzip
import os
import random
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import h5py
import numpy as np
from damage import damaged
from promise import Case
from sound_files import (
    EVENTS,
    GEOMETRY,
    KINDS,
    LABELS,
    archive,
    energies,
    hdf5,
    idx,
    npy,
    npz,
    showers,
    sound,
    table,
    voxels,
)

from ansatz.calo.geometry import to_xml

Make = Callable[[Path], object]
"""Makes something at a path."""

# What a command is given for the file, the run of events like those of the sound files, and one
# that is conditional.
FILE = "FILE"
READERS = (
    "data info FILE",
    "data info FILE --json",
    "data info FILE --buffer 1",
    "data info FILE --missing nan",
    "data info FILE --events energy depth angle --conditions particle",
    "score PLAIN FILE -K 2 --quiet --out new.npy",
    "encode PLAIN FILE --quiet --out new.csv",
    "reconstruct PLAIN FILE --fill --quiet --out new.h5",
    "sample CONDITIONAL --condition-file FILE --quiet --out new.npz",
    "score CONDITIONAL FILE --quiet --out new.npy",
    "fit vae FILE --latent 1 --quiet --no-report --out new",
    "fit pca FILE --latent 1 --buffer 1 --quiet --no-report --out new",
    "fit mixture FILE --missing nan --preprocess scale --quiet --no-report --out new",
    "compare FILE --recipes pca --quiet --out new",
)
OF_SHOWERS = (
    "calo info FILE",
    "calo info FILE --json",
    "calo features FILE --quiet --out new.npy",
    "calo baseline FILE --quiet --out new.h5",
    "calo baseline FILE --shuffle voxels --quiet --out new.h5",
    "calo fit FILE --quiet --no-report --out new",
    "data info FILE",
)
WRITES = ("new", "new.npy", "new.npz", "new.csv", "new.h5")


def cases(seed: int, runs: dict[str, Path], *, rounds: int = 1) -> Iterator[Case]:
    """Every sound file with some damage, and everything below by one command each."""
    chance = random.Random(f"files {seed}")
    for each in range(rounds):
        found = []
        for name, content in sound().items():
            for way in range(9):
                what, bad = damaged(content, chance)
                title = f"{name} {what} {seed}.{each}.{way}"
                found.append(_case(title, name, partial(_write, bad), chance, runs))
        for name, make in {**made(), **odd()}.items():
            found.append(_case(f"{name} {seed}.{each}", name, make, chance, runs))
        for name, parts in folders(chance).items():
            title = f"folder of {name} {seed}.{each}"
            found.append(_case(title, "folder", partial(_folder, parts), chance, runs))
        chance.shuffle(found)
        yield from found


def _case(title: str, name: str, make: Make, chance: random.Random, runs: dict[str, Path]) -> Case:
    commands = OF_SHOWERS if "showers" in name and chance.random() < 0.8 else READERS
    command = chance.choice(commands)
    words = [{FILE: name, **runs}.get(word, word) for word in command.split()]
    return Case(
        f"{title} ({command})",
        tuple(map(str, words)),
        lambda folder: make(folder / name),
        # Or it is taken for an option, or an option or a column does not suit it.
        named=(name, "--", "-dash", "particle", "energy"),
        may=WRITES,
    )


def _write(content: bytes, path: Path) -> None:
    path.write_bytes(content)


def _nothing(path: Path) -> None:
    pass


def _bytes(content: bytes) -> Make:
    return partial(_write, content)


def made() -> dict[str, Make]:
    """Sound files of what cannot be learnt, or of what is odd but may be."""
    numbers = {
        "NaN": np.full((9, 3), np.nan),
        "one NaN": np.where(np.arange(27).reshape(9, 3) == 5, np.nan, 1.0),
        "infinity": np.full((9, 3), np.inf),
        "huge": np.full((9, 3), 1e308),
        "huge of both signs": np.resize([1e308, -1e308], (9, 3)),
        "tiny": np.full((9, 3), 5e-324),
        "constant": np.ones((9, 3)),
        "no rows": np.empty((0, 3)),
        "no columns": np.empty((9, 0)),
        "nothing": np.empty(0),
        "one row": np.ones((1, 3)),
        "two rows": np.eye(3)[:2],
        "one number": np.array(3.0),
        "many axes": np.ones((2,) * 12),
        "four axes": np.ones((9, 2, 2, 3)),
        "complex": np.ones((9, 3), complex),
        "booleans": np.ones((9, 3), bool),
        "dates": np.array(["2020-01-01", "NaT"], "datetime64[D]"),
        "spans of time": np.ones((9, 3), "timedelta64[s]"),
        "text": KINDS,
        "bytes": KINDS.astype("S"),
        "half precision": np.ones((9, 3), np.float16),
        "long doubles": np.ones((9, 3), np.longdouble),
        "large whole numbers": np.full((9, 3), 2**64 - 1, np.uint64),
        "big endian": EVENTS.astype(">f4"),
        "nothing in a record": np.empty(9, []),
        "records in records": np.zeros(9, [("a", [("b", "f4"), ("c", "i4")])]),
        "records of text": np.zeros(9, [("a", "U3"), ("b", "f4")]),
    }
    objects = np.empty(2, object)
    objects[:] = [[1], [1, 2]]
    found: dict[str, Make] = {
        f"{name}.npy": _bytes(npy(values)) for name, values in numbers.items()
    }
    found |= {f"{name}.npz": _bytes(npz(a=values)) for name, values in numbers.items()}
    found["ragged.npy"] = lambda path: np.save(path, objects, allow_pickle=True)
    found |= {
        f"{name}.h5": _bytes(hdf5(a=values))
        for name, values in numbers.items()
        if values.dtype.kind not in "MmU" and values.dtype.names is None
    }
    found |= {
        f"{name}.npy.gz": _bytes(gzip.compress(npy(numbers[name])))
        for name in ("no rows", "text", "dates", "one number")
    }
    texts = {
        "empty": b"",
        "comments": b"# a,b\n# c\n",
        "lines": b"\n\n \n",
        "header": b"a,b,c\n",
        "one cell": b"1\n",
        "one word": b"word\n",
        "double": b"a,a,b\n1,2,3\n4,5,6\n",
        "unequal": b"a,b\n1,2\n3\n4,5\n",
        "longer": b"a,b\n1,2\n3,4,5\n",
        "late text": b"a,b\n" + b"1,2\n" * 300 + b"x,3\n",
        "late row": b"a,b\n" + b"1,2\n" * 300 + b"3\n",
        "open quotation": b'a,b\n"1,2\n3,4\n',
        "quotation marks": b'"a ""b""",c\n1,2\n3,4\n',
        "mark and CRLF": b"\xef\xbb\xbfa,b\r\n1,2\r\n3,4\r\n",
        "only a mark": b"\xef\xbb\xbf",
        "CR": b"a,b\r1,2\r3,4\r",
        "latin-1": "énergie,b\n1,2\n3,4\n".encode("latin-1"),
        "late latin-1": b"a,b\n" + b"1,2\n" * 2000 + "é,2\n".encode("latin-1"),
        "UTF-16": "a,b\n1,2\n".encode("utf-16"),
        "zeros": b"a,b\n1,\x002\n3,4\n",
        "late zero": b"a,b\n" + b"1,2\n" * 2000 + b"\x00,2\n",
        "huge": b"a,b\n1e999,2\n3,-1e999\n1,1\n",
        "long whole numbers": b"a\n" + b"9" * 400 + b"\n1\n2\n",
        "very long whole numbers": b"a\n" + b"9" * 6000 + b"\n1\n2\n",
        "unicode": "α,β [µm]\n١,2\n3,4\n".encode(),
        "underscores": b"a,b\n1_000,2\n3,4\n",
        "decimal commas": b"a;b\n1,5;2,5\n3,5;4\n",
        "empty cells": b"a,b\n,\n,\n1,\n",
        "empty column": b"a,b\n,1\n,2\n,3\n",
        "empty names": b",\n1,2\n3,4\n",
        "NaN": b"a,b\nnan,1\nNaN,2\ninf,3\n",
        "wide": b",".join(b"%d" % i for i in range(5000)) + b"\n",
        "a long line": b"a" * 200_000 + b"\n1\n",
        "a large cell": b'a,b\n"' + b"x" * 200_000 + b'",2\n1,2\n',
        "JSON": b'{"a": [1, 2], "b": 3}\n',
        "HTML": b"<!doctype html>\n<p>404 not found, sorry</p>\n",
        "TOML": b'recipe = "vae"\n',
        "Python": b"import os\nprint(1, 2)\n",
        "units": b"x [cm],y [cm,z\n1,2,3\n4,5,6\n",
        "one text column": b"kind\npion\nphoton\n",
        "as many kinds as rows": b"id,x\n" + b"".join(b"e%d,%d\n" % (i, i) for i in range(50)),
    }
    found |= {f"{name}.csv": _bytes(content) for name, content in texts.items()}
    found |= {f"{n}.csv.gz": _bytes(gzip.compress(c)) for n, c in list(texts.items())[:12]}
    found |= _archives() | _idx() | _showers()
    return found


def _archives() -> dict[str, Make]:
    member = npy(EVENTS)
    whole = gzip.compress(npy(EVENTS), mtime=0)
    return {
        "nothing.zip": _bytes(archive()),
        "text.zip": _bytes(archive(readme=b"hello")),
        "empty member.npz": _bytes(archive(**{"a.npy": b""})),
        "cut member.npz": _bytes(archive(**{"a.npy": member[:70]})),
        "text member.npz": _bytes(archive(**{"a.npy": b"no array at all, but text"})),
        "up.npz": _bytes(archive(**{"../a.npy": member})),
        "nameless.npz": _bytes(archive(**{".npy": member})),
        "lengths.npz": _bytes(npz(events=EVENTS, label=LABELS[:3])),
        "objects.npz": _bytes(npz(events=np.array([{}, None], object))),
        "half.gz": _bytes(whole[:30]),
        "twice.gz": _bytes(gzip.compress(whole)),
        "tail.npy.gz": _bytes(whole + b"tail"),
        "head.gz": _bytes(b"\x1f\x8b"),
        "magic.npy": _bytes(b"\x93NUMPY"),
        "version.npy": _bytes(b"\x93NUMPY\x09\x00" + member[8:]),
        "pickle.npy": _bytes(b"\x80\x04K\x01."),
        "tail.npy": _bytes(member + b"tail"),
        "tall.npy": _bytes(member.replace(b"(40, 3)", b"(99, 3)")),
        "negative.npy": _bytes(member.replace(b"(40, 3)", b"(-9, 3)")),
        "huge.npy.gz": _bytes(gzip.compress(member.replace(b"(40, 3), }  ", b"(40000, 3), }"))),
        "png.csv": _bytes(b"\x89PNG\r\n\x1a\n" + bytes(100)),
        "parquet.csv": _bytes(b"PAR1" + bytes(100) + b"PAR1"),
        "root.root": _bytes(b"root\0\0\xf6\x08" + bytes(100)),
    }


def _idx() -> dict[str, Make]:
    images = np.arange(160, dtype=np.uint8).reshape(10, 4, 4)
    whole = idx(images)
    return {
        "header-idx3-ubyte": _bytes(whole[:9]),
        "numbers-idx3-ubyte": _bytes(whole[:-1]),
        "more-idx3-ubyte": _bytes(whole + b"\0"),
        "huge-idx3-ubyte": _bytes(bytes([0, 0, 8, 3]) + b"\xff" * 12),
        "many-idx": _bytes(bytes([0, 0, 8, 8]) + b"\xff" * 32),
        "no-idx3-ubyte": _bytes(idx(images[:0])),
        "flat-idx3-ubyte": _bytes(idx(images[:, :0])),
        "nan-idx2": _bytes(idx(np.full((9, 3), np.nan, ">f8"), 0x0E)),
        "labels-idx1-ubyte": _bytes(idx(LABELS)),
    }


def _showers() -> dict[str, Make]:
    e, v = energies(), voxels()
    wrong = v.copy()
    wrong[7, 2] = -1
    broken = v.copy()
    broken[9, 1] = np.nan
    infinite = v.copy()
    infinite[9, 1] = np.inf
    kinds: dict[str, bytes] = {
        "showers negative": showers(e, wrong),
        "showers NaN": showers(e, broken),
        "showers infinite": showers(e, infinite),
        "showers all zero": showers(e, np.zeros_like(v)),
        "showers one": showers(e[:1], v[:1]),
        "showers none": showers(e[:0], v[:0]),
        "showers flat energies": showers(e[:, 0], v),
        "showers few energies": showers(e[:5], v),
        "showers zero energies": showers(0 * e, v),
        "showers NaN energies": showers(e * np.nan, v),
        "showers huge energies": showers(e * 1e300, v),
        "showers in GeV": showers(e / 1000, v / 1000),
        "showers whole numbers": showers(e.astype(int), v.astype(int)),
        "showers half": showers(e, v.astype(np.float16)),
        "showers text": showers(e, np.full(v.shape, "x", "S1")),
        "showers complex": showers(e, v.astype(complex)),
        "showers scalar": showers(e, 3.0),
        "showers cubic": showers(e, v[:, None]),
        "showers wide": showers(e, np.repeat(v, 2, axis=1)),
        "showers without binning": hdf5(incident_energies=e, showers=v),
        "showers binning of numbers": showers(e, v, binning=3),
        "showers binning no XML": showers(e, v, binning="<Bins>"),
        "showers binning empty": showers(e, v, binning="<Bins/>"),
        "showers binning odd": showers(e, v, binning=to_xml(GEOMETRY).replace("2.0", "-2.0")),
        "showers binning NaN": showers(e, v, binning=to_xml(GEOMETRY).replace("2.0", "nan")),
        "showers binning of two": showers(
            e, v, binning=to_xml(GEOMETRY).replace("<Bins>", '<Bins><Bin name="x"/>')
        ),
        "showers synthetic odd": showers(e, v, synthetic="yes"),
        "showers attributes": showers(e, v, note=np.arange(5), more="[1, 2", deep="[" * 5000),
        "showers only energies": hdf5(incident_energies=e),
        "showers only showers": hdf5(showers=v),
        "showers of text": b"incident_energies,showers\n1,2\n",
        "showers empty": b"",
    }

    def group(path: Path) -> None:
        with h5py.File(path, "w") as file:
            file.create_group("showers")
            file["incident_energies"] = e

    def dangling(path: Path) -> None:
        with h5py.File(path, "w") as file:
            file["showers"] = h5py.SoftLink("/nowhere")
            file["incident_energies"] = h5py.ExternalLink("nowhere.h5", "/x")

    def null(path: Path) -> None:
        with h5py.File(path, "w") as file:
            file["showers"] = h5py.Empty("f")
            file["incident_energies"] = e

    return {
        **{f"{name}.h5": _bytes(content) for name, content in kinds.items()},
        "showers group.h5": group,
        "showers dangling.h5": dangling,
        "showers null.h5": null,
    }


def odd() -> dict[str, Make]:
    """What is no file, and files with names that are odd."""

    def unreadable(path: Path) -> None:
        _write(table(), path)
        path.chmod(0)

    def loop(path: Path) -> None:
        path.symlink_to(path.name)

    def itself(path: Path) -> None:
        path.mkdir()
        (path / "images").symlink_to("..")

    found: dict[str, Make] = {
        "missing.csv": _nothing,
        "folder.csv": Path.mkdir,
        "dangling.npy": lambda path: path.symlink_to("nowhere.npy"),
        "loop.npy": loop,
        "itself": itself,
        "null": lambda path: path.symlink_to(os.devnull),
        "zero": lambda path: path.symlink_to("/dev/zero"),
        "pipe.csv": os.mkfifo,
        "pipe.showers.h5": os.mkfifo,
        "nowhere/below.csv": _nothing,
        "x" * 300: _nothing,
        "a b.csv": _bytes(table()),
        "-dash.csv": _bytes(table()),
        "100%.csv": _bytes(table()),
        "[bold]red.csv": _bytes(table()),
        "{x}.csv": _bytes(table()),
        "é.csv": _bytes(table()),
        "tab\t.csv": _bytes(table()),
        os.fsdecode(b"caf\xe9.csv"): _bytes(table()),
        os.fsdecode(b"caf\xe9 missing.csv"): _nothing,
        "moons/x": _nothing,
        "digit": _nothing,
        "mnits": _nothing,
    }
    if os.geteuid():
        found["unreadable.csv"] = unreadable
    return found


def folders(chance: random.Random) -> dict[str, dict[str, bytes]]:
    """Folders of idx files that do not fit together."""
    images = np.random.default_rng(3).integers(0, 256, (40, 4, 4), np.uint8)
    whole, labels = idx(images), idx(LABELS)
    train, test = "train-images-idx3-ubyte", "t10k-images-idx3-ubyte"
    named = "train-labels-idx1-ubyte"
    found = {
        "nothing": {},
        "other files": {"readme.txt": b"hello"},
        "images alone": {train: whole},
        "labels alone": {named: labels},
        "fewer labels": {train: whole, named: idx(LABELS[:9])},
        "labels of images": {train: whole, named: whole},
        "other sizes": {train: whole, test: idx(images[:, :2])},
        "two sets": {train: whole, "train2-images": whole},
        "text as labels": {train: whole, named: b"no idx"},
        "empty labels": {train: whole, named: b""},
        "empty images": {train: b"", named: labels},
        "cut gzip": {f"{train}.gz": gzip.compress(whole)[:20]},
        "no images": {train: idx(images[:0]), named: idx(LABELS[:0])},
        "other types": {train: whole, test: idx(EVENTS.astype(">f4"), 0x0D)},
    }
    for way in range(10):
        what, bad = damaged(whole, chance)
        found[f"{what} images {way}"] = {train: bad, named: labels, test: whole}
        what, bad = damaged(labels, chance)
        found[f"{what} labels {way}"] = {train: whole, named: bad}
    return found


def _folder(parts: dict[str, bytes], path: Path) -> None:
    path.mkdir()
    for name, content in parts.items():
        (path / name).write_bytes(content)
