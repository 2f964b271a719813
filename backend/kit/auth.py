"""Access tokens and who somebody is: one principal per surface.

A token is a JWT signed with EdDSA, valid ten minutes for one surface (its audience). The middleware turns it into a
principal; a route that needs nobody says ``opt={"public": True}``, every other one is refused without.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Awaitable, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, TypeAlias
from uuid import UUID, uuid4

import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from litestar.types import ASGIApp, HTTPScope, Receive, Send

from backend.kit.clock import Clock
from backend.kit.layers import Layer, header
from backend.kit.permissions import ALLOWED, ELEVATED, Permission, StaffRole
from backend.kit.problems import Forbidden, Unauthorised

__all__ = [
    "ACCESS_TTL",
    "AuthLayer",
    "Claims",
    "GatePrincipal",
    "PartnerPrincipal",
    "Permission",
    "Principal",
    "ResidentPrincipal",
    "SecondFactorRequired",
    "StaffMember",
    "StaffPrincipal",
    "StaffRole",
    "Surface",
    "Tokens",
    "VisitorPrincipal",
]

ACCESS_TTL = timedelta(minutes=10)
ISSUER = "doorward"
# Tokens whose signature a process remembers to have checked: a few hundred bytes each, and one for every caller whom
# one process serves within ten minutes.
_REMEMBERED = 4096


class Surface(StrEnum):
    """The five interfaces; also the audience of their tokens and the first segment of their paths."""

    RESIDENT = "resident"
    VISITOR = "visitor"
    PARTNER = "partner"
    GATE = "gate"
    STAFF = "staff"


class ResidentPrincipal(msgspec.Struct, frozen=True):
    """Somebody logged in by his own phone."""

    account_id: UUID
    person_id: UUID
    session_id: UUID


class StaffPrincipal(msgspec.Struct, frozen=True):
    """A member of an authority's staff; what he may do is asked of the database at each request."""

    staff_id: UUID
    authority_id: UUID
    session_id: UUID


class VisitorPrincipal(msgspec.Struct, frozen=True):
    """Somebody who opened a link meant for him: a guest or a courier, for the one thing he was invited to.

    ``invitation_id`` is the pass (guests) or the courier record (couriers) behind the link; ``community_id`` is the
    inviting community and None for couriers. ``session_id`` is this phone's session, looked up at each request: a
    cancelled link, or one that another phone accepted with, ends at once.
    """

    person_id: UUID
    invitation_id: UUID
    kind: str
    community_id: UUID | None = None
    session_id: UUID | None = None


class PartnerPrincipal(msgspec.Struct, frozen=True):
    """A courier company's client; ``credential_id`` is the secret or key that it logged in with.

    Looked up at each request: whoever revokes a secret or key ends what it opened at once.
    """

    partner_id: UUID
    client_id: str
    scopes: tuple[str, ...] = ()
    credential_id: UUID | None = None


class GatePrincipal(msgspec.Struct, frozen=True):
    """A provisioned gate."""

    gate_id: UUID
    community_id: UUID


Principal: TypeAlias = ResidentPrincipal | StaffPrincipal | VisitorPrincipal | PartnerPrincipal | GatePrincipal

_PRINCIPALS: dict[Surface, type[Principal]] = {
    Surface.RESIDENT: ResidentPrincipal,
    Surface.STAFF: StaffPrincipal,
    Surface.VISITOR: VisitorPrincipal,
    Surface.PARTNER: PartnerPrincipal,
    Surface.GATE: GatePrincipal,
}


class Claims(msgspec.Struct, frozen=True):
    """What an access token says: registered claims (RFC 7519) and the principal."""

    iss: str
    aud: Surface
    exp: int
    iat: int
    jti: str
    principal: dict[str, object]


class _Checked(msgspec.Struct, frozen=True):
    """What a genuine token said; ``exp`` in seconds since the Unix epoch."""

    principal: Principal
    exp: int


class Tokens:
    """Issues and verifies access tokens. Holds the signing key and every public key still accepted.

    A token is shown at every request, and reading it takes as long as a small query: what a genuine one said is
    remembered until it expires. A key is accepted for as long as tokens of it live, so nothing else has to end that.
    """

    def __init__(self, *, kid: str, key: Ed25519PrivateKey, accepted: Mapping[str, Ed25519PublicKey]) -> None:
        """Make a set of keys.

        Args:
            kid: the signing key's id.
            key: the signing key.
            accepted: public keys by id; the signing key's own is added.
        """
        self._kid = kid
        self._key = key
        self._accepted = {**accepted, kid: key.public_key()}
        self._checked: OrderedDict[bytes, _Checked] = OrderedDict()

    def replace(self, *, kid: str, key: Ed25519PrivateKey, accepted: Mapping[str, Ed25519PublicKey]) -> None:
        """Go by other keys from now on; as in the constructor."""
        self._kid = kid
        self._key = key
        self._accepted = {**accepted, kid: key.public_key()}

    def issue(self, principal: Principal, *, now: datetime) -> str:
        """A token for the surface that the principal belongs to, valid for :data:`ACCESS_TTL`."""
        surface = next(s for s, kind in _PRINCIPALS.items() if type(principal) is kind)
        claims = Claims(
            iss=ISSUER,
            aud=surface,
            iat=int(now.timestamp()),
            exp=int((now + ACCESS_TTL).timestamp()),
            jti=str(uuid4()),
            principal=msgspec.to_builtins(principal),
        )
        return jwt.encode(msgspec.to_builtins(claims), self._key, algorithm="EdDSA", headers={"kid": self._kid})

    def verify(self, token: str, *, surface: Surface, now: datetime) -> Principal:
        """The principal of a token that is genuine, in time, and meant for this surface.

        Raises:
            Unauthorised: it is not.
        """
        # By a digest: tokens that could still be used are not to lie about in memory.
        digest = hashlib.sha256(f"{surface} {token}".encode()).digest()
        checked = self._checked.get(digest)
        if checked is None:
            checked = self._check(token, surface)
            self._remember(digest, checked, now)
        if checked.exp <= now.timestamp():
            raise Unauthorised("The access token has expired.")
        return checked.principal

    def _check(self, token: str, surface: Surface) -> _Checked:
        """Everything but the time, which is asked anew at each request."""
        try:
            key = self._accepted[str(jwt.get_unverified_header(token)["kid"])]
            payload = jwt.decode(
                token,
                key,
                algorithms=["EdDSA"],
                audience=surface.value,
                issuer=ISSUER,
                # The time is ours to check: PyJWT reads the system's clock, and rules take theirs from the caller.
                options={"require": ["exp", "iat", "aud", "iss"], "verify_exp": False, "verify_iat": False},
            )
            claims = msgspec.convert(payload, Claims)
            principal = msgspec.convert(claims.principal, _PRINCIPALS[surface])
        except (jwt.PyJWTError, KeyError, msgspec.ValidationError):
            raise Unauthorised from None
        return _Checked(principal, claims.exp)

    def _remember(self, digest: bytes, checked: _Checked, now: datetime) -> None:
        # All tokens live equally long, so those that end first stand about where the oldest do.
        while self._checked and (
            len(self._checked) >= _REMEMBERED or next(iter(self._checked.values())).exp <= now.timestamp()
        ):
            self._checked.popitem(last=False)
        self._checked[digest] = checked

    def jwks(self) -> dict[str, list[dict[str, str]]]:
        """The accepted public keys as a JSON Web Key Set (RFC 7517, RFC 8037)."""
        keys = []
        for kid, key in self._accepted.items():
            jwk = jwt.algorithms.OKPAlgorithm.to_jwk(key, as_dict=True)
            keys.append({**jwk, "kid": kid, "use": "sig", "alg": "EdDSA"})
        return {"keys": keys}


class AuthLayer(Layer):
    """Turns ``Authorization: Bearer`` into ``request.user``, or refuses.

    ``app.state.tokens`` and ``app.state.clock`` are set when the application starts.
    """

    def around(self, app: ASGIApp, scope: HTTPScope, receive: Receive, send: Send) -> Awaitable[None]:
        """See the class.

        Raises:
            Unauthorised: no token, or one that is not valid here.
        """
        if scope["method"] != "OPTIONS" and not scope["route_handler"].opt.get("public"):
            scope["user"], scope["auth"] = _principal_of(scope), None
        return app(scope, receive, send)


def _principal_of(scope: HTTPScope) -> Principal:
    scheme, _, token = (header(scope, b"authorization") or b"").decode("latin-1").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Unauthorised
    segment = scope["path"].split("/", 2)[1]
    if segment not in Surface.__members__.values():
        raise Unauthorised
    state: Any = scope["litestar_app"].state
    tokens: Tokens = state.tokens
    clock: Clock = state.clock
    return tokens.verify(token.strip(), surface=Surface(segment), now=clock())


class SecondFactorRequired(Forbidden):
    """That needs a second factor, given in this session within the last minutes."""

    code = "second-factor-required"
    remedy = (
        "Give a code of your authenticator at POST /staff/v1/second-factor and repeat the request; "
        "where you have none yet, begin at POST /staff/v1/second-factor/enrol."
    )


class StaffMember(msgspec.Struct, frozen=True):
    """A member of staff as the database knows him at this request, within the community that the path names.

    ``roles`` are those that reach this community; where the path names none, those that reach the whole authority.
    ``communities`` are the ones his roles name, or ``None`` where a role reaches all of the authority's. ``elevated``
    says whether this session has given a second factor within the last minutes.
    """

    staff_id: UUID
    authority_id: UUID
    roles: tuple[StaffRole, ...]
    communities: tuple[UUID, ...] | None = None
    elevated: bool = False

    def require(self, permission: Permission) -> None:
        """Go on only if one of the roles allows it, and where it needs a second factor, that was given.

        Raises:
            Forbidden: no role does.
            SecondFactorRequired: a role does, but this session has given none, or too long ago.
        """
        if not any(permission in ALLOWED[role] for role in self.roles):
            raise Forbidden(permission=permission.value)
        if permission in ELEVATED and not self.elevated:
            raise SecondFactorRequired(permission=permission.value)
