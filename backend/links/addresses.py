"""The address that is sent to somebody's phone."""

__all__ = ["link_address"]


def link_address(public_url: str, token: str) -> str:
    """The link's address. The token stands in the fragment: no server, proxy or referrer ever gets to see it."""
    return f"{public_url.rstrip('/')}/visit#{token}"
