"""The pages and what belongs to them, served from memory."""

from hashlib import sha256
from importlib.resources import files

import msgspec
from litestar import MediaType, Response, Router, get

from backend.kit.problems import NotFound

__all__ = ["public_router"]

_TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}

_OFFLINE = "offline.js"
# Nothing that only the visitors' page loads needs to be kept for the residents'.
_OF_VISIT = "visit"

#: Of the pages: they load from here only, run no script but their own, are framed by nobody and tell nobody who sent
#: them. Pictures and files that the page holds itself are `blob:`.
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; media-src 'self' blob:; "
        "connect-src 'self'; worker-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Permissions-Policy": "camera=(self), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",
}
# A file's address carries the hash of all of them, so none is asked for twice or mixed with another release's.
_KEPT = {"Cache-Control": "public, max-age=31536000, immutable", "X-Content-Type-Options": "nosniff"}


class Asset(msgspec.Struct, frozen=True):
    """A file as it is sent."""

    content: bytes
    media_type: str


def public_router() -> Router:
    """The routes, with the pages read into memory.

    Raises:
        OSError: the installation is damaged.
    """
    found = {entry.name: entry.read_bytes() for entry in files("backend.pages").joinpath("assets").iterdir()}
    release = sha256(b"".join(name.encode() + b"\0" + found[name] for name in sorted(found))).hexdigest()[:16]
    root = f"/pages/{release}"
    visit = found["visit.html"].decode().replace("{assets}", root)
    my = found["my.html"].decode().replace("{assets}", root)
    assets = {
        name: Asset(content, media_type)
        for name, content in found.items()
        if name != _OFFLINE and (media_type := _TYPES.get(name[name.rfind(".") :])) is not None
    }
    parts = " ".join(sorted(name for name in assets if not name.startswith(_OF_VISIT)))
    offline = found["offline.js"].decode().replace("{assets}", root).replace("{files}", parts)

    @get("/visit", opt={"public": True}, media_type=MediaType.HTML, summary="What a visitor's link opens")
    async def show_visit() -> Response[str]:
        """The page for guests and couriers; what their link says stands behind `#` and is not sent here."""
        return Response(visit, media_type=MediaType.HTML, headers=HEADERS)

    @get("/my", opt={"public": True}, media_type=MediaType.HTML, summary="The residents' page")
    async def show_my() -> Response[str]:
        """The page for residents; who it is for is known to the phone only, until he logs in."""
        return Response(my, media_type=MediaType.HTML, headers=HEADERS)

    @get("/my-offline.js", opt={"public": True}, summary="What keeps the residents' page without a network")
    async def read_offline() -> Response[str]:
        """A service worker of `/my` alone; browsers ask for it anew, so that a release replaces the one before."""
        return Response(offline, media_type=_TYPES[".js"], headers=HEADERS)

    @get("/pages/{version:str}/{name:str}", opt={"public": True}, summary="A page's part")
    async def read_asset(version: str, name: str) -> Response[bytes]:
        """A style sheet, script or picture of the pages."""
        asset = assets.get(name)
        if asset is None or version != release:
            raise NotFound
        return Response(asset.content, media_type=asset.media_type, headers=_KEPT)

    return Router(path="/", route_handlers=[show_visit, show_my, read_offline, read_asset], include_in_schema=False)
