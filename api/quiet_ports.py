"""The ports of a process that comes and goes: a command, the setup. It wakes nobody."""

from api.adapters.clock import SystemClock
from api.adapters.fernet_sealer import FernetSealer
from api.adapters.quiet import QuietClickFeed, QuietLinkSignal
from api.data_folder import rate_key, read_secret_keys
from api.desk_ports import desk_policy
from api.file_ports import blob_store, file_policy
from api.own_hosts import default_host, own_hosts
from api.settings import Settings
from api.sign_in_ports import access_policy, password_hasher
from resolvers.ports import Ports
from resolvers.rate_counters import RateCounters


def quiet_ports(settings: Settings) -> Ports:
    """Return ports that open nothing before they are used.

    Raises:
        DataFolderError: the secret key cannot be read.
    """
    secret_keys = read_secret_keys(settings.secret_key_file)
    return Ports(
        clock=SystemClock(),
        link_signal=QuietLinkSignal(),
        click_feed=QuietClickFeed(),
        sealer=FernetSealer(secret_keys),
        passwords=password_hasher(settings),
        rates=RateCounters(rate_key(secret_keys)),
        access=access_policy(settings),
        default_host=default_host(settings),
        own_hosts=own_hosts(settings),
        fetches_titles=settings.fetch_titles,
        desk=desk_policy(settings),
        files=file_policy(settings),
        blob_store=blob_store(settings),
    )
