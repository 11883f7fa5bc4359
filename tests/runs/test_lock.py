"""Two processes never write to one run."""

import os

import numpy as np
import pytest
from tiny import Watch, content, start

import ansatz
from ansatz.protocol.errors import RunError
from ansatz.report import write_report
from ansatz.runs.files import alone, new_folder
from ansatz.runs.folder import check_free


def test_a_run_under_way_is_left_alone(tmp_path, array, plain_run, eager):
    """Neither resumed nor replaced from elsewhere, and it ends in the same bits as ever."""
    out, refused = tmp_path / "run", []

    def interfere():
        for attempt in (
            lambda: ansatz.resume(out, data=array, quiet=True),
            lambda: ansatz.fit("vae", array, out=out, force=True, quiet=True),
        ):
            with pytest.raises(RunError, match="being written by another process") as error:
                attempt()
            refused.append(error)

    start(array, out, Watch(3, interfere))
    assert len(refused) == 2
    assert content(out) == content(plain_run)


def test_the_lock_ends_with_the_fit(tmp_path, array, eager):
    out = tmp_path / "run"
    start(array, out)
    with alone(out), pytest.raises(RunError, match="another process"):
        ansatz.resume(out, data=array, quiet=True)
    assert ansatz.resume(out, data=array, quiet=True).finished


def test_of_two_fits_begun_at_once_the_first_to_be_made_stays(tmp_path, array):
    """Neither of them has found a run there, when both began to read the data."""
    out = tmp_path / "run"

    def second():
        with new_folder(out, lambda: check_free(out, False)) as new:
            (new / "mine").touch()
            yield
        raise AssertionError("It replaced a run.")

    late = second()
    next(late)
    with pytest.raises(RunError, match="being written by another process"):
        start(array, out)
    os.rename(tmp_path / ".run.new", tmp_path / "elsewhere")
    first = start(array, out)
    with pytest.raises(RunError, match=r"run exists"):
        next(late)
    np.testing.assert_array_equal(ansatz.load(out).sample(2), first.sample(2))


def test_a_run_that_was_about_to_be_replaced_is_found_again(tmp_path, plain):
    """As a kill leaves it between two renames."""
    before = content(plain)
    os.rename(plain, plain.with_name(".plain.old"))
    (plain.with_name(".plain.new")).mkdir()
    with (
        pytest.raises(RunError, match="exists"),
        new_folder(plain, lambda: check_free(plain, False)),
    ):
        pass
    assert content(plain) == before
    assert [path.name for path in plain.parent.iterdir()] == ["plain"]


def test_two_reports_at_once(plain):
    (plain / "figures").mkdir()
    with (
        alone(plain / "figures"),
        pytest.raises(RunError, match="figures is being written by another process"),
    ):
        write_report(plain)
    assert not (plain / "report.html").exists()
