"""French numbers, dates and plurals, as printed on every page."""

import math
import re
from datetime import date, datetime

from common.edge.errors import UsageError

__all__ = [
    "MISSING",
    "bounds",
    "date_fr",
    "energy_wh",
    "interval",
    "number",
    "percent",
    "plural",
    "quantity",
    "typeset",
]

MISSING = "non mesuré"
"""What is printed in place of a figure that nobody has."""

THIN = "\u202f"  # narrow no-break space: thousands, and before ; : ! ? (Imprimerie nationale)
NO_BREAK = "\u00a0"  # no-break space: between a number and its unit or %
MINUS = "\u2212"
_MONTHS = (
    "janv.", "févr.", "mars", "avr.", "mai", "juin",
    "juil.", "août", "sept.", "oct.", "nov.", "déc.",
)  # fmt: skip
_LADDERS = {
    "Wh": (("kWh", 1e3), ("Wh", 1.0), ("mWh", 1e-3)),
    "g": (("kg", 1e3), ("g", 1.0), ("mg", 1e-3), ("µg", 1e-6)),
}


def number(value: float | None, digits: int | None = None) -> str:
    r"""Return a number with a decimal comma and narrow no-break spaces.

    Parameters
    ----------
    value
        None, NaN and the infinities are printed as « non mesuré ».
    digits
        Decimals; None keeps three significant figures, never fewer than the units.

    Examples
    --------
    >>> number(1234.5, 1).replace("\u202f", "_")
    '1_234,5'
    >>> number(0.001234), number(12.34), number(1234.5).replace("\u202f", "_")
    ('0,00123', '12,3', '1_234')
    >>> number(float("nan"))
    'non mesuré'
    """
    if value is None or not math.isfinite(value):
        return MISSING
    text = f"{abs(value):,.{_digits(value) if digits is None else digits}f}"
    sign = MINUS if value < 0 and any(digit in text for digit in "123456789") else ""
    return sign + text.replace(",", THIN).replace(".", ",")


def quantity(value: float | None, unit: str, digits: int | None = None) -> str:
    r"""Return a number and its unit, held together by a no-break space.

    Units ``1`` and the empty one are not printed.

    Examples
    --------
    >>> quantity(12.34, "kWh").replace("\u00a0", "~")
    '12,3~kWh'
    """
    text = number(value, digits)
    if text == MISSING or unit in ("", "1"):
        return text
    return f"{text}{NO_BREAK}{unit}"


def percent(ratio: float | None, digits: int = 1) -> str:
    r"""Return a ratio (0.124) as a percentage (12,4 %).

    Examples
    --------
    >>> percent(0.124).replace("\u00a0", "~")
    '12,4~%'
    """
    return quantity(None if ratio is None else 100 * ratio, "%", digits)


def energy_wh(wh: float | None) -> str:
    r"""Return an energy given in Wh, in the largest of kWh, Wh and mWh that it fills.

    Examples
    --------
    >>> [energy_wh(x).replace("\u00a0", "~") for x in (0.0005, 2.5, 1234.0)]
    ['0,500~mWh', '2,50~Wh', '1,23~kWh']
    """
    unit, scale = _scaled("Wh", wh)
    return quantity(None if wh is None else wh / scale, unit)


def bounds(low: float, high: float, unit: str = "", digits: int | None = None) -> str:
    r"""Return ``low à high unit``, both with the decimals of the larger one.

    Energies in Wh and masses in g are brought to one unit that the high bound fills.

    Examples
    --------
    >>> bounds(7.91, 10.04, "%").replace("\u00a0", "~")
    '7,9 à 10,0~%'
    """
    if not (math.isfinite(low) and math.isfinite(high)):
        return MISSING
    if unit in _LADDERS:
        unit, scale = _scaled(unit, max(abs(low), abs(high)))
        low, high = low / scale, high / scale
    if digits is None:
        digits = _digits(max(abs(low), abs(high)))
    return f"{number(low, digits)} à {quantity(high, unit, digits)}"


def interval(low: float, high: float, unit: str = "", digits: int | None = None) -> str:
    r"""Return an interval as words, ``entre 7,9 et 9,1 %``.

    Examples
    --------
    >>> interval(7.91, 9.1, "%", 1).replace("\u00a0", "~")
    'entre 7,9 et 9,1~%'
    """
    text = bounds(low, high, unit, digits)
    return text if text == MISSING else "entre " + text.replace(" à ", " et ")


def date_fr(day: date | datetime | str) -> str:
    r"""Return a date as ``22 nov. 2026``, also from ISO 8601 text.

    Raises
    ------
    UsageError
        When the text is no ISO 8601 date.

    Examples
    --------
    >>> date_fr("2026-11-22T08:00:00Z").replace("\u00a0", "~")
    '22~nov. 2026'
    """
    if isinstance(day, str):
        try:
            day = datetime.fromisoformat(day)
        except ValueError as error:
            raise UsageError(f"date {day!r}", expected="ISO 8601, as 2026-11-22") from error
    ordinal = "1er" if day.day == 1 else str(day.day)
    return f"{ordinal}{NO_BREAK}{_MONTHS[day.month - 1]} {day.year}"


def plural(count: float, singular: str, many: str = "", digits: int | None = 0) -> str:
    r"""Return a count and its noun; French plurals begin at two.

    Parameters
    ----------
    many
        The plural where it is not the singular and an ``s``.

    Examples
    --------
    >>> [plural(n, "jour").replace("\u00a0", "~") for n in (0, 1, 2)]
    ['0~jour', '1~jour', '2~jours']
    """
    noun = (many or f"{singular}s") if abs(count) >= 2 else singular
    return f"{number(count, digits)}{NO_BREAK}{noun}"


def typeset(text: str) -> str:
    r"""Return a text whose French punctuation cannot fall to the next line.

    A narrow no-break space before ``;`` ``!`` ``?``, a no-break space before ``:`` ``%`` ``»``
    and after ``«`` (Imprimerie nationale, *Lexique des règles typographiques*).

    Examples
    --------
    >>> typeset("Quoi ? 5 %").replace("\u202f", "_").replace("\u00a0", "~")
    'Quoi_? 5~%'
    """
    text = re.sub(r" (?=[;!?](?:\s|$))", THIN, text)
    return re.sub(r"(?<=«) | (?=[:%»](?:\W|$))", NO_BREAK, text)


def _digits(value: float) -> int:
    """Return the decimals that keep three significant figures, nine at most."""
    if value == 0:
        return 0
    return min(9, max(0, 2 - math.floor(math.log10(abs(value)))))


def _scaled(unit: str, value: float | None) -> tuple[str, float]:
    """Return the largest multiple of ``unit`` that ``value`` fills, and its size."""
    for name, scale in _LADDERS[unit]:
        if value is not None and abs(value) >= scale:
            return name, scale
    return _LADDERS[unit][-1]
