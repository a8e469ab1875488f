"""Where a mail stops being its author's: quoted threads, forwarded headers, devices, disclaimers.

Header lines of Outlook, Apple Mail, Gmail, Thunderbird and Zimbra in French and English.
"""

import re

__all__ = ["DEVICE", "DISCLAIMER", "FORWARD", "HEADER_LINES", "QUOTED_LINES", "THREAD"]

_FLAGS = re.IGNORECASE | re.MULTILINE
_HEADER = (
    r"[ \t>*]*(?:de|from|envoyé|envoye|sent|date|à|a|to|cc|cci|objet|subject|sujet|pour|répondre à|"
    r"reply-to)\*?[ \t\u00a0]?:[^\n]*"
)

HEADER_LINES = re.compile(rf"(?:^{_HEADER}\n?){{2,}}", _FLAGS)
"""Two header lines or more, one under the other."""

FORWARD = re.compile(
    r"^[ \t]*(?:-{2,}[ \t]*(?:message transféré|forwarded message|message réexpédié)[ \t]*-{2,}"
    r"|début du message (?:transféré|réexpédié)[ \t\u00a0]?:?|begin forwarded message[ \t]?:?)"
    r"[ \t]*$",
    _FLAGS,
)
"""First line of what somebody passes on."""

THREAD = re.compile(
    r"^[ \t>]*(?:"
    r"le[ \u00a0](?=[^\n]*\d)[^\n]{4,150}(?:\n[^\n]{0,100})?[ \u00a0\n]a[ \u00a0]écrit[ \u00a0]?:"
    r"|on[ ](?=[^\n]*\d)[^\n]{4,150}(?:\n[^\n]{0,100})?[ \n]wrote[ ]?:"
    r"|-{2,}[ ]*(?:message d[’']origine|original message|message original|mail original|"
    r"e-mail d[’']origine|message initial)[ ]*-{2,}"
    r"|(?:_{8,}[ \t]*\n[ \t]*)?(?:de|from)[ \t\u00a0]?:[^\n]+\n(?:[^\n]+\n){0,2}?"
    r"[ \t]*(?:envoyé|sent|date|à|to|objet|subject)[ \t\u00a0]?:)",
    _FLAGS,
)
"""First line of what was written before by somebody else."""

QUOTED_LINES = re.compile(r"^[ \t]*>[^\n]*\n?", re.MULTILINE)
"""Lines that a mail client quotes; ``>`` opens each."""

DEVICE = re.compile(
    r"^[ \t]*(?:envoyé (?:de|depuis|à partir|avec)\b|sent (?:from|with)\b|obtenez outlook|"
    r"télécharge[rz] outlook|get outlook|provenance : courrier)[^\n]{0,80}$",
    _FLAGS,
)
"""What a telephone or a mail program adds."""

DISCLAIMER = re.compile(
    r"confidentiel|destinataire|(?:reçu|reçoi\w+)\b[^.]{0,40}par erreur"
    r"|pièces? jointes? (?:sont|est)|avant d[’']imprimer|n[’']imprimez|exempt de virus"
    r"|sans virus|virus-free|"
    r"intégrité de (?:ce|cet|votre) (?:message|courriel|mail)|tenue? (?:pour )?responsable|"
    r"usage exclusif|confidential|intended recipient",
    _FLAGS,
)
"""Legal and ecological lines that an organisation adds under every mail."""
