"""A town that changes its models: the second pack, the job, and what is kept afterwards."""

from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec

from backend.enrolment.faces import load_engine
from backend.enrolment.models.job import ModelChanges
from backend.kit.db import Database, Scope
from backend.people import repository as people
from tests.backend.households.town import Town


class Change(msgspec.Struct, frozen=True):
    """A town's change of models to the second pack of a folder."""

    town: Town
    worker_db: Database
    models: Path
    pack: str

    @property
    def path(self) -> str:
        return f"{self.town.staff_path}/model-change"

    async def later(self) -> "Change":
        """The same with staff logged in anew, as after some days."""
        office = await self.town.world.login(self.town.office.phone, surface="staff")
        return msgspec.structs.replace(self, town=msgspec.structs.replace(self.town, office=office))

    async def begin(self, **fields: object) -> dict[str, Any]:
        answer = await self.town.office.post(self.path, json={"to_pack": self.pack, **fields})
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    async def read(self) -> dict[str, Any]:
        answer = await self.town.office.get(self.path)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def advance(self) -> int:
        """One turn of the worker's duty, by a worker that has just started."""
        resources = self.town.world.resources
        changes = ModelChanges(
            self.worker_db, resources.keys, resources.objects, lambda pack: load_engine(pack, self.models)
        )
        return await changes.advance(now=self.town.world.clock())

    async def templates(self, person_id: UUID) -> dict[str, UUID]:
        """The person's templates that are kept, by pack."""
        async with self.town.world.resources.db.transaction(Scope(person_id=person_id)) as conn:
            rows = await conn.fetch("SELECT pack, template_id FROM template WHERE person_id = $1", person_id)
        return {row["pack"]: row["template_id"] for row in rows}

    async def at_gates(self, person_id: UUID) -> tuple[str | None, str | None, set[str]]:
        """The packs of his credential and beside it, and those that he stands in the gallery with."""
        community_id = self.town.community_id
        async with self.town.world.resources.db.transaction(Scope(community_id=community_id)) as conn:
            subject = await people.get_subject(conn, community_id=community_id, person_id=person_id)
            assert subject is not None
            row = await conn.fetchrow(
                "SELECT pack, next_pack FROM face_credential WHERE community_id = $1 AND subject_id = $2",
                community_id, subject.subject_id,
            )  # fmt: skip
            found = await conn.fetch(
                "SELECT pack FROM gallery WHERE community_id = $1 AND subject_id = $2",
                community_id, subject.subject_id,
            )  # fmt: skip
        packs = {one["pack"] for one in found}
        return (None, None, packs) if row is None else (row["pack"], row["next_pack"], packs)
