"""NotReady 503 · SchemaBehind 503."""

from backend.kit.problems import Unavailable

__all__ = ["NotReady", "SchemaBehind"]


class NotReady(Unavailable):
    """This process cannot serve at the moment."""

    code = "not-ready"
    remedy = "Ask another one, or this one again as Retry-After says."


class SchemaBehind(Unavailable):
    """The database has not the schema that this release needs. It keeps a process from starting; nobody is sent it."""

    code = "schema-behind"
    remedy = "Run `doorward migrate --pre` with this release's program, then start this again."
