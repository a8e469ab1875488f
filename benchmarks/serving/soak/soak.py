"""The soak itself: callers, disturbances and samples side by side, then the audit."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from benchmarks.serving.soak.audit import Audit, audit
from benchmarks.serving.soak.clients import Callers
from benchmarks.serving.soak.conductor import Conductor
from benchmarks.serving.soak.ledger import Ledger, read_records
from benchmarks.serving.soak.memory import Sample, Stretch
from benchmarks.serving.soak.service import Service
from benchmarks.serving.soak.state import State
from benchmarks.serving.soak.timeline import Timeline
from benchmarks.serving.soak.versions import TASK, USECASE, Version, write
from common.edge.errors import UsageError
from common.edge.serving.gate.keys import KeyRing
from common.edge.store.store import Store
from common.lab.keys import ensure_key, public_path

__all__ = ["Plan", "run"]

_SAMPLE_SECONDS = 0.5
_POLL_SECONDS = 0.02
_SAMPLES_KEPT = 2_000


@dataclass(frozen=True)
class Plan:
    """How a soak goes.

    Parameters
    ----------
    requests
        Answers wanted, at least 1.
    seed
        Of the disturbances; together with the number of answers it says what comes when.
    clients
        Connections that ask at a time.
    every
        Answers between two disturbances.
    reloads
        Installs in one life of the server, after the disturbances.
    disturbed, calm
        Share of the answers with disturbances, and at the end without any, 0 to 1; the
        reloads lie in between.
    versions
        How many versions take turns, 2 to 99.
    """

    requests: int = 1_000_000
    seed: int = 1
    clients: int = 8
    every: int = 4_000
    reloads: int = 60
    disturbed: float = 0.8
    calm: float = 0.1
    versions: int = 6

    def __post_init__(self) -> None:
        for name in ("requests", "clients", "every", "reloads"):
            if getattr(self, name) < 1:
                raise UsageError(f"{name} is {getattr(self, name)}", expected="at least 1")
        if not (self.disturbed >= 0 and self.calm >= 0 and self.disturbed + self.calm <= 1):
            raise UsageError(
                f"shares {self.disturbed} and {self.calm}", expected="0 to 1, together at most 1"
            )
        if not 2 <= self.versions <= 99:
            raise UsageError(f"{self.versions} versions", expected="2 to 99")


class _Soak:
    """One start of the program on a folder that may hold an interrupted soak."""

    def __init__(self, plan: Plan, folder: Path, journal: Path, say: Callable[[str], None]) -> None:
        self.plan, self.folder, self.journal, self.say = plan, folder, journal, say
        self.state = State.load(folder / "state.json")
        self.state.epoch += 1
        self.bundles = _bundles(folder, plan.versions)
        self.store = Store(folder / "store", [public_path(folder / "signing_key.pem")])
        if not self.store.installed():
            self.store.install(self.bundles[1])
        options = ("--keys", str(folder / "keys.json"), "--journal", str(journal), "--rate", "0")
        self.service = Service(folder, self.store.root, *options)
        self.ledger = Ledger(folder / "answers.bin")
        current = self.store.get(USECASE, TASK).shelf.current.version
        self.timeline = Timeline([int(current.partition(".")[0])])
        self.callers = Callers(self.ledger, self.timeline, self.state.epoch, plan.requests)
        self.callers.tally = self.state.tally
        chance = random.Random(f"{plan.seed} {self.ledger.answered}")  # noqa: S311 - a plan
        self.conductor = Conductor(
            self.service,
            self.store,
            self.bundles,
            self.callers,
            self.timeline,
            folder / "keys.json",
            chance,
        )
        self.conductor.events = self.state.events
        self._samples: list[Sample] = []
        self._kind, self._reloads = "", 0

    async def run(self) -> None:
        """Ask until there are answers enough, in three parts."""
        plan, begun = self.plan, time.monotonic() - self.state.seconds
        self.service.reap()
        ring, self.callers.secret = KeyRing().issued(f"epoch{self.state.epoch}", "admin")
        ring.save(self.folder / "keys.json")
        disturbed = int(plan.requests * plan.disturbed)
        reloads = int(plan.requests * (1 - plan.calm))
        try:
            await asyncio.to_thread(self.service.start)
            self.callers.port = self.service.port
            async with self._beside(begun):
                await self._disturbances("disturbed", disturbed, plan.every, self.conductor.disturb)
                step = max(1, (reloads - disturbed) // plan.reloads)
                await self._disturbances("reloads", reloads, step, self.conductor.install)
                await self._disturbances("calm", plan.requests, plan.requests, _nothing)
            await asyncio.to_thread(self.service.end)
        finally:
            self.service.reap()
            self.ledger.close()
            self.state.seconds = time.monotonic() - begun
            self._save()

    @asynccontextmanager
    async def _beside(self, begun: float) -> AsyncIterator[None]:
        """Let the callers ask and the samples be taken meanwhile; a fault of either ends all."""
        callers = asyncio.create_task(self.callers.run(self.plan.clients))
        watch = asyncio.create_task(self._watch(begun))
        main = asyncio.current_task()

        def stop(task: "asyncio.Task[None]") -> None:
            if not task.cancelled() and task.exception() and main:
                main.cancel(str(task.exception()))

        callers.add_done_callback(stop)
        watch.add_done_callback(stop)
        try:
            yield
            await callers
        finally:
            for task in (watch, callers):
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task

    async def _disturbances(
        self, kind: str, until: int, step: int, disturb: Callable[[], object]
    ) -> None:
        """Disturb every ``step`` answers until there are as many as ``until``."""
        if self.ledger.answered >= until:
            return
        if kind != "disturbed":
            await self.conductor.restart()
        self._life(kind)
        while self.ledger.answered < until:
            due = min(until, self.ledger.answered + step)
            while self.ledger.answered < due:
                await asyncio.sleep(_POLL_SECONDS)
            if due == until:
                break
            before = self.service.lives
            installs = self.conductor.events["install"] + self.conductor.events["rollback"]
            await disturb()  # type: ignore[misc]  # a coroutine function of the conductor
            after = self.conductor.events["install"] + self.conductor.events["rollback"]
            self._reloads += after - installs
            if self.service.lives != before:
                self._life(kind)
        self._life("")

    def _life(self, kind: str) -> None:
        """Close the record of one life of the server and begin another's."""
        if self._samples:
            step = -(-len(self._samples) // _SAMPLES_KEPT)
            stretch = Stretch(self._kind, self._reloads, tuple(self._samples[::step]))
            self.state.stretches.append(stretch)
        self._samples, self._kind, self._reloads = [], kind, 0
        self.state.starts_s = self.service.starts_s
        self._save()

    def _save(self) -> None:
        self.ledger.flush()
        self.state.save(self.folder / "state.json")

    async def _watch(self, begun: float) -> None:
        """Take samples, and tell how far it is."""
        told = self.ledger.answered
        while True:
            await asyncio.sleep(_SAMPLE_SECONDS)
            answered = self.ledger.answered
            with suppress(OSError):
                if self._kind and (weighed := self.service.weighed()):
                    self._samples.append(Sample(answered, *weighed))
            if answered - told >= max(1, self.plan.requests // 100):
                told = answered
                self.state.seconds = time.monotonic() - begun
                self._tell(answered)

    def _tell(self, answered: int) -> None:
        tally = self.state.tally
        events = " ".join(f"{name} {n}" for name, n in sorted(self.state.events.items()))
        self.say(
            f"{answered:>9,} of {self.plan.requests:,} answered in {self.state.seconds:,.0f} s; "
            f"wrong {tally.wrong}, broken off {tally.unanswered}, "
            f"refused {dict(tally.statuses)}; {events}"
        )


async def _nothing() -> None:
    """Disturb nothing."""


def _bundles(folder: Path, versions: int) -> dict[int, Path]:
    """Write the versions that are not there yet."""
    key = ensure_key(folder / "signing_key.pem")
    paths = {number: folder / f"{number}.zip" for number in range(1, versions + 1)}
    for number, path in paths.items():
        if not path.exists():
            write(path, Version(number), key)
    return paths


def run(plan: Plan, folder: Path, journal: Path, say: Callable[[str], None]) -> tuple[State, Audit]:
    """Run a soak, or the rest of one.

    Parameters
    ----------
    plan
        How it goes.
    folder
        Where its state is; one that was interrupted is taken up there.
    journal
        Folder of the server's journal.
    say
        Told how far it is.

    Raises
    ------
    ThresholdError
        The server did not start, end or follow.
    """
    import uvloop

    folder.mkdir(parents=True, exist_ok=True)
    soak = _Soak(plan, folder, journal, say)
    uvloop.run(soak.run())
    say("reading the journal back")
    return soak.state, audit(journal, read_records(folder / "answers.bin"))
