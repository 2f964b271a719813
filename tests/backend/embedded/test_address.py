"""The address that the box is to listen on."""

import socket

import pytest

from backend.embedded.address import AddressRefused, require_address


def test_a_port_that_another_server_would_share_is_refused() -> None:
    with socket.socket() as other:
        # As granian listens: the kernel would let a second one in, and give each some of the connections.
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(AddressRefused, match=f"{port}.*DOORWARD_PORT"):
            require_address("127.0.0.1", port)
    assert require_address("127.0.0.1", port) == port


def test_port_0_takes_a_free_one() -> None:
    assert 0 < require_address("127.0.0.1", 0) < 65536
