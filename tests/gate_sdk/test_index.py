"""The index that a delta updates is the one that would be laid out anew, and costs nobody but whom it changes."""

import hashlib
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gate_sdk._cache.index import Roster, build_roster
from gate_sdk._cache.rules import Row, check_item
from gate_sdk._door import EVERY_HOUR
from gate_sdk._packs import Packs
from gate_sdk.face.errors import TemplateMalformed
from gate_sdk.face.gallery import Gallery
from gate_sdk.testing import FakeBackend
from gate_sdk.testing import synthetic as syn
from gate_sdk.testing.synthetic import SyntheticRecognition
from gate_sdk.wire import GrantKind, Head, PhoneKey, Policy, RosterEntry, RosterGrant, SyncItem, TemplateRef, read_entry
from tests.gate_sdk.conftest import OpenGate

NEXT = "synthetic-2"
PACKS = Packs(SyntheticRecognition(), SyntheticRecognition(NEXT), load=None)
PROBES = [10 * who + face for who in range(6) for face in (1, 2)]
HEAD = Head(community=UUID(int=1), epoch=1, version=1, count=0, digest=b"\x00" * 32, issued_at_us=1, policy=Policy())


class Change(msgspec.Struct, frozen=True):
    """Somebody becomes this, or goes (``face`` -1); ``face`` 0 has none. ``coming`` is his by the next pack, 0 none."""

    who: int
    face: int
    ends: bool = False
    phone: int = 0
    coming: int = 0
    strange: bool = False


def row(change: Change) -> Row | None:
    subject = UUID(int=change.who + 1)
    if change.face < 0:
        return None
    template = syn.template(10 * change.who + change.face) if change.face else None
    named = None if template is None else TemplateRef(pack=syn.PACK, sha256=hashlib.sha256(template).hexdigest())
    keys = (PhoneKey(id=bytes([change.who, change.phone] * 4), key=bytes(32)),) if change.phone else ()
    grant = RosterGrant(kind=GrantKind.GUEST, from_us=0, until_us=1000 + change.who if change.ends else None)
    following = syn.template(10 * change.who + change.coming, pack=NEXT) if change.coming else None
    coming = None if following is None else TemplateRef(pack=NEXT, sha256=hashlib.sha256(following).hexdigest())
    entry = RosterEntry(subject=subject, grants=(grant,), template=named, keys=keys, next_template=coming)
    body = msgspec.json.encode(entry)
    if change.strange:
        body = body.replace(b'"grants":[', b'"grants":[{"kind":"robot","from_us":0},')
    return check_item(SyncItem(subject=subject.bytes, version=1, body=body, template=template), following)


def same(one: Roster, other: Roster) -> None:
    """Whatever a decision could see of the two is the same."""
    for name in ("entries", "hashes", "codes", "unread", "ends", "templates", "next_templates", "matchable"):
        assert getattr(one, name) == getattr(other, name), name
    galleries, others = ({found.recognition.pack: found for found in roster.galleries or ()} for roster in (one, other))
    assert {pack: len(found.gallery) for pack, found in galleries.items()} == {
        pack: len(found.gallery) for pack, found in others.items()
    }
    for pack, found in galleries.items():
        for face in PROBES:
            probe = found.recognition.embed(syn.frame(face)).vector
            ours, theirs = found.gallery.search(probe), others[pack].gallery.search(probe)
            assert ours is not None
            assert theirs is not None
            assert ours.subject == theirs.subject
            # The same products, summed in another order.
            assert (ours.score, ours.margin) == pytest.approx((theirs.score, theirs.margin), abs=1e-4)


changes = st.builds(
    Change,
    who=st.integers(0, 5),
    face=st.integers(-1, 2),
    ends=st.booleans(),
    phone=st.integers(0, 2),
    coming=st.integers(0, 2),
    strange=st.booleans(),
)


@given(deltas=st.lists(st.lists(changes, min_size=1, max_size=4, unique_by=lambda one: one.who), max_size=6))
@settings(max_examples=150, deadline=None)
def test_updated_by_deltas_it_is_the_one_laid_out_anew(deltas: list[list[Change]]) -> None:
    present: dict[bytes, Row] = {}
    roster = build_roster(HEAD, [], PACKS)
    for delta in deltas:
        rows = {UUID(int=one.who + 1).bytes: row(one) for one in delta}
        older, before = roster, build_roster(HEAD, present.values(), PACKS)
        roster = roster.changed(HEAD, rows, EVERY_HOUR, PACKS)
        # Decisions that are being made go by the older one.
        same(older, before)
        for subject, one in rows.items():
            present.pop(subject, None)
            if one is not None:
                present[subject] = one
        same(roster, build_roster(HEAD, present.values(), PACKS))
    gone = roster.without_ended(1003, PACKS)
    left = [one for one in present.values() if one.until_us is None or one.until_us > 1003]
    if gone is None:
        assert len(left) == len(present)
    else:
        fresh = build_roster(HEAD, left, PACKS)
        fresh.hashes = roster.hashes
        same(gone, fresh)


def test_delta_of_one_among_many_reads_one_entry_and_lays_no_gallery_out(
    backend: FakeBackend, open_gate: OpenGate, monkeypatch: pytest.MonkeyPatch
) -> None:
    laid_out: list[int] = []

    class Counting(SyntheticRecognition):
        def gallery(self, templates: Sequence[tuple[UUID, bytes]]) -> Any:
            laid_out.append(len(templates))
            return super().gallery(templates)

    for number in range(300):
        backend.add_person(syn.template(number))
    gate = open_gate(recognition=Counting())
    gate.load()
    gate.start(wait=60)
    read = 0

    def counted(body: bytes) -> Any:
        nonlocal read
        read += 1
        return read_entry(body)

    monkeypatch.setattr("gate_sdk._cache.index.read_entry", counted)
    monkeypatch.setattr(type(gate._store), "rows", None)
    before = list(laid_out)
    added = backend.add_person(syn.template(900))
    assert backend.wait_for(lambda: any(one.version == 301 for one in backend.acknowledged.values()))
    assert gate.decide(syn.frame(900)).subject == added
    assert (read, laid_out) == (1, before)


def test_gallery_in_which_somebody_has_several_templates_is_not_changed_by_one() -> None:
    vectors = np.stack([syn.person(1), syn.person(2), syn.person(3)])
    with pytest.raises(TemplateMalformed):
        Gallery(["a", "a", "b"], vectors).changed({"b"}, [], np.empty((0, syn.DIMS)))
    gallery = Gallery(["a", "b", "c"], vectors)
    for subjects, fresh in ((["a"], vectors[:1]), (["d"], vectors[:1, :8]), (["d"], vectors[:1] * np.nan)):
        with pytest.raises(TemplateMalformed):
            gallery.changed((), subjects, fresh)
