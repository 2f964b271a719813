"""Rules of browsers that asked for Web Push."""

import base64
import binascii
from datetime import datetime
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric import ec

from backend.kit.auth import ResidentPrincipal
from backend.kit.db import Connection
from backend.kit.outgoing import AddressRefused, read_target
from backend.kit.problems import Unauthorised
from backend.notifications.errors import SubscriptionRefused, TooManySubscriptions
from backend.notifications.subscriptions import repository
from backend.notifications.subscriptions.schemas import NewSubscription

__all__ = ["MOST", "subscribe"]

#: Browsers that a person may have told at once.
MOST = 10
_AUTH_BYTES = 16


async def subscribe(conn: Connection, *, resident: ResidentPrincipal, new: NewSubscription, now: datetime) -> UUID:
    """Have this browser told, as long as its log-in stands; its id. The scopes of the person and the platform.

    Raises:
        SubscriptionRefused: no address or keys that could be sent to.
        TooManySubscriptions: he has as many as he may.
        Unauthorised: the log-in is over.
    """
    try:
        read_target(new.endpoint)
        p256dh, auth = _bytes(new.keys.p256dh), _bytes(new.keys.auth)
        # Whatever is no point of the curve would fail at every sending.
        ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), p256dh)
    except (AddressRefused, ValueError, binascii.Error):
        raise SubscriptionRefused from None
    if len(auth) != _AUTH_BYTES or p256dh[:1] != b"\x04":
        raise SubscriptionRefused
    await repository.hold_person(conn, person_id=resident.person_id)
    standing = await repository.count_subscriptions(conn, person_id=resident.person_id, besides=new.endpoint)
    if standing >= MOST:
        raise TooManySubscriptions
    subscription_id = await repository.put_subscription(
        conn,
        person_id=resident.person_id,
        session_id=resident.session_id,
        endpoint=new.endpoint,
        p256dh=p256dh,
        auth=auth,
        now=now,
    )
    if subscription_id is None:
        raise Unauthorised
    return subscription_id


def _bytes(text: str) -> bytes:
    return base64.b64decode(text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4), altchars=b"-_", validate=True)
