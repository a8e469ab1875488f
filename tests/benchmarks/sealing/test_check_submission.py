"""The vendor's offline check, run as a vendor runs it: the standard library and nothing else."""

import subprocess
import sys

import pytest


@pytest.fixture
def check(pack):
    """Run check_submission.py on bytes; give exit code and text."""

    def run(content):
        path = pack.folder.parent / "answers.csv"
        path.write_bytes(content)
        script = pack.folder / "vendor" / "check_submission.py"
        done = subprocess.run(
            [sys.executable, "-I", "-S", str(script), str(path)], capture_output=True, check=False,
            cwd=pack.folder.parent, timeout=60,
        )  # fmt: skip
        assert done.stderr == b""
        return done.returncode, done.stdout.decode()

    return run


@pytest.fixture
def example(pack):
    return (pack.folder / "vendor" / "example_submission.csv").read_text(encoding="utf-8")


def test_the_example_is_acceptable(check, example):
    """What we hand out as valid is."""
    code, text = check(example.encode())
    assert code == 0
    assert "Recevable : 12 lignes pour 12 questions." in text
    assert "Acceptable: 12 lines for 12 questions." in text


def test_other_ways_to_write_the_same_are_acceptable(check, example):
    """BOM, CRLF, semicolons with decimal commas, another offset of the same instant."""
    semicolons = example.replace(",", ";").replace("11.0", "11,0").replace("\n", "\r\n")
    assert check(b"\xef\xbb\xbf" + semicolons.encode())[0] == 0
    local = example.replace("2022-03-26T00:00:00Z", "2022-03-26T01:00:00+01:00")
    assert check(local.encode())[0] == 0
    extra = example.replace("\n", ",note\n")
    assert check(extra.encode())[0] == 0


HEADER = "site,issue_time_utc,target_time_utc"


def one_changed(example, old, new):
    return example.replace(old, new, 1).encode()


@pytest.mark.parametrize(("rule", "change"), [
    ("missing-rows", lambda x: x[: x.rstrip().rindex("\n") + 1].encode()),
    ("duplicate", lambda x: (x + x.splitlines()[1] + "\n").encode()),
    ("not-asked", lambda x: one_changed(x, "école", "gymnase")),
    ("not-asked", lambda x: one_changed(x, "T00:00:00Z", "T01:00:00Z")),
    ("formula", lambda x: one_changed(x, "école", "=HYPERLINK(1)")),
    ("formula", lambda x: one_changed(x, "11.0", "=1+1")),
    ("not-a-number", lambda x: one_changed(x, "11.0", "11 kWh")),
    ("not-a-number", lambda x: one_changed(x, "11.0", "")),
    ("not-a-number", lambda x: one_changed(x, "11.0", "1_1")),
    ("not-finite", lambda x: one_changed(x, "11.0", "nan")),
    ("not-finite", lambda x: one_changed(x, "11.0", "1e999")),
    ("out-of-range", lambda x: one_changed(x, "11.0", "-0.1")),
    ("out-of-range", lambda x: one_changed(x, "11.0", "1000001")),
    ("naive-time", lambda x: one_changed(x, "T00:00:00Z", "T00:00:00")),
    ("time", lambda x: one_changed(x, "2022-03-26T00:00:00Z", "26/03/2022 00:00")),
    ("ragged-row", lambda x: one_changed(x, "11.0", "11.0,12")),
    ("header", lambda x: one_changed(x, "q50", "median")),
    ("header", lambda x: one_changed(x, "q50", "site")),
    ("header", lambda x: b"\n"),
    ("file", lambda x: b""),
    ("encoding", lambda x: x.encode("latin-1")),
    ("encoding", lambda x: x.encode("utf-16")),
    ("nul-byte", lambda x: one_changed(x, "11.0", "1\0")),
    ("quotes", lambda x: one_changed(x, "école", '"éco\nle"')),
    ("line-length", lambda x: one_changed(x, "11.0", "1" * 70000)),
    ("compressed", lambda x: b"PK\x03\x04" + x.encode()),
])  # fmt: skip
def test_each_fault_is_named_with_its_line(check, example, rule, change):
    """One fault, one rule, exit 3, in both languages."""
    code, text = check(change(example))
    assert code == 3
    assert f"REFUSÉ / REFUSED [{rule}]" in text
    assert text.endswith("REFUSED: mend the above.\n")


def test_lines_are_numbered_as_an_editor_does(check, example):
    """The header is line 1; the first ten are named."""
    _, text = check(one_changed(example, "11.0", "-1"))
    assert "[out-of-range] × 1 (lignes / lines 2)" in text
    _, text = check(example.replace("11.0", "-1").encode())
    assert "[out-of-range] × 12 (lignes / lines 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, …)" in text


def test_crossing_quantiles_are_refused_and_partly_filled_columns_too(check, example):
    """They are never sorted for the vendor."""
    lines = example.splitlines()
    head = lines[0] + ",q90"
    good = [head, *(f"{line},12.5" for line in lines[1:])]
    assert check("\n".join(good).encode())[0] == 0
    crossed = [*good[:-1], lines[-1] + ",3.5"]
    assert "[quantile-order] × 1 (lignes / lines 13)" in check("\n".join(crossed).encode())[1]
    partial = [*good[:-1], lines[-1] + ","]
    assert "REFUSED [partial-column]" in check("\n".join(partial).encode())[1]
    empty = [head, *(f"{line}," for line in lines[1:])]
    code, text = check("\n".join(empty).encode())
    assert (code, "note [empty-column]" in text) == (0, True)


def test_a_wrong_call_says_how(pack):
    """Exit 2 is not a verdict on the file."""
    script = pack.folder / "vendor" / "check_submission.py"
    command = [sys.executable, "-I", "-S", str(script)]
    done = subprocess.run(command, capture_output=True, check=False, timeout=60)
    assert done.returncode == 2
    assert b"check_submission.py" in done.stderr
