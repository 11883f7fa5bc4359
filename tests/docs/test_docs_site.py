"""The pages as a site: it builds without a warning, holds all pages, and fetches nothing."""

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from importlib.util import find_spec
from urllib.parse import urlsplit

import pytest
from markdown_blocks import PAGES, ROOT

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (find_spec("material") and find_spec("mkdocstrings_handlers")),
        reason="MkDocs is not installed: pip install '.[docs]'",
    ),
]

FETCHED = {
    "script": "src",
    "img": "src",
    "iframe": "src",
    "source": "src",
    "video": "src",
    "object": "data",
    "use": "href",
}
"""What a browser gets by itself, without being asked, and `link` but for these relations."""
NOT_FETCHED = {"prev", "next", "canonical", "edit", "alternate"}


class Fetched(HTMLParser):
    """The addresses that a page has fetched, and the words that its styles hold."""

    def __init__(self):
        super().__init__()
        self.addresses, self.styles, self.within = [], [], ""

    def handle_starttag(self, tag, attrs):
        own = dict(attrs)
        self.within = tag
        if tag == "link" and own.get("rel") not in NOT_FETCHED:
            self.addresses.append(own["href"])
        elif tag in FETCHED and own.get(FETCHED[tag]):
            self.addresses.append(own[FETCHED[tag]])
        self.addresses += [own["srcset"]] if "srcset" in own else []
        self.styles.append(own.get("style", ""))

    def handle_endtag(self, tag):
        self.within = ""

    def handle_data(self, data):
        if self.within == "style":
            self.styles.append(data)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The folder of the built site."""
    folder = tmp_path_factory.mktemp("docs") / "site"
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", folder],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stdout
    assert not built.stdout
    return folder


def test_the_site_holds_every_page(site):
    pages = [page for page in PAGES if page.startswith("docs/")]
    assert len(pages) > 15
    said = (site / "index.html").read_text()
    for page in pages:
        place = page.removeprefix("docs/").replace(".md", ".html")
        assert (site / place).exists()
        assert f'href="{place}"' in said, f"{page} is not in the navigation"


def test_the_site_is_searched_from_a_disk_too(site):
    """Pages on a disk may fetch no index and start no worker: they have scripts for both."""
    index = (site / "search" / "search_index.json").read_text()
    assert (site / "search" / "search_index.js").read_text() == f"var __index = {index}"
    said = (site / "models" / "vae.html").read_text()
    worker = said.index('<script src="../assets/iframe-worker.js">')
    assert worker < said.index("javascripts/bundle.")
    assert "window.Worker = class" in (site / "assets" / "iframe-worker.js").read_text()


def test_the_site_fetches_nothing_from_elsewhere(site):
    pages = list(site.rglob("*.html"))
    assert len(pages) > 15
    for page in pages:
        found = Fetched()
        found.feed(page.read_text())
        assert len(found.addresses) > 3
        for address in found.addresses:
            # The page that stands in for a missing one names files from the root.
            assert not urlsplit(address).netloc, f"{page.name} fetches {address}"
            assert urlsplit(address).scheme in ("", "data")
        # The theme's own script would fetch a library for diagrams.
        assert "mermaid" not in page.read_text()
        assert not elsewhere("".join(found.styles))
    styles = list(site.rglob("*.css"))
    assert len(styles) > 2
    for style in styles:
        assert not elsewhere(style.read_text()), style


def elsewhere(style):
    """What a style sheet has fetched from another place."""
    named = re.findall(r"url\(\s*['\"]?([^'\")]+)|@import\s+['\"]([^'\"]+)", style)
    return [a or b for a, b in named if re.match(r"(https?:)?//", a or b)]


def test_the_check_sees_what_is_fetched():
    page = Fetched()
    page.feed(
        '<link rel="stylesheet" href="https://a/b.css"><link rel="next" href="https://c">'
        '<img src="//d/e.png"><a href="https://f">g</a><p style="x: url(https://h/i)"></p>'
        "<style>@import 'https://j/k.css';</style>"
    )
    assert page.addresses == ["https://a/b.css", "//d/e.png"]
    assert elsewhere("".join(page.styles)) == ["https://h/i", "https://j/k.css"]
    assert not elsewhere("x: url(data:image/svg+xml;a) url(../b.woff2)")
