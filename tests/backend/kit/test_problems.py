"""What a request that cannot be read is told."""

from litestar import Litestar, post
from litestar.testing import TestClient

from backend.communities.schemas import NewCommunity
from backend.kit.problems import exception_handlers
from tests.backend.world import World


@post("/")
async def _take(data: NewCommunity) -> str:
    return data.name


def test_a_body_that_is_missing_or_lacks_a_field_is_called_by_its_name() -> None:
    app = Litestar([_take], exception_handlers=exception_handlers, logging_config=None)  # type: ignore[arg-type]  # as in backend.app
    with TestClient(app) as client:
        missing = client.post("/").json()
        lacking = client.post("/", json={}).json()
    assert missing["errors"] == [{"field": "body", "message": "The request needs a body"}]
    assert [error["field"] for error in lacking["errors"]] == ["body"]
    assert "`name`" in lacking["errors"][0]["message"]


async def test_a_field_that_is_called_like_a_dependency_is_still_the_callers(world: World) -> None:
    resident = await world.resident()
    body = {"endpoint": "https://push.doorward.test/one", "keys": []}
    answer = await resident.put("/resident/v1/notifications/subscriptions", json=body)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid-input")
    assert answer.json()["errors"][0]["field"] == "keys"
