"""Tables as text: layouts, names, categories, and the sentences for what is wrong in them."""

import csv
import gzip
import io
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansatz.data import tables
from ansatz.data.dataset import Column
from ansatz.data.options import DataOptions
from ansatz.data.read import read
from ansatz.protocol.errors import DataError

NAN = float("nan")
NUMBERS = [[1.5, -2.0], [3e3, 0.25]]
XY = ("x", "y")
X01 = ("x0", "x1")

# A file, and the names of its columns; the numbers are always the same.
LAYOUTS = {
    "comma": ("x,y\n1.5,-2\n3e3,.25\n", XY),
    "comma and space": ("x, y\n1.5, -2\n3e3, .25\n", XY),
    "semicolon": ("x;y\n1.5;-2\n3e3;.25\n", XY),
    "tab": ("x\ty\n1.5\t-2\n3e3\t.25\n", XY),
    "white space": ("  x   y\n 1.5  -2 \n3e3\t.25 \n", XY),
    "no header": ("1.5,-2\n3e3,.25\n", X01),
    "no header, white space": ("1.5 -2\n3e3 .25", X01),
    "comments": ("# made by hand\n\nx,y\n# here\n1.5,-2 # odd\n\n3e3,.25\n#end", XY),
    "commented header": ("# run 7\n# x y\n1.5 -2\n3e3 .25\n", XY),
    "commented header, commas": ("#x,y\n1.5,-2\n3e3,.25\n", XY),
    "commented header, otherwise cut": ("# x y\n1.5,-2\n3e3,.25\n", XY),
    "comment that is no header": ("# three words here\n1.5 -2\n3e3 .25\n", X01),
    "commented numbers": ("# 7 8\n1.5 -2\n3e3 .25\n", X01),
    "comment further down": ("1.5 -2\n# x y\n3e3 .25\n", X01),
    "quoted": ('"x","y"\n"1.5",-2\n3e3,".25"\n', XY),
    "quoted, white space": ('"x" "y"\n"1.5" -2\n3e3\t".25"\n', XY),
    "Windows": ("x,y\r\n1.5,-2\r\n3e3,.25\r\n", XY),
    "byte order mark": ("\ufeffx,y\n1.5,-2\n3e3,.25\n", XY),
    "unnamed": ("x,\n1.5,-2\n3e3,.25\n", ("x", "x1")),
}


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts(tmp_path, layout, packed):
    text, names = LAYOUTS[layout]
    path = tmp_path / "table"
    path.write_bytes(gzip.compress(text.encode()) if packed else text.encode())
    dataset = read(path)
    assert dataset.events.tolist() == NUMBERS
    assert dataset.events.dtype == np.float64
    assert tuple(column.name for column in dataset.event_columns) == names


def test_one_column(tmp_path):
    path = tmp_path / "table"
    for text, name in [("1\n2\n3\n", "x0"), ("energy\n1\n2\n3\n", "energy"), ("# E\n1\n2\n3", "E")]:
        path.write_text(text)
        dataset = read(path)
        assert dataset.events.tolist() == [[1], [2], [3]]
        assert dataset.event_columns == (Column(name),)


@pytest.mark.parametrize(
    "header",
    ["energy [MeV],x (cm),n", "energy[MeV],x(cm),n", "# energy [MeV],x (cm),n"],
)
@pytest.mark.parametrize("delimiter", [",", "\t", ";", " "])
def test_units(tmp_path, header, delimiter):
    path = tmp_path / "table"
    path.write_text(f"{header}\n1.5,2,3\n4,5,6.5\n".replace(",", delimiter))
    assert read(path).event_columns == (Column("energy", "MeV"), Column("x", "cm"), Column("n"))


TABLE = "e,kind,label,f\n1,b,3,1.0\n2,a,10,2.0\n4,b,3,4.0\n"


def test_columns(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text(TABLE)
    dataset = read(path, DataOptions((), ("kind", "label", "f")))
    assert dataset.events.tolist() == [[1], [2], [4]]
    # Text and whole numbers are categories, in the order of words and of numbers; 1.0 is neither.
    assert dataset.condition_columns == (
        Column("kind", "", ("a", "b")),
        Column("label", "", ("3", "10")),
        Column("f"),
    )
    assert dataset.conditions.tolist() == [[1, 0, 1], [0, 1, 2], [1, 0, 4]]
    # The order of events is the one asked for.
    dataset = read(path, DataOptions(("f", "e"), weights="label"))
    assert dataset.events.tolist() == [[1, 1], [2, 2], [4, 4]]
    assert [column.name for column in dataset.event_columns] == ["f", "e"]
    assert dataset.weights.tolist() == [3, 10, 3]
    dataset = read(path, DataOptions(drop=("kind",)))
    assert [column.name for column in dataset.event_columns] == ["e", "label", "f"]


def test_text_without_header(tmp_path):
    path = tmp_path / "table.data"
    path.write_text("1.5,g\n2.5,h\n3.5,g\n")
    dataset = read(path, DataOptions(conditions=("x1",)))
    assert dataset.events.tolist() == [[1.5], [2.5], [3.5]]
    assert dataset.conditions.tolist() == [[0], [1], [0]]


def test_text_below_the_sample_and_across_chunks(tmp_path, monkeypatch):
    monkeypatch.setattr(tables, "ROWS", 100)
    words = ["1"] * 250 + ["z", "a"] + ["2"] * 98
    path = tmp_path / "table.csv"
    path.write_text("x,c\n" + "".join(f"{i},{word}\n" for i, word in enumerate(words)))
    dataset = read(path, DataOptions(conditions=("c",)))
    categories = dataset.condition_columns[0].categories
    assert categories == ("1", "2", "a", "z")
    assert [categories[int(code)] for code in dataset.conditions[:, 0]] == words
    assert dataset.events[:, 0].tolist() == list(range(350))


# Text of a table, options, and what the error says.
WRONG = {
    "header alone": ("x,y\n", {}, "holds no events, only a header"),
    "comments alone": ("# x\n\n", {}, "holds no events: every line"),
    "short row": ("x,y\n1,2\n# note\n3\n", {}, "line 4: 1 cells where the table has 2 columns"),
    "long row": ("1 2\n3 4\n5 6 7\n", {}, "line 3: 3 cells where the table has 2 columns"),
    "empty cell": ("x,y\n1,2\n3,\n,\n", {}, "2 of 3 events are NaN, empty .* 1 in column 'y'"),
    "NaN": ("x,y\n1,nan\n3,4\n", {}, "1 of 2 events are NaN.* index 0 in column 'y'"),
    "infinite": ("x,y\n1,2\n-inf,4\n", {}, "index 1 in column 'x'"),
    "text event": (TABLE, {}, "'kind' .* such as 'a'. .*--conditions kind .*--drop kind"),
    "stray word": ("x,y\n1,2\n3,N/A\n5,6\n", {}, "column 'y' .* holds text such as 'N/A'"),
    "unknown": (TABLE, {"conditions": ("knd",)}, "no column 'knd'. Did you mean 'kind'.* It has e"),
    "unknown drop": (TABLE, {"drop": ("zzz",)}, "Known: e, kind, label, f"),
    "two uses": (TABLE, {"events": ("e",), "drop": ("e",)}, "both --events and --drop"),
    "two names": ("x,x\n1,2\n", {}, "several columns called 'x'"),
    "text weights": (TABLE, {"events": ("e",), "weights": "kind"}, "type text; they must be one"),
    "all dropped": ("x,y\n1,2\n", {"drop": ("x", "y")}, "nothing left to learn"),
    "empty category": ("1,a\n2,\n3,\n", {"conditions": ("x1",)}, "empty in 2 events.*index 1"),
    "long field": ('x,y\n1,2\n3,"' + "9" * 200_000, {}, "not a table that can be read"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong(tmp_path, case):
    text, options, said = WRONG[case]
    path = tmp_path / "table.csv"
    path.write_text(text)
    with pytest.raises(DataError, match=said) as caught:
        read(path, DataOptions(**options))
    assert "table.csv" in str(caught.value)


# Words that no parser takes for a number, a comment or the end of a line.
WORDS = st.text(st.characters(categories=["L"]), min_size=1, max_size=5).filter(
    lambda word: word.lower() not in ("nan", "inf", "infinity")
)
FINITE = st.floats(allow_nan=False, allow_infinity=False)


@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(st.tuples(FINITE, WORDS, FINITE), min_size=1, max_size=8),
    delimiter=st.sampled_from(",;\t "),
    quoted=st.booleans(),
)
def test_round_trip(tmp_path_factory, rows, delimiter, quoted):
    stream = io.StringIO()
    quoting = csv.QUOTE_ALL if quoted else csv.QUOTE_MINIMAL
    writer = csv.writer(stream, delimiter=delimiter, quoting=quoting)
    writer.writerows([("first", "word", "last"), *rows])
    path = tmp_path_factory.mktemp("round") / "table"
    path.write_text(stream.getvalue(), encoding="utf-8")
    dataset = read(path, DataOptions(conditions=("word",)))
    assert dataset.events.tolist() == [[a, c] for a, _, c in rows]
    (column,) = dataset.condition_columns
    assert [column.categories[int(code)] for code in dataset.conditions[:, 0]] == [
        word for _, word, _ in rows
    ]


def test_numbers_are_read_by_c(tmp_path):
    """200 000 cells take a Python loop of one call each about 0.2 s, and NumPy a tenth of that."""
    numbers = np.random.default_rng(0).normal(size=(20_000, 10))
    path = tmp_path / "table.csv"
    np.savetxt(path, numbers, delimiter=",", fmt="%.17g")
    start = time.process_time()
    events = read(path).events
    assert time.process_time() - start < 1
    assert np.array_equal(events, numbers)
