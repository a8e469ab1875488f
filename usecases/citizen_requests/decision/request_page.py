"""The agent's page of one request, and the list of all of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from common.edge.retrieval.citing import Citation
from common.edge.textcodes import LONGEST_TEXT
from common.lab.pages import french
from common.lab.pages.rendering import OVER, render
from usecases.citizen_requests.decision.feedback import FILE
from usecases.citizen_requests.decision.findings import Finding
from usecases.citizen_requests.decision.pieces import deciding_words
from usecases.citizen_requests.decision.similar import Neighbour
from usecases.citizen_requests.duplicates.linking import Link
from usecases.citizen_requests.urgency.levels import LEVELS

__all__ = ["Edition", "inbox_html", "page_names", "request_html"]

TEMPLATES: Final = Path(__file__).parent / "templates"
NAME: Final = f"{OVER} · demandes des habitants"
EXCERPT: Final = 90
HEADINGS: Final = {
    "urgent": "À lire tout de suite par une personne",
    "human": "À lire par une personne",
    "clarify": "Une précision à demander",
    "elsewhere": "Pas du ressort de la mairie",
    "route": "À transmettre au service proposé",
}
COLUMNS: Final = (
    ("service_juste", "le nom du service, comme sur cette page"),
    ("urgence", "normale, haute ou urgente"),
    ("doublon_de", "l'identifiant de la demande antérieure sur le même fait"),
    ("passage_utile", "oui ou non"),
)
CUT: Final = f" Seuls les {french.number(LONGEST_TEXT, 0)} premiers caractères ont été lus."
LIMITS: Final = (
    "Si la réponse est juste : un passage est cité mot pour mot, il n'est pas le droit en vigueur "
    "tant que vous ne l'avez pas vérifié.",
    "Qui écrit, d'où et pourquoi : noms, adresses et numéros sont masqués, parfois il en reste.",
    "L'erreur sur vos demandes : elle ne se mesure que sur vos demandes closes.",
    "Ce qui n'est pas écrit : une pièce jointe, une photo, le ton d'un appel.",
)


@dataclass(frozen=True)
class Edition:
    """What all pages of one run share.

    Parameters
    ----------
    fictional
        Whether the requests were invented.
    learnt_simulated
        Whether the router learnt from invented requests.
    thresholds
        Of action and of clarification.
    foot
        Where requests, model and sheets come from.
    no_sheets
        Why there is no passage; empty where there are sheets.
    """

    fictional: bool
    learnt_simulated: bool
    thresholds: tuple[float, float]
    foot: str
    no_sheets: str = ""

    def fill(self, template: str, title: str, **view: Any) -> str:
        """Fill one of our templates; the title says what was invented."""
        mark = "FICTIF : " if self.fictional else ""
        return render(
            template,
            TEMPLATES,
            over=NAME,
            simulated=self.learnt_simulated,
            title=f"{mark}{title}",
            fictional=self.fictional,
            learnt_simulated=self.learnt_simulated,
            foot=self.foot,
            feedback_file=FILE,
            **view,
        )


def page_names(found: Sequence[Finding]) -> dict[str, str]:
    """Return the file name of each request's page, by identifier: numbers, as ids may be odd."""
    return {each.request.id: f"demande-{at:04d}.html" for at, each in enumerate(found, 1)}


def request_html(finding: Finding, edition: Edition, names: Mapping[str, str]) -> str:
    """Return the agent's page of one request."""
    urgency, request = finding.urgency, finding.request
    view = {
        "id": request.id,
        "lead": f"Reçue le {_when(finding)}, par {request.channel}." + CUT * request.cut,
        "urgent": HEADINGS["urgent"] if urgency.needs_human else "",
        "numbers": urgency.numbers if urgency.life_danger else (),
        "verdict": _verdict(finding),
        "pieces": finding.pieces,
        "words": deciding_words(finding.words),
        "best": finding.services[0][0],
        "services": [
            (title, _chance(chance), round(100 * chance, 1)) for title, chance in finding.services
        ],
        "promise": _promise(edition),
        "level": _level(finding),
        "cues": _cues(finding),
        "duplicates": [_duplicate(link, names) for link in finding.duplicates],
        "neighbours": [_neighbour(each) for each in finding.neighbours],
        "no_sheets": edition.no_sheets,
        "answer_words": _answer_words(finding),
        "proposed": finding.proposed,
        "sheets": [_sheet(citation) for citation in finding.citations],
        "columns": COLUMNS,
    }
    return edition.fill("request.html.j2", f"Demande {request.id}", view=view)


def _duplicate(link: Link, names: Mapping[str, str]) -> dict[str, str]:
    chance = french.percent(link.chance, 0)
    return {
        "file": names[link.earlier_id],
        "id": link.earlier_id,
        "words": f"{', '.join(link.reasons) or 'mots proches'} "
        f"(chance {chance}, poids appris sur des paires simulées)",
    }


def _neighbour(closed: Neighbour) -> dict[str, str]:
    return {
        "service": closed.service,
        "id": closed.id,
        "day": closed.day,
        "alike": french.percent(closed.alike, 0),
        "text": closed.excerpt,
    }


def inbox_html(found: Sequence[Finding], edition: Edition, names: Mapping[str, str]) -> str:
    """Return the list of all requests, what must be read first at the top."""
    groups: dict[str, list[dict[str, str]]] = {name: [] for name in HEADINGS}
    for each in found:
        groups["urgent" if each.urgency.needs_human else each.action].append(_row(each, names))
    counts = {name: len(rows) for name, rows in groups.items()}
    view = {
        "lead": f"{french.plural(len(found), 'demande')} à orienter.",
        "verdict": (
            f"{french.plural(counts['urgent'], 'demande')} à lire tout de suite."
            if counts["urgent"]
            else "Aucune demande à lire tout de suite.",
            f"{counts['route']} à transmettre, {counts['elsewhere']} pour un autre organisme, "
            f"{counts['clarify']} à préciser, {counts['human']} que le modèle laisse à une "
            "personne.",
        ),
        "parts": [(title, groups[name]) for name, title in HEADINGS.items()],
        "limits": LIMITS,
    }
    return edition.fill("inbox.html.j2", "Les demandes à orienter", view=view)


def _row(finding: Finding, names: Mapping[str, str]) -> dict[str, str]:
    title, chance = finding.services[0]
    text = " ".join(finding.request.text.split())
    notes = []
    if finding.urgency.level:
        notes.append(LEVELS[finding.urgency.level])
    if finding.duplicates:
        notes.append(f"peut-être le même fait que {finding.duplicates[0].earlier_id}")
    notes += [f"plutôt {body}" for body in finding.bodies[:1]]
    return {
        "file": names[finding.request.id],
        "id": finding.request.id,
        "day": _when(finding),
        "text": text if len(text) <= EXCERPT else text[:EXCERPT].rsplit(" ", 1)[0] + "…",
        "service": title,
        "chance": french.percent(chance, 0),
        "notes": " ; ".join(notes),
    }


def _when(finding: Finding) -> str:
    received = finding.request.received
    hour = f"{received:%H}{french.NO_BREAK}h{french.NO_BREAK}{received:%M}"
    return f"{french.date_fr(received)} à {hour}"


def _verdict(finding: Finding) -> tuple[str, ...]:
    """Return what to do, then why."""
    (first, chance), second = finding.services[0], finding.services[1][0]
    share = french.percent(chance, 0)
    if finding.action == "human":
        why = (
            "Le texte dit une urgence : il n'attend pas le tri."
            if finding.urgency.needs_human
            else f"Aucun service ne ressort assez : « {first} » n'a que {share} de chances."
        )
        return "À lire par une personne.", why
    if finding.action == "clarify":
        return f"Demandez une précision : {first}, ou {second} ?", f"« {first} » : {share}."
    if finding.action == "elsewhere":
        who = " ; ".join(finding.bodies) or "voir la fiche ci-dessous"
        return (
            "Hors compétence de la mairie, semble-t-il.",
            f"Le bon organisme : {who}. Chance d'être hors compétence : {share}. "
            "Un agent le confirme avant de répondre.",
        )
    return f"Proposition : transmettre à « {first} ».", f"Chance que ce soit le bon : {share}."


def _chance(chance: float) -> str:
    r"""Return a chance; a small one is not called none.

    >>> _chance(0.004).replace("\u00a0", "~")
    'moins de 1~%'
    """
    return french.percent(chance, 0) if chance >= 0.01 else f"moins de {french.percent(0.01, 0)}"


def _promise(edition: Edition) -> str:
    act, ask = edition.thresholds
    if act > 1:
        return (
            "Aucun seuil ne tient la promesse de neuf justes sur dix : toute demande va à une "
            "personne."
        )
    words = f"Transmission proposée à partir de {french.percent(act, 0)} de chances"
    if ask <= 1:
        words += f", précision entre deux services à partir de {french.percent(ask, 0)} à deux"
    of = "demandes SIMULÉES : ne vous y fiez pas" if edition.learnt_simulated else (
        "demandes closes récentes"
    )  # fmt: skip
    return f"{words}. Seuils fixés pour que neuf propositions sur dix soient justes, sur des {of}."


def _level(finding: Finding) -> str:
    urgency = finding.urgency
    words = f"{LEVELS[urgency.level].capitalize()}."
    if finding.request.agent_level:
        words += f" Déjà classée « {LEVELS[finding.request.agent_level]} » : jamais abaissée."
    return words


def _cues(finding: Finding) -> list[str]:
    return [
        f"{hit.cue.label} : « {hit.words} »"
        + (f", atténué ({', '.join(hit.because)})" if hit.because else "")
        for hit in finding.urgency.hits
    ]


def _answer_words(finding: Finding) -> str:
    if not finding.citations:
        return ""
    if not finding.proposed:
        end = "" if finding.p_answer is None else f" (chance {french.percent(finding.p_answer, 0)})"
        return f"Aucune fiche ne répond assez sûrement{end}. Les plus proches, sans passage :"
    if finding.p_answer is None:
        return (
            "Passage proposé parce que la fiche contient l'essentiel des mots de la demande ; "
            "aucun modèle n'a jugé si elle répond (donnez-le avec --bundle)."
        )
    return f"Chance que la première fiche réponde : {french.percent(finding.p_answer, 0)}."


def _sheet(citation: Citation) -> dict[str, Any]:
    return {
        "title": citation.title,
        "warning": citation.warning,
        "url": citation.url,
        "id": citation.sheet_id,
        "day": f", datée du {french.date_fr(citation.day)}" if citation.day else ", sans date",
        "passages": [each for each in (citation.lead, citation.section) if each is not None],
    }
