"""A disk that takes no more stops the fit in a sentence and costs nothing that was saved."""

import errno
import os
import resource

import numpy as np
import pytest
from tiny import Watch, content, start

import ansatz
from ansatz.protocol.errors import RunError
from ansatz.runs.arrays import load_arrays
from ansatz.runs.files import write_atomic


def left_over(folder):
    return [path for path in folder.rglob(".*") if path.is_file()]


@pytest.mark.parametrize(("at", "named"), [(5, "checkpoints"), (20, "history.jsonl")])
def test_a_full_disk_keeps_the_last_checkpoint(
    tmp_path, array, plain_run, eager, monkeypatch, at, named
):
    sync, full = os.fsync, []

    def fsync(descriptor):
        if full:
            raise OSError(errno.ENOSPC, "No space left on device")
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    out = tmp_path / "run"
    with pytest.raises(RunError, match="the disk is full") as refused:
        start(array, out, Watch(at, lambda: full.append(True)))
    # Which step has the next checkpoint is for the clock to say.
    assert named in str(refused.value)
    assert not left_over(tmp_path)
    assert not (out / "model.safetensors").exists()
    for path in out.glob("checkpoints/*"):
        assert load_arrays(path)[1]["step"] < at
    full.clear()
    ansatz.resume(out, quiet=True)
    assert content(out) == content(plain_run)


def test_a_file_cut_off_by_the_system_is_no_checkpoint(tmp_path, array, plain_run, eager):
    out = tmp_path / "run"
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    size = next((plain_run / "checkpoints").iterdir()).stat().st_size

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (size // 2, hard))

    try:
        with pytest.raises(RunError, match="larger than the system allows") as refused:
            start(array, out, Watch(20, limit))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "step-000000000020.safetensors" in str(refused.value)
    assert not left_over(tmp_path)
    ansatz.resume(out, quiet=True)
    assert content(out) == content(plain_run)


def test_a_run_that_cannot_begin_leaves_nothing(tmp_path, array, monkeypatch):
    def fsync(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(RunError, match="the disk is full"):
        start(array, tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


def test_an_old_run_survives_a_new_one_that_cannot_begin(plain, array, monkeypatch):
    before = ansatz.load(plain).sample(3)
    rename = os.rename

    def refuse(source, target):
        if str(source).endswith(".new"):
            raise OSError(errno.EIO, "Input/output error")
        rename(source, target)

    monkeypatch.setattr(os, "rename", refuse)
    with pytest.raises(RunError, match="Cannot write"):
        ansatz.fit("pca", array, latent=1, out=plain, force=True, quiet=True)
    np.testing.assert_array_equal(ansatz.load(plain).sample(3), before)
    assert [path.name for path in plain.parent.iterdir()] == [plain.name]


@pytest.mark.parametrize("step", ["write", "replace"])
def test_a_file_is_the_old_or_the_new_one(tmp_path, monkeypatch, step):
    path = tmp_path / "file"
    write_atomic(path, b"old")

    def refuse(*arguments):
        raise OSError(errno.EDQUOT, "Disk quota exceeded")

    monkeypatch.setattr(os, {"write": "fsync", "replace": "replace"}[step], refuse)
    with pytest.raises(RunError, match=f"Cannot write {path}: the disk quota is used up"):
        write_atomic(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_run_does_not_replace_where_one_stands(tmp_path, array, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for place in (".", "..", tmp_path):
        with pytest.raises(RunError, match=r"the folder you are in|is not a run"):
            ansatz.fit("pca", array, latent=1, out=place, force=True, quiet=True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("place", "real"), [("link", "folder"), ("deep/er/run", "deep/er/run")])
def test_a_run_may_have_any_place(tmp_path, array, monkeypatch, place, real):
    folder = tmp_path / "folder"
    folder.mkdir()
    (tmp_path / "link").symlink_to(folder)
    monkeypatch.chdir(tmp_path)
    run = ansatz.fit("pca", array, latent=1, out=place, force=True, quiet=True)
    target = tmp_path / real
    np.testing.assert_array_equal(ansatz.load(target).sample(2), run.sample(2))
    assert not [path for path in target.parent.iterdir() if path.name.startswith(".")]
