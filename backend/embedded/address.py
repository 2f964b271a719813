"""Whether the API can have the address that it is to listen on."""

import socket

__all__ = ["AddressRefused", "require_address"]


class AddressRefused(Exception):
    """The API cannot listen where it should; the message says why and what helps."""


def require_address(host: str, port: int) -> int:
    """Make sure that nobody listens on this address and that we may; answers the port, a free one for 0.

    The server itself would not find out: it shares its port (SO_REUSEPORT) with whoever asks for the same, so that two
    boxes on one port would each get some of the other's requests.

    Raises:
        AddressRefused: the port is taken or not ours to take, or the host is no address of this machine.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            # A connection of the server before, which its peer has not yet let go, is no reason to refuse.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            taken: int = probe.getsockname()[1]
            return taken
    except OSError as error:
        raise AddressRefused(
            f"cannot listen on {host} port {port}: {error.strerror}; "
            "DOORWARD_HOST and DOORWARD_PORT name another address, port 0 takes a free one"
        ) from error
