"""The notebooks run as scripts and convert to Jupyter; the guide's example is read as said."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import jupytext
import pytest

from common.edge.errors import TableError
from usecases.building_energy import own_data
from usecases.citizen_requests.authored import frozen_requests
from usecases.delivery_zones import own_data as own_bays
from usecases.delivery_zones.decision.demand import network_of, read_demand
from usecases.delivery_zones.decision.plan import plan_relocation
from usecases.delivery_zones.inventory.areas import TableSchema, read_inventory
from usecases.delivery_zones.inventory.source import Inventory
from usecases.delivery_zones.kerb.events import outages_of, sessions_of, zones_of

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.py"))
MAX_FUNCTION_LINES = 25
"""A screen: longer functions belong in the package."""
MAX_SECONDS = 300
"""Each takes under 60 s on two idle cores; a busy shared machine is given five times that."""

SECTIONS = {
    "building_energy.py": [
        "Les données",
        "Regarder une semaine",
        "Vos propres fichiers CSV",
        "Comparer les barreaux",
        "Expliquer une journée, et le vérifier avec `shap`",
        "Exporter un paquet signé, l'ouvrir comme la commune",
        "Et après",
    ],
    "citizen_requests.py": [
        "Les données, et leur distance à la réalité",
        "Nettoyer et masquer",
        "Plier, puis découper",
        "Comparer les barreaux",
        "Quelles lettres ont décidé",
        "Savoir se taire",
        "Peu d'exemples",
        "Équité",
        "Exporter un paquet signé, l'ouvrir comme la commune",
        "Énergie, et après",
    ],
    "citizen_requests_answers.py": [
        "La fiche qui répond, son passage et sa date",
        "Le moteur d'un fournisseur, face au nôtre",
        "Et après",
    ],
    "compare_vendor.py": [
        "Les données et la référence",
        "Sceller",
        "Trois solutions, faites avec le seul dossier remis",
        "Noter",
        "Altérer une valeur, et la retrouver",
        "Révéler",
        "Énergie de la comparaison",
    ],
    "delivery_zones.py": [
        "Les données",
        "Regarder une zone et une semaine",
        "La table des files",
        "Comparer les barreaux à 15, 30 et 60 minutes",
        "Expliquer une réponse, et la recalculer",
        "Exporter un paquet signé, l'ouvrir comme la commune",
        "Énergie, et après",
    ],
    "delivery_zones_plan.py": [
        "Les données",
        "Les dépassements",
        "Une place de plus, une place de moins",
        "Déplacer des places",
        "Et après",
    ],
    "retrain.py": [
        "Les données",
        "Le découpage dans le temps",
        "L'échelle",
        "Exporter et journaliser",
        "Énergie et comparaison",
    ],
    "waste_collection.py": [
        "Les données",
        "Regarder un conteneur",
        "Le piège : une collecte cache la suite",
        "Comparer les barreaux",
        "Expliquer une prévision, et la recalculer",
        "Exporter un paquet signé, l'ouvrir comme la commune",
        "Le capteur dit-il vrai ?",
        "Sans capteur",
        "Les tournées d'un jour",
        "Rejouer à débordements égaux",
        "Énergie, et après",
    ],
}


def name_of(path: Path) -> str:
    return path.stem


def read(path: Path):
    return jupytext.reads(path.read_text(encoding="utf-8"), fmt="py:percent")


def execute(name: str, folder: Path, **settings: str) -> str:
    """Run a notebook as a script, in ``folder``, without network, and return what it prints."""
    variables = {key: value for key, value in os.environ.items() if not key.startswith("AUNE_")}
    variables |= {"OMP_NUM_THREADS": "1", "AUNE_OFFLINE": "1", "TMPDIR": str(folder)}
    variables |= {f"AUNE_NOTEBOOK_{key.upper()}": value for key, value in settings.items()}
    done = subprocess.run(
        [sys.executable, str(ROOT / "notebooks" / name)],
        cwd=folder, env=variables, capture_output=True, text=True, timeout=MAX_SECONDS, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout.replace("\u00a0", " ").replace("\u202f", " ")


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("notebooks")


@pytest.fixture(scope="module")
def building_energy(home):
    """What the building notebook prints; two simulated meters, figures and CSV below ``be``."""
    settings = {"data": "simulated", "units": "2", "out": str(home / "be")}
    (home / "alone").mkdir()
    return execute("building_energy.py", home / "alone", **settings)


RETRAIN = {"units": "2", "kinds": "no_ai,linear", "out": "results"}


@pytest.fixture(scope="module")
def retrained(home, building_energy):
    """What the retraining notebook prints on the folder of CSV that the other one wrote."""
    folder = home / "be" / "SIMULATED_mes_compteurs"
    return execute("retrain.py", home, data=str(folder), **RETRAIN)


def test_there_is_a_list_of_sections_for_each_notebook_of_this_file():
    """A notebook that vanishes or is renamed would otherwise drop out of these tests."""
    assert set(SECTIONS) <= {path.name for path in NOTEBOOKS}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=name_of)
def test_a_notebook_converts_to_jupyter_and_back(path, tmp_path):
    """By the command a reader would type; what comes back has the same cells."""
    target = tmp_path / f"{path.stem}.ipynb"
    command = [sys.executable, "-m", "jupytext", "--to", "ipynb", str(path), "-o", str(target)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    back = jupytext.reads(target.read_text(encoding="utf-8"), fmt="ipynb")
    cells = [(cell.cell_type, cell.source) for cell in back.cells]
    assert cells == [(cell.cell_type, cell.source) for cell in read(path).cells]
    assert all(cell.outputs == [] for cell in back.cells if cell.cell_type == "code")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=name_of)
def test_a_notebook_begins_with_its_title_and_explains_each_step(path):
    """Prose first; never three cells of code without a word."""
    kinds = [cell.cell_type for cell in read(path).cells]
    assert kinds[0] == "markdown"
    assert read(path).cells[0].source.startswith("# ")
    assert "code code code" not in " ".join(kinds)


@pytest.mark.parametrize("name", SECTIONS)
def test_a_notebook_has_its_sections_in_order(name):
    prose = [
        cell.source for cell in read(ROOT / "notebooks" / name).cells
        if cell.cell_type == "markdown"
    ]  # fmt: skip
    assert re.findall(r"^## (.+)$", "\n".join(prose), re.M) == SECTIONS[name]


@pytest.mark.parametrize("name", SECTIONS)
def test_every_setting_that_a_notebook_reads_is_documented_in_its_first_cell(name):
    path = ROOT / "notebooks" / name
    used = set(re.findall(r'"(AUNE_NOTEBOOK_[A-Z]+)"', path.read_text(encoding="utf-8")))
    documented = set(re.findall(r"\| `(AUNE_NOTEBOOK_[A-Z]+)` \|", read(path).cells[0].source))
    assert used == documented


@pytest.mark.parametrize("path", NOTEBOOKS, ids=name_of)
def test_a_notebook_defines_no_function_longer_than_a_screen(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    sizes = {
        node.name: node.end_lineno - node.lineno + 1
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef)
    }
    assert {name: size for name, size in sizes.items() if size > MAX_FUNCTION_LINES} == {}


def test_no_executed_notebook_is_tracked():
    """Outputs in git are stale numbers and, one day, somebody's data."""
    listed = subprocess.run(
        ["git", "ls-files", "--", "*.ipynb"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listed.returncode:
        pytest.skip("not a git checkout")
    assert listed.stdout == ""


def guide_chapter(number: int) -> str:
    """Return a chapter of the guide, from its heading to the next one."""
    text = (ROOT / "docs" / "guide-commune.md").read_text(encoding="utf-8")
    return re.search(rf"^## {number}\. .*?(?=^## |\Z)", text, re.M | re.S)[0]


def guide_blocks(chapter: int) -> dict[str, str]:
    """Return a chapter's example files: the block that follows each file's name."""
    pattern = r"^`([a-z_]+\.(?:csv|toml))`[^\n]*:\n\n```\n(.*?)```"
    return dict(re.findall(pattern, guide_chapter(chapter), re.M | re.S))


def guide_refusal(chapter: int) -> str:
    """Return the refusal that a chapter shows."""
    return re.search(r"```\n(2 problems:\n.*?)```", guide_chapter(chapter), re.S)[1].strip()


def write_blocks(folder: Path, blocks: dict[str, str]) -> Path:
    for name, text in blocks.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


METERS, BAYS = 1, 7
"""Chapters of the guide that hold example files."""
INVENTORY_COLUMNS = (
    "ID", "COLL_NOM", "COLL_INSEE", "INTERV_JH", "INTERV_REGIME", "EMPRISE_DESIGNATION",
    "EMPRISE_LONGUEUR", "GEOM_XY",
)  # fmt: skip


def test_the_guide_s_example_files_are_read_as_the_guide_says(tmp_path):
    """4.2 + 4.1 = 8.3 kWh in the first hour; the second lacks a step and is missing."""
    blocks = guide_blocks(METERS)
    assert set(blocks) == {"ecole_jaures.csv", "temperature.csv", "closures.csv", "meta.toml"}
    found = own_data.read(write_blocks(tmp_path, blocks), "electricity")
    assert found.columns["load_kwh"][0] == pytest.approx(8.3)
    assert found.valid.tolist() == [True, False]
    assert found.extras["weather"]["temperature_celsius"].tolist() == [3.4, 3.1]


def test_the_guide_s_refusal_is_the_one_that_is_printed(tmp_path):
    """The two mistakes that the guide describes, made in its own example."""
    blocks = guide_blocks(METERS)
    wrong = blocks["ecole_jaures.csv"].replace("00:30;4,1", "00:30;4,1 kWh")
    blocks["ecole_jaures.csv"] = wrong.replace("12/01/2026 01:30", "32/01/2026 01:30")
    with pytest.raises(TableError) as refusal:
        own_data.read(write_blocks(tmp_path, blocks), "electricity")
    assert guide_refusal(METERS) in str(refusal.value)


def test_the_guide_s_bays_are_read_as_the_guide_says(tmp_path):
    """08:05 in Paris in January is 07:05 UTC; 14:00 to 17:30 is unknown for 3.5 hours."""
    blocks = guide_blocks(BAYS)
    names = {"zones.csv", "sessions.csv", "outages.csv", "demand.csv", "inventaire.csv"}
    assert set(blocks) == names
    found = own_bays.read(write_blocks(tmp_path, blocks))
    stays, lost = sessions_of(found), outages_of(found)
    first, last = stays.iloc[0], stays.iloc[-1]
    assert str(first["event_time_start"]) == "2025-01-13 07:05:00+00:00"
    lasted = first["event_time_end"] - first["event_time_start"]
    assert (len(stays), lasted.total_seconds()) == (3, 22 * 60)
    assert str(last["event_time_end"]) == "NaT"
    assert (lost["end"] - lost["start"]).dt.total_seconds().tolist() == [3.5 * 3600]
    zones = zones_of(found).set_index("curb_zone_id")
    columns = ["n_spaces", "max_stay_minutes", "lon", "lat"]
    assert zones.loc["halles", columns].tolist() == [2, 30, 2.3461, 48.8622]


def test_the_guide_s_refused_bays_are_refused_in_the_words_it_shows(tmp_path):
    """An end before its start, and an area that zones.csv does not hold."""
    blocks = guide_blocks(BAYS)
    wrong = blocks["sessions.csv"].replace("13/01/2025 09:02", "13/01/2025 07:02")
    blocks["sessions.csv"] = wrong.replace("gare;", "port;")
    with pytest.raises(TableError) as refusal:
        own_bays.read(write_blocks(tmp_path, blocks))
    assert guide_refusal(BAYS) in str(refusal.value)


@pytest.mark.parametrize(
    ("column", "words"),
    [("Immatriculation", "identifies a vehicle"), ("Réservation", "are not occupancy")],
)
def test_columns_that_the_guide_says_are_refused_are(tmp_path, column, words):
    """A plate, and a booking: the first two rows of the guide's table."""
    blocks = guide_blocks(BAYS)
    header, *lines = blocks["sessions.csv"].splitlines()
    more = [f"{header};{column}", *(f"{line};x" for line in lines)]
    blocks["sessions.csv"] = "\n".join(more) + "\n"
    with pytest.raises(TableError, match=words):
        own_bays.read(write_blocks(tmp_path, blocks))


def test_the_guide_s_demand_makes_a_plan_that_is_no_hypothesis(tmp_path):
    """25 min where the stay is empty; a length of 0 is unknown; one bay per area stays one."""
    folder = write_blocks(tmp_path, guide_blocks(BAYS))
    fields = tuple({"name": name, "type": "string"} for name in INVENTORY_COLUMNS)
    schema = TableSchema("essai", "0", fields, ("",), "ID")
    areas = Inventory(read_inventory(folder / "inventaire.csv"), schema, "essai").areas
    network = network_of(areas, read_demand(folder / "demand.csv"))
    assert network.deliveries_per_day.tolist() == [34.5, 6.0]
    assert (60 * network.stay_hours).round(6).tolist() == [22.0, 25.0]
    assert areas["length_m"].isna().tolist() == [False, True]
    plan = plan_relocation(network)
    assert plan.areas["bays_after"].sum() == plan.areas["bays_before"].sum() == 2 + 1
    assert not plan.demand_is_hypothesis


@pytest.mark.slow
def test_the_building_notebook_agrees_with_shap_and_opens_its_bundle(building_energy):
    """The notebook asserts 1e-4 itself; here, that it got that far and printed it."""
    agreement = re.search(r"écart maximal graphe/shap (\S+)", building_energy)
    assert float(agreement[1]) < 1e-4
    assert re.search(
        r"building_energy-forecast-\S+-SIMULATED\.zip, \d+ ko, signé par", building_energy
    )
    assert re.search(r"base \S+ kWh\n(  .+ : \S+ kWh\n?)+", building_energy)


@pytest.mark.slow
def test_simulated_data_are_called_so_wherever_the_notebook_names_them(building_energy):
    assert "données SIMULÉES" in building_energy
    assert "SIMULATED own_electricity" in building_energy


@pytest.mark.slow
def test_the_building_notebook_leaves_figures_csv_and_no_trusted_key(building_energy, home):
    """Its key lives in a temporary folder; trusting it here would outlive it."""
    written = {path.name for path in (home / "be").iterdir()}
    assert {"semaine.svg", "prevision.svg", "SIMULATED_mes_compteurs"} <= written
    assert list((home / "alone").glob(".aune")) == []


@pytest.mark.slow
def test_one_s_own_folder_is_retrained_exported_and_logged(retrained, home):
    assert "own_electricity_SIMULATED_mes_compteurs : 2 sites" in retrained
    assert "MLflow : 1 course(s)" in retrained
    assert len(list((home / "results").glob("building_energy/forecast/*/*.zip"))) == 1
    assert (home / "results" / "mlflow.db").is_file()


@pytest.mark.slow
def test_the_last_cell_gives_energy_with_its_tier_and_the_rungs_without_ai(retrained):
    last = retrained[retrained.index("MLflow :") :]
    assert re.search(r"train +.*Wh \[.+\].*niveau [A-F]", last)
    assert re.search(r"La semaine dernière +\d+,\d+ +entre \d+,\d+ et \d+,\d+", last)
    assert re.search(r"nouveau +\d+,\d+ +entre", last)


@pytest.mark.slow
def test_the_bundle_in_service_is_held_against_the_new_one_on_the_same_days(retrained, home):
    """Same data, same seed: the model found again scores exactly as the one in service."""
    (bundle,) = (home / "results").glob("building_energy/forecast/*/*.zip")
    folder = home / "be" / "SIMULATED_mes_compteurs"
    said = execute("retrain.py", home, data=str(folder), bundle=str(bundle), **RETRAIN)
    new, serving = (
        re.search(rf"^{name} +(\S.*)$", said, re.M)[1] for name in ("nouveau", "en service")
    )
    assert new == serving
    assert "MLflow : 2 course(s)" in said


@pytest.fixture(scope="module")
def delivery_zones(home):
    """What the notebook of the bays prints; two simulated zones, figures and CSV below ``dz``."""
    return execute("delivery_zones.py", home, data="simulated", units="2", out=str(home / "dz"))


@pytest.mark.slow
def test_the_bays_notebook_recomputes_both_queues(delivery_zones):
    """The notebook asserts 2e-4 itself; here, that it got that far for both."""
    errors = re.findall(r"écart maximal graphe/recalcul (\S+)", delivery_zones)
    assert len(errors) == 2
    assert max(map(float, errors)) < 2e-4


@pytest.mark.slow
def test_the_bays_notebook_compares_each_horizon_with_the_queue(delivery_zones):
    """Three rungs beside the queue at three horizons, each with its interval."""
    number = r"\u2212?\d+,\d"
    rows = re.findall(rf"^(15|30|60) min  .+\[{number} ; {number}\]$", delivery_zones, re.M)
    assert rows == ["15"] * 3 + ["30"] * 3 + ["60"] * 3


@pytest.mark.slow
def test_the_bays_notebook_opens_its_bundle_and_ends_with_energy(delivery_zones, home):
    assert re.search(
        r"delivery_zones-availability-\S+-SIMULATED\.zip, \d+ ko, signé par", delivery_zones
    )
    last = delivery_zones[delivery_zones.index("retenu :") :]
    assert re.search(r"predict_1000 .*Wh \[.+\].*niveau [A-F]", last)
    written = {path.name for path in (home / "dz").iterdir()}
    assert {"semaine.svg", "chances.svg", "SIMULATED_mes_aires"} <= written


@pytest.mark.slow
def test_the_bays_notebook_says_what_is_simulated(delivery_zones):
    assert "données SIMULÉES" in delivery_zones
    assert re.search(r"retenu : .+ \(SIMULÉ\)", delivery_zones)


@pytest.fixture(scope="module")
def delivery_zones_plan(home):
    """What the notebook of the decisions on bays prints."""
    return execute("delivery_zones_plan.py", home, data="simulated")


@pytest.mark.slow
def test_the_plan_notebook_counts_overstays_and_holds_their_chance_against_two_rates(
    delivery_zones_plan,
):
    """Minutes lost with their interval; the two counted rates and the regression, scored alike."""
    assert re.search(r"min perdues par heure et par place \(.+\)", delivery_zones_plan)
    assert delivery_zones_plan.count("à mi-limite 0,") == 3


@pytest.mark.slow
def test_the_plan_notebook_sizes_zones_and_moves_bays_at_a_proven_optimum(delivery_zones_plan):
    """The notebook asserts the proof itself; here, that shares and moves were printed."""
    assert re.search(r"Une place de plus +\d+,\d % des arrivées sans place", delivery_zones_plan)
    before, after = re.search(
        r"livraisons sans place par jour : ([\d ]+) puis ([\d ]+)", delivery_zones_plan
    ).groups()
    assert int(after.replace(" ", "")) < int(before.replace(" ", ""))


@pytest.mark.slow
def test_the_plan_notebook_says_what_is_simulated_and_what_is_supposed(delivery_zones_plan):
    """Invented stays, invented areas, and a demand that nobody measured."""
    assert "données SIMULÉES" in delivery_zones_plan
    assert "aires SIMULÉES : 60 aires. HYPOTHÈSE" in delivery_zones_plan


@pytest.fixture(scope="module")
def waste_collection(home):
    """What the notebook of the rounds prints; four simulated containers, figures below ``wc``."""
    return execute("waste_collection.py", home, data="simulated", units="4", out=str(home / "wc"))


@pytest.mark.slow
def test_the_rounds_notebook_shows_the_trap_beside_the_truth(waste_collection):
    """The notebook asserts that weights come nearer; here, that the table was printed."""
    told = re.search(
        r"écart moyen à la vérité : naïf (\d+) points, pondéré (\d+) \(SIMULÉ\)", waste_collection
    )
    assert int(told[2]) < int(told[1])


@pytest.mark.slow
def test_the_rounds_notebook_recomputes_a_forecast_and_opens_its_bundle(waste_collection, home):
    """The notebook asserts 2e-3 itself; here, that it got that far, and signed."""
    assert float(re.search(r"écart maximal graphe/recalcul (\S+)", waste_collection)[1]) < 2e-3
    assert re.search(
        r"waste_collection-overflow-\S+-SIMULATED\.zip, \d+ ko, signé par", waste_collection
    )
    written = {path.name for path in (home / "wc").iterdir()}
    assert {"niveaux.svg", "tournees.svg"} <= written


@pytest.mark.slow
def test_the_rounds_notebook_decides_replays_and_ends_with_energy(waste_collection):
    """A day with its reasons, the curves behind the comparison, and what it cost."""
    assert "Aucune tournée" in waste_collection or "à vider" in waste_collection
    assert len(re.findall(r"jours de débordement pour 1 000, \d+ km", waste_collection)) == 6
    last = waste_collection[waste_collection.index("retenu :") :]
    assert re.search(r"retenu : .+ \(SIMULÉ\)", last)
    assert re.search(r"predict_1000 .*Wh \[.+\].*niveau [A-F]", last)


@pytest.mark.slow
def test_the_rounds_notebook_says_what_is_simulated(waste_collection):
    """Levels and collections both; the levels of every section carry the word."""
    assert waste_collection.count("données SIMULÉES") == 2
    assert "SIMULATED waste_collection" in waste_collection


@pytest.fixture(scope="module")
def citizen_requests(home):
    """What the notebook of the requests prints; simulated, one draw, figures below ``cr``."""
    settings = {"data": "simulated", "draws": "1", "out": str(home / "cr")}
    return execute("citizen_requests.py", home, **settings)


@pytest.mark.slow
def test_the_requests_notebook_recomputes_the_share_of_every_character(citizen_requests):
    """The notebook asserts 2e-4 itself; here, that it got that far, on a text with grams."""
    found = re.search(r"(\d+) morceaux ; écart maximal graphe/recalcul (\S+)", citizen_requests)
    assert int(found[1]) > 20
    assert float(found[2]) < 2e-4


@pytest.mark.slow
def test_the_requests_notebook_prints_no_planted_identifier_but_the_one_it_masks(citizen_requests):
    """Its first fictional request is shown as received, once; nothing else may be printed raw."""
    first, *others = frozen_requests()
    kinds = ("phone", "email", "iban", "nir", "plate")
    planted = {
        row.text[span.start : span.end]
        for row in others for span in row.personal if span.kind in kinds
    }  # fmt: skip
    shown = {span.kind: first.text[span.start : span.end] for span in first.personal}
    assert [words for words in planted - set(shown.values()) if words in citizen_requests] == []
    assert citizen_requests.count(shown["phone"]) == 1


@pytest.mark.slow
def test_the_requests_notebook_says_what_is_simulated(citizen_requests, home):
    assert "données SIMULÉES" in citizen_requests
    assert re.search(r"retenu : .+ \(SIMULÉ\)", citizen_requests)
    assert re.search(
        r"citizen_requests-routing-\S+-SIMULATED\.zip, \d+ ko, signé par", citizen_requests
    )
    written = {path.name for path in (home / "cr").iterdir()}
    assert {"abstention.svg", "peu_exemples.svg"} <= written


@pytest.fixture(scope="module")
def citizen_requests_answers(home):
    """What the notebook of the sheets prints; the vendor's file below ``ca``."""
    settings = {"data": "simulated", "out": str(home / "ca")}
    return execute("citizen_requests_answers.py", home, **settings)


@pytest.mark.slow
def test_the_answers_notebook_cites_word_for_word_and_scores_a_vendor(
    citizen_requests_answers, home
):
    """Sheets and vendor are invented and say so; the notebook asserts the quoting itself."""
    assert "fiches SIMULÉES" in citizen_requests_answers
    assert re.search(r"^  \[Fiche SIMULÉE\] \S", citizen_requests_answers, re.M)
    assert "moteur_SIMULÉ" in citizen_requests_answers
    assert "(SIMULÉ : ce verdict ne vaut rien)" in citizen_requests_answers
    assert {path.name for path in (home / "ca").iterdir()} == {"SIMULATED_run.trec"}
