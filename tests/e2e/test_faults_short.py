"""The fault scenarios of `make faults`, with few repetitions."""

import os

import pytest

from benchmarks.faults.findings import Findings
from benchmarks.faults.scenarios import SCENARIOS

_IS_STANDARD = "TEST_POSTGRES_SERVER" in os.environ
_HERE = [
    name
    for name, scenario in SCENARIOS.items()
    if scenario.is_in_tests and scenario.is_standard == _IS_STANDARD
]


@pytest.mark.parametrize("name", _HERE)
async def test_a_fault_costs_only_what_it_must(name: str) -> None:
    findings = Findings()

    await SCENARIOS[name].run(findings, True)  # noqa: FBT003 - the short form

    assert findings.failures == []
    assert len(findings.lines) > 3
