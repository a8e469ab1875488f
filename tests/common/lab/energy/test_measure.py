"""The measuring protocol, with a hand-moved clock: every figure can be redone by hand."""

import json
from dataclasses import asdict, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.edge.errors import MeterError, UsageError
from common.lab.energy import calibrated, declared, interleave, measure, metered
from common.lab.energy.bench import FULL, QUICK, Bench, Protocol
from common.lab.energy.calibration import Calibration
from common.lab.energy.hardware import Machine
from common.lab.energy.meters import Reading
from common.lab.record import Footprint

VM = Machine("AMD EPYC", 2, 24.0, True, (4.0, 10.0, 25.0), "test")
METAL = replace(VM, virtual=False)
JOULES_PER_KWH = 3.6e6


class HandClock:
    """A clock that only work moves."""

    def __init__(self):
        self.cpu = self.wall = 100.0

    def cpu_seconds(self):
        return self.cpu

    def living_cpu_seconds(self):
        return 0.0

    def wall_seconds(self):
        return self.wall

    def work(self, cpu, wall=None):
        def call():
            self.cpu += cpu
            self.wall += cpu if wall is None else wall

        return call


class Counter:
    """A counter of the whole machine: ``watts`` while the clock runs."""

    name = "wattmeter"
    tier = "A_wall"

    def __init__(self, watts):
        self.watts = watts

    def start(self):
        pass

    def stop(self, span):
        return Reading(self.watts * span.wall_seconds)


class Broken(Counter):
    """A counter that may be started and never read."""

    def stop(self, span):
        raise MeterError("permission lost")


def bench_on(clock, tmp_path, machine=VM, counters=(), stat=True):
    """A bench over an empty /proc, or one whose /proc/stat stands still: nobody else works."""
    if stat:
        (tmp_path / "proc").mkdir(exist_ok=True)
        (tmp_path / "proc/stat").write_text("cpu 0 0 0 0 0 0 0 0 0 0\n")
    return Bench(machine, clock=clock, counters=counters, root=tmp_path)


@pytest.fixture(autouse=True)
def one_thread(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


def test_a_training_of_known_length_costs_cpu_time_by_watts(tmp_path):
    clock = HandClock()
    footprint = measure(clock.work(36.0), stage="train", bench=bench_on(clock, tmp_path))
    assert footprint.cpu_seconds == pytest.approx(36.0)
    # 36 s x [4, 10, 25] W = [144, 360, 900] J = [4e-5, 1e-4, 2.5e-4] kWh
    assert footprint.kwh_low == pytest.approx(4e-5)
    assert footprint.kwh_central == pytest.approx(1e-4)
    assert footprint.kwh_high == pytest.approx(2.5e-4)
    assert footprint.tier == "C_model"
    # 1e-4 kWh x 56.039 g/kWh
    assert footprint.co2_use_g[1] == pytest.approx(5.6039e-3)
    # 36 s = 0.01 core-hour, x 380,000 g / (35,040 h x 8 cores)
    assert footprint.co2_embodied_g[1] == pytest.approx(0.01 * 380_000 / (35_040 * 8))


def test_one_pass_is_always_of_low_quality(tmp_path):
    """Brief 2.5: a single timing carries no dispersion, so nothing may be compared with it."""
    clock = HandClock()
    footprint = measure(clock.work(10.0), stage="train", bench=bench_on(clock, tmp_path))
    assert (footprint.repetitions, footprint.quality) == (1, "low")


def test_a_short_training_is_repeated_five_times_and_a_long_one_three(tmp_path):
    clock = HandClock()
    protocol = replace(FULL, calibration_units=0)
    for cpu_seconds, repetitions in ((299.0, 5), (301.0, 3)):
        footprint = measure(
            clock.work(cpu_seconds),
            stage="train",
            protocol=protocol,
            bench=bench_on(clock, tmp_path),
        )
        assert footprint.repetitions == repetitions
        assert footprint.quality == "high"


def test_a_training_runs_exactly_once_in_the_quick_protocol(tmp_path):
    clock, calls = HandClock(), []
    measure(lambda: calls.append(1), stage="train", bench=bench_on(clock, tmp_path))
    assert len(calls) == 1


def test_inference_is_given_per_call_and_per_thousand_predictions(tmp_path):
    clock = HandClock()
    footprint = measure(
        clock.work(0.01), stage="predict_1000", predictions=1000, bench=bench_on(clock, tmp_path)
    )
    assert footprint.cpu_seconds == pytest.approx(0.01)
    assert footprint.cpu_seconds_per_1000 == pytest.approx(0.01)
    # 0.2 s asked for, 0.01 s a call
    assert sum(footprint.conditions["calls"]) >= 20


def test_full_inference_warms_up_and_loops_seven_blocks_of_five_cpu_seconds(tmp_path):
    clock = HandClock()
    footprint = measure(
        clock.work(0.1),
        stage="predict_1",
        predictions=1,
        protocol=replace(FULL, calibration_units=0),
        bench=bench_on(clock, tmp_path),
    )
    assert footprint.repetitions == 7
    assert all(calls * 0.1 >= 5.0 - 1e-9 for calls in footprint.conditions["calls"])
    assert footprint.quality == "high"


def test_shorter_blocks_are_said_and_never_of_high_quality(tmp_path):
    clock = HandClock()
    protocol = replace(FULL, min_cpu_seconds_per_block=1.0, calibration_units=0)
    footprint = measure(
        clock.work(0.1), stage="predict_1", protocol=protocol, bench=bench_on(clock, tmp_path)
    )
    assert footprint.quality == "medium"
    assert footprint.conditions["min_cpu_seconds_per_block"] == 1.0
    assert footprint.conditions["protocol_is_full"] is False


def test_blocks_that_waited_more_than_they_computed_are_not_the_full_protocol(tmp_path):
    """A block ends after ten times its CPU time on the wall: 5 s asked for, 2.5 s used."""
    clock = HandClock()
    footprint = measure(
        clock.work(0.05, wall=1.0),
        stage="predict_1",
        protocol=replace(FULL, calibration_units=0),
        bench=bench_on(clock, tmp_path),
    )
    assert footprint.conditions["protocol_is_full"] is False
    assert footprint.quality == "low"


def test_interleaved_models_take_turns(tmp_path):
    """A B A B, so that a noisy minute does not hit one model only."""
    clock, order = HandClock(), []

    def work(name):
        def call():
            order.append(name)
            clock.work(1.0)()

        return call

    protocol = Protocol(blocks=3, min_cpu_seconds_per_block=1.0, codecarbon=False)
    interleave(
        {"a": work("a"), "b": work("b")},
        stage="predict_1",
        protocol=protocol,
        bench=bench_on(clock, tmp_path),
    )
    assert "".join(order) == "ababab"


def test_a_dispersion_over_ten_percent_disables_comparison(tmp_path):
    clock = HandClock()
    lengths = iter([1.0, 2.0, 1.0, 2.0, 1.0])
    footprint = measure(
        lambda: clock.work(next(lengths))(),
        stage="train",
        protocol=replace(FULL, calibration_units=0),
        bench=bench_on(clock, tmp_path),
    )
    # mean 1.4, standard deviation sqrt(1.2 / 4) = 0.5477
    assert footprint.cv == pytest.approx(0.5477 / 1.4, abs=1e-4)
    assert footprint.quality == "low"
    assert footprint.conditions["cpu_seconds_interval"] == pytest.approx([1.0, 2.0])
    # The interval of energy holds both the repetitions' and the watts': 1 s x 4 W to 2 s x 25 W.
    assert footprint.kwh_low == pytest.approx(4.0 / JOULES_PER_KWH)
    assert footprint.kwh_high == pytest.approx(50.0 / JOULES_PER_KWH)


def test_waiting_more_than_a_tenth_of_the_time_is_flagged_as_contended(tmp_path):
    clock = HandClock()
    footprint = measure(
        clock.work(8.0, wall=10.0),
        stage="train",
        protocol=replace(FULL, calibration_units=0),
        bench=bench_on(clock, tmp_path),
    )
    assert "contended" in footprint.conditions["flags"]
    assert footprint.quality == "low"


def test_several_threads_are_recorded_and_flagged(tmp_path, monkeypatch):
    """Finding 10: two OpenMP threads used 6 to 11 times the CPU time of one."""
    clock = HandClock()
    by_ratio = measure(clock.work(20.0, wall=10.0), stage="train", bench=bench_on(clock, tmp_path))
    assert "threads" in by_ratio.conditions["flags"]
    monkeypatch.setenv("OMP_NUM_THREADS", "4")
    declared_threads = measure(clock.work(1.0), stage="train", bench=bench_on(clock, tmp_path))
    assert declared_threads.conditions["omp_num_threads"] == "4"
    assert "threads" in declared_threads.conditions["flags"]


def test_a_wattmeter_gives_the_figure_after_a_minute_on_a_quiet_bare_machine(tmp_path):
    clock = HandClock()
    bench = bench_on(clock, tmp_path, METAL, counters=(Counter(50.0),))
    footprint = measure(clock.work(72.0), stage="train", bench=bench)
    assert footprint.tier == "A_wall"
    # 50 W x 72 s = 3,600 J = 1e-3 kWh, +-10 %
    assert footprint.kwh_central == pytest.approx(1e-3)
    assert (footprint.kwh_low, footprint.kwh_high) == pytest.approx((0.9e-3, 1.1e-3))


def test_measured_idle_power_widens_the_interval_down_to_the_net_energy(tmp_path):
    clock = HandClock()
    bench = replace(
        bench_on(clock, tmp_path, METAL, counters=(Counter(50.0),)), idle_watts=(30.0, 30.0)
    )
    footprint = measure(clock.work(72.0), stage="train", bench=bench)
    # net: (50 - 30) W x 72 s = 1,440 J = 4e-4 kWh, less 10 %
    assert footprint.kwh_low == pytest.approx(3.6e-4)
    assert footprint.kwh_central == pytest.approx(1e-3)
    assert footprint.meters["wattmeter"]["idle_joules"] == pytest.approx(30 * 72)


def test_idle_power_that_moved_over_five_percent_is_refused():
    with pytest.raises(MeterError, match="idle power 30 W before, 32 W after"):
        Bench(METAL, idle_watts=(30.0, 32.0))


@pytest.mark.parametrize(
    ("machine", "counter", "seconds", "stat", "reason"),
    [
        (VM, Counter(50.0), 72.0, True, "virtual machine"),
        (METAL, Counter(50.0), 59.0, True, "59.0 s timed, 60 s needed"),
        (METAL, Counter(50.0), 72.0, False, "load of others"),
        (METAL, Broken(50.0), 72.0, True, "permission lost"),
    ],
)
def test_a_counter_that_may_not_be_believed_leaves_tier_c_and_says_why(
    tmp_path, machine, counter, seconds, stat, reason
):
    """The tier is computed from what was verified, never typed by hand."""
    clock = HandClock()
    bench = bench_on(clock, tmp_path, machine, counters=(counter,), stat=stat)
    footprint = measure(clock.work(seconds), stage="train", bench=bench)
    assert footprint.tier == "C_model"
    assert reason in footprint.conditions["tier_refused"]["wattmeter"]


def test_memory_is_a_line_of_its_own_and_not_in_the_energy(tmp_path):
    """Finding 2: 72 to 75 % of a usual total is a RAM constant."""
    clock = HandClock()
    footprint = measure(clock.work(36.0), stage="train", bench=bench_on(clock, tmp_path))
    line = footprint.meters["ram_model"]
    # GiB x 0.38 W x 36 s
    assert line["kwh"] == pytest.approx(line["gib"] * 0.38 * 36 / JOULES_PER_KWH)
    assert footprint.kwh_central == pytest.approx(36.0 * 10.0 / JOULES_PER_KWH)


@settings(max_examples=25, deadline=None)
@given(cpu_seconds=st.floats(0.0, 600.0), stage=st.sampled_from(["train", "predict_1"]))
def test_every_duration_gives_a_positive_ordered_interval(tmp_path_factory, cpu_seconds, stage):
    """Goal M3, no silent zero: from nothing at all to ten minutes."""
    clock = HandClock()
    bench = bench_on(clock, tmp_path_factory.mktemp("root"))
    work = clock.work(cpu_seconds, wall=cpu_seconds + 1e-6)
    footprint = measure(work, stage=stage, predictions=0, protocol=QUICK, bench=bench)
    assert 0 < footprint.kwh_low <= footprint.kwh_central <= footprint.kwh_high
    too_short = footprint.cpu_seconds <= 2e-6
    assert ("below_resolution" in footprint.conditions["flags"]) <= too_short


def test_work_of_no_duration_is_reported_as_at_most_the_resolution(tmp_path):
    clock = HandClock()
    footprint = measure(lambda: None, stage="train", bench=bench_on(clock, tmp_path))
    assert footprint.cpu_seconds == 2e-6
    assert footprint.conditions["flags"] == ["below_resolution"]


def test_work_that_only_waits_ends():
    """A call that sleeps uses no CPU time: the loop must not wait for it for ever."""
    clock = HandClock()
    footprint = measure(
        clock.work(0.0, wall=0.5), stage="predict_1", predictions=1, bench=Bench(VM, clock=clock)
    )
    # 10 x 0.2 s of wall time
    assert footprint.conditions["timed_wall_seconds"] == pytest.approx(2.0, abs=1.6)


def test_calibration_gives_reference_seconds_and_a_drift_closes_the_comparison(tmp_path):
    clock = HandClock()
    footprint = measure(
        clock.work(10.0),
        stage="train",
        protocol=replace(FULL, calibration_units=0),
        bench=bench_on(clock, tmp_path),
    )
    steady = calibrated(footprint, Calibration(0.1, 5, 1.0), Calibration(0.1, 5, 1.0))
    assert steady.quality == "high"
    assert steady.conditions["ref_cpu_seconds"] == pytest.approx(10.0)
    # 0.112 / 0.1 - 1 = 12 % > 10 %
    drifted = calibrated(footprint, Calibration(0.1, 5, 1.0), Calibration(0.112, 5, 1 / 1.12))
    assert drifted.quality == "low"
    assert "calibration_drift" in drifted.conditions["flags"]


def test_a_block_that_runs_once_is_metered_and_counts_its_predictions(tmp_path):
    clock = HandClock()
    with metered("predict_1000", bench=bench_on(clock, tmp_path)) as meter:
        clock.work(2.0)()
        meter.predictions = 4000
    # 2 s for 4,000 rows
    assert meter.footprint.cpu_seconds_per_1000 == pytest.approx(0.5)
    assert meter.footprint.quality == "low"


def test_a_block_that_fails_has_no_footprint(tmp_path):
    clock = HandClock()
    with (
        pytest.raises(ZeroDivisionError),
        metered("train", bench=bench_on(clock, tmp_path)) as meter,
    ):
        raise ZeroDivisionError
    with pytest.raises(UsageError, match="has not ended well"):
        _ = meter.footprint


def test_a_footprint_survives_json_unchanged(tmp_path):
    """`Run.from_json(run.to_json()) == run` needs plain lists and dicts, and no NaN."""
    clock = HandClock()
    bench = bench_on(clock, tmp_path, METAL, counters=(Counter(50.0),))
    footprint = measure(clock.work(72.0), stage="train", bench=bench)
    raw = json.loads(json.dumps(asdict(footprint), allow_nan=False))
    for name in ("co2_use_g", "co2_embodied_g"):
        raw[name] = tuple(raw[name])
    assert Footprint(**raw) == footprint


@pytest.mark.parametrize(
    ("kwh", "method", "tier", "high"),
    [
        (0.002, "journal de compteur", "D_declared", 0.003),
        (0.002, "", "E_bare", 0.003),
        (None, "", "F_none", 0.0),
    ],
)
def test_a_declared_figure_gets_the_tier_of_its_evidence(kwh, method, tier, high):
    footprint = declared(kwh, stage="predict_1000", method=method, predictions=1000)
    assert footprint.tier == tier
    assert footprint.kwh_high == pytest.approx(high)
    assert footprint.quality == "low"


@pytest.mark.parametrize(
    "call",
    [
        lambda: Protocol(blocks=0),
        lambda: Protocol(warm_up_calls=-1),
        lambda: declared(-1.0, stage="train"),
        lambda: measure(lambda: None, stage="predict_1", predictions=-1),
    ],
)
def test_impossible_values_are_refused(call):
    with pytest.raises(UsageError):
        call()
