"""Write the folder of a new use case, which runs and conforms as it stands."""

import keyword
import tempfile
from pathlib import Path

from common.edge.errors import UsageError

__all__ = ["new_usecase"]

BLANK = Path(__file__).with_name("blank")
SUFFIX = ".txt"


def new_usecase(name: str, title: str, root: Path | None = None) -> Path:
    """Write ``usecases/<name>/`` from the blank use case.

    Parameters
    ----------
    name
        Folder name: a lower-case Python identifier.
    title
        French title of the pages.
    root
        The ``usecases`` folder; ours by default.

    Returns
    -------
    Path
        The new folder.

    Raises
    ------
    UsageError
        If the name cannot be a module, is taken, or the title is empty or spans lines.
    """
    root = root or Path(__file__).parent
    folder = root / name
    if not name.isidentifier() or name != name.lower() or keyword.iskeyword(name):
        raise UsageError(
            f"use case name {name!r}", expected="a lower-case identifier, such as street_lighting"
        )
    if folder.exists() or folder.with_suffix(".py").exists():
        raise UsageError(f"{name} exists in {root}", expected="a new name")
    if not title.isprintable() or not title.strip() or set(title) & set("\"'\\"):
        raise UsageError(
            f"title {title!r}", expected="French words on one line, without straight quotes"
        )
    with tempfile.TemporaryDirectory(dir=root, prefix=".new-") as staging:
        written = Path(staging) / name
        written.mkdir()
        for template in sorted(BLANK.glob("*" + SUFFIX)):
            text = template.read_text("utf-8").replace("NAME", name).replace("TITLE", title)
            (written / template.name.removesuffix(SUFFIX)).write_text(text, "utf-8")
        written.rename(folder)
    return folder
