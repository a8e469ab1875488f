"""Every check that must hold for any use case, on every use case and task that is found."""

import pytest

from common.lab.checks import Check, yield_checks
from usecases import discover

CHECKS = [check for usecase in discover().values() for check in yield_checks(usecase)]


@pytest.mark.filterwarnings("ignore:The design matrix is rank-deficient")
@pytest.mark.parametrize("check", CHECKS, ids=str)
def test_use_case_conforms(check: Check) -> None:
    """A failure names the use case, the task, the property and what was found."""
    check.run()
