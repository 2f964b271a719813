"""Residents and visitors: the keys of their phones."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from litestar import Router, delete, get, post
from litestar.di import Provide
from litestar.params import Parameter

from backend.audit import service as audit
from backend.codes import service
from backend.codes.challenges import CHALLENGE_TTL, new_challenge
from backend.codes.errors import (
    ChallengeRefused,
    KeyNotFound,
    NobodyHere,
    ProofRefused,
    PublicKeyInvalid,
    TooManyPhones,
)
from backend.codes.places import list_places
from backend.codes.schemas import Challenge, NewPhone, Phone, PhoneList, PlaceList
from backend.kit.auth import ResidentPrincipal, VisitorPrincipal
from backend.kit.clock import Clock
from backend.kit.db import Database, Scope
from backend.kit.problems import Unauthorised, problems
from backend.links.errors import LinkClosed, LinkExpired, LinkHeld

__all__ = ["resident_router", "visitor_router"]

KeyId = Annotated[str, Parameter(pattern="^[0-9a-f]{16}$", description="The key's id, hexadecimal")]


class Holder(msgspec.Struct, frozen=True):
    """Whoever holds a phone: his person, and what the audit trail calls him."""

    person_id: UUID
    actor: str


def _now_us(now: datetime) -> int:
    return int(now.timestamp()) * 1_000_000 + now.microsecond


def _router(surface: str) -> Router:
    """The same routes for residents and for visitors: whoever may pass may also show a code."""
    link = (LinkClosed, LinkExpired, LinkHeld) if surface == "visitor" else ()

    @post(
        "/communities/{community_id:uuid}/phones/challenge",
        status_code=200,
        responses=problems(Unauthorised, NobodyHere, *link),
        summary="Ask for a challenge to register a phone",
    )
    async def challenge(community_id: UUID, person: Holder, db: Database, pepper: bytes, clock: Clock) -> Challenge:
        """What the phone signs, within five minutes, to show that it holds its key."""
        now = clock()
        scope = Scope(community_id=community_id, person_id=person.person_id)
        async with db.transaction(scope, read_only=True) as conn:
            await service.require_subject(conn, community_id=community_id, person_id=person.person_id)
        return Challenge(
            challenge=new_challenge(pepper, community_id=community_id, person_id=person.person_id, now=now),
            expires_at=now + CHALLENGE_TTL,
            now_us=_now_us(now),
        )

    @post(
        "/communities/{community_id:uuid}/phones",
        responses=problems(
            Unauthorised, NobodyHere, ChallengeRefused, PublicKeyInvalid, ProofRefused, TooManyPhones, *link
        ),
        summary="Register a phone's key",
    )
    async def register(
        community_id: UUID, data: NewPhone, person: Holder, db: Database, pepper: bytes, clock: Clock
    ) -> Phone:
        """Let codes that this phone signs open the community's gates. The private key never leaves the phone.

        Make one key for each community.
        """
        scope = Scope(community_id=community_id, person_id=person.person_id)
        async with db.transaction(scope) as conn:
            row = await service.register_phone(
                conn, community_id=community_id, person_id=person.person_id, new=data, pepper=pepper, now=clock()
            )
            await audit.record(
                conn,
                community_id=community_id,
                actor=f"{person.actor}:{person.person_id}",
                action="phone.register",
                target=f"phone:{row.key_id.hex()}",
            )
        return Phone.of(row)

    @get(
        "/communities/{community_id:uuid}/phones",
        responses=problems(Unauthorised, NobodyHere, *link),
        summary="List your phones",
    )
    async def list_phones(community_id: UUID, person: Holder, db: Database, clock: Clock) -> PhoneList:
        """The phones whose codes open this community's gates for you, and the server's time."""
        scope = Scope(community_id=community_id, person_id=person.person_id)
        async with db.transaction(scope, read_only=True) as conn:
            rows = await service.list_phones(conn, community_id=community_id, person_id=person.person_id)
        return PhoneList(community_id, tuple(Phone.of(row) for row in rows), _now_us(clock()))

    @delete(
        "/communities/{community_id:uuid}/phones/{key_id:str}",
        responses=problems(Unauthorised, KeyNotFound, *link),
        summary="Remove a phone",
    )
    async def revoke(community_id: UUID, key_id: KeyId, person: Holder, db: Database) -> None:
        """A phone that was lost or sold: its codes end at once at every gate that is connected."""
        scope = Scope(community_id=community_id, person_id=person.person_id)
        async with db.transaction(scope) as conn:
            await service.revoke_phone(conn, community_id=community_id, person_id=person.person_id, key_id=key_id)
            await audit.record(
                conn,
                community_id=community_id,
                actor=f"{person.actor}:{person.person_id}",
                action="phone.revoke",
                target=f"phone:{key_id}",
            )

    @get(
        "/communities",
        responses=problems(Unauthorised, *link),
        summary="List where you may enter",
    )
    async def places(person: Holder, db: Database) -> PlaceList:
        """The communities in which you have a right to pass, now or later: for each, a phone makes a key of its own."""
        async with db.transaction(Scope(person_id=person.person_id), read_only=True) as conn:
            return PlaceList(tuple(await list_places(conn, person_id=person.person_id)))

    return Router(
        path="/",
        route_handlers=[places, challenge, register, list_phones, revoke],
        dependencies={"person": Provide(_visitor if surface == "visitor" else _resident)},
        tags=["codes"],
    )


async def _resident(resident: ResidentPrincipal) -> Holder:
    return Holder(resident.person_id, "resident")


async def _visitor(visitor: VisitorPrincipal) -> Holder:
    return Holder(visitor.person_id, visitor.kind)


resident_router = _router("resident")
visitor_router = _router("visitor")
