"""Bad input of every kind: a sentence, and nothing that was there is lost."""

from itertools import islice

import pytest
import subjects
from promise import Case, tried

SEED = 0
CASES = {"files": 320, "words": 260, "runs": 110}
"""Of each subject; there are as many more as one wishes in tests/soak/fuzz.py."""


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("sound")


@pytest.mark.parametrize("subject", subjects.NAMES)
def test_bad_input_is_a_sentence_and_loses_nothing(subject, place, tmp_path):
    """The order of cases is drawn, so that any part of them is of all kinds."""
    with subjects.opened(subject, place) as cases:
        before = subjects.digest_of_runs(place)
        chosen = list(islice(cases(SEED, 1), CASES[subject]))
        assert len({(case.name, case.words) for case in chosen}) == CASES[subject]
        wrong, codes = [], []
        for number, case in enumerate(chosen):
            folder = tmp_path / str(number)
            folder.mkdir()
            found = tried(case, folder)
            codes.append(found.code)
            wrong += [str(found)] if found.broken else []
        assert subjects.digest_of_runs(place) == before
    assert not wrong, "\n\n".join(wrong)
    # Most were truly bad, and some were not: neither is all that is tried.
    assert 0.5 < codes.count(2) / len(codes) < 1


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (lambda folder: (folder / "precious").unlink(), "it changed precious"),
        (lambda folder: (folder / "new").touch(), "it changed new"),
        (lambda folder: folder / 0, "TypeError"),
    ],
)
def test_a_broken_promise_is_seen(tmp_path, monkeypatch, wrong, words):
    """What the cases are judged by, judged itself."""
    monkeypatch.setattr("ansatz.cli.models.run", lambda _: wrong(tmp_path) and 0)
    case = Case("", ("models",), lambda folder: (folder / "precious").touch())
    assert any(words in broken for broken in tried(case, tmp_path).broken)
