"""What is asked of an install, and what it answers."""

import math
from dataclasses import dataclass
from pathlib import Path

from common.edge.errors import ThresholdError, UsageError
from common.edge.store.shadow import Shadow
from common.edge.store.shelf import Shelf

__all__ = ["Choices", "Installed", "Receipt"]


@dataclass(frozen=True)
class Choices:
    """What an install does only when it is asked to.

    Parameters
    ----------
    allow_downgrade
        Put a version into use that is older than the current one.
    allow_old_schema
        Take a bundle whose manifest has an older schema than this Aune writes.
    recent
        File of recent inputs (`common.edge.inputfile`) for a shadow run before the switch.
    largest_gap
        Refuse the switch where the prediction is relatively farther than this from the
        current version's, at least 0 (0.2 for 20 %); None to report only. Needs ``recent``.
    """

    allow_downgrade: bool = False
    allow_old_schema: bool = False
    recent: Path | None = None
    largest_gap: float | None = None

    def __post_init__(self) -> None:
        if self.largest_gap is None:
            return
        if not self.largest_gap >= 0:
            raise UsageError(f"largest gap {self.largest_gap}", expected="at least 0")
        if self.recent is None:
            raise UsageError("a largest gap without recent inputs", expected="a CSV or npz file")

    def check(self, shadow: Shadow) -> None:
        """Hold a shadow run against the largest gap.

        Raises
        ------
        ThresholdError
            The prediction is too far, or whether it is could not be found out.
        """
        if self.largest_gap is None:
            return
        if not shadow.gaps:
            found = shadow.why_not
        else:
            gap = shadow.gaps[0]
            relative = gap.relative if gap.relative is not None else math.inf * bool(gap.mean)
            if relative <= self.largest_gap and not gap.one_sided:
                return
            found = f"{gap.output}: {relative:.3g} of the current prediction"
            found += f", {gap.one_sided} values from one version only" if gap.one_sided else ""
        raise ThresholdError(
            f"shadow run on {shadow.rows} rows: {found}",
            expected=f"at most {self.largest_gap:g}, each value from both versions",
            remedy="the current version stays in use; ask the publisher why the new one differs",
        )


@dataclass(frozen=True)
class Installed:
    """A task of which the store keeps versions."""

    usecase: str
    task: str
    shelf: Shelf

    @property
    def name(self) -> str:
        """Return ``usecase/task``."""
        return f"{self.usecase}/{self.task}"


@dataclass(frozen=True)
class Receipt:
    """What an install or a rollback did.

    Parameters
    ----------
    installed
        The task and its kept versions, as they are now.
    replaced
        The version in use before; empty where there was none.
    golden_rows
        Golden rows replayed before the switch.
    shadow
        What the shadow run found, None where none was asked for.
    key_added
        True where the store trusts the signer from now on.
    removed
        Older versions that are no longer kept.
    warnings
        What went wrong after the switch, which holds all the same.
    """

    installed: Installed
    replaced: str
    golden_rows: int
    shadow: Shadow | None = None
    key_added: bool = False
    removed: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
