"""The folder of a judgement."""

import pytest

from ansatz.protocol.errors import DataError
from ansatz.report.judgement import Kind


def test_nothing_is_drawn_for_a_folder_that_is_refused(tmp_path):
    (tmp_path / "thesis.tex").write_text("all my work")
    kind = Kind("judgement", "judgement.json")
    drawn = []
    for force, said in ((False, "use --force"), (True, "is no judgement")):
        with pytest.raises(DataError, match=said):
            kind.write(lambda: drawn.append("figures"), tmp_path, force=force)
    assert not drawn
