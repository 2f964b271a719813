"""Which methods an address names."""

from tests.backend.world import World


async def test_options_and_405_name_every_method_of_an_address_that_several_routes_share(world: World) -> None:
    office = await world.administrator()
    path = "/staff/v1/communities"
    told = await office.request("OPTIONS", path)
    assert (told.status_code, told.headers["allow"]) == (204, "GET, OPTIONS, POST")
    refused = await office.patch(path)
    assert (refused.status_code, refused.json()["code"]) == (405, "method-not-allowed")
    assert refused.headers["allow"] == "GET, OPTIONS, POST"


async def test_an_address_with_a_parameter_names_its_methods_too(world: World) -> None:
    office = await world.administrator()
    path = f"/staff/v1/communities/{await world.community(office)}"
    assert (await office.request("OPTIONS", path)).headers["allow"] == "GET, OPTIONS, PATCH"
    assert (await office.delete(path)).headers["allow"] == "GET, OPTIONS, PATCH"
