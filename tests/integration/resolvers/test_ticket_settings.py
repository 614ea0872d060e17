"""Categories, queues and fields, as those who tend the desk set them up."""

from typing import Any

import pytest

from models.errors import (
    InputInvalidError,
    NameTakenError,
    NotFoundError,
    ReachNotHeldError,
    RevisionConflictError,
    TextTooLongError,
    ValueInvalidError,
    ValueRequiredError,
)
from models.rules.reach import Reach
from models.rules.roles import ADMINISTRATOR, AUDITOR, DEVELOPER
from models.rules.scopes import Scope
from models.rules.ticket_fields import RESTORE_FIELDS, FieldType
from models.rules.ticket_states import TicketKind, TicketLine
from models.ticket_categories import TicketCategory
from models.ticket_errors import CategoryInUseError
from models.ticket_fields import TicketField
from models.ticket_queues import TicketQueue
from resolvers.context import NotPermittedError, RequestContext
from resolvers.ports import Ports
from resolvers.ticket_categories import (
    CategoryChanges,
    archive_category,
    categories_by_ids,
    category_tree,
    create_category,
    restore_category,
    update_category,
)
from resolvers.ticket_fields import (
    FieldChanges,
    archive_field,
    create_field,
    field_label,
    field_rows,
    fields_of_kind,
    update_field,
)
from resolvers.ticket_queues import (
    QueueChanges,
    archive_queue,
    create_queue,
    list_queues,
    members_by_queue_ids,
    queues_by_ids,
    restore_queue,
    update_queue,
)
from tests.desk import agent_of, customer_of
from tests.factories import as_person, make_user


@pytest.fixture
async def boss(database: None, ports: Ports) -> RequestContext:
    return await agent_of(ports, ADMINISTRATOR)


async def branch(
    boss: RequestContext, name: str, parent: TicketCategory | None = None, position: int = 0
) -> TicketCategory:
    return await create_category(
        boss,
        name_ru=f"{name}-ру",
        name_en=name,
        parent_id=None if parent is None else parent.id,
        position=position,
    )


async def test_the_tree_is_listed_from_the_top(boss: RequestContext, ports: Ports) -> None:
    second = await branch(boss, "second", position=2)
    first = await branch(boss, "first", position=1)
    b, a = await branch(boss, "b", first), await branch(boss, "a", first)
    leaf = await branch(boss, "leaf", a)
    customer = await customer_of(ports)

    tree = await category_tree(customer)
    assert [each.name("en") for each in tree] == ["first", "a", "leaf", "b", "second"]
    assert tree[0].name("ru") == "first-ру"

    moved = await update_category(
        boss,
        category_id=a.id,
        changes=CategoryChanges(name_en=" A ", parent_id=second.id),
        if_revision=1,
    )
    assert (moved.revision, moved.parent_id) == (2, second.id)
    same = await update_category(boss, category_id=a.id, changes=CategoryChanges(name_en="A"))
    assert same.revision == 2
    with pytest.raises(CategoryInUseError):
        await archive_category(boss, category_id=a.id)
    await archive_category(boss, category_id=leaf.id)
    await archive_category(boss, category_id=a.id)
    assert [each.name("en") for each in await category_tree(customer)] == ["first", "b", "second"]
    assert len(await category_tree(customer, with_archived=True)) == 5
    with pytest.raises(NotFoundError):  # its parent is not in use
        await restore_category(boss, category_id=leaf.id)
    await restore_category(boss, category_id=a.id)
    back = await restore_category(boss, category_id=leaf.id)
    assert (back.archived_at, back.revision) == (None, 3)
    found = await categories_by_ids(customer, [b.id, 1, 2**70])
    assert [each.id if each else None for each in found] == [b.id, None, None]


async def test_a_branch_hangs_neither_below_itself_nor_too_deep(boss: RequestContext) -> None:
    chain = [await branch(boss, "1")]
    for level in range(2, 6):
        chain.append(await branch(boss, str(level), chain[-1]))
    other = await branch(boss, "other")
    for parent in (chain[0], chain[4]):
        with pytest.raises(ValueInvalidError, match="category_loop"):
            await update_category(
                boss, category_id=chain[0].id, changes=CategoryChanges(parent_id=parent.id)
            )
    with pytest.raises(ValueInvalidError, match="category_depth"):
        await branch(boss, "6", chain[-1])
    with pytest.raises(ValueInvalidError, match="category_depth"):
        await update_category(
            boss, category_id=chain[0].id, changes=CategoryChanges(parent_id=other.id)
        )
    await archive_category(boss, category_id=other.id)
    for parent_id in (other.id, 1):
        with pytest.raises(NotFoundError):
            await create_category(boss, name_ru="а", name_en="a", parent_id=parent_id)
    assert await TicketCategory.all().count() == 6


async def test_names_are_there_and_not_too_long(boss: RequestContext) -> None:
    with pytest.raises(InputInvalidError) as refused:
        await create_category(boss, name_ru=" ", name_en="x" * 201)
    assert [each.path for each in refused.value.problems] == [("nameRu",), ("nameEn",)]
    category = await branch(boss, "a")
    with pytest.raises(RevisionConflictError):
        await archive_category(boss, category_id=category.id, if_revision=2)
    with pytest.raises(NotFoundError):
        await update_category(boss, category_id=1, changes=CategoryChanges(position=1))
    with pytest.raises(ValueRequiredError):
        await create_queue(boss, name="", line=TicketLine.FIRST)
    with pytest.raises(TextTooLongError):
        await create_queue(boss, name="x" * 201, line=TicketLine.FIRST)
    assert await TicketQueue.all().count() == 0


async def test_a_queue_has_a_name_a_line_and_people(boss: RequestContext, ports: Ports) -> None:
    agent, developer = await agent_of(ports), await agent_of(ports, DEVELOPER)
    ids = [each.viewer.user_id or 0 for each in (agent, developer)]
    queue = await create_queue(boss, name="Calls", line=TicketLine.FIRST, member_ids=ids)
    with pytest.raises(NameTakenError):
        await create_queue(boss, name="Calls", line=TicketLine.SECOND)
    other = await create_queue(boss, name="Data", line=TicketLine.SECOND)

    assert [each.name for each in await list_queues(developer)] == ["Calls", "Data"]
    assert await members_by_queue_ids(agent, [other.id, queue.id, 1]) == [[], ids, []]
    changes = QueueChanges(name="Phone", member_ids=ids[1:])
    changed = await update_queue(boss, queue_id=queue.id, changes=changes, if_revision=1)
    assert (changed.name, changed.line, changed.revision) == ("Phone", TicketLine.FIRST, 2)
    assert await members_by_queue_ids(agent, [queue.id]) == [ids[1:]]
    same = await update_queue(boss, queue_id=queue.id, changes=changes)
    assert same.revision == 2
    with pytest.raises(NameTakenError):
        await update_queue(boss, queue_id=other.id, changes=QueueChanges(name="Phone"))
    for wrong in (await customer_of(ports), await agent_of(ports, AUDITOR)):
        members = [ids[0], wrong.viewer.user_id or 0]
        with pytest.raises(NotFoundError):
            await update_queue(boss, queue_id=queue.id, changes=QueueChanges(member_ids=members))
    with pytest.raises(NotFoundError):
        await update_queue(boss, queue_id=queue.id, changes=QueueChanges(member_ids=[2**70]))
    assert await members_by_queue_ids(agent, [queue.id]) == [ids[1:]]
    await archive_queue(boss, queue_id=queue.id)
    assert [each.name for each in await list_queues(agent)] == ["Data"]
    assert [each.name for each in await list_queues(agent, with_archived=True)] == [
        "Phone",
        "Data",
    ]
    back = await restore_queue(boss, queue_id=queue.id, if_revision=3)
    assert (back.archived_at, back.revision) == (None, 4)
    with pytest.raises(RevisionConflictError):
        await archive_queue(boss, queue_id=queue.id, if_revision=3)
    found = await queues_by_ids(agent, [queue.id, 1])
    assert [each.id if each else None for each in found] == [queue.id, None]


async def test_fields_are_typed_and_ours_come_first(boss: RequestContext, ports: Ports) -> None:
    given: dict[str, Any] = {"label_ru": "Шкаф", "label_en": "Cabinet"}
    field = await create_field(
        boss, key="cabinet", type=FieldType.CHOICE, choices=["7", " 8 "], **given
    )
    for key in ("cabinet", "restore_what"):
        with pytest.raises(NameTakenError):
            await create_field(boss, key=key, type=FieldType.TEXT, **given)
    for key in ("Cabinet", "", "x" * 65):
        with pytest.raises(ValueInvalidError, match="field_key"):
            await create_field(boss, key=key, type=FieldType.TEXT, **given)
    for type_, choices in (
        (FieldType.CHOICE, []),
        (FieldType.CHOICE, ["a", "a "]),
        (FieldType.CHOICE, [str(number) for number in range(101)]),
        (FieldType.TEXT, ["a"]),
    ):
        with pytest.raises(ValueInvalidError, match="choices"):
            await create_field(boss, key="x", type=type_, choices=choices, **given)
    assert await TicketField.all().count() == 1
    agent = await agent_of(ports)

    assert [each.key for each in await fields_of_kind(agent)] == [
        *(each.key for each in RESTORE_FIELDS),
        "cabinet",
    ]
    [known] = await fields_of_kind(agent, kind=TicketKind.FAULT)
    assert (known.choices, field_label(known, "ru")) == (("7", "8"), "Шкаф")
    assert field_label(RESTORE_FIELDS[0], "en") == "What is to be restored"
    changes = FieldChanges(label_en="Rack", choices=["9"], is_required=True, position=3)
    changed = await update_field(boss, field_id=field.id, changes=changes, if_revision=1)
    assert (changed.label_en, changed.definition.choices, changed.revision) == ("Rack", ("9",), 2)
    with pytest.raises(RevisionConflictError):
        await archive_field(boss, field_id=field.id, if_revision=1)
    with pytest.raises(NotFoundError):
        await update_field(boss, field_id=1, changes=changes)
    await archive_field(boss, field_id=field.id)
    assert await fields_of_kind(agent, kind=TicketKind.FAULT) == []
    assert await field_rows(boss) == []
    assert len(await field_rows(boss, with_archived=True)) == 1
    back = await archive_field(boss, field_id=field.id, is_archived=False)
    assert back.archived_at is None


async def test_the_desk_is_tended_by_administrators_of_everything(
    boss: RequestContext, ports: Ports
) -> None:
    category = await branch(boss, "a")
    queue = await create_queue(boss, name="q", line=TicketLine.FIRST)
    label: dict[str, Any] = {"label_ru": "а", "label_en": "a"}
    company = as_person(ports, await make_user(scopes=frozenset(Scope), reach=Reach.ORGANIZATION))
    for context, error in (
        (await customer_of(ports), NotPermittedError),
        (await agent_of(ports), NotPermittedError),
        (company, ReachNotHeldError),
    ):
        for attempt in (
            create_category(context, name_ru="а", name_en="a"),
            update_category(context, category_id=category.id, changes=CategoryChanges()),
            archive_category(context, category_id=category.id),
            create_queue(context, name="x", line=TicketLine.FIRST),
            update_queue(context, queue_id=queue.id, changes=QueueChanges()),
            archive_queue(context, queue_id=queue.id),
            create_field(context, key="x", type=FieldType.TEXT, **label),
            field_rows(context),
        ):
            with pytest.raises(error):
                await attempt
    for context in (await customer_of(ports), await agent_of(ports, AUDITOR)):
        with pytest.raises(NotPermittedError):
            await list_queues(context)
    assert await TicketQueue.all().count() == 1
    assert (await TicketCategory.get()).revision == 1
