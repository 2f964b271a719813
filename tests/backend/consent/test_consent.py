"""Consent: to the current text only, purpose by purpose, kept as proof."""

import hashlib
import re
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import asyncpg
import pytest

from backend.consent import repository, service
from backend.consent.errors import ConsentMissing
from backend.consent.service import Purpose
from backend.keys.errors import KeyDestroyed
from backend.kit.auth import VisitorPrincipal
from backend.kit.db import Scope
from tests.backend.couriers.company import open_link
from tests.backend.households.town import build_town
from tests.backend.visitors.test_passes import invite
from tests.backend.world import Actor, World
from tests.databases import DatabaseUrls


async def person_of(world: World, actor: Actor) -> UUID:
    answer = await actor.get("/resident/v1/me")
    return UUID(answer.json()["person_id"])


async def publish(urls: DatabaseUrls, version: int, *, asks_again: bool) -> None:
    """A newer text, as a later migration would publish it."""
    conn = await asyncpg.connect(urls.owner)
    try:
        for language in ("zh-CN", "en"):
            await conn.execute(
                """
                INSERT INTO consent_document (purpose, version, language, title, body, sha256, asks_again)
                VALUES ('face_access', $1, $2, 'title', $3, sha256(convert_to($3, 'UTF8')), $4)
                """,
                version, language, f"text {version} {language}", asks_again,
            )  # fmt: skip
    finally:
        await conn.close()


async def test_the_texts_are_public_in_both_languages_and_hash_to_what_they_say(world: World) -> None:
    answers = [await world.api.get(f"/{surface}/v1/consents/documents") for surface in ("resident", "visitor")]
    assert [answer.status_code for answer in answers] == [200, 200]
    documents = answers[0].json()["documents"]
    assert answers[1].json()["documents"] == documents
    assert {(d["purpose"], d["language"], d["version"]) for d in documents} == {
        (purpose, language, 2) for purpose in ("face_access", "photo_retention") for language in ("zh-CN", "en")
    }
    for document in documents:
        assert hashlib.sha256(document["body"].encode()).hexdigest() == document["sha256"]
        assert document["body"] == document["body"].strip()


@pytest.mark.parametrize(
    "language,needed",
    [
        (
            "zh-CN",
            [
                "单独同意",
                "撤回",
                "二维码",
                "二十四小时",
                "三十日",
                "七日",
                "境内",
                "监护人",
                "投诉",
                "法院",
                "六个月",
                "被拒绝通行",
            ],
        ),
        (
            "en",
            [
                "separate consent",
                "withdraw",
                "QR code",
                "24 hours",
                "30 days",
                "7 days",
                "abroad",
                "guardian",
                "a court",
                "6 months",
                "denied",
            ],
        ),
    ],
)
async def test_the_text_for_faces_says_what_the_law_wants_said(world: World, language: str, needed: list[str]) -> None:
    answer = await world.api.get("/visitor/v1/consents/documents")
    (body,) = (
        d["body"] for d in answer.json()["documents"] if d["purpose"] == "face_access" and d["language"] == language
    )
    assert [word for word in needed if word not in body] == []


async def test_the_page_on_privacy_lists_every_version(world: World) -> None:
    async with world.resources.db.transaction(Scope(platform=True), read_only=True) as conn:
        rows = await conn.fetch("SELECT DISTINCT purpose, version, asks_again FROM consent_document")
    page = (Path(__file__).parents[3] / "docs" / "privacy.md").read_text("utf-8")
    listed = re.findall(r"^\| `(\w+)` \| (\d+) \| (yes|no) \|", page, re.MULTILINE)
    published = {(row["purpose"], str(row["version"]), "yes" if row["asks_again"] else "no") for row in rows}
    assert set(listed) == published
    assert len(listed) == len(published) == 4


async def test_giving_records_the_exact_text(world: World) -> None:
    resident = await world.resident()
    answer = await resident.put("/resident/v1/consents/face_access", json={"version": 2, "language": "en"})
    assert answer.status_code == 200, answer.text
    consent = answer.json()
    documents = (await world.api.get("/resident/v1/consents/documents")).json()["documents"]
    (text,) = (d for d in documents if d["purpose"] == "face_access" and d["language"] == "en")
    assert consent["text_sha256"] == text["sha256"]
    assert (consent["version"], consent["language"], consent["withdrawn_at"], consent["counts"]) == (
        2,
        "en",
        None,
        True,
    )
    listed = (await resident.get("/resident/v1/consents")).json()["consents"]
    assert listed == [consent]


async def test_giving_twice_is_one_consent(world: World) -> None:
    resident = await world.resident()
    first = await resident.put("/resident/v1/consents/face_access", json={"version": 1})
    world.clock.advance(minutes=1)
    second = await resident.put("/resident/v1/consents/face_access", json={"version": 1})
    assert first.json() == second.json()


async def test_one_purpose_says_nothing_about_the_other(world: World) -> None:
    resident = await world.resident()
    person_id = await person_of(world, resident)
    await resident.put("/resident/v1/consents/face_access", json={"version": 1})
    async with world.resources.db.transaction(Scope(person_id=person_id)) as conn:
        await service.require(conn, person_id=person_id, purpose=Purpose.FACE_ACCESS)
        with pytest.raises(ConsentMissing):
            await service.require(conn, person_id=person_id, purpose=Purpose.PHOTO_RETENTION)


async def test_where_a_text_asks_again_the_one_before_is_refused_and_agreement_to_it_no_longer_counts(
    world: World,
) -> None:
    resident = await world.resident()
    person_id = await person_of(world, resident)
    assert (await resident.put("/resident/v1/consents/face_access", json={"version": 1})).status_code == 200
    await publish(world.urls, 3, asks_again=True)
    async with world.resources.db.transaction(Scope(person_id=person_id)) as conn:
        with pytest.raises(ConsentMissing):
            await service.require(conn, person_id=person_id, purpose=Purpose.FACE_ACCESS)
    stale = await resident.put("/resident/v1/consents/face_access", json={"version": 1})
    assert (stale.status_code, stale.json()["code"]) == (409, "consent-version-outdated")
    assert stale.json()["remedy"]
    assert stale.json()["extra"] == {"current_version": 3}
    (lapsed,) = (await resident.get("/resident/v1/consents")).json()["consents"]
    assert (lapsed["withdrawn_at"], lapsed["counts"]) == (None, False)
    assert (await resident.put("/resident/v1/consents/face_access", json={"version": 3})).status_code == 200
    listed = (await resident.get("/resident/v1/consents")).json()["consents"]
    assert {c["version"]: c["counts"] for c in listed} == {1: False, 3: True}
    # A later one that asks nobody changes nothing about that.
    await publish(world.urls, 4, asks_again=False)
    async with world.resources.db.transaction(Scope(person_id=person_id)) as conn:
        await service.require(conn, person_id=person_id, purpose=Purpose.FACE_ACCESS)
    assert (await resident.put("/resident/v1/consents/face_access", json={"version": 2})).status_code == 409


@pytest.mark.parametrize("purpose", Purpose)
async def test_agreement_from_before_the_texts_named_holds_and_denied_pictures_is_not_orphaned(
    world: World, purpose: Purpose
) -> None:
    """Nobody is asked again, nothing that was kept by it is erased, and it is withdrawn like any other."""
    resident = await world.resident()
    person_id = await person_of(world, resident)
    # On a sheet that was printed, or a page that was opened, before the newer text: as good as the newer one.
    assert (await resident.put(f"/resident/v1/consents/{purpose}", json={"version": 1})).status_code == 200
    documents = (await resident.get("/resident/v1/consents/documents")).json()["documents"]
    newer = [d for d in documents if d["purpose"] == purpose]
    assert [(d["version"], d["asks_again"], bool(d["changes"])) for d in newer] == [(2, False, True)] * 2
    (given,) = (await resident.get("/resident/v1/consents")).json()["consents"]
    assert (given["version"], given["counts"]) == (1, True)
    async with world.resources.db.transaction(Scope(person_id=person_id)) as conn:
        await service.require(conn, person_id=person_id, purpose=purpose)
    # Who agrees to the newer one too has agreed twice, and takes both back at once.
    assert (await resident.put(f"/resident/v1/consents/{purpose}", json={"version": 2})).status_code == 200
    async with world.resources.db.transaction(Scope(person_id=person_id)) as conn:
        assert await service.withdraw(conn, person_id=person_id, purpose=purpose, now=world.clock())
        assert not await service.is_given(conn, person_id=person_id, purpose=purpose)
    consents = (await resident.get("/resident/v1/consents")).json()["consents"]
    assert [(c["version"], c["counts"]) for c in consents] == [(2, False), (1, False)]


async def test_a_version_that_nobody_has_written_is_not_found(world: World) -> None:
    resident = await world.resident()
    answer = await resident.put("/resident/v1/consents/face_access", json={"version": 3})
    assert (answer.status_code, answer.json()["code"]) == (404, "consent-document-not-found")


@pytest.mark.parametrize(
    "purpose,body",
    [
        ("advertising", {"version": 1}),
        ("face_access", {"version": 0}),
        ("face_access", {"version": "1; DROP TABLE consent"}),
        ("face_access", {"version": 1, "language": "fr"}),
        ("face_access", {"version": 1, "given_at": "2020-01-01T00:00:00Z"}),
        ("face_access", {}),
    ],
)
async def test_malformed_consent_is_refused(world: World, purpose: str, body: dict[str, object]) -> None:
    resident = await world.resident()
    answer = await resident.put(f"/resident/v1/consents/{purpose}", json=body)
    assert answer.status_code == 400
    assert (await resident.get("/resident/v1/consents")).json() == {"consents": []}


async def test_nobody_consents_without_logging_in(world: World) -> None:
    for surface in ("resident", "visitor"):
        assert (await world.api.get(f"/{surface}/v1/consents")).status_code == 401
        answer = await world.api.put(f"/{surface}/v1/consents/face_access", json={"version": 1})
        assert answer.status_code == 401


async def test_a_visitor_consents_for_himself_on_his_own_surface(world: World) -> None:
    town = await build_town(world)
    guest = (await open_link(world.api, (await invite(town, await town.tenant()))["link_token"])).actor
    given = await guest.put("/visitor/v1/consents/face_access", json={"version": 1})
    assert given.status_code == 200
    listed = await guest.get("/visitor/v1/consents")
    assert [c["purpose"] for c in listed.json()["consents"]] == ["face_access"]
    assert (await guest.get("/resident/v1/consents")).status_code == 401


async def test_a_visitors_token_without_a_link_behind_it_opens_nothing(world: World) -> None:
    person_id = await person_of(world, await world.resident())
    token = world.resources.tokens.issue(
        VisitorPrincipal(person_id=person_id, invitation_id=UUID(int=1), kind="guest"), now=world.clock()
    )
    answer = await world.api.get("/visitor/v1/consents", headers={"Authorization": f"Bearer {token}"})
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthorised")


async def test_what_was_withdrawn_stays_as_proof_and_can_be_given_anew(world: World) -> None:
    resident = await world.resident()
    person_id = await person_of(world, resident)
    await resident.put("/resident/v1/consents/face_access", json={"version": 1})
    world.clock.advance(minutes=2)
    async with world.resources.db.transaction(Scope(person_id=person_id)) as conn:
        assert await service.withdraw(conn, person_id=person_id, purpose=Purpose.FACE_ACCESS, now=world.clock())
        assert not await service.withdraw(conn, person_id=person_id, purpose=Purpose.FACE_ACCESS, now=world.clock())
        assert not await service.is_given(conn, person_id=person_id, purpose=Purpose.FACE_ACCESS)
    world.clock.advance(minutes=2)
    assert (await resident.put("/resident/v1/consents/face_access", json={"version": 1})).status_code == 200
    consents = (await resident.get("/resident/v1/consents")).json()["consents"]
    assert [c["withdrawn_at"] is None for c in consents] == [True, False]


async def test_while_an_erasure_holds_it_consent_cannot_be_given(world: World) -> None:
    resident = await world.resident()
    person_id = await person_of(world, resident)
    async with world.resources.db.transaction(Scope(person_id=person_id)) as conn:
        await repository.insert_hold(conn, person_id=person_id, erasure_id=UUID(int=7))
    answer = await resident.put("/resident/v1/consents/face_access", json={"version": 1})
    assert (answer.status_code, answer.json()["code"]) == (409, "erasure-running")
    async with world.resources.db.transaction(Scope(person_id=person_id)) as conn:
        await repository.delete_hold(conn, person_id=person_id, erasure_id=UUID(int=7))
    assert (await resident.put("/resident/v1/consents/face_access", json={"version": 1})).status_code == 200


async def test_who_was_erased_and_consents_anew_gets_another_key(world: World) -> None:
    resident = await world.resident()
    person_id = await person_of(world, resident)
    keys = world.resources.keys
    old = await keys.ensure_person_key(person_id, owner_id=UUID(int=5))
    await keys.destroy_person_key(person_id)
    with pytest.raises(KeyDestroyed):
        await keys.ensure_person_key(person_id, owner_id=UUID(int=5))
    await resident.put("/resident/v1/consents/face_access", json={"version": 1})
    assert await keys.ensure_person_key(person_id, owner_id=UUID(int=5)) != old


async def test_published_texts_and_given_consents_cannot_be_changed(world: World) -> None:
    resident = await world.resident()
    person_id = await person_of(world, resident)
    await resident.put("/resident/v1/consents/face_access", json={"version": 1})
    for url in (world.urls.api, world.urls.worker):
        conn = await asyncpg.connect(url)
        try:
            await conn.execute(f"SET doorward.person = '{person_id}'; SET doorward.platform = 'on'")
            for statement in (
                "UPDATE consent_document SET body = 'another'",
                "DELETE FROM consent_document",
                "UPDATE consent SET version = 2",
                "UPDATE consent SET given_at = now()",
            ):
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await conn.execute(statement)
            # Only the worker may delete one, and only when its period as proof is over: this one stands.
            if url == world.urls.api:
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await conn.execute("DELETE FROM consent")
            else:
                assert await conn.execute("DELETE FROM consent") == "DELETE 0"
        finally:
            await conn.close()
    owner = await asyncpg.connect(world.urls.owner)
    try:
        await owner.execute("SET doorward.platform = 'on'")
        # Forced row-level security: not even the tables' owner rewrites what was published.
        assert await owner.execute("UPDATE consent_document SET body = 'another'") == "UPDATE 0"
    finally:
        await owner.close()


async def test_nobody_sees_anothers_consents(world: World) -> None:
    one, other = await world.resident(), await world.resident()
    await one.put("/resident/v1/consents/face_access", json={"version": 1})
    person_id = await person_of(world, one)
    other_id = await person_of(world, other)
    async with world.resources.db.transaction(Scope(person_id=other_id)) as conn:
        assert await repository.list_consents(conn, person_id=person_id) == []
        assert not await repository.withdraw(
            conn, person_id=person_id, purpose="face_access", now=world.clock() + timedelta(days=1)
        )
