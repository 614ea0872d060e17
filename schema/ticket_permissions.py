"""GraphQL face of what somebody may do with a ticket."""

from dataclasses import asdict
from typing import Self

import strawberry

from resolvers.ticket_rights import TicketRights


@strawberry.type(
    description="What the viewer may do with this ticket. True says that rights and status allow "
    "it; what is typed may still be refused, as may an escalation that lacks something."
)
class TicketPermissions:
    reply: bool = strawberry.field(description="`ticketReply`.")
    note: bool = strawberry.field(description="`ticketNote`.")
    edit: bool = strawberry.field(
        description="`ticketClassify`, `ticketRename`, `ticketTag` and `ticketRequesterSet`."
    )
    assign: bool = strawberry.field(
        description="`ticketAssign`, `ticketTake`, `ticketUnassign` and `ticketQueueSet`."
    )
    follow: bool = strawberry.field(description="`ticketFollow` and `ticketUnfollow`.")
    open: bool = strawberry.field(description="`ticketOpen`.")
    wait_for_customer: bool = strawberry.field(description="`ticketWaitForCustomer`.")
    wait_internal: bool = strawberry.field(description="`ticketWaitInternal`.")
    schedule: bool = strawberry.field(description="`ticketSchedule`.")
    resolve: bool = strawberry.field(description="`ticketResolve`.")
    close: bool = strawberry.field(description="`ticketClose`.")
    reopen: bool = strawberry.field(description="`ticketReopen`.")
    escalate: bool = strawberry.field(description="`ticketEscalate`.")
    hand_back: bool = strawberry.field(name="return", description="`ticketReturn`.")
    mark_spam: bool = strawberry.field(description="`ticketMarkSpam`.")
    unmark_spam: bool = strawberry.field(description="`ticketUnmarkSpam`.")
    merge: bool = strawberry.field(description="`ticketMerge` into another one.")
    unmerge: bool = strawberry.field(description="`ticketUnmerge`.")
    split: bool = strawberry.field(description="`ticketSplit`.")
    link: bool = strawberry.field(
        description="`ticketLink`, `ticketUnlink` and `ticketIncidentAnswer`."
    )
    delete: bool = strawberry.field(description="`ticketDelete`.")
    restore: bool = strawberry.field(description="`ticketRestore`.")

    @classmethod
    def of(cls, rights: TicketRights) -> Self:
        """Return the rights by their names in the API."""
        return cls(**asdict(rights))
