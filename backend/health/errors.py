"""NotReady 503 · SchemaBehind 503 · DataSetBack 503 · KeysSetBack 503."""

from backend.kit.problems import Unavailable

__all__ = ["DataSetBack", "KeysSetBack", "NotReady", "SchemaBehind"]

_FINISH = "End every process, run `doorward after-restore` (docs/runbook.md, Restoring), then start them again."


class NotReady(Unavailable):
    """This process cannot serve at the moment."""

    code = "not-ready"
    remedy = "Ask another one, or this one again as Retry-After says."


class SchemaBehind(Unavailable):
    """The database has not the schema that this release needs. It keeps a process from starting; nobody is sent it."""

    code = "schema-behind"
    remedy = "Run `doorward migrate --pre` with this release's program, then start this again."


class DataSetBack(Unavailable):
    """The data are of an earlier moment than the key store. It keeps a process from starting; nobody is sent it."""

    code = "data-set-back"
    remedy = _FINISH


class KeysSetBack(Unavailable):
    """The key store is of an earlier moment than the data. It keeps a process from starting; nobody is sent it."""

    code = "keys-set-back"
    remedy = _FINISH
