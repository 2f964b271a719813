"""What a gate that follows a roster is told."""

import asyncio
import gzip
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import msgspec
import pytest
from litestar import Litestar

from backend.gates import pages as paging
from backend.gates import rosters as reading
from backend.kit.pagination import encode_cursor
from gate_sdk.wire import PageKind, SyncPage, decode_entry
from tests.backend.gates.devices import Device, Rosters
from tests.backend.world import Actor, World


async def test_a_new_gate_gets_a_signed_snapshot(device: Device, rosters: Rosters) -> None:
    subject = await rosters.subject()
    await rosters.admit(subject)

    (page,) = await device.sync()

    assert page.kind is PageKind.SNAPSHOT
    assert set(device.items) == {subject.bytes}
    item = device.items[subject.bytes]
    assert item.body is not None
    assert decode_entry(item.body).subject == subject
    assert device.head is not None
    assert device.head.version == (await rosters.version()).version


async def test_a_gate_that_follows_gets_what_changed_and_nothing_else(device: Device, rosters: Rosters) -> None:
    first, second = await rosters.subject(), await rosters.subject()
    await rosters.admit(first)
    await device.sync()

    await rosters.admit(second)
    (page,) = await device.sync()
    assert page.kind is PageKind.DELTA
    assert [item.subject for item in page.items] == [second.bytes]

    await rosters.remove(first)
    (page,) = await device.sync()
    assert [(item.subject, item.body, item.template) for item in page.items] == [(first.bytes, None, None)]
    assert set(device.items) == {second.bytes}


async def test_no_news_is_a_fresh_head_alone(device: Device, rosters: Rosters, world: World) -> None:
    await rosters.admit(await rosters.subject())
    await device.sync()
    before = device.head
    world.clock.advance(seconds=90)
    await asyncio.sleep(0)

    (page,) = await device.sync()

    assert before is not None
    assert device.head is not None
    assert page.items == ()
    assert (device.head.version, device.head.digest) == (before.version, before.digest)
    assert device.head.issued_at_us > before.issued_at_us


async def hold(app: Litestar, *devices: Device) -> None:
    """Until the polls of these gates wait for news."""
    feed = app.state.gates.feed
    async with asyncio.timeout(20):
        while not all(  # noqa: ASYNC110 - the application itself says nothing when a poll begins to wait
            one.identity.gate_id in feed._waiting.get(one.identity.community_id, {}) for one in devices
        ):
            await asyncio.sleep(0.01)


async def test_a_waiting_gate_is_woken_by_a_change(device: Device, rosters: Rosters, app: Litestar) -> None:
    subject = await rosters.subject()
    await rosters.admit(subject)
    await device.sync()

    waiting = asyncio.create_task(device.sync(wait=25))
    await hold(app, device)
    assert not waiting.done()
    await rosters.remove(subject)
    (page,) = await asyncio.wait_for(waiting, 20)

    assert [item.body for item in page.items] == [None]
    assert device.items == {}


async def test_a_change_between_two_polls_is_not_slept_through(device: Device, rosters: Rosters) -> None:
    await device.sync()
    await rosters.admit(await rosters.subject())
    await asyncio.wait_for(device.sync(wait=25), 20)
    assert len(device.items) == 1


async def test_all_gates_of_a_community_share_one_reading(
    device: Device, api: httpx.AsyncClient, manager: Actor, rosters: Rosters, world: World, community_id: UUID,
    monkeypatch: pytest.MonkeyPatch, app: Litestar,
) -> None:  # fmt: skip
    devices = [device, *[await Device.provisioned(api, manager, community_id, world) for _ in range(4)]]
    subject = await rosters.subject()
    await rosters.admit(subject)
    for each in devices:
        await each.sync()
    read = 0
    changes = reading.list_changes

    async def counted(*args: Any, **options: Any) -> Any:
        nonlocal read
        read += 1
        return await changes(*args, **options)

    monkeypatch.setattr(reading, "list_changes", counted)
    waiting = [asyncio.create_task(each.sync(wait=25)) for each in devices]
    await hold(app, *devices)
    await rosters.remove(subject)
    await asyncio.wait_for(asyncio.gather(*waiting), 20)

    assert read == 1
    assert all(each.items == {} for each in devices)


async def test_no_head_is_older_than_one_the_gate_has_had(
    device: Device, api: httpx.AsyncClient, manager: Actor, rosters: Rosters, world: World, community_id: UUID
) -> None:
    """A gate takes an earlier head for a replay, so a page that others share must not reach it too late."""
    other = await Device.provisioned(api, manager, community_id, world)
    for gate in (device, other):
        await gate.sync()
    await device.sync()
    world.clock.advance(seconds=2)
    issued = [other.head.issued_at_us] if other.head else []
    for _ in range(3):
        await other.sync()
        assert other.head is not None
        issued.append(other.head.issued_at_us)
        world.clock.advance(seconds=2)
    assert issued == sorted(set(issued))


async def test_a_community_s_changes_wake_nobody_elsewhere(
    device: Device, manager: Actor, rosters: Rosters, world: World, app: Litestar
) -> None:
    elsewhere = Rosters(rosters.db, await world.community(manager, name="Lake Court"), world.clock)
    await rosters.admit(await rosters.subject())
    await device.sync()
    waiting = asyncio.create_task(device.ask(wait=1))
    await hold(app, device)
    await elsewhere.admit(await elsewhere.subject())
    page = msgspec.msgpack.decode((await waiting).content, type=SyncPage)
    assert page.items == ()
    device.take([page])


async def test_a_newer_poll_lets_the_one_before_go(device: Device, app: Litestar) -> None:
    await device.sync()
    older = asyncio.create_task(device.ask(wait=25))
    await hold(app, device)
    newer = asyncio.create_task(device.ask(wait=3))
    assert (await asyncio.wait_for(older, 20)).status_code == 200
    assert not newer.done()
    assert (await newer).status_code == 200


async def test_a_process_that_ends_lets_gates_go_and_keeps_no_new_one_waiting(device: Device, app: Litestar) -> None:
    await device.sync()
    waiting = asyncio.create_task(device.ask(wait=25))
    await hold(app, device)
    app.state.gates.feed.let_go()
    for answer in (await asyncio.wait_for(waiting, 20), await asyncio.wait_for(device.ask(wait=25), 20)):
        assert answer.status_code == 200


async def test_pages_come_in_the_order_of_subjects_and_end_with_what_changed_meanwhile(
    device: Device, rosters: Rosters, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paging, "MAX_ITEMS", 10)
    subjects = sorted(await rosters.people(25), key=lambda subject: subject.bytes)

    pages = [await _page(device)]
    # One who was sent already, one who was not yet, and one who comes now.
    await rosters.remove(subjects[0])
    await rosters.remove(subjects[-1])
    newcomer = await rosters.subject()
    await rosters.admit(newcomer)
    while pages[-1].next is not None:
        pages.append(await _page(device, cursor=pages[-1].next))

    assert [item.subject for item in pages[0].items] == [subject.bytes for subject in subjects[:10]]
    assert all(len(page.items) <= 10 for page in pages)
    device.take(pages)
    assert set(device.items) == {subject.bytes for subject in [*subjects[1:-1], newcomer]}


async def test_a_long_delta_comes_in_pages(device: Device, rosters: Rosters, monkeypatch: pytest.MonkeyPatch) -> None:
    await device.sync()
    monkeypatch.setattr(paging, "MAX_ITEMS", 10)
    subjects = await rosters.people(25)
    pages = [await _page(device)]
    await rosters.remove(subjects[3])
    while pages[-1].next is not None:
        pages.append(await _page(device, cursor=pages[-1].next))
    assert {page.kind for page in pages} == {PageKind.DELTA}
    assert [len(page.items) for page in pages[:2]] == [10, 10]
    device.take(pages)
    assert len(device.items) == 24


@pytest.mark.parametrize("count", [9, 10, 11, 20])
async def test_pages_end_well_at_their_very_limit(
    device: Device, rosters: Rosters, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    monkeypatch.setattr(paging, "MAX_ITEMS", 10)
    subjects = await rosters.people(count)
    await device.sync()
    await rosters.remove(subjects[0])
    await device.sync()
    assert len(device.items) == count - 1


async def test_a_large_page_is_cut_by_its_bytes(
    device: Device, rosters: Rosters, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paging, "MAX_PAGE_BYTES", 5000)
    await rosters.people(12)
    pages = await device.sync()
    assert len(pages) > 2
    assert all(len(page.items) <= 4 for page in pages)


async def test_a_new_epoch_is_a_snapshot_and_voids_cursors(
    device: Device, rosters: Rosters, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paging, "MAX_ITEMS", 10)
    await rosters.people(15)
    await device.sync()
    began = await device.api.get("/gate/v1/sync", headers=device.headers)
    cursor = msgspec.msgpack.decode(began.content, type=SyncPage).next
    assert cursor is not None

    await _new_epoch(world, rosters.community_id)

    refused = await device.ask(cursor=cursor)
    assert (refused.status_code, refused.json()["code"]) == (410, "cursor-stale")
    before = device.head
    pages = await device.sync(wait=25)
    assert pages[0].kind is PageKind.SNAPSHOT
    assert before is not None
    assert device.head is not None
    assert device.head.epoch > before.epoch


async def test_a_version_ahead_of_ours_gets_a_snapshot(device: Device, rosters: Rosters) -> None:
    await rosters.admit(await rosters.subject())
    await device.sync()
    assert device.head is not None
    device.head = msgspec.structs.replace(device.head, version=device.head.version + 5)
    # Not applied: a device takes no older version without a new epoch. It only shows that it is not left waiting.
    answer = await device.ask(wait=25)
    assert msgspec.msgpack.decode(answer.content, type=SyncPage).kind is PageKind.SNAPSHOT


async def test_a_template_that_is_nowhere_is_left_out_and_nobody_else_with_it(device: Device, rosters: Rosters) -> None:
    lost, other = await rosters.subject(), await rosters.subject()
    await rosters.admit(lost)
    await rosters.admit(other)
    await rosters.set_template(lost, [0.6, 0.8])
    await device.sync()
    assert set(device.items) == {lost.bytes, other.bytes}
    assert device.items[lost.bytes].template is None


@pytest.mark.parametrize(
    "query",
    [
        {"epoch": "1"},
        {"epoch": "1", "version": "0"},
        {"epoch": "1", "version": "0", "digest": "00"},
        {"epoch": "x", "version": "0", "digest": "0" * 64},
        {"epoch": "-1", "version": "0", "digest": "0" * 64},
        {"epoch": str(2**63), "version": "0", "digest": "0" * 64},
        {"cursor": "!"},
        {"cursor": "bm9uc2Vuc2U"},
        {"cursor": "A" * 201},
        {"wait": "26"},
        {"wait": "-1"},
    ],
)
async def test_a_malformed_poll_is_refused(device: Device, query: dict[str, str]) -> None:
    answer = await device.api.get("/gate/v1/sync", params=query, headers=device.headers)
    assert answer.status_code == 400, answer.text


async def test_a_forged_cursor_shows_nothing_of_another_community(
    device: Device, manager: Actor, rosters: Rosters, world: World, app: Litestar
) -> None:
    elsewhere = Rosters(rosters.db, await world.community(manager, name="Lake Court"), world.clock)
    await elsewhere.admit(await elsewhere.subject())
    cursor = encode_cursor(paging.Position(PageKind.SNAPSHOT, 1, 0, UUID(int=0)))
    page = await _page(device, cursor=cursor)
    assert page.items == ()
    ahead = encode_cursor(paging.Position(PageKind.DELTA, 1, 99, None))
    assert (await device.ask(cursor=ahead)).status_code == 410


async def test_nobody_syncs_without_a_gate_s_token(api: httpx.AsyncClient, manager: Actor, device: Device) -> None:
    assert (await api.get("/gate/v1/sync")).status_code == 401
    assert (await manager.get("/gate/v1/sync")).status_code == 401
    assert (await api.get("/staff/v1/communities", headers=device.headers)).status_code == 401


async def _page(device: Device, cursor: str | None = None) -> SyncPage:
    answer = await device.ask(wait=0, cursor=cursor) if cursor else await device.ask()
    assert answer.status_code == 200, answer.text
    return msgspec.msgpack.decode(answer.content, type=SyncPage)


async def _new_epoch(world: World, community_id: UUID) -> None:
    conn = await asyncpg.connect(world.urls.worker)
    try:
        async with conn.transaction():
            await conn.execute(f"SET LOCAL doorward.community = '{community_id}'")
            await conn.execute("SELECT roster_new_epoch()")
    finally:
        await conn.close()


@pytest.mark.parametrize(
    "accepted,packed", [("gzip", True), ("br, GZIP;q=0.5", True), ("identity", False), ("gzip;q=0", False)]
)
async def test_a_page_comes_compressed_to_whom_can_read_it(
    device: Device, rosters: Rosters, accepted: str, *, packed: bool
) -> None:
    await rosters.people(50)
    request = device.api.build_request("GET", "/gate/v1/sync", headers={**device.headers, "Accept-Encoding": accepted})
    answer = await device.api.send(request, stream=True)
    raw = b"".join([part async for part in answer.aiter_raw()])
    assert answer.headers.get("Content-Encoding") == ("gzip" if packed else None)
    assert answer.headers["Vary"] == "Accept-Encoding"
    content = gzip.decompress(raw) if packed else raw
    page = msgspec.msgpack.decode(content, type=SyncPage)
    assert len(page.items) == 50
    if packed:
        assert len(raw) < len(content) * 0.7
    await answer.aclose()
