"""What a virus scanner says decides, however often it has to be asked."""

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from api.adapters.clamd_scanner import ClamdScanner
from api.metrics import Metrics, render
from api.workers.scans import ScanWorker
from models.audit_entries import AuditEntry
from models.errors import NotFoundError
from models.files import Blob, ScanStatus, StoredFile
from resolvers.context import RequestContext
from resolvers.file_addresses import file_address, open_address
from resolvers.file_ports import FilePolicy
from resolvers.file_scans import (
    LEASE,
    MAX_REFUSALS,
    ScanOutcome,
    claim_scans,
    scan_content,
)
from resolvers.ports import Ports
from tests.clamd_server import MALFORMED, Clamd, clamd
from tests.factories import as_nobody, make_user
from tests.fakes import FixedClock
from tests.files import EICAR, PNG, send_file
from tests.sign_ins import as_session, logged

STRICT = FilePolicy(is_scanned=True, serves_unscanned=False)


@pytest.fixture
async def ada(database: None, ports: Ports) -> RequestContext:
    return await as_session(replace(ports, files=STRICT), await make_user())


async def scan(context: RequestContext, server: Clamd) -> list[ScanOutcome]:
    """Scan all that is due, once each."""
    scanner = ClamdScanner(server.url, connect_s=2.0, silence_s=2.0)
    claims = await claim_scans(context, limit=10)
    return [await scan_content(context, claim, scanner=scanner) for claim in claims]


async def test_a_file_is_handed_out_once_the_scanner_found_nothing(ada: RequestContext) -> None:
    file = await send_file(ada, PNG)
    assert file.blob.scan_status is ScanStatus.PENDING
    assert file_address(ada, file) is None

    async with clamd() as server:
        assert await scan(ada, server) == [ScanOutcome.CLEAN]
        assert await scan(ada, server) == []

    assert server.streams == [PNG]
    blob = await Blob.get()
    assert (blob.scan_status, blob.scan_verdict, blob.scan_due_at) == (ScanStatus.CLEAN, "", None)
    assert blob.scanned_at == ada.ports.clock.now()
    file.blob = blob
    assert file_address(ada, file) is not None


async def test_a_virus_is_kept_from_everybody_under_all_its_names(ada: RequestContext) -> None:
    lax = replace(ada, ports=replace(ada.ports, files=FilePolicy(is_scanned=True)))
    first, second = await send_file(lax, EICAR), await send_file(lax, EICAR, name="b.txt")
    token = file_address(lax, first) or ""
    assert (await open_address(as_nobody(lax.ports), token)).file.id == first.id

    async with clamd() as server:
        assert await scan(ada, server) == [ScanOutcome.INFECTED]

    blob = await Blob.get()
    assert (blob.scan_status, blob.scan_verdict) == (ScanStatus.INFECTED, "Eicar-Test-Signature")
    with pytest.raises(NotFoundError):
        await open_address(as_nobody(lax.ports), token)
    entries = await AuditEntry.filter(action="stored_file.infected").order_by("subject_id")
    assert [entry.subject_id for entry in entries] == [first.id, second.id]
    assert json.loads(entries[0].after)["signature"] == "Eicar-Test-Signature"
    again = await send_file(lax, EICAR, name="c.txt")
    assert again.blob.scan_status is ScanStatus.INFECTED
    assert file_address(lax, again) is None
    entries = await AuditEntry.filter(action="stored_file.infected").order_by("-id")
    assert (entries[0].subject_id, len(entries)) == (again.id, 3)
    assert json.loads(entries[0].after) == {"name": "c.txt", "signature": "Eicar-Test-Signature"}


async def test_a_scanner_that_is_away_delays_and_condemns_nothing(
    ada: RequestContext, clock: FixedClock
) -> None:
    await send_file(ada, PNG)

    async with clamd() as server:
        server.answer = b""
        for wait_s in (5, 30, 120, 600, 600, 600, 600):
            assert await scan(ada, server) == [ScanOutcome.AWAY]
            clock.at += timedelta(seconds=wait_s - 1)
            assert await scan(ada, server) == []
            clock.at += timedelta(seconds=1)
        assert (await Blob.get()).scan_status is ScanStatus.PENDING
        server.answer = None
        assert await scan(ada, server) == [ScanOutcome.CLEAN]


async def test_what_the_scanner_refuses_stays_unscanned_with_the_reason(
    ada: RequestContext, clock: FixedClock
) -> None:
    file = await send_file(ada, PNG)

    async with clamd() as server:
        server.answer = MALFORMED
        for _ in range(MAX_REFUSALS):
            assert await scan(ada, server) == [ScanOutcome.REFUSED]
            clock.at += timedelta(hours=1)
        assert await scan(ada, server) == []

    file.blob = await Blob.get()
    assert file.blob.scan_status is ScanStatus.UNSCANNED
    assert file.blob.scan_verdict == "stream: Can't allocate memory ERROR"
    assert file_address(ada, file) is None


async def test_what_is_too_long_for_the_scanner_is_sent_to_it_once(ada: RequestContext) -> None:
    await send_file(ada, bytes(300_000), name="long.bin")

    async with clamd() as server:
        server.max_stream_bytes = 1000
        assert await scan(ada, server) == [ScanOutcome.REFUSED]

    blob = await Blob.get()
    assert (blob.scan_status, blob.scan_due_at) == (ScanStatus.UNSCANNED, None)
    assert blob.scan_verdict == "INSTREAM size limit exceeded. ERROR"


async def test_a_worker_that_died_with_a_claim_loses_it(
    ada: RequestContext, clock: FixedClock
) -> None:
    await send_file(ada, PNG)
    [dead] = await claim_scans(ada, limit=1)
    assert await claim_scans(ada, limit=1) == []
    clock.at += LEASE
    [taken] = await claim_scans(ada, limit=1)

    async with clamd() as server:
        scanner = ClamdScanner(server.url)
        assert await scan_content(ada, taken, scanner=scanner) is ScanOutcome.CLEAN
        server.answer = b"stream: Late FOUND\0"
        await scan_content(ada, dead, scanner=scanner)

    assert (await Blob.get()).scan_status is ScanStatus.CLEAN
    assert "stored_file.infected" not in await logged()


async def test_a_content_that_lies_elsewhere_or_is_gone_waits(ada: RequestContext) -> None:
    file = await send_file(ada, PNG)
    await ada.ports.blobs.remove(file.blob.sha256)

    async with clamd() as server:
        assert await scan(ada, server) == [ScanOutcome.GONE]

    assert server.streams == []
    assert (await Blob.get()).scan_status is ScanStatus.PENDING


async def test_files_that_came_before_there_was_a_scanner_are_scanned_by_the_worker(
    ada: RequestContext, ports: Ports, tmp_path: Path
) -> None:
    before = replace(ada, ports=ports)
    files = [await send_file(before, content) for content in (PNG, EICAR, b"words")]
    assert {file.blob.scan_status for file in files} == {ScanStatus.UNSCANNED}
    await Blob.filter(id=files[-1].blob_id).update(scan_verdict="too long")

    async with clamd() as server:
        metrics = Metrics(tmp_path)
        worker = ScanWorker(ada, scanner=ClamdScanner(server.url), metrics=metrics)
        await worker.step()
        await worker.finish()
        metrics.close()

    statuses = {row.blob.scan_status async for row in StoredFile.all().select_related("blob")}
    assert statuses == {ScanStatus.CLEAN, ScanStatus.INFECTED, ScanStatus.UNSCANNED}
    assert sorted(server.streams) == sorted([PNG, EICAR])
    counted = render(tmp_path).decode()
    assert 'linkyard_file_scans_total{outcome="clean"} 1.0' in counted
    assert 'linkyard_file_scans_total{outcome="infected"} 1.0' in counted
