"""What stands behind the ports of files, chosen by the settings."""

from api.adapters.clamd_scanner import ClamdScanner
from api.adapters.disk_blobs import DiskBlobs
from api.settings import Settings
from resolvers.file_ports import FilePolicy


def blob_store(settings: Settings) -> DiskBlobs:
    """Return the store of what files contain; nothing is made before the first one comes."""
    return DiskBlobs(settings.files_dir, reserve_bytes=settings.file_disk_reserve_bytes)


def file_policy(settings: Settings) -> FilePolicy:
    """Return what the operator decided about files."""
    is_scanned = bool(settings.clamd_url)
    unscanned = settings.file_unscanned
    return FilePolicy(
        max_bytes=settings.file_max_bytes,
        quota_bytes=settings.file_quota_bytes,
        takes_programs=settings.file_programs,
        is_scanned=is_scanned,
        serves_unscanned=not is_scanned if unscanned is None else unscanned,
    )


def virus_scanner(settings: Settings) -> ClamdScanner | None:
    """Return the scanner, None where there is none."""
    return ClamdScanner(settings.clamd_url) if settings.clamd_url else None
