"""The conformance checks hold on a second use case, and each refuses what it is made for."""

from dataclasses import replace

import numpy as np
import pytest

from common.edge.errors import ConformanceError
from common.lab.checks import declarations, lookahead, yield_checks
from common.lab.checks import suite as checks
from common.lab.checks.specimen import Specimen, adversaries
from common.lab.usecase import Features, Field


def specimen_of(toy, **changes):
    return Specimen(toy, replace(toy.tasks[0], **changes), fit_days=60)


def test_the_toy_use_case_conforms(toy):
    """Checks know no use case: one with two steps, no state and no calibration passes."""
    names = set()
    for check in yield_checks(toy):
        check.run()
        names.add(str(check))
    assert "toy-visits-no_look_ahead" in names
    once = len(checks.TASK_CHECKS) + len(checks.USECASE_CHECKS)
    # Two rungs without AI and a linear one: one more than there are kinds.
    assert len(names) == once + 2 * len(checks.RUNG_CHECKS)
    assert "toy-visits-contributions_add_up-other_rungs" in names


def test_a_wrong_rung_is_found_wherever_it_stands_in_its_kind(toy):
    """The second rung without AI alone is wrong: only the checks of the other rungs meet it."""
    task = toy.tasks[0]
    wrong = replace(
        task.rungs[1], fit=lambda training: replace(
            task.rungs[1].fit(training), reference=lambda X: X[:, 0] + 1)
    )  # fmt: skip
    rungs = (task.rungs[0], wrong, task.rungs[2])
    changed = replace(toy, tasks=(replace(task, rungs=rungs),))
    found = {str(check): check for check in yield_checks(changed)}
    found["toy-visits-graph_equals_its_library"].run()
    with pytest.raises(ConformanceError, match="rung two_weeks"):
        found["toy-visits-graph_equals_its_library-other_rungs"].run()


def test_features_that_write_into_their_inputs_are_refused(toy):
    def careless(xp, inputs):
        if xp is np:
            inputs["visits"][:, 0, 0] = 0
        return toy.tasks[0].features(xp, inputs)

    with pytest.raises(ConformanceError, match="input changed"):
        checks.check_features_are_pure(specimen_of(toy, features=careless))


def test_examples_that_fill_holes_in_the_data_set_are_refused(toy):
    """Writing into the table would make the second call differ from the first."""

    def filling(dataset, period):
        dataset.columns["visits"][np.isnan(dataset.columns["visits"])] = 0
        return toy.tasks[0].examples(dataset, period)

    careless = specimen_of(toy, examples=filling)
    assert careless.dataset.digest
    with pytest.raises(ConformanceError, match="data set changed"):
        checks.check_examples_are_pure(careless)


def test_a_mean_over_the_request_is_refused(toy):
    """Winsorising or centring over the batch makes a prediction depend on its neighbours."""

    def batch_centred(xp, inputs):
        features = toy.tasks[0].features(xp, inputs)
        last = features.columns["last_week"]
        centred = last - xp.mean(last, axis=(0, 1, 2), keepdims=True)
        return Features({**features.columns, "last_week": centred}, features.context)

    with pytest.raises(ConformanceError, match="identical alone and in a batch"):
        checks.check_row_alone_equals_row_in_batch(specimen_of(toy, features=batch_centred))


def test_the_target_among_the_inputs_is_refused(toy):
    """The classic leak: the last day of the history is the day to predict."""

    def peeking(dataset, period):
        examples = toy.tasks[0].examples(dataset, period)
        history = np.array(examples.inputs["visits"])
        history[:, -1] = examples.target
        return replace(examples, inputs={**examples.inputs, "visits": history})

    with pytest.raises(ConformanceError, match="change an input known by then: visits"):
        lookahead.check_no_look_ahead(specimen_of(toy, examples=peeking))


def through_the_day(toy, history_of):
    """The toy task whose libraries ask at 0, 6 and 12 h; ``history_of`` may alter what they see."""

    def made(dataset, period):
        examples = toy.tasks[0].examples(dataset, period)
        library = np.unique(examples.units, return_inverse=True)[1]
        issued = examples.issued + library * np.timedelta64(6, "h")
        inputs = {**examples.inputs, "visits": history_of(examples)}
        return replace(examples, issued=issued, inputs=inputs)

    return specimen_of(toy, examples=made)


def test_rows_may_be_issued_at_any_time_of_the_day(toy):
    """Rows issued later on the day of the cut-off are not those that were known by then."""
    honest = through_the_day(toy, lambda examples: examples.inputs["visits"])
    lookahead.check_no_look_ahead(honest)
    lookahead.check_no_look_ahead_in_weather(honest)


def test_the_target_among_such_inputs_is_refused_too(toy):
    def peeking(examples):
        history = np.array(examples.inputs["visits"])
        history[:, -1] = examples.target
        return history

    with pytest.raises(ConformanceError, match="change an input known by then: visits"):
        lookahead.check_no_look_ahead(through_the_day(toy, peeking))


def test_an_input_that_is_one_number_may_be_unknown(toy):
    """It has no end of its own that could be missing alone."""
    declared = Field("gap_minutes", "float32", ("n",), "min", "Temps.", 0, 100, missing=True)
    task = replace(toy.tasks[0], inputs=(declared,))
    families = dict(adversaries(task, {"gap_minutes": np.full(20, 5, np.float32)}, seed=1))
    assert np.isnan(families["gap_minutes unknown"]["gap_minutes"]).all()
    assert "gap_minutes unknown at its end" not in families


def test_a_calibration_that_reads_tomorrow_is_refused(toy):
    def pooled(examples, _outputs, _default):
        return {"offset": np.full(len(examples), np.nanmean(examples.target))}

    careless = specimen_of(toy, calibrate=pooled, default_state=lambda _examples, _outputs: {})
    with pytest.raises(ConformanceError, match="state known by then: offset"):
        lookahead.check_calibration_looks_back(careless)


def test_a_fit_without_a_seed_is_refused(toy):
    rng = np.random.default_rng()

    def moody(training):
        fitted = toy.tasks[0].rungs[2].fit(training)
        return replace(fitted, point=replace(fitted.point, baseline=float(rng.random())))

    rungs = (*toy.tasks[0].rungs[:2], replace(toy.tasks[0].rungs[2], fit=moody))
    with pytest.raises(ConformanceError, match="two fits"):
        checks.check_same_seed_same_bytes(specimen_of(toy, rungs=rungs))


def test_a_finish_that_adds_in_silence_is_refused(toy):
    """One visit that no term explains."""

    def generous(xp, inputs, features, answer):
        outputs = toy.tasks[0].finish(xp, inputs, features, answer)
        return {**outputs, "forecast": outputs["forecast"] + np.float32(1)}

    with pytest.raises(ConformanceError, match="baseline plus contributions is 1"):
        checks.check_contributions_add_up(specimen_of(toy, finish=generous))


def test_a_library_that_predicts_otherwise_is_refused(toy):
    def deaf(training):
        fitted = toy.tasks[0].rungs[2].fit(training)
        return replace(fitted, reference=lambda X: fitted.reference(X) + 0.01)

    rungs = (*toy.tasks[0].rungs[:2], replace(toy.tasks[0].rungs[2], fit=deaf))
    with pytest.raises(ConformanceError, match=r"forecast is .* off"):
        checks.check_graph_equals_its_library(specimen_of(toy, rungs=rungs))


def test_a_division_by_an_unknown_level_is_refused(toy):
    """NaN for a site without history is not a forecast."""

    def fragile(xp, inputs):
        features = toy.tasks[0].features(xp, inputs)
        level = xp.mean(inputs["visits"], axis=(1, 2))
        return Features(features.columns, {"level": xp.reshape(level, (-1, 1))})

    with pytest.raises(ConformanceError, match="forecast is not finite"):
        checks.check_legal_inputs_give_finite_outputs(specimen_of(toy, features=fragile))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"licence": " "}, "licence is ' '"),
        ({"personal_data": ""}, "personal_data is ''"),
        ({"files": {}}, "no file"),
        ({"origin": "github:owner/repo@main"}, "origin 'github:owner/repo@main'"),
        ({"proxy": "Des bacs australiens."}, "limits that are silent"),
    ],
)
def test_an_incomplete_source_is_refused(toy, change, message):
    """Data without terms, pin or the words for what they stand in for are not used."""
    usecase = replace(toy, sources=(replace(toy.sources[0], **change),))
    with pytest.raises(ConformanceError, match=message):
        declarations.check_sources_are_complete(usecase)


def test_a_ladder_without_a_plain_rung_that_may_ship_is_refused(toy):
    task = toy.tasks[0]
    doubled = (*task.rungs, replace(task.rungs[2], name="linear_2"))
    with pytest.raises(ConformanceError, match="rung title Régression linéaire twice"):
        declarations.check_ladder_starts_without_ai(specimen_of(toy, rungs=doubled))
    with pytest.raises(ConformanceError, match="at least one that learns"):
        declarations.check_ladder_starts_without_ai(specimen_of(toy, rungs=task.rungs[:2]))


def test_a_term_without_french_words_or_exact_grid_is_refused(toy):
    first, *others = toy.tasks[0].terms
    for change, message in (({"label": "last_week"}, "label 'last_week'"), ({"grid": 0.1}, "grid")):
        terms = (replace(first, **change), *others)
        with pytest.raises(ConformanceError, match=message):
            declarations.check_terms_are_labelled(specimen_of(toy, terms=terms))


def test_an_input_without_range_is_refused(toy):
    first, *others = toy.tasks[0].inputs
    inputs = (replace(first, high=None), *others)
    with pytest.raises(ConformanceError, match="input visits: no range"):
        declarations.check_fields_are_described(specimen_of(toy, inputs=inputs))


def test_a_simulator_that_ignores_its_seed_is_refused(toy):
    stubborn = replace(toy, simulate=lambda task, _seed: toy.simulate(task, 0))
    with pytest.raises(ConformanceError, match="for another seed"):
        declarations.check_simulator_is_seeded_and_labelled(Specimen(stubborn, toy.tasks[0]))
