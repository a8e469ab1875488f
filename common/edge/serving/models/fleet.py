"""The models in service: opened at start, and again when the store's current version changes."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace

from common.edge.errors import AuneError
from common.edge.serving.memory import give_back
from common.edge.serving.models.served import Served
from common.edge.serving.settings import ServerSettings
from common.edge.store.shelves import Shelves

__all__ = ["Fleet", "Look"]

_LOG = logging.getLogger("aune.serving")


@dataclass(frozen=True)
class Look:
    """What a look at the store found.

    Parameters
    ----------
    models
        What is to be served, by name.
    failures
        Why a model's version in the store is not served, by name.
    done, refused
        Versions opened, and refused.
    """

    models: Mapping[str, Served]
    failures: Mapping[str, str]
    done: int
    refused: int


class Fleet:
    """Every installed task's version in use, verified and its golden rows replayed.

    A version that cannot be opened is not served; where one was served before it, that one
    stays until the store holds a version that opens.

    Parameters
    ----------
    shelves
        The store, read only.
    settings
        Bounds of calls.
    """

    def __init__(self, shelves: Shelves, settings: ServerSettings) -> None:
        self._shelves, self._settings = shelves, settings
        self._refused: dict[str, str] = {}
        self.models: Mapping[str, Served] = {}
        self.failures: Mapping[str, str] = {}
        """Why a model's version in the store is not served, by name."""
        self.loaded = False

    @property
    def is_ready(self) -> bool:
        """Whether there is a model, and every installed one is served."""
        return self.loaded and bool(self.models) and not set(self.failures) - set(self.models)

    def refresh(self) -> tuple[int, int]:
        """Look at the store and put what is new into service.

        Returns
        -------
        tuple of int
            Versions put into service, and versions refused.
        """
        found = self.look()
        self.adopt(found)
        return found.done, found.refused

    def adopt(self, found: "Look") -> None:
        """Put what was found into service."""
        self.models, self.failures, self.loaded = found.models, found.failures, True

    def look(self) -> "Look":
        """Hold the store against what is served and open what changed; runs on any thread.

        Nothing is served from it before `adopt`: the server then changes what it tells and
        what it answers in one step of its loop.
        """
        try:
            installed = self._shelves.installed()
        except AuneError as error:
            _LOG.warning("store: %s", error.found)
            return Look(self.models, {**self.failures, "store": error.found}, 0, 0)
        models: dict[str, Served] = {}
        failures: dict[str, str] = {}
        done = refused = 0
        for item in installed:
            name, digest = f"{item.usecase}.{item.task}", item.shelf.current.digest
            former = self.models.get(name)
            if former is not None and former.bundle.digest == digest:
                models[name] = former
                continue
            if former is not None:
                models[name] = former
            if self._refused.get(name) == digest and name in self.failures:
                failures[name] = self.failures[name]
                continue
            try:
                models[name] = self._open(item.usecase, item.task)
                done += 1
            except AuneError as error:
                _LOG.warning("%s: %s", name, error.found)
                self._refused[name], failures[name] = digest, error.found
                refused += 1
        if done or refused:
            give_back()
        return Look(models, failures, done, refused)

    def _open(self, usecase: str, task: str) -> Served:
        bundle = self._shelves.open(usecase, task)
        limits = replace(bundle.limits, rows=self._settings.rows)
        served = Served(bundle, limits, self._settings.values_out)
        served.bundle = bundle.at_rest()
        return served
