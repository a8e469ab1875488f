"""Pages for a city officer: light, self-contained, accessible, honest."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise

import numpy as np
import pytest

from common.lab.pages import cards, figures, frugality, sentences
from common.lab.usecase import Source, UseCase

KIB = 1024
VOID = {"meta", "link", "br", "img", "hr", "input"}


@pytest.fixture
def usecase():
    source = Source(
        name="bdg2",
        title="Building Data Genome 2",
        publisher="BUDS Lab",
        licence="CC BY 4.0",
        origin="github:buds-lab/x@abc",
        files={},
        period="2016-2017",
        personal_data="aucune",
        proxy="bâtiments universitaires",
    )
    return UseCase(
        name="building_energy",
        title="Énergie des bâtiments communaux",
        summary="Prévoir la consommation du lendemain.",
        sources=(source,),
        load=None,
        read=None,
        simulate=None,
        tasks=(),
        limits=("Les bâtiments d'essai ne sont pas communaux.",),
    )


@pytest.fixture
def plots(sample_run):
    hours = np.arange(168)
    times = np.datetime64("2017-09-04T00:00") + hours * np.timedelta64(60, "m")
    load = 100 + 50 * np.sin(hours / 24 * 2 * np.pi)
    week = figures.weeks("Semaine médiane", times, load, load + 2, load - 9, load + 9)
    return [
        figures.ladder_intervals(sample_run),
        figures.error_against_energy(sample_run),
        week,
        replace(week, title="Meilleure semaine"),
        replace(week, title="Pire semaine"),
        figures.drivers(sample_run.explanation),
        figures.coverage_by_unit([f"bâtiment {i}" for i in range(400)], np.linspace(0.7, 0.9, 400)),
    ]


@pytest.fixture
def every_page(sample_run, simulated_run, no_ai_run, usecase, plots):
    return {
        "run": cards.run_page(sample_run, plots, usecase),
        "simulated": cards.run_page(simulated_run, [], usecase),
        "no_ai": cards.run_page(no_ai_run, [], usecase),
        "card": cards.model_card(sample_run, usecase),
        "frugality": cards.frugality_sheet(sample_run, usecase),
        "index": cards.index_page([sample_run, simulated_run, no_ai_run], [usecase]),
        "empty": cards.index_page([]),
    }


class Page(HTMLParser):
    """What the accessibility rules look at."""

    def __init__(self, text):
        super().__init__()
        self.open, self.headings, self.tables, self.words = [], [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        if tag in VOID:
            return
        self.open.append(tag)
        if re.fullmatch(r"h[1-6]", tag):
            self.headings.append(int(tag[1]))
        if tag == "table":
            self.tables.append({"caption": False, "unscoped": 0})
        if tag == "caption":
            self.tables[-1]["caption"] = True
        if tag == "th" and "scope" not in dict(attrs):
            self.tables[-1]["unscoped"] += 1

    def handle_startendtag(self, tag, attrs):
        """<circle/> and its kind close themselves."""

    def handle_endtag(self, tag):
        assert self.open, f"</{tag}> closes nothing"
        assert self.open[-1] == tag, f"</{tag}> closes <{self.open[-1]}>"
        self.open.pop()

    def handle_data(self, data):
        if "style" not in self.open:
            self.words.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())


def plain(text):
    return Page(text).text.replace("\u00a0", " ").replace("\u202f", " ")


def test_pages_are_balanced_html(every_page):
    """html.parser does not repair: what is opened is closed, in order."""
    for name, text in every_page.items():
        assert Page(text).open == [], name
        assert text.startswith("<!doctype html>")
        assert '<html lang="fr">' in text


def test_pages_weigh_at_most_150_kib_and_their_css_8(every_page):
    """RGESN 6.1: a self-imposed maximum (briefs/platform.md 3.3)."""
    for name, text in every_page.items():
        assert len(text.encode()) <= 150 * KIB, name
        css = re.search(r"<style>(.*?)</style>", text, re.DOTALL)[1]
        assert len(css.encode()) <= 8 * KIB


def test_pages_ask_for_nothing(every_page):
    """One request, no script, no web font, no image, no link outside."""
    for name, text in every_page.items():
        for part in ("http", "<script", "<link", "<img", "@import", "url(", "src=", " on"):
            if part == " on":
                assert not re.search(r"<[^>]*\son\w+=", text), name
            else:
                assert part not in text, (name, part)


def test_headings_go_down_one_level_at_a_time(every_page):
    """RGAA 9.1: one h1, no level skipped."""
    for name, text in every_page.items():
        levels = Page(text).headings
        assert levels[0] == 1, name
        assert levels.count(1) == 1
        assert all(b <= a + 1 for a, b in pairwise(levels)), name


def test_every_table_has_a_caption_and_scopes(every_page):
    """RGAA 5.4 and 5.7."""
    for name, text in every_page.items():
        for table in Page(text).tables:
            assert table == {"caption": True, "unscoped": 0}, name


def test_every_figure_is_followed_by_its_data(every_page, plots):
    """A <details> with a table behind each of the drawings."""
    text = every_page["run"]
    assert text.count("<figure>") == text.count("<details>") == len(plots)
    assert text.count("<desc") == len(plots)


def test_no_page_prints_nan_none_or_a_decimal_point(every_page):
    """What nobody measured is « non mesuré »; numbers are French."""
    for name, text in every_page.items():
        words = Page(text).text
        assert not re.search(r"\b(nan|None|inf)\b", words), name
        assert not re.search(r"\d\.\d+\s*%", words), name
    assert "12,9\u00a0%" in every_page["run"]
    assert "1\u202f000 prévisions" in every_page["run"]


def test_simulated_data_cannot_be_missed(every_page):
    """In the browser's tab, above the verdict, on the ladder and on its data line."""
    text = every_page["simulated"]
    assert re.search(r"<title>SIMULÉ", text)
    assert text.index("<strong>SIMULÉ</strong>") < text.index('class="verdict"')
    assert "données SIMULÉES" in text
    assert "Données : SIMULÉ" in plain(text)
    assert "SIMULÉ" not in every_page["run"]
    assert "SIMULÉ" in every_page["index"]


def test_proxy_data_are_called_so_above_the_verdict(every_page):
    """Campuses are not town halls."""
    text = every_page["run"]
    assert text.index("DONNÉES DE REMPLACEMENT") < text.index('class="verdict"')


def test_when_no_ai_is_needed_the_page_says_so_first(every_page, no_ai_run):
    """The necessity test has a negative answer, and it is the headline."""
    assert sentences.verdict(no_ai_run)[0].startswith("Aucune IA n'est nécessaire")
    assert "Aucune IA n'est nécessaire" in plain(every_page["no_ai"])
    assert "aucune IA n'est nécessaire" in frugality.declaration(no_ai_run)[0][1]


def test_a_reduction_is_claimed_only_where_the_intervals_part(sample_run):
    """12.9 against 17.9: 1 - 12.9/17.9 = 27.9 %, intervals 12.3-13.5 and 17.3-18.5 apart."""
    assert "28\u00a0% de moins" in sentences.in_brief(sample_run)[0]
    near = replace(
        sample_run.ladder[0],
        scores={"nrmse": replace(sample_run.ladder[0].scores["nrmse"], value=13.3, low=12.7)},
    )
    overlapping = replace(sample_run, ladder=(near, *sample_run.ladder[1:]))
    assert "de moins" not in sentences.in_brief(overlapping)[0]
    assert "ne prouve rien" in sentences.in_brief(overlapping)[0]


def test_energy_is_printed_with_interval_tier_and_hardware(sample_run):
    """(0.01 + 21/300) CPU-s x 10 W = 0.8 J = 0.222 mWh, / and x 2.5: 0.089 to 0.556."""
    text = " ".join(sentences.in_brief(sample_run)).replace("\u00a0", " ")
    assert "0,222 mWh (entre 0,089 et 0,556 mWh ; preuve C" in text
    assert "2 vCPU" in text


def test_what_was_not_verified_is_never_empty(sample_run):
    """Even with measured energy, real data and nothing to confess."""
    wall = {
        stage: replace(footprint, tier="A_wall", quality="high")
        for stage, footprint in sample_run.ladder[1].footprints.items()
    }
    clean = replace(
        sample_run,
        dataset={**sample_run.dataset, "proxy": ""},
        ladder=tuple(replace(row, footprints=wall) for row in sample_run.ladder),
    )
    assert len(sentences.unverified(clean)) >= 2
    assert not any("wattmètre" in line for line in sentences.unverified(clean))


def test_forbidden_claims_never_appear(every_page):
    """Wording rule of briefs/frugality.md 1.1: a self-assessment, nothing more."""
    for name, text in every_page.items():
        words = plain(text).lower()
        assert not re.search(r"\b(conforme|certifiée?|vert|verte|neutre)\b", words), name
    assert "auto-évaluation" in every_page["frugality"]


def test_what_a_person_must_fill_says_non_renseigne(sample_run):
    """Conditions two and three of a frugal service cannot be computed."""
    answers = [answer for _, answer in frugality.declaration(sample_run)]
    assert answers[1:] == ["non renseigné", "non renseigné"]
    assert frugality.lines(sample_run)[-1].energy == "non renseigné"  # the year of service


def test_use_manufacture_and_service_year_stay_apart(sample_run):
    """21 CPU-s of training: embodied 21 x 1e-4 to 21 x 3e-4 g = 2.1 to 6.3 mg."""
    line = frugality.lines(sample_run)[0]
    assert line.embodied == "2,10 à 6,30\u00a0mg"
    known = {"kwh": [10, 20, 30], "assumption": "5 W en continu"}
    year = frugality.lines(replace(sample_run, facts={"service_year": known}))[-1]
    assert (year.energy, year.evidence) == ("10,0 à 30,0\u00a0kWh", "5 W en continu")


def test_the_emission_factor_is_varied(sample_run):
    """Lowest first: 58.3 mWh / 2.5 x 21.7 g/kWh = 0.51 mg, x 2.5: 3.16 mg."""
    rows = frugality.sensitivity(sample_run)
    assert [row[1] for row in rows] == [
        f"{value}\u00a0g/kWh" for value in ("21,7", "41,4", "56,0", "98,0")
    ]
    assert rows[0][2] == "0,51 à 3,16\u00a0mg"


def test_everything_that_users_write_is_escaped(sample_run, usecase):
    """A question, a licence or a unit may hold markup; none of it becomes a tag."""
    evil = "<script>alert(1)</script>"
    run = replace(
        sample_run,
        question=evil,
        reason=evil,
        explanation={evil: 1.0},
        dataset={**sample_run.dataset, "name": evil, "proxy": evil, "licences": [evil]},
        facts={"unverified": [evil], "track_titles": {"T0": evil}, "command": evil},
        environment={"python": evil},
    )
    case = replace(usecase, title=evil, summary=evil, limits=(evil,))
    for text in (
        cards.run_page(run, [figures.drivers(run.explanation)], case),
        cards.model_card(run, case),
        cards.frugality_sheet(run, case),
        cards.index_page([run], [case], {run.id: '"><script>'}),
    ):
        assert "<script" not in text
        assert "&lt;script" in text


def test_the_baseline_stands_on_the_same_table_with_the_data_hash(every_page, sample_run):
    """No score without its naive baseline, interval, footprint and data hash (DESIGN 8)."""
    text = plain(every_page["run"])
    ladder = text[text.index("Les barreaux, du plus") : text.index("En images")]
    assert "référence sans IA" in ladder
    assert "17,3 à 18,5 %" in ladder
    assert sample_run.dataset["digest"][:16] in ladder


def test_the_index_links_each_run(sample_run, usecase):
    """By default beside the index; the harness may say where."""
    assert f'href="{sample_run.id}/page.html"' in cards.index_page([sample_run], [usecase])
    page = cards.index_page([sample_run], [usecase], {sample_run.id: "a/b.html"})
    assert 'href="a/b.html"' in page


def test_a_page_from_the_json_is_the_page_from_the_run(sample_run, usecase):
    """JSON sorts the keys; the order of the page must not hang on it."""
    again = type(sample_run).from_json(sample_run.to_json())
    assert cards.run_page(again, [], usecase) == cards.run_page(sample_run, [], usecase)


def test_a_bare_run_still_makes_a_page(sample_run, usecase):
    """No footprint, no track, no explanation, no facts: « non mesuré », never an error."""
    bare = replace(
        sample_run,
        ladder=tuple(replace(row, footprints={}, slices={}) for row in sample_run.ladder),
        tracks={},
        explanation={},
        facts={},
        environment={},
        dataset={},
        split={},
    )
    text = plain(cards.run_page(bare, [], usecase))
    assert "non mesuré" in text
    assert "non renseigné" in text
