from litestar.routes import HTTPRoute

from backend.app import create_app
from backend.settings import Settings


def test_every_route_is_given_its_dependencies_in_turn_and_in_an_order_that_works() -> None:
    app = create_app(Settings())
    models = [
        model for route in app.routes if isinstance(route, HTTPRoute) for _, model in route.route_handler_map.values()
    ]
    assert any(len(model.dependency_batches) > 1 for model in models)
    for model in models:
        provided: set[str] = set()
        for batch in model.dependency_batches:
            # More than one, and Litestar starts a task for each.
            (one,) = batch
            assert {needed.key for needed in one.dependencies} <= provided
            provided.add(one.key)
