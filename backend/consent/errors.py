"""ConsentMissing 409, ConsentVersionOutdated 409, ErasureRunning 409, ConsentDocumentNotFound 404."""

from backend.kit.problems import Conflict, NotFound

__all__ = ["ConsentDocumentNotFound", "ConsentMissing", "ConsentVersionOutdated", "ErasureRunning"]


class ConsentMissing(Conflict):
    """The person has not agreed to the current text for this purpose."""

    code = "consent-missing"
    remedy = "Show him the current text (GET /consents/documents) and let him agree (PUT /consents/{purpose})."


class ConsentVersionOutdated(Conflict):
    """A later version of the text asks everybody again, and this one counts no more."""

    code = "consent-version-outdated"
    remedy = "Show the current text (GET /consents/documents), and agree to its version."


class ConsentDocumentNotFound(NotFound):
    """There is no such version of the text."""

    code = "consent-document-not-found"
    remedy = "Take the version from GET /consents/documents."


class ErasureRunning(Conflict):
    """What the person gave before is still being erased."""

    code = "erasure-running"
    remedy = (
        "Wait until the erasure has destroyed the old key (GET /erasures shows it), usually seconds, and try again."
    )
