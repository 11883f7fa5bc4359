"""`ansatz report`: where it writes, what it prints, and what it refuses."""

import shutil
from pathlib import Path

import pytest

from ansatz.cli.main import run
from ansatz.protocol.errors import DataError, OptionError, RunError


@pytest.fixture
def pca(here, tmp_path):
    return Path(shutil.copytree(here / "pca", tmp_path / "pca"))


def test_one_object_with_all_paths(pca, answer):
    found = answer("report", pca)
    assert found["report"] == str(pca / "report.html")
    assert found["missing"] == []
    names = ["reconstructions", "samples", "codes", "variance", "components"]
    assert list(found["figures"]) == names
    for name, forms in found["figures"].items():
        assert forms == {f: str(pca / "figures" / f"{name}.{f}") for f in ("svg", "png", "csv")}
        assert all(Path(file).stat().st_size for file in forms.values())
    first = Path(found["report"]).read_bytes()
    # Another seed shows other events.
    answer("report", pca, "--seed", 1)
    assert (pca / "report.html").read_bytes() != first


def test_a_sentence_for_a_person_and_nothing_on_standard_output(pca, capsys):
    with pytest.raises(DataError, match="There is no file"):
        run(["report", str(pca), str(pca / "nothing.npy")])
    # What is missing of the run itself is said, and does not stop the report.
    (pca / "model.safetensors").write_bytes(b"")
    capsys.readouterr()
    assert run(["report", str(pca)]) == 0
    out, err = capsys.readouterr()
    assert out == ""
    lines = err.splitlines()
    assert lines[0].startswith("Figures of the model are missing: ")
    assert lines[-1] == f"The report is {pca / 'report.html'}."
    assert run(["report", str(pca), "--quiet"]) == 0
    assert capsys.readouterr() == ("", "")


def test_another_page_is_replaced_only_by_force(pca, tmp_path, answer):
    page = tmp_path / "page.html"
    page.write_text("somebody's")
    with pytest.raises(DataError, match="exists; use --force"):
        run(["report", str(pca), "--out", str(page)])
    assert page.read_text() == "somebody's"
    assert not (pca / "figures").exists()
    found = answer("report", pca, "--out", page, "--force")
    assert found["report"] == str(page)
    assert page.read_text().startswith("<!DOCTYPE html>")
    assert not (pca / "report.html").exists()


def test_what_is_wrong_with_the_words(pca):
    with pytest.raises(OptionError, match="needs RUN"):
        run(["report"])
    with pytest.raises(OptionError, match="Did you mean '--out'"):
        run(["report", str(pca), "--ou", "x.html"])


def test_the_folder_of_the_page_is_made(pca, tmp_path, answer):
    page = tmp_path / "new" / "folder" / "page.html"
    answer("report", pca, "digits", "--out", page)
    assert page.exists()
    with pytest.raises(RunError, match="Cannot write"):
        run(["report", str(pca), "--out", str(tmp_path), "--force", "--quiet"])
