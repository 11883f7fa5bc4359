"""Two processes never write to one run."""

import pytest
from tiny import Watch, content, start

import ansatz
from ansatz.protocol.errors import RunError
from ansatz.runs.folder import RunFolder


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
    with RunFolder(out).alone(), pytest.raises(RunError, match="another process"):
        ansatz.resume(out, data=array, quiet=True)
    assert ansatz.resume(out, data=array, quiet=True).finished
