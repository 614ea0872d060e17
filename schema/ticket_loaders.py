"""Batches of look-ups about tickets, within one operation."""

from collections.abc import Mapping, Sequence
from functools import cached_property, partial

from strawberry.dataloader import DataLoader

from models.rules.ticket_fields import FieldDefinition, FieldValue
from models.service_clocks import ServiceClockEntry
from models.ticket_categories import TicketCategory
from models.ticket_queues import TicketQueue
from models.tickets import Ticket, TicketLink
from resolvers.context import RequestContext
from resolvers.paging import Page, PageWindow
from resolvers.service_calendars import ServiceCalendarView, calendars_by_ids
from resolvers.service_clocks import ClockView, clocks_by_ticket_ids, logs_by_clock_ids
from resolvers.service_policies import ServicePolicyView, policies_by_ids
from resolvers.ticket_categories import categories_by_ids
from resolvers.ticket_field_values import fields_by_ticket_ids, fields_of_kind
from resolvers.ticket_followers import (
    followers_by_ticket_ids,
    links_by_ticket_ids,
    tags_by_ticket_ids,
)
from resolvers.ticket_lists import tickets_by_ids
from resolvers.ticket_queues import members_by_queue_ids, queues_by_ids
from resolvers.ticket_timeline import TimelineEntry, count_timelines, timeline_pages


class TicketLoaders:
    """Each is made when it is first used; what the viewer may not see is None or empty."""

    def __init__(self, context: RequestContext) -> None:
        self._context = context

    @cached_property
    def ticket(self) -> DataLoader[int, Ticket | None]:
        """Tickets by row id."""
        return DataLoader(load_fn=partial(tickets_by_ids, self._context))

    @cached_property
    def category(self) -> DataLoader[int, TicketCategory | None]:
        """Categories by row id, archived ones, too."""
        return DataLoader(load_fn=partial(categories_by_ids, self._context))

    @cached_property
    def queue(self) -> DataLoader[int, TicketQueue | None]:
        """Queues by row id, archived ones, too."""
        return DataLoader(load_fn=partial(queues_by_ids, self._context))

    @cached_property
    def members(self) -> DataLoader[int, list[int]]:
        """Row ids of the members of queues."""
        return DataLoader(load_fn=partial(members_by_queue_ids, self._context))

    @cached_property
    def tags(self) -> DataLoader[int, list[str]]:
        """Tags by their ticket's row id."""
        return DataLoader(load_fn=partial(tags_by_ticket_ids, self._context))

    @cached_property
    def followers(self) -> DataLoader[int, list[int]]:
        """Row ids of followers by their ticket's row id."""
        return DataLoader(load_fn=partial(followers_by_ticket_ids, self._context))

    @cached_property
    def field_values(self) -> DataLoader[int, Mapping[str, FieldValue]]:
        """What tickets hold in custom fields, by their row id."""
        return DataLoader(load_fn=partial(fields_by_ticket_ids, self._context))

    @cached_property
    def links(self) -> DataLoader[int, list[TicketLink]]:
        """Links by the row id of either of their tickets."""
        return DataLoader(load_fn=partial(links_by_ticket_ids, self._context))

    @cached_property
    def clocks(self) -> DataLoader[int, list[ClockView]]:
        """Clocks of the service terms by their ticket's row id."""
        return DataLoader(load_fn=partial(clocks_by_ticket_ids, self._context))

    @cached_property
    def clock_log(self) -> DataLoader[int, list[ServiceClockEntry]]:
        """What happened to clocks of the service terms, by their row id."""
        return DataLoader(load_fn=partial(logs_by_clock_ids, self._context))

    @cached_property
    def calendar(self) -> DataLoader[int, ServiceCalendarView | None]:
        """Working calendars by row id."""
        return DataLoader(load_fn=partial(calendars_by_ids, self._context))

    @cached_property
    def policy(self) -> DataLoader[int, ServicePolicyView | None]:
        """Policies of service by row id, archived ones, too."""
        return DataLoader(load_fn=partial(policies_by_ids, self._context))

    @cached_property
    def definitions(self) -> DataLoader[None, Sequence[FieldDefinition]]:
        """All custom fields that there are."""

        async def load(keys: list[None]) -> list[Sequence[FieldDefinition]]:
            return [await fields_of_kind(self._context)] * len(keys)

        return DataLoader(load_fn=load)

    @cached_property
    def timeline_count(self) -> DataLoader[int, int]:
        """How many entries the timelines of tickets have, by their row id."""
        return DataLoader(load_fn=partial(count_timelines, self._context))

    @cached_property
    def timeline(self) -> DataLoader[tuple[int, PageWindow], Page[TimelineEntry]]:
        """Pages of timelines, by their ticket's row id: one batch for each window."""

        async def load(keys: list[tuple[int, PageWindow]]) -> list[Page[TimelineEntry]]:
            found: dict[tuple[int, PageWindow], Page[TimelineEntry]] = {}
            for window in dict.fromkeys(window for _, window in keys):
                ids = [ticket_id for ticket_id, each in keys if each == window]
                pages = await timeline_pages(self._context, ticket_ids=ids, window=window)
                found |= {(key, window): page for key, page in zip(ids, pages, strict=True)}
            return [found[key] for key in keys]

        return DataLoader(load_fn=load)
