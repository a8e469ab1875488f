"""The pages as they are written: what they must show, what they must never show."""

import html
import json
import re
from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest

from common.edge.retrieval.inputs import Index
from common.lab.index import build
from usecases.citizen_requests import simulate
from usecases.citizen_requests.answers.documents import LABELS, sheet_documents
from usecases.citizen_requests.answers.plan import plan as index_plan
from usecases.citizen_requests.decision import feedback
from usecases.citizen_requests.decision.inbox import Inbox, authored_inbox, read_inbox
from usecases.citizen_requests.decision.manager import (
    Share,
    _transfers,
    chance_index,
    manage,
    stability_index,
)
from usecases.citizen_requests.decision.order import write_pages
from usecases.citizen_requests.decision.router import closed_requests, learn
from usecases.citizen_requests.sheets.tables import SheetTables

TODAY = date(2026, 11, 23)
PLANTED = (
    "Zéphirine", "Quatrebarbes", "06 39 98 14 22", "zephirine.q@exemple.fr", "17 rue des Glycines",
    "FR76 3000 6000 0112 3456 7890 189", "AB-123-CD",
)  # fmt: skip
LETTER = (
    "Bonjour,\nJe m'appelle Zéphirine Quatrebarbes, j'habite 17 rue des Glycines. Le lampadaire "
    "est éteint devant chez moi depuis lundi, rappelez-moi au 06 39 98 14 22 ou à "
    "zephirine.q@exemple.fr. Ma voiture AB-123-CD a été rayée dans le noir, mon compte est le "
    "FR76 3000 6000 0112 3456 7890 189.\nCordialement,\nZéphirine Quatrebarbes"
)
SHEET = (
    "Carte d'identité perdue", "Déclarez la perte de la carte d'identité en mairie.",
)  # fmt: skip


def _index():
    sheets = pd.DataFrame(
        [("F1", "particuliers", SHEET[0], "Papiers - Citoyenneté", "2020-10-01", "prefecture")],
        columns=["sheet_id", "audience", "title", "theme", "date", "counters"],
    ).assign(dossier="Papiers", url="https://www.service-public.fr/F1", lead="Premiers")
    sections = pd.DataFrame(
        [(0, 0, "", SHEET[1])], columns=["sheet_row", "position", "heading", "text"]
    )
    tables = SheetTables(sheets, sections, pd.DataFrame())
    return Index.open(*build(sheet_documents(tables), index_plan(LABELS)))


@pytest.fixture(scope="module")
def closed():
    return closed_requests(simulate.simulate(0, 240), simulated=True)


@pytest.fixture(scope="module")
def inbox(tmp_path_factory):
    """The letter with planted identifiers, a danger, a question, then authored requests."""
    path = tmp_path_factory.mktemp("in") / "attente.csv"
    quoted = LETTER.replace('"', '""')
    path.write_text(
        f'identifiant;date;texte;nom\nZ1;03/01/2026;"{quoted}";Quatrebarbes\n'
        "Z2;04/01/2026;Il y a le feu dans la cave, vite, des enfants sont à l'étage !;\n"
        "Z3;05/01/2026;J'ai perdu <script>ma</script> carte d'identité, où déclarer la perte ?;\n",
        encoding="utf-8",
    )
    own = read_inbox(path)
    return Inbox(own.name, (*own.requests, *authored_inbox(30).requests), fictional=True)


@pytest.fixture(scope="module")
def pages(closed, inbox, tmp_path_factory):
    out = tmp_path_factory.mktemp("pages")
    first = write_pages(out, inbox, closed, index=_index(), today=TODAY)
    assert first == out / "index.html"
    return {path.name: path.read_text(encoding="utf-8") for path in out.iterdir()}


def _words(page):
    """Return what a page says, tags taken out, every blank a plain one."""
    bare = re.sub(r"<style>.*?</style>|<[^>]+>", " ", page, flags=re.DOTALL)
    return " ".join(html.unescape(bare).split())


def test_no_planted_identifier_is_in_any_file(pages):
    """Every file written, whatever it is."""
    assert len(pages) == 33 + 3  # requests; the list, the manager's page, the answers
    for name, text in pages.items():
        assert not [planted for planted in PLANTED if planted in text], name


def test_no_phone_number_or_address_of_the_authored_requests_is_in_any_file(pages):
    """Numbers that ARCEP keeps for fiction are in the raw texts, and nowhere else."""
    written = "".join(pages.values())
    assert not re.search(r"0[1-9](?:[ .]?\d\d){4}", written.replace("0 800 47 33 33", ""))
    assert not re.search(r"[\w.]+@[\w.]+\.\w", written)


def test_no_known_identifier_of_the_closed_requests_is_in_any_file(pages):
    """The simulator says where it put phones, numbers and addresses: excerpts hold none."""
    rows = simulate.simulate(0, 240).extras["requests"]
    known = {
        row.text[start:stop]
        for row in rows.itertuples()
        for kind, start, stop in json.loads(row.personal)
        if kind in ("phone", "email", "iban", "nir", "plate", "file_number")
    }
    assert len(known) > 20
    written = "".join(pages.values())
    assert not [each for each in known if each in written]


def test_masked_and_removed_parts_are_said(pages):
    page = pages["demande-0001.html"]
    assert "[NOM]" in page
    assert "(écarté : signature)" in _words(page)
    assert 'class="mask' in page


def test_a_danger_comes_first_with_its_numbers_and_reaches_a_person(pages):
    page = _words(pages["demande-0002.html"])
    assert "18 pompiers" in page
    assert "À lire par une personne." in page
    listed = pages["index.html"]
    assert listed.index("À lire tout de suite") < listed.index(">Z2<") < listed.index(
        "À transmettre au service proposé</h2>"
    )  # fmt: skip


def test_an_ordinary_request_shows_no_emergency_number(pages):
    assert "pompiers" not in pages["demande-0003.html"]


def test_the_passage_is_word_for_word_with_its_link_date_and_warning(pages):
    page = pages["demande-0003.html"]
    assert SHEET[1] in _words(page)
    assert "https://www.service-public.fr/F1" in page
    assert "ce n'est pas le droit en vigueur" in _words(page)


def test_every_deciding_word_that_is_named_is_underlined_as_strongly(pages):
    """The list is the text alternative of the underlining: it must say the same."""
    compared = 0
    for page in pages.values():
        for word, strength in re.findall(r"(\S+) \((fort|moyen)\)[,.]", _words(page)):
            marks = "w2" if strength == "fort" else "w1"
            found = re.findall(rf'class="(?:mask )?{marks}">([^<]+)<', page)
            assert word in [each.lower() for each in found], word
            compared += 1
    assert compared > 30  # a word each, at least


def test_every_page_says_what_was_invented(pages):
    for name, page in pages.items():
        if name.endswith(".html"):
            assert "<strong>FICTIF</strong>" in page, name
            assert "<strong>SIMULÉ</strong>" in page, name


def test_pages_stand_alone_and_their_links_lead_somewhere(pages):
    for name, page in pages.items():
        if not name.endswith(".html"):
            continue
        assert "<script" not in page
        assert not re.search(r'(?:src|action)="', page), name
        assert len(page.encode()) < 150 * 1024, name
        for link in re.findall(r'href="([^"#]+)"', page):
            assert link in pages or link.startswith("https://www.service-public.fr/"), link


def test_simulated_figures_are_no_verdict(pages):
    assert "Aucun chiffre de cette page n'est une mesure" in _words(pages["pilotage.html"])


def test_without_sheets_the_pages_say_so(closed, inbox, tmp_path):
    write_pages(
        tmp_path, replace(inbox, requests=inbox.requests[:2]), closed, index=None, today=TODAY
    )
    assert "aucun passage n&#39;est proposé" in (tmp_path / "demande-0001.html").read_text("utf-8")


def test_answers_already_given_are_kept_and_old_pages_go(closed, inbox, tmp_path):
    """A second run must not wipe what an agent has filled in."""
    (tmp_path / feedback.FILE).write_text("rempli", encoding="utf-8")
    (tmp_path / "demande-0999.html").write_text("ancienne", encoding="utf-8")
    write_pages(
        tmp_path, replace(inbox, requests=inbox.requests[:2]), closed, index=None, today=TODAY
    )
    assert (tmp_path / feedback.FILE).read_text(encoding="utf-8") == "rempli"
    assert not (tmp_path / "demande-0999.html").exists()


# -- the router and the manager's figures ------------------------------------------------------


def test_nothing_is_proposed_that_is_likelier_wrong_than_right(closed):
    """Invented requests are so alike that the tuning period alone would allow less."""
    router, _ = learn(closed)
    assert router.thresholds[0] >= 0.5
    opinion = router.read(["xyzw qqqq", "bonjour"])
    assert opinion.decision.tolist() == [2, 2]


def test_the_manager_reads_only_what_was_not_learnt_from(closed, inbox):
    """240 requests: 60 % to fit, 15 % to tune, so 60 are held; every one is in one group."""
    router, held = learn(closed)
    texts = [each.text for each in inbox.requests]
    found = manage(router, closed, held, inbox, router.read(texts))
    assert len(held) == len(closed.rows) - int(0.6 * len(closed.rows)) - int(
        0.15 * len(closed.rows)
    )
    by_writing = [group.right.count for group in found.groups if group.family == "écriture"]
    assert sum(by_writing) == len(held)
    assert found.transfers is None  # simulated: never a score
    assert sum(found.waiting) == len(texts)
    assert len(found.alerts) == 3


def test_transfers_avoided_are_set_against_right_ones_misled():
    """Four requests: a passed on to b and proposed to b (avoided); a passed on to b, left to a
    person (not avoided); stayed and proposed elsewhere (misled); stayed and proposed right."""
    held = pd.DataFrame({"first_service": ["a", "a", "c", "c"], "service": ["b", "b", "c", "c"]})
    found = _transfers(held, np.array(["b", "b", "a", "c"]), np.array([True, False, True, True]))
    assert found.passed_on == Share(2, 4)
    assert found.avoided == Share(1, 2)
    assert found.misled == Share(1, 2)


def test_without_first_services_nothing_is_said_of_transfers():
    held = pd.DataFrame({"first_service": ["", ""], "service": ["b", "c"]})
    assert _transfers(held, np.array(["b", "c"]), np.array([True, True])) is None


def test_few_requests_spread_by_chance_raise_no_alarm():
    """45 requests over 21 services: chance alone exceeds 31.41 / 45 = 0.698 once in twenty,
    so that an index of 0.5, an alarm by the usual bounds, says nothing yet."""
    assert chance_index(21, 45) == pytest.approx(31.41 / 45, abs=1e-3)


def test_the_same_shares_are_perfectly_stable():
    assert stability_index(np.array([0.2, 0.8]), np.array([0.2, 0.8])) == 0
