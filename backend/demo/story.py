"""What happens in the demo, in order. Everything goes over HTTP, as the parties' own clients would do it."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol, TypeVar

import httpx

from backend.demo.cast import Cast, Player
from backend.demo.certificate import CertificateSeen, keep_certificate
from backend.demo.gate import GateProcess, provision
from backend.demo.parties import CallRefused, CannotEnrol, Company, Mailbox, Manager, Resident, Visitor, token_of
from backend.demo.report import Approach, Expected

__all__ = ["MANAGER_PHONE", "Progress", "Story"]

Item = TypeVar("Item")

MANAGER_PHONE = "+8613900000000"
_PATIENCE_S = 120.0
# Family member, guest, courier, guest whose time ends; twice as many, because not everybody's pictures are good enough.
_ROLES = 8
# More pictures of one person would make the table his.
_MOST_SHOWN = 3


class Progress(Protocol):
    """Shows how far a step is."""

    def __call__(self, what: str, things: Iterable[Item], total: int, /) -> Iterable[Item]:
        """Hands on ``things`` one by one."""
        ...


class Story:
    """One community's day. ``approaches`` grows as people come to the gate."""

    def __init__(
        self, http: httpx.Client, mailbox: Mailbox, *, url: str, work: Path, report: Path, progress: Progress
    ) -> None:
        """Begin with a manager whose account was made on the command line.

        Args:
            http: a client on the box's address.
            mailbox: where codes and links arrive.
            url: the box's address, for the gate.
            work: a folder for the gate's data and log.
            report: the report's file; what belongs to it is kept beside.
            progress: shows long steps.
        """
        self._http = http
        self._mailbox = mailbox
        self._url = url
        self._work = work
        self._report = report
        self._progress = progress
        self._phones = 0
        self.approaches: list[Approach] = []
        # What each member did not enrol with, by his name.
        self._probes: dict[str, tuple[Path, ...]] = {}
        self._visit_over = datetime.now(UTC)
        self._slowest_s = 0.0
        self._companies = 0
        self.enrolled = 0
        self.failed_to_enrol = 0
        self.move_out_to_refusal_s: float | None = None
        self.erasure: dict[str, object] | None = None
        self.certificate: CertificateSeen | None = None
        self._manager = Manager(http, MANAGER_PHONE, mailbox)
        self._community = self._manager.create_community("Doorward demo")

    def crowd(self, cast: Cast) -> None:
        """Many people: tenants, a family member, two guests, a courier, somebody who moves out, and strangers."""
        begin = datetime.now(UTC) - timedelta(days=1)
        # The last ones play the roles that need one person each; who cannot enrol is followed by the next.
        tenants, rest = cast.members[:-_ROLES], iter(cast.members[-_ROLES:])
        homes = iter(self._manager.create_homes(self._community, len(cast.members) + 1))
        host_home = next(homes)
        host = self._tenant_without_face(host_home, begin)
        tenancies: dict[str, str] = {}
        for player in self._progress("enrolling residents", tenants, len(tenants)):
            tenancies[player.name] = self._move_in(next(homes), player, begin)
        relative = self._first_of(rest, lambda player: self._join_family(host, host_home, player))
        guest = self._first_of(rest, lambda player: self._invite(host, host_home, player, timedelta(hours=4)))
        courier = self._first_of(rest, lambda player: self._send_courier(host, host_home, player))
        *spare, last, other = rest
        for player in spare:
            tenancies[player.name] = self._move_in(next(homes), player, begin)
        tenants = (*tenants, *spare)
        self._manager.approve_reviews(self._community)
        with self._open_gate() as gate:
            # Last of all, since his time runs.
            expiring = self._first_of(
                iter((last, other)), lambda player: self._invite(host, host_home, player, self._short_visit)
            )
            self._wait_until_current()
            self._show(gate, expiring, "guest in his time", "allow", first=1)
            present = [player for player in tenants if player.name in self._probes]
            for player in self._progress("showing residents", present, len(present)):
                self._show(gate, player, "resident", "allow")
            self._show(gate, relative, "family member", "allow")
            self._show(gate, guest, "guest in his time", "allow")
            self._show(gate, courier, "courier on shift", "allow")
            for player in self._progress("showing strangers", cast.strangers, len(cast.strangers)):
                self._show(gate, player, "stranger", "deny")
            mover = self._first_recognised(present)
            self._move_out(gate, mover, tenancies[mover.name])
            self._wait_until_over("waiting for the guest's time to end")
            self._show(gate, expiring, "guest whose time is over", "deny", first=1)

    def alone(self, cast: Cast) -> None:
        """One person in one role after the other: tenant who moves out, guest whose time ends, courier."""
        (player,) = cast.members
        (home, host_home) = self._manager.create_homes(self._community, 2)
        begin = datetime.now(UTC) - timedelta(days=1)
        tenancy_id = self._move_in(home, player, begin)
        host = self._tenant_without_face(host_home, begin)
        self._manager.approve_reviews(self._community)
        with self._open_gate() as gate:
            self._show(gate, player, "resident", "allow")
            for stranger in cast.strangers:
                self._show(gate, stranger, "stranger", "deny")
            self._move_out(gate, player, tenancy_id)
            self._invite(host, host_home, player, self._short_visit)
            self._wait_until_current()
            self._show(gate, player, "guest in his time", "allow")
            self._wait_until_over("waiting for the guest's time to end")
            self._show(gate, player, "guest whose time is over", "deny", first=1)
            self._send_courier(host, host_home, player)
            # The face of a guest who was here a minute ago, under another number: staff are asked, and say yes.
            self._manager.approve_reviews(self._community)
            self._wait_until_current()
            self._show(gate, player, "courier on shift", "allow")

    def _first_of(self, players: Iterator[Player], play: Callable[[Player], object]) -> Player:
        """The first who can enrol in that role."""
        for player in players:
            play(player)
            if player.name in self._probes:
                return player
        raise CannotEnrol("nobody of those left could enrol")

    def _first_recognised(self, players: Sequence[Player]) -> Player:
        """Somebody whom the gate has just let in: only he can show that it no longer does."""
        let_in = {a.who for a in self.approaches if a.right}
        return next((player for player in players if player.name in let_in), players[0])

    @property
    def _short_visit(self) -> timedelta:
        """Long enough, on this machine, to enrol in it and to be seen at the gate."""
        return timedelta(seconds=8 + 6 * self._slowest_s)

    def _enrol(self, party: Resident | Visitor, player: Player) -> None:
        begin = time.monotonic()
        party.consent()
        try:
            self._probes[player.name] = party.enrol(player.photos)
        except CannotEnrol:
            self.failed_to_enrol += 1
        else:
            self.enrolled += 1
        self._slowest_s = max(self._slowest_s, time.monotonic() - begin)

    def _move_in(self, home: str, player: Player, begin: datetime) -> str:
        phone = self._phone()
        tenancy = self._manager.create_tenancy(self._community, home, name=player.name, phone=phone, begin=begin)
        resident = Resident(self._http, phone, self._mailbox)
        resident.join(tenancy["activation_code"])
        self._enrol(resident, player)
        tenancy_id: str = tenancy["tenancy_id"]
        return tenancy_id

    def _tenant_without_face(self, home: str, begin: datetime) -> Resident:
        phone = self._phone()
        tenancy = self._manager.create_tenancy(self._community, home, name="Host", phone=phone, begin=begin)
        resident = Resident(self._http, phone, self._mailbox)
        resident.join(tenancy["activation_code"])
        return resident

    def _join_family(self, tenant: Resident, home: str, player: Player) -> None:
        phone = self._phone()
        member_id = tenant.propose_member(self._community, home, name=player.name, phone=phone)
        code = self._manager.approve_member(self._community, member_id)
        relative = Resident(self._http, phone, self._mailbox)
        relative.join(code)
        self._enrol(relative, player)

    def _invite(self, host: Resident, home: str, player: Player, stay: timedelta) -> None:
        now = datetime.now(UTC)
        token = host.invite(self._community, home, name=player.name, begin=now, end=now + stay)
        visitor = Visitor(self._http, token)
        visitor.accept()
        self._enrol(visitor, player)
        self._visit_over = now + stay

    def _send_courier(self, host: Resident, home: str, player: Player) -> None:
        now = datetime.now(UTC)
        self._companies += 1
        admitted = self._manager.create_partner(f"Parcels {self._companies}", self._community)
        company = Company(self._http, client_id=admitted["client_id"], client_secret=admitted["client_secret"])
        phone = self._phone()
        company.register_courier("W-1", name=player.name, phone=phone)
        company.assert_shift("W-1", self._community, begin=now, end=now + timedelta(hours=8))
        host.expect_delivery(
            self._community, home, partner_id=admitted["partner_id"], order="O-1", begin=now,
            end=now + timedelta(hours=2),
        )  # fmt: skip
        company.deliver("W-1", self._community, order="O-1", begin=now, end=now + timedelta(hours=1))
        courier = Visitor(self._http, token_of(self._mailbox.newest(phone, "courier_link")["link"]))
        courier.accept()
        self._enrol(courier, player)

    def _open_gate(self) -> GateProcess:
        claim = self._manager.create_gate(self._community, "North gate")
        data = self._work / "gate"
        provision(self._url, claim["claim_code"], data_dir=data)
        return GateProcess(data, log=self._work / "gate.log")

    def _wait_until_current(self) -> None:
        """Until the gate has confirmed the newest version of the roster."""
        deadline = time.monotonic() + _PATIENCE_S
        while time.monotonic() < deadline:
            (gate,) = self._manager.gates(self._community)
            if gate["behind"] == 0:
                return
            time.sleep(0.05)
        raise CallRefused("the gate did not confirm the newest roster")

    def _show(
        self, gate: GateProcess, player: Player, role: str, expected: Expected, *, first: int | None = None
    ) -> None:
        for photo in self._photos_to_show(player)[:first]:
            self.approaches.append(
                Approach(who=player.name, role=role, expected=expected, photo=str(photo), verdict=gate.show(photo))
            )

    def _photos_to_show(self, player: Player) -> tuple[Path, ...]:
        """What a member did not enrol with; a stranger's picture."""
        return self._probes.get(player.name, player.photos)[:_MOST_SHOWN]

    def _move_out(self, gate: GateProcess, player: Player, tenancy_id: str) -> None:
        photo = next(a.photo for a in self.approaches if a.who == player.name and a.verdict.allowed)
        begin = time.monotonic()
        ended = self._manager.end_tenancy(self._community, tenancy_id)
        verdict, refused_at = gate.show_until_refused(Path(photo), patience_s=_PATIENCE_S)
        self.move_out_to_refusal_s = refused_at - begin
        self.approaches.append(
            Approach(
                who=player.name,
                role="resident who has moved out",
                expected="deny",
                photo=photo,
                verdict=verdict,
            )
        )
        (erasure,) = ended["erasures"]
        deadline = time.monotonic() + _PATIENCE_S
        while time.monotonic() < deadline:
            self.erasure = self._manager.erasure(self._community, erasure["erasure_id"])
            if self.erasure["state"] == "completed":
                self.certificate = keep_certificate(
                    self._http,
                    self._manager,
                    community_id=self._community,
                    erasure_id=erasure["erasure_id"],
                    report=self._report,
                )
                return
            time.sleep(0.1)
        raise CallRefused("the erasure did not complete")

    def _wait_until_over(self, why: str) -> None:
        seconds = int((self._visit_over - datetime.now(UTC)).total_seconds() * 10) + 10
        for _ in self._progress(why, range(max(seconds, 0)), max(seconds, 0)):
            time.sleep(0.1)

    def _phone(self) -> str:
        self._phones += 1
        return f"+86138{self._phones:08d}"
