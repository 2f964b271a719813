"""Failures about register photographs.

404 RegisterPhotoNotFound, PhotoImportNotFound
409 FaceActive, TooManyImports
413 ArchiveTooLarge
415 ArchiveTypeUnsupported
"""

from backend.kit.problems import Conflict, NotFound, PayloadTooLarge, UnsupportedMedia

__all__ = [
    "ArchiveTooLarge",
    "ArchiveTypeUnsupported",
    "FaceActive",
    "PhotoImportNotFound",
    "RegisterPhotoNotFound",
    "TooManyImports",
]


class RegisterPhotoNotFound(NotFound):
    """The register holds no photograph of this member."""

    code = "register-photo-not-found"
    remedy = "There is none, or it has gone: once a face is active, when its time is over, or with its member."


class PhotoImportNotFound(NotFound):
    """There is no such import in this community."""

    code = "photo-import-not-found"
    remedy = "Take the id from the list of imports."


class FaceActive(Conflict):
    """The community's gates know this person's face already; a photograph of him has no purpose."""

    code = "face-active"
    remedy = "Nothing is to be done."


class TooManyImports(Conflict):
    """As many archives of this community wait as may wait at once."""

    code = "too-many-imports"
    remedy = "Wait until one of them is done; GET .../imports shows them."


class ArchiveTooLarge(PayloadTooLarge):
    """The archive has more than 1 GB."""

    code = "archive-too-large"
    remedy = "Send the photographs in several archives of at most 1 GB and 20,000 files."


class ArchiveTypeUnsupported(UnsupportedMedia):
    """The body is no ZIP archive."""

    code = "archive-type-unsupported"
    remedy = "Send a ZIP archive itself as the body, with Content-Type: application/zip; no form."
