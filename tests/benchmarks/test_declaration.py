"""Every mistake of a declaration is named at once, by table and key."""

import re
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import benchmarks
from benchmarks.declaration import DECLARATION, read_declaration
from benchmarks.declaration_keys import OPEN_TABLES, TABLES, mistakes_in
from common.edge.errors import TableError, UsageError
from common.lab.contest import Output

WHOLE = """
schema = 1
licence = "Apache-2.0"

[candidate]
id = "lag-7"
name = "Persistance hebdomadaire"
version = "1.0"
vendor = "la commune"
contact = "energie@commune.example"

[hardware]
predict = "2 vCPU"
train = "2 vCPU"

[energy.predict]
method = "estimated"
wh_per_1000 = 1.5
low = 1.0
high = 2.0
tool = "EcoLogits"
version = "0.11.3"
inputs = "300 jetons"

[energy.train]
method = "measured_log"
kwh = 0.25
file = "journal.csv"
per_year = 12

[llm]
provider = "mistralai"
model = "mistral-small-2603"
output_tokens_per_request = 300
prompt_tokens_per_request = 3000

[hosting]
country = "FRA"
provider = "la commune"
data_leave_eu = false
kind = "shared_vm"

[data]
destination = "nulle part"

[cost]
licence_eur_per_year = 1000
hosting_eur_per_year = 200.5
staff_minutes_per_error = 3

[explanation]
offered = true
method = "coefficients"

[model.outputs]
q50 = "forecast"
q10 = { output = "quantiles", place = 1 }

[endpoint]
url = "https://example.org/v2/models/m/infer"
protocol = "oip2"
rate_per_second = 5
token_variable = "VENDOR_TOKEN"
[endpoint.outputs]
q50 = "forecast"
"""


def read(tmp_path, text, columns=("q50", "q10")):
    (tmp_path / DECLARATION).write_text(text, encoding="utf-8")
    return read_declaration(tmp_path, columns)


def refusal(tmp_path, text):
    with pytest.raises(TableError) as caught:
        read(tmp_path, text)
    return caught.value.found


def test_a_whole_declaration_is_read(tmp_path):
    found = read(tmp_path, WHOLE)
    assert (found.id, found.title, found.explains) == (
        "lag-7",
        "Persistance hebdomadaire (v1.0)",
        True,
    )
    assert (found.predict.low, found.predict.wh, found.predict.high) == (1.0, 1.5, 2.0)
    # 0.25 kWh is 250 Wh
    assert (found.train.wh, found.train.file, found.trainings_per_year) == (250, "journal.csv", 12)
    assert found.llm.output_tokens == 300
    assert found.outputs == {"q50": Output("forecast"), "q10": Output("quantiles", 1)}
    assert found.endpoint.outputs == {"q50": Output("forecast")}
    assert found.endpoint.timeout_seconds == 10
    assert found.table("cost")["hosting_eur_per_year"] == 200.5
    assert found.raw == tomllib.loads(WHOLE)
    assert len(found.sha256) == 64


def test_all_mistakes_are_named_at_once(tmp_path):
    text = WHOLE.replace('id = "lag-7"', 'id = "Lag 7"').replace('"FRA"', '"France"')
    text = text.replace("kwh = 0.25", 'kwh = "peu"').replace("[explanation]", "[explication]")
    found = refusal(tmp_path, text)
    assert "4 erreur(s)" in found
    for named in (
        "[candidate] id : « Lag 7 »",
        "[hosting] country : « France »",
        "[energy.train] kwh : « peu », attendu un nombre",
        "explication : table inconnue, vouliez-vous dire explanation ?",
    ):
        assert named in found


@pytest.mark.parametrize(
    ("before", "after", "named"),
    [
        ("schema = 1", "schema = 2", "schema : 2, attendu un entier de 1 à 1"),
        ("schema = 1", "schema = true", "schema : True"),
        ('licence = "Apache-2.0"', "", "licence : absent"),
        ('name = "Persistance hebdomadaire"', "", "[candidate] name : absent"),
        ('name = "Persistance hebdomadaire"', 'name = "  "', "[candidate] name"),
        ('name = "Persistance hebdomadaire"', 'name = "\\u0007"', "caractère de commande"),
        ("wh_per_1000 = 1.5", "wh_per_1000 = nan", "[energy.predict] wh_per_1000 : nan"),
        ("wh_per_1000 = 1.5", "wh_per_1000 = inf", "[energy.predict] wh_per_1000 : inf"),
        ("wh_per_1000 = 1.5", "wh_per_1000 = -1", "[energy.predict] wh_per_1000 : -1"),
        ("wh_per_1000 = 1.5", "wh_per_1000 = 3", "low ≤ wh_per_1000 ≤ high"),
        ("wh_per_1000 = 1.5", "", "wh_per_1000 : absent, nécessaire"),
        ("low = 1.0\n", "", "une seule borne"),
        ('method = "estimated"', 'method = "devinée"', "l'un de measured_log"),
        ('method = "estimated"', 'method = "absent"', "un chiffre avec method = « absent »"),
        ('tool = "EcoLogits"', "", "tool : absent, nécessaire"),
        ('file = "journal.csv"', 'file = "../journal.csv"', "[energy.train] file"),
        ('file = "journal.csv"', 'file = "/etc/passwd"', "[energy.train] file"),
        ("output_tokens_per_request = 300", "output_tokens_per_request = 0", "[llm]"),
        ("data_leave_eu = false", 'data_leave_eu = "non"', "true ou false"),
        ('kind = "shared_vm"', 'kind = "nuage"', "[hosting] kind"),
        ("contact =", "contacte =", "clé inconnue, vouliez-vous dire contact ?"),
        ("[hardware]", "[hardware.gpu]", "[hardware] gpu : table inconnue"),
        ("place = 1", "rang = 1", "clé rang inconnue"),
        ("place = 1", "place = -1", "place : -1"),
        ('q50 = "forecast"', "q50 = 3", "[model.outputs] q50 : 3"),
        ('q50 = "forecast"', 'q51 = "forecast"', "q51 : colonne inconnue"),
        ("https://", "ftp://", "protocole « ftp »"),
        ("https://", "https://me:secret@", "ni identifiant"),
        ("https://example.org/", "https:///", "[endpoint] url"),
        ("https://example.org/", "https://example.org:99999/", "[endpoint] url"),
        ("rate_per_second = 5", "rate_per_second = 0", "[endpoint] rate_per_second"),
        ('token_variable = "VENDOR_TOKEN"', 'token_variable = "s3cr3t!"', "token_variable"),
        ('protocol = "oip2"', 'protocol = "json"', "template : absent"),
        ('protocol = "oip2"', 'protocol = "oip2"\ntemplate = "{}"', "réservé à protocol"),
    ],
)
def test_each_kind_of_mistake_is_named_by_table_and_key(tmp_path, before, after, named):
    assert before in WHOLE
    assert named in refusal(tmp_path, WHOLE.replace(before, after, 1))


def test_a_template_that_is_not_json_is_named(tmp_path):
    text = WHOLE.split("[endpoint]")[0] + (
        '[endpoint]\nurl = "http://localhost/"\nprotocol = "json"\ntemplate = "{"\n'
        'predictions_per_call = 3\n[endpoint.answers]\nq50 = "a"\n'
    )
    found = refusal(tmp_path, text)
    assert "template : pas du JSON" in found
    assert "predictions_per_call : attendu 1" in found


def test_a_missing_unreadable_or_oversized_file_is_refused(tmp_path):
    with pytest.raises(UsageError, match="absent"):
        read_declaration(tmp_path)
    path = tmp_path / DECLARATION
    for data in (b"\xff\xfeschema", b"schema = ", b"a." * 30_000 + b"a = 1", b"#" * 70_000):
        path.write_bytes(data)
        with pytest.raises(TableError):
            read_declaration(tmp_path)
    path.unlink()
    path.symlink_to("/etc/passwd")
    with pytest.raises(TableError, match="lien"):
        read_declaration(tmp_path)


def test_the_template_handed_to_vendors_is_a_declaration_and_so_are_its_comments(tmp_path):
    """Whatever a vendor uncomments is a key that we know."""
    templates = Path(benchmarks.__file__).parent / "sealing" / "templates"
    template = (templates / DECLARATION).read_text("utf-8")
    assert read(tmp_path, template, ()).predict.method == "absent"
    uncommented = re.sub(r"(?m)^# (?=\[|[a-z_0-9]+ = )", "", template)
    assert uncommented != template
    found = list(mistakes_in(tomllib.loads(uncommented)))
    assert not found


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from([*TABLES["llm"], "x"]), inner, max_size=2)
    ),
    max_leaves=6,
)
NAMES = st.sampled_from(
    sorted({part for name in (*TABLES, *OPEN_TABLES) for part in name.split(".")} | {"schema"})
)


@given(st.dictionaries(NAMES, VALUES, max_size=6))
def test_whatever_is_written_gives_mistakes_and_never_a_crash(raw):
    """No random table holds the required keys of all tables."""
    assert list(mistakes_in(raw))
