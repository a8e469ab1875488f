"""Prediction files: every fault named with its line, no exception, bounded memory."""

import dataclasses
import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.edge.errors import UsageError
from common.lab.contest import Column, Limits, Questions, parse_rows

HEADER = "site,issue_utc,target_utc,forecast_kwh"


def stamps(questions):
    return zip(*(questions.keys[name] for name in ("site", "issue_utc", "target_utc")), strict=True)


def good_lines(questions):
    """The header, then 10.5 kWh for each question: 481 lines."""
    return [HEADER] + [
        f"{site},{issue}Z,{target}Z,10.5" for site, issue, target in stamps(questions)
    ]


@pytest.fixture
def parse(tmp_path, questions, columns):
    """Parse text or bytes as a file."""

    def run(content, name="predictions.csv", **limits):
        if isinstance(content, list):
            content = "\n".join(content) + "\n"
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return parse_rows(path, questions, columns, dataclasses.replace(Limits(), **limits))

    return run


def rule(submission, name):
    """The finding of that rule; fails where there is none."""
    return next(finding for finding in submission.findings if finding.rule == name)


def spoiled(questions, line, old, new):
    """Good lines with one cell changed; ``line`` counts from 1."""
    lines = good_lines(questions)
    assert old in lines[line - 1]
    lines[line - 1] = lines[line - 1].replace(old, new, 1)
    return lines


def test_a_good_file_is_read_without_a_finding(parse, questions):
    read = parse(good_lines(questions))
    assert read.findings == ()
    assert read.n_lines == len(questions) == 480
    assert np.array_equal(read.line, np.arange(2, 482))
    assert np.all(read.answers["forecast_kwh"] == 10.5)
    assert set(read.answers) == {"forecast_kwh"}  # quantiles were left out altogether


def test_rows_come_back_in_the_order_of_the_questions(parse, questions):
    lines = good_lines(questions)
    lines[1] = lines[1].replace("10.5", "99.5")
    read = parse([lines[0], *lines[:0:-1]])
    assert read.answers["forecast_kwh"][0] == 99.5
    assert read.line[0] == 481  # the first question is on the last line


@pytest.mark.parametrize("offset", ["+00:00", "+02:00", "-0330"])
def test_offsets_are_converted_to_utc(parse, questions, offset):
    hours = {"+00:00": 0, "+02:00": 120, "-0330": -210}[offset]
    shift = np.timedelta64(hours, "m")
    lines = [HEADER] + [
        f"{s},{i + shift}{offset},{t + shift}{offset},1" for s, i, t in stamps(questions)
    ]
    assert parse(lines).findings == ()


def test_semicolons_allow_decimal_commas_and_a_byte_order_mark(parse, questions):
    lines = [line.replace(",", ";").replace("10.5", "10,5") for line in good_lines(questions)]
    read = parse("\ufeff" + "\r\n".join(lines))
    assert read.findings == ()
    assert np.all(read.answers["forecast_kwh"] == 10.5)


def test_quoted_cells_are_read(parse, questions):
    lines = [",".join(f'"{cell}"' for cell in line.split(",")) for line in good_lines(questions)]
    assert parse(lines).findings == ()


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("bat-000", "bat-999", "unknown-id"),
        ("bat-000", "=1+1", "formula"),
        ("bat-000", "@SUM(A1)", "formula"),
        ("10.5", "=10.5", "formula"),
        ("10.5", "10.5 kWh", "not-a-number"),
        ("10.5", "0x10", "not-a-number"),
        ("10.5", "1e999", "not-finite"),
        ("10.5", "nan", "not-finite"),
        ("10.5", "-inf", "not-finite"),
        ("10.5", "-0.1", "out-of-range"),
        ("10.5", "10.5,7", "ragged-row"),
        ("Z", "", "naive-time"),
        ("2022-01", "2022-02-30", "time"),
        ("2022-01-10T12", "2021-01-10T12", "not-asked"),
        ("bat-000", '"bat-000', "quotes"),
        ("bat-000", "bat\x00000", "nul-byte"),
    ],
)
def test_each_fault_is_refused_with_its_line(parse, questions, old, new, expected):
    found = rule(parse(spoiled(questions, 7, old, new)), expected)
    assert found.severity == "refused"
    assert found.rows == (7,)
    assert "Attendu" in found.message
    assert "À faire" in found.message


def test_line_numbers_stay_right_across_blocks_and_ragged_lines(parse, questions):
    lines = spoiled(questions, 300, "10.5", "x")
    lines[9] = "ragged"
    lines[19] = ""
    read = parse(lines, block_bytes=1000)
    assert rule(read, "not-a-number").rows == (300,)
    assert rule(read, "ragged-row").rows == (10,)
    assert read.n_lines == 478  # 480 less the ragged and the blank one
    assert rule(read, "missing-rows").severity == "note"


def test_only_the_first_ten_lines_are_listed_and_all_are_counted(parse, questions):
    found = rule(
        parse([line.replace("10.5", "-1") for line in good_lines(questions)]), "out-of-range"
    )
    assert found.count == 480
    assert found.rows == tuple(range(2, 12))


@pytest.mark.parametrize("block_bytes", [200, 2**20])
def test_a_duplicate_names_its_second_line_and_the_first_counts(parse, questions, block_bytes):
    lines = good_lines(questions)
    lines.append(lines[3].replace("10.5", "77"))
    read = parse(lines, block_bytes=block_bytes)
    found = rule(read, "duplicate")
    assert found.rows == (482,)
    assert "la ligne 482 répète la ligne 4" in found.message
    assert read.answers["forecast_kwh"][2] == 10.5


@pytest.mark.parametrize(("dropped", "severity"), [(9, "note"), (10, "refused")])
def test_up_to_two_per_cent_may_be_missing(parse, questions, dropped, severity):
    # 2 % of 480 questions are 9.6 rows.
    read = parse(good_lines(questions)[:-dropped])
    found = rule(read, "missing-rows")
    assert (found.count, found.severity) == (dropped, severity)
    assert read.missing.sum() == dropped


def test_an_empty_required_answer_counts_as_missing(parse, questions):
    read = parse(spoiled(questions, 2, "10.5", ""))
    assert rule(read, "missing-rows").count == 1
    assert read.missing[0]


@pytest.mark.parametrize(("hours", "words"), [(1, "+1 h 00"), (2, "+2 h 00"), (-3, "−3 h 00")])
def test_shifted_hours_are_explained(parse, questions, hours, words):
    shift = np.timedelta64(hours, "h")
    lines = [HEADER] + [f"{s},{i}Z,{t + shift}Z,1" for s, i, t in stamps(questions)]
    found = rule(parse(lines), "not-asked")
    assert found.count == abs(hours) * 20  # of 24 hours, in each of 4 x 5 days
    assert f"target_utc : tout est décalé de {words}" in found.message


def test_local_times_over_a_clock_change_are_explained(tmp_path, columns):
    # Paris moves from UTC+1 to UTC+2 on 27 March 2022, 01:00 UTC.
    target = np.datetime64("2022-03-26T00:00:00") + np.arange(72) * np.timedelta64(1, "h")
    local = target + np.where(target < np.datetime64("2022-03-27T01:00:00"), 1, 2).astype(
        "timedelta64[h]"
    )
    zeros = np.zeros(72)
    sites = np.full(72, "a", dtype=object)
    asked = Questions(
        {"site": sites, "target_utc": target}, sites, zeros, zeros, zeros, {}, zeros, zeros
    )
    path = tmp_path / "local.csv"
    path.write_text("site,target_utc,forecast_kwh\n" + "\n".join(f"a,{hour}Z,1" for hour in local))
    kept = (columns[0], columns[2], columns[3])
    assert "heures locales de Paris" in rule(parse_rows(path, asked, kept), "not-asked").message


def with_quantiles(questions, low, high):
    lines = good_lines(questions)
    return [lines[0] + ",q10_kwh,q90_kwh"] + [f"{line},{low},{high}" for line in lines[1:]]


def test_crossing_quantiles_are_refused_and_never_sorted(parse, questions):
    read = parse(with_quantiles(questions, 20, 5))
    assert rule(read, "quantile-order").severity == "refused"
    assert read.answers["q10_kwh"][0] == 20  # left as handed in
    assert parse(with_quantiles(questions, 5, 20)).findings == ()


def test_an_empty_optional_column_is_absent_and_a_partial_one_refused(parse, questions):
    read = parse(with_quantiles(questions, "", 20))
    assert "q10_kwh" not in read.answers
    assert rule(read, "empty-column").severity == "note"
    lines = with_quantiles(questions, 5, 20)
    lines[8] = lines[8].replace(",5,20", ",,20")
    assert rule(parse(lines), "partial-column").rows == (9,)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("site,issue_utc,forecast_kwh", "target_utc"),
        ("site,site,issue_utc,target_utc,forecast_kwh", "répétée : site"),
        ("bat-000,2022-01-10T12:00:00Z,2022-01-11T00:00:00Z,4", "absente"),
        ("", "absente"),
    ],
)
def test_a_header_that_does_not_fit_is_refused(parse, header, expected):
    assert expected in rule(parse([header, "a,b,c,d"]), "header").message


def test_extra_columns_are_a_note_and_never_read(parse, questions):
    lines = good_lines(questions)
    lines = [lines[0] + ",comment"] + [line + ",=cmd" for line in lines[1:]]
    read = parse(lines)
    assert [finding.rule for finding in read.findings] == ["extra-columns"]
    assert not read.refused


@pytest.mark.parametrize(
    ("content", "expected", "words"),
    [
        (b"", "empty-file", ""),
        (HEADER.encode(), "empty-file", "aucune ligne"),
        (b"PK\x03\x04rest", "compressed", "zip"),
        (b"\x1f\x8b\x08rest", "compressed", "gzip"),
        ("site;x\n".encode("utf-16"), "encoding", "UTF-16"),
        ("site;x\n".encode("utf-16-le"), "nul-byte", "UTF-16"),
        (HEADER.encode() + b"\nb\xe2timent,1,2,3\n", "encoding", "0xE2"),
        (b"a" * 70_000, "line-length", ""),
        (HEADER.encode() + b"\n" + b"a" * 200_000 + b"\n", "line-length", ""),
        (b"site,a\rb,c\r", "line-length", "CR"),
        (b"," * 60_000 + b"\n1", "too-many-columns", "60001"),
        (b"PAR1" + b"x" * 100, "parquet", "tronqué"),
        (b"PAR1" + b"x" * 100 + b"\xff\xff\xff\x7fPAR1", "parquet", "tronqué"),
        (b"PAR1" + b"x" * 100 + b"\x40\x00\x00\x00PAR1", "parquet", ""),
    ],
)  # fmt: skip
def test_hostile_bytes_are_findings(parse, content, expected, words):
    read = parse(content)
    assert words in rule(read, expected).message
    assert read.refused


def test_a_gigabyte_on_one_line_is_refused_after_one_block(tmp_path, questions, columns):
    path = tmp_path / "long.csv"
    with path.open("wb") as file:
        file.write(HEADER.encode() + b"\n")
        file.truncate(2**27)  # a sparse tail of NUL bytes
    assert parse_rows(path, questions, columns).refused
    assert rule(parse_rows(path, questions, columns, Limits(file_bytes=2**20)), "file-size")


def test_what_is_no_ordinary_file_is_refused(tmp_path, questions, columns):
    pipe, link, target = tmp_path / "pipe", tmp_path / "link.csv", tmp_path / "secret"
    os.mkfifo(pipe)
    target.write_text("\n".join(good_lines(questions)))
    link.symlink_to(target)
    for path in (tmp_path, pipe, link, tmp_path / "absent.csv", tmp_path / "n\0l"):
        assert rule(parse_rows(path, questions, columns), "special-file").severity == "refused"
    assert rule(parse_rows(Path("/dev/zero"), questions, columns), "special-file")


def test_reading_stops_when_there_are_far_too_many_rows(parse, questions):
    lines = good_lines(questions)
    read = parse([lines[0], *lines[1:] * 20], block_bytes=10_000)
    assert rule(read, "too-many-rows").severity == "refused"
    assert read.n_lines < 2 * 480 + 2000


def test_reading_stops_when_too_many_lines_are_ragged(parse):
    read = parse([HEADER] + ["x"] * 50_000, block_bytes=10_000)
    assert 1000 < rule(read, "ragged-row").count < 10_000


def parquet_table(questions, zone="UTC"):
    site, issue, target = (questions.keys[name] for name in ("site", "issue_utc", "target_utc"))
    stamp = pa.timestamp("s", zone)
    return pa.table({
        "site": pa.array(site, pa.string()),
        "issue_utc": pa.array(issue).cast(stamp),
        "target_utc": pa.array(target).cast(stamp),
        "forecast_kwh": np.full(len(site), 10.5),
    })  # fmt: skip


@pytest.fixture
def parse_table(tmp_path, questions, columns):
    def run(table, **limits):
        pq.write_table(table, tmp_path / "t.parquet", row_group_size=100)
        limit = dataclasses.replace(Limits(), **limits)
        return parse_rows(tmp_path / "t.parquet", questions, columns, limit)

    return run


def test_parquet_reads_like_csv(parse_table, questions):
    table = parquet_table(questions)
    read = parse_table(table)
    assert read.findings == ()
    assert np.all(read.answers["forecast_kwh"] == 10.5)
    texts = [pa.array([f"{t}Z" for t in questions.keys[n]]) for n in ("issue_utc", "target_utc")]
    table = table.set_column(1, "issue_utc", texts[0]).set_column(2, "target_utc", texts[1])
    assert parse_table(table).findings == ()


def test_parquet_faults_are_named_by_row(parse_table, questions):
    table = parquet_table(questions)
    values = np.full(480, 10.5)
    values[4], values[5] = np.nan, -1
    read = parse_table(table.set_column(3, "forecast_kwh", pa.array(values)))
    assert rule(read, "not-finite").rows == (6,)  # row 4, two lines down
    assert rule(read, "out-of-range").rows == (7,)
    assert rule(parse_table(parquet_table(questions, None)), "naive-time").count == 2 * 480
    nested = table.set_column(3, "forecast_kwh", pa.array([[1.0]] * 480))
    assert "list" in rule(parse_table(nested), "parquet").message


def test_parquet_limits_hold(parse_table, questions):
    table = parquet_table(questions)
    assert "groupes" in rule(parse_table(table, row_groups=4), "parquet").message  # it has five
    assert "décompressé" in rule(parse_table(table, group_bytes=100), "parquet").message
    assert "métadonnées" in rule(parse_table(table, footer_bytes=10), "parquet").message


def test_a_text_repeated_a_million_times_stays_one_text(parse_table, questions):
    bomb = pa.table({
        "site": pa.DictionaryArray.from_arrays(np.zeros(20_000, np.int32), ["x" * 100_000]),
        "issue_utc": pa.array(["x"] * 20_000), "target_utc": pa.array(["x"] * 20_000),
        "forecast_kwh": np.ones(20_000)})  # fmt: skip
    read = parse_table(bomb)  # 2 GB of text if it were spread out
    assert read.refused
    assert len(rule(read, "unknown-id").message) < 400


@settings(max_examples=40, deadline=None)
@given(noise=st.binary(max_size=300), at=st.integers(0, 2000))
def test_no_bytes_raise(tmp_path_factory, questions, columns, noise, at):
    """Whatever is written into a file, reading it gives findings."""
    content = "\n".join(good_lines(questions)).encode()
    path = tmp_path_factory.mktemp("fuzz") / "f.csv"
    path.write_bytes(content[:at] + noise + content[at:])
    read = parse_rows(path, questions, columns, Limits(block_bytes=500))
    assert len(read.line) == 480


def test_misuse_by_a_programmer_is_an_error(questions, columns, tmp_path):
    with pytest.raises(UsageError, match="no required answer"):
        parse_rows(tmp_path / "x", questions, columns[:3])
    with pytest.raises(UsageError, match="without the key"):
        parse_rows(tmp_path / "x", questions, (Column("nobody", "text", "", "", ""), *columns))
    zeros = np.zeros(2)
    same = {"site": np.array(["a", "a"])}
    twice = Questions(same, zeros, zeros, zeros, zeros, {}, zeros, zeros)
    with pytest.raises(UsageError, match="same keys"):
        parse_rows(tmp_path / "x", twice, (columns[0], columns[3]))
