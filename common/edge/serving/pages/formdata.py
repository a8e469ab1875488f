"""Read what a browser's form sends: fields and one file, with the standard library alone."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from common.edge.serving.problem import Problem

__all__ = ["FormData", "read_form"]

_MOST_FIELDS = 500


@dataclass(frozen=True)
class FormData:
    """A form as it was sent.

    Parameters
    ----------
    texts
        Field name to text; of a field sent twice, the last.
    files
        Field name to the content of its file, those without content left out.
    """

    texts: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, bytes] = field(default_factory=dict)


def read_form(body: bytes, content_type: str) -> FormData:
    """Read ``application/x-www-form-urlencoded`` or ``multipart/form-data`` (RFC 7578).

    Parameters
    ----------
    body
        At most what the server accepts.
    content_type
        The header, with its parameters.

    Raises
    ------
    Problem
        415 for another type; 400 where the form cannot be read or has too many fields.

    Examples
    --------
    >>> read_form(b"load=1%2C5&note=a+b", "application/x-www-form-urlencoded").texts
    {'load': '1,5', 'note': 'a b'}
    """
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "application/x-www-form-urlencoded":
        return FormData(texts=_urlencoded(body))
    if kind == "multipart/form-data":
        return _multipart(body, content_type)
    raise Problem(415, f"Type « {kind[:40]} » ; attendu : un formulaire.")


def _urlencoded(body: bytes) -> dict[str, str]:
    try:
        pairs = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=bool(body),
            errors="strict",
            max_num_fields=_MOST_FIELDS,
        )
    except ValueError as error:
        raise Problem(400, "Le formulaire n'est pas lisible.") from error
    return dict(pairs)


def _multipart(body: bytes, content_type: str) -> FormData:
    from email import policy
    from email.parser import BytesParser

    # The standard library reads MIME messages, and a form is one (RFC 7578 4).
    head = b"content-type: " + content_type.encode("latin-1", "replace") + b"\r\n\r\n"
    message = BytesParser(policy=policy.HTTP).parsebytes(head + body)
    parts = list(message.iter_parts()) if message.is_multipart() else []
    if not 1 <= len(parts) <= _MOST_FIELDS:
        raise Problem(400, "Le formulaire n'est pas lisible.")
    texts: dict[str, str] = {}
    files: dict[str, bytes] = {}
    for part in parts:
        name = part.get_param("name", header="content-disposition")
        content = part.get_payload(decode=True)
        if not isinstance(name, str) or not isinstance(content, bytes):
            raise Problem(400, "Le formulaire n'est pas lisible.")
        if part.get_filename() is None:
            texts[name] = _utf8(content)
        elif content.strip():
            files[name] = content
    return FormData(texts, files)


def _utf8(content: bytes) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Problem(400, "Le formulaire n'est pas en UTF-8.") from error
