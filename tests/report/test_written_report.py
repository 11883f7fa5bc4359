"""The report of a run, whole or damaged: what it says, what it shows, what it never does."""

import json
import re
import statistics
from html.parser import HTMLParser

import numpy as np
import pytest
import toy
from safetensors.numpy import load_file

import ansatz
from ansatz.protocol.errors import DataError, OptionError, RunError
from ansatz.report import write_report
from ansatz.runs.folder import RunFolder


class Page(HTMLParser):
    """A page taken apart: its tags, its attributes, its text."""

    VOID = ("meta", "path", "use", "image", "br", "rect")

    def __init__(self, path):
        super().__init__()
        self.source = path.read_text(encoding="utf-8")
        self.attributes, self.text, self.open, self.tags = [], [], [], []
        self.feed(self.source)
        assert not self.open, f"{self.open} is never closed"

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, name, value) for name, value in attrs]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, name, value) for name, value in attrs]

    def handle_endtag(self, tag):
        if tag not in self.VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)

    def values(self, name):
        return [value for _, other, value in self.attributes if other == name]

    def says(self, sentence):
        return sentence in re.sub(r"\s+", " ", " ".join(self.text))


def check_offline(page):
    """Nothing in the page can make a browser ask for anything."""
    assert not re.search(r"https?:|//[a-z]+\.[a-z]|@import", page.source)
    assert all(target.startswith("data:") for target in re.findall(r"url\((.*?)\)", page.source))
    for name in ("src", "href", "xlink:href", "srcset", "action", "data", "poster"):
        for value in page.values(name):
            assert value.startswith(("#", "data:image/png;base64,"))
    assert not {"script", "link", "iframe", "object", "embed", "base", "form"} & set(page.tags)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A report of an autoencoder of images, with nearly every kind of figure."""
    path = tmp_path_factory.mktemp("whole") / "run"
    ansatz.fit("vae", "digits", latent=2, hidden=(8,), epochs=2, out=path, quiet=True)
    return path, write_report(path)


def test_a_page_of_its_own(whole):
    path, report = whole
    assert report.page == path / "report.html"
    page = Page(report.page)
    check_offline(page)
    assert report.missing == ()
    assert 'name="viewport" content="width=device-width' in page.source
    assert "prefers-color-scheme: dark" in page.source
    assert report.page.stat().st_size < 1_000_000
    ids = page.values("id")
    assert len(set(ids)) == len(ids)
    wanted = ["history", "reconstructions", "samples", "codes", "kl", "traversals", "manifold"]
    wanted += ["bound", "rate-distortion", "codes-and-prior"]
    assert [name for name in ids if name in wanted] == wanted
    assert list(report.figures) == wanted
    assert page.tags.count("figure") == 10
    # Each is there for a desk and for a phone.
    assert page.tags.count("svg") == 20


def test_what_was_fitted_to_what_and_how_well(whole):
    path, report = whole
    page = Page(report.page)
    rows = RunFolder(path).history()
    best = rows[-1]["best_epoch"]
    value = next(row["validation_loss"] for row in rows if row["epoch"] == best)
    seconds = [
        json.loads(line)["seconds"] for line in (path / "timing.jsonl").read_text().splitlines()
    ]
    for sentence in [
        "vae fitted to digits",
        "A variational autoencoder",
        f"{value:.5g}",
        f"at epoch {best}",
        "of 2, all done",
        f"{sum(seconds):.1f} s" if sum(seconds) >= 1 else f"{1000 * sum(seconds):.0f} ms",
        "1,437",
        "8 × 8, whole numbers",
        "coloured by label",
        "figures/kl.svg, .png, .csv",
    ]:
        assert page.says(sentence), sentence
    saved = load_file(path / "model.safetensors")
    parameters = sum(array.size for name, array in saved.items() if name.startswith("model."))
    assert page.says(f"{parameters:,}")
    # Settings that are not the defaults stand out.
    own = re.findall(r'<div class="own"><dt>(.*?)</dt><dd>(.*?)</dd>', page.source)
    assert {"latent": "2", "hidden": "8", "epochs": "2"}.items() <= dict(own).items()
    assert "rate" not in dict(own)


def test_every_figure_has_its_files(whole):
    path, report = whole
    files = {file.name for file in (path / "figures").iterdir()}
    assert files == {f"{name}.{form}" for name in report.figures for form in ("svg", "png", "csv")}
    for name, forms in report.figures.items():
        for form, file in forms.items():
            assert file == path / "figures" / f"{name}.{form}"
    lines = (path / "figures" / "kl.csv").read_text().splitlines()
    assert lines[0] == "latent,nats"
    assert len(lines) == 3


def test_a_family_unknown_to_the_report_shows_what_it_has(run):
    report = write_report(run)
    page = Page(report.page)
    check_offline(page)
    assert list(report.figures) == ["history", "toy-place"]
    assert page.says("toy fitted to table.csv")
    assert page.says("A point: the best guess at all events. It has no code and no noise.")
    assert page.says("Where the point is")
    # Nothing of a caption is taken for HTML.
    assert page.says("Its coordinates <i>now</i>")
    # A dollar is a dollar, not the beginning of a formula.
    assert page.says("cost [$]")
    place = [str(number) for number in np.asarray(ansatz.load(run).model.place)]
    lines = (run / "figures" / "toy-place.csv").read_text().splitlines()
    assert lines == ["number,place", f"cost [$],{place[0]}", f"depth,{place[1]}"]
    assert page.says("best validation distance")


def test_a_second_report_replaces_the_first(run):
    first = write_report(run)
    (run / "figures" / "kl.svg").write_text("an older report's")
    (run / "figures" / "kl.png").write_text("an older report's")
    (run / "figures" / "kl.csv").write_text("an older report's")
    (run / "figures" / "mine.svg").write_text("somebody's")
    (run / "figures" / "notes.txt").write_text("somebody's")
    first.page.write_text("an older report")
    second = write_report(run)
    assert second == first
    check_offline(Page(second.page))
    ours = {f"{name}.{form}" for name in ("history", "toy-place") for form in ("svg", "png", "csv")}
    found = {file.name for file in (run / "figures").iterdir()}
    assert found == ours | {"mine.svg", "notes.txt"}


def test_the_same_run_has_the_same_report(run):
    first = write_report(run).page.read_bytes()
    assert write_report(run).page.read_bytes() == first


def test_other_data_and_another_place(run, tmp_path):
    np.savetxt(tmp_path / "other.csv", np.ones((30, 2)), delimiter=",", header="cost [$],depth",
               comments="")  # fmt: skip
    report = write_report(run, tmp_path / "other.csv", out=tmp_path / "page.html", seed=3)
    assert report.page == tmp_path / "page.html"
    assert report.missing == ()
    assert not (run / "report.html").exists()
    assert report.figures["history"]["csv"] == run / "figures" / "history.csv"
    with pytest.raises(DataError, match="There is no file"):
        write_report(run, tmp_path / "nothing.csv")


def test_without_the_data_the_report_says_so(of_array, run, toy_runs, tmp_path):
    report = write_report(of_array)
    (sentence,) = report.missing
    assert sentence == (
        "Figures of the data are missing: The run was fitted to an array in memory: "
        "give the data again."
    )
    assert Page(report.page).says(sentence)
    assert list(report.figures) == ["history", "toy-place"]
    table = toy_runs / "table.csv"
    content = table.read_text()
    try:
        table.write_text(content + "1.5,2.5\n")
        (sentence,) = write_report(run).missing
        assert "table.csv has changed since the run was fitted to it" in sentence
        table.unlink()
        (sentence,) = write_report(run).missing
        assert f"The run was fitted to {table}, which is not there." in sentence
    finally:
        table.write_text(content)


def test_of_a_damaged_run_what_is_left(run):
    (run / "model.safetensors").write_bytes(b"nothing")
    (run / "history.jsonl").write_text('{"epoch": 1, "step": 4}\nrubbish\n{"epoch": 3, "step": 9}')
    (run / "timing.jsonl").unlink()
    report = write_report(run)
    page = Page(report.page)
    check_offline(page)
    model, past = report.missing
    assert model.startswith("Figures of the model are missing: ")
    assert f"ansatz fit --resume {run}" in model
    assert past.startswith("A history is missing: ")
    assert "history.jsonl, line 2, is damaged" in past
    assert page.says("Settings")
    assert page.says("table.csv")
    assert page.says(past)
    assert report.figures == {}


@pytest.mark.parametrize("line", ['{"step": 4}', '{"epoch": 1, "step": 4, "loss": "low"}'])
def test_a_history_of_something_else_is_damaged(run, line):
    (run / "history.jsonl").write_text(f"{line}\n")
    (sentence,) = write_report(run).missing
    assert "history.jsonl is damaged" in sentence


def test_without_a_record_there_is_no_report(run, tmp_path):
    (run / "recipe.toml").write_text("rubbish")
    with pytest.raises(RunError, match="is not a TOML file"):
        write_report(run)
    with pytest.raises(RunError, match="There is no run"):
        write_report(tmp_path / "nowhere")


def test_an_unfinished_run(run):
    """As its checkpoint has it."""
    (run / "model.safetensors").unlink()
    lines = (run / "history.jsonl").read_text().splitlines()
    (run / "history.jsonl").write_text("\n".join(lines[:2]) + "\n")
    report = write_report(run)
    assert report.missing == ()
    assert list(report.figures) == ["history", "toy-place"]
    assert Page(report.page).says("of 3, not finished")
    (run / "history.jsonl").unlink()
    report = write_report(run)
    assert report.missing == ()
    assert list(report.figures) == ["toy-place"]


def test_an_ensemble_shows_its_spread_and_its_first_model(tmp_path):
    path = tmp_path / "ensemble"
    ansatz.fit(toy.ToyRecipe(epochs=3), np.eye(30)[:, :2], out=path, seeds=3, seed=4, quiet=True)
    # The toy learns the same from every seed; these histories differ.
    best = [0.5, 0.75, 1.75]
    for seed, lowest in zip((4, 5, 6), best, strict=True):
        file = path / f"seed-{seed}" / "history.jsonl"
        rows = [json.loads(line) for line in file.read_text().splitlines()]
        for row in rows:
            row |= {"validation_distance": lowest + abs(row["epoch"] - 2), "best_epoch": 2}
        file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    report = write_report(path)
    # Its data were in memory; nothing else is missing.
    (sentence,) = report.missing
    assert "array in memory" in sentence
    assert list(report.figures) == ["history", "toy-place"]
    page = Page(report.page)
    assert page.says("Of 3 fits the model of seed-4 is shown.")
    mean, deviation = statistics.fmean(best), statistics.stdev(best)
    assert page.says(f"{mean:.5g} ± {deviation:.2g}")
    lines = (path / "figures" / "history.csv").read_text()
    assert all(f"seed-{seed}, validation" in lines for seed in (4, 5, 6))


def test_a_run_in_memory(tmp_path):
    fitted = ansatz.fit(toy.ToyRecipe(epochs=2), np.eye(30)[:, :2], quiet=True)
    with pytest.raises(OptionError, match="say with `out`"):
        write_report(fitted)
    events = np.eye(30)[:, :2]
    report = write_report(fitted, events, out=tmp_path / "page.html")
    assert report.figures == {}
    assert report.missing == ()
    page = Page(report.page)
    assert page.says("toy fitted to an array")
    assert page.tags.count("figure") == 2
    assert not page.says("figures/")
    assert [file.name for file in tmp_path.iterdir()] == ["page.html"]


def test_two_figures_of_one_name_are_a_mistake(run, monkeypatch):
    own = toy.ToyRecipe.figures
    monkeypatch.setattr(toy.ToyRecipe, "figures", lambda *a: (*own(*a), *own(*a)))
    with pytest.raises(ValueError, match="history, toy-place, toy-place"):
        write_report(run)


def test_a_folder_that_cannot_be_written_is_a_sentence(run):
    (run / "figures").write_text("in the way")
    with pytest.raises(RunError, match=r"Cannot write .*figures"):
        write_report(run)
