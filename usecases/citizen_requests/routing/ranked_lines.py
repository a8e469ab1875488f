"""Turn ranked services in JSON Lines into the rows of the contest: ``python -m``, this module.

One line per request, ``{"id": "P1", "service_ranked": [{"code": "voirie", "p": 0.9}, ...]}``
(``briefs/citizen_requests.md`` 3.C); other keys are left aside. A service that a line does not
name gets 0; nothing is rescaled, so that chances that do not add up to 1 are refused afterwards.
"""

import argparse
import csv
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from common.edge.errors import TableError

__all__ = ["MOST_BYTES", "Row", "main", "rows_of"]

MOST_BYTES = 50 * 2**20
SHOWN = 5
HEADER = ("request_id", "service", "p")

Row = tuple[str, str, float]
"""Request, service, chance."""


def rows_of(text: str, services: Sequence[str]) -> list[Row]:
    r"""Return a row for each request and service, in the order of the lines.

    Raises
    ------
    TableError
        Lines are of another form, name an unknown service or one twice, or answer a request
        for the second time. Names up to five lines.

    Examples
    --------
    >>> rows_of('{"id": "P1", "service_ranked": [{"code": "parcs", "p": 1}]}', ["voirie", "parcs"])
    [('P1', 'voirie', 0.0), ('P1', 'parcs', 1.0)]
    """
    chances: dict[str, dict[str, float]] = {}
    wrong: list[str] = []
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            request, given = _read(line, frozenset(services))
        except ValueError as error:
            wrong.append(f"line {number}: {error}")
            continue
        if request in chances:
            wrong.append(f"line {number}: request {request!r} for the second time")
        chances[request] = given
    if wrong or not chances:
        more = len(wrong) - SHOWN
        raise TableError(
            "; ".join(wrong[:SHOWN] or ["no line"]) + (f"; {more} more" * (more > 0)),
            expected='one {"id": text, "service_ranked": [{"code", "p"}]} per request',
            remedy="codes are those of services.csv; nothing is converted until all lines are read",
        )
    return [
        (request, service, given.get(service, 0.0))
        for request, given in chances.items()
        for service in services
    ]


def _read(line: str, services: frozenset[str]) -> tuple[str, dict[str, float]]:
    """Return a line's request and chances; a ValueError says what is wrong."""
    try:
        raw = json.loads(line)
        request, ranked = raw["id"], list(_pairs(raw["service_ranked"]))
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ValueError(f"another form: {str(error)[:60]}") from error
    given = dict(ranked)
    if not isinstance(request, str):
        raise ValueError("id is no text")
    if unknown := sorted(set(given) - services):
        raise ValueError(f"unknown service {unknown[0][:60]!r}")
    if len(given) < len(ranked):
        raise ValueError("a service twice")
    return request, given


def _pairs(ranked: object) -> Iterator[tuple[str, float]]:
    if not isinstance(ranked, list):
        raise TypeError("service_ranked is no list")
    for each in ranked:
        chance = each["p"]
        if type(chance) not in (int, float) or not 0 <= chance <= 1:
            raise ValueError(f"p {chance!r}, not in [0, 1]")
        yield str(each["code"]), float(chance)


def main(arguments: Sequence[str] | None = None) -> int:
    """Write ``predictions.csv`` from a file of JSON Lines and the pack's ``services.csv``.

    Raises
    ------
    TableError
        The file is refused; names its lines.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path, help="JSON Lines, UTF-8")
    parser.add_argument("services", type=Path, help="services.csv of the pack")
    parser.add_argument("--out", type=Path, default=Path("predictions.csv"))
    order = parser.parse_args(arguments)
    if order.file.stat().st_size > MOST_BYTES:
        raise TableError(f"{order.file.name} is too large", expected=f"{MOST_BYTES} bytes at most")
    with order.services.open(encoding="utf-8-sig", newline="") as listed:
        services = [row["code"] for row in csv.DictReader(listed)]
    rows = rows_of(order.file.read_text(encoding="utf-8-sig"), services)
    with order.out.open("w", encoding="utf-8", newline="") as out:
        csv.writer(out).writerows([HEADER, *rows])
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
