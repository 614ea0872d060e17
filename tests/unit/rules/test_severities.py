"""The table of severities says something about everything, and what one would expect."""

from itertools import product

import pytest

from models.rules.severities import (
    SEVERITIES,
    SeverityInputs,
    TicketEffect,
    TicketImpact,
    TicketSeverity,
    TicketWorkaround,
    severity_of,
)

ORDER = list(TicketSeverity)  # the worst first
IMPACTS = list(TicketImpact)
WORKAROUNDS = list(TicketWorkaround)


def test_every_case_has_a_severity_and_there_are_no_others() -> None:
    assert set(SEVERITIES) == set(product(TicketEffect, TicketImpact, TicketWorkaround))


@pytest.mark.parametrize(
    ("effect", "impact", "workaround", "severity"),
    [
        ("DATA_AT_RISK", "ONE", "NONE", "CRITICAL"),
        ("DATA_AT_RISK", "ONE", "EASY", "MAJOR"),
        ("STOPPED", "EVERYBODY", "HARD", "CRITICAL"),
        ("STOPPED", "SEVERAL", "HARD", "MAJOR"),
        ("STOPPED", "ONE", "NONE", "MAJOR"),
        ("STOPPED", "SEVERAL", "EASY", "MINOR"),
        ("HINDERED", "EVERYBODY", "NONE", "MAJOR"),
        ("HINDERED", "ONE", "NONE", "MINOR"),
        ("HINDERED", "ONE", "EASY", "MINOR"),
        ("COSMETIC", "EVERYBODY", "NONE", "USABILITY"),
    ],
)
def test_known_cases(effect: str, impact: str, workaround: str, severity: str) -> None:
    inputs = SeverityInputs(
        effect=TicketEffect(effect),
        impact=TicketImpact(impact),
        workaround=TicketWorkaround(workaround),
    )

    assert inputs.severity == severity


@pytest.mark.parametrize("effect", TicketEffect)
def test_fewer_people_and_an_easier_way_round_make_nothing_worse(effect: TicketEffect) -> None:
    for impact, workaround in product(TicketImpact, TicketWorkaround):
        here = ORDER.index(severity_of(effect, impact, workaround))
        for fewer in IMPACTS[IMPACTS.index(impact) :]:
            for easier in WORKAROUNDS[WORKAROUNDS.index(workaround) :]:
                assert ORDER.index(severity_of(effect, fewer, easier)) >= here
