"""Plots that a screen reader can read and a phone can carry."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.edge.errors import UsageError
from common.lab.pages import figures, svg
from common.lab.record import Score


def a_week(hours=168):
    times = np.datetime64("2017-09-04T00:00") + np.arange(hours) * np.timedelta64(60, "m")
    actual = 100 + 10 * np.sin(np.arange(hours) / 24 * 2 * np.pi)
    return times, actual, actual + 1, actual - 5, actual + 5


def scored(value):
    return Score("nrmse", "%", "lower", value, value - 1, value + 1, 10, 100)


@pytest.fixture
def every_figure(sample_run):
    """One of each kind."""
    return [
        figures.ladder_intervals(sample_run),
        figures.error_against_energy(sample_run),
        figures.weeks("Semaine médiane", *a_week()),
        figures.coverage_by_unit(["a", "b", "c"], [0.75, 0.8, 0.9]),
        figures.drivers(sample_run.explanation),
        figures.slices("Par quartier", {"nord": 12.0, "sud": scored(15.0)}),
        figures.cold_start_curve([0, 7, 28], [scored(19), scored(15), scored(13)], scored(12)),
    ]


def luminance(colour):
    """WCAG 2.1 relative luminance of #rrggbb."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("colour", [svg.INK, svg.MUTED, svg.ACCENT, svg.RUST])
def test_text_colours_reach_the_contrast_of_wcag_on_white(colour):
    """RGAA 4 asks for 4.5:1; (1 + 0.05) / (L + 0.05) on white."""
    assert 1.05 / (luminance(colour) + 0.05) >= 4.5


def test_every_figure_has_a_title_a_description_and_a_table(every_figure):
    """The text alternative is not optional, and it is the same text."""
    for figure in every_figure:
        assert 'role="img"' in figure.svg
        assert "<title" in figure.svg
        assert figure.description.split(";")[0][:20] in figure.svg.replace("&#x27;", "'")
        assert figure.table.rows
        assert 'width="100%"' in figure.svg


def test_no_figure_prints_nan_or_asks_for_anything_outside(every_figure):
    """Unknown bounds are not drawn; no namespace, font, script or link is fetched."""
    for figure in every_figure:
        assert not re.search(r"\b(nan|inf)\b", figure.svg)
        assert "http" not in figure.svg
        HTMLParser().feed(figure.svg)


def test_drawings_are_the_same_twice(sample_run):
    """Pages are hashed: the same run gives the same bytes."""
    first = figures.error_against_energy(sample_run).svg
    assert figures.error_against_energy(sample_run).svg == first


def test_ids_differ_between_two_figures_of_a_page(every_figure):
    """Two drawings with one id would share one description."""
    ids = [re.search(r'<title id="(\w+)"', figure.svg)[1] for figure in every_figure]
    assert len(set(ids)) == len(ids)


def test_what_was_measured_once_is_hollow(sample_run):
    """Rung 1 is low quality (white fill); the chosen rung is of high quality (full)."""
    drawing = figures.error_against_energy(sample_run).svg
    # The square of « semaine précédente » and the legend's circle
    assert drawing.count('fill="#fff" stroke') == 2


def test_the_chosen_rung_is_told_by_words_and_shape(sample_run):
    """Never colour alone."""
    assert "(retenu)" in figures.error_against_energy(sample_run).svg
    assert "retenu" in figures.ladder_intervals(sample_run).svg


def test_the_ladder_is_sorted_by_error(sample_run):
    """12.8 < 12.9 < 17.9: boosted, additive, naive."""
    titles = [row[0].split(" ·")[0] for row in figures.ladder_intervals(sample_run).table.rows]
    assert titles == ["Arbres renforcés", "Modèle additif (GA2M)", "Même jour, semaine précédente"]


def test_where_higher_is_better_the_highest_comes_first(sample_run):
    """A recall of 0.9 is not the worst of the ladder."""
    ladder = tuple(
        replace(row, scores={"recall": Score("recall", "1", "higher", v, v, v, 1, 1)})
        for row, v in zip(sample_run.ladder, (0.5, 0.9, 0.7), strict=True)
    )
    figure = figures.ladder_intervals(replace(sample_run, ladder=ladder))
    assert [row[1] for row in figure.table.rows] == ["0,900", "0,700", "0,500"]


def test_energy_never_comes_without_its_interval_and_tier(sample_run):
    """A joule without its tier is not printed (DESIGN 2.4)."""
    cells = [row[-1] for row in figures.error_against_energy(sample_run).table.rows]
    assert all("à" in cell and cell.endswith("preuve C") for cell in cells)


def test_a_long_series_is_thinned_to_400_points():
    """A year of hours would weigh 400 KiB."""
    drawing = figures.weeks("Une année", *a_week(8760)).svg
    longest = max(len(path.split("L")) for path in re.findall(r' d="([^"]*)" fill="none"', drawing))
    assert longest == figures.MAX_POINTS
    assert len(drawing) < 40_000


def test_a_gap_in_the_measurements_stays_a_gap():
    """A missing hour is never bridged nor zero: the path starts anew with M."""
    times, actual, *others = a_week()
    actual = actual.copy()
    actual[50:60] = np.nan
    drawing = figures.weeks("Semaine trouée", times, actual, *others).svg
    measured = re.findall(r'd="([^"]*)" fill="none" stroke="' + svg.INK, drawing)[0]
    assert measured.count("M") == 2


def test_coverage_counts_units_near_the_promise():
    """0.79 and 0.81 of four are within two points of 0.8: 50 %."""
    figure = figures.coverage_by_unit(list("abcd"), [0.7, 0.79, 0.81, 0.95])
    assert figure.description.startswith("50\u00a0%")
    assert [row[0] for row in figure.table.rows] == ["a", "b", "c", "d"]


def test_shares_of_drivers_add_up_to_one(sample_run):
    """6.1 of 6.1 + 2.9 + 1.8 + 0.7 = 11.5 is 53 %."""
    rows = figures.drivers(sample_run.explanation).table.rows
    assert [row[2] for row in rows] == ["53\u00a0%", "25\u00a0%", "16\u00a0%", "6\u00a0%"]


def test_titles_are_escaped():
    """A building may be called <b>."""
    figure = figures.weeks("École <b>&", *a_week())
    assert "École &lt;b&gt;&amp;" in figure.svg


@pytest.mark.parametrize(
    "broken",
    ["<svg></svg>", '<svg role="img" viewBox="0 0 1 1"><title>a</title><desc>b</desc><script/>'],
)
def test_a_figure_without_text_alternative_or_with_a_script_is_refused(broken):
    """Use cases bring their own drawings: the same rules hold."""
    with pytest.raises(UsageError, match="its SVG"):
        figures.Figure("t", broken, "d", figures.Table(("a",), ()))


def test_a_ragged_table_is_refused():
    """A row with a cell too many would shift under the wrong heading."""
    with pytest.raises(UsageError, match="2 cells"):
        figures.Table(("a",), (("1", "2"),))


def test_a_run_without_energy_has_no_energy_plot(sample_run):
    """An error that says which run, rather than an empty plot."""
    bare = tuple(replace(row, footprints={}) for row in sample_run.ladder)
    with pytest.raises(UsageError, match="no rung has both"):
        figures.error_against_energy(replace(sample_run, ladder=bare))


def test_a_metric_of_its_own_name_leads_where_the_run_names_none(sample_run):
    """JSON sorts the names: « bias » would come first otherwise."""
    assert figures.main_metric(replace(sample_run, facts={})) == "nrmse"


@given(
    st.floats(-1e6, 1e6, allow_nan=False),
    st.floats(1e-3, 1e6, allow_nan=False),
    st.integers(2, 10),
)
def test_ticks_stay_inside_the_scale(low, spread, about):
    """Whatever the range, between one and about + 1 ticks, all inside."""
    scale = svg.Scale(low, low + spread, 0, 100)
    ticks = scale.ticks(about)
    slack = 1e-6 * max(abs(low), spread)
    assert all(low - slack <= tick <= low + spread + slack for tick in ticks)
    assert len(ticks) <= about + 1


def test_numbers_of_close_marks_are_lifted_apart():
    """Marks 5 px apart would print their numbers over each other."""
    assert figures._apart([10.0, 15.0, 60.0]) == [0, 1, 0]
