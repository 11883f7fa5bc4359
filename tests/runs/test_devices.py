"""Two devices, and two processes, against one: the same numbers up to the order of sums."""

import os
import socket
import subprocess
import sys
import warnings

import jax
import numpy as np
import pytest
from safetensors.numpy import load_file
from test_ensemble import assert_close

import ansatz
from ansatz.protocol.errors import OptionError
from ansatz.runs.history import read_lines
from ansatz.training.devices import count_devices, join_cluster

# Batches of fifteen do not divide among two devices.
SETTINGS = {"latent": 2, "hidden": (8,), "batch": 15, "epochs": 3, "patience": 0}
WORDS = "--latent 2 --hidden 8 --batch 15 --epochs 3 --patience 0 --preprocess standardise"
TWO = {"XLA_FLAGS": f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count=2"}


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "table.npy"
    np.save(path, np.random.default_rng(6).normal(size=(150, 3)).astype(np.float32))
    return path


@pytest.fixture(scope="module")
def alone(table, tmp_path_factory):
    out = tmp_path_factory.mktemp("one") / "run"
    ansatz.fit("vae", table, out=out, quiet=True, preprocess=("standardise",), **SETTINGS)
    return out


def begin(words, **environment):
    """The command in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "ansatz", *map(str, words)],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def end(process):
    """Its errors, once it is done."""
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    return errors


def assert_same_course(a, b):
    for one, other in zip(read_lines(a), read_lines(b), strict=True):
        assert one == pytest.approx(other, rel=1e-5)


def test_two_devices_share_a_batch(table, alone, tmp_path):
    out = tmp_path / "run"
    errors = end(
        begin(
            ["fit", "vae", table, "--out", out, "--seeds", 2, "--no-report", *WORDS.split()], **TWO
        )
    )
    assert "on 2 devices" in errors
    assert ansatz.load(out / "seed-0").record.recipe.devices == 2
    assert_close(
        load_file(alone / "model.safetensors"), load_file(out / "seed-0" / "model.safetensors")
    )
    assert_same_course(alone / "history.jsonl", out / "seed-0" / "history.jsonl")
    # One of the two is gone, and the run goes on.
    with pytest.warns(RuntimeWarning, match="begun on 2 devices and goes on with 1"):
        ansatz.resume(out, epochs=4, quiet=True)


def as_tasks(words, port=None):
    """The command twice, as Slurm starts two tasks of one step, or as one is told to by hand."""
    for task in ("0", "1"):
        if port is None:
            yield begin(
                words,
                SLURM_JOB_ID=str(os.getpid()),
                SLURM_STEP_NODELIST="localhost",
                SLURM_STEP_NUM_NODES="1",
                SLURM_NTASKS="2",
                SLURM_PROCID=task,
                SLURM_LOCALID=task,
            )
        else:
            yield begin(
                words,
                JAX_COORDINATOR_ADDRESS=f"localhost:{port}",
                JAX_NUM_PROCESSES="2",
                JAX_PROCESS_ID=task,
            )


def free_port():
    with socket.socket() as listening:
        listening.bind(("localhost", 0))
        return listening.getsockname()[1]


def test_two_processes_share_a_batch(table, alone, tmp_path):
    out = tmp_path / "run"
    words = ["fit", "vae", table, "--out", out, *WORDS.split()]
    words += ["--epochs", 2, "--no-report"]
    first, second = [end(process) for process in list(as_tasks(words))]
    assert "on 2 devices" in first
    # One speaks for both.
    assert "Fitting" not in second
    assert read_lines(out / "history.jsonl")[-1]["epoch"] == 2
    for process in list(as_tasks(["fit", "--resume", out, "--epochs", 3], free_port())):
        end(process)
    assert (out / "report.html").exists()
    assert_close(load_file(alone / "model.safetensors"), load_file(out / "model.safetensors"))
    assert_same_course(alone / "history.jsonl", out / "history.jsonl")


def test_more_devices_than_there_are():
    assert count_devices(0) == jax.device_count()
    with pytest.raises(OptionError, match=r"99 devices are asked for, and there (is|are) \d+"):
        count_devices(99)


def test_half_a_cluster_is_named(monkeypatch):
    monkeypatch.setenv("JAX_NUM_PROCESSES", "2")
    with pytest.raises(OptionError, match="must be set together"):
        join_cluster()
    monkeypatch.setenv("JAX_COORDINATOR_ADDRESS", "localhost:1")
    monkeypatch.setenv("JAX_PROCESS_ID", "first")
    with pytest.raises(OptionError, match="to whole numbers"):
        join_cluster()


@pytest.mark.parametrize("address", ["localhost:1", "localhost:port", "no"])
def test_a_first_process_that_is_not_there_is_named(monkeypatch, address):
    """No port 1 is listened at; JAX would abort after minutes of silence."""
    monkeypatch.setattr("ansatz.training.devices.PATIENCE", 0.5)
    monkeypatch.setattr("ansatz.training.devices.SOON", 0.0)
    monkeypatch.setenv("JAX_NUM_PROCESSES", "2")
    monkeypatch.setenv("JAX_PROCESS_ID", "1")
    monkeypatch.setenv("JAX_COORDINATOR_ADDRESS", address)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        with pytest.raises(OptionError, match=f"The first process is not at {address} "):
            join_cluster()
    waits = [str(one.message) for one in said]
    assert waits == (
        ["Waiting for the first process at localhost:1."] if address[-2:] == ":1" else []
    )


def test_a_single_task_is_no_cluster(monkeypatch):
    monkeypatch.setenv("SLURM_STEP_NODELIST", "localhost")
    monkeypatch.setenv("SLURM_NTASKS", "1")
    join_cluster()
    assert not jax.distributed.is_initialized()
