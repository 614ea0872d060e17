"""What wants a fresh proof of identity: the one list that the tests compare with the schema."""

from collections.abc import Mapping
from typing import Final

# Documents with `$id` of somebody's thing and `$other` of another person, by mutation.
ASKS: Final[Mapping[str, str]] = {
    "apiKeyCreate": 'mutation { apiKeyCreate(input: {label: "x"}) { __typename } }',
    "invitationCreate": (
        'mutation { invitationCreate(input: {email: "b@people.test", role: "administrator", '
        'locale: "en"}) { __typename } }'
    ),
    "linksTransfer": (
        "mutation ($id: ID!, $other: ID!) { linksTransfer(input: "
        "{fromUserId: $id, toUserId: $other}) { __typename } }"
    ),
    "organizationActivate": "mutation ($id: ID!) { organizationActivate(input: {id: $id}) "
    "{ __typename } }",
    "organizationDeactivate": "mutation ($id: ID!) { organizationDeactivate(input: {id: $id}) "
    "{ __typename } }",
    "roleCreate": (
        'mutation { roleCreate(input: {name: "x", reach: OWN, scopes: [LINK_READ]}) '
        "{ __typename } }"
    ),
    "roleDelete": "mutation ($id: ID!) { roleDelete(input: {id: $id}) { __typename } }",
    "roleUpdate": (
        "mutation ($id: ID!) { roleUpdate(input: {id: $id, scopes: [LINK_READ, LINK_WRITE]}) "
        "{ __typename } }"
    ),
    "ticketsTransfer": (
        "mutation ($id: ID!, $other: ID!) { ticketsTransfer(input: "
        "{fromId: $id, toId: $other}) { __typename } }"
    ),
    "userActivate": "mutation ($id: ID!) { userActivate(input: {id: $id}) { __typename } }",
    "userDeactivate": "mutation ($id: ID!) { userDeactivate(input: {id: $id}) { __typename } }",
    "userErase": "mutation ($id: ID!) { userErase(input: {id: $id}) { __typename } }",
    "userSecondFactorReset": "mutation ($id: ID!) { userSecondFactorReset(input: {id: $id}) "
    "{ __typename } }",
    "userUpdate": (
        'mutation ($id: ID!) { userUpdate(input: {id: $id, role: "administrator"}) { __typename } }'
    ),
}
# What tends the desk, by mutation: nobody gets a right by it.
_DESK: Final = (
    "queueArchive",
    "queueCreate",
    "queueRestore",
    "queueUpdate",
    "serviceCalendarCreate",
    "serviceCalendarPublish",
    "serviceCalendarRename",
    "servicePolicyArchive",
    "servicePolicyCreate",
    "servicePolicyPublish",
    "ticketCategoryArchive",
    "ticketCategoryCreate",
    "ticketCategoryRestore",
    "ticketCategoryUpdate",
    "ticketDelete",
    "ticketFieldArchive",
    "ticketFieldCreate",
    "ticketFieldRestore",
    "ticketFieldUpdate",
    "ticketRestore",
)
# Needs USER_ADMIN and no fresh proof; each with the reason.
FREE: Final[Mapping[str, str]] = {
    "invitationResend": "goes to the address that was chosen with a proof, for the same role",
    "invitationRevoke": "takes away what nobody has yet; the letter can be sent anew",
    "organizationCreate": "has no people, and so gives nobody a right",
    "organizationUpdate": "name, kind and quotas: gives nobody a right, and can be undone",
    **dict.fromkeys(_DESK, "gives nobody a right, and can be undone or made anew"),
}
NOUNS: Final[Mapping[str, str]] = {
    "organizationActivate": "Organization",
    "organizationDeactivate": "Organization",
    "roleDelete": "Role",
    "roleUpdate": "Role",
}  # others are about a person
