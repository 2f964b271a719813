"""Anybody checks a certificate without the network, finds any change of it, and reads it."""

import copy
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from backend import cli
from backend.kit.db import Database
from backend.privacy.certificates.errors import CertificateRefused
from backend.privacy.certificates.signing import read_keys, verify
from backend.privacy.saga import Saga
from tests.backend.households.town import build_town
from tests.backend.privacy.faces import acknowledge, give_face, install_gate
from tests.backend.privacy.papers import KEYS, certificate, make_saga, move_out
from tests.backend.world import World


@pytest.fixture
def saga(world: World, worker_db: Database) -> Saga:
    """Writes to people, too."""
    return make_saga(world, worker_db)


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from leaves(inner, (*path, name))
    elif isinstance(value, list):
        yield path, value
        for number, inner in enumerate(value):
            yield from leaves(inner, (*path, number))
    else:
        yield path, value


def changed(value: Any) -> list[Any]:
    """What might stand there instead, of the same form where it can be."""
    if isinstance(value, bool):
        return [not value, None]
    if isinstance(value, int):
        return [value + 1, str(value), float(value) + 0.5]
    if value is None:
        return ["2026-01-01T00:00:00Z", 1]
    if isinstance(value, list):
        return [[*value, copy.deepcopy(value[0])] if value else ["courier"], value[:-1] if value else None]
    others: list[Any] = [value + " ", None, ""]
    if re.match(r"\d{4}-\d\d-\d\dT", value):
        others += [value.replace("2026", "2027"), value.replace("Z", "+00:00"), value[:-1] + "0Z"]
    if re.fullmatch(r"[0-9a-f-]{36}", value):
        others += [str(uuid4()), value.upper()]
    if len(value) == 86:
        # Bits that the encoding does not use.
        others += [value[:-1] + letter for letter in "ABQRghwx" if letter != value[-1]]
    return others


async def test_any_change_of_any_field_is_found(world: World, saga: Saga) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    await give_face(town, tenant)
    near = await install_gate(town, "Near")
    await install_gate(town, "Far")
    erasure_id = await move_out(town, tenant)
    await saga.resume(erasure_id)
    await acknowledge(town, near)
    await saga.resume(erasure_id)
    answer = await tenant.actor.get(f"/resident/v1/erasures/{erasure_id}/certificate")
    keys = read_keys((await world.api.get(KEYS)).content)
    genuine = answer.json()
    verify(json.dumps(genuine, indent=4).encode(), keys)
    tried = 0
    for path, value in leaves(genuine):
        for other in changed(value):
            if other == value:
                continue
            forged = copy.deepcopy(genuine)
            place = forged
            for step in path[:-1]:
                place = place[step]
            place[path[-1]] = other
            with pytest.raises(CertificateRefused):
                verify(json.dumps(forged).encode(), keys)
            tried += 1
    assert tried > 150
    for name in genuine["certificate"]:
        short = copy.deepcopy(genuine)
        del short["certificate"][name]
        with pytest.raises(CertificateRefused):
            verify(json.dumps(short).encode(), keys)
    more = copy.deepcopy(genuine)
    more["certificate"]["note"] = "x"
    twice = json.dumps(genuine).replace('"status":', '"status": "complete", "status":', 1)
    for forged_bytes in (json.dumps(more).encode(), twice.encode(), b"", b"[]", b"{}", b"\xff", b"[" * 100_000):
        with pytest.raises(CertificateRefused):
            verify(forged_bytes, keys)
    with pytest.raises(CertificateRefused):
        verify(json.dumps(genuine).encode(), {})


async def test_anybody_checks_a_certificate_with_the_public_keys_and_no_network(
    world: World, saga: Saga, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    erasure_id = await move_out(town, tenant)
    assert await saga.resume(erasure_id)
    signed = await certificate(town, erasure_id)
    file, keys, other_keys = tmp_path / "certificate.json", tmp_path / "keys.json", tmp_path / "other.json"
    file.write_text(json.dumps(signed))
    keys.write_bytes((await world.api.get(KEYS)).content)
    assert cli.main(["verify-certificate", str(file), "--keys", str(keys)]) == 0
    assert "GENUINE, complete" in capsys.readouterr().out
    signed["certificate"]["extent"] = "photos"
    file.write_text(json.dumps(signed))
    assert cli.main(["verify-certificate", str(file), "--keys", str(keys)]) == 1
    assert "NOT GENUINE" in capsys.readouterr().out
    other_keys.write_text('{"keys": []}')
    assert cli.main(["verify-certificate", str(file), "--keys", str(other_keys)]) == 1
    assert cli.main(["verify-certificate", str(tmp_path / "none"), "--keys", str(keys)]) == 2
    assert cli.main(["verify-certificate", str(file), "--url", "http://127.0.0.1:9/keys"]) == 2
    with pytest.raises(SystemExit):
        cli.main(["verify-certificate", str(file)])
    capsys.readouterr()


async def test_the_page_speaks_both_languages_and_escapes_what_others_named(world: World, saga: Saga) -> None:
    town = await build_town(world, name="<b>Court</b>")
    tenant = await town.tenant()
    await give_face(town, tenant)
    await install_gate(town, "<script>alert(1)</script>")
    erasure_id = await move_out(town, tenant)
    await saga.resume(erasure_id)
    path = f"{town.staff_path}/erasures/{erasure_id}/certificate/page"
    for language in ("zh-CN", "en"):
        page = await town.office.get(path, params={"language": language})
        assert page.status_code == 200
        assert page.headers["content-type"].startswith("text/html")
        assert "<script>alert" not in page.text
        assert "<b>Court" not in page.text
    assert (await town.office.get(path, params={"language": "fr"})).status_code == 400
