"""Sessions against a model of them: whatever is done in whatever order, both agree."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tortoise.transactions import in_transaction

from models.rules.session_ends import SEEN_EVERY, SessionSpan
from models.sessions import Session
from models.users import User
from resolvers.context import RequestContext
from resolvers.ports import AccessPolicy, Ports
from resolvers.session_lookup import session_uses_written
from resolvers.sessions import (
    StartedSession,
    end_sessions,
    revoke_sessions,
    rotate_session,
    sessions_of,
)
from tests.factories import as_command, make_user
from tests.fakes import FixedClock
from tests.people import as_visitor, begin, seen

SPAN = SessionSpan(idle=timedelta(minutes=30), life=timedelta(hours=2))


@dataclass
class Known:
    """What the model knows of a session."""

    started: StartedSession
    person: int
    last_seen_at: datetime
    expires_at: datetime
    old_tokens: list[str]
    is_over: bool = False

    def ends_at(self) -> datetime:
        """Return when it ends if nobody uses it any more."""
        return min(self.expires_at, self.last_seen_at + SPAN.idle)


class Machine:
    """Does each step to the real sessions and to the model."""

    def __init__(self, ports: Ports, clock: FixedClock, people: list[User]) -> None:
        self.ports = ports
        self.clock = clock
        self.people = people
        self.deactivated: set[int] = set()
        self.sessions: list[Known] = []

    def opens(self, known: Known) -> bool:
        """Tell what the model expects of a session's token now."""
        is_good = not known.is_over and self.clock.at < known.ends_at()
        return is_good and known.person not in self.deactivated

    async def create(self, number: int) -> None:
        """Sign somebody in."""
        person = self.people[number % len(self.people)]
        started = await begin(self.ports, person)
        now = self.clock.at
        self.sessions.append(Known(started, person.id, now, now + SPAN.life, []))

    async def use(self, number: int) -> None:
        """Show a token, and all the ones it replaced."""
        if not self.sessions:
            return
        known = self.sessions[number % len(self.sessions)]
        viewer = await seen(self.ports, known.started.token)
        await session_uses_written()
        assert (viewer is not None) == self.opens(known)
        for token in known.old_tokens:
            assert await seen(self.ports, token) is None
        if viewer is None:
            # Who looked at a session after its end has ended it for good.
            known.is_over |= self.clock.at >= known.ends_at()
            return
        assert (viewer.session_id, viewer.user_id) == (known.started.session_id, known.person)
        if self.clock.at - known.last_seen_at >= SEEN_EVERY:
            known.last_seen_at = self.clock.at
        stored = await Session.get(id=known.started.session_id)
        assert (stored.last_seen_at, stored.revoked_at) == (known.last_seen_at, None)

    async def context(self, known: Known) -> RequestContext | None:
        """Return the context of a request by a session, None if it is over."""
        await self.use(self.sessions.index(known))
        viewer = await seen(self.ports, known.started.token)
        await session_uses_written()
        return None if viewer is None else replace(as_visitor(self.ports), viewer=viewer)

    async def rotate(self, number: int) -> None:
        """Give a session a new token."""
        if not self.sessions:
            return
        known = self.sessions[number % len(self.sessions)]
        context = await self.context(known)
        if context is None:
            return
        async with in_transaction("default") as connection:
            renewed = await rotate_session(context, connection)
        known.old_tokens.append(known.started.token)
        known.started = renewed
        assert renewed.ends_at == known.expires_at

    async def revoke(self, number: int) -> None:
        """Let one session of a person end another one, or itself, or try a stranger's."""
        if not self.sessions:
            return
        actor = self.sessions[number % len(self.sessions)]
        victim = self.sessions[number // 7 % len(self.sessions)]
        context = await self.context(actor)
        if context is None:
            return
        ended = await revoke_sessions(context, ids=[victim.started.session_id])
        is_own = victim.person == actor.person and self.opens(victim)
        assert ended == ([victim.started.session_id] if is_own else [])
        victim.is_over |= is_own

    async def end_all(self, number: int) -> None:
        """End all sessions of a person, or all but one."""
        person = self.people[number % len(self.people)]
        theirs = [each for each in self.sessions if each.person == person.id]
        but = theirs[number % len(theirs)].started.session_id if theirs and number % 2 else None
        async with in_transaction("default") as connection:
            await end_sessions(as_command(self.ports), connection, user_id=person.id, but=but)
        for each in theirs:
            is_live = not each.is_over and self.clock.at < each.ends_at()
            each.is_over |= is_live and each.started.session_id != but

    async def deactivate(self, number: int) -> None:
        """Deactivate a person, or activate them again."""
        person = self.people[number % len(self.people)]
        at = None if person.id in self.deactivated else self.clock.at
        await User.filter(id=person.id).update(deactivated_at=at)
        self.deactivated ^= {person.id}

    async def wait(self, number: int) -> None:
        """Let time pass, often just to a limit."""
        minutes = (0.25, 1, 9, 29, 30, 31, 121)[number % 7]
        self.clock.at += timedelta(minutes=minutes)

    async def compare(self) -> None:
        """Compare what each session lists with the model."""
        for known in self.sessions:
            if known.person in self.deactivated or not self.opens(known):
                continue
            context = await self.context(known)
            assert context is not None
            listed = {each.id for each in await sessions_of(context)}
            assert listed == {
                each.started.session_id
                for each in self.sessions
                if each.person == known.person and self.opens(each)
            }


STEPS = ("create", "use", "rotate", "revoke", "end_all", "deactivate", "wait", "wait", "use")
scripts = st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 99)), min_size=4, max_size=25)


@given(script=scripts)
@settings(
    max_examples=25,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
async def test_sessions_are_what_their_model_says(
    database: None, ports: Ports, clock: FixedClock, script: list[tuple[str, int]]
) -> None:
    """New people for each script; the tables and the clock only go on."""
    people = [await make_user() for _ in range(2)]
    machine = Machine(replace(ports, access=AccessPolicy(sessions=SPAN)), clock, people)
    await machine.create(0)
    await machine.create(1)
    await machine.create(0)

    for name, number in script:
        await getattr(machine, name)(number)
        for index in range(len(machine.sessions)):
            if number % 3 == 0:
                await machine.use(index)
    await machine.compare()
