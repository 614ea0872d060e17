"""Mail as it arrives at a support desk: more than 200 messages in the formats of real programs.

Each comes with what has to become of it. The messages are bytes, so that the same corpus
goes through the rules, and through real SMTP and IMAP servers.
"""

from tests.mail_answers import program_mails
from tests.mail_automatic import automatic_mails
from tests.mail_broken import broken_mails
from tests.mail_world import CorpusMail, World


def corpus(world: World) -> list[CorpusMail]:
    """Return all messages; names are unique."""
    return [*program_mails(world), *automatic_mails(world), *broken_mails(world)]
