"""The section on showers: its ratios, aims and rows, from results that are known beforehand."""

from benchmarks import showers
from benchmarks.harness import Failure, Runs, Setting


def test_the_section_on_showers(tmp_path, monkeypatch):
    asked = {}

    def made_up(contenders, rounds):
        outcomes = {}
        for contender in contenders:
            asked[contender.name] = contender.work
            rate = {"written": 3000.0, "plain NumPy, written": 1000.0}.get(contender.name, 10.0)
            result = {"rate": rate, "spots": 1e4 * rate, "bytes": 2000.4, "peak": 3 << 20}
            outcomes[contender.name] = [result | {"versions": {"X": "1"}}] * rounds
        outcomes["dataset3"] = [Failure("It broke.")] * rounds
        return Runs(outcomes)

    monkeypatch.setattr(showers, "interleave", made_up)
    section = showers.measure(Setting(tmp_path, Failure("no peers"), 2, quick=False, load=0.0))
    assert "| written | 3,000 | 30.0 | 2,000 | 3 |" in section
    assert "| simulated only | 10 | 0.1 |  | 3 |" in section
    assert "| plain NumPy, written | 1,000 | 10.0 |  |  |" in section
    assert "per second, at least 2,000; met with 3,000." in section
    assert "at least 30; met with 30." in section
    assert "against plain NumPy: 3.0 times as fast" in section
    assert "| dataset3 | 40,500 | failed | failed | failed | failed |" in section
    assert "- dataset3 failed: It broke." in section
    # What is compared is the same but for how it is made, and the long file is ten times longer.
    assert asked["written"]["c"] == asked["plain NumPy, written"]["c"] == 0.11
    assert asked["ten times as many"]["number"] == 10 * asked["written"]["number"]
    assert asked["1000 GeV"]["energy"] == "1000000"
