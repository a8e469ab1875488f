"""What is asked of a model and what is answered, whatever the protocol: the seam between them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from common.edge.serving.models.served import Result, Served

__all__ = ["CSV", "JSON", "Answer", "Ask", "Door", "media_type", "row_count"]

Array = npt.NDArray[Any]

JSON = b"application/json"
CSV = b"text/csv; charset=utf-8"


@dataclass(slots=True)
class Ask:
    """A request, read.

    Parameters
    ----------
    inputs
        Input name to values of shape (n, ...), not checked yet.
    rows
        Number of rows that they claim.
    ids
        The caller's identifier of each row, None where they are only counted.
    form
        What the door needs to answer in the form that was asked for.
    """

    inputs: Mapping[str, Any]
    rows: int
    ids: Sequence[str] | None = None
    form: Any = None


@dataclass(slots=True)
class Answer:
    """A body ready to be sent."""

    body: bytes
    content_type: bytes = JSON
    status: int = 200
    headers: Sequence[tuple[bytes, bytes]] = field(default=())


class Door(Protocol):
    """A protocol in which models are asked; both methods are pure and run on any thread."""

    name: str

    def read(self, served: Served, body: bytes, headers: Mapping[bytes, bytes]) -> Ask:
        """Read a request; raise `Problem` where it cannot be read."""

    def write(self, served: Served, ask: Ask, result: Result) -> Answer:
        """Write the answer."""


def media_type(headers: Mapping[bytes, bytes], name: bytes = b"content-type") -> str:
    """Return a media type without its parameters, in lower case; empty where there is none.

    >>> media_type({b"content-type": b"Text/CSV; charset=utf-8"})
    'text/csv'
    """
    return headers.get(name, b"").partition(b";")[0].strip().lower().decode("latin-1")


def row_count(values: Any) -> int:
    """Return the length of the leading axis; 0 where there is none."""
    if isinstance(values, np.ndarray):
        return len(values) if values.ndim else 0
    return len(values) if isinstance(values, list) else 0
