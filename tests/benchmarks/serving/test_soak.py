"""The soak finds what it is there to find, and finds nothing in the server as it is."""

import random

import numpy as np
import pytest

from benchmarks.serving.soak.__main__ import result
from benchmarks.serving.soak.audit import audit
from benchmarks.serving.soak.clients import Callers
from benchmarks.serving.soak.ledger import RECORD, Ledger, identity, read_records
from benchmarks.serving.soak.memory import Sample, Stretch, slope_per_100k
from benchmarks.serving.soak.soak import Plan, run
from benchmarks.serving.soak.state import State
from benchmarks.serving.soak.timeline import Timeline
from benchmarks.serving.soak.versions import Version, row_of, write
from common.edge.bundle import Bundle
from common.edge.errors import UsageError
from common.edge.journal.entries import Batch
from common.edge.journal.log import Journal
from common.lab.keys import ensure_key, public_path


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    """Version 3 of the soak's model."""
    place = tmp_path_factory.mktemp("soak")
    key = ensure_key(place / "signing_key.pem")
    path = write(place / "3.zip", Version(3), key)
    return Bundle.open(path, [public_path(place / "signing_key.pem")])


def ask(bundle, numbers):
    rows = np.array([row_of(number) for number in numbers], np.float32)
    return {"load_kwh": rows[:, 0], "temperature_c": rows[:, 1]}


def test_the_graph_gives_what_the_formula_says_to_the_last_bit(bundle):
    numbers = range(500)
    found = bundle.predict(ask(bundle, numbers))["forecast"][:, 0]
    due = [Version(3).forecast_kwh(*row_of(number)) for number in numbers]
    assert found.tolist() == due


@pytest.fixture
def kept(bundle, tmp_path):
    """A journal of ten answers and the ledger's records of them."""
    path = tmp_path / "answers.bin"
    with Journal(tmp_path / "journal") as journal, Ledger(path) as ledger:
        for number in range(1, 11):
            inputs = ask(bundle, [number])
            outputs = bundle.predict(inputs)
            key, name = identity(1, number)
            (line,) = journal.append(Batch.of(bundle, inputs, outputs, [name]))
            ledger.add(key, line, 3, float(outputs["forecast"][0, 0]))
    return tmp_path / "journal", read_records(path)


def test_a_journal_that_holds_every_answer_is_clean(kept):
    found = audit(*kept)
    assert (found.is_clean, found.answered, found.lines) == (True, 10, 10)


def test_an_answer_without_its_line_is_lost(kept):
    folder, records = kept
    more = np.array([(identity(1, 99)[0], 11, 3, 0.0)], RECORD)
    assert audit(folder, np.concatenate([records, more])).lost == 1


def test_a_line_with_another_number_version_or_value_is_found(kept):
    folder, records = kept
    records["line"][0] += 1
    records["version"][1] = 4
    records["forecast_kwh"][2] *= 1.0001
    found = audit(folder, records)
    assert (found.elsewhere, found.different, found.is_clean) == (1, 2, False)


def test_an_identifier_written_twice_is_found(kept, bundle):
    folder, records = kept
    inputs = ask(bundle, [5])
    with Journal(folder) as journal:
        journal.append(Batch.of(bundle, inputs, bundle.predict(inputs), ["1.5"]))
    assert audit(folder, records).doubled == 1


def test_a_line_cut_out_is_named_by_the_chain(kept):
    folder, records = kept
    (path,) = folder.glob("*.jsonl")
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:4] + lines[5:]))
    found = audit(folder, records)
    assert (found.lost, bool(found.findings)) == (1, True)


def answer(number, version=3, shift=0.0):
    due = Version(version).forecast_kwh(*row_of(number)) + shift
    interval = f'{{"lower":[{due - 1}],"upper":[{due + 1}]}}'
    return (
        f'{{"version":"{version}.0.0","rows":[{{"id":"1.{number}","prediction":[{due}],'
        f'"interval":{interval},"journal":{number}}}]}}'
    ).encode()


@pytest.mark.parametrize(
    ("body", "words"),
    [(answer(7), None), (answer(7, shift=0.01), "for"), (answer(8), "identifier"),
     (answer(7, version=2), "not in service")],
)  # fmt: skip
def test_a_wrong_answer_is_counted_and_said(tmp_path, body, words):
    """By value, by identifier and by a version that was not in service."""
    with Ledger(tmp_path / "answers.bin") as ledger:
        callers = Callers(ledger, Timeline([3]), 1, 10)
        callers._check(7, 0, body)
    assert callers.tally.wrong == (words is not None)
    assert words is None or words in callers.tally.faults[0]


def test_half_a_record_is_cut_off_when_a_soak_is_taken_up_again(tmp_path):
    path = tmp_path / "answers.bin"
    with Ledger(path) as ledger:
        ledger.add(1, 1, 1, 0.5)
        ledger.add(2, 2, 1, 0.5)
    path.write_bytes(path.read_bytes()[:-3])
    with Ledger(path) as again:
        again.add(3, 3, 1, 0.5)
    assert read_records(path)["key"].tolist() == [1, 3]


def test_a_leak_shows_in_the_slope_and_noise_does_not():
    noise = random.Random(0)
    flat = [Sample(1000 * n, 60 + noise.uniform(-0.3, 0.3), 20) for n in range(100)]
    leak = [Sample(one.answered, one.own_mb + one.answered * 2e-5, 20) for one in flat]
    assert abs(slope_per_100k(flat)) < 0.5
    assert slope_per_100k(leak) == pytest.approx(2, abs=0.5)  # 2e-5 MB * 100,000


def test_a_state_survives_json(tmp_path):
    state = State(epoch=2, stretches=[Stretch("calm", 0, (Sample(1, 60.0, 20),))])
    state.tally.statuses[503] += 1
    state.events["kill"] += 1
    state.save(tmp_path / "state.json")
    assert State.load(tmp_path / "state.json") == state


@pytest.mark.parametrize("wrong", [{"requests": 0}, {"disturbed": 0.95}, {"versions": 1}])
def test_a_plan_out_of_its_range_is_refused(wrong):
    with pytest.raises(UsageError):
        Plan(**wrong)


@pytest.mark.slow
def test_three_thousand_requests_with_kills_lose_nothing(tmp_path):
    """Seed 44 deals a kill, a kill during an install and new keys first."""
    plan = Plan(requests=3_000, seed=44, every=200, reloads=3)
    state, found = run(plan, tmp_path / "soak", tmp_path / "journal", lambda _: None)
    told = result(plan, state, found)
    assert told["ok"], [check for check in told["checks"] if not check["ok"]]
    assert (state.events["kill"], state.events["install_and_kill"]) == (1, 1)
    assert found.answered >= 3_000
