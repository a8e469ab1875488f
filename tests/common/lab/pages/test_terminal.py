"""The table that ends a run: aligned, in French, with an arrow at what ships."""

from dataclasses import replace

from common.lab.pages.terminal import WIDTH, text_table


def test_every_rung_has_a_line_and_the_one_that_ships_an_arrow(sample_run) -> None:
    """Three rungs, one arrow, at the additive model."""
    lines = text_table([sample_run]).splitlines()
    for row in sample_run.ladder:
        # Long titles are folded: their first word is enough to find the line.
        assert any(row.title.split()[0] in line for line in lines)
    assert [line for line in lines if "→" in line] == [
        line for line in lines if "Modèle additif" in line
    ]


def test_numbers_are_french_and_come_with_their_interval(sample_run) -> None:
    """12.9 % within 0.6, 0.4 % over the best, 48 kB, 21 CPU-s; (0.01 + 21 / 300) per 1,000."""
    line = next(line for line in text_table([sample_run]).splitlines() if "→" in line)
    for text in ("12,90", "12,3 à 13,5", "0,4", "48", "21,0", "0,080"):
        assert text in line
    assert "." not in line


def test_the_title_says_which_data_and_the_end_says_why(sample_run, simulated_run) -> None:
    """Simulated data are named so; the reason stands below its ladder."""
    text = text_table([sample_run])
    assert "building_energy / day_ahead : bdg2_fox, 42 sites" in text
    assert " ".join(sample_run.reason.split()) in " ".join(text.split())
    assert "SIMULATED_fox" in text_table([simulated_run])


def test_runs_follow_each_other_and_no_line_is_too_wide(sample_run, no_ai_run) -> None:
    """Two tables, two arrows, an empty line between them."""
    text = text_table([sample_run, no_ai_run])
    assert text.count("→") == 2
    assert "\n\n" in text
    assert max(map(len, text.splitlines())) <= WIDTH


def test_what_was_not_measured_is_left_blank(sample_run) -> None:
    """A rung without footprint has no CPU time, not a time of zero."""
    bare = tuple(replace(row, footprints={}) for row in sample_run.ladder)
    line = next(
        line for line in text_table([replace(sample_run, ladder=bare)]).splitlines() if "→" in line
    )
    assert "12,90" in line
    assert "21,0" not in line
    assert "0,080" not in line


def test_a_score_without_unit_keeps_the_decimals_that_tell_it_apart(sample_run) -> None:
    """A Brier score of 0.1965 is not « 0,20 (%) »: no unit, four decimals."""
    ladder = tuple(
        replace(
            row,
            scores={
                "nrmse": replace(row.scores["nrmse"], unit="1", value=0.1965, low=0.19, high=0.2)
            },
        )
        for row in sample_run.ladder
    )
    text = text_table([replace(sample_run, ladder=ladder)])
    assert "0,1965" in text
    assert "0,1900 à 0,2000" in text
    assert "(%)" not in text
