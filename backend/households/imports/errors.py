"""What can go wrong with an import as a whole; what can be wrong with a line stands in texts.

NotFound 404: ImportNotFound
Conflict 409: ImportNotOpen, ImportsFull, EndsDiffer
PayloadTooLarge 413: FileTooLarge
UnsupportedMedia 415: FileNotText
HeaderRefused is of the worker's: it ends as the import's ``failure``.
"""

from backend.kit.problems import Conflict, NotFound, PayloadTooLarge, Unprocessable, UnsupportedMedia

__all__ = [
    "EndsDiffer",
    "FileEmpty",
    "FileNotText",
    "FileTooLarge",
    "HeaderRefused",
    "ImportNotFound",
    "ImportNotOpen",
    "ImportsFull",
]


class ImportNotFound(NotFound):
    """There is no such import, or it is not yours."""

    code = "import-not-found"
    remedy = "Take the id from the list of imports."


class ImportNotOpen(Conflict):
    """The import is not in the state for that."""

    code = "import-not-open"
    remedy = "Read the import: `state` says where it stands. Begin a new one where this one is over."


class ImportsFull(Conflict):
    """The authority has as many unfinished imports as it may have at a time."""

    code = "imports-full"
    remedy = "Wait for one to end, or cancel one; files that wait are personal data and do not pile up."


class EndsDiffer(Conflict):
    """The number of people whom the import would end is another one than was confirmed."""

    code = "ends-differ"
    remedy = (
        "Read the report of the check again and confirm `ends` as the import shows it, or leave `ends_missing` out."
    )


class FileTooLarge(PayloadTooLarge):
    """The file is larger than 256 MiB."""

    code = "file-too-large"
    remedy = "Cut it into several files, such as one for each community."


class FileNotText(UnsupportedMedia):
    """The file is no CSV but a workbook, an archive or the like."""

    code = "file-not-text"
    remedy = "In the program that made it, save it as CSV (UTF-8), and send that."


class FileEmpty(Unprocessable):
    """The file has no bytes."""

    code = "file-empty"
    remedy = "Send the file's content as the request's body."


class HeaderRefused(Exception):
    """The file's first line does not say what its columns are; a code, and our names of the columns concerned."""

    def __init__(self, code: str, *columns: str) -> None:
        super().__init__(f"{code}: {', '.join(columns)}" if columns else code)
