"""Whether memory and open files stay flat while a process answers."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

__all__ = ["Sample", "Stretch", "slope_per_100k"]

_WARM_UP_SHARE = 0.2
_LEAST_REQUESTS = 50_000


@dataclass(frozen=True)
class Sample:
    """A server at one moment.

    Parameters
    ----------
    answered
        Requests that this process has answered, as its callers count.
    own_mb
        Memory that is its own, files left out (``Pss_Anon``), in MB (10**6 bytes).
    open_files
        Descriptors it holds.
    """

    answered: int
    own_mb: float
    open_files: int


@dataclass(frozen=True)
class Stretch:
    """One life of the server, from its start to its end.

    Parameters
    ----------
    kind
        ``disturbed``, ``reloads`` (a new version again and again) or ``calm``.
    reloads
        Versions put into service meanwhile.
    samples
        In their order.
    """

    kind: str
    reloads: int
    samples: tuple[Sample, ...]

    @property
    def answered(self) -> int:
        """Requests answered between the first sample and the last."""
        return self.samples[-1].answered - self.samples[0].answered if self.samples else 0

    @property
    def growth_mb(self) -> float:
        """From the median of the second fifth of the samples to that of the last fifth."""
        fifth = len(self.samples) // 5
        if not fifth:
            return 0.0
        own = [sample.own_mb for sample in self.samples]
        return float(np.median(own[-fifth:]) - np.median(own[fifth : 2 * fifth]))

    @property
    def open_files(self) -> tuple[int, int]:
        """Fewest and most descriptors."""
        found = [sample.open_files for sample in self.samples]
        return (min(found), max(found)) if found else (0, 0)


def slope_per_100k(samples: Sequence[Sample]) -> float | None:
    """Return the median slope of memory, in MB per 100,000 requests, after a warm-up.

    Theil and Sen's estimate, the median over all pairs (Sen, JASA 63, 1968): one jump of
    the allocator does not tilt it. The first fifth is left out. None for fewer than 10
    samples or 50,000 requests: what caches take once would pass for a slope.

    >>> samples = [Sample(10_000 * n, 60 + 0.1 * n, 20) for n in range(20)]
    >>> slope_per_100k(samples[:5]) is None
    True
    >>> round(slope_per_100k(samples) or 0, 6)  # 0.1 MB in 10,000 requests
    1.0
    """
    kept = samples[int(len(samples) * _WARM_UP_SHARE) :]
    if len(kept) < 10 or kept[-1].answered - kept[0].answered < _LEAST_REQUESTS:
        return None
    x = np.array([sample.answered for sample in kept], dtype=float)
    y = np.array([sample.own_mb for sample in kept])
    first, second = np.triu_indices(len(kept), k=1)
    apart = x[second] != x[first]
    slopes = (y[second] - y[first])[apart] / (x[second] - x[first])[apart]
    return float(np.median(slopes) * 100_000)
