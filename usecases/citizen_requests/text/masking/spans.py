"""Stretches of a text that say who somebody is, and how two rules that overlap agree."""

from collections.abc import Iterable
from dataclasses import dataclass
from types import MappingProxyType

from common.edge.errors import UsageError

__all__ = ["KINDS", "Span", "merged"]

KINDS = MappingProxyType(
    {
        "url": "LIEN",
        "email": "COURRIEL",
        "iban": "IBAN",
        "nir": "NUMÉRO DE SÉCURITÉ SOCIALE",
        "phone": "TÉLÉPHONE",
        "plate": "PLAQUE",
        "birth_date": "DATE DE NAISSANCE",
        "file_number": "NUMÉRO DE DOSSIER",
        "address": "ADRESSE",
        "person": "NOM",
        "street": "RUE",
        "health": "SANTÉ",
    }
)
"""Kind to what a page and a placeholder call it; where two overlap, the earlier kind wins."""

_RANK = {kind: rank for rank, kind in enumerate(KINDS)}


@dataclass(frozen=True, order=True)
class Span:
    """Characters [start, end) of a text and what they hold, one of `KINDS`."""

    start: int
    end: int
    kind: str

    def __post_init__(self) -> None:
        if self.kind not in KINDS or not 0 <= self.start < self.end:
            raise UsageError(
                f"span {self.kind} [{self.start}, {self.end})",
                expected="0 <= start < end and one of " + ", ".join(KINDS),
            )


def merged(spans: Iterable[Span]) -> tuple[Span, ...]:
    """Return spans in order without overlap: those that overlap become one, of the first kind.

    Examples
    --------
    >>> merged([Span(0, 5, "person"), Span(3, 9, "email"), Span(12, 14, "phone")])
    (Span(start=0, end=9, kind='email'), Span(start=12, end=14, kind='phone'))
    """
    result: list[Span] = []
    for span in sorted(spans):
        if result and span.start < result[-1].end:
            last = result.pop()
            kind = min(last.kind, span.kind, key=_RANK.__getitem__)
            span = Span(last.start, max(last.end, span.end), kind)
        result.append(span)
    return tuple(result)
