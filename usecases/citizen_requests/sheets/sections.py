"""Cut a sheet into sections: a trail of headings and the text below it, without its forms."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from usecases.citizen_requests.sheets.nodes import Node, child, children, clean, text_of

__all__ = ["Section", "sections_of"]

BODIES = ("Introduction", "Texte", "ListeSituations", "Conclusion", "Avertissement")
"""What a reader of the page sees as its text; the warning last, it is often about an event.
No sheet of 2020 has a conclusion."""

HEADED = frozenset({"Chapitre", "SousChapitre", "Cas", "Situation"})
"""Elements that open a section under their own title."""

APART = frozenset({"Introduction", "FragmentConditionne"})
"""Elements that are a section of their own under the title above."""

LEFT_OUT = frozenset(
    {"OuSAdresser", "ServiceEnLigne", "Condition", "RessourceWeb", "Source", "PivotLocal"}
)
"""Counters, forms and the machine's conditions: not part of the prose."""

INLINE = frozenset(
    {
        "Citation", "Exposant", "Expression", "Indice", "LienExterne", "LienInterne", "LienIntra",
        "MiseEnEvidence", "TermeEtranger", "Valeur", "Variable",
    }
)  # fmt: skip
"""Elements inside a sentence: no blank is added around them."""

SEPARATOR = " > "


@dataclass(frozen=True)
class Section:
    """A passage of a sheet.

    Parameters
    ----------
    heading
        Titles from the outermost in, joined by `` > ``; empty for the lead.
    text
        On one line.
    """

    heading: str
    text: str


@dataclass
class _Cutter:
    """Collects sections in the order in which they end: inner ones before what holds them."""

    found: list[Section] = field(default_factory=list)

    def cut(self, node: Node, trail: tuple[str, ...]) -> None:
        text = clean("".join(self._pieces(node, trail)))
        if text:
            self.found.append(Section(SEPARATOR.join(trail), text))

    def _pieces(self, node: Node, trail: tuple[str, ...]) -> Iterator[str]:
        for below in children(node):
            name = below.get("name")
            if name is None:
                yield below.get("text", "")
            elif name in HEADED:
                self._headed(below, trail)
            elif name in APART:
                self.cut(below, trail)
            elif name in INLINE:
                yield from self._pieces(below, trail)
            elif name not in LEFT_OUT:
                yield " "
                yield from self._pieces(below, trail)
                yield " "

    def _headed(self, node: Node, trail: tuple[str, ...]) -> None:
        title = text_of(child(node, "Titre"))
        body = {"children": [each for each in children(node) if each.get("name") != "Titre"]}
        self.cut(body, (*trail, title) if title else trail)


def sections_of(publication: Node) -> list[Section]:
    """Return the sections of a sheet, its lead first.

    Parameters
    ----------
    publication
        The ``Publication`` element.

    Returns
    -------
    list of Section
        A section's own text follows those of the sections inside it; empty ones are left
        out. Forms, counters, references and links to other sheets are not part of it.

    Examples
    --------
    >>> sections_of({"children": [{"name": "Texte", "children": [
    ...     {"name": "Chapitre", "children": [
    ...         {"name": "Titre", "children": [{"text": "Coût"}]},
    ...         {"name": "Paragraphe", "children": [{"text": "Gratuit."}]}]}]}]})
    [Section(heading='Coût', text='Gratuit.')]
    """
    cutter = _Cutter()
    bodies = [node for node in children(publication) if node.get("name") in BODIES]
    for body in sorted(bodies, key=lambda node: node.get("name") == "Avertissement"):
        cutter.cut(body, ())
    return cutter.found
