"""What a terminal's width does to what is printed."""

import pytest

from ansatz.cli.main import COMMANDS, run
from ansatz.cli.output import print_table
from ansatz.runs.progress import fitting

ROWS = [("bound", "-1.5", "a bound that is looser than it might be"), ("rate", "3.7", "a price")]


@pytest.mark.parametrize("columns", [30, 44, 200])
def test_a_table_breaks_in_its_last_column_on_a_terminal_alone(columns, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", str(columns))
    print_table(ROWS, ("name", "value", "what it is"))
    piped = capsys.readouterr().out.splitlines()
    assert piped[1] == "bound  -1.5   a bound that is looser than it might be"
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    print_table(ROWS, ("name", "value", "what it is"))
    shown = capsys.readouterr().out.splitlines()
    assert max(map(len, shown)) <= max(columns, 14 + 20)
    assert shown[0] == piped[0]
    # What is broken stands below itself, and no word is lost.
    starts = [line for line in shown if not line.startswith(" " * 14)]
    assert [line.split()[0] for line in starts] == ["name", "bound", "rate"]
    assert " ".join(shown).split() == " ".join(piped).split()
    assert (len(shown) == 3) == (columns == 200)


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
