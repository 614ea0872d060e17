"""What the use cases need from the outside. api.adapters implements it."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from email.message import EmailMessage
from typing import Final, Protocol, Self

from models.replica_rows import ReplicaEntry
from models.rules.identities import ProvedIdentity
from models.rules.rate_limits import RateLimit, Rule, Spending, WindowRule
from models.rules.replica_format import Entry
from models.rules.session_ends import SessionSpan
from models.rules.sign_in_methods import SignInMethod
from resolvers.desk_policy import DeskPolicy
from resolvers.file_ports import BlobStore, FilePolicy


class Clock(Protocol):
    """Source of "now"; tests hand in a fixed one."""

    def now(self) -> datetime:
        """Return the present time, aware, in UTC."""
        ...


class LinkSignal(Protocol):
    """Wakes the workers that write the replicas. Losing a signal costs at most a second."""

    async def links_changed(self) -> None:
        """Say, after the commit, that link_change has new rows. Never raises."""
        ...


class MailSignal(Protocol):
    """Wakes a worker that sends letters. Losing a signal costs at most a second."""

    async def mail_posted(self) -> None:
        """Say, after the commit, that a letter waits. Never raises."""
        ...


class NoMailSignal:
    """MailSignal that wakes nobody: workers look for letters every second anyway."""

    async def mail_posted(self) -> None:
        """See MailSignal.mail_posted."""


NO_MAIL_SIGNAL: Final = NoMailSignal()


class MailRefusedError(Exception):
    """The letter will never be taken. The message says why, in the server's words."""


class MailDeferredError(Exception):
    """The letter was not taken now, or nobody knows; trying again later makes sense."""


class MailerAwayError(MailDeferredError):
    """No letter would have been taken: the server is away, or does not let us in."""


class Mailer(Protocol):
    """Takes letters to where they go. Several may be sent at once."""

    async def send(self, letter: EmailMessage, *, to: str, letter_id: int) -> str:
        """Hand a letter over; return what was answered, in one line.

        Returns within a third of models.rules.mail_retries.LEASE.

        Args:
            letter: with all headers.
            to: address of the reader, in the form that mail servers take.
            letter_id: the same for every try of one letter.

        Raises:
            MailRefusedError, MailDeferredError, MailerAwayError: see there.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ClickEvent:
    """A click as live watchers see it, sent after its commit."""

    click_id: int
    link_id: int
    at: datetime
    click_class: int
    reason: str
    referrer_host: str
    browser: str
    os: str
    device: str
    address: str | None


class ClickWatcher(Protocol):
    """Yields the clicks of one live view, for ever. A slow reader loses the oldest ones."""

    def __aiter__(self) -> Self:
        """Return itself."""
        ...

    async def __anext__(self) -> ClickEvent:
        """Wait for the next click."""
        ...

    async def aclose(self) -> None:
        """Stop watching; nothing more is kept for it."""
        ...


class ClickFeed(Protocol):
    """Carries clicks from the worker to live watchers; best effort, bounded."""

    async def publish(self, events: Sequence[ClickEvent]) -> None:
        """Send to every process with a watcher. Never raises."""
        ...

    def watch(self) -> ClickWatcher:
        """Return the events from now on."""
        ...


class TicketWatcher(Protocol):
    """Says that something happened to one ticket, for ever; what, the reader has to look up."""

    def __aiter__(self) -> Self:
        """Return itself."""
        ...

    async def __anext__(self) -> None:
        """Wait for the next change; the first comes soon, for what happened at the beginning."""
        ...

    async def aclose(self) -> None:
        """Stop watching; nothing more is kept for it."""
        ...


class TicketFeed(Protocol):
    """Watches tickets, whoever changes them; a watcher learns of it within about a second."""

    def watch(self, ticket_id: int) -> TicketWatcher:
        """Return the changes from now on, also of a ticket that there is not."""
        ...


class VisitorSalts(Protocol):
    """Random bytes of a UTC day, by which its visitors are told apart, and gone after 48 hours."""

    async def salt_of(self, day: int, *, now: datetime) -> bytes:
        """Return the 32 bytes of a day, counted from 1970. Never raises.

        A day whose salt is gone, or has not begun, gets one that only this process knows.
        """
        ...

    async def forget_old(self, *, now: datetime) -> None:
        """Delete the salts that are 48 hours old. Never raises; to be called now and then."""
        ...


class ReplicaBuild(Protocol):
    """A replica in the making, which nobody reads yet."""

    def add(self, entries: Sequence[ReplicaEntry]) -> None:
        """Add links; of two entries for one slug the later one stays."""
        ...

    def finish(self, *, domains: Mapping[str, int], mark: bytes) -> None:
        """Make it the serving replica, in one step for every reader."""
        ...


class LinkReplica(Protocol):
    """The writing side of the machine's copy of the link table. One writer at a time."""

    def mark(self) -> bytes | None:
        """Return what was stored with the last change; None if no replica of ours serves."""
        ...

    def apply(
        self, entries: Sequence[ReplicaEntry], *, domains: Mapping[str, int] | None, mark: bytes
    ) -> None:
        """Store entries and mark in one transaction, in force for the readers' next turn.

        An entry does not replace one of the same link with a higher revision.

        Args:
            entries: what slugs lead to now.
            domains: ids by host, all of them; None leaves them as they are.
            mark: returned by `mark` from now on.
        """
        ...

    def rebuild(self) -> AbstractContextManager[ReplicaBuild]:
        """Begin a new replica beside the serving one; it is dropped unless finished."""
        ...

    def retire(self) -> None:
        """Let no reader use the serving replica any more."""
        ...


class SealBrokenError(Exception):
    """What was to be opened was not sealed here, for this purpose, by a key we still have."""


class Sealer(Protocol):
    """Keeps secrets that we have to read again, so that a copy of the store does not tell them."""

    def seal(self, plain: str, *, purpose: str) -> str:
        """Return ASCII text that only `open` with the same purpose reads."""
        ...

    def open(self, sealed: str, *, purpose: str) -> str:
        """Return what was sealed.

        Raises:
            SealBrokenError: see there.
        """
        ...

    def key_number(self, sealed: str, *, purpose: str) -> int:
        """Return which of our keys opens it: 0 for the newest, with which `seal` works.

        Raises:
            SealBrokenError: none of them.
        """
        ...


@dataclass(frozen=True, slots=True)
class PasswordVerdict:
    """What a stored hash says of a password.

    Attributes:
        is_right: they belong together.
        is_outdated: the hash was made with other parameters than today's: make a new one.
    """

    is_right: bool
    is_outdated: bool = False


class PasswordHasher(Protocol):
    """The slow hash of passwords. Few run at once, and few wait.

    Both methods raise models.errors.RateLimitedError when too many wait already.
    """

    async def hash(self, password: str) -> str:
        """Return what is stored of a password, with salt and parameters, at most 255 characters."""
        ...

    async def verify(self, password: str, stored: str | None) -> PasswordVerdict:
        """Compare a password with a hash, by exactly one hash.

        Args:
            password: as it was typed.
            stored: None is an account without a password, or none at all: the same work
                is done, and the answer is no.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessPolicy:
    """What the operator decided about signing in.

    Attributes:
        public_url: of the portal, for addresses in letters; without a slash at the end.
        sessions: how long they last.
        adds_directory_people: who has an entry in the directory but no account gets one.
        provider_issuer: of the organization's own provider (OpenID Connect); "" for none.
        local_passwords: people may have a password of ours; else only those with USER_ADMIN.
        may_sign_up: whoever has an e-mail address may make an account.
        methods: by which people sign in, the one to offer first in front.
        key_per_minute: requests of a key that has no number of its own; 0 sets no limit.
    """

    public_url: str = "http://localhost:8080"
    sessions: SessionSpan = field(default_factory=SessionSpan)
    provider_issuer: str = ""
    may_sign_up: bool = False
    local_passwords: bool = True
    adds_directory_people: bool = False
    methods: tuple[SignInMethod, ...] = (SignInMethod.PASSWORD, SignInMethod.PASSKEY)
    key_per_minute: int = 600


class FetchRefusedError(Exception):
    """What was to be fetched is not for us to fetch; trying again cannot help."""


class FetchFailedError(Exception):
    """No answer came, or none that can be read; trying again later may help."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpAnswer:
    """What a server of the internet answered.

    Attributes:
        url: that answered: the last one where redirects were followed.
        status: its status, whatever it is.
        headers: by their names in lower case; of several of one name the first.
        body: decompressed, as far as it was read.
        is_cut: the body goes on.
    """

    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes
    is_cut: bool = False


class HttpFetch(Protocol):
    """The one way out of this machine to addresses that somebody else chose."""

    async def __call__(  # noqa: PLR0913 - of HTTP
        self,
        url: str,
        *,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        max_redirects: int = 0,
        max_bytes: int = 512 << 10,
    ) -> HttpAnswer:
        """Send one request to a public address and read its answer; no cookies, no proxies.

        Args:
            url: http or https, without credentials, on the scheme's own port.
            method: as it is sent.
            headers: besides our own.
            content: body of the request.
            max_redirects: how many are followed, each checked like the first address; the
                answer that would be one more is returned as it is.
            max_bytes: of the decompressed body; the rest is left unread.

        Raises:
            FetchRefusedError: the URL, or an address of its host, is not allowed.
            FetchFailedError: no connection, no answer in time, or none that can be read.
        """
        ...


class RateCounter(Protocol):
    """Counts tries, for all processes together. See models.rules.rate_limits."""

    async def spend(
        self, limit: RateLimit, rule: Rule, subject: str, *, cost: int, now: datetime
    ) -> Spending:
        """Count a try if it is allowed; both in one step, whoever else tries just now.

        Must not be called in an open transaction, which could take the count back.

        Args:
            limit: its name keeps the subjects of limits apart.
            rule: of the limit, perhaps with the caller's own number.
            subject: who or what is limited; only a keyed hash of it is stored.
            cost: hits of this try, at least 1.
            now: moment of the try.
        """
        ...

    async def forgive(self, limit: RateLimit, subject: str) -> None:
        """Forget the failures of a BackoffRule: it was the right one after all."""
        ...

    async def give_back(
        self, limit: RateLimit, rule: WindowRule, subject: str, *, cost: int, now: datetime
    ) -> None:
        """Take hits of a try back: it was no wrong guess. For rules that the store counts."""
        ...


class FastCounter(Protocol):
    """Memory shared by all processes that is quick, and may be lost at any moment."""

    async def spend(
        self, name: str, rule: WindowRule, *, cost: int, at_us: int
    ) -> "FastCount | None":
        """Count a try if it fits. Never raises, and never takes longer than 50 ms.

        Returns:
            None: it cannot be asked; perhaps the try was counted, perhaps not.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class FastCount:
    """What a FastCounter knows of a subject.

    Attributes:
        is_allowed: the try fitted, and is counted.
        counts: hits by part.
        since_us: since when nothing was forgotten, by the clocks of those who ask.
    """

    is_allowed: bool
    counts: Mapping[int, int]
    since_us: int


class ProviderRefusedError(Exception):
    """The provider said no, or what it said proves nothing; the message is for the log alone."""


class ProviderUnavailableError(Exception):
    """The provider does not answer; trying again later may help."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenge:
    """What goes to the provider with the browser, and must come back.

    Attributes:
        state: names this sign-in.
        nonce: will be in the id token.
        code_challenge: SHA-256 of the verifier, base64url.
        is_anew: whoever is signed in there must prove anew who they are.
    """

    state: str
    nonce: str
    code_challenge: str
    is_anew: bool = False


class IdentityProvider(Protocol):
    """The customer's own provider, which signs people in for us."""

    @property
    def issuer(self) -> str:
        """Its name, exactly as it spells itself."""
        ...

    async def address(self, challenge: Challenge) -> str:
        """Return where to send the browser.

        Raises:
            ProviderRefusedError, ProviderUnavailableError: see there.
        """
        ...

    async def identify(
        self, *, code: str, verifier: str, nonce: str, issuer: str | None, now: datetime
    ) -> ProvedIdentity:
        """Return who came back.

        Args:
            code: that the browser brought.
            verifier: of this sign-in's code_challenge.
            nonce: of this sign-in.
            issuer: as the browser's address named it, None if it named none.
            now: aware.

        Raises:
            ProviderRefusedError, ProviderUnavailableError: see there.
        """
        ...


class DirectoryUnavailableError(Exception):
    """The directory does not answer, or not as it should; the message is for the log alone."""


class Directory(Protocol):
    """The organization's directory, where people have a name and a password (LDAP)."""

    async def identify(self, *, name: str, password: str) -> ProvedIdentity | None:
        """Return whose name and password these are, None if they do not belong together.

        An empty password is nobody's: many directories take it for a visit without a name.

        Raises:
            DirectoryUnavailableError: see there.
        """
        ...


class StoreUnavailableError(Exception):
    """The store cannot be asked at the moment; asking again later makes sense."""


class LinkFallback(Protocol):
    """Finds a link in the store, for requests that the local replica cannot answer."""

    async def __call__(self, hosts: Sequence[str], slug: str, /) -> Entry | None:
        """Return what a slug leads to, None if it was never used.

        A link that asks for a password is ORDINARY, and has no target.

        Args:
            hosts: domains that may answer, in their normal form, the best first; the
                first that exists decides.
            slug: in its normal form.

        Raises:
            DomainUnknownError: none of the domains exists.
            StoreUnavailableError: the store does not answer.
        """
        ...


class LinkUnlock(Protocol):
    """Tries a visitor's password on a link."""

    async def __call__(
        self, hosts: Sequence[str], slug: str, /, *, password: str, address: str
    ) -> Entry | None:
        """Return what a slug leads to for who typed this; ORDINARY, without target: not right.

        Args:
            hosts: as of LinkFallback.
            slug: as there.
            password: as it was typed, not empty.
            address: of the visitor, whole; "" where the connection has none.

        Raises:
            RateLimitedError: too many tries; the password was not looked at.
            DomainUnknownError, StoreUnavailableError: as of LinkFallback.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """Everything outside the process, chosen once in api.app.

    Attributes:
        default_host: of the domain for links whose maker names none; "" is the oldest domain.
        directory: where people may have their passwords, too; None for none.
        own_hosts: further hosts that reach this installation, such as the bound address;
            no link may lead there.
        fetches_titles: links without a title get that of their page.
        desk: settings of the support desk.
        files: what the operator decided about files.
        blob_store: of their contents; None in processes that have nothing to do with files.
        ticket_feed: of live tickets; None in processes that nobody asks.
    """

    clock: Clock
    link_signal: LinkSignal
    click_feed: ClickFeed
    sealer: Sealer
    rates: RateCounter
    passwords: PasswordHasher
    mail_signal: MailSignal = NO_MAIL_SIGNAL
    access: AccessPolicy = AccessPolicy()
    directory: Directory | None = None
    default_host: str = ""
    own_hosts: frozenset[str] = frozenset()
    fetches_titles: bool = False
    desk: DeskPolicy = field(default_factory=DeskPolicy)
    files: FilePolicy = field(default_factory=FilePolicy)
    blob_store: BlobStore | None = None
    ticket_feed: TicketFeed | None = None

    @property
    def live_tickets(self) -> TicketFeed:
        """What watches tickets, in processes that answer people."""
        if self.ticket_feed is None:
            raise RuntimeError("this process watches no tickets")
        return self.ticket_feed

    @property
    def blobs(self) -> BlobStore:
        """The store of files, in processes that were given one."""
        if self.blob_store is None:
            raise RuntimeError("this process was given no store for files")
        return self.blob_store
