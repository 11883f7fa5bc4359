"""The arithmetic and the turns of the benchmarks; no time is asserted."""

import re
import stat
import sys
from itertools import pairwise
from pathlib import Path

import h5py
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from benchmarks import __main__ as command
from benchmarks import environment, machine, streaming, vae_training
from benchmarks.harness import Contender, Failure, Runs, Setting, interleave, last_line
from benchmarks.report import aim, cell, failures, table, write_section
from benchmarks.spread import Spread, greatest, ratios, training_flops

PYTHON = Path(sys.executable)


def script(folder, text, name="script.py"):
    path = folder / name
    path.write_text(text)
    return path


# Numbers


@pytest.mark.parametrize("count", [1, 2, 5, 6])
def test_a_spread_is_the_median_and_the_range(count):
    values = np.random.default_rng(count).normal(size=count).tolist()
    spread = Spread.of([None, *values, None])
    expected = (np.quantile(values, 0.5), np.sort(values)[0], np.sort(values)[-1])
    assert (spread.median, spread.lowest, spread.highest) == pytest.approx(expected)
    assert spread.count == count


def test_nothing_has_no_spread():
    assert Spread.of([None, None]) is None


def test_a_spread_in_words():
    assert Spread.of([3000.0, 1000.0, 2000.0]).text(",.0f") == "2,000 (1,000 to 3,000)"
    assert Spread.of([1.5]).text(".2f") == "1.50"
    assert Spread.of([1.501, 1.499]).text(".2f") == "1.50"


def test_ratios_are_taken_within_a_round():
    ours, theirs = [10.0, 2.0, 30.0], [5.0, 4.0, 10.0]
    assert ratios(ours, theirs) == [2.0, 0.5, 3.0]
    # The median of the ratios is 2, and the ratio of the medians would be 10 / 5 = 2 as well;
    # paired with another round it is not.
    assert Spread.of(ratios(ours, theirs[::-1])).median == np.median([1.0, 0.5, 6.0])


def test_a_round_in_which_either_failed_has_no_ratio():
    assert ratios([1.0, None, 3.0], [None, 2.0, 4.0]) == [None, None, 0.75]
    with pytest.raises(ValueError, match="zip"):
        ratios([1.0], [1.0, 2.0])


def test_the_greatest_of_each_round():
    assert greatest([[1.0, 5.0, None, None], [2.0, 4.0, 3.0, None]]) == [2.0, 5.0, 3.0, None]


def test_operations_of_a_step_are_those_of_its_products():
    """Counted product by product in what JAX would run, the gradient by the event included."""
    widths, batch = [7, 5, 3, 2], 11
    weights = [jnp.ones(shape) for shape in pairwise(widths)]

    def loss(weights, x):
        for weight in weights:
            x = jnp.tanh(x @ weight)
        return jnp.sum(x)

    program = jax.make_jaxpr(jax.grad(loss, (0, 1)))(weights, jnp.ones((batch, widths[0])))
    counted = 0
    for equation in program.eqns:
        if equation.primitive.name == "dot_general":
            (summed, _), _ = equation.params["dimension_numbers"]
            left = equation.invars[0].aval.shape
            counted += 2 * equation.outvars[0].aval.size * np.prod([left[axis] for axis in summed])
    assert batch * training_flops(sum(weight.size for weight in weights)) == counted


# Turns


def test_contenders_take_turns(tmp_path, capfd):
    path = script(
        tmp_path,
        "import json, sys; from pathlib import Path\n"
        "work = json.loads(sys.argv[1])\n"
        "with Path(work['log']).open('a') as file: file.write(work['letter'])\n"
        "assert work['letter'] != 'B', 'B never succeeds'\n"
        "print('chatter'); print(json.dumps({'rate': ord(work['letter'])}))",
    )
    log = tmp_path / "log"
    work = {"log": str(log)}
    contenders = [Contender(n, PYTHON, path, work | {"letter": n}) for n in "ABC"]
    runs = interleave(contenders, 2)
    assert log.read_text() == "ABCABC"
    assert runs.values("A", lambda result: result["rate"]) == [65, 65]
    assert runs.values("B", lambda result: result["rate"]) == [None, None]
    assert runs.values("C", lambda result: 2 * result["rate"]) == [134, 134]
    assert runs.failures() == {"AssertionError: B never succeeds": ["B"]}
    lines = capfd.readouterr().err.splitlines()
    assert [re.sub(r"[\d.]+ s$", "… s", line) for line in lines[:2]] == [
        "round 1/2  A: done in … s",
        "round 1/2  B: failed: AssertionError: B never succeeds in … s",
    ]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("raise SystemExit(3)", "It ended with 3."),
        ("import sys; sys.exit('too bad\\n\\n')", "too bad"),
        ("print(1, 'and 2')", "Its last line is no JSON."),
        ("pass", "Its last line is no JSON."),
        ("print([1])", "Its result has no names."),
    ],
)
def test_a_run_that_fails_says_why(tmp_path, text, why):
    assert Contender("A", PYTHON, script(tmp_path, text), {}).run() == Failure(why)


def test_a_long_result_is_read_whole(tmp_path):
    path = script(tmp_path, "import json; print(json.dumps({'all': list(range(1000))}))")
    assert Contender("A", PYTHON, path, {}).run() == {"all": list(range(1000))}


def test_a_run_that_takes_too_long_is_stopped(tmp_path):
    contender = Contender("A", PYTHON, script(tmp_path, "import time; time.sleep(60)"), {})
    assert contender.run(0.1) == Failure("It was stopped after 0 s.")


def test_without_an_environment_a_run_fails():
    contender = Contender("A", Failure("There is none."), Path("nowhere.py"), {})
    assert interleave([contender], 2).outcomes == {"A": [Failure("There is none.")] * 2}


def test_runs_compute_as_a_user_has_it_compute(tmp_path, monkeypatch):
    monkeypatch.setenv("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")
    monkeypatch.setenv("XLA_FLAGS", "--none")
    monkeypatch.setenv("JAX_PLATFORMS", "cuda")
    monkeypatch.setenv("KEPT", "so it is")
    path = script(tmp_path, "import json, os; print(json.dumps(dict(os.environ)))")
    seen = Contender("A", PYTHON, path, {}).run()
    assert {name: seen[name] for name in seen if name.startswith(("JAX", "XLA"))} == {
        "JAX_PLATFORMS": "cpu"
    }
    assert seen["KEPT"] == "so it is"
    assert seen["CUDA_VISIBLE_DEVICES"] == ""


def test_the_last_line():
    assert last_line("one\n two \n\n") == "two"
    assert last_line("one\rtwo\r") == "two"
    assert last_line("") == ""
    assert last_line("x" * 500) == "x" * 200
    assert last_line("x" * 500, None) == "x" * 500


# Words


def test_a_section_replaces_its_own_alone(tmp_path):
    path = tmp_path / "RESULTS.md"
    write_section(path, "One", "first")
    opening = path.read_text()
    assert opening.startswith("# Benchmarks\n\n")
    assert opening.endswith("\n\n## One\n\nfirst\n")
    write_section(path, "One more", "### Detail\n\nsecond\n\n")
    write_section(path, "Third", "third")
    before = path.read_text()
    assert re.findall("^## (.*)", before, re.MULTILINE) == ["One", "One more", "Third"]
    write_section(path, "One more", "### Detail\n\nsecond")
    assert path.read_text() == before
    write_section(path, "One more", r"changed \1")
    expected = before.replace("### Detail\n\nsecond", r"changed \1")
    assert path.read_text() == expected
    write_section(path, "One", "anew")
    write_section(path, "Third", "anew")
    assert path.read_text() == expected.replace("first", "anew").replace("third", "anew")


def test_a_table():
    assert table(("who", "how"), [("we", "1"), ("they", "2")]) == (
        "| who | how |\n| --- | ---: |\n| we | 1 |\n| they | 2 |"
    )


def test_a_cell_says_how_many_runs_went_well():
    assert cell([1.0, 3.0], ".0f") == "2 (1 to 3)"
    assert cell([1.0, None, 3.0], ".0f") == "2 (1 to 3), 2 of 3 runs"
    assert cell([None], ".0f") == "failed"


def test_an_aim_is_met_by_the_median():
    assert aim("speed", [1.0, 1.4, 9.0], 1.3, ".1f") == (
        "- Aim: speed, at least 1.3; met with 1.4 (1.0 to 9.0)."
    )
    assert aim("speed", [1.0, 1.2, 9.0], 1.3, ".1f") == (
        "- Aim: speed, at least 1.3; missed with 1.2 (1.0 to 9.0)."
    )
    assert aim("share", [0.6], 0.6, ".0%") == "- Aim: share, at least 60%; met with 60%."
    assert aim("share", [None], 0.6, ".0%") == "- Aim: share, at least 60%; not measured."


def test_failures_are_told_once():
    first = Runs({"A": [Failure("It broke."), {}], "B": [Failure("It broke.")] * 2})
    second = Runs({"A": [Failure("It broke.")], "C": [Failure("gone")]})
    assert failures(first, second) == "- A, B failed: It broke.\n- C failed: gone."
    assert failures(Runs({"A": [{}]})) == ""


# What is measured


def setting(folder, *, quick=True):
    return Setting(folder, Failure("no peers"), rounds=2, quick=quick, load=0.25)


def made_up(products, of_contender):
    """Instead of `interleave`: two rounds of results that are known beforehand."""

    def outcomes(contender):
        if contender.name in products:
            return [{"rate": rate, "versions": {"X": "1"}} for rate in products[contender.name]]
        return of_contender[contender.name]

    return lambda contenders, rounds: Runs({c.name: outcomes(c)[:rounds] for c in contenders})


def result(rate, loss=1.0, parameters=1000, peak=2**20):
    return {"rate": rate, "loss": loss, "parameters": parameters, "peak": peak}


def test_the_table_of_training(tmp_path, monkeypatch):
    # 6 * 1000 operations an event: 20 and 30 events/s are 0.12 and 0.18 MFLOP/s.
    products = {"product by JAX": [4e5, 2e5], "product by PyTorch": [3e5, 3e5]}
    kinds = {
        "Ansatz": [result(20.0), result(30.0)],
        "plain PyTorch loop": [result(10.0, 2.0), result(10.0, 3.0)],
        "pythae": [Failure("It broke."), result(5.0)],
        "Ansatz kept on disk": [result(16.0), result(15.0)],
    }
    monkeypatch.setattr(vae_training, "interleave", made_up(products, kinds))
    section = vae_training.measure(setting(tmp_path))
    assert "| Ansatz | 25 (20 to 30) |  | 1.0 |" in section
    assert "| plain PyTorch loop | 10 | 2.50 (2.00 to 3.00) | 2.5 (2.0 to 3.0) |" in section
    assert "| pythae | 5, 1 of 2 runs | 6.00, 1 of 2 runs | 1.0, 1 of 2 runs |" in section
    assert "| Ansatz kept on disk | 16 (15 to 16) | 1.62 (1.25 to 2.00) | 1.0 |" in section
    assert "plain loop, at least 1.30; met with 2.50" in section
    assert "pythae, at least 2.00; met with 6.00" in section
    # 0.12 / 0.4 and 0.18 / 0.3.
    assert "at least 60%; missed with 45% (30% to 60%)." in section
    assert "| 50 | 32 | 25 (20 to 30) | 10 | 2.50 (2.00 to 3.00) | 45% (30% to 60%) |" in section
    assert "| 20 | 128 | 25 (20 to 30) | 10 | 2.50 (2.00 to 3.00) | 45% (30% to 60%) |" in section
    assert "- pythae failed: It broke." in section
    assert "JAX 0 (" not in section
    assert "other programs kept 0.2 cores busy" in section
    assert "Versions: X 1." in section


def test_the_table_of_streaming(tmp_path, monkeypatch):
    products = {"product by JAX": [4e9, 2e9], "product by PyTorch": [3e9, 3e9]}
    kinds = {
        "in memory": [result(20.0, peak=5 << 20), result(40.0, peak=5 << 20)],
        "streamed from npy": [result(18.0), result(32.0)],
        "streamed from HDF5": [result(10.0), result(40.0)],
    }
    monkeypatch.setattr(streaming, "interleave", made_up(products, kinds))
    section = streaming.measure(setting(tmp_path))
    assert "| in memory | 30 (20 to 40) |  | 5 | 1.0 |" in section
    assert "| streamed from npy | 25 (18 to 32) | 0.85 (0.80 to 0.90) | 1 | 1.0 |" in section
    assert "from npy, of the rate in memory, at least 0.80; met with 0.85" in section
    assert "from HDF5, of the rate in memory, at least 0.80; missed with 0.75" in section
    assert "GFLOP/s: JAX 3 (2 to 4), PyTorch 3." in section


def test_a_file_is_ten_times_the_buffer(tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(streaming, "write_events", lambda _, count: seen.append(count))
    monkeypatch.setattr(
        streaming, "interleave", lambda contenders, _: seen.extend(contenders) or Runs({})
    )
    with pytest.raises(KeyError):
        streaming.measure(setting(tmp_path, quick=False))
    count, *contenders = seen
    buffers = {c.name: c.work["buffer"] for c in contenders if "buffer" in c.work}
    times = {name: count * 784 / (mib << 20) for name, mib in buffers.items()}
    assert times == pytest.approx(
        {"in memory": 0.5, "streamed from npy": 10, "streamed from HDF5": 10}, rel=1e-5
    )


def test_the_same_events_in_either_file(tmp_path):
    streaming.write_events(tmp_path, 20_000)
    npy = np.load(tmp_path / "events.npy")
    with h5py.File(tmp_path / "events.h5") as file:
        np.testing.assert_array_equal(file["events"][()], npy)
    assert npy.shape == (20_000, 784)
    assert npy.dtype == np.uint8
    assert set(np.unique(npy)) == {0, 1}
    assert len(np.unique(npy, axis=0)) == len(npy)


@pytest.mark.parametrize("digits", [False, True])
def test_binary_events_of_either_origin(tmp_path, monkeypatch, digits):
    grey = np.random.default_rng(1).integers(0, 256, (300, 28, 28), np.uint8)
    folder = tmp_path / "digits"
    if digits:
        folder.mkdir()
        header = b"\0\0\x08\x03" + np.array(grey.shape, ">u4").tobytes()
        (folder / "train-images-idx3-ubyte").write_bytes(header + grey.tobytes())
    monkeypatch.setattr(vae_training, "MNIST", folder)
    origin = vae_training.write_events(tmp_path, {100, 200})
    assert ("MNIST is not at hand" in origin) is not digits
    few, many = (np.load(tmp_path / f"{count}.npy") for count in (100, 200))
    np.testing.assert_array_equal(few, many[:100])
    assert many.dtype == np.uint8
    assert many.shape == (200, 784)
    chance = grey[:200].reshape(200, 784) / 255 if digits else np.full((200, 784), 0.5)
    assert set(np.unique(many)) == {0, 1}
    # Ones are drawn with these chances p, so that the sum of (x - p) p, which sees whether a one
    # belongs to its pixel, has mean 0 and variance sum p^3 (1 - p); five deviations.
    excess = np.sum((many - chance) * chance)
    assert abs(excess) < 5 * np.sqrt(np.sum(chance**3 * (1 - chance)))


def test_the_machine_has_cores():
    assert 1 <= machine.cores() <= 4096


# The peers' environment


def fake_python(folder, *, pip):
    """What stands for Python: `-m venv` copies it, `-m pip` ends as it is told."""
    path = folder / "python"
    path.write_text(
        "#!/bin/sh\n"
        f'echo "$2" >> {folder}/calls\n'
        f'if [ "$2" = pip ]; then echo "chatter" >&2; echo "no room left" >&2; exit {pip}; fi\n'
        "for place; do :; done\n"
        'mkdir -p "$place/bin" && cp "$0" "$place/bin/python"\n'
    )
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def test_the_peers_are_installed_once(tmp_path, monkeypatch):
    wanted, calls = tmp_path / "peers.txt", tmp_path / "calls"
    wanted.write_text("a==1\n")
    monkeypatch.setattr(environment, "WANTED", wanted)
    monkeypatch.setattr(sys, "executable", str(fake_python(tmp_path, pip=0)))
    folder = tmp_path / "peers"
    for _ in range(2):
        assert environment.peers(folder) == folder / "bin" / "python"
        assert calls.read_text().split() == ["venv", "pip"]
    wanted.write_text("a==2\n")
    environment.peers(folder)
    assert calls.read_text().split() == ["venv", "pip"] * 2


def test_peers_that_cannot_be_installed_are_told_of(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "executable", str(fake_python(tmp_path, pip=1)))
    folder = tmp_path / "peers"
    for _ in range(2):
        why = environment.peers(folder)
        assert why == Failure("The peers' environment could not be made: no room left")
        assert not folder.exists()
    monkeypatch.setattr(sys, "executable", "/bin/false")
    assert environment.peers(folder) == Failure("The peers' environment could not be made: ")


# The command


def test_the_command_measures_what_it_is_asked_for(tmp_path, monkeypatch, capsys):
    seen = []

    def measure(setting):
        assert setting.folder.is_dir()
        seen.append(setting)
        return "measured"

    monkeypatch.setattr(command, "HERE", tmp_path / "benchmarks")
    (tmp_path / "benchmarks").mkdir()
    monkeypatch.setattr(environment, "peers", lambda folder: folder)
    for benchmark in (vae_training, streaming):
        monkeypatch.setattr(benchmark, "measure", measure)
    monkeypatch.setattr(sys, "argv", ["benchmarks", "streaming", "--rounds", "2", "--quick"])
    command.main()
    assert capsys.readouterr().out == f"## {streaming.TITLE}\n\nmeasured\n\n"
    monkeypatch.setattr(sys, "argv", ["benchmarks"])
    command.main()
    assert [(s.rounds, s.quick, s.peers) for s in seen] == [
        (2, True, tmp_path / ".cache" / "peers"),
        (vae_training.ROUNDS, False, tmp_path / ".cache" / "peers"),
        (streaming.ROUNDS, False, tmp_path / ".cache" / "peers"),
    ]
    assert not any(s.folder.exists() for s in seen)
    written = (tmp_path / "benchmarks" / "RESULTS.md").read_text()
    assert re.findall("^## (.*)", written, re.MULTILINE) == [vae_training.TITLE, streaming.TITLE]


@pytest.mark.parametrize("words", [["nonsense"], ["--rounds", "0"]])
def test_the_command_refuses_nonsense(monkeypatch, words):
    monkeypatch.setattr(sys, "argv", ["benchmarks", *words])
    with pytest.raises(SystemExit) as stopped:
        command.main()
    assert stopped.value.code == 2
