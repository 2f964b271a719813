"""ErasureNotFound 404, TenantCannotLeave 409."""

from backend.kit.problems import Conflict, NotFound

__all__ = ["ErasureNotFound", "TenantCannotLeave"]


class ErasureNotFound(NotFound):
    """There is no such erasure, or it is not yours."""

    code = "erasure-not-found"
    remedy = "Take the id from the list of erasures."


class TenantCannotLeave(Conflict):
    """The tenant leaves by ending the tenancy, because the household's rights rest on it."""

    code = "tenant-cannot-leave"
    remedy = "Ask your community's office to end the tenancy."
