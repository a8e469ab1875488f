"""Walk the XML trees of the DILA, as the npm package keeps them: elements and texts as mappings.

An element is ``{"name", "attributes", "children"}``, a text ``{"type": "text", "text"}``: what
xml-js writes with the package's settings. `dila.py` brings today's XML to the same form, so that
one reader serves both.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

__all__ = ["Node", "attribute", "child", "children", "clean", "descendants", "named", "text_of"]

Node = Mapping[str, Any]

BLANKS = re.compile(r"\s+")


def children(node: Node) -> Sequence[Node]:
    """Return elements and texts directly below a node, in document order."""
    below: Sequence[Node] = node.get("children") or ()
    return below


def named(node: Node, name: str) -> list[Node]:
    """Return the elements called ``name`` directly below a node."""
    return [below for below in children(node) if below.get("name") == name]


def child(node: Node, *path: str) -> Node:
    """Return the first element at a path of names; an empty node where there is none."""
    for name in path:
        node = next((below for below in children(node) if below.get("name") == name), {})
    return node


def descendants(node: Node) -> Iterator[Node]:
    """Yield the elements below a node in document order."""
    for below in children(node):
        if "name" in below:
            yield below
            yield from descendants(below)


def attribute(node: Node, name: str) -> str:
    """Return an attribute; empty where the element does not have it."""
    return str((node.get("attributes") or {}).get(name, ""))


def text_of(node: Node) -> str:
    """Return all the text below a node on one line.

    >>> text_of({"children": [{"text": "sous  "}, {"name": "b", "children": [{"text": " 48 h"}]}]})
    'sous 48 h'
    """
    return clean("".join(_texts(node)))


def clean(text: str) -> str:
    """Return a text with every run of blanks, no-break spaces included, as one blank."""
    return BLANKS.sub(" ", text).strip()


def _texts(node: Node) -> Iterator[str]:
    if "text" in node:
        yield node["text"]
    for below in children(node):
        yield from _texts(below)
