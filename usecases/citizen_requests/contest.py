"""How vendors are held against the routing chances: questions, what is hidden, losses.

Every request received in the window is asked, and none of their services is handed out: neither
in the history, nor in what similar requests vote, nor in the statistical unit (the data's units
name the service). A row is one request and one service; its answer is the chance that the service
is right. A file of JSON Lines (``briefs/citizen_requests.md`` 3.C) becomes such rows by
`routing.ranked_lines`.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from common.edge.errors import DataError
from common.edge.textcodes import codes_of, text_of
from common.lab.choices import Choices, shared_truth
from common.lab.contest import (
    Column,
    Contest,
    Finding,
    Labels,
    Output,
    Paper,
    Questions,
    Submission,
    parse_rows,
)
from common.lab.contest.chances import audit_chances, check_chances
from common.lab.contest.copies import JITTER
from common.lab.contest.tally import FIRST_LINES, Rule
from common.lab.pages import french
from common.lab.probabilities import EVERYTHING
from common.lab.statistics import Losses
from common.lab.usecase import Array, Dataset, Examples, Period
from usecases.citizen_requests.requests.collection import requests_of
from usecases.citizen_requests.routing.examples import routing_examples
from usecases.citizen_requests.text.noise import noisy

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "ACTED_ON",
    "COLUMNS",
    "ask",
    "audit",
    "check",
    "routing_contest",
    "scored",
    "unit_losses",
    "without_services",
]

CHANCE, TRUTH = "p", "right"
ACTED_ON = 0.90
"""Announced chance from which a request would be sent on without a question, the same for all:
a vendor's own threshold cannot be seen in a file (goal of the brief, 6.1)."""
ROUNDING = 0.01
"""By which the chances of a request may miss 1: two decimals on up to twenty services."""
FEWEST = 20
Slice = Callable[[Examples], Array]

COLUMNS = (
    Column("request_id", "text", "", "Identifiant de la demande.", "Request identifier."),
    Column("service", "text", "", "Code du service (services.csv).", "Service (services.csv)."),
    Column(CHANCE, "number", "1",
           "Chance que ce service soit le bon, de 0 à 1 ; les chances d'une demande font 1, à un "
           "centième près. Elles ne sont jamais ramenées à 1 pour vous dans la perte.",
           "Chance that this service is right, 0 to 1; those of a request add up to 1, within a "
           "hundredth. The loss never rescales them.",
           low=0.0, high=1.0),
)  # fmt: skip

SUM = Rule(
    "chances-sum", "refused", "chances d'une demande qui ne font pas 1",
    "une somme de 1 par demande, à un centième près",
    "répartir la chance entre tous les services, « autre » compris",
)  # fmt: skip
HALF = Rule(
    "half-answered", "refused", "demande à laquelle il manque des services",
    "tous les services de services.csv pour chaque demande, ou aucun",
    "écrire 0 pour un service exclu",
)  # fmt: skip


def ask(dataset: Dataset, window: Period, slices: Mapping[str, Slice] | None = None) -> Paper:
    """Ask the service of every request received in the window.

    Parameters
    ----------
    dataset
        As `requests.collection.dataset_of` makes it, with requests before the window.
    window
        Days of reception.
    slices
        French name to the class of each request, for equity.

    Raises
    ------
    DataError
        If the window holds fewer than twenty requests of known service, or nothing lies before.
    """
    hidden = without_services(dataset, window)
    asked = routing_examples(hidden, window, catalogue=False)
    whole = routing_examples(dataset, window, catalogue=False)
    known = np.isfinite(whole.target).all(axis=1)
    before = hidden.valid & (hidden.times < _midnight(window))
    if known.sum() < FEWEST or not before.any():
        raise DataError(
            f"{int(known.sum())} requests of known service in {window}, "
            f"{int(before.sum())} before it",
            expected=f"at least {FEWEST} and 1",
        )
    return Paper(
        questions=_questions(hidden, window, asked, before, slices or {}),
        labels=Labels({TRUTH: whole.target.reshape(-1)}),
        tables=_tables(hidden, window, before),
        about=ABOUT,
    )


def without_services(dataset: Dataset, window: Period) -> Dataset:
    """Return the requests up to the window's end; from its start on no service is known.

    Units name the service in the public data, so that all are made one; a channel or a place
    stays, whatever an agent wrote when closing does not.
    """
    import pandas as pd

    stop = pd.Timestamp(window.stop, tz="UTC")
    kept = dataset.at(np.asarray(dataset.times < stop))
    late = np.asarray(kept.times >= _midnight(window))
    texts = requests_of(kept)[["request_id", "text", "channel", "register", "place"]]
    service = requests_of(kept)[["service", "also_ok"]]
    service = service.apply(lambda column: column.mask(late, ""))
    return replace(
        kept,
        columns={
            "text_id": np.arange(len(late), dtype=np.float64),
            "service_code": np.where(late, np.nan, kept.columns["service_code"]),
        },
        units={name: kept.units[name] for name in ("text_id", "service_code")},
        groups=pd.Categorical([EVERYTHING] * len(late)),
        valid=kept.valid & ~late,
        extras={**dataset.extras, "requests": pd.concat([texts, service], axis=1)},
    )


def unit_losses(submission: Submission, questions: Questions, labels: Labels) -> Losses:
    """Return each row's squared error; their mean over a request is its Brier score over K.

    There is one unit, as every request counts the same; each request is a block. Where
    several services are right, the truth is shared out as the answer does (`shared_truth`).
    """
    p, right = submission.answers[CHANCE], labels.truth[TRUTH]
    n_services = _n_services(questions)
    truth = shared_truth(right.reshape(-1, n_services) > 0, p.reshape(-1, n_services))
    loss = np.where(np.isfinite(right), np.square(p - truth.reshape(-1)), np.nan)
    return questions.units, questions.blocks, loss


def scored(submission: Submission, questions: Questions, labels: Labels) -> Choices:
    """Hold chances against the right services; `ACTED_ON` says what is acted on, for all alike."""
    n_services = _n_services(questions)
    p = submission.answers[CHANCE].reshape(-1, n_services)
    right = labels.truth[TRUTH].reshape(-1, n_services)
    known = np.isfinite(right).all(axis=1)
    # Within a hundredth of 1, as checked: the metrics ask for exactly 1.
    p = p[known] / p[known].sum(axis=1, keepdims=True)
    blocks, block = np.unique(questions.blocks[::n_services][known], return_inverse=True)
    return Choices(p, right[known] > 0.5, blocks, block, p.max(axis=1) >= ACTED_ON)


def check(submission: Submission, questions: Questions) -> tuple[Finding, ...]:
    """Check the chances, and that those of each request answered add up to 1."""
    found = list(check_chances(submission, questions, COLUMNS))
    if CHANCE not in submission.answers:
        return tuple(found)
    n_services = _n_services(questions)
    answered = ~submission.missing.reshape(-1, n_services)
    total = np.nansum(submission.answers[CHANCE].reshape(-1, n_services), axis=1)
    whole = answered.all(axis=1)
    off = whole & (np.abs(total - 1) > ROUNDING)
    line = np.where(submission.line > 0, submission.line, np.iinfo(np.int64).max)
    first = line.reshape(-1, n_services).min(axis=1)
    for rule, wrong, detail in (
        (HALF, answered.any(axis=1) & ~whole, ""),
        (SUM, off, f"par exemple {french.number(float(total[off][0]), 2)}" if off.any() else ""),
    ):
        if wrong.any():
            lines = tuple(int(each) for each in np.sort(first[wrong])[:FIRST_LINES])
            found.append(rule.finding(detail, int(wrong.sum()), lines))
    return tuple(found)


def audit(
    submission: Submission,
    questions: Questions,
    labels: Labels,
    others: Mapping[str, Submission],
) -> tuple[Finding, ...]:
    """Look for leakage and copies; a copy with noise on it is not told from an honest entry.

    That rule looks for differences without memory from one hour to the next. Requests follow
    each other without any: two honest models of the same texts differ in that way (seen with
    a regression on fragments beside ours, correlation 0.95).
    """
    found = audit_chances(submission, questions, labels, others, COLUMNS)
    return tuple(finding for finding in found if finding.rule != JITTER.id)


def routing_contest(slices: Mapping[str, Slice]) -> Contest:
    """Return the contest of the routing task; ``slices`` are the task's."""
    return Contest(
        columns=COLUMNS,
        outputs={CHANCE: Output("p_service")},
        ask=partial(ask, slices=slices),
        parse=partial(parse_rows, columns=COLUMNS),
        check=check,
        audit=audit,
        unit_losses=unit_losses,
        scored=scored,
        units="",
        stress={
            "une faute de frappe dans 40 % des mots": partial(_rewritten, transform="typo10"),
            "enveloppe polie de 45 mots": partial(_rewritten, transform="greet"),
        },
        sealed_share=(
            "Toutes les demandes de la période sont demandées ; le service d'aucune n'est remis, "
            "ni par l'historique, ni par les votes des demandes proches."
        ),
    )


def _midnight(window: Period) -> "pd.Timestamp":
    import pandas as pd

    return pd.Timestamp(window.start, tz="UTC")


def _n_services(questions: Questions) -> int:
    return int(questions.step.max()) + 1


def _questions(
    hidden: Dataset, window: Period, asked: Examples, before: Array, slices: Mapping[str, Slice]
) -> Questions:
    services = hidden.extras["services"]["code"].to_numpy(dtype=str)
    n_services, n_asked = len(services), len(asked)
    inside = np.asarray(hidden.times >= _midnight(window))
    ids = requests_of(hidden)["request_id"].to_numpy(dtype=str)[inside]
    past = hidden.columns["service_code"][before].astype(np.int64)
    shares = np.bincount(past, minlength=n_services) / len(past)
    example = np.repeat(np.arange(n_asked), n_services)
    return Questions(
        keys={
            "request_id": np.repeat(ids, n_services),
            "service": np.tile(services, n_asked),
        },
        units=asked.units.astype(str)[example],
        blocks=asked.blocks[example],
        example=example,
        step=np.tile(np.arange(n_services), n_asked),
        inputs={name: np.asarray(asked.inputs[name]) for name in ("codes", "votes")},
        scale=np.ones(len(example)),
        level=np.tile(shares, n_asked),
        slices={name: np.asarray(label(asked), str)[example] for name, label in slices.items()},
    )


def _rewritten(inputs: Mapping[str, Array], transform: str) -> dict[str, Array]:
    """Return the inputs with every text written otherwise; its votes are not asked again."""
    texts = noisy([text_of(codes) for codes in inputs["codes"]], transform)
    votes = np.zeros_like(inputs["votes"])
    return {**inputs, "codes": codes_of(texts), "votes": votes}


def _tables(hidden: Dataset, window: Period, before: Array) -> dict[str, "pd.DataFrame"]:
    """Return what a vendor receives beside the questions."""
    rows = requests_of(hidden)[["request_id", "text", "channel", "service", "also_ok"]]
    rows.insert(1, "received_utc", hidden.times.strftime("%Y-%m-%dT%H:%M:%SZ"))
    inside = np.asarray(hidden.times >= _midnight(window))
    tables = {
        "history.csv": rows[before].reset_index(drop=True),
        "requests.csv": rows[inside].drop(columns=["service", "also_ok"]).reset_index(drop=True),
        "services.csv": hidden.extras["services"][["code", "title"]],
    }
    phrases = hidden.extras.get("catalogue")
    if phrases is not None:
        codes = hidden.extras["services"]["code"]
        said = phrases["service_code"].map(dict(enumerate(codes)))
        tables["catalogue.csv"] = phrases.assign(service=said)[["service", "text"]]
    return tables


ABOUT: Mapping[str, tuple[str, str]] = {
    "requests.csv": (
        "Les demandes posées : texte et heure de réception. Vos propres textes sont "
        "pseudonymisés, jamais anonymes : ne les remettez que sous convention.",
        "The requests asked: text and time of reception. A town hall's own texts are "
        "pseudonymised, never anonymous: hand them out under an agreement only.",
    ),
    "history.csv": (
        "Les demandes closes avant la période, et le service qui les a traitées (also_ok : "
        "d'autres services aussi bons).",
        "Requests closed before the window and the service that dealt with each (also_ok: "
        "others that are as good).",
    ),
    "services.csv": (
        "Les services entre lesquels choisir.",
        "The services to choose among.",
    ),
    "catalogue.csv": (
        "Ce que chaque service dit faire ; écrit pour Aune sur les données publiques.",
        "What each service says it does; written for Aune on public data.",
    ),
}
