"""Part N passes the checks of parts 1 to N, and fails the first check of part N+1."""

import pytest
from steps import PART_FILES, STEPS, first_failure


@pytest.mark.parametrize(("part", "wanted"), [("1", "2.1"), ("2", "3.1"), ("3", "")])
def test_a_part_climbs_to_its_own_step(part: str, wanted: str) -> None:
    assert first_failure(PART_FILES[part], STEPS) == wanted
