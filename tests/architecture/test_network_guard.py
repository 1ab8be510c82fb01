"""The network guard of the suite is itself tested with a wrong input."""

from __future__ import annotations

import socket

import pytest

from tests.conftest import NetworkRefused, is_local


@pytest.mark.parametrize("address", [("192.0.2.1", 80), ("203.0.113.7", 443), ("2001:db8::1", 80, 0, 0)])
def test_leaving_the_machine_is_refused(address: tuple[object, ...]) -> None:
    family = socket.AF_INET6 if ":" in str(address[0]) else socket.AF_INET
    with socket.socket(family) as link, pytest.raises(NetworkRefused, match=str(address[0])):
        link.connect(address)


def test_looking_up_a_foreign_name_is_refused() -> None:
    with pytest.raises(NetworkRefused, match=r"example\.org"):
        socket.create_connection(("example.org", 80), timeout=1)


def test_loopback_works() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname(), timeout=1) as client,
    ):
        assert client.getpeername() == server.getsockname()


@pytest.mark.parametrize(
    ("address", "local"),
    [(("127.9.9.9", 1), True), (("::1", 1, 0, 0), True), ("/tmp/socket", True), (("10.0.0.1", 1), False)],
)
def test_what_is_local(address: object, local: bool) -> None:
    assert is_local(address) is local
