"""What the interface's description says of webhooks (OpenAPI 3.1, "webhooks"): requests that we make."""

from typing import Any

from backend.partners.events.kinds import EventKind

__all__ = ["webhooks_section"]

_SAYS = {
    EventKind.COURIER_ACTIVE: "A courier said yes to the company.",
    EventKind.COURIER_LEFT: "A courier said no, or no longer.",
    EventKind.COURIER_ENTRY: "A courier was at a gate within a shift or delivery of the company.",
    EventKind.COURIER_SUSPENDED: "A community does not let a courier in at present.",
    EventKind.COURIER_RESTORED: "A community lets a courier in again.",
    EventKind.COMPANY_SUSPENDED: "A community lets in nobody of the company at present.",
    EventKind.COMPANY_RESTORED: "A community lets the company's couriers in again.",
    EventKind.WEBHOOK_TEST: "The company asked for it.",
    EventKind.WEBHOOK_DISABLED: "Another webhook of the company was switched off.",
}
_HEADERS = {
    "webhook-id": "The event's id; the same whenever the message is repeated",
    "webhook-timestamp": "Seconds since the Unix epoch; refuse what is older or newer than five minutes",
    "webhook-signature": "Signatures of Standard Webhooks (`v1,...`), apart by blanks; one that verifies is enough",
}


def webhooks_section() -> dict[str, Any]:
    """The section, by type; it refers to the schema ``Event`` of the same document."""
    return {
        kind.value: {
            "post": {
                "summary": _SAYS[kind],
                "operationId": f"On{''.join(word.capitalize() for word in kind.value.split('.'))}",
                "tags": ["webhooks"],
                # Signed, not logged in.
                "security": [],
                "parameters": [
                    {"name": name, "in": "header", "required": True, "description": says, "schema": {"type": "string"}}
                    for name, says in _HEADERS.items()
                ],
                "requestBody": {
                    "required": True,
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Event"}}},
                },
                "responses": {
                    "2XX": {"description": "Taken; the body is not read"},
                    "410": {"description": "Never send here again"},
                    "default": {"description": "Not taken: sent again later"},
                },
            }
        }
        for kind in EventKind
    }
