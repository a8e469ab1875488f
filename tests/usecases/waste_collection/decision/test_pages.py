"""The pages: what every one carries, what each says, and that sentences hold computed figures."""

import re
from dataclasses import replace

import pytest

from common.lab.pages.french import percent
from tests.usecases.waste_collection.decision.conftest import ITERATIONS, case_on, date
from usecases.waste_collection.decision.choice import propose
from usecases.waste_collection.decision.former import Former, change_between
from usecases.waste_collection.decision.pages.listing import SORTS
from usecases.waste_collection.decision.pages.round_map import round_maps
from usecases.waste_collection.decision.reasons import left_out_words, stop_words
from usecases.waste_collection.decision.writing import write_proposal
from usecases.waste_collection.routing.check import Violation


@pytest.fixture(scope="module")
def folder(proposal, tmp_path_factory):
    out = tmp_path_factory.mktemp("plan")
    former = Former("2026-04-09", {"c1": "B9", "c7": "B1"}, proposal.plan, 1000)
    changed = (former, change_between(former, proposal.plan))
    bench = out / "rejeu.html"
    bench.write_text("<p>banc</p>", encoding="utf-8")
    write_proposal(proposal, out, former=changed, replay_page=bench)
    return out


def pages(folder):
    skipped = ("rejeu.html", "politiques.html")
    return [path for path in sorted(folder.glob("*.html")) if path.name not in skipped]


def test_every_page_stands_alone_and_says_what_its_figures_are(folder):
    """Proxy, forecast and the crow's flight are said on each; no script, no link out."""
    assert len(pages(folder)) >= 5
    for path in pages(folder):
        text = path.read_text(encoding="utf-8").replace("\u00a0", " ")
        assert "DONNÉES DE REMPLACEMENT" in text, path.name
        assert "vol d'oiseau × 1,35" in text.replace("&#39;", "'"), path.name
        assert "sans IA" in text, path.name
        assert "<script" not in text, path.name
        assert not re.search(r'(?:src|href)="(?:https?:)?//', text), path.name


def test_the_first_page_has_the_map_the_changes_and_the_checker(folder, proposal):
    """The former plan had c1 on another truck and c7, which is not in this one."""
    text = (folder / "index.html").read_text(encoding="utf-8").replace("\u00a0", " ")
    assert "Aucune règle enfreinte" in text
    assert "c1 (B9 →" in text
    assert "Retirés : 1 — c7." in text
    assert "stroke-dasharray" in text or len(proposal.plan.trips) == 1
    assert "politiques.html" in text
    assert (folder / "politiques.html").exists()


def test_the_reasons_hold_the_figures_they_were_computed_from(proposal):
    """The counterfactual: the chance by the next round, the way saved today."""
    outlook, situation = proposal.case.outlook, proposal.case.situation
    ahead = (proposal.next_day - situation.day).days
    assert ahead == 2
    for name, words in stop_words(proposal).items():
        row = situation.ids.index(name)
        assert f"risque {percent(outlook.p_full[row, 1], 0)}" in words.waiting
        assert "dimanche" in words.waiting  # Friday 10 April and two days
        assert f"demain samedi {percent(outlook.p_full[row, 0], 0)}" in words.why
        assert words.detour_km >= 0
    assert "80\u00a0% ce matin" in stop_words(proposal)["c1"].why
    assert "+20 points par jour en semaine" in stop_words(proposal)["c1"].why


def test_the_way_saved_is_that_of_the_trip_without_the_stop(proposal):
    """Recomputed by hand from the matrix: before-here-after less before-after."""
    roads = proposal.case.terrain.roads
    words = stop_words(proposal)
    for trip in proposal.plan.trips:
        path = [visit.place_id for visit in trip.visits if visit.stop_type != "pause"]
        for before, here, after in zip(path, path[1:], path[2:], strict=False):
            if here in words:
                a, b, c = (roads.index(one) for one in (before, here, after))
                metres = roads.distance_m[a, b] + roads.distance_m[b, c] - roads.distance_m[a, c]
                assert words[here].detour_km == pytest.approx(max(metres, 0) / 1000)


def test_every_container_that_is_left_out_has_its_reason(proposal):
    """Served and left out make all of them."""
    left = left_out_words(proposal)
    assert set(left) | set(proposal.plan.served) == set(proposal.case.situation.ids)
    assert all(left.values())


def test_a_sheet_has_a_line_per_visit_and_blanks_but_no_name_of_a_person(folder, proposal):
    """Four boxes and a level per stop; tip and depot are lines of their own."""
    trip = proposal.plan.trips[0]
    text = (folder / f"tournee-{trip.truck_id}-{trip.number}.html").read_text(encoding="utf-8")
    n_stops = len(trip.sequence)
    for word in ("☐ vidé", "☐ bloqué", "☐ endommagé", "☐ introuvable", "niveau vu"):
        assert text.count(word) >= n_stops
    assert text.count('<li class="arret">') == n_stops
    assert text.count('<li class="repere">') == len(trip.visits) - n_stops
    assert "Quai de vidage : vider" in text.replace("\u00a0", " ")
    assert not re.search(r"conducteur|chauffeur|km/h par", text, re.IGNORECASE)


def test_the_list_can_be_sorted_without_script(folder):
    """Each row carries its rank in each order; each order is a permutation of the rows."""
    text = (folder / "liste.html").read_text(encoding="utf-8")
    for key, _ in SORTS:
        ranks = sorted(int(rank) for rank in re.findall(rf"--{key}:(\d+)", text))
        assert ranks == list(range(8))
        assert f"#tri-{key}:checked" in text


def test_the_calendar_lists_seven_days_of_every_container(folder):
    """Saturday 11 April is the first day after Friday the 10th."""
    lines = (folder / "calendrier.csv").read_text(encoding="utf-8-sig").splitlines()
    assert lines[0].split(";")[1] == "2026-04-11"
    assert len(lines) == 9
    assert all(len(line.split(";")) == 8 for line in lines)


def test_a_second_map_goes_closer_where_containers_stand_together(proposal):
    """Here depot and tip are near: one map does."""
    titles = [figure.title for figure in round_maps(proposal)]
    assert titles[0] == "Les tournées du jour"
    assert len(titles) == 1


def test_a_day_without_rounds_has_pages_that_say_so_and_no_sheet(tmp_path):
    """What stood there before is removed."""
    (tmp_path / "tournee-B1-1.gpx").write_text("old", encoding="utf-8")
    quiet = propose(case_on(date(2026, 4, 7)), iterations=ITERATIONS)
    index = write_proposal(quiet, tmp_path, replay_page=tmp_path / "none.html")
    text = index.read_text(encoding="utf-8").replace("\u00a0", " ")
    assert "Aucune tournée mardi 7 avr. 2026" in text
    assert "vendredi 10 avr. 2026" in text
    assert not list(tmp_path.glob("tournee-*"))
    assert (tmp_path / "plan.csv").read_text(encoding="utf-8").count("\n") == 1


def test_a_plan_that_the_checker_refuses_gets_no_sheet(proposal, tmp_path):
    """It is shown as refused, with the rule; nobody is sent out with it."""
    broken = (Violation("shift", "B1", 1, 3, "back at 14:00", "13:00:00 or earlier"),)
    index = write_proposal(replace(proposal, broken=broken), tmp_path)
    text = index.read_text(encoding="utf-8").replace("\u00a0", " ")
    assert "PLAN REFUSÉ : 1 règle enfreinte" in text
    assert "back at 14:00" in text
    assert not list(tmp_path.glob("tournee-*"))
