"""How many sockets anybody has: by session or key, by person, by address."""

from dataclasses import replace

from api.socket_counts import MAX_ANONYMOUS, MAX_PERSONAL, MAX_SOCKETS, SocketCounts
from resolvers.context import Viewer
from resolvers.ports import Ports
from tests.people import as_visitor


def opened(counts: SocketCounts, ports: Ports, viewer: Viewer, *, tries: int) -> list[object]:
    """Try to open so many sockets, and return those that were."""
    sockets = [object() for _ in range(tries)]
    context = replace(as_visitor(ports), viewer=viewer)
    return [socket for socket in sockets if counts.enter(socket, context)]


def test_a_session_and_a_key_have_five_each(ports: Ports) -> None:
    counts = SocketCounts()

    for viewer in (Viewer(user_id=1, session_id=1), Viewer(user_id=1, api_key_id=1)):
        assert len(opened(counts, ports, viewer, tries=MAX_SOCKETS + 1)) == MAX_SOCKETS


def test_many_sessions_and_keys_of_a_person_are_one_person(ports: Ports) -> None:
    counts = SocketCounts()
    found = [
        opened(counts, ports, Viewer(user_id=1, session_id=number), tries=MAX_SOCKETS)
        for number in range(20)
    ]
    by_key = opened(counts, ports, Viewer(user_id=1, api_key_id=1), tries=1)
    of_another = opened(counts, ports, Viewer(user_id=2, session_id=99), tries=1)

    assert [len(each) for each in found] == [MAX_SOCKETS] * 10 + [0] * 10
    assert sum(map(len, found)) == MAX_PERSONAL
    assert (len(by_key), len(of_another)) == (0, 1)


def test_what_was_refused_counts_nowhere_and_what_ends_makes_room(ports: Ports) -> None:
    counts = SocketCounts()
    full = [
        opened(counts, ports, Viewer(user_id=1, session_id=number), tries=MAX_SOCKETS)
        for number in range(10)
    ]
    late = Viewer(user_id=1, session_id=77)
    assert opened(counts, ports, late, tries=9) == []

    for socket in full[3]:
        counts.leave(socket)
        counts.leave(socket)

    assert len(opened(counts, ports, late, tries=9)) == MAX_SOCKETS


def test_strangers_share_what_their_address_has(ports: Ports) -> None:
    counts = SocketCounts()

    assert len(opened(counts, ports, Viewer(), tries=MAX_ANONYMOUS + 2)) == MAX_ANONYMOUS
