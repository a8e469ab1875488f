"""A commune's own files are read as French exports write them, or refused by line."""

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from common.edge.errors import TableError
from common.lab.usecase import Dataset
from usecases.building_energy.data import clock_grid
from usecases.building_energy.own_data import read

HEADER = "meter_id;timestamp;load_kwh\n"


def hours(*values: object, day: str = "2022-06-01", meter: str = "a") -> str:
    """One line an hour from midnight."""
    return "".join(f"{meter};{day}T{hour:02d}:00;{value}\n" for hour, value in enumerate(values))


def write(folder: Path, text: str | bytes, name: str = "m.csv") -> Path:
    content = text if isinstance(text, bytes) else text.encode()
    (folder / name).write_bytes(content)
    return folder


def load_kwh(dataset: Dataset) -> list[float]:
    values: list[float] = dataset.columns["load_kwh"].tolist()
    return values


def test_the_documented_columns_are_read(tmp_path: Path) -> None:
    """The plain case: Paris time, kWh, a gap left as a gap."""
    found = read(write(tmp_path, HEADER + hours(1.5, "", 3)), "electricity")
    assert load_kwh(found)[0::2] == [1.5, 3.0]
    assert found.valid.tolist() == [True, False, True]
    assert str(found.times[0]) == "2022-05-31 22:00:00+00:00"  # midnight in Paris, summer
    assert (found.timezone, found.simulated) == ("Europe/Paris", False)


@pytest.mark.parametrize(
    "content",
    [
        "\ufeffCompteur;Horodate;Énergie (kWh)\n"
        "a;01/06/2022 00:00;1 234,5\na;01/06/2022 01:00;2\n".encode(),
        b"PRM;Date;Consommation_kWh\r\na;01-06-2022 00:00:00;1234,50\r\na;01-06-2022 01h00;2,0\r\n",
        "Identifiant;Horodatage;Énergie kWh\n"
        "a;2022-06-01T00:00;1\u202f234,5\na;2022-06-01 01:00;2\n".encode(),
        "Identifiant PRM;Unité;Horodate;Valeur\na;Wh;2022-06-01T00:00:00+02:00;1234500\n"
        "a;kWh;2022-05-31T23:00:00Z;2\n".encode("latin-1"),
        "PDL\tdate_heure\tconso_wh\n"
        "a\t2022-06-01 00:00\t1234500\na\t2022-06-01 01:00\t2000\n".encode("utf-16"),
        b'meter_id,timestamp,load_kwh\na,2022-06-01 00:00,"1.234,5"\n\n"a",2022-06-01 01:00,2\n',
        b"compteur;date;heure;valeur;unite\n"
        b"a;01/06/2022;00:00;1,2345;MWh\na;01/06/2022;01:00;2;kWh\n",
    ],
    ids=["bom", "crlf", "thin space", "latin-1", "utf-16 tabs", "quoted commas", "date and hour"],
)
def test_the_habits_of_french_exports_are_understood(tmp_path: Path, content: bytes) -> None:
    """1,234.5 kWh then 2 kWh, however they are written."""
    found = read(write(tmp_path, content), "electricity")
    assert load_kwh(found) == [1234.5, 2.0]
    assert str(found.times[0]) == "2022-05-31 22:00:00+00:00"


@pytest.mark.parametrize(("step", "values"), [(10, range(12)), (15, range(8)), (30, range(4))])
def test_steps_are_added_up_to_hours(tmp_path: Path, step: int, values: range) -> None:
    """10 minutes: 0+1+2+3+4+5 = 15 then 6+...+11 = 51; and so on."""
    lines = [f"a;2022-06-01T{i * step // 60:02d}:{i * step % 60:02d};{i}\n" for i in values]
    found = read(write(tmp_path, HEADER + "".join(lines)), "electricity")
    half = len(values) // 2
    assert load_kwh(found) == [sum(values[:half]), sum(values[half:])]
    assert found.extras["reading"]["step_minutes"].tolist() == [step]


def test_mean_power_becomes_energy(tmp_path: Path) -> None:
    """Half hours at 10 kW and 20 kW are 5 + 10 = 15 kWh."""
    text = "compteur;horodate;puissance_kw\na;2022-06-01T00:00;10\na;2022-06-01T00:30;20\n"
    assert load_kwh(read(write(tmp_path, text), "electricity")) == [15.0]


def test_an_hour_that_lacks_a_step_is_missing(tmp_path: Path) -> None:
    """Half an hour's energy is not an hour's."""
    text = HEADER + "".join(
        f"a;2022-06-01T{clock};1\n" for clock in ("00:00", "00:30", "01:00", "02:00", "02:30")
    )
    found = read(write(tmp_path, text), "electricity")
    assert found.valid.tolist() == [True, False, True]
    # One hour of three.
    assert found.extras["reading"]["missing_share"].tolist() == [pytest.approx(1 / 3)]


def test_end_of_step_times_are_moved_back(tmp_path: Path) -> None:
    """meta.toml: timestamp = "end": what is stamped 01:00 was used from 00:00."""
    write(tmp_path, 'timestamp = "end"\ntimezone = "UTC"\n', "meta.toml")
    found = read(write(tmp_path, HEADER + hours(1, 2)), "electricity")
    assert str(found.times[0]) == "2022-05-31 23:00:00+00:00"


@pytest.mark.parametrize("backwards", [False, True])
def test_the_hour_that_comes_twice_is_told_by_its_order(tmp_path: Path, backwards: bool) -> None:
    """30 October 2022: 25 lines, 02:00 twice; a file may run from last to first."""
    clocks = sorted([*range(24), 2])
    lines = [f"a;30/10/2022 {clock:02d}:00;{i}\n" for i, clock in enumerate(clocks)]
    text = HEADER + "".join(reversed(lines) if backwards else lines)
    grid = clock_grid(read(write(tmp_path, text), "electricity"))
    assert grid.slot_values[0, 0].tolist() == list(range(25))


def test_half_hours_that_come_twice_are_told_apart_too(tmp_path: Path) -> None:
    """02:00, 02:30, 02:00, 02:30: two whole hours."""
    clocks = ["01:00", "01:30", "02:00", "02:30", "02:00", "02:30", "03:00", "03:30"]
    lines = [f"a;2022-10-30T{clock};{i}\n" for i, clock in enumerate(clocks)]
    # 0+1, 2+3, 4+5, 6+7
    found = read(write(tmp_path, HEADER + "".join(lines)), "electricity")
    assert load_kwh(found) == [1, 5, 9, 13]


def test_the_spring_day_of_23_hours_is_whole(tmp_path: Path) -> None:
    """27 March 2022 without 02:00 has no gap in elapsed time."""
    lines = [f"a;2022-03-27T{clock:02d}:00;1\n" for clock in range(24) if clock != 2]
    found = read(write(tmp_path, HEADER + "".join(lines)), "electricity")
    assert len(found.times) == 23
    assert found.valid.all()


def test_identical_rows_are_dropped_and_counted(tmp_path: Path) -> None:
    """Exports overlap by a day; the report says so."""
    write(tmp_path, HEADER + hours(1, 2, 3), "one.csv")
    found = read(write(tmp_path, HEADER + hours(1, 2), "two.csv"), "electricity")
    report = found.extras["reading"].loc["a"]
    assert (report["rows_read"], report["duplicates_dropped"]) == (5, 2)
    assert load_kwh(found) == [1, 2, 3]


def test_temperature_and_meta_are_taken_along(tmp_path: Path) -> None:
    """Hourly means of half-hourly degrees; place and zone from meta.toml."""
    write(tmp_path, 'timezone = "Europe/Brussels"\ncountry = "BE"\nunit = "Wh"\n', "meta.toml")
    write(
        tmp_path,
        "timestamp;temperature_celsius\n01/06/2022 00:00;10,5\n01/06/2022 00:30;11,5\n",
        "temperature.csv",
    )
    text = "compteur;horodate;valeur\na;2022-06-01T00:00;1500\n"
    found = read(write(tmp_path, text), "gas")
    assert load_kwh(found) == [1.5]
    assert found.timezone == "Europe/Brussels"
    assert found.extras["place"]["country"].tolist() == ["BE"]
    assert found.extras["weather"]["temperature_celsius"].tolist() == [11.0]


@pytest.mark.parametrize(
    ("text", "place", "found"),
    [
        (HEADER + hours(1, "deux"), "m.csv line 3", "deux"),
        (HEADER + hours(1, -2), "m.csv line 3", "-2"),
        (HEADER + hours(1, "1e12"), "m.csv line 3", "1e12"),
        (HEADER + hours(1, "inf"), "m.csv line 3", "inf"),
        (HEADER + "a;31/02/2022 00:00;1\n", "m.csv line 2", "31/02/2022"),
        (HEADER + "a;2022-03-27T02:00;1\n", "m.csv line 2", "2022-03-27T02:00"),
        (HEADER + "a;2120-01-01T00:00;1\n", "m.csv line 2", "2120-01-01"),
        (HEADER + hours(1, 2) + ";2022-06-01T02:00;3\n", "m.csv line 4", "''"),
        (HEADER + hours(1) + "a;2022-06-01T01:00;2;9\n", "m.csv line 3", "4 cells"),
        (HEADER + hours(1, 2) + "a;2022-06-01T01:00;9\n", "m.csv line 4", "m.csv line 3 has 2"),
        (HEADER + "a;2022-06-01;1\na;2022-06-02;1\n", "m.csv line 2", "every 1440 minutes"),
        (HEADER + hours(1, 2) + "a;2022-06-01T02:10;3\na;2022-06-01T03:10;3\n", "line 4", "off"),
        ("compteur;horodate;valeur\na;2022-06-01T00:00;1\n", "m.csv line 1", "'valeur'"),
        ("a;b\n1;2\n", "m.csv line 1", "'a, b'"),
        ("", "m.csv line 1", "columns"),
        (HEADER, "no row of data", "1 file"),
        (b"PK\x03\x04\x00\x00", "m.csv", "not a text file"),
        (HEADER + '"a;2022-06-01T00:00;1\n' + "x" * 140_000, "m.csv line", "not a CSV line"),
        (HEADER + hours(8000, 9000), "meter a", "mean of 8500 kWh"),
        ("prm;horodate;valeur;unite\na;2022-06-01T00:00;1;kWh\na;2022-06-01T01:00;1;kvarh\n",
         "m.csv line 3", "kvarh"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_refused_with_its_line(
    tmp_path: Path, text: str | bytes, place: str, found: str
) -> None:
    """File, line, what was found, what was expected, what to do."""
    with pytest.raises(TableError) as refusal:
        read(write(tmp_path, text), "electricity")
    assert place in refusal.value.found
    assert found in refusal.value.found
    assert refusal.value.expected
    assert refusal.value.remedy


def test_up_to_twenty_problems_come_in_one_error(tmp_path: Path) -> None:
    """Correcting a file one message at a time is a punishment."""
    text = HEADER + "".join(hours(*["x"] * 24, day=f"2022-06-0{day}") for day in (1, 2))
    with pytest.raises(TableError) as refusal:
        read(write(tmp_path, text), "electricity")
    assert len(re.findall(r"m\.csv line \d+", str(refusal.value))) == 20
    assert refusal.value.found.count("to do:") == 20


def test_a_stated_unit_vouches_for_a_large_building(tmp_path: Path) -> None:
    """The scale check can be answered, once and in writing."""
    write(tmp_path, 'unit = "kWh"\n', "meta.toml")
    assert load_kwh(read(write(tmp_path, HEADER + hours(8000)), "electricity")) == [8000.0]


@pytest.mark.parametrize(
    "text",
    ["timezone = 1", 'timezone = "Paris"', 'unit = "BTU"', 'energy = "gas"', 'colour = "red"', "="],
)
def test_a_faulty_meta_is_refused(tmp_path: Path, text: str) -> None:
    """A wrong zone shifts every hour: nothing of meta.toml is passed over."""
    write(tmp_path, text, "meta.toml")
    with pytest.raises(TableError, match=r"meta\.toml"):
        read(write(tmp_path, HEADER + hours(1)), "electricity")


def test_a_temperature_that_cannot_be_is_refused(tmp_path: Path) -> None:
    """Kelvins in a Celsius column would bend every heating slope."""
    write(tmp_path, "timestamp;temperature\n2022-06-01T00:00;283,15\n", "temperature.csv")
    with pytest.raises(TableError, match=r"temperature\.csv line 2: '283,15'"):
        read(write(tmp_path, HEADER + hours(1)), "electricity")


@pytest.mark.parametrize("name", ["", "x.txt"])
def test_a_folder_without_tables_is_refused(tmp_path: Path, name: str) -> None:
    """So is a path that is no folder."""
    with pytest.raises(TableError, match=r"CSV files|not a folder"):
        read(tmp_path if not name else tmp_path / name, "electricity")


def test_a_clock_that_shifts_by_half_an_hour_is_refused(tmp_path: Path) -> None:
    """Lord Howe's local hours begin at :30 of UTC in winter only: no hourly grid fits."""
    write(tmp_path, 'timezone = "Australia/Lord_Howe"\n', "meta.toml")
    with pytest.raises(TableError, match="different minutes"):
        read(write(tmp_path, HEADER + hours(1, 2) + hours(1, 2, day="2022-12-01")), "electricity")


cells = st.one_of(
    st.text(max_size=12),
    st.sampled_from(["a", "2022-10-30T02:00", "30/10/2022 02:30", "1,5", "-1", "", "kWh", '"',
                     "2022-06-01T00:00Z", "2022-06-01T01:00+02:00", "NaN", "\x00", "1e5"]),
)  # fmt: skip
heads = st.sampled_from([HEADER, "prm;horodate;valeur;unite\n", "compteur\tdate\theure\tkw\n", ""])


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(head=heads, rows=st.lists(st.lists(cells, min_size=1, max_size=5), max_size=6))
def test_no_table_crashes_the_reader(tmp_path: Path, head: str, rows: list[list[str]]) -> None:
    """Anything is either a data set or a TableError."""
    text = head + "".join(";".join(row) + "\n" for row in rows)
    write(tmp_path, text.encode("utf-8", "surrogatepass"))
    try:
        found = read(tmp_path, "electricity")
    except TableError:
        return
    assert (found.columns["load_kwh"][found.valid] >= 0).all()


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(content=st.binary(max_size=200), meta=st.one_of(st.none(), st.binary(max_size=30)))
def test_no_bytes_crash_the_reader(tmp_path: Path, content: bytes, meta: bytes | None) -> None:
    """A workbook, an image or a cut file is refused like any other."""
    write(tmp_path, content)
    write(tmp_path, content, "temperature.csv")
    (tmp_path / "meta.toml").unlink(missing_ok=True)
    if meta is not None:
        write(tmp_path, meta, "meta.toml")
    with pytest.raises(TableError):
        read(tmp_path, "electricity")


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    values=st.lists(st.integers(0, 8_000), min_size=2, max_size=30),
    decimal=st.sampled_from([",", "."]),
    step=st.sampled_from([10, 15, 30, 60]),
)
def test_what_is_written_is_what_is_read(
    tmp_path: Path, values: list[int], decimal: str, step: int
) -> None:
    """Energy is conserved: the valid hours add up to the whole hours written."""
    start = np.datetime64("2022-10-29T22:00", "m")  # across the autumn change, in UTC
    lines = [
        f"a;{start + step * i}Z;{value // 10}{decimal}{value % 10}\n"
        for i, value in enumerate(values)
    ]
    found = read(write(tmp_path, HEADER + "".join(lines)), "electricity")
    per_hour = 60 // step
    whole = len(values) // per_hour * per_hour
    assert np.nansum(found.columns["load_kwh"]) == pytest.approx(sum(values[:whole]) / 10)
    assert found.valid.sum() == whole // per_hour
