"""Listening sockets: shared by a port, and closed to newcomers without a reset."""

import socket
from collections.abc import Iterator

import pytest

from api.listeners import (
    AddressInUseError,
    has_waiting_connections,
    open_listeners,
    refuse_new_connections,
)

CLIENTS = 12


@pytest.fixture
def listeners() -> Iterator[list[socket.socket]]:
    opened = open_listeners("127.0.0.1", 0, count=2)
    yield opened
    for listener in opened:
        listener.close()


def connect(listeners: list[socket.socket]) -> list[socket.socket]:
    return [socket.create_connection(listeners[0].getsockname()) for _ in range(CLIENTS)]


def test_all_listeners_share_the_port_that_was_chosen(listeners: list[socket.socket]) -> None:
    assert len({listener.getsockname() for listener in listeners}) == 1
    assert listeners[0].getsockname()[1] != 0


def test_who_waits_in_the_queue_is_served_after_newcomers_are_refused(
    listeners: list[socket.socket],
) -> None:
    clients = connect(listeners)
    for client in clients:
        client.sendall(b"asked")

    refuse_new_connections(listeners)
    late = socket.socket()
    late.settimeout(0.1)
    with pytest.raises(TimeoutError):
        late.connect(listeners[0].getsockname())
    served = 0
    for listener in listeners:
        while has_waiting_connections(listener):
            accepted, _ = listener.accept()
            with accepted:
                accepted.settimeout(10)
                assert accepted.recv(5) == b"asked"
                accepted.sendall(b"answered")
            served += 1

    assert served == CLIENTS
    assert [client.recv(8) for client in clients] == [b"answered"] * CLIENTS
    for client in (*clients, late):
        client.close()


def test_an_address_that_somebody_listens_on_is_refused(listeners: list[socket.socket]) -> None:
    port = listeners[0].getsockname()[1]

    with pytest.raises(AddressInUseError) as refusal:
        open_listeners("127.0.0.1", port, count=1)

    assert str(refusal.value) == f"Cannot listen on 127.0.0.1:{port}: Address already in use."


def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(AddressInUseError, match="Cannot assign requested address"):
        open_listeners("192.0.2.1", 0, count=1)
