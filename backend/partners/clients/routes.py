"""Staff: a company's secrets and keys. Partner: tokens. Everybody: what the token endpoint can do."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from litestar import Request, Response, Router, delete, get, post
from litestar.enums import RequestEncodingType
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import Body

from backend.audit import service as audit
from backend.kit.auth import (
    ACCESS_TTL,
    PartnerPrincipal,
    Permission,
    SecondFactorRequired,
    StaffMember,
    Tokens,
)
from backend.kit.clock import Clock
from backend.kit.db import Connection, Database, Scope
from backend.kit.problems import Forbidden, Unauthorised, problems
from backend.partners import oauth
from backend.partners import service as partners
from backend.partners.clients import repository, service
from backend.partners.clients.assertions import AssertionInvalid, KeyInvalid, read_jwk
from backend.partners.clients.guards import of_authority
from backend.partners.clients.schemas import Key, KeyList, NewKey, ServerMetadata
from backend.partners.clients.service import Client
from backend.partners.errors import (
    KeyExists,
    KeyNotFound,
    KeyRefused,
    LastSecret,
    PartnerNotFound,
    SecretNotFound,
    TooManyKeys,
    TwoSecretsLive,
)
from backend.partners.schemas import AccessToken, NewSecret, OAuthError, TokenRequest
from backend.partners.service import SCOPES

__all__ = ["partner_router", "public_router", "staff_router"]

_TOKEN_PATH = "/partner/v1/token"  # noqa: S105 - a path, not a secret
_STAFF = (Unauthorised, Forbidden, SecondFactorRequired, PartnerNotFound)


@post(
    "/{partner_id:uuid}/secrets",
    opt={"needs": Permission.PARTNERS},
    responses=problems(Unauthorised, Forbidden, SecondFactorRequired, PartnerNotFound, TwoSecretsLive),
    summary="Make a second client secret",
)
async def create_secret(partner_id: UUID, staff: StaffMember, db: Database, pepper: bytes, clock: Clock) -> NewSecret:
    """A second secret beside the present one, shown this once; both work until one is revoked."""
    async with db.transaction(Scope(platform=True)) as conn:
        secret = await partners.add_secret(
            conn, authority_id=staff.authority_id, partner_id=partner_id, pepper=pepper, now=clock()
        )
        await audit.record(
            conn,
            community_id=None,
            actor=f"staff:{staff.staff_id}",
            action="partner.secret.create",
            target=f"partner:{partner_id}/secret:{secret.secret_id}",
        )
    return secret


@delete(
    "/{partner_id:uuid}/secrets/{secret_id:uuid}",
    opt={"needs": Permission.PARTNERS},
    responses=problems(Unauthorised, Forbidden, SecondFactorRequired, PartnerNotFound, SecretNotFound, LastSecret),
    summary="Revoke a client secret",
)
async def revoke_secret(partner_id: UUID, secret_id: UUID, staff: StaffMember, db: Database, clock: Clock) -> None:
    """End one of two live secrets."""
    async with db.transaction(Scope(platform=True)) as conn:
        await partners.revoke_secret(
            conn, authority_id=staff.authority_id, partner_id=partner_id, secret_id=secret_id, now=clock()
        )
        await audit.record(
            conn,
            community_id=None,
            actor=f"staff:{staff.staff_id}",
            action="partner.secret.revoke",
            target=f"partner:{partner_id}/secret:{secret_id}",
        )


@get(
    "/{partner_id:uuid}/keys",
    opt={"needs": Permission.PARTNERS_READ},
    responses=problems(Unauthorised, Forbidden, PartnerNotFound),
    summary="List keys",
)
async def list_keys(partner_id: UUID, staff: StaffMember, db: Database) -> KeyList:
    """The public keys that the company's machines may sign with: four at most."""
    async with db.transaction(Scope(platform=True), read_only=True) as conn:
        await partners.get(conn, authority_id=staff.authority_id, partner_id=partner_id)
        rows = await repository.list_live_keys(conn, partner_id=partner_id)
    return KeyList(tuple(Key.of(row) for row in rows))


@post(
    "/{partner_id:uuid}/keys",
    opt={"needs": Permission.PARTNERS},
    guards=[of_authority],
    responses=problems(*_STAFF, KeyRefused, KeyExists, TooManyKeys),
    summary="Add a key",
)
async def add_key(partner_id: UUID, data: NewKey, staff: StaffMember, db: Database, clock: Clock) -> Key:
    """A public key of the company, Ed25519 or P-256, to sign assertions with instead of sending a secret."""
    try:
        key = read_jwk(data.members())
    except KeyInvalid as error:
        raise KeyRefused(f"That key cannot be taken: {error}.") from None
    async with db.transaction(Scope(platform=True)) as conn:
        row = await service.add_key(conn, authority_id=staff.authority_id, partner_id=partner_id, key=key, now=clock())
        await audit.record(
            conn,
            community_id=None,
            actor=f"staff:{staff.staff_id}",
            action="partner.key.create",
            target=f"partner:{partner_id}/key:{row.key_id}",
        )
    return Key.of(row)


@delete(
    "/{partner_id:uuid}/keys/{key_id:uuid}",
    opt={"needs": Permission.PARTNERS},
    responses=problems(*_STAFF, KeyNotFound),
    summary="Revoke a key",
)
async def revoke_key(partner_id: UUID, key_id: UUID, staff: StaffMember, db: Database, clock: Clock) -> None:
    """End a key: it signs nothing more, and tokens that were issued for it end at once."""
    async with db.transaction(Scope(platform=True)) as conn:
        await service.revoke_key(
            conn, authority_id=staff.authority_id, partner_id=partner_id, key_id=key_id, now=clock()
        )
        await audit.record(
            conn,
            community_id=None,
            actor=f"staff:{staff.staff_id}",
            action="partner.key.revoke",
            target=f"partner:{partner_id}/key:{key_id}",
        )


@post(
    "/token",
    status_code=200,
    opt={"public": True},
    security=[{}],
    exception_handlers=oauth.handlers,
    responses={
        400: ResponseSpec(
            data_container=OAuthError,
            generate_examples=False,
            description="`invalid_request`, `unsupported_grant_type` or `invalid_scope` (RFC 6749, 5.2)",
        ),
        401: ResponseSpec(
            data_container=OAuthError, generate_examples=False, description="`invalid_client` (RFC 6749, 5.2)"
        ),
    },
    summary="Get an access token",
)
async def token(
    data: Annotated[TokenRequest, Body(media_type=RequestEncodingType.URL_ENCODED)],
    request: Request[Any, Any, Any],
    db: Database,
    tokens: Tokens,
    pepper: bytes,
    public_url: str,
    clock: Clock,
) -> Response[AccessToken]:
    """OAuth 2.0 client credentials (RFC 6749, 4.4), form-encoded.

    The client signs an assertion (private_key_jwt, RFC 7523: `client_assertion_type` and `client_assertion`), or sends
    its secret in the header or in the form.
    """
    proof = oauth.client_proof(request.headers.get("authorization"), data)
    if not data.grant_type:
        raise oauth.InvalidRequest
    if data.grant_type != "client_credentials":
        raise oauth.UnsupportedGrantType
    scopes = oauth.granted_scopes(data.scope)
    now = clock()
    async with db.transaction(Scope(platform=True)) as conn:
        client = await _client(conn, proof, public_url=public_url, pepper=pepper, now=now)
    principal = PartnerPrincipal(
        partner_id=client.partner.partner_id,
        client_id=client.partner.client_id,
        scopes=scopes,
        credential_id=client.credential_id,
    )
    return Response(
        AccessToken(
            access_token=tokens.issue(principal, now=now),
            expires_in=int(ACCESS_TTL.total_seconds()),
            scope=" ".join(scopes),
        ),
        headers=oauth.NO_STORE,
    )


@get("/.well-known/oauth-authorization-server", opt={"public": True}, summary="What the token endpoint can do")
async def server_metadata(public_url: str) -> ServerMetadata:
    """Authorization server metadata (RFC 8414): where tokens are had, and how to log in."""
    base = public_url.rstrip("/")
    return ServerMetadata(
        issuer=base,
        token_endpoint=base + _TOKEN_PATH,
        jwks_uri=f"{base}/.well-known/jwks.json",
        scopes_supported=SCOPES,
    )


async def _client(conn: Connection, proof: oauth.Proof, *, public_url: str, pepper: bytes, now: datetime) -> Client:
    base = public_url.rstrip("/")
    if isinstance(proof, oauth.SignedProof):
        try:
            client = await service.by_assertion(
                conn, assertion=proof.assertion, audiences=(base + _TOKEN_PATH, base), now=now
            )
        except AssertionInvalid as error:
            raise oauth.InvalidClient(str(error)) from None
        if proof.client_id not in ("", client.partner.client_id):
            raise oauth.InvalidClient("client_id is another one than the assertion's")
        return client
    found = await service.by_secret(conn, client_id=proof.client_id, client_secret=proof.client_secret, pepper=pepper)
    if found is None:
        raise oauth.InvalidClient
    return found


staff_router = Router(
    path="/partners", route_handlers=[create_secret, revoke_secret, list_keys, add_key, revoke_key], tags=["partners"]
)
partner_router = Router(path="/", route_handlers=[token], tags=["login"])
public_router = Router(path="/", route_handlers=[server_metadata], include_in_schema=False)
