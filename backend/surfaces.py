"""The five surfaces: which nouns' routers each shows, and which guard looks up who calls there."""

from collections.abc import Mapping, Sequence

from litestar import Router
from litestar.types import Guard

from backend.accounts.routes import resident_router as accounts_resident
from backend.accounts.routes import staff_router as accounts_staff
from backend.accounts.staff.guards import staff_member
from backend.approvals.routes import gate_router as approvals_gate
from backend.approvals.routes import resident_router as approvals_resident
from backend.audit.routes import staff_router as audit_staff
from backend.codes.routes import resident_router as codes_resident
from backend.codes.routes import visitor_router as codes_visitor
from backend.communities.frames.routes import staff_router as frame_policy_staff
from backend.communities.routes import staff_router as communities_staff
from backend.consent.routes import resident_router as consent_resident
from backend.consent.routes import visitor_router as consent_visitor
from backend.couriers.routes import partner_router as couriers_partner
from backend.couriers.routes import resident_router as couriers_resident
from backend.couriers.routes import staff_router as couriers_staff
from backend.doors.emergencies.routes import staff_router as emergencies_staff
from backend.doors.routes import staff_router as doors_staff
from backend.doors.schedules.routes import staff_router as schedules_staff
from backend.enrolment.calibration.routes import staff_router as calibration_staff
from backend.enrolment.desk.routes import staff_router as desk_staff
from backend.enrolment.models.routes import staff_router as models_staff
from backend.enrolment.register.imports.routes import staff_router as photo_imports_staff
from backend.enrolment.register.routes import staff_router as register_photos_staff
from backend.enrolment.reviews.routes import staff_router as reviews_staff
from backend.enrolment.routes import resident_router as enrolment_resident
from backend.enrolment.routes import visitor_router as enrolment_visitor
from backend.entries.routes import resident_router as entries_resident
from backend.entries.routes import staff_router as entries_staff
from backend.gates.frames.routes import gate_router as frames_gate
from backend.gates.frames.routes import staff_router as frames_staff
from backend.gates.health.routes import gate_router as health_gate
from backend.gates.health.routes import staff_router as health_staff
from backend.gates.routes import gate_router as gates_gate
from backend.gates.staff import staff_router as gates_staff
from backend.households.activations.routes import staff_router as activations_staff
from backend.households.attaching.routes import staff_router as attaching_staff
from backend.households.cards.routes import list_router as cards_list
from backend.households.cards.routes import staff_router as cards_staff
from backend.households.exports.routes import staff_router as exports_staff
from backend.households.homes.routes import staff_router as homes_staff
from backend.households.imports.routes import staff_router as imports_staff
from backend.households.lost_numbers.routes import staff_router as lost_numbers_staff
from backend.households.numbers.routes import staff_router as numbers_staff
from backend.households.residents import resident_router as households_resident
from backend.households.routes import staff_router as households_staff
from backend.kit.auth import Surface
from backend.kit.callers import looked_up
from backend.links.guards import visitor_session
from backend.links.routes import visitor_router as links_visitor
from backend.notifications.routes import resident_router as notifications_resident
from backend.notifications.routes import visitor_router as notifications_visitor
from backend.partners.clients.guards import partner_client
from backend.partners.clients.routes import partner_router as clients_partner
from backend.partners.clients.routes import staff_router as clients_staff
from backend.partners.events.routes import partner_router as events_partner
from backend.partners.routes import partner_router as partners_partner
from backend.partners.routes import resident_router as partners_resident
from backend.partners.routes import staff_router as partners_staff
from backend.partners.webhooks.routes import partner_router as webhooks_partner
from backend.privacy.desk.routes import staff_router as desk_privacy_staff
from backend.privacy.holds.routes import staff_router as holds_staff
from backend.privacy.joining.routes import resident_router as joining_resident
from backend.privacy.leaving.routes import visitor_router as leaving_visitor
from backend.privacy.moving.routes import staff_router as moving_staff
from backend.privacy.requests.routes import resident_router as requests_resident
from backend.privacy.requests.routes import staff_router as requests_staff
from backend.privacy.requests.routes import visitor_router as requests_visitor
from backend.privacy.retention.routes import resident_router as retention_resident
from backend.privacy.retention.routes import staff_router as retention_staff
from backend.privacy.retention.routes import visitor_router as retention_visitor
from backend.privacy.routes import resident_router as privacy_resident
from backend.privacy.routes import staff_router as privacy_staff
from backend.privacy.routes import visitor_router as privacy_visitor
from backend.privacy.wards.routes import resident_router as wards_resident
from backend.privacy.wards.staff import staff_router as wards_staff
from backend.visitors.blocks.routes import staff_router as guest_blocks_staff
from backend.visitors.codes.routes import resident_router as pass_codes_resident
from backend.visitors.codes.routes import visitor_router as pass_codes_visitor
from backend.visitors.invitations.routes import visitor_router as visitors_visitor
from backend.visitors.policy.routes import staff_router as guest_policy_staff
from backend.visitors.routes import resident_router as visitors_resident

__all__ = ["SURFACES", "surface_router"]

# Every noun's routers, by the surface that shows them.
SURFACES: Mapping[Surface, Sequence[Router]] = {
    Surface.RESIDENT: (
        accounts_resident,
        approvals_resident,
        codes_resident,
        consent_resident,
        enrolment_resident,
        entries_resident,
        households_resident,
        notifications_resident,
        partners_resident,
        couriers_resident,
        visitors_resident,
        pass_codes_resident,
        privacy_resident,
        requests_resident,
        retention_resident,
        wards_resident,
        joining_resident,
    ),
    Surface.VISITOR: (
        links_visitor,
        codes_visitor,
        consent_visitor,
        enrolment_visitor,
        notifications_visitor,
        visitors_visitor,
        pass_codes_visitor,
        leaving_visitor,
        privacy_visitor,
        requests_visitor,
        retention_visitor,
    ),
    Surface.GATE: (gates_gate, approvals_gate, frames_gate, health_gate),
    Surface.PARTNER: (clients_partner, partners_partner, couriers_partner, events_partner, webhooks_partner),
    Surface.STAFF: (
        accounts_staff,
        audit_staff,
        cards_staff,
        cards_list,
        numbers_staff,
        lost_numbers_staff,
        communities_staff,
        frame_policy_staff,
        doors_staff,
        emergencies_staff,
        schedules_staff,
        entries_staff,
        gates_staff,
        frames_staff,
        health_staff,
        homes_staff,
        households_staff,
        imports_staff,
        moving_staff,
        activations_staff,
        attaching_staff,
        exports_staff,
        reviews_staff,
        desk_staff,
        calibration_staff,
        models_staff,
        register_photos_staff,
        photo_imports_staff,
        partners_staff,
        clients_staff,
        couriers_staff,
        guest_blocks_staff,
        guest_policy_staff,
        privacy_staff,
        desk_privacy_staff,
        wards_staff,
        holds_staff,
        requests_staff,
        retention_staff,
    ),
}
# Whoever may end at any moment is looked up at each request, before its body is read.
_GUARDS: Mapping[Surface, list[Guard]] = {
    Surface.STAFF: [looked_up("staff", staff_member)],
    Surface.VISITOR: [looked_up("visitor", visitor_session)],
    Surface.PARTNER: [looked_up("partner", partner_client)],
}


def surface_router(surface: Surface) -> Router:
    """All that one surface shows, under its own path; who calls is looked up before any route runs."""
    return Router(path=f"/{surface}/v1", route_handlers=list(SURFACES[surface]), guards=_GUARDS.get(surface))
