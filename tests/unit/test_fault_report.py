"""The page of `make faults`, and how one section of it is put anew."""

from benchmarks.faults.findings import Findings
from benchmarks.faults.report import Outcome, page_of, section, sections_of

ORDER = ("kills", "kills-standard", "heads")


def outcome(name: str, *, lost: int = 0) -> Outcome:
    findings = Findings()
    findings.none_of("answered, not stored", [f"id|{number}" for number in range(lost)])
    return Outcome(name, "what is done", 1.4, findings)


def test_a_section_says_what_was_seen_and_when() -> None:
    shown = section(outcome("kills", lost=1)).split("\n")

    assert shown[0] == "## kills: what is done"
    assert shown[4].startswith("| answered, not stored | 1: ")
    assert shown[4].endswith(" | 0 | FAILED |")
    assert "id\\|0" in shown[4]
    assert shown[-1].startswith("Took 1 s on 2")


def test_one_scenario_alone_replaces_its_own_section_alone() -> None:
    whole = page_of({name: section(outcome(name, lost=1)) for name in ORDER}, order=ORDER)
    sections = sections_of(whole)

    anew = page_of(sections | {"kills": section(outcome("kills"))}, order=ORDER)

    assert whole.count("FAILED") == 3
    assert anew.count("FAILED") == 2
    assert list(sections_of(anew)) == list(ORDER)
    assert sections_of(anew)["heads"] == sections["heads"]
    assert "FAILED" not in sections_of(anew)["kills"]


def test_scenarios_that_are_gone_leave_the_page() -> None:
    whole = page_of({name: section(outcome(name)) for name in ORDER}, order=ORDER)

    assert list(sections_of(page_of(sections_of(whole), order=("heads",)))) == ["heads"]
