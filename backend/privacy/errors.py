"""LoginNotFresh 403, ErasureNotFound 404, TenantCannotLeave 409."""

from backend.kit.problems import Conflict, Forbidden, NotFound

__all__ = ["ErasureNotFound", "LoginNotFresh", "TenantCannotLeave"]


class LoginNotFresh(Forbidden):
    """What cannot be undone is asked for within ten minutes of logging in."""

    code = "login-not-fresh"
    remedy = "Log in again with a new one-time code, and ask once more."


class ErasureNotFound(NotFound):
    """There is no such erasure, or it is not yours."""

    code = "erasure-not-found"
    remedy = "Take the id from the list of erasures."


class TenantCannotLeave(Conflict):
    """The tenant leaves by ending the tenancy, because the household's rights rest on it."""

    code = "tenant-cannot-leave"
    remedy = "Ask your community's office to end the tenancy."
