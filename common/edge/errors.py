"""The exceptions of Aune; each says what was found, what was expected, what to do.

::

    AuneError
    ├── UsageError            exit 2   the call itself is off
    │   ├── MissingExtraError          a package of an optional extra is not installed
    │   └── VersionError               a step back that nobody asked for explicitly
    ├── DataError             exit 3   data refused
    │   ├── SourceError                a public file is missing or not the pinned one
    │   ├── TableError                 a file of one's own breaks the contract
    │   └── MeterError                 a meter's reading is refused
    ├── IntegrityError        exit 4   a bundle is refused
    │   ├── ArchiveError               a zip that is unsafe: path, link, size, compression
    │   ├── ManifestError              manifest missing, unreadable or of another schema
    │   ├── ChecksumError              a file differs from SHA256SUMS
    │   ├── SignatureError             SHA256SUMS was not signed by a trusted key
    │   ├── OperatorError              opset too new, or an operator outside the list
    │   └── GoldenRowError             a golden row does not give its recorded output
    ├── JournalError          exit 4   the journal of decisions is altered or unreadable
    ├── ThresholdError        exit 5   a figure is below the asked threshold
    ├── StoreError            exit 1   the store of bundles cannot be read, written or locked
    └── ConformanceError      exit 1   a use case breaks a rule that holds for all of them
"""

__all__ = [
    "ArchiveError",
    "AuneError",
    "ChecksumError",
    "ConformanceError",
    "DataError",
    "GoldenRowError",
    "IntegrityError",
    "JournalError",
    "ManifestError",
    "MeterError",
    "MissingExtraError",
    "OperatorError",
    "SignatureError",
    "SourceError",
    "StoreError",
    "TableError",
    "ThresholdError",
    "UsageError",
    "VersionError",
]


class AuneError(Exception):
    """Base of every error raised on purpose.

    Parameters
    ----------
    found
        What was met, with file, row or name.
    expected
        What would have been right.
    remedy
        What the reader can do about it.
    """

    exit_code = 1

    def __init__(self, found: str, *, expected: str = "", remedy: str = "") -> None:
        self.found = found
        self.expected = expected
        self.remedy = remedy
        super().__init__(self._text())

    def _text(self) -> str:
        lines = [self.found]
        if self.expected:
            lines.append(f"  expected: {self.expected}")
        if self.remedy:
            lines.append(f"  to do:    {self.remedy}")
        return "\n".join(lines)


class UsageError(AuneError):
    """The call itself is off: an unknown name, a value out of range."""

    exit_code = 2


class MissingExtraError(UsageError):
    """A package of an optional extra is needed and not installed."""


class VersionError(UsageError):
    """An older version, an older schema or a version number used twice, without being asked for."""


class DataError(AuneError):
    """Data were refused."""

    exit_code = 3


class SourceError(DataError):
    """A public file is missing or is not the pinned one."""


class TableError(DataError):
    """A file of one's own breaks the contract; the text names file and line."""


class MeterError(DataError):
    """A meter is not available or its reading is refused: it would be silently wrong."""


class IntegrityError(AuneError):
    """A bundle is refused."""

    exit_code = 4


class ArchiveError(IntegrityError):
    """The zip or folder is unsafe to read: a path, a link, a size, a compression ratio."""


class ManifestError(IntegrityError):
    """The manifest is missing, unreadable or of another schema."""


class ChecksumError(IntegrityError):
    """A file differs from what SHA256SUMS says."""


class SignatureError(IntegrityError):
    """SHA256SUMS was not signed by a trusted key."""


class OperatorError(IntegrityError):
    """The graph's opset is too new or it uses an operator outside the list."""


class GoldenRowError(IntegrityError):
    """A golden row does not give its recorded output."""


class JournalError(AuneError):
    """The journal of decisions was altered, cannot be written or lacks what is asked."""

    exit_code = 4


class ThresholdError(AuneError):
    """A figure is below the asked threshold."""

    exit_code = 5


class StoreError(AuneError):
    """The store of installed bundles cannot be read, written or locked on this machine."""


class ConformanceError(AuneError):
    """A use case breaks a rule that must hold for every use case."""
