"""Log a Run to MLflow: the only file that imports it.

MLflow is a *view* of the runs, never their source of truth: everything here can be written
again from the ``run.json`` files. One experiment per use case, one parent run per
(use case, task), one child per rung. Units stand in the metric names. Telemetry is off and
no socket is opened: the store is a sqlite file beside the results.
"""

import json
import logging
import os
import re
import sys
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np

from common.edge.errors import UsageError
from common.lab.record import Footprint, Run, RungResult
from common.lab.tracked import Logged, run_metrics, rung_metrics, safe_name

__all__ = ["default_store", "log", "log_comparison", "search", "ui_command"]

RUN_TAG = "aune.run"
COMPLETE_TAG = "aune.complete"
_SILENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "GIT_PYTHON_REFRESH": "quiet",
}
_KNOWN_WARNINGS = (
    r"The ``noload`` loader strategy is deprecated",  # MLflow's use of SQLAlchemy 2.1
    r".*Any type hint is inferred as AnyType",  # MLflow's own pyfunc, at import
)
_MAX_TAG = 5000  # characters that MLflow keeps of a tag's value
_TENSORS = {"tensor(float)": "float32", "tensor(int64)": "int64", "tensor(bool)": "bool"}
# Requirements of the logged model, given so that MLflow does not infer them in a subprocess
# (3.8 s against 0.10 s, briefs/mlops.md 5).
_MODEL_NEEDS = ("numpy", "onnxruntime")


def log(run: Run, folder: Path, *, store: str | None = None) -> str:
    """Log a run once and return the id of its parent run in MLflow.

    Logging the same ``run.id`` again changes nothing and returns the existing parent. A
    parent without the tag ``aune.complete`` was left half-written by a killed process: it is
    deleted with its children and written anew.

    Parameters
    ----------
    run
        What to log.
    folder
        The run's folder. Its ``*.html`` pages, its ``*.json`` records and its first
        ``model.onnx`` (at any depth) are kept as artifacts.
    store
        MLflow tracking URI; None for :func:`default_store`.

    Raises
    ------
    UsageError
        When ``folder`` does not exist.
    """
    if not folder.is_dir():
        raise UsageError(f"run folder {folder} does not exist", expected="the folder of a run")
    uri = store or default_store(folder)
    with _session(uri) as client:
        experiment = _experiment(client, run.usecase, uri)
        for known in _parents(client, [experiment], f"tags.`{RUN_TAG}` = '{run.id}'"):
            if known.data.tags.get(COMPLETE_TAG) == "true":
                return str(known.info.run_id)
            _discard(client, experiment, known.info.run_id)
        return _write(client, experiment, run, folder)


def log_comparison(
    comparison: Logged,
    entries: Sequence[Logged],
    *,
    experiment: str,
    store: str,
    artifacts: Sequence[Path] = (),
) -> str:
    """Log a comparison once: a parent run, and a child for each entry.

    A comparison is known by its tag ``aune.run`` (its body hash): logging it again changes
    nothing; what a killed process left half-written is deleted and written anew.

    Parameters
    ----------
    comparison, entries
        The parent and its children.
    experiment
        Name of the use case.
    store
        MLflow tracking URI.
    artifacts
        Files kept with the parent.

    Returns
    -------
    str
        Id of the parent run.

    Raises
    ------
    UsageError
        The comparison has no ``aune.run``.
    """
    identity = comparison.tags.get(RUN_TAG, "")
    if not re.fullmatch(r"[\w.-]+", identity):
        raise UsageError(f"a comparison with {RUN_TAG} {identity!r}", expected="its body hash")
    with _session(store) as client:
        place = _experiment(client, experiment, store)
        query = f"tags.`{RUN_TAG}` = '{identity}' and tags.`aune.role` = 'comparison'"
        for known in client.search_runs([place], query):
            if known.data.tags.get(COMPLETE_TAG) == "true":
                return str(known.info.run_id)
            _discard(client, place, known.info.run_id)
        parent = _write_logged(client, place, comparison, {"aune.role": "comparison"})
        for entry in entries:
            _write_logged(
                client, place, entry, {"aune.role": "entry", "mlflow.parentRunId": parent}
            )
        for path in artifacts:
            client.log_artifact(parent, str(path))
        client.set_tag(parent, COMPLETE_TAG, "true")
        return parent


def _write_logged(client: Any, experiment: str, what: Logged, links: Mapping[str, str]) -> str:
    tags = {name: str(value)[:_MAX_TAG] for name, value in {**what.tags, **links}.items()}
    run = client.create_run(experiment, run_name=what.name, tags=tags)
    _batch(client, run.info.run_id, what.metrics, what.params)
    client.set_terminated(run.info.run_id)
    return str(run.info.run_id)


def search(store: str, usecase: str | None = None, task: str | None = None) -> list[dict[str, Any]]:
    """Return the complete parent runs of a store, newest first.

    Returns
    -------
    list of dict
        ``run`` (Aune's id), ``mlflow`` (MLflow's id), ``metrics``, ``params`` and ``tags``.
    """
    with _session(store) as client:
        wanted = [
            item.experiment_id
            for item in client.search_experiments()
            if item.name != "Default" and usecase in (None, item.name)
        ]
        query = f"tags.`{COMPLETE_TAG}` = 'true'"
        if task is not None:
            query += f" and tags.task = '{_quoted(task)}'"
        return [
            {
                "run": found.data.tags[RUN_TAG],
                "mlflow": found.info.run_id,
                "metrics": dict(found.data.metrics),
                "params": dict(found.data.params),
                "tags": dict(found.data.tags),
            }
            for found in (_parents(client, wanted, query) if wanted else [])
        ]


def ui_command(store: str, port: int = 5000) -> list[str]:
    """Return the command of MLflow's pages over ``store``, on this machine only.

    The command sets its own environment: job execution off (2 server processes instead
    of 10, ``briefs/mlops.md`` 5), telemetry off.

    Examples
    --------
    >>> command = ui_command("sqlite:///results/mlflow.db")
    >>> command[command.index("--host") + 1], command[-2:]
    ('127.0.0.1', ['--workers', '1'])
    """
    settings = {**_SILENT, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    return [
        "env",
        *(f"{name}={value}" for name, value in settings.items()),
        sys.executable,
        "-m",
        "mlflow",
        "ui",
        "--backend-store-uri",
        store,
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        "--workers",
        "1",
    ]


def default_store(folder: Path) -> str:
    """Return ``sqlite:///<results>/mlflow.db``.

    ``<results>`` is the nearest folder above called ``results``, or the parent folder.
    """
    place = folder.resolve()
    results = next((up for up in place.parents if up.name == "results"), place.parent)
    return f"sqlite:///{results / 'mlflow.db'}"


@contextmanager
def _session(uri: str) -> Iterator[Any]:
    """Give a client of ``uri`` with telemetry off, and put MLflow's globals back after."""
    os.environ.update(_SILENT)
    with warnings.catch_warnings():
        _silence_known_warnings()
        import mlflow  # slow (seconds): only when something is logged
        from mlflow.tracking import MlflowClient

        logging.getLogger("mlflow").setLevel(logging.WARNING)  # the CLI says what is done
        if uri.startswith("sqlite:///"):
            Path(uri.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
        before = mlflow.get_tracking_uri()
        mlflow.set_tracking_uri(uri)
        try:
            yield MlflowClient(uri)
        finally:
            mlflow.set_tracking_uri(before)


def _silence_known_warnings() -> None:
    """Ignore what MLflow's own dependencies are known to say; nothing else."""
    for message in _KNOWN_WARNINGS:
        warnings.filterwarnings("ignore", message=message)


def _experiment(client: Any, name: str, uri: str) -> str:
    known = client.get_experiment_by_name(name)
    if known is not None:
        return str(known.experiment_id)
    location = None
    if uri.startswith("sqlite:///"):
        folder = Path(uri.removeprefix("sqlite:///")).resolve().parent
        location = (folder / "mlartifacts" / name).as_uri()
    return str(client.create_experiment(name, artifact_location=location))


def _parents(client: Any, experiments: Sequence[str], query: str) -> list[Any]:
    return list(client.search_runs(experiments, query + " and tags.`aune.role` = 'parent'"))


def _quoted(text: str) -> str:
    """Return ``text`` for a filter; names with a quote cannot match anything."""
    return re.sub(r"[^\w.-]", "_", text)


def _discard(client: Any, experiment: str, parent: str) -> None:
    """Delete a half-written parent and its children."""
    for child in client.search_runs([experiment], f"tags.`mlflow.parentRunId` = '{parent}'"):
        client.delete_run(child.info.run_id)
    client.delete_run(parent)


def _write(client: Any, experiment: str, run: Run, folder: Path) -> str:
    tags = _tags(run)
    parent = client.create_run(
        experiment, run_name=f"{run.task} {run.id}", tags={**tags, "aune.role": "parent"}
    )
    parent_id = str(parent.info.run_id)
    chosen = run.row(run.chosen)
    _batch(client, parent_id, {**rung_metrics(chosen), **run_metrics(run)}, _params(run))
    for result in run.ladder:
        _write_rung(client, experiment, parent_id, tags, result)
    _log_dataset(client, parent_id, run)
    _log_files(client, parent_id, run, folder)
    _log_model(parent_id, run, folder)
    client.set_terminated(parent_id)
    client.set_tag(parent_id, COMPLETE_TAG, "true")
    return parent_id


def _write_rung(
    client: Any, experiment: str, parent: str, tags: Mapping[str, str], result: RungResult
) -> None:
    child = client.create_run(
        experiment,
        run_name=result.rung,
        tags={
            **tags,
            **_tier_tags(result.footprints),
            "aune.role": "rung",
            "mlflow.parentRunId": parent,
            "rung": result.rung,
            "rung.kind": result.kind,
            "rung.scope": result.scope,
            "rung.qualifies": str(result.qualifies).lower(),
        },
    )
    _batch(client, child.info.run_id, rung_metrics(result), {"rung": result.title})
    client.set_terminated(child.info.run_id)


def _batch(
    client: Any, run_id: str, metrics: Mapping[str, float], params: Mapping[str, Any]
) -> None:
    """Write everything in one transaction; figures that nobody measured are left out."""
    from mlflow.entities import Metric, Param

    now = int(time.time() * 1000)
    client.log_batch(
        run_id,
        metrics=[Metric(k, float(v), now, 0) for k, v in metrics.items() if isfinite(v)],
        params=[Param(name, str(value)[:_MAX_TAG]) for name, value in params.items()],
    )


def _tags(run: Run) -> dict[str, str]:
    """Return what identifies the evidence: data, code, lock, machine, tier."""
    data, where = run.dataset, run.environment
    tags = {
        RUN_TAG: run.id,
        "task": run.task,
        "task.version": run.task_version,
        "profile": run.profile,
        "dataset.name": data.get("name", ""),
        "dataset.digest": _digest(run),
        "dataset.proxy": data.get("proxy", ""),
        "simulated": str(bool(data.get("simulated"))).lower(),
        "code.commit": where.get("code_commit", ""),
        "code.sha256": where.get("code_sha256", ""),
        "lock.sha256": where.get("lock_sha256", ""),
        "created": run.created,
        **_tier_tags(run.row(run.chosen).footprints),
    }
    return {name: str(value)[:_MAX_TAG] for name, value in tags.items() if value != ""}


def _digest(run: Run) -> str:
    return str(run.dataset.get("digest") or run.dataset.get("sha256") or "")


def _tier_tags(footprints: Mapping[str, Footprint]) -> dict[str, str]:
    """Return the evidence tier and quality of each stage, and the machine."""
    tags: dict[str, str] = {}
    for stage, footprint in sorted(footprints.items()):
        tags[f"energy.{stage}.tier"] = footprint.tier
        tags[f"energy.{stage}.quality"] = footprint.quality
    if footprints:
        tags["energy.tier"] = ",".join(sorted({item.tier for item in footprints.values()}))
        tags["hw"] = ",".join(sorted({item.hardware for item in footprints.values()}))
    return tags


def _params(run: Run) -> dict[str, Any]:
    return {
        "chosen": run.chosen,
        "margin": run.margin,
        "seed": run.seed,
        "question": run.question,
        "reason": run.reason,
        **{f"split.{name}": value for name, value in run.split.items()},
    }


def _log_dataset(client: Any, parent: str, run: Run) -> None:
    """Record which data were read: their name and digest, never the rows."""
    from mlflow.entities import Dataset, DatasetInput, InputTag

    data = run.dataset
    described = {key: value for key, value in data.items() if isinstance(value, (str, int, bool))}
    client.log_inputs(
        parent,
        [
            DatasetInput(
                Dataset(
                    name=str(data.get("name", "")),
                    digest=_digest(run)[:36],  # MLflow's column is that wide
                    source_type="aune",
                    source=json.dumps(described, ensure_ascii=False, sort_keys=True),
                ),
                [InputTag("mlflow.data.context", "training")],
            )
        ],
    )


def _log_files(client: Any, parent: str, run: Run, folder: Path) -> None:
    client.log_text(parent, run.to_json(), "run.json")
    for path in sorted((*folder.glob("*.html"), *folder.glob("*.json"))):
        if path.name != "run.json":
            client.log_artifact(parent, str(path))


def _log_model(parent: str, run: Run, folder: Path) -> None:
    """Log the chosen graph as an MLflow model with its interface, if it was exported."""
    path = next(iter(sorted(folder.rglob("model.onnx"))), None)
    if path is None:
        return
    import mlflow
    import mlflow.onnx
    import onnx

    with mlflow.start_run(run_id=parent, log_system_metrics=False):
        mlflow.onnx.log_model(
            onnx.load(path),
            name=safe_name(run.chosen).replace("/", "_").replace(".", "_"),
            signature=_signature(path),
            pip_requirements=list(_MODEL_NEEDS),
            save_as_external_data=False,
        )


def _signature(path: Path) -> Any:
    """Return the graph's named tensors as an MLflow signature; -1 stands for free sizes."""
    import onnxruntime
    from mlflow.models import ModelSignature
    from mlflow.types import Schema, TensorSpec

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])

    def schema(fields: Sequence[Any]) -> Any:
        return Schema(
            [
                TensorSpec(
                    np.dtype(_TENSORS.get(field.type, "float64")),
                    tuple(size if isinstance(size, int) else -1 for size in field.shape),
                    field.name,
                )
                for field in fields
            ]
        )

    return ModelSignature(schema(session.get_inputs()), schema(session.get_outputs()))
