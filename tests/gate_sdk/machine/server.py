"""The machine's server: the one of ``gate_sdk.testing``, and an account of every roster that it ever had."""

from __future__ import annotations

from uuid import UUID

import msgspec

from gate_sdk.testing import FakeBackend, Phone
from gate_sdk.testing import synthetic as syn
from gate_sdk.wire import Head, SyncPage
from tests.gate_sdk.conftest import HandClock
from tests.gate_sdk.machine.model import POLICY, Known, Leave, Roster

__all__ = ["Server"]

#: So few to a page that hardly a roster fits on one.
_PAGE = 2
_WHOLE = 1000


class Server:
    """Who is chosen is said by a number."""

    def __init__(self) -> None:
        self.clock = HandClock()
        self.backend = FakeBackend(page_size=_PAGE, now_us=self.now_us, policy=POLICY)
        self.people: Roster = {}
        #: By epoch and version.
        self.history: dict[tuple[int, int], Roster] = {}
        #: Everybody who ever was on the roster, by his face's number.
        self.faces: dict[UUID, int] = {}
        self.phones: list[Phone] = []
        #: Every head that it signed, as bytes.
        self.signed: set[bytes] = set()
        #: Each roster in one page, as somebody who listened long enough could have put it together.
        self.bygone: list[SyncPage] = []
        #: The key that signed first, and its id.
        self.first_key = (self.backend.roster.key, self.backend.roster.kid)
        self._record()

    def now_us(self) -> int:
        """Its clock; nothing takes no time at all, so no two heads are of the same moment."""
        self.clock.wall_us += 1
        return self.clock.wall_us

    @property
    def at(self) -> tuple[int, int]:
        """Epoch and version now."""
        return self.backend.roster.epoch, self.backend.roster.version

    def answered(self, page: SyncPage) -> None:
        """Note what it signed."""
        if page.head is not None:
            self.signed.add(page.head.head)

    def has_signed(self, head: Head) -> bool:
        """Whether it is the server's own."""
        return msgspec.msgpack.encode(head) in self.signed

    def _record(self) -> None:
        self.history[self.at] = dict(self.people)
        roster = self.backend.roster
        roster.page_size = _WHOLE
        self.bygone.append(roster.snapshot())
        roster.page_size = _PAGE
        self.answered(self.bygone[-1])

    def _chosen(self, who: int) -> UUID | None:
        people = list(self.people)
        return people[who % len(people)] if people else None

    def _changed(self, subject: UUID, leave: Leave, phones: tuple[Phone, ...]) -> None:
        person = self.backend.roster.people[subject]
        face = self.faces[subject]
        self.people[subject] = Known(face, leave, person.body, syn.template(face), phones)
        self._record()

    def happens(self, what: str, who: int) -> None:
        """Let something be new on the roster: ``comes``, ``visits``, ``leaves``, ``changes``, ``phone``, ``lost``."""
        subject = self._chosen(who)
        if what == "comes":
            self.somebody_comes("resident")
        elif what == "visits":
            self.somebody_comes(("guest", "weekend", "courier")[who % 3])
        elif subject is None:
            return
        elif what == "leaves":
            self.backend.revoke(subject)
            del self.people[subject]
            self._record()
        elif what == "changes":
            leave, grant = Leave.of(("guest", "weekend", "courier", "resident")[who % 4], self.clock.wall_us)
            self.backend.set_grants(subject, (grant,))
            self._changed(subject, leave, self.people[subject].phones)
        elif what == "phone":
            phone = Phone(self.backend.roster.community, "ed25519")
            self.phones.append(phone)
            self.backend.add_phone(subject, phone)
            self._changed(subject, self.people[subject].leave, (*self.people[subject].phones, phone))
        else:
            self._phone_is_lost(who)

    def somebody_comes(self, kind: str) -> None:
        """Put somebody new on the roster, with a grant of that kind."""
        face = len(self.faces) + 1
        leave, grant = Leave.of(kind, self.clock.wall_us)
        subject = self.backend.add_person(syn.template(face), (grant,))
        self.faces[subject] = face
        self._changed(subject, leave, ())

    def _phone_is_lost(self, who: int) -> None:
        owners = [subject for subject, known in self.people.items() if known.phones]
        if not owners:
            return
        subject = owners[who % len(owners)]
        known = self.people[subject]
        self.backend.revoke_phone(subject, known.phones[0])
        self._changed(subject, known.leave, known.phones[1:])

    def is_restored(self) -> None:
        """Begin a new epoch."""
        self.backend.restore()
        self._record()

    def is_killed(self) -> None:
        """Lose what it only had in memory."""
        self.backend.roster._sequences.clear()
        self.backend.drop_tokens()

    def takes_another_key(self) -> None:
        """Sign with another key, for which the one before vouches."""
        self.backend.rotate_key()
