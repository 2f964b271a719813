"""The parties of the demo as their own clients would act: plain HTTP, one call a line."""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pyotp

from backend.demo.cast import PHOTOS_TO_ENROL

__all__ = ["CallRefused", "CannotEnrol", "Company", "Mailbox", "Manager", "Resident", "Visitor", "token_of"]

_JPEG = {"Content-Type": "image/jpeg"}


class CallRefused(Exception):
    """The API refused a call of the demo; names the call, the problem's code and what it said."""

    def __init__(self, message: str, *, status: int = 0, code: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.code = code


class CannotEnrol(Exception):
    """None of the person's photographs made up three good ones: a failure to enrol (ISO/IEC 19795-1)."""


class Mailbox:
    """Reads what was sent to phones: the file of the single box's console sender."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def count(self, phone: str, template: str) -> int:
        """How many messages of that kind that number has got."""
        return len(self._all(phone, template))

    def newest(self, phone: str, template: str, *, beyond: int = 0, patience_s: float = 60.0) -> Mapping[str, str]:
        """The values of the newest message of that kind to that number, once it has got more than ``beyond``.

        Raises:
            CallRefused: none came in time.
        """
        deadline = time.monotonic() + patience_s
        while True:
            if len(found := self._all(phone, template)) > beyond:
                return found[-1]
            if time.monotonic() > deadline:
                raise CallRefused(f"no {template} message arrived")
            time.sleep(0.02)

    def _all(self, phone: str, template: str) -> list[Mapping[str, str]]:
        return [one["values"] for one in self._messages() if (one["to"], one["template"]) == (phone, template)]

    def _messages(self) -> Iterator[dict[str, Any]]:
        if self._path.exists():
            for line in self._path.read_text(encoding="utf-8").splitlines():
                yield json.loads(line)


def token_of(link: str) -> str:
    """The token in a link's fragment, which the phone's browser keeps from every server."""
    return link.partition("#")[2]


class _Party:
    """Somebody with an access token on one surface."""

    def __init__(self, http: httpx.Client, surface: str) -> None:
        self._http = http
        self._base = f"/{surface}/v1"
        self._token: str | None = None

    def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        form: Mapping[str, str] | None = None,
    ) -> Any:
        """One call; the answer's JSON, or None where it has no body.

        Raises:
            CallRefused: the answer is an error.
        """
        answer = self._send(method, path, body, content=content, headers=headers, form=form)
        return answer.json() if answer.content else None

    def fetch(self, path: str) -> bytes:
        """What stands there, as it is.

        Raises:
            CallRefused: the answer is an error.
        """
        return self._send("GET", path).content

    def _send(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        form: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        sent = dict(headers or {})
        if self._token is not None:
            sent["Authorization"] = f"Bearer {self._token}"
        answer = self._http.request(
            method, self._base + path, json=body, content=content, data=form, headers=sent
        )  # fmt: skip
        if answer.is_error:
            problem = answer.json() if "json" in answer.headers.get("content-type", "") else {}
            code = problem.get("code", "")
            raise CallRefused(
                f"{method} {self._base}{path.split('?', maxsplit=1)[0]}: {answer.status_code} "
                f"{code} {problem.get('detail', '')} {problem.get('errors', '')}".rstrip(),
                status=answer.status_code,
                code=code,
            )
        return answer

    def log_in(self, phone: str, mailbox: Mailbox) -> None:
        """By a one-time code, read from where the console sender put it."""
        # Staff are sent theirs after the answer.
        before = mailbox.count(phone, "login_code")
        challenge = self.call("POST", "/login", {"phone": phone})
        code = mailbox.newest(phone, "login_code", beyond=before)["code"]
        session = self.call("POST", "/login/verify", {"challenge_id": challenge["challenge_id"], "code": code})
        self._token = session["access_token"]


class _Enrolling(_Party):
    """Somebody who may enrol his own face."""

    def consent(self) -> None:
        """Read the newest texts and agree to them."""
        for document in self.call("GET", "/consents/documents")["documents"]:
            self.call("PUT", f"/consents/{document['purpose']}", {"version": document["version"]})

    def enrol(self, photos: Sequence[Path]) -> tuple[Path, ...]:
        """Three photographs; where one is refused, the next is taken, as a person takes another. Answers the rest.

        Raises:
            CannotEnrol: fewer than three were good enough, or the three are not one person.
        """
        enrolment = self.call("POST", "/enrolments", {})
        address = f"/enrolments/{enrolment['enrolment_id']}"
        used: list[Path] = []
        for photo in photos:
            try:
                self.call("PUT", f"{address}/photos/{len(used) + 1}", content=photo.read_bytes(), headers=_JPEG)
            except CallRefused as refused:
                if refused.status != httpx.codes.UNPROCESSABLE_ENTITY:
                    raise
                continue
            used.append(photo)
            if len(used) == PHOTOS_TO_ENROL:
                break
        try:
            self.call("POST", f"{address}/complete", {})
        except CallRefused as refused:
            raise CannotEnrol(refused.code) from refused
        return tuple(photo for photo in photos if photo not in used)


class Resident(_Enrolling):
    """A tenant or a member of his family, on his own phone."""

    def __init__(self, http: httpx.Client, phone: str, mailbox: Mailbox) -> None:
        super().__init__(http, "resident")
        self.log_in(phone, mailbox)

    def join(self, activation_code: str) -> None:
        """Take up the place in a home that the staff's code stands for."""
        self.call("POST", "/join", {"activation_code": activation_code})

    def propose_member(self, community_id: str, home_id: str, *, name: str, phone: str) -> str:
        """Propose somebody of the family; answers the member's id."""
        member_id: str = self.call(
            "POST",
            f"/homes/{community_id}/{home_id}/members",
            {"name": name, "relation": "spouse", "phone": phone},
        )["member_id"]
        return member_id

    def invite(self, community_id: str, home_id: str, *, name: str, begin: datetime, end: datetime) -> str:
        """Invite a guest; answers the token of the link he is to be sent."""
        token: str = self.call(
            "POST",
            f"/homes/{community_id}/{home_id}/passes",
            {"guest_name": name, "kind": "guest", "valid_from": begin.isoformat(), "valid_until": end.isoformat()},
        )["link_token"]
        return token

    def expect_delivery(
        self, community_id: str, home_id: str, *, partner_id: str, order: str, begin: datetime, end: datetime
    ) -> None:
        """Expect a courier with an order."""
        self.call(
            "POST",
            f"/homes/{community_id}/{home_id}/deliveries",
            {
                "partner_id": partner_id,
                "order_ref": order,
                "valid_from": begin.isoformat(),
                "valid_until": end.isoformat(),
            },
        )


class Visitor(_Enrolling):
    """A guest or a courier who opened his link."""

    def __init__(self, http: httpx.Client, link_token: str) -> None:
        super().__init__(http, "visitor")
        self._token = self.call("POST", "/session", {"token": link_token})["access_token"]

    def accept(self) -> None:
        """Accept the invitation."""
        self.call("POST", "/invitation/accept", {})


class Manager(_Party):
    """The community's manager (here also the authority's administrator)."""

    def __init__(
        self, http: httpx.Client, phone: str, mailbox: Mailbox, *, secret: str | None = None, code: str | None = None
    ) -> None:
        """Log in, with the authenticator whose secret this is; without one it is set up now.

        ``code`` is what the authenticator shows, where that is not to be read at the moment at which it is asked for.
        """
        super().__init__(http, "staff")
        self.log_in(phone, mailbox)
        known = secret is not None
        self.secret: str = secret or self.call("POST", "/second-factor/enrol")["secret"]
        path = "/second-factor" if known else "/second-factor/confirm"
        self.call("POST", path, {"code": code or pyotp.TOTP(self.secret).now()})

    def create_community(self, name: str) -> str:
        """A community that takes any three photographs."""
        community_id: str = self.call("POST", "/communities", {"name": name, "capture_policy": "photos"})[
            "community_id"
        ]
        return community_id

    def create_homes(self, community_id: str, count: int) -> list[str]:
        """One building with that many homes; answers their ids."""
        base = f"/communities/{community_id}"
        homes = [{"building": "1", "label": f"1-{i + 1:03d}", "member_limit": 6} for i in range(count)]
        return [home["home_id"] for home in self.call("POST", f"{base}/homes/bulk", {"homes": homes})["homes"]]

    def create_tenancy(self, community_id: str, home_id: str, *, name: str, phone: str, begin: datetime) -> Any:
        """A tenancy; answers its id and the tenant's activation code."""
        return self.call(
            "POST",
            f"/communities/{community_id}/homes/{home_id}/tenancies",
            {"tenant_name": name, "phone": phone, "starts_at": begin.isoformat()},
        )

    def approve_member(self, community_id: str, member_id: str) -> str:
        """Approve a proposed member; answers his activation code."""
        code: str = self.call("POST", f"/communities/{community_id}/members/{member_id}/approve", {})["activation_code"]
        return code

    def approve_reviews(self, community_id: str) -> int:
        """Approve every face in review: the manager has seen these people. Answers how many there were."""
        approved = 0
        while True:
            reviews = self.call("GET", f"/communities/{community_id}/reviews")["reviews"]
            waiting = [review for review in reviews if review["state"] == "pending"]
            for review in waiting:
                path = f"/communities/{community_id}/reviews/{review['review_id']}/approve"
                self.call("POST", path, {"basis": "seen_in_person"})
            if not waiting:
                return approved
            approved += len(waiting)

    def create_gate(self, community_id: str, name: str) -> Any:
        """A gate to be provisioned; answers its id and claim code."""
        return self.call("POST", f"/communities/{community_id}/gates", {"name": name})

    def gates(self, community_id: str) -> list[dict[str, Any]]:
        """The community's gates and how far each is behind."""
        gates: list[dict[str, Any]] = self.call("GET", f"/communities/{community_id}/gates")["gates"]
        return gates

    def create_partner(self, name: str, community_id: str) -> Any:
        """Admit a courier company to the community; answers its credentials."""
        return self.call("POST", "/partners", {"name": name, "communities": [community_id]})

    def end_tenancy(self, community_id: str, tenancy_id: str) -> Any:
        """Somebody moves out."""
        return self.call("POST", f"/communities/{community_id}/tenancies/{tenancy_id}/end", {})

    def erasure(self, community_id: str, erasure_id: str) -> Any:
        """How far an erasure is."""
        return self.call("GET", f"/communities/{community_id}/erasures/{erasure_id}")


class Company(_Party):
    """A courier company's system."""

    def __init__(self, http: httpx.Client, *, client_id: str, client_secret: str) -> None:
        super().__init__(http, "partner")
        form = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": client_secret}
        self._token = self.call("POST", "/token", form=form)["access_token"]

    def register_courier(self, worker_id: str, *, name: str, phone: str) -> None:
        """Tell of a courier; he gets his link by SMS, the company gets nothing."""
        self.call("PUT", f"/couriers/{worker_id}", {"name": name, "phone": phone})

    def assert_shift(self, worker_id: str, community_id: str, *, begin: datetime, end: datetime) -> None:
        """A courier works at a community for a while."""
        self.call(
            "POST",
            "/shifts",
            {
                "worker_id": worker_id,
                "community_id": community_id,
                "starts_at": begin.isoformat(),
                "ends_at": end.isoformat(),
            },
        )

    def deliver(self, worker_id: str, community_id: str, *, order: str, begin: datetime, end: datetime) -> None:
        """A courier brings an order that a resident expects."""
        self.call(
            "POST",
            "/deliveries",
            {
                "order_ref": order,
                "worker_id": worker_id,
                "community_id": community_id,
                "valid_from": begin.isoformat(),
                "valid_until": end.isoformat(),
            },
        )
