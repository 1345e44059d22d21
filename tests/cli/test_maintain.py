"""`hopchain maintain`: what the daemon does every night, by hand."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import Hopchain, line_of, run_stages


def test_it_tells_sizes_before_and_after(waiting_home: Path, hopchain: Hopchain) -> None:
    """Rows stay, and the line finds nothing to do afterwards."""
    lake = line_of(waiting_home).lake
    before = lake.query("FROM stage_done ORDER BY ALL")
    done = hopchain("maintain", home=waiting_home)
    assert done.code == 0, done.err
    rows = {line.split()[0]: line.split()[1:] for line in done.out.splitlines() if line.strip()}
    assert {"before", "after"} <= set(rows) and all(len(rows[when]) == 4 for when in ("before", "after"))
    assert "0 files deleted." in done.out
    run_stages(waiting_home)
    assert lake.query("FROM stage_done ORDER BY ALL").equals(before)


def test_without_a_warehouse_it_says_so(tmp_path: Path, hopchain: Hopchain) -> None:
    """One sentence and exit code 2."""
    done = hopchain("maintain", home=tmp_path)
    assert done.code == 2 and "Traceback" not in done.err and done.err.strip()


def test_an_impossible_age_is_refused(tmp_path: Path, hopchain: Hopchain) -> None:
    """States are kept for a day at least."""
    done = hopchain("maintain", home=tmp_path, settings={"HOPCHAIN_SNAPSHOT_DAYS": "0"})
    assert done.code == 2 and "HOPCHAIN_SNAPSHOT_DAYS" in done.err
