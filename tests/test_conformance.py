"""Every check that must hold for any use case, on every use case and task that is found."""

from collections.abc import Iterator

import pytest

from common.lab.checks import Check, yield_checks
from usecases import discover


def checks() -> Iterator[object]:
    """Yield every check; slow are those of a use case's further tasks and further rungs.

    The unit suite must stay within three minutes with four use cases, and holds the first rung of
    each kind of each first task; CI runs them all.
    """
    for usecase in discover().values():
        for check in yield_checks(usecase):
            again = check.others or check.task not in ("*", usecase.tasks[0].id)
            # One process fits a task's rungs once for all its checks.
            together = pytest.mark.xdist_group(f"{check.usecase}-{check.task}")
            marks = [together, pytest.mark.slow] if again else [together]
            yield pytest.param(check, id=str(check), marks=marks)


@pytest.mark.filterwarnings("ignore:The design matrix is rank-deficient")
@pytest.mark.parametrize("check", list(checks()))
def test_use_case_conforms(check: Check) -> None:
    """A failure names the use case, the task, the property and what was found."""
    check.run()
