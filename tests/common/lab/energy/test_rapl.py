"""RAPL on a synthetic powercap tree: every way of lying is found out (goal M1)."""

import pytest

from common.edge.errors import MeterError
from common.lab.energy.meters import Span
from common.lab.energy.rapl import RaplMeter

RANGE_UJ = 262_143_328_850  # max_energy_range_uj of a real package


def domain(root, folder, name, energy_uj=5_000_000_000, range_uj=RANGE_UJ):
    path = root / folder
    path.mkdir(parents=True)
    (path / "name").write_text(f"{name}\n")
    (path / "energy_uj").write_text(f"{energy_uj}\n")
    (path / "max_energy_range_uj").write_text(f"{range_uj}\n")
    return path / "energy_uj"


def window(meter, changes, wall_seconds=10.0):
    """Start, let the counters move, stop."""
    meter.start()
    for counter, value in changes.items():
        counter.write_text(f"{value}\n")
    return meter.stop(Span(wall_seconds, wall_seconds))


def test_packages_are_summed_and_their_parts_left_out(tmp_path):
    first = domain(tmp_path, "intel-rapl:0", "package-0", 1_000_000_000)
    core = domain(tmp_path, "intel-rapl:0:0", "core", 0)
    second = domain(tmp_path, "intel-rapl:1", "package-1", 9_000_000_000)
    platform = domain(tmp_path, "intel-rapl:2", "psys", 0)
    reading = window(
        RaplMeter(tmp_path),
        {first: 1_100_000_000, core: 90_000_000, second: 9_050_000_000, platform: 10**9},
    )
    # 100 J + 50 J; core lies inside, psys around
    assert reading.joules == pytest.approx(150.0)


def test_memory_is_reported_apart_and_never_added(tmp_path):
    """codecarbon issue 1268: its rapl_include_dram counts memory twice."""
    package = domain(tmp_path, "intel-rapl:0", "package-0", 0)
    dram = domain(tmp_path, "intel-rapl:0:1", "dram", 0)
    reading = window(RaplMeter(tmp_path), {package: 100_000_000, dram: 20_000_000})
    assert reading.joules == pytest.approx(100.0)
    assert reading.details["dram_j"] == pytest.approx(20.0)


def test_a_wrap_around_is_unrolled(tmp_path):
    package = domain(tmp_path, "intel-rapl:0", "package-0", RANGE_UJ - 40_000_000)
    reading = window(RaplMeter(tmp_path), {package: 60_000_000})
    # 40 J up to the end of the range, 60 J after
    assert reading.joules == pytest.approx(100.0)


def test_a_counter_that_goes_backwards_is_refused(tmp_path):
    """Read as a wrap-around it would be 262,143 J in 10 s: 26 kW."""
    package = domain(tmp_path, "intel-rapl:0", "package-0", 5_000_000_000)
    with pytest.raises(MeterError, match="went from 5000000000 to 4999000000"):
        window(RaplMeter(tmp_path), {package: 4_999_000_000})


def test_a_leap_no_package_can_make_is_refused(tmp_path):
    package = domain(tmp_path, "intel-rapl:0", "package-0", 0)
    # 60 kJ in 10 s is 6 kW
    with pytest.raises(MeterError, match="below 600 W"):
        window(RaplMeter(tmp_path), {package: 60_000_000_000})


def test_a_window_that_may_wrap_twice_is_refused(tmp_path):
    package = domain(tmp_path, "intel-rapl:0", "package-0", 0)
    # 262,143 J / 600 W = 437 s
    with pytest.raises(MeterError, match="more than once"):
        window(RaplMeter(tmp_path), {package: 1_000_000}, wall_seconds=500.0)


def test_a_counter_that_stands_still_is_refused(tmp_path):
    """In a guest of a virtual machine the files may exist and read the same for ever."""
    package = domain(tmp_path, "intel-rapl:0", "package-0", 7_000_000)
    with pytest.raises(MeterError, match="did not move"):
        window(RaplMeter(tmp_path), {package: 7_000_000})


def test_mirrored_dies_count_once(tmp_path):
    """codecarbon issue 1274: one socket-wide counter shown once a die."""
    dies = [domain(tmp_path, f"intel-rapl:{die}", f"package-0-die-{die}", 10**9) for die in (0, 1)]
    reading = window(RaplMeter(tmp_path), dict.fromkeys(dies, 1_200_000_000))
    assert reading.joules == pytest.approx(200.0)
    assert reading.details["mirrors_dropped"] == 1


def test_two_packages_that_merely_work_alike_are_both_counted(tmp_path):
    """Equal increases are no mirror when the counters stand elsewhere."""
    first = domain(tmp_path, "intel-rapl:0", "package-0", 1_000_000_000)
    second = domain(tmp_path, "intel-rapl:1", "package-1", 3_000_000_000)
    reading = window(RaplMeter(tmp_path), {first: 1_200_000_000, second: 3_200_000_000})
    assert reading.joules == pytest.approx(400.0)


def test_the_mmio_view_of_a_package_is_left_out(tmp_path):
    msr = domain(tmp_path, "intel-rapl:0", "package-0", 1_000_000_000)
    mmio = domain(tmp_path, "intel-rapl-mmio:0", "package-0", 8_000_000_000)
    reading = window(RaplMeter(tmp_path), {msr: 1_200_000_000, mmio: 8_200_000_000})
    assert reading.joules == pytest.approx(200.0)


def test_a_symbolic_link_to_a_domain_is_no_second_domain(tmp_path):
    target = domain(tmp_path, "devices/intel-rapl:0", "package-0", 0)
    powercap = tmp_path / "class"
    powercap.mkdir()
    for name in ("intel-rapl:0", "intel-rapl:9"):
        (powercap / name).symlink_to(target.parent)
    reading = window(RaplMeter(powercap), {target: 100_000_000})
    assert reading.joules == pytest.approx(100.0)


def test_no_counter_at_all_is_said(tmp_path):
    meter = RaplMeter(tmp_path / "powercap")
    assert "no package counter" in meter.unavailable
    with pytest.raises(MeterError, match="no package counter"):
        meter.start()


def test_a_refused_permission_makes_it_unavailable_with_its_reason(tmp_path, monkeypatch):
    """Root may read a 0400 file, so the refusal is made by hand."""
    package = domain(tmp_path, "intel-rapl:0", "package-0")
    deny(monkeypatch, package)
    meter = RaplMeter(tmp_path)
    assert meter.unavailable == "counter of package-0 cannot be read (PermissionError)"


def test_a_permission_lost_in_the_middle_is_refused(tmp_path, monkeypatch):
    package = domain(tmp_path, "intel-rapl:0", "package-0")
    meter = RaplMeter(tmp_path)
    meter.start()
    deny(monkeypatch, package)
    with pytest.raises(MeterError, match="cannot be read"):
        meter.stop(Span(1.0, 1.0))


def test_stopping_without_starting_is_refused(tmp_path):
    domain(tmp_path, "intel-rapl:0", "package-0")
    with pytest.raises(MeterError, match="without a start"):
        RaplMeter(tmp_path).stop(Span(1.0, 1.0))


def deny(monkeypatch, counter):
    """Make one file unreadable to pathlib."""
    from pathlib import Path

    read_text = Path.read_text

    def read(self, *args, **kwargs):
        if self == counter.resolve():
            raise PermissionError(13, "Permission denied")
        return read_text(self, *args, **kwargs)

    monkeypatch.setattr(Path, "read_text", read)
