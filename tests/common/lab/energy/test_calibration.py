"""The calibration kernel: the same work everywhere, and a gate when the machine is unsteady."""

import pytest

from common.edge.errors import MeterError, UsageError
from common.lab.energy import calibration
from common.lab.energy.calibration import Calibration, calibration_index, drift


class Ticking:
    """A clock that moves by a fixed step at each look."""

    def __init__(self, step):
        self.now, self.step = 0.0, step

    def cpu_seconds(self):
        self.now += self.step
        return self.now

    def living_cpu_seconds(self):
        return 0.0

    def wall_seconds(self):
        return self.now


def test_a_machine_twice_as_slow_has_half_the_index():
    # one step of 0.2 s a unit against the reference's 0.1 s
    found = calibration_index(1, clock=Ticking(0.2))
    assert found.k == pytest.approx(0.5)
    assert found.cpu_seconds == pytest.approx(0.2)


def test_the_real_kernel_takes_a_measurable_time():
    found = calibration_index(1)
    assert 0.005 < found.cpu_seconds < 5.0


def test_other_work_than_the_pinned_one_is_refused(monkeypatch):
    monkeypatch.setattr(calibration, "_CHECKSUM", 1)
    with pytest.raises(MeterError, match="calibration kernel gave 71881524"):
        calibration_index(1)


def test_drift_does_not_depend_on_the_order():
    fast, slow = Calibration(0.10, 5, 1.0), Calibration(0.11, 5, 1 / 1.1)
    # 0.11 / 0.10 - 1
    assert drift(fast, slow) == drift(slow, fast) == pytest.approx(0.1)


def test_two_versions_of_the_kernel_are_not_compared():
    with pytest.raises(UsageError, match="kernels"):
        drift(Calibration(0.1, 1, 1.0), Calibration(0.1, 1, 1.0, kernel="other"))


@pytest.mark.parametrize("units", [0, -1])
def test_a_kernel_run_no_time_is_refused(units):
    with pytest.raises(UsageError, match="1 or more"):
        calibration_index(units)
