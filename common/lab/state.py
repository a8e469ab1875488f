"""State that changes between trainings: kept beside a bundle, one entry per site."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from common.edge.bundle import Bundle
from common.edge.errors import DataError, UsageError
from common.lab.dataset import Array

__all__ = ["State", "read_state", "write_state"]

STATE_SCHEMA = 1
_TEXTS = ("bundle", "task", "created", "dataset")


@dataclass(frozen=True)
class State:
    """What calibration keeps beside a bundle.

    Parameters
    ----------
    bundle
        Digest of the bundle that it was computed with.
    task
        Task id.
    created
        ISO 8601 UTC.
    dataset
        Name of the data set that it was computed from; says SIMULATED where it was.
    sites
        Site to input name to value of one row.
    """

    bundle: str
    task: str
    created: str
    dataset: str
    sites: Mapping[str, Mapping[str, Array]]

    def inputs(self, bundle: Bundle, sites: Array) -> dict[str, Array]:
        """Return the state inputs of rows that belong to ``sites``, shape (n,), text.

        Raises
        ------
        DataError
            The state was made with another bundle, or holds no such site.
        """
        if self.bundle != bundle.digest:
            raise DataError(
                f"the state was made with bundle {self.bundle[:12]}",
                expected=f"bundle {bundle.digest[:12]}, which is open",
                remedy="calibrate again with this bundle",
            )
        unknown = sorted({str(site) for site in sites} - set(self.sites))
        if unknown:
            raise DataError(
                f"no state for {', '.join(unknown[:5])}",
                expected="one of " + ", ".join(list(self.sites)[:20]),
                remedy="calibrate with the site's data, or predict without a state: a new site "
                "starts with the manifest's default",
            )
        rows = [self.sites[str(site)] for site in sites]
        return {name: np.stack([row[name] for row in rows]) for name in (rows[0] if rows else ())}


def read_state(path: Path) -> State:
    """Read a state file back.

    Raises
    ------
    UsageError
        There is no such file.
    DataError
        It is not a state of the schema that this version writes.
    """
    if not path.is_file():
        raise UsageError(
            f"there is no file {path}", expected="a state file", remedy="aune calibrate makes one"
        )
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        if raw["schema"] != STATE_SCHEMA:
            raise _bad_state(path, f"schema {raw['schema']!r}, not {STATE_SCHEMA}")
        sites = {
            str(site): {str(name): _numbers(path, value) for name, value in row.items()}
            for site, row in raw["sites"].items()
        }
        texts = {name: str(raw[name]) for name in _TEXTS}
        return State(**texts, sites=sites)
    except (ValueError, RecursionError) as error:  # UnicodeDecodeError and JSONDecodeError too
        raise _bad_state(path, str(error)) from error
    except (KeyError, TypeError, AttributeError) as error:
        raise _bad_state(path, f"{type(error).__name__}: {error}") from error


def write_state(path: Path, state: State) -> None:
    """Write a state file, whole or not at all."""
    content: dict[str, Any] = {"schema": STATE_SCHEMA}
    content |= {name: getattr(state, name) for name in _TEXTS}
    content["sites"] = {
        site: {name: np.asarray(value).tolist() for name, value in row.items()}
        for site, row in state.sites.items()
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.part")
    draft.write_text(json.dumps(content, indent=1, ensure_ascii=False), encoding="utf-8")
    draft.replace(path)


def _numbers(path: Path, value: Any) -> Array:
    array = np.asarray(value, dtype=np.float32)
    if not np.isfinite(array).all():
        raise _bad_state(path, "a value that is not a finite number")
    return array


def _bad_state(path: Path, found: str) -> DataError:
    return DataError(
        f"{path.name} is not a state file: {found[:200]}",
        expected="schema, bundle, task, created and, by site, the inputs that calibrate writes",
        remedy="aune calibrate writes it anew",
    )
