"""Whose turn it is to be looked at, and what happens when nobody can be."""

import asyncio
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from backend.enrolment import faces, turns
from backend.enrolment.errors import FacesBusy, PhotoRefused
from backend.enrolment.faces import FaceService, ModelsRefused, check_photo, open_faces
from backend.resources import open_resources
from backend.settings import Settings, SettingsRefused
from gate_sdk.face import FaceEngine
from tests.backend.enrolment.photographs import jpeg, portrait, with_position
from tests.data import default_pack
from tests.databases import DatabaseUrls

# However busy the machine is that the tests run on.
_PATIENT = 120.0


@pytest.fixture(scope="module")
def engine() -> FaceEngine:
    return FaceEngine(default_pack())


async def order_of(service: FaceService, photo: bytes, people: list[UUID]) -> list[UUID]:
    """Who was served, in order, of requests that came in this order."""
    served: list[UUID] = []

    async def one(person_id: UUID) -> None:
        await service.check(photo, declared="image/jpeg", person_id=person_id)
        served.append(person_id)

    tasks = []
    for person_id in people:
        tasks.append(asyncio.create_task(one(person_id)))
        await asyncio.sleep(0)  # so that they come in this order
    await asyncio.gather(*tasks)
    return served


async def test_people_take_turns(engine: FaceEngine) -> None:
    service = FaceService(engine, threads=1, longest_wait_s=_PATIENT)
    busy, patient = uuid4(), uuid4()
    served = await order_of(service, jpeg(portrait(1.0)), [busy, busy, busy, patient])
    assert served == [busy, busy, patient, busy]
    service.close()


async def test_too_many_of_one_person_and_too_many_in_all_are_sent_away(
    engine: FaceEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "_QUEUE", 4)
    service = FaceService(engine, threads=1, longest_wait_s=_PATIENT)
    photo = jpeg(portrait(1.0))
    me = uuid4()
    mine = [asyncio.create_task(service.check(photo, declared="image/jpeg", person_id=me)) for _ in range(4)]
    await asyncio.sleep(0)
    with pytest.raises(FacesBusy):
        await service.check(photo, declared="image/jpeg", person_id=me)
    other = asyncio.create_task(service.check(photo, declared="image/jpeg", person_id=uuid4()))
    await asyncio.sleep(0)
    with pytest.raises(FacesBusy) as refused:
        await service.check(photo, declared="image/jpeg", person_id=uuid4())
    assert refused.value.headers["Retry-After"]
    await asyncio.gather(*mine, other)
    service.close()


async def test_who_goes_away_while_he_waits_keeps_nobody_waiting(engine: FaceEngine) -> None:
    service = FaceService(engine, threads=1, longest_wait_s=_PATIENT)
    photo = jpeg(portrait(1.0))
    tasks = [asyncio.create_task(service.check(photo, declared="image/jpeg", person_id=uuid4())) for _ in range(4)]
    await asyncio.sleep(0)
    tasks[1].cancel()
    tasks[2].cancel()
    done = await asyncio.gather(*tasks, return_exceptions=True)
    assert [isinstance(one, asyncio.CancelledError) for one in done] == [False, True, True, False]
    # The thread is free again.
    await asyncio.wait_for(service.check(photo, declared="image/jpeg", person_id=uuid4()), 20)
    service.close()


async def test_whose_turn_does_not_come_in_time_is_told_to_come_back_and_keeps_nobody_waiting(
    engine: FaceEngine,
) -> None:
    service = FaceService(engine, threads=1, longest_wait_s=0)
    photo = jpeg(portrait(1.0))
    first = asyncio.create_task(service.check(photo, declared="image/jpeg", person_id=uuid4()))
    await asyncio.sleep(0)
    late = [service.check(photo, declared="image/jpeg", person_id=uuid4()) for _ in range(3)]
    answers = await asyncio.gather(*late, return_exceptions=True)
    assert [type(one) for one in answers] == [FacesBusy] * 3
    assert all(one.headers["Retry-After"] for one in answers if isinstance(one, FacesBusy))
    await first
    # The thread is free again, and nobody stands in line.
    await service.check(photo, declared="image/jpeg", person_id=uuid4())
    service.close()


async def test_a_refusal_frees_the_turn(engine: FaceEngine) -> None:
    service = FaceService(engine, threads=1, longest_wait_s=_PATIENT)
    for _ in range(3):
        with pytest.raises(PhotoRefused):
            await service.check(jpeg(portrait(0.1)), declared="image/jpeg", person_id=uuid4())
    await service.check(jpeg(portrait()), declared="image/jpeg", person_id=uuid4())
    service.close()


async def test_only_so_many_uploads_at_once(engine: FaceEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faces, "_UPLOADS", 1)
    service = FaceService(engine, threads=1, longest_wait_s=_PATIENT)
    async with service.upload():
        with pytest.raises(FacesBusy):
            async with service.upload():
                pass
    async with service.upload():
        pass
    service.close()


def test_what_is_kept_has_no_position_and_no_background(engine: FaceEngine) -> None:
    photo = with_position()
    assert b"SECRET-CAMERA-MAKER" in photo
    checked = check_photo(engine, photo, "image/jpeg")
    assert b"SECRET-CAMERA-MAKER" not in checked.jpeg
    assert b"Exif" not in checked.jpeg
    assert checked.jpeg.startswith(b"\xff\xd8\xff")
    assert repr(checked) == "Checked()"
    assert repr(checked.features) == "Features()"


async def test_a_missing_pack_is_refused_with_the_command_that_installs_it(tmp_path: Path) -> None:
    with pytest.raises(ModelsRefused, match=r"doorward-gate models --cache .* install"):
        async with open_faces(pack_id=None, models_dir=tmp_path, threads=1):
            pass


async def test_the_api_does_not_start_without_its_models(database_urls: DatabaseUrls, tmp_path: Path) -> None:
    settings = Settings(
        data_dir=tmp_path,
        api_database_url=database_urls.api,
        worker_database_url=database_urls.worker,
        keys_database_url=database_urls.keys,
        models_dir=tmp_path / "none",
    )
    with pytest.raises(SettingsRefused, match="doorward-gate models"):
        async with open_resources(settings, process="api"):
            pass
    # The worker looks at no photographs.
    async with open_resources(settings, process="worker") as resources:
        assert resources.faces is None
