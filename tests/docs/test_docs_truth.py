"""What the pages list is what there is."""

import re
from contextlib import suppress

import pytest
from markdown_blocks import PAGES, ROOT

from ansatz.calo.published import published
from ansatz.cli.main import COMMANDS, run
from ansatz.data.catalogue import CATALOGUE
from ansatz.data.preprocessing import _STEPS
from ansatz.models import recipe_class, recipe_names
from ansatz.models.vae.likelihood import LIKELIHOODS
from ansatz.protocol.capabilities import CAPABILITIES, capabilities
from ansatz.runs.folder import RunFolder
from ansatz.studies import study_names

LARGEST = 150_000
"""Bytes of a picture."""


CALO = ("simulate", "info", "features", "generate", "evaluate", "baseline")


def text(page):
    return PAGES[page].read_text(encoding="utf-8")


def models_table():
    """The recipes and what their models can do, in Markdown, as their classes declare it."""
    recipes = {name: recipe_class(name) for name in recipe_names()}
    able = {name: capabilities(recipe.family) for name, recipe in recipes.items()}
    shown = [c for c in CAPABILITIES if any(c in each for each in able.values())]
    rows = [
        [f"`{name}`", *("yes" if c in able[name] else "-" for c in shown), recipe.__doc__]
        for name, recipe in recipes.items()
    ]
    header = ["recipe", *shown, "what it is"]
    lines = [" | ".join(cell.replace("|", "\\|") for cell in row) for row in [header, *rows]]
    return "\n".join(
        [f"| {lines[0]} |", "|---" * len(header) + "|", *(f"| {line} |" for line in lines[1:])]
    )


def test_the_table_of_models_is_read_off_the_classes():
    table = models_table()
    assert table in text("README.md"), f"README.md should have this table:\n{table}"


def test_published_figures_in_the_readme_are_those_published():
    columns = ("FPD", "KPD", "AUC high", "CPU ms")
    known = {model.model: model.merits for model in published("dataset2")}
    rows = re.findall(
        r"^\| (.+?)(?: by itself.*?)? \| full simulation \| (.+) \|$", text("README.md"), re.M
    )
    assert len(rows) == 8
    for model, cells in rows:
        for name, cell in zip(columns, cells.split("|"), strict=True):
            number = cell.strip().replace("−", "-")
            assert known[model][name] == (float(number) if number else None)


@pytest.mark.parametrize(
    ("page", "names"),
    [
        ("docs/models/vae.md", LIKELIHOODS),
        ("docs/preprocessing.md", _STEPS),
        ("docs/data.md", CATALOGUE),
        ("docs/studies.md", study_names()),
        ("README.md", COMMANDS),
        ("CHANGELOG.md", COMMANDS),
        ("docs/run.md", RunFolder.__doc__.split("`")[1::2]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_page_names_all_there_are(page, names):
    said = (ROOT / page).read_text(encoding="utf-8")
    words = set(re.findall(r"[\w.-]+", said))
    missing = [name for name in names if not set(re.findall(r"[\w.-]+", name)) <= words]
    assert not missing, f"{page} does not name {', '.join(missing)}"


def test_every_recipe_has_a_page_and_its_settings():
    for name in recipe_names():
        kind = recipe_class(name)
        page = "docs/calo/generator.md" if name == "calo-qvae" else f"docs/models/{name}.md"
        assert page in PAGES
        # Settings are listed with the class that has them.
        for one in kind.__mro__[:-1]:
            if any(
                "ClassVar" not in str(hint)
                for hint in vars(one).get("__annotations__", {}).values()
            ):
                assert f"::: {one.__module__}.{one.__name__}\n" in text("docs/api/recipes.md")


def test_every_option_that_a_page_names_is_there(capsys):
    """Those in running text; those in blocks are tried by running them."""
    helps = [[name, "-h"] for name in COMMANDS]
    helps += [["fit", name, "-h"] for name in recipe_names()]
    helps += [["fit", "--resume", "RUN", "-h"], ["data", "info", "-h"]]
    helps += [["calo", name, "-h"] for name in CALO]
    helps += [["study", name, "-h"] for name in study_names()]
    for words in helps:
        with suppress(SystemExit):
            run(words)
    known = set(re.findall(r"--[a-z][\w-]*", capsys.readouterr().out)) | {"--version"}
    assert {"--resume", "--second-moment", "--condition-file", "--fill"} <= known
    for page in PAGES:
        prose = re.sub(r"^```.*?^```$", "", text(page), flags=re.M | re.S)
        for option in re.findall(r"(?<![\w-])--[a-z][\w-]*", prose):
            assert option in known, f"{page} names {option}"


def test_pictures_are_small_and_used():
    said = "".join(map(text, PAGES))
    for picture in (ROOT / "docs" / "images").iterdir():
        assert picture.stat().st_size < LARGEST, f"{picture} has {picture.stat().st_size} bytes"
        assert f"images/{picture.name}" in said


def test_links_between_files_lead_somewhere():
    """Those of the README; the site's own are checked when it is built."""
    targets = re.findall(r"\]\(([^)#:]+)(?:#[\w-]+)?\)|src=\"([^\":]+)\"", text("README.md"))
    found = [a or b for a, b in targets]
    assert len(found) > 5
    for target in found:
        assert (ROOT / target).exists(), target
