"""What requests to addresses of others may connect to."""

import pytest

from backend.kit.outgoing import AddressRefused, is_public, read_target


@pytest.mark.parametrize(
    "address",
    [
        "10.0.0.1",
        "127.0.0.1",
        "169.254.169.254",
        "172.16.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "0.0.0.0",
        "192.0.2.1",
        "198.18.0.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::ffff:10.0.0.1",
        "::ffff:8.8.8.8",
        "::8.8.8.8",
        "64:ff9b::a00:1",
        "64:ff9b::808:808",
        "64:ff9b:1::1",
        "2002:a00:1::1",
        "2001:0:a00:1::1",
        "2001:db8::1",
        "fc00::1",
        "fd12:3456::1",
        "fe80::1",
        "fe80::1%eth0",
        "fec0::1",
        "ff02::1",
        "no address",
    ],
)
def test_no_address_but_a_public_host_s_is_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "2a00:1450:4001::200e"])
def test_public_addresses_are(address: str) -> None:
    assert is_public(address)


def test_a_target_is_a_named_host_and_what_stands_behind_it() -> None:
    target = read_target("https://Push.Example.org:443/send/one?x=1#fragment")
    assert (target.host, target.path) == ("push.example.org", "/send/one?x=1")
    assert read_target("https://push.example.org").path == "/"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "https://",
        "https://host/x",
        "https://a.b:99999/",
        "https://a.b:0/",
        "https://[::1",
        "//a.b/x",
        "https://a.7/",
    ],
)
def test_what_is_no_target_is_refused(url: str) -> None:
    with pytest.raises(AddressRefused):
        read_target(url)
