"""What a terminal's width does to what is printed."""

import pytest

from ansatz.cli.main import COMMANDS, run
from ansatz.cli.output import print_table
from ansatz.runs.progress import fitting

ROWS = [("bound", "-1.5", "a bound that is looser than it might be"), ("rate", "3.7", "a price")]


@pytest.mark.parametrize("columns", [36, 44, 200])
def test_a_table_breaks_in_its_last_column_on_a_terminal_alone(columns, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", str(columns))
    print_table(ROWS, ("name", "value", "what it is"))
    piped = capsys.readouterr().out.splitlines()
    assert piped[1] == "bound  -1.5   a bound that is looser than it might be"
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    print_table(ROWS, ("name", "value", "what it is"))
    shown = capsys.readouterr().out.splitlines()
    assert max(map(len, shown)) <= columns
    assert shown[0] == piped[0]
    # What is broken stands below itself, and no word is lost.
    starts = [line for line in shown if not line.startswith(" " * 14)]
    assert [line.split()[0] for line in starts] == ["name", "bound", "rate"]
    assert " ".join(shown).split() == " ".join(piped).split()
    assert (len(shown) == 3) == (columns == 200)


@pytest.mark.parametrize("columns", [26, 40, 60])
def test_of_a_wide_table_no_number_is_broken(columns, monkeypatch, capsys):
    rows = [(f"column_{i}", *(f"{10.0**k / 7:.4g}" for k in range(6)), "") for i in range(3)]
    header = ("name", "min", "max", "mean", "deviation", "median", "mode", "not finite")
    print_table(rows, header)
    piped = capsys.readouterr().out
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    print_table(rows, header)
    shown = capsys.readouterr().out.splitlines()
    assert max(map(len, shown)) <= columns
    assert " ".join(shown).split() == piped.split()
    # Each cell stands below its own heading.
    at = next(i for i, line in enumerate(shown) if "deviation" in line)
    where = shown[at].index("deviation")
    cells = [line[where:].split()[0] for line in shown if f"{10.0**3 / 7:.4g}" in line]
    assert cells == [f"{10.0**3 / 7:.4g}"] * 3


def test_a_narrow_line_of_progress_keeps_the_time_and_the_loss():
    pieces = ["466 steps/s", "55,836 events/s", "30 s left", "loss 22.7", "validation_loss 22.8"]
    whole = "  ".join(pieces)
    assert fitting(pieces, len(whole)) == whole
    assert fitting(pieces, len(whole) - 1) == "  ".join([pieces[0], *pieces[2:]])
    assert fitting(pieces, 45) == "30 s left  loss 22.7  validation_loss 22.8"
    assert fitting(pieces, 25) == "30 s left  loss 22.7"
    assert fitting(pieces, 3) == "30 s left"


def test_the_list_of_commands_fits_a_narrow_terminal(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "60")
    assert run([]) == 0
    said = capsys.readouterr().out
    listed = said.split("\n\n")[2].splitlines()
    assert max(map(len, listed)) <= 60
    assert " ".join(said.split()).count(" ".join(COMMANDS["reconstruct"].split())) == 1
