"""Studies of a few numbers: what is written, what is replaced, what a stopped study leaves."""

import json
import os
import signal
import tomllib

import numpy as np
import pytest

import ansatz
from ansatz import studies
from ansatz.protocol.figures import Bars
from ansatz.runs.files import alone
from ansatz.runs.progress import Watcher
from ansatz.studies.carry_out import carry_out
from ansatz.studies.claim import Claim, Measured
from ansatz.studies.study import Context, Findings, Study


class Axes(Study):
    """The leading component of points <near> a line lies along it.

    It is a study of PCA.
    """

    name = "axes"
    title = "PCA & a line"
    epochs = 1
    given: Context

    def run(self, context):
        type(self).given = context
        generator = np.random.Generator(np.random.Philox(context.seed))
        events = generator.normal(size=(60, 2)) * [5, 0.01]
        path = context.save("points.npy", events.astype(np.float32))
        (run,) = context.fit("first", "pca", path, latent=1, epochs=self.epochs)
        context.fit("second", "pca", path, latent=2)
        slope = float(np.arctan2(*np.asarray(run.model.components)[0, ::-1]))
        claims = [("slope", slope, 0.01), ("length", 0.99, 0.1), ("far", -7.0, 0.1)]
        return Findings(
            tuple(
                Claim(
                    name=name,
                    sentence=f"The {name} is < expected.",
                    expected=0.0 if name == "slope" else 1.0,
                    source="a drawing",
                    measured=Measured(value, 0.02 if name == "length" else 0.0),
                    tolerance=tolerance,
                    why="it is small",
                    unit="radians" if name == "slope" else "",
                )
                for name, value, tolerance in claims
            ),
            (
                Bars(
                    name="heights",
                    title="Heights",
                    caption="Two bars.",
                    labels=("a", "b"),
                    values=np.array([1.0, 2.0]),
                    x_label="which",
                    y_label="height",
                ),
            ),
        )


class Slow(Axes):
    """A study that there is time to stop."""

    name = "slow"
    epochs = 3


@pytest.fixture(autouse=True)
def table(monkeypatch):
    table = {kind.name: f"{__name__}:{kind.__name__}" for kind in (Axes, Slow)}
    monkeypatch.setattr(studies, "_STUDIES", table)


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """A study that was carried out in full."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(studies, "_STUDIES", {"axes": f"{__name__}:Axes"})
        return carry_out(
            "axes", out=tmp_path_factory.mktemp("done") / "deep" / "axes", seed=3, quiet=True
        )


def test_a_study_leaves_all_that_it_found(done):
    files = {path.name for path in done.out.iterdir()}
    assert files == {
        "study.toml", "claims.json", "report.html", "figures", "points.npy", "first", "second",
    }  # fmt: skip
    assert done.runs == (done.out / "first", done.out / "second")
    assert ansatz.load(done.runs[1]).model.components.shape == (2, 2)
    assert ansatz.load(done.runs[0]).record.recipe.seed == 3
    assert len(np.load(done.out / "points.npy")) == 60
    record = tomllib.loads((done.out / "study.toml").read_text())
    assert (record["study"], record["quick"], record["seed"]) == ("axes", False, 3)
    assert record["versions"]["ansatz-learn"] == ansatz.__version__
    assert {path.name for path in (done.out / "figures").iterdir()} == {
        "heights.svg", "heights.png", "heights.csv",
    }  # fmt: skip
    assert (done.out / "figures" / "heights.csv").read_text() == "which,height\na,1.0\nb,2.0\n"
    assert done.figures == {
        "heights": {
            form: done.out / "figures" / f"heights.{form}" for form in ("svg", "png", "csv")
        }
    }


def test_claims_are_written_with_their_verdicts(done):
    found = json.loads((done.out / "claims.json").read_text())
    assert found == done.to_dict()
    assert (found["study"], found["quick"], found["seed"]) == ("axes", False, 3)
    assert [(c["name"], c["verdict"]) for c in found["claims"]] == [
        ("slope", "holds"),
        ("length", "holds"),
        ("far", "fails"),
    ]
    assert found["holds"] is done.holds is False
    assert done.summary == "2 of 3 claims hold; far fails."


def test_the_page_says_what_was_claimed_and_why(done):
    page = done.page.read_text()
    for text in (
        "PCA &amp; a line",
        "The leading component of points &lt;near&gt; a line lies along it. It is a study of PCA.",
        "2 of 3 claims hold; far fails.",
        "3. The far is &lt; expected.",
        "a drawing",
        "it is small",
        "0.990 ± 0.02",
        "−7.000",
        'id="heights"',
        "figures/heights.svg",
    ):
        assert text in page, text
    verdicts = [line for line in page.split("<dt>") if line.startswith("verdict")]
    assert ["holds" in line for line in verdicts] == [True, True, False]
    assert "-7.0" not in page


def test_a_quick_study_is_told_so(tmp_path):
    outcome = carry_out("axes", out=tmp_path / "axes", quick=True, quiet=True)
    assert Axes.given.quick
    assert tomllib.loads((outcome.out / "study.toml").read_text())["quick"] is True
    assert outcome.to_dict()["quick"] is True


def test_a_study_goes_to_its_own_place_by_default(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert carry_out("axes", quiet=True).out.resolve() == tmp_path / "studies" / "axes"


def test_what_exists_is_replaced_only_by_force_and_only_if_it_is_a_study(tmp_path, monkeypatch):
    out = tmp_path / "axes"
    carry_out("axes", out=out, quiet=True)
    before = (out / "claims.json").read_bytes()
    with pytest.raises(ansatz.AnsatzError, match=r"exists.*--force"):
        carry_out("axes", out=out, seed=1, quiet=True)
    with alone(out), pytest.raises(ansatz.AnsatzError, match="another process"):
        carry_out("axes", out=out, seed=1, force=True, quiet=True)
    with monkeypatch.context() as patch:
        patch.chdir(out / "figures")
        with pytest.raises(ansatz.AnsatzError, match="folder you are in"):
            carry_out("axes", out=out, seed=1, force=True, quiet=True)
    assert (out / "claims.json").read_bytes() == before
    (out / "left-over").touch()
    link = tmp_path / "link"
    link.symlink_to(out)
    carry_out("axes", out=link, seed=1, force=True, quiet=True)
    assert link.is_symlink()
    assert not (out / "left-over").exists()
    assert (out / "claims.json").read_bytes() != before
    precious = tmp_path / "precious"
    precious.mkdir()
    carry_out("axes", out=precious, force=True, quiet=True)
    for no_study in (tmp_path / "folder", tmp_path / "file"):
        if no_study.name == "folder":
            no_study.mkdir()
            (no_study / "precious.txt").touch()
        else:
            no_study.touch()
        with pytest.raises(ansatz.AnsatzError, match="is no study"):
            carry_out("axes", out=no_study, force=True, quiet=True)
    assert (tmp_path / "folder" / "precious.txt").exists()
    assert (tmp_path / "file").is_file()


def test_a_study_is_alone_in_its_folder_and_must_claim_something(tmp_path, monkeypatch):
    def meddle(self, context):
        with pytest.raises(ansatz.AnsatzError, match="another process"):
            carry_out("slow", out=context.folder, force=True, quiet=True)
        return Findings((), ())

    monkeypatch.setattr(Axes, "run", meddle)
    with pytest.raises(ValueError, match="'axes' must claim something"):
        carry_out("axes", out=tmp_path / "axes", quiet=True)
    assert not (tmp_path / "axes" / "claims.json").exists()


def test_of_a_stopped_study_nothing_is_claimed(tmp_path, monkeypatch):
    chunk = Watcher.chunk

    def interrupt(self, end):
        chunk(self, end)
        os.kill(os.getpid(), signal.SIGINT)

    out = tmp_path / "slow"
    with monkeypatch.context() as patch:
        patch.setattr(Watcher, "chunk", interrupt)
        with pytest.raises(KeyboardInterrupt):
            carry_out("slow", out=out)
    assert {path.name for path in out.iterdir()} == {"study.toml", "points.npy", "first"}
    assert not ansatz.load(out / "first").finished
    # It goes on with the same options only, and comes to what it would have come to at once.
    with pytest.raises(ansatz.AnsatzError, match=r"seed = 0, not 1.*--force"):
        carry_out("slow", out=out, resume=True, seed=1, quiet=True)
    with pytest.raises(ansatz.AnsatzError, match=r"study = 'slow', not 'axes'"):
        carry_out("axes", out=out, resume=True, quiet=True)
    carry_out("slow", out=out, resume=True, quiet=True)
    found = (out / "claims.json").read_bytes()
    assert ansatz.load(out / "first").finished
    # What is finished is not fitted again, nor taken for another fit.
    before = (out / "first" / "model.safetensors").stat().st_mtime_ns
    carry_out("slow", out=out, resume=True, quiet=True)
    assert (out / "first" / "model.safetensors").stat().st_mtime_ns == before
    with monkeypatch.context() as patch:
        patch.setattr(Slow, "epochs", 4)
        with pytest.raises(ansatz.AnsatzError, match="has epochs = 3, and the study wants 4"):
            carry_out("slow", out=out, resume=True, quiet=True)
    carry_out("slow", out=out, force=True, quiet=True)
    assert (out / "claims.json").read_bytes() == found


def test_several_seeds_make_several_runs(tmp_path):
    events = np.random.default_rng(0).normal(size=(30, 2)).astype(np.float32)
    context = Context(folder=tmp_path, seed=5, quiet=True)
    path = context.save("events.npy", events)
    np.testing.assert_array_equal(np.load(path), events)
    runs = context.fit("two", "pca", path, latent=1, seeds=2)
    assert [run.path.name for run in runs] == ["seed-5", "seed-6"]


@pytest.mark.parametrize("seed", [-1, 2**31])
def test_a_seed_out_of_range_is_refused_before_anything_is_made(tmp_path, seed):
    with pytest.raises(ansatz.AnsatzError, match="seed must be at least 0"):
        carry_out("axes", out=tmp_path / "axes", seed=seed)
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_study_is_refused_before_anything_is_made(tmp_path):
    with pytest.raises(ansatz.AnsatzError, match=r"no study 'axis'\. Did you mean 'axes'"):
        carry_out("axis", out=tmp_path / "axis")
    assert list(tmp_path.iterdir()) == []
