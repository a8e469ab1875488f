"""A refusal as the caller reads it: RFC 9457 problem details, in French."""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

__all__ = ["CONTENT_TYPE", "Problem"]

CONTENT_TYPE = b"application/problem+json"

_TITLES = {
    400: "Demande illisible",
    401: "Clé absente ou inconnue",
    403: "Accès refusé",
    404: "Adresse inconnue",
    405: "Méthode refusée",
    408: "Demande trop lente",
    409: "Version non servie",
    411: "Longueur non annoncée",
    413: "Demande trop volumineuse",
    415: "Format non reconnu",
    421: "Nom de serveur refusé",
    422: "Données refusées",
    429: "Trop de demandes",
    431: "En-têtes trop longs",
    500: "Erreur du serveur",
    503: "Service momentanément indisponible",
}


class Problem(Exception):  # noqa: N818 - the name that RFC 9457 gives it
    """A refusal, with its HTTP status.

    Parameters
    ----------
    status
        HTTP status, one of those that have a title here.
    detail
        One or two French sentences: what was found, what was expected.
    errors
        Each fault with ``row`` (counted from 0), ``field`` and ``detail``.
    headers
        More headers of the answer.

    Examples
    --------
    >>> Problem(404, "Le modèle « x » n'est pas servi ici.").members()["title"]
    'Adresse inconnue'
    """

    def __init__(
        self,
        status: int,
        detail: str,
        errors: Sequence[Mapping[str, Any]] = (),
        headers: Sequence[tuple[bytes, bytes]] = (),
    ) -> None:
        self.status = status
        self.detail = detail
        self.errors = tuple(errors)
        self.headers = tuple(headers)
        super().__init__(detail)

    def members(self) -> dict[str, Any]:
        """Return the members of the problem.

        ``error`` repeats the detail: that is where clients of the Open Inference Protocol
        look for it, and RFC 9457 (3.2) allows members of one's own.
        """
        members: dict[str, Any] = {
            "type": "about:blank",
            "title": _TITLES[self.status],
            "status": self.status,
            "detail": self.detail,
        }
        if self.errors:
            members["errors"] = list(self.errors)
        return members | {"error": self.detail}

    def body(self) -> bytes:
        """Return the JSON of the problem."""
        return orjson.dumps(self.members())
