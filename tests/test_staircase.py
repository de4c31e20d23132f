"""Part N passes the checks of parts 1 to N, and fails the first check of part N+1."""

import shutil
from pathlib import Path
from unittest import SkipTest

import pytest
from steps import FOR_ROOT, PART_FILES, STEPS, first_failure

FILES = [file for file in PART_FILES["2"].parent.iterdir() if file.suffix in (".spec", ".json")]
"""What the steps of part 2 make beside the plugin; it stays there."""


@pytest.mark.parametrize(("part", "wanted"), [("1", "2.1"), ("2", "3.1"), ("3", "")])
def test_a_part_climbs_to_its_own_step(part: str, wanted: str, tmp_path: Path) -> None:
    for file in (PART_FILES[part], *FILES):
        shutil.copy(file, tmp_path)
    assert first_failure(tmp_path / "plugin.py", STEPS, may_skip=FOR_ROOT) == wanted


def test_a_step_that_cannot_run_has_not_passed(tmp_path: Path) -> None:
    shutil.copy(PART_FILES["2"], tmp_path)
    step = {"2.3": STEPS["2.3"]}
    with pytest.raises(SkipTest, match=r"step 2\.3: looks at \.spec and \.json files"):
        first_failure(tmp_path / "plugin.py", step)
    assert first_failure(tmp_path / "plugin.py", step, may_skip=step) == ""
