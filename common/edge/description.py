"""Describe a bundle in French: what ``aune bundle inspect`` prints."""

import math

from common.edge.bundle import Bundle
from common.edge.manifest import FieldSpec, Manifest

__all__ = ["describe", "french_number"]

_NARROW, _NO_BREAK = "\u202f", "\u00a0"
_MINUS = "\u2212"


def describe(bundle: Bundle) -> str:
    """Return a page of plain French text on a verified bundle.

    Says SIMULATED and the proxy first, where they hold: simulated never looks like measured.
    """
    manifest = bundle.manifest
    sections = [
        _heading(manifest),
        _warnings(manifest),
        _fields("Entrées", manifest.inputs, required=True),
        _fields("Sorties", manifest.outputs, required=False),
        _terms(manifest),
        _trust(bundle),
        _files(bundle),
    ]
    return "\n\n".join(section for section in sections if section)


def french_number(value: float) -> str:
    """Write a number the French way, with up to six significant digits.

    Narrow no-break space between thousands, comma before decimals, true minus sign.

    >>> french_number(-1234.5).replace("\u202f", "_")
    '−1_234,5'
    >>> french_number(math.inf)
    '∞'
    """
    if math.isinf(value):
        return "∞" if value > 0 else f"{_MINUS}∞"
    digits = max(0, 6 - len(str(abs(int(value)))))
    text = f"{abs(value):,.{digits}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    text = text.replace(",", _NARROW).replace(".", ",")
    return f"{_MINUS}{text}" if value < 0 and text != "0" else text


def _heading(manifest: Manifest) -> str:
    title = f"{manifest.usecase} / {manifest.task}, version {manifest.version}"
    return f"{title}\n{manifest.question}\nFabriqué le {manifest.created}"


def _warnings(manifest: Manifest) -> str:
    lines = []
    if manifest.simulated:
        lines.append("SIMULATED — données SIMULÉES : aucun chiffre ne vient d'une mesure.")
    if manifest.proxy:
        lines.append(f"Données de substitution : {manifest.proxy}")
    return "\n".join(lines)


def _fields(title: str, fields: tuple[FieldSpec, ...], *, required: bool) -> str:
    lines = [f"{title} ({len(fields)})"]
    for field in fields:
        shape = f"{_NO_BREAK}×{_NO_BREAK}".join(map(str, field.shape))
        unit = "" if field.unit == "1" else f", en {field.unit}"
        lines.append(f"  {field.name} : {field.meaning}")
        lines.append(
            f"    {field.dtype}, {shape}{unit}{_range(field)}{_absence(field)}"
            + (_duty(field) if required else "")
        )
    return "\n".join(lines)


def _range(field: FieldSpec) -> str:
    low, high = field.range
    if math.isinf(low) and math.isinf(high):
        return ""
    return f", de {french_number(low)} à {french_number(high)}"


def _absence(field: FieldSpec) -> str:
    return " ; valeur manquante (NaN) admise" if field.missing else ""


def _duty(field: FieldSpec) -> str:
    return " ; obligatoire" if field.default is None else " ; facultative"


def _terms(manifest: Manifest) -> str:
    if not manifest.terms:
        return ""
    groups: dict[str, list[str]] = {}
    for term in manifest.terms:
        groups.setdefault(term.group, []).append(term.label)
    kind = (
        "additives : base + contributions = prévision"
        if manifest.additive
        else "contributions de chemin des arbres, qui ne sont pas des valeurs de Shapley"
    )
    lines = [f"Raisons données ({len(manifest.terms)}, {kind})"]
    return "\n".join(lines + [f"  {name} : {', '.join(labels)}" for name, labels in groups.items()])


def _trust(bundle: Bundle) -> str:
    manifest = bundle.manifest
    opsets = ", ".join(f"{domain} {number}" for domain, number in sorted(manifest.opsets.items()))
    hashes = [
        f"  Empreinte « {name} » : {value}" for name, value in sorted(manifest.hashes.items())
    ]
    return "\n".join(
        [
            "Contrôles réussis",
            f"  Signé par la clé de confiance {bundle.signer}",
            f"  {manifest.golden_rows} exemples rejoués, mêmes résultats aux tolérances près",
            f"  {len(manifest.operators)} opérateurs ONNX, tous permis ({opsets})",
            f"  Empreinte du paquet : {bundle.digest}",
            *hashes,
        ]
    )


def _files(bundle: Bundle) -> str:
    lines = [f"Fichiers ({len(bundle.sizes)})"]
    lines += [
        f"  {name} : {french_number(size / 1000)}{_NO_BREAK}ko"
        for name, size in bundle.sizes.items()
    ]
    return "\n".join(lines)
