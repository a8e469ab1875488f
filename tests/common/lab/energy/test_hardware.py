"""The machine and its circumstances, described by a few small files."""

import pytest

from common.edge.errors import UsageError
from common.lab.energy.hardware import (
    Activity,
    Machine,
    activity,
    circumstances,
    identify,
    watts_per_core,
)

BARE = Machine("Intel N100", 4, 8.0, False, (0.75, 1.5, 3.0), "test")


def write(root, path, text):
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def test_a_virtual_machine_is_recognised(tmp_path):
    cpu = "processor\t: {}\nmodel name\t: AMD EPYC\nflags\t\t: fpu hypervisor sse\n"
    write(tmp_path, "proc/cpuinfo", "\n".join(cpu.format(number) for number in (0, 1)))
    write(tmp_path, "proc/meminfo", "MemTotal:       25165824 kB\n")
    machine = identify(tmp_path)
    assert machine.virtual
    assert machine.label == "AMD EPYC, 2 vCPU"
    assert machine.memory_gib == 24.0  # 25,165,824 / 1,048,576


def test_a_machine_that_says_nothing_gets_the_wide_interval(tmp_path):
    machine = identify(tmp_path)
    assert machine.cpu_model == "processeur inconnu"
    assert machine.watts_per_core == (4.0, 10.0, 25.0)
    assert machine.logical_cpus >= 1


@pytest.mark.parametrize(
    ("model", "central"),
    [
        ("AMD EPYC 7763 64-Core Processor", 280 / 64),
        ("Intel(R) Xeon(R) Platinum 8480+", 350 / 56),
        ("Intel(R) Xeon(R) CPU E5-2680 v4 @ 2.40GHz", 120 / 14),
        ("Intel(R) Core(TM) i5-8365U CPU @ 1.60GHz", 15 / 4),
    ],
)
def test_a_named_processor_has_its_own_watts(model, central):
    low, found, high = watts_per_core(model)[0]
    assert found == pytest.approx(central)
    assert (low, high) == pytest.approx((central / 2, central * 2))


def test_the_wide_interval_spans_the_real_parts_of_the_brief():
    """3.75 W (EPYC 9654) to 20 W (9174F) a core hide behind the one name "AMD EPYC"."""
    low, _, high = watts_per_core("AMD EPYC")[0]
    named = [watts_per_core(f"AMD EPYC {model}")[0][1] for model in ("9654", "9174F")]
    assert named == pytest.approx([3.75, 20.0])
    assert low <= named[0] * 1.1
    assert named[1] <= high


def test_busy_time_leaves_idle_and_waiting_out(tmp_path):
    write(tmp_path, "proc/stat", "cpu  100 10 50 700 40 5 5 90 60 0\ncpu0 1 1 1 1\n")
    found = activity(tmp_path)
    # ticks of 10 ms: 100 + 10 + 50 + 5 + 5 = 170 busy; all eight: 1,000; guest is in user already
    assert found == Activity(pytest.approx(1.7), pytest.approx(0.9), pytest.approx(10.0))


def test_the_neighbours_load_and_the_stolen_time_are_recorded(tmp_path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    spans = [(Activity(0, 0, 0), Activity(28.0, 2.0, 40.0))]
    found = circumstances(BARE, spans, cpu_seconds=10.0, wall_seconds=10.0, root=tmp_path)
    # (28 - 10) CPU-s of others / (10 s x 4 CPUs) = 0.45 > 0.3; 2 of 40 s stolen
    assert found["outside_load_per_core"] == pytest.approx(0.45)
    assert found["steal_share"] == pytest.approx(0.05)
    assert found["flags"] == ["busy_machine"]


def test_the_readable_preconditions_are_stored(tmp_path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    write(tmp_path, "proc/loadavg", "2.00 1.13 0.60 3/109 8150\n")
    write(tmp_path, "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "powersave\n")
    write(tmp_path, "sys/class/thermal/thermal_zone0/temp", "45500\n")
    write(tmp_path, "sys/class/power_supply/AC/online", "0\n")
    found = circumstances(BARE, [], cpu_seconds=1.0, wall_seconds=1.0, root=tmp_path)
    assert found["load_1min_per_core"] == 0.5
    assert found["governor"] == "powersave"
    assert found["temperature_c"] == 45.5
    assert found["flags"] == ["battery"]


def test_what_is_unknown_is_none_and_not_zero(tmp_path):
    found = circumstances(BARE, [(None, None)], cpu_seconds=1.0, wall_seconds=1.0, root=tmp_path)
    unknown = ("outside_load_per_core", "steal_share", "governor", "temperature_c", "on_battery")
    assert {found[name] for name in unknown} == {None}


def test_an_unset_thread_count_is_flagged(tmp_path, monkeypatch):
    """Libraries then take every core, and OpenMP's waiting is billed as work (finding 10)."""
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    found = circumstances(BARE, [], cpu_seconds=1.0, wall_seconds=1.0, root=tmp_path)
    assert found["flags"] == ["threads"]


@pytest.mark.parametrize("watts", [(0.0, 1.0, 2.0), (3.0, 2.0, 4.0), (1.0, 5.0, 4.0)])
def test_watts_out_of_order_are_refused(watts):
    with pytest.raises(UsageError, match="watts per core"):
        Machine("x", 1, 1.0, False, watts, "test")
