"""The peers are pinned, the model is one, and a short run of the bench holds together."""

import json
import re
import tomllib

import numpy as np
import pytest

from benchmarks.serving import __main__ as command
from benchmarks.serving import rounds
from benchmarks.serving.environments import OURS, PEERS, ROOT, install
from benchmarks.serving.model import INPUT, N_FEATURES, build
from benchmarks.serving.protocols import Answered
from benchmarks.serving.report.record import Run
from benchmarks.serving.report.table import markdown
from benchmarks.serving.rounds import Options
from benchmarks.serving.servers import SERVERS
from benchmarks.serving.stands import Truth
from common.edge.bundle import Bundle
from common.edge.errors import DataError, UsageError

LOCKS = sorted(PEERS.glob("*/requirements.lock"))


def pinned(lock):
    """Return package to version of a lock."""
    return dict(re.findall(r"^([A-Za-z0-9_.-]+)==([^ ;\\]+)", lock.read_text(), re.MULTILINE))


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.parent.name)
def test_each_lock_pins_by_hash_and_names_no_place(lock):
    text = lock.read_text()
    assert "://" not in text
    assert "--index-url" not in text
    blocks = re.split(r"\n(?=\S)", text.strip())
    assert len(blocks) == len(pinned(lock)) > 10
    assert all("--hash=sha256:" in block for block in blocks)


def test_there_is_a_lock_for_each_server():
    assert {lock.parent.name for lock in LOCKS} == {s.environment for s in SERVERS.values()}


def test_ours_is_the_base_dependencies_at_the_versions_of_our_lock():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = {re.match(r"[A-Za-z0-9_-]+", item)[0] for item in project["dependencies"]}
    ours = pinned(PEERS / OURS / "requirements.lock")
    assert wanted <= ours.keys()
    assert not {"pandas", "mlflow", "lightgbm", "scikit-learn", "onnx"} & ours.keys()
    everything = (ROOT / "requirements.lock").read_text()  # some packages once for each Python
    for name, version in ours.items():
        assert f"\n{name}=={version} " in f"\n{everything}"


@pytest.mark.parametrize(
    "wrong",
    [{"servers": ("nginx",)}, {"servers": ()}, {"seconds": 0}, {"rows": (0,)}, {"connections": 0}],
    ids=str,
)
def test_options_that_mean_nothing_are_refused(wrong):
    with pytest.raises(UsageError):
        Options(**wrong)


def test_a_server_that_is_not_there_ends_with_the_code_of_a_wrong_call(capsys):
    assert command.main(["--only", "nginx"]) == 2
    assert "nginx" in capsys.readouterr().err


has_history = pytest.mark.skipif(not (ROOT / ".git").exists(), reason="a copy without history")


@has_history
def test_a_commit_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(UsageError, match="no-such-commit"):
        rounds._code("no-such-commit", tmp_path / "code")


@has_history
def test_a_commit_is_measured_as_it_was(tmp_path):
    folder, commit = rounds._code("HEAD", tmp_path / "code")
    assert (folder / "common" / "edge" / "serving" / "__main__.py").exists()
    assert re.fullmatch("[0-9a-f]{40}", commit)


def test_an_unknown_environment_names_the_known_ones():
    with pytest.raises(UsageError, match="fastapi"):
        install("nginx")


class _Session:
    """Answers twice the first input, and the inputs as contributions."""

    def run(self, names, inputs):
        rows = inputs[INPUT]
        outputs = {"prediction": 2 * rows[:, :1], "contributions": rows[:, None, :]}
        return [outputs[name] for name in names]


@pytest.mark.parametrize(
    ("prediction", "share", "right"),
    [(2.0, 1.0, True), (2.00001, 1.0, True), (2.001, 1.0, False), (2.0, 1.001, False)],
)
def test_an_answer_of_another_value_ends_the_bench(prediction, share, right):
    truth = Truth(_Session(), np.ones((4, 3), np.float32))
    found = Answered(np.full(2, prediction, np.float32), np.full((2, 3), share, np.float32))
    rows = truth.asked(1, 2)
    if right:
        truth.check("someone", rows, found)
        return
    with pytest.raises(DataError, match="someone"):
        truth.check("someone", rows, found)


def test_an_answer_for_fewer_rows_ends_the_bench():
    truth = Truth(_Session(), np.ones((4, 3), np.float32))
    one = Answered(np.full(1, 2, np.float32), np.ones((1, 3), np.float32))
    with pytest.raises(DataError, match="prediction"):
        truth.check("someone", truth.asked(0, 2), one)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    return build(tmp_path_factory.mktemp("model"))


@pytest.mark.slow
def test_the_model_adds_up_and_is_what_the_bundle_holds(built):
    bundle = Bundle.open(built.bundle, [built.public_key])
    rows = built.rows()[:50]
    found = bundle.predict({INPUT: rows})
    assert found["contributions"].shape == (50, 1, N_FEATURES)
    total = found["baseline"] + found["contributions"].sum(axis=2)
    np.testing.assert_allclose(found["prediction"], total, atol=1e-4)
    assert (found["lower"] < found["prediction"]).all()
    assert (found["prediction"] < found["upper"]).all()
    assert bundle.manifest.simulated
    Truth.of(built).check(
        "the bundle",
        rows,
        Answered(found["prediction"].reshape(-1), found["contributions"].reshape(50, -1)),
    )


@pytest.mark.slow
def test_a_folder_that_is_complete_is_not_built_again(built):
    before = built.onnx.stat().st_mtime_ns
    assert build(built.folder) == built
    assert built.onnx.stat().st_mtime_ns == before


@pytest.mark.slow
def test_a_short_run_measures_ours_and_fastapi(built, tmp_path, capsys):
    """Both are started, asked in five ways, checked, weighed and ended."""
    for name in (OURS, "fastapi"):
        try:
            install(name)
        except UsageError as error:
            pytest.skip(f"the environment of {name} cannot be installed: {error.found[-200:]}")
    folder, output = tmp_path / "work", tmp_path / "run.json"
    folder.mkdir()
    (folder / "model").symlink_to(built.folder)
    code = command.main([
        "--only", "ours,fastapi", "--seconds", "1", "--rounds", "1", "--starts", "1",
        "--folder", str(folder), "--output", str(output),
    ])  # fmt: skip
    printed = capsys.readouterr()
    assert code == 0, printed.err
    run = Run.load(output)
    assert [start.server for start in run.starts] == ["ours", "fastapi"]
    assert all(start.cpu_s > 0.1 and start.pss_mb > 20 for start in run.starts)
    doors = [*SERVERS["ours"].doors, *SERVERS["fastapi"].doors]
    assert len(run.windows) == 2 * (len(doors) + 1)  # 1 row and 100 rows; the graph alone
    alone = {window.rows: window for window in run.windows if window.server == "graph"}
    for window in run.windows:  # no server is faster than its graph, but for noise
        assert window.per_core <= 1.5 * alone[window.rows].per_core
    assert all(window.answers > 8 and window.cpu_s > 0 for window in run.windows)
    assert run.versions["fastapi"] == pinned(PEERS / "fastapi" / "requirements.lock")["fastapi"]
    assert "1 row: ours friendly / fastapi rows" in printed.out
    assert command.main(["--show", str(output)]) == 0
    assert capsys.readouterr().out == printed.out
    assert json.loads(output.read_text())["schema"] == 1


def test_the_figures_of_the_readme_are_those_of_the_newest_run():
    serving = ROOT / "benchmarks" / "serving"
    newest = sorted((serving / "runs").glob("*.json"))[-1]
    assert markdown(Run.load(newest)) in (serving / "README.md").read_text("utf-8")
