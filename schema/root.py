"""Puts the schema together. `python -m schema.root` prints the SDL."""

import sys
from functools import cache

import strawberry
from graphql import GraphQLError
from strawberry.schema.config import StrawberryConfig
from strawberry.types import ExecutionContext

from schema.access import Access
from schema.api_keys import ApiKeyMutations
from schema.audit_entries import AuditEntryQueries
from schema.clicks import ClickSubscriptions
from schema.context import Info
from schema.costs import Cost
from schema.document_counts import Ceilings
from schema.documents import DocumentCache
from schema.email_changes import EmailChangeMutations
from schema.execution import LeafExecutor
from schema.files import FileMutations, StoredFileType
from schema.handlers import ALL_HANDLERS
from schema.invitations import InvitationMutations, InvitationQueries
from schema.limits import CEILINGS
from schema.link_mutations import LinkMutations
from schema.links import LinkQueries
from schema.lookups import NodeQueries
from schema.operations import Operation
from schema.organization_mutations import OrganizationMutations
from schema.organizations import OrganizationQueries
from schema.passkeys import PasskeyMutations
from schema.passwords import PasswordMutations
from schema.portal import PortalType
from schema.roles import RoleMutations, RoleQueries
from schema.scalars import SCALARS
from schema.second_factors import SecondFactorMutations
from schema.service_calendar_mutations import (
    ServiceCalendarMutations,
    ServiceCalendarPreviewQueries,
)
from schema.service_calendars import ServiceCalendarQueries
from schema.service_policies import ServicePolicyMutations, ServicePolicyQueries
from schema.sessions import SessionMutations
from schema.sign_up import SignUpMutations
from schema.stats import StatsQueries
from schema.ticket_assignments import TicketAssigneeQueries, TicketAssignmentMutations
from schema.ticket_categories import TicketCategoryMutations, TicketCategoryQueries
from schema.ticket_conversation import TicketConversationMutations
from schema.ticket_deletions import TicketDeletionMutations
from schema.ticket_edits import TicketEditMutations
from schema.ticket_field_definitions import (
    TicketFieldDefinitionQueries,
    TicketFieldMutations,
)
from schema.ticket_fields import TicketFieldQueries
from schema.ticket_links import TicketLinkMutations
from schema.ticket_merges import TicketMergeMutations
from schema.ticket_moves import TicketMoveMutations
from schema.ticket_queues import QueueMutations, QueueQueries
from schema.ticket_subscriptions import TicketSubscriptions
from schema.ticket_transfers import TicketTransferMutations
from schema.tickets import TicketQueries
from schema.user_lists import UserQueries
from schema.user_mutations import UserMutations
from schema.users import UserType, ViewerType


@strawberry.type(description="Everything that can be read.")
class Query(
    NodeQueries,
    LinkQueries,
    StatsQueries,
    AuditEntryQueries,
    UserQueries,
    OrganizationQueries,
    RoleQueries,
    InvitationQueries,
    TicketQueries,
    TicketAssigneeQueries,
    TicketCategoryQueries,
    TicketFieldQueries,
    TicketFieldDefinitionQueries,
    QueueQueries,
    ServiceCalendarQueries,
    ServiceCalendarPreviewQueries,
    ServicePolicyQueries,
):
    @strawberry.field(
        description="The signed-in person; null for an anonymous visitor: the one question by "
        "which a front end learns whether anyone is signed in."
    )
    async def viewer(self, info: Info) -> ViewerType | None:
        return await ViewerType.load(info)

    @strawberry.field(description="The installation.")
    def portal(self, info: Info) -> PortalType:
        return PortalType.of(info.context.portal)


@strawberry.type(description="Everything that can be changed.")
class Mutation(
    LinkMutations,
    ApiKeyMutations,
    SessionMutations,
    PasswordMutations,
    EmailChangeMutations,
    SignUpMutations,
    SecondFactorMutations,
    PasskeyMutations,
    UserMutations,
    OrganizationMutations,
    RoleMutations,
    InvitationMutations,
    FileMutations,
    TicketConversationMutations,
    TicketMoveMutations,
    TicketEditMutations,
    TicketAssignmentMutations,
    TicketMergeMutations,
    TicketLinkMutations,
    TicketDeletionMutations,
    TicketTransferMutations,
    TicketCategoryMutations,
    TicketFieldMutations,
    QueueMutations,
    ServiceCalendarMutations,
    ServicePolicyMutations,
): ...


@strawberry.type(description="Everything that can be watched, over a WebSocket.")
class Subscription(ClickSubscriptions, TicketSubscriptions): ...


class PortalSchema(strawberry.Schema):
    """Says nothing of errors: schema.failures logs those that are ours, once."""

    def process_errors(
        self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None
    ) -> None:
        """See strawberry.schema.BaseSchema; the stock one logs the whole document."""


def build_schema(*, sort: bool = False, ceilings: Ceilings = CEILINGS) -> PortalSchema:
    """Build the schema.

    Args:
        ceilings: of the documents that it answers.
        sort: for printing only; a sorted schema of strawberry 0.341 cannot
            execute a field that returns a union.
    """
    documents = DocumentCache(ceilings=ceilings)
    return PortalSchema(
        query=Query,
        mutation=Mutation,
        subscription=Subscription,
        types=[UserType, StoredFileType, Access, Cost],
        exception_handlers=ALL_HANDLERS,
        execution_context_class=LeafExecutor,
        extensions=[lambda: Operation(documents)],
        config=StrawberryConfig(scalar_map=SCALARS, sort_schema=sort),
    )


@cache
def served_schema() -> PortalSchema:
    """Return the schema of this process, built once; its cached documents go with it."""
    return build_schema()


if __name__ == "__main__":
    sys.stdout.write(build_schema(sort=True).as_str() + "\n")
