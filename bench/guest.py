"""A guest whom a gate knows by his face, and a window that his host moves."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from backend.demo.parties import Visitor
from backend.demo.variants import single_photo_cast
from bench.box import BenchBox, Household

__all__ = ["Guest"]

_STAY = timedelta(hours=4)
_LATER = timedelta(days=20)


class Guest:
    """Invited, enrolled with three photographs and approved, all over HTTP; he may pass now."""

    def __init__(self, box: BenchBox, home: Household, folder: Path) -> None:
        (player,) = single_photo_cast(folder).members
        self._home = home
        self._begin = datetime.now(UTC)
        body = {"guest_name": "Guest", **self._window(timedelta())}
        created = home.tenant.call("POST", self._path, body)
        self._pass_id = created["pass_id"]
        visitor = Visitor(box.http, created["link_token"])
        visitor.accept()
        visitor.consent()
        kept, *_ = visitor.enrol(player.photos)
        #: One that he did not enrol with.
        self.picture = kept.read_bytes()
        box.manager.approve_reviews(home.community_id)

    def move_away(self) -> None:
        """His host moves the pass three weeks on: from now on he may not pass, and his entry leaves the roster."""
        self._home.tenant.call("PATCH", f"{self._path}/{self._pass_id}", self._window(_LATER))

    def move_back(self) -> None:
        """He may pass again."""
        self._home.tenant.call("PATCH", f"{self._path}/{self._pass_id}", self._window(timedelta()))

    @property
    def _path(self) -> str:
        return f"/homes/{self._home.community_id}/{self._home.home_id}/passes"

    def _window(self, later: timedelta) -> dict[str, str]:
        begin = self._begin + later
        return {"valid_from": begin.isoformat(), "valid_until": (begin + _STAY).isoformat()}
