"""How severe a ticket is: one decision table of what happens, to how many, and the way round it.

Nobody picks a severity. They say what they see, the table decides, and the answers are kept
with the ticket, so that two people who saw the same give it the same severity.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class TicketSeverity(StrEnum):
    """Stored by name; never renamed or reused."""

    CRITICAL = "CRITICAL"
    MAJOR = "MAJOR"
    MINOR = "MINOR"
    USABILITY = "USABILITY"


class TicketEffect(StrEnum):
    """What happens to the work."""

    DATA_AT_RISK = "DATA_AT_RISK"
    STOPPED = "STOPPED"
    HINDERED = "HINDERED"
    COSMETIC = "COSMETIC"


class TicketImpact(StrEnum):
    """How many people it happens to."""

    EVERYBODY = "EVERYBODY"
    SEVERAL = "SEVERAL"
    ONE = "ONE"


class TicketWorkaround(StrEnum):
    """Whether the work can be done in another way."""

    NONE = "NONE"
    HARD = "HARD"
    EASY = "EASY"


_C, _M, _m, _U = TicketSeverity
_IMPACTS: Final = (TicketImpact.EVERYBODY, TicketImpact.SEVERAL, TicketImpact.ONE)
# A row for each effect and workaround, a column for each impact in the order above.
_ROWS: Final[Mapping[tuple[TicketEffect, TicketWorkaround], tuple[TicketSeverity, ...]]] = {
    (TicketEffect.DATA_AT_RISK, TicketWorkaround.NONE): (_C, _C, _C),
    (TicketEffect.DATA_AT_RISK, TicketWorkaround.HARD): (_C, _C, _C),
    (TicketEffect.DATA_AT_RISK, TicketWorkaround.EASY): (_C, _C, _M),
    (TicketEffect.STOPPED, TicketWorkaround.NONE): (_C, _C, _M),
    (TicketEffect.STOPPED, TicketWorkaround.HARD): (_C, _M, _M),
    (TicketEffect.STOPPED, TicketWorkaround.EASY): (_M, _m, _m),
    (TicketEffect.HINDERED, TicketWorkaround.NONE): (_M, _M, _m),
    (TicketEffect.HINDERED, TicketWorkaround.HARD): (_M, _m, _m),
    (TicketEffect.HINDERED, TicketWorkaround.EASY): (_m, _m, _m),
    (TicketEffect.COSMETIC, TicketWorkaround.NONE): (_U, _U, _U),
    (TicketEffect.COSMETIC, TicketWorkaround.HARD): (_U, _U, _U),
    (TicketEffect.COSMETIC, TicketWorkaround.EASY): (_U, _U, _U),
}
SEVERITIES: Final = MappingProxyType(
    {
        (effect, impact, workaround): severity
        for (effect, workaround), severities in _ROWS.items()
        for impact, severity in zip(_IMPACTS, severities, strict=True)
    }
)


def severity_of(
    effect: TicketEffect, impact: TicketImpact, workaround: TicketWorkaround
) -> TicketSeverity:
    """Return what the table says."""
    return SEVERITIES[effect, impact, workaround]


@dataclass(frozen=True, slots=True, kw_only=True)
class SeverityInputs:
    """What somebody says about a fault, for the table."""

    effect: TicketEffect
    impact: TicketImpact
    workaround: TicketWorkaround

    @property
    def severity(self) -> TicketSeverity:
        """What the table says."""
        return severity_of(self.effect, self.impact, self.workaround)
