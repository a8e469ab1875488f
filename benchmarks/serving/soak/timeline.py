"""Which versions may answer: those in service at any moment between question and answer."""

from collections.abc import Iterable

__all__ = ["Timeline"]


class Timeline:
    """The versions that could be in service, as they change.

    A change is told twice: before it begins (the new version may answer from now on) and
    once it was seen in service (the old one may not answer what is asked from now on).

    Examples
    --------
    >>> timeline = Timeline([1])
    >>> asked = timeline.now
    >>> timeline.may_be(1, 2)  # the install of 2 begins
    >>> timeline.may_be(2)  # 2 was seen in service
    >>> timeline.allows(1, asked), timeline.allows(1, timeline.now)
    (True, False)
    """

    def __init__(self, versions: Iterable[int]) -> None:
        self._history = [frozenset(versions)]

    @property
    def now(self) -> int:
        """The present moment, to be given to `allows` later."""
        return len(self._history) - 1

    def may_be(self, *versions: int) -> None:
        """From now on these versions, and no other, may be in service."""
        self._history.append(frozenset(versions))

    def allows(self, version: int, asked: int) -> bool:
        """Say whether a version was possible at any moment since the question."""
        return any(version in possible for possible in self._history[asked:])
