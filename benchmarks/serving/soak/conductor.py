"""What happens to the server meanwhile: ends, kills, installs, rollbacks, new keys."""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path

from benchmarks.serving.soak.calling import get_status, served_version
from benchmarks.serving.soak.clients import Callers
from benchmarks.serving.soak.service import Service
from benchmarks.serving.soak.timeline import Timeline
from benchmarks.serving.soak.versions import TASK, USECASE, Version
from common.edge.errors import ThresholdError
from common.edge.serving.gate.keys import KeyRing
from common.edge.store.receipt import Choices
from common.edge.store.store import Store

__all__ = ["Conductor"]

_WAIT_SECONDS = 60.0
_POLL_SECONDS = 0.05
_IN_FLIGHT_SECONDS = 1.0
_INSTALL_SECONDS = 0.15
"""About what an install takes: a kill within it meets any of its steps."""


class Conductor:
    """One disturbance at a time, each followed until the server answers as it should.

    Parameters
    ----------
    service
        The server.
    store
        What it serves.
    bundles
        Zip of each version, by number.
    callers, timeline
        Who asks, and what may answer them.
    keys
        File of keys.
    chance
        Which disturbance comes, and which version.

    Attributes
    ----------
    events
        Disturbances so far, by name.
    """

    def __init__(
        self,
        service: Service,
        store: Store,
        bundles: dict[int, Path],
        callers: Callers,
        timeline: Timeline,
        keys: Path,
        chance: random.Random,
    ) -> None:
        self._service, self._store, self._bundles = service, store, bundles
        self._callers, self._timeline, self._keys = callers, timeline, keys
        self._chance = chance
        self._deck: list[str] = []
        self.events: Counter[str] = Counter()
        self._kinds: dict[str, Callable[[], Awaitable[None]]] = {
            "restart": self.restart,
            "kill": self.kill,
            "install": self.install,
            "install_and_kill": self.install_and_kill,
            "rollback": self.rollback,
            "rotate_keys": self.rotate_keys,
        }

    @property
    def in_use(self) -> int:
        """Number of the version that the store holds as current."""
        return _number(self._store.get(USECASE, TASK).shelf.current.version)

    async def disturb(self) -> None:
        """Do one thing drawn by chance: each comes before any comes again."""
        if not self._deck:
            self._deck = sorted(self._kinds)
            self._chance.shuffle(self._deck)
        await self._kinds[self._deck.pop()]()

    async def restart(self) -> None:
        """End the server as a service manager does, and start it again."""
        self.events["restart"] += 1
        await asyncio.to_thread(self._service.end)
        await self._start()

    async def kill(self) -> None:
        """Kill the server, whatever it is doing, and start it again."""
        self.events["kill"] += 1
        await asyncio.to_thread(self._service.kill)
        await self._start()

    async def install(self) -> None:
        """Put another version into use while the server answers."""
        self.events["install"] += 1
        number = self._other()
        self._timeline.may_be(self.in_use, number)
        await asyncio.to_thread(self._install, number)
        await self._seen(number)

    async def install_and_kill(self) -> None:
        """Kill the server while another version is put into use."""
        self.events["install_and_kill"] += 1
        number = self._other()
        self._timeline.may_be(self.in_use, number)
        installing = asyncio.create_task(asyncio.to_thread(self._install, number))
        await asyncio.sleep(self._chance.uniform(0, _INSTALL_SECONDS))
        await asyncio.to_thread(self._service.kill)
        await self._start()
        await installing
        await self._seen(number)

    async def rollback(self) -> None:
        """Go back to the version before, where there is one."""
        shelf = self._store.get(USECASE, TASK).shelf
        if not shelf.previous:
            await self.install()
            return
        self.events["rollback"] += 1
        number = _number(shelf.previous[0].version)
        self._timeline.may_be(self.in_use, number)
        await asyncio.to_thread(self._store.rollback, USECASE, TASK)
        await self._seen(number)

    async def rotate_keys(self) -> None:
        """Issue a key, let the callers change to it, take the former one away."""
        self.events["rotate_keys"] += 1
        former = self._callers.secret
        ring = KeyRing.load(self._keys)
        names = [key.name for key in ring.keys]
        ring, secret = ring.issued(f"k{self._chance.getrandbits(64):x}", "admin")
        await asyncio.to_thread(ring.save, self._keys)
        await self._until(lambda: self._answers(secret, 200), "the new key opens")
        self._callers.secret = secret
        await asyncio.sleep(_IN_FLIGHT_SECONDS)
        for name in names:
            ring = ring.revoked(name)
        await asyncio.to_thread(ring.save, self._keys)
        await self._until(lambda: self._answers(former, 401), "the former key is refused")

    def _other(self) -> int:
        return self._chance.choice([one for one in sorted(self._bundles) if one != self.in_use])

    def _install(self, number: int) -> None:
        self._store.install(self._bundles[number], Choices(allow_downgrade=True))

    async def _start(self) -> None:
        await asyncio.to_thread(self._service.start)

    async def _seen(self, number: int) -> None:
        """Wait until the server answers with a version; from then on no other may."""
        name = Version(number).name

        async def is_served() -> bool:
            return await served_version(self._service.port, self._callers.secret) == name

        await self._until(is_served, f"version {name} is served")
        self._timeline.may_be(number)

    async def _answers(self, secret: str, status: int) -> bool:
        return await get_status(self._service.port, "/models", secret) == status

    async def _until(self, condition: Callable[[], Awaitable[bool]], what: str) -> None:
        try:
            async with asyncio.timeout(_WAIT_SECONDS):
                while not await condition():
                    await asyncio.sleep(_POLL_SECONDS)
        except TimeoutError:
            raise ThresholdError(
                f"not within {_WAIT_SECONDS:g} s: {what}", expected="a server that follows"
            ) from None


def _number(version: str) -> int:
    return int(version.partition(".")[0])
