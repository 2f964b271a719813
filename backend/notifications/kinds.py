"""What people are told, by which channels unless they say otherwise, and when is tried again. Pure."""

from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from typing import Literal

import msgspec

__all__ = ["KINDS", "RETRIES", "About", "Channel", "Kind", "KindRule", "channels"]

#: What a notification's ``about_id`` names.
About = Literal["pass", "delivery", "member", "tenancy", "session", "erasure", "review", "account", "approval"]


class Kind(StrEnum):
    """What somebody may be told."""

    FACE_ACTIVE = "face_active"
    FACE_REFUSED = "face_refused"
    FACE_RETAKE = "face_retake"
    FACE_RENEWAL_DUE = "face_renewal_due"
    FACE_RENEWAL_MISSED = "face_renewal_missed"
    GUEST_ACCEPTED = "guest_accepted"
    GUEST_ARRIVED = "guest_arrived"
    DELIVERY_ARRIVED = "delivery_arrived"
    APPROVAL_ASKED = "approval_asked"
    MEMBER_PROPOSED = "member_proposed"
    MEMBER_APPROVED = "member_approved"
    RECAPTURE_DUE = "recapture_due"
    TENANCY_ENDING = "tenancy_ending"
    NEW_DEVICE = "new_device"
    NUMBER_CHANGED = "number_changed"
    CONSENT_LAPSED = "consent_lapsed"
    ERASURE_DONE = "erasure_done"


class Channel(StrEnum):
    """How something reaches a telephone. In-app it always stands."""

    SMS = "sms"
    PUSH = "push"


class KindRule(msgspec.Struct, frozen=True):
    """How a kind is told.

    Attributes:
        about: what ``about_id`` names; None where there is none.
        sms: whether a text message is sent unless it is refused; None where there is no text message of it.
        refusable: whether a person may say no. Not to what guards his account, nor to what is owed to him by law.
        urgent: whether the telephone is to show it at once, battery or not (RFC 8030, section 5.3).
    """

    about: About | None
    sms: bool | None = None
    refusable: bool = True
    urgent: bool = False


KINDS: Mapping[Kind, KindRule] = {
    Kind.FACE_ACTIVE: KindRule(None),
    Kind.FACE_REFUSED: KindRule("review", sms=True),
    Kind.FACE_RETAKE: KindRule("review", sms=True),
    Kind.FACE_RENEWAL_DUE: KindRule(None),
    # His face opens no more: he is not to find that out at the gate.
    Kind.FACE_RENEWAL_MISSED: KindRule(None, refusable=False),
    Kind.GUEST_ACCEPTED: KindRule("pass"),
    Kind.GUEST_ARRIVED: KindRule("pass", sms=True, urgent=True),
    Kind.DELIVERY_ARRIVED: KindRule("delivery", urgent=True),
    # No text message: whoever waits at the gate has gone before it has come, and each costs.
    Kind.APPROVAL_ASKED: KindRule("approval", urgent=True),
    Kind.MEMBER_PROPOSED: KindRule("member"),
    Kind.MEMBER_APPROVED: KindRule("member"),
    # Those who care for children get their text message from what looks after children.
    Kind.RECAPTURE_DUE: KindRule("member"),
    Kind.TENANCY_ENDING: KindRule("tenancy"),
    Kind.NEW_DEVICE: KindRule("session", sms=True, refusable=False, urgent=True),
    # Its text message goes to the number before, which nothing knows any more a moment later.
    Kind.NUMBER_CHANGED: KindRule("account", refusable=False, urgent=True),
    Kind.CONSENT_LAPSED: KindRule("member", refusable=False),
    # Its text message is the link to the certificate.
    Kind.ERASURE_DONE: KindRule("erasure", refusable=False),
}

#: After the n-th attempt that failed, how long until the next one; with the last of them, it is given up.
RETRIES = (
    timedelta(seconds=10),
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=6),
)


def channels(kind: Kind, preferences: Mapping[Channel, bool]) -> frozenset[Channel]:
    """By which channels somebody is told, given what he said of this kind."""
    rule = KINDS[kind]
    said = preferences if rule.refusable else {}
    offered = {Channel.PUSH: True} | ({} if rule.sms is None else {Channel.SMS: rule.sms})
    return frozenset(channel for channel, default in offered.items() if said.get(channel, default))
