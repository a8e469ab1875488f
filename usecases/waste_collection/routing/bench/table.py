"""Tell the results of routing runs: a text table in French or English, and JSON."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from statistics import fmean
from typing import Literal

from common.lab.energy.hardware import identify
from common.lab.pages.french import number
from usecases.waste_collection.routing.bench.running import Limit, Result

__all__ = ["Language", "as_json", "as_table"]

Language = Literal["fr", "en"]

HEADS: dict[Language, tuple[str, ...]] = {
    "fr": ("instance", "clients", "coût", "meilleur connu", "écart %", "faisable", "UC s", "itér."),
    "en": ("instance", "clients", "cost", "best known", "gap %", "feasible", "CPU s", "iter."),
}
WORDS: dict[Language, dict[str, str]] = {
    "fr": {"yes": "oui", "no": "NON", "mean": "moyenne", "seeds": "graines"},
    "en": {"yes": "yes", "no": "NO", "mean": "mean", "seeds": "seeds"},
}


def as_table(results: Sequence[Result], language: Language = "fr") -> str:
    """Return one line per instance, its seeds averaged, and the mean gap of each kind."""
    words = WORDS[language]
    lines = [HEADS[language]]
    for kind in dict.fromkeys(result.kind for result in results):
        of_kind = [result for result in results if result.kind == kind]
        names = dict.fromkeys(result.instance for result in of_kind)
        lines += [
            _line([one for one in of_kind if one.instance == name], language) for name in names
        ]
        gap = _number(fmean(result.gap_percent for result in of_kind), 2, language)
        seeds = len({result.seed for result in of_kind})
        title = f"{kind}, {words['mean']} ({len(names)} × {seeds} {words['seeds']})"
        lines.append((title, "", "", "", gap, "", "", ""))
    widths = [max(len(line[at]) for line in lines) for at in range(len(lines[0]))]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if at else cell.ljust(width)
            for at, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def as_json(results: Sequence[Result], limit: Limit) -> str:
    """Return the runs one by one, with the limit and the machine."""
    rows = [asdict(result) | {"gap_percent": result.gap_percent} for result in results]
    told = {"limit": asdict(limit), "machine": identify().label, "runs": rows}
    return json.dumps(told, indent=1, ensure_ascii=False)


def _line(results: Sequence[Result], language: Language) -> tuple[str, ...]:
    first = results[0]
    sound = all(result.agrees and not result.broken for result in results)
    return (
        first.instance,
        _number(first.n_clients, 0, language),
        _number(fmean(result.cost for result in results), 0, language),
        _number(first.best_known, 0, language),
        _number(fmean(result.gap_percent for result in results), 2, language),
        WORDS[language]["yes" if sound else "no"],
        _number(fmean(result.cpu_s for result in results), 1, language),
        _number(fmean(result.iterations for result in results), 0, language),
    )


def _number(value: float, digits: int, language: Language) -> str:
    return number(value, digits) if language == "fr" else f"{value:,.{digits}f}"
