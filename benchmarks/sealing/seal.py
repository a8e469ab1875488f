"""Commit to labels before anybody answers: salted leaves, a Merkle root, inclusion proofs.

A leaf is ``SHA-256(0x00 || salt || fields)`` and a node ``SHA-256(0x01 || left || right)``: the
tree and the two prefixes are those of RFC 6962, section 2.1 (kept in RFC 9162), so no node can
be passed off as a leaf. ``fields`` is what is printed in ``labels.csv``, each as a netstring:
the row's number (from 0), then column name and text, key columns first. Whoever checks hashes
the texts as they stand and never prints a number, so the commitment is the same in any language.

The salt of row i is ``HMAC-SHA-256(salt secret, i as 8 bytes, big-endian)``: 32 bytes without
which a label of few possible values could be guessed from its leaf. HMAC being a pseudo-random
function, the salts of some rows say nothing about those of the others.
"""

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.sealing.digests import netstring
from common.edge.errors import IntegrityError, UsageError
from common.lab.contest import Labels, Questions
from common.lab.usecase import Array

__all__ = [
    "SCHEME",
    "Proof",
    "Tree",
    "label_texts",
    "leaf_bytes",
    "leaf_hash",
    "leaf_hashes",
    "salt",
    "texts",
]

SCHEME = "aune-seal-1"
"""Name of this construction in ``commitment.json``."""

SECRET_BYTES = 32


def texts(values: Array) -> list[str]:
    """Return values as they are printed: exact, and read back to the same value.

    Floats as the shortest decimal that gives the same double (``repr``), NaN as ``nan``;
    times as ISO 8601 UTC to the second; booleans as ``true`` and ``false``.

    >>> texts(np.array([0.1, 3.0, np.nan]))
    ['0.1', '3.0', 'nan']
    >>> texts(np.array(["2022-03-01T11:00"], dtype="datetime64[s]"))
    ['2022-03-01T11:00:00Z']

    Raises
    ------
    UsageError
        The array is neither text, number, boolean nor time.
    """
    values = np.asarray(values)
    kind = values.dtype.kind
    if kind == "f":
        return [repr(value) for value in values.astype(np.float64).tolist()]
    if kind == "M":
        return [f"{text}Z" for text in np.datetime_as_string(values.astype("datetime64[s]"))]
    if kind == "b":
        return ["true" if value else "false" for value in values.tolist()]
    if kind in "iuU":
        return [str(value) for value in values.tolist()]
    raise UsageError(
        f"an array of {values.dtype}", expected="text, numbers, booleans or datetime64[s]"
    )


def label_texts(questions: Questions, labels: Labels) -> dict[str, list[str]]:
    """Return the columns of ``labels.csv``: keys, then truth, as printed.

    Raises
    ------
    UsageError
        A truth has another number of rows than the questions, or the name of a key.
    """
    columns = {name: texts(values) for name, values in questions.keys.items()}
    for name, values in labels.truth.items():
        if name in columns or len(values) != len(questions):
            raise UsageError(
                f"label {name!r} with {len(values)} rows",
                expected=f"a name that is not a key's, and {len(questions)} rows",
            )
        columns[name] = texts(values)
    return columns


def salt(secret: bytes, row: int) -> bytes:
    """Return the 32 bytes of salt of a row (RFC 2104 HMAC with SHA-256).

    Raises
    ------
    UsageError
        The secret has not 32 bytes.
    """
    if len(secret) != SECRET_BYTES:
        raise UsageError(f"a salt secret of {len(secret)} bytes", expected=f"{SECRET_BYTES} bytes")
    return hmac.digest(secret, row.to_bytes(8, "big"), "sha256")


def leaf_bytes(row: int, fields: Sequence[tuple[str, str]]) -> bytes:
    """Return the canonical bytes of a label row.

    >>> leaf_bytes(7, [("site", "école"), ("kwh", "12.5")]).decode()
    '1:7,4:site,6:école,3:kwh,4:12.5,'
    """
    parts = [netstring(str(row).encode())]
    for name, text in fields:
        parts += [netstring(name.encode()), netstring(text.encode())]
    return b"".join(parts)


def leaf_hash(salt_bytes: bytes, data: bytes) -> bytes:
    """Return ``SHA-256(0x00 || salt || data)``."""
    return hashlib.sha256(b"\x00" + salt_bytes + data).digest()


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def leaf_hashes(columns: Mapping[str, Sequence[str]], secret: bytes) -> list[bytes]:
    """Hash the rows of a printed label table under a salt secret.

    Parameters
    ----------
    columns
        As `label_texts` gives them.
    secret
        32 bytes.
    """
    names = [netstring(name.encode()) for name in columns]
    hashes = []
    for number, row in enumerate(zip(*columns.values(), strict=True)):
        data = netstring(str(number).encode()) + b"".join(
            name + netstring(text.encode()) for name, text in zip(names, row, strict=True)
        )
        hashes.append(leaf_hash(salt(secret, number), data))
    return hashes


@dataclass(frozen=True)
class Proof:
    """That one leaf is under a root.

    Parameters
    ----------
    row, n_rows
        Place of the leaf, and number of leaves.
    path
        Sibling hashes from the leaf up (RFC 6962 audit path).
    """

    row: int
    n_rows: int
    path: tuple[bytes, ...]

    def root(self, leaf: bytes) -> bytes:
        """Return the root that this path gives for a leaf hash (RFC 9162, 2.1.3.2).

        Raises
        ------
        IntegrityError
            The path has not the length that ``row`` and ``n_rows`` ask for.
        """
        if not 0 <= self.row < self.n_rows:
            raise self._wrong_length()
        place, last, value = self.row, self.n_rows - 1, leaf
        siblings = iter(self.path)
        while last > 0:
            if place % 2 == 1 or place < last:
                sibling = next(siblings, None)
                if sibling is None:
                    raise self._wrong_length()
                value = _node(sibling, value) if place % 2 == 1 else _node(value, sibling)
            place, last = place // 2, last // 2
        if next(siblings, None) is not None:
            raise self._wrong_length()
        return value

    def _wrong_length(self) -> IntegrityError:
        return IntegrityError(
            f"a proof of {len(self.path)} hashes for row {self.row} of {self.n_rows}",
            expected="the audit path of that row",
            remedy="ask the buyer for the proof again",
        )


class Tree:
    """A Merkle tree over leaf hashes.

    Levels are built by pairing neighbours, an odd last one going up as it is: the same tree
    as RFC 6962's split at the largest power of two below n.

    >>> tree = Tree([hashlib.sha256(bytes([0, i])).digest() for i in range(5)])
    >>> proof = tree.proof(4)
    >>> len(proof.path), proof.root(tree.levels[0][4]) == tree.root
    (1, True)
    """

    def __init__(self, leaves: Sequence[bytes]) -> None:
        if not leaves:
            raise UsageError("a tree without leaves", expected="one leaf at least")
        self.levels: list[Sequence[bytes]] = [leaves]
        while len(self.levels[-1]) > 1:
            below = self.levels[-1]
            above = [_node(below[i], below[i + 1]) for i in range(0, len(below) - 1, 2)]
            self.levels.append(above + list(below[len(below) - len(below) % 2 :]))

    @property
    def root(self) -> bytes:
        """The root: what is published."""
        return self.levels[-1][0]

    def proof(self, row: int) -> Proof:
        """Return the audit path of a row.

        Raises
        ------
        UsageError
            There is no such row.
        """
        n_rows = len(self.levels[0])
        if not 0 <= row < n_rows:
            raise UsageError(f"row {row}", expected=f"0 to {n_rows - 1}")
        path, place = [], row
        for level in self.levels[:-1]:
            sibling = place ^ 1
            if sibling < len(level):
                path.append(level[sibling])
            place //= 2
        return Proof(row, n_rows, tuple(path))
