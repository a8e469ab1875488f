"""The decision pages are light, honest and complete; they can be read without colour or script."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

from common.edge.errors import UsageError
from usecases.delivery_zones.decision import misuse_page, pages, sizing_page, week_page
from usecases.delivery_zones.decision.observed import observe
from usecases.delivery_zones.decision.page_parts import Drawing, Page, page_html
from usecases.delivery_zones.decision.week_grid import WeekGrid
from usecases.delivery_zones.inventory.areas import HAUTS_DE_SEINE_COLUMNS, TableSchema
from usecases.delivery_zones.inventory.source import Inventory
from usecases.delivery_zones.simulate import simulate

KIB = 1024
ALL = ("semaine", "carte", "mesusage", "dimensionnement", "plan", "inventaire")
FIELDS = ("ID", "COLL_NOM", "COLL_INSEE", "VEH_TONNAGE", "INTERV_JH", "INTERV_REGIME",
          "EMPRISE_DESIGNATION", "EMPRISE_LONGUEUR", "EMPRISE_LARGEUR", "GEOM_XY")  # fmt: skip


@pytest.fixture(scope="module")
def city():
    """Four simulated zones over ten weeks."""
    return simulate(seed=3, n_zones=4, weeks=10)


@pytest.fixture(scope="module")
def inventory():
    """Forty areas of two communes in the layout of the Hauts-de-Seine."""
    rng = np.random.default_rng(0)
    raw = pd.DataFrame("", index=range(40), columns=list(HAUTS_DE_SEINE_COLUMNS))
    raw = raw.assign(
        id=[f"a{i}" for i in raw.index],
        type="LIVRAISON", loc_num="", adresse=[f"{i} RUE HAUTE" for i in raw.index],
        commune=["AMONT" if i < 20 else "AVAL" for i in raw.index], code_insee="92001",
        longueur=[str(10 + 10 * (i % 3)) for i in raw.index], largeur="0", tonnage="0",
        h_debut="07:00", h_fin="19:00",
        geo_point_2d=[f"{48.9 + u:.6f},{2.2 + v:.6f}" for u, v in 0.004 * rng.random((40, 2))],
    )  # fmt: skip
    fields = tuple({"name": name, "type": "string"} for name in FIELDS)
    schema = TableSchema("essai", "0", fields, ("",), "ID")
    return Inventory(raw, schema, "Inventaire d'essai")


@pytest.fixture(scope="module")
def written(city, inventory, tmp_path_factory):
    """Every page, and the lines that were reported."""
    out, lines = tmp_path_factory.mktemp("pages"), []
    index = pages.write_pages(city, out, inventory=inventory, report=lines.append)
    return index.parent, lines


def texts(folder):
    """Return every page by name."""
    return {path.stem: path.read_text(encoding="utf-8") for path in folder.glob("*.html")}


class Outline(HTMLParser):
    """Levels of the headings and ids of a page."""

    def __init__(self, text):
        super().__init__()
        self.levels, self.ids = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        """Keep headings and ids."""
        if re.fullmatch(r"h[1-6]", tag):
            self.levels.append(int(tag[1]))
        self.ids += [value for name, value in attrs if name == "id"]


def test_every_page_is_written_and_linked_from_the_index(written):
    """Six pages, each with a card in the index."""
    folder, _ = written
    found = texts(folder)
    assert set(found) == {*ALL, "index"}
    for name in ALL:
        assert f'href="{name}.html"' in found["index"]


def test_pages_weigh_at_most_150_kib_and_ask_for_nothing(written):
    """No script, no address, no image: a page works offline on a modest server."""
    for name, text in texts(written[0]).items():
        assert len(text.encode()) <= 150 * KIB, name
        assert not re.search(r"<script|https?:|<img|<link|@import|url\(|\son\w+=", text), name


def test_links_lead_to_files_that_were_written(written):
    """A dead link would be a dead end for the agent."""
    folder, _ = written
    for text in texts(folder).values():
        for target in re.findall(r'href="([^"#]+)"', text):
            assert (folder / target).is_file(), target


def test_headings_descend_one_level_at_a_time_and_ids_are_unique(written):
    """A screen reader walks by headings (RGAA 9.1)."""
    for name, text in texts(written[0]).items():
        outline = Outline(text)
        steps = np.diff([0, *outline.levels])
        assert steps.max() <= 1, name
        assert len(outline.ids) == len(set(outline.ids)), name


def test_pages_of_simulated_stays_say_so_and_those_of_the_inventory_do_not(written):
    """The inventory is real even where the stays are not; the plan says HYPOTHÈSE instead."""
    found = texts(written[0])
    for name in ("semaine", "carte", "mesusage", "dimensionnement", "index"):
        assert "<strong>SIMULÉ</strong>" in found[name], name
    for name in ("plan", "inventaire"):
        assert "SIMULÉ" not in found[name], name
    assert "<strong>HYPOTHÈSE</strong>" in found["plan"]


def test_pages_of_proxy_data_say_so(city):
    """Charging bays stand in for delivery bays: every page of stays carries the banner."""
    page = Page("x.html", "Titre", "Phrase.")
    proxy = replace(city, simulated=False, name="own", proxy="Des bornes.")
    assert "DONNÉES DE REMPLACEMENT" in page_html(page, proxy, "pied")
    assert "DONNÉES DE REMPLACEMENT" not in page_html(replace(page, observed=False), proxy, "pied")


def test_what_has_no_data_is_skipped_and_said_so(city, tmp_path):
    """Without an inventory there is no plan; a page of an earlier run does not stay behind."""
    (tmp_path / "plan.html").write_text("old")
    lines = []
    index = pages.write_pages(city, tmp_path, report=lines.append)
    assert not (tmp_path / "plan.html").exists()
    assert "Aucun inventaire" in index.read_text(encoding="utf-8")
    assert any(line.startswith("plan : Aucun inventaire") for line in lines)


def test_the_summary_says_one_line_per_page_and_what_is_supposed(written):
    """The terminal must not hide that data are simulated or a demand is supposed."""
    _, lines = written
    assert lines[0] == "SIMULÉ"
    assert [line.split(" : ")[0] for line in lines[1:]] == list(ALL)
    assert next(line for line in lines if line.startswith("plan")).startswith("plan : HYPOTHÈSE")


def test_no_draft_is_left_and_exports_can_be_read_again(written):
    """Files are moved in place whole; a spreadsheet and a GIS read what stands beside the page."""
    folder, _ = written
    assert not list(folder.glob(".*"))
    week = pd.read_csv(folder / "semaine.csv", sep=";", decimal=",", encoding="utf-8-sig")
    assert len(week) == 4 * 7 * 24  # zones, days, hours
    assert week["chance"].dropna().between(0, 1).all()
    areas = json.loads((folder / "plan.geojson").read_text(encoding="utf-8"))
    assert len(areas["features"]) == 40
    for name in ("carte", "mesusage", "dimensionnement", "plan", "inventaire"):
        table = pd.read_csv(folder / f"{name}.csv", sep=";", encoding="utf-8-sig")
        assert len(table), name


def test_unknown_cells_are_hatched_and_dashed_never_green():
    """A week in which Monday is not known: 16 hatched cells of 6 to 22 h, and a dash in each."""
    chance = np.full((1, 7, 24), 0.99)
    chance[0, 0] = np.nan
    days = np.where(np.isfinite(chance), 12, 0)
    grid = WeekGrid(("z",), chance, days)
    figure = week_page.week_figure("Zone", *grid.of("z"), grid)
    hatched = re.search(r'<path d="([^"]+)" stroke="#51606f" stroke-width=".6"', figure.svg)[1]
    columns = {int(x) for x in re.findall(r"M(\d+) ", hatched)}
    assert max(columns) < 50 + 72  # the first column only
    assert figure.svg.count("—") == 16
    assert all(row[1] == "—" and row[2] == "> 9" for row in figure.table.rows)


def test_a_forecast_replaces_the_profile_and_its_days(city, tmp_path):
    """The model's chances are printed; no number of observed days may stand beside them."""
    zones = tuple(city.extras["zones"]["curb_zone_id"])
    grid = WeekGrid(zones, np.full((len(zones), 7, 24), 0.42), forecast="modèle additif")
    pages.write_pages(city, tmp_path, forecast=grid, report=lambda _: None)
    text = (tmp_path / "semaine.html").read_text(encoding="utf-8")
    assert "Prévision\u00a0: modèle additif" in text
    assert "4 chances sur 10" in text
    assert "\u00a0j</tspan>" not in text


def test_a_bay_fewer_counts_those_refused_today_too(city):
    """Fewer bays never refuse fewer: the replay alone forgets who left no stay."""
    seen = observe(city)
    found = sizing_page.sizing_findings(seen, seen.busiest(4))
    compared = 0
    for item in found:
        today, more, fewer = (item.row(label) for label in
                              (sizing_page.TODAY, sizing_page.MORE, sizing_page.FEWER))  # fmt: skip
        assert more["blocking"] < today["blocking"]
        if fewer is not None:
            compared += 1
            assert fewer["blocking"] > today["blocking"]
            assert fewer["lost_per_week"] > today["lost_per_week"]
    assert compared


def test_bays_polled_every_quarter_hour_give_no_length_of_stay(city):
    """Occupancy may be read from 15-minute polls, a length of stay may not (brief 3.3.6)."""
    seen = observe(city)
    stays = seen.sessions
    rounded = stays.assign(
        event_time_start=stays["event_time_start"].dt.floor("15min"),
        event_time_end=stays["event_time_end"].dt.ceil("15min"),
    )
    slow = replace(seen, sessions=rounded)
    assert (seen.poll_minutes, slow.poll_minutes) == (0, 15)
    page = misuse_page.misuse_page(slow, misuse_page.misuse_findings(slow))
    sized = sizing_page.sizing_page(slow, sizing_page.sizing_findings(slow, slow.busiest(2)))
    assert "toutes les 15 minutes" in page.skipped
    assert "toutes les 15 minutes" in sized.skipped


def test_zones_can_be_chosen_and_a_wrong_id_is_refused(city, tmp_path):
    """Only the zone asked for has a figure; the others are in the compact table."""
    pages.write_pages(city, tmp_path, zones=["sim-02"], report=lambda _: None)
    text = (tmp_path / "semaine.html").read_text(encoding="utf-8")
    assert text.count("<figure>") == 1
    with pytest.raises(UsageError, match="nowhere"):
        pages.decide(city, zones=["nowhere"])


def test_a_demand_needs_its_inventory(city):
    """A demand alone would be ignored in silence."""
    with pytest.raises(UsageError, match="without an inventory"):
        pages.decide(city, demand=pd.DataFrame())


def test_a_drawing_may_use_its_own_symbols_and_nothing_else():
    """A map places symbols by reference; a reference to the outside is a request."""
    table = week_page.Table(("a",), ())
    Drawing("carte", '<svg><use href="#m1"/></svg>', "d", table)
    with pytest.raises(UsageError, match="href="):
        Drawing("carte", '<svg><use href="other.svg#m1"/></svg>', "d", table)
