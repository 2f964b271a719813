"""Access tokens get another signing key while processes issue and read them: nobody is logged out, nothing lives on."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import httpx
import jwt
import pytest
from litestar import Litestar

from backend.keys.service import Keys
from backend.keys.signing import tokens as token_keys
from backend.keys.signing.tokens import ANNOUNCED, EVERY_S, TokenKeys
from backend.keys.wrapping import FileKeyWrapper
from backend.kit.auth import ACCESS_TTL, GatePrincipal, Surface, Tokens
from backend.kit.db import Database
from backend.kit.problems import Unauthorised
from tests.backend.upkeep.test_key_commands import run
from tests.backend.world import World
from tests.databases import DatabaseUrls

NOW = datetime(2026, 11, 2, 2, 0, tzinfo=UTC)
GATE = GatePrincipal(gate_id=uuid4(), community_id=uuid4())


def issued(tokens: Tokens, at: datetime) -> tuple[str, str]:
    """A token, and the id of the key that signed it."""
    token = tokens.issue(GATE, now=at)
    return token, str(jwt.get_unverified_header(token)["kid"])


async def test_processes_that_look_at_different_times_never_refuse_each_other(
    keys: Keys, key_db: Database, tmp_path: Path
) -> None:
    here, there = TokenKeys(keys), TokenKeys(Keys(key_db, FileKeyWrapper(tmp_path / "master.key")))
    one, other = await here.open(now=NOW), await there.open(now=NOW)
    _, old = issued(one, NOW)
    new, begins = await token_keys.announce(keys, now=NOW)
    assert begins == NOW + ANNOUNCED
    # The one looks at once, the other never at the same moment, each as seldom as processes do.
    step = timedelta(seconds=EVERY_S / 2)
    before, after, at, turn = set(), set(), NOW, 0
    while at < begins + ANNOUNCED + ACCESS_TTL:
        await (here if turn % 2 else there).renew(one if turn % 2 else other, now=at)
        for issuer in (one, other):
            token, kid = issued(issuer, at)
            if at < begins:
                before.add(kid)
            elif at >= begins + 2 * step:
                after.add(kid)
            for reader in (one, other):
                assert reader.verify(token, surface=Surface.GATE, now=at) == GATE
        at, turn = at + step, turn + 1
    assert (before, after) == ({old}, {new})


async def test_the_key_before_opens_nothing_once_the_last_of_its_tokens_has_ended(keys: Keys) -> None:
    own = TokenKeys(keys)
    tokens = await own.open(now=NOW)
    _, begins = await token_keys.announce(keys, now=NOW)
    await own.renew(tokens, now=begins - timedelta(seconds=1))
    last, _ = issued(tokens, begins - timedelta(seconds=1))
    await own.renew(tokens, now=begins)
    assert tokens.verify(last, surface=Surface.GATE, now=begins) == GATE
    # Whoever has stolen it may write what times he likes.
    stolen = (await keys.jwt_keys())[1]
    thief = Tokens(kid=stolen.kid, key=stolen.private, accepted={})
    later = begins + ACCESS_TTL + ANNOUNCED
    await own.renew(tokens, now=later)
    with pytest.raises(Unauthorised):
        tokens.verify(thief.issue(GATE, now=later), surface=Surface.GATE, now=later)
    assert stolen.kid not in {key["kid"] for key in tokens.jwks()["keys"]}


async def test_announcing_again_or_twice_at_once_makes_one_key(keys: Keys, key_db: Database, tmp_path: Path) -> None:
    await keys.jwt_keys()
    processes = [Keys(key_db, FileKeyWrapper(tmp_path / "master.key")) for _ in range(3)]
    announced = await asyncio.gather(*(token_keys.announce(one, now=NOW) for one in processes))
    again = await token_keys.announce(keys, now=NOW + timedelta(minutes=1))
    assert set(announced) == {again}
    assert len(await processes[0].jwt_keys()) == 2
    assert (await token_keys.announce(keys, now=NOW + ANNOUNCED))[0] != again[0]


async def test_a_key_store_that_is_away_ends_nobodys_session(keys: Keys, key_db: Database) -> None:
    own = TokenKeys(keys)
    tokens = await own.open(now=NOW)
    token, _ = issued(tokens, NOW)
    task = asyncio.create_task(own.keep(tokens, lambda: NOW, every_s=0.01))
    await key_db.close()
    await asyncio.sleep(0.1)
    assert tokens.verify(token, surface=Surface.GATE, now=NOW) == GATE
    await key_db.open()
    kid, begins = await token_keys.announce(keys, now=NOW - 2 * ANNOUNCED)
    assert begins < NOW
    async with asyncio.timeout(60):
        while issued(tokens, NOW)[1] != kid:  # noqa: ASYNC110 - the task's doing
            await asyncio.sleep(0.01)
    assert tokens.verify(token, surface=Surface.GATE, now=NOW) == GATE
    task.cancel()


async def test_whoever_is_logged_in_stays_so_and_anybody_finds_both_keys(
    world: World, app: Litestar, api: httpx.AsyncClient
) -> None:
    resident = await world.resident()
    kid, begins = await token_keys.announce(world.resources.keys, now=world.clock())
    for at in (world.clock(), begins):
        world.clock.now = at
        await world.resources.token_keys.renew(app.state.tokens, now=at)
        assert (await resident.get("/resident/v1/me")).status_code == 200
    published = (await api.get("/.well-known/jwks.json")).json()["keys"]
    assert kid in {key["kid"] for key in published}
    assert len(published) >= 2
    fresh = await api.post("/resident/v1/token", json={"refresh_token": resident.refresh_token})
    assert jwt.get_unverified_header(fresh.json()["access_token"])["kid"] == kid


async def test_the_command_says_when_the_new_key_begins_and_repeats_itself(
    keys: Keys, database_urls: DatabaseUrls, tmp_path: Path
) -> None:
    await keys.pepper()
    said = [
        run(["rotate-tokens"], database_urls, tmp_path, DOORWARD_WORKER_DATABASE_URL=database_urls.worker)
        for _ in range(2)
    ]
    assert [done.returncode for done in said] == [0, 0], said[0].stderr
    assert said[0].stdout == said[1].stdout
    assert said[0].stdout.startswith("jwt-")
    assert "nobody has to log in again" in said[0].stdout
    seeds = [key.seed.hex() for key in await keys.jwt_keys()]
    assert len(seeds) == 2
    assert not [seed for seed in seeds if seed in said[0].stdout + said[0].stderr]
