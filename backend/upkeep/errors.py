"""BackupRefused, DumpFailed, RestoreRefused: each message says why and what helps."""

__all__ = ["BackupRefused", "DumpFailed", "RestoreRefused", "UpkeepFailed"]


class UpkeepFailed(Exception):
    """The operator's command could not be carried out."""


class BackupRefused(UpkeepFailed):
    """What is there is no whole backup, or may not be used any more."""


class DumpFailed(UpkeepFailed):
    """PostgreSQL's own program failed; the message is its last words."""


class RestoreRefused(UpkeepFailed):
    """Restoring would leave a system that cannot work."""
