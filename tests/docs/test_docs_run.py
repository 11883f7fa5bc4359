"""Every code block of the README and of the pages does what the page says."""

import os
import shlex
import subprocess
import sys
import tomllib
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import replace
from io import StringIO
from pathlib import Path

import jax
import pytest
from markdown_blocks import LANGUAGES, PAGES, Block, blocks, commands, looks_like, sessions

from ansatz.cli import fit as cli_fit
from ansatz.cli.main import main
from ansatz.runs import fit as fitting

NOT_RUN = {
    "make": "targets that make environments of their own",
    "pip": "would change the environment that the tests run in",
    "slurm": "needs a cluster",
    "open-mpi": "needs mpirun",
    "study": "takes a minute; tests/studies carries it out",
    "mnist": "needs images that do not come with the package",
    "challenge": "needs the challenge's files; tests/calo/test_showers.py reads their like",
    "processes": "several processes that wait for each other; tests/runs/test_devices.py has them",
}
"""The blocks that are not run, and why."""

MOST_EPOCHS, MOST_RESUMED = 2, 3

READY = {"README.md": ["make_events.py"]}
"""Scripts of other pages that are run before a page begins."""


class Reader:
    """Carries out a page, block by block, as its reader would."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.namespace = {"__name__": "__page__"}
        self.printed = StringIO()

    def follow(self, block: Block) -> None:
        """Do what one block says."""
        if block.title or block.not_run or block.language in ("formula", "text"):
            return
        match block.language:
            case "sh":
                for command in commands(block.text):
                    code, printed = self.command(command)
                    assert code == 0, f"{command!r} ends with {code}: {printed}"
            case "console":
                for command, shown in sessions(block.text):
                    printed = self.command(command)[1]
                    assert looks_like(printed, shown, loose=block.loose), (
                        f"{command!r} prints\n{printed}\nand not\n{shown}"
                    )
            case "python":
                # So that a traceback names the line of the page.
                code = compile("\n" * block.line + block.text, str(PAGES[block.page]), "exec")
                with redirect_stdout(self.printed):
                    exec(code, self.namespace)
            case "output":
                printed, self.printed = self.printed.getvalue(), StringIO()
                assert looks_like(printed, block.text, loose=block.loose), (
                    f"Python prints\n{printed}\nand not\n{block.text}"
                )

    def command(self, line: str) -> tuple[int, str]:
        """The exit code of a command and all that it prints."""
        if not line.startswith("ansatz "):
            return self.elsewhere(line)
        printed, argv = StringIO(), sys.argv
        sys.argv = shlex.split(line, comments=True)
        try:
            with redirect_stdout(printed), redirect_stderr(printed):
                main()
        except SystemExit as end:
            return int(end.code or 0), printed.getvalue()
        finally:
            sys.argv = argv
        raise AssertionError("A command ends by exiting.")

    def elsewhere(self, line: str) -> tuple[int, str]:
        """The same for what is no command of ours, in a shell."""
        tools = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        done = subprocess.run(
            line,
            shell=True,
            cwd=self.folder,
            env={**os.environ, "PATH": tools},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout


@pytest.fixture
def reader(request, tmp_path, monkeypatch):
    """Someone who has the files that the pages name, and little time."""
    done = [
        line.partition("#")[0]
        for block in blocks(request.getfixturevalue("page"))
        if block.language in ("sh", "console", "python")
        for line in block.text.splitlines()
    ]
    if not any("report.html" in line for line in done):
        # Nobody looks at the pictures of these fits.
        monkeypatch.setattr(cli_fit, "_draw", lambda path, **_: path / "report.html")
    for page in PAGES:
        for block in blocks(page):
            if block.title:
                path = tmp_path / block.title
                assert not path.exists(), f"{page}: two blocks are called {block.title}"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(block.text)
    _install(tmp_path, monkeypatch)
    monkeypatch.chdir(tmp_path)
    # A page asks for as many epochs as a good fit needs; that it runs is shown by a few.
    fit, resume = fitting.fit, fitting.resume

    def short_fit(recipe, *rest, **settings):
        return fit(replace(recipe, epochs=min(recipe.epochs, MOST_EPOCHS)), *rest, **settings)

    def short_resume(path, *, epochs=None, **settings):
        epochs = None if epochs is None else min(epochs, MOST_RESUMED)
        return resume(path, epochs=epochs, **settings)

    monkeypatch.setattr(fitting, "fit", short_fit)
    monkeypatch.setattr(fitting, "resume", short_resume)
    # A fit in double precision leaves it on.
    yield Reader(tmp_path)
    jax.config.update("jax_enable_x64", False)


def _install(folder, monkeypatch):
    """What pip does with the entry points of a project."""
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    lines = [f"Name: {project['name']}", f"Version: {project['version']}"]
    place = folder / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    place.mkdir()
    (place / "METADATA").write_text("\n".join(["Metadata-Version: 2.1", *lines, ""]))
    points = []
    for group, entries in project["entry-points"].items():
        points += [f"[{group}]", *(f"{name} = {value}" for name, value in entries.items())]
    (place / "entry_points.txt").write_text("\n".join([*points, ""]))
    monkeypatch.syspath_prepend(folder)


# Nor has anyone patience for a fit to come near all events.
@pytest.mark.filterwarnings("ignore:.*have none near:UserWarning")
@pytest.mark.slow
@pytest.mark.usefixtures("many_programs")
@pytest.mark.parametrize("page", PAGES)
def test_every_block_does_what_the_page_says(page, reader):
    for script in READY.get(page, []):
        assert reader.elsewhere(f"python {script}")[0] == 0
    for block in blocks(page):
        try:
            reader.follow(block)
        except Exception as error:
            error.add_note(f"In {page}, the block of line {block.line}.")
            raise


def test_few_blocks_are_not_run():
    skipped = [block.not_run for page in PAGES for block in blocks(page) if block.not_run]
    assert set(skipped) == set(NOT_RUN)
    assert len(skipped) <= 10


def test_every_block_is_of_a_known_kind():
    for page in PAGES:
        for block in blocks(page):
            assert block.title or block.language in LANGUAGES, f"{page}, line {block.line}"
            assert block.language != "console" or list(sessions(block.text))
