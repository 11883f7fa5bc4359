"""The command `ansatz study`: what it prints, its exit codes, and its mistakes."""

import json
import os
import re
import signal
import subprocess
import sys

import numpy as np
import pytest

import ansatz
from ansatz import studies
from ansatz.cli.main import COMMANDS, run
from ansatz.runs.progress import Watcher
from ansatz.studies.claim import Claim, Measured
from ansatz.studies.study import Findings, Study

ERRORS = {"holds": 0.01, "undecided": 5.0, "fails": 0.01}


class Sum(Study):
    """One and one make two."""

    name = "sum"
    title = "Sums"
    verdicts = ("holds",)
    watched = False

    def run(self, context):
        events = np.zeros((4, 2), np.float32)
        type(self).watched = next(context.watch(iter([events]), 4, "Adding")) is events
        return Findings(
            tuple(
                Claim(
                    name=verdict,
                    sentence=f"The sum that {verdict} is two.",
                    expected=2.0,
                    source="arithmetic",
                    measured=Measured(3.5 if verdict == "fails" else 2.25, ERRORS[verdict]),
                    tolerance=1.0,
                    why="a whole number",
                    unit="apples",
                )
                for verdict in self.verdicts
            ),
            (),
        )


class Fitted(Sum):
    """A fit that takes a while."""

    name = "fitted"
    title = "Fits"

    def run(self, context):
        events = np.random.default_rng(0).normal(size=(40, 2)).astype(np.float32)
        context.fit("run", "pca", context.save("events.npy", events), latent=1, epochs=3)
        return super().run(context)


@pytest.fixture(autouse=True)
def table(tmp_path, monkeypatch):
    """Stand in an empty folder, with two studies."""
    monkeypatch.chdir(tmp_path)
    table = {kind.name: f"{__name__}:{kind.__name__}" for kind in (Sum, Fitted)}
    monkeypatch.setattr(studies, "_STUDIES", table)


@pytest.mark.parametrize(
    ("verdicts", "code", "summary"),
    [
        (("holds",), 0, "1 of 1 claims hold."),
        (("holds", "holds"), 0, "2 of 2 claims hold."),
        (("holds", "undecided"), 3, "1 of 2 claims hold; undecided is undecided."),
        (("fails", "holds"), 3, "1 of 2 claims hold; fails fails."),
        (("undecided", "fails"), 3, "0 of 2 claims hold; undecided is undecided; fails fails."),
    ],
)
def test_the_exit_code_says_whether_all_claims_hold(monkeypatch, capsys, verdicts, code, summary):
    monkeypatch.setattr(Sum, "verdicts", verdicts)
    assert run(["study", "sum"]) == code
    out, err = capsys.readouterr()
    assert err == f"{summary} The report is studies/sum/report.html.\n"
    title, blank, header, *rows = out.splitlines()
    assert (title, blank) == ("Sums", "")
    assert header.split() == ["claim", "expected", "measured", "tolerance", "unit", "verdict"]
    measured = {"holds": "2.25 ± 0.01", "undecided": "2.25 ± 5", "fails": "3.50 ± 0.01"}
    for row, verdict in zip(rows, verdicts, strict=False):
        cells = [verdict, "2.00", measured[verdict], "1.00", "apples", verdict]
        assert re.split("  +", row) == cells
    sentences = rows[len(verdicts) + 1 :]
    assert [re.split("  +", line)[1] for line in sentences] == [
        f"The sum that {verdict} is two." for verdict in verdicts
    ]


def test_one_json_object_and_nothing_else(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(Sum, "verdicts", ("holds", "fails"))
    words = ["study", "sum", "--json", "--quick", "--seed", "7", "--out", "here"]
    assert run([*words, "--quiet"]) == 3
    out, err = capsys.readouterr()
    assert err == ""
    assert out.count("\n") == 1
    found = json.loads(out)
    written = json.loads((tmp_path / "here" / "claims.json").read_text())
    assert written.items() <= found.items()
    assert {name: found[name] for name in found.keys() - written.keys()} == {
        "out": "here",
        "runs": [],
        "figures": {},
        "report": "here/report.html",
    }
    assert (found["study"], found["quick"], found["seed"]) == ("sum", True, 7)
    assert found["holds"] is False
    assert [claim["verdict"] for claim in found["claims"]] == ["holds", "fails"]
    assert Sum.watched


def test_runs_and_progress_are_shown(capsys):
    assert run(["study", "fitted", "--json"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["runs"] == ["studies/fitted/run"]
    assert "Fitting pca" in err
    assert run(["study", "fitted", "--json", "--quiet", "--force"]) == 0
    assert capsys.readouterr().err == ""
    # The data of the run are found again, so that every command takes it.
    assert run(["evaluate", "studies/fitted/run", "--json", "--quiet"]) == 0
    assert json.loads(capsys.readouterr().out)["events"].startswith("4 test events")


def test_ctrl_c_says_how_to_begin_again(monkeypatch, capsys, tmp_path):
    chunk = Watcher.chunk

    def interrupt(self, end):
        chunk(self, end)
        os.kill(os.getpid(), signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(Watcher, "chunk", interrupt)
        assert run(["study", "fitted"]) == 130
    out, err = capsys.readouterr()
    assert out == ""
    assert err.endswith("nothing is claimed; go on with --resume, or begin again with --force.\n")
    assert not (tmp_path / "studies" / "fitted" / "claims.json").exists()
    assert run(["study", "fitted", "--resume", "--quiet"]) == 0
    assert run(["study", "fitted", "--force", "--quiet"]) == 0


def test_studies_are_listed(capsys):
    assert run(["study", "list"]) == 0
    assert capsys.readouterr().out.splitlines()[1:] == ["fitted  Fits", "sum     Sums"]
    assert run(["study", "list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "studies": [{"name": "fitted", "title": "Fits"}, {"name": "sum", "title": "Sums"}]
    }


def test_help(capsys):
    assert run(["study"]) == run(["study", "-h"]) == 0
    assert capsys.readouterr().out.count("ansatz study NAME [options]") == 2
    with pytest.raises(SystemExit) as end:
        run(["study", "sum", "-h"])
    assert end.value.code == 0
    out = capsys.readouterr().out
    assert "usage: ansatz study sum" in out
    assert all(option in out for option in ("--quick", "--out", "--force", "--resume", "--minutes"))


@pytest.mark.parametrize(
    ("command", "fragments"),
    [
        ("study smu", ["no study 'smu'", "Did you mean 'sum'"]),
        ("study quantum-gravity", ["no study 'quantum-gravity'", "Known: fitted, sum"]),
        ("study --quick sum", ["NAME comes before --quick"]),
        ("study sum --quik", ["'--quik'", "'--quick'", "`ansatz study sum -h`"]),
        ("study sum fitted", ["'fitted'", "too many"]),
        ("study list sum", ["'sum'", "too many"]),
        ("study sum --seed -1", ["seed must be at least 0", "-1"]),
        ("study sum --seed one", ["--seed", "whole number", "'one'"]),
        ("study sum --out taken", ["taken exists", "--out", "--force"]),
        ("study sum --out taken --force", ["taken exists and is no study"]),
        ("study sum --out taken --resume", ["taken holds no study to go on with", "--resume"]),
        ("study sum --force --resume", ["--resume", "--force", "not both"]),
        ("study sum --minutes 0", ["minutes must be positive", "0"]),
        ("study sum --out file/below", ["Cannot write file/below", "Not a directory"]),
    ],
)
def test_a_mistake_is_a_sentence(tmp_path, capsys, command, fragments):
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "precious.txt").write_text("keep me")
    (tmp_path / "file").touch()
    with pytest.raises(ansatz.AnsatzError) as refused:
        run(command.split())
    message = str(refused.value)
    assert all(fragment in message for fragment in fragments), message
    assert "\n" not in message
    assert {path.name for path in tmp_path.rglob("*")} == {"taken", "precious.txt", "file"}
    assert capsys.readouterr().out == ""


def test_the_table_of_studies_names_what_is_there():
    """In a process of its own, where the table is the package's."""
    script = """
from ansatz.studies import find_study, study_names
from ansatz.studies.study import Study
names = study_names()
assert "linear-gaussian" in names and "list" not in names
for name in names:
    study = find_study(name)
    assert isinstance(study, Study) and study.name == name and study.title and study.__doc__
"""
    subprocess.run([sys.executable, "-c", script], check=True)
    assert "study" in COMMANDS
