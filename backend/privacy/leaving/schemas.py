"""The answer to whoever withdrew."""

from backend.privacy.schemas import Started
from backend.visitors.schemas import Invitation

__all__ = ["InvitationWithdrawn"]


class InvitationWithdrawn(Invitation, frozen=True):
    """The invitation as it is now, the erasure that has begun, and the address of its certificate.

    No erasure begins at once for a courier, nor while another invitation of the guest's needs his face here.
    """

    erasures: tuple[Started, ...] = ()
    certificate_link: str | None = None
