"""The command: a small bench from the public files, stopped and gone on with."""

import json
from pathlib import Path

import pytest

from usecases.waste_collection.replay.__main__ import main


@pytest.mark.usefixtures("wyndham")
def test_a_small_bench_runs_goes_on_where_it_stopped_and_writes_its_page(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One scenario, 20 days; the second call replays nothing again."""
    words = ["--first", "1", "--days", "20", "--iterations", "5", "--out", str(tmp_path)]
    main([*words, "--policies", "fixed"])
    kept = {path: path.stat().st_mtime_ns for path in (tmp_path / "outcomes").iterdir()}
    main([*words, "--policies", "fixed", "fair_2d", "--study-scenarios", "1"])
    assert all(path.stat().st_mtime_ns == stamp for path, stamp in kept.items())
    assert len(kept) == 3
    rows = json.loads((tmp_path / "summary.json").read_text(encoding="utf-8"))
    assert [row["family"] for row in rows] == ["fair_2d"]
    page = (tmp_path / "rejeu.html").read_text(encoding="utf-8")
    assert "Le banc de rejeu" in page
    assert "Next:" in capsys.readouterr().out
