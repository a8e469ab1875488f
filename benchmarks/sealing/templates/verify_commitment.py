#!/usr/bin/env python3
"""Recompute the commitment from the revealed labels: standard library only, Python 3.8+.

    python3 verify_commitment.py [commitment.json]
    python3 verify_commitment.py --row 17 [commitment.json]

Recalcule l'engagement à partir des réponses publiées. Give the copy of ``commitment.json`` that
you kept: the one beside this file proves nothing by itself. Exit code: 0 the labels are those
committed to, 4 they are not, 2 wrong call.

Leaf: SHA-256(0x00 || salt || fields); node: SHA-256(0x01 || left || right), an odd last node goes
up as it is (RFC 6962, 2.1). Salt of row i: HMAC-SHA-256(salt secret, i as 8 bytes big-endian).
Fields: the row's number, then name and text of each column, each as ``<bytes>:<text>,``.
"""

from __future__ import annotations

import csv
import hashlib
import hmac
import json
import os
import sys

__all__ = ["leaves", "main", "path_of", "root_of"]

FOLDER = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120


def field(text: str) -> bytes:
    """Return a text with its length in front (a netstring)."""
    data = text.encode("utf-8")
    return b"%d:%b," % (len(data), data)


def node(left: bytes, right: bytes) -> bytes:
    """Return the hash of two nodes."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def leaves(folder: str) -> list[bytes]:
    """Return the leaf hashes of ``labels.csv`` under the revealed salts."""
    with open(os.path.join(folder, "salt_secret.txt"), encoding="ascii") as file:  # noqa: PTH118, PTH123
        secret = bytes.fromhex(file.read().strip())
    hashes = []
    with open(os.path.join(folder, "labels.csv"), encoding="utf-8", newline="") as file:  # noqa: PTH118, PTH123
        rows = csv.reader(file)
        names = next(rows)
        for number, row in enumerate(rows):
            salt = hmac.new(secret, number.to_bytes(8, "big"), hashlib.sha256).digest()
            data = field(str(number))
            for name, text in zip(names, row):  # noqa: B905 - Python 3.8
                data += field(name) + field(text)
            hashes.append(hashlib.sha256(b"\x00" + salt + data).digest())
    return hashes


def levels_of(hashes: list[bytes]) -> list[list[bytes]]:
    """Return the tree from its leaves up to its root."""
    levels = [hashes]
    while len(levels[-1]) > 1:
        below = levels[-1]
        above = [node(below[i], below[i + 1]) for i in range(0, len(below) - 1, 2)]
        levels.append(above + below[len(below) - len(below) % 2 :])
    return levels


def root_of(hashes: list[bytes]) -> str:
    """Return the Merkle root in hexadecimal."""
    return levels_of(hashes)[-1][0].hex()


def path_of(hashes: list[bytes], row: int) -> list[str]:
    """Return the sibling hashes from a leaf up to the root (the audit path)."""
    path = []
    for level in levels_of(hashes)[:-1]:
        if row ^ 1 < len(level):
            path.append(level[row ^ 1].hex())
        row //= 2
    return path


def main(arguments: list[str]) -> int:
    """Compare with a commitment, or print one row's proof; return the exit code."""
    row = None
    if arguments[:1] == ["--row"] and len(arguments) > 1 and arguments[1].isdigit():
        row, arguments = int(arguments[1]), arguments[2:]
    if len(arguments) > 1 or any(word.startswith("-") for word in arguments):
        sys.stderr.write("python3 verify_commitment.py [--row N] [commitment.json]\n")
        return 2
    path = arguments[0] if arguments else os.path.join(FOLDER, "commitment.json")  # noqa: PTH118
    with open(path, encoding="utf-8") as file:  # noqa: PTH123
        commitment = json.load(file)
    hashes = leaves(FOLDER)
    if row is not None and row < len(hashes):
        proof = {"row": row, "n": len(hashes), "leaf": hashes[row].hex()}
        text = json.dumps({**proof, "path": path_of(hashes, row)}, indent=1)
        sys.stdout.buffer.write(text.encode("ascii") + b"\n")
    found = root_of(hashes) if hashes else ""
    same = found == commitment["root"] and len(hashes) == commitment["n"]
    word = "identique / identical" if same else "DIFFÉRENTE / DIFFERENT"
    told = "racine {} ({} réponses / labels) : {}\n".format(found, len(hashes), word)  # noqa: UP032
    sys.stdout.buffer.write(told.encode("utf-8"))
    return 0 if same else 4


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
