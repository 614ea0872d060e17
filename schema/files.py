"""GraphQL face of files."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Final, Self, TypeAlias

import strawberry

from models.files import FileOwnerKind, ScanStatus, StoredFile
from models.rules.media_types import is_shown, may_run
from models.rules.scopes import Scope
from resolvers.file_addresses import file_address
from resolvers.file_deletions import delete_file
from resolvers.file_lists import files_by_ids
from resolvers.file_uploads import begin_upload
from schema.access import requires
from schema.context import Info
from schema.enums import describe_enum
from schema.file_problems import FileTooLargeProblem, FileTypeProblem, StorageFullProblem
from schema.lookups import add_loader
from schema.nodes import Node, encode_id, row_id_of
from schema.problems import (
    ForbiddenProblem,
    NotFoundProblem,
    QuotaExceededProblem,
    RateLimitedProblem,
    ValidationProblem,
)
from schema.scalars import Count, Url
from schema.users import UserType

FILES_PATH: Final = "/files"  # routes of api.file_uploads and api.file_downloads

describe_enum(
    ScanStatus,
    {
        ScanStatus.PENDING: "The scanner has not looked yet.",
        ScanStatus.CLEAN: "The scanner found nothing.",
        ScanStatus.INFECTED: "The scanner found a virus: nobody can fetch the file.",
        ScanStatus.UNSCANNED: "There is no scanner, or it could not look at this file.",
    },
    description="What a virus scanner said of a file.",
)


@strawberry.type(
    name="StoredFile",
    description="A file that somebody sent. Until something refers to it, only who sent it sees "
    "it, and it is deleted after a day.",
)
class StoredFileType(Node):
    name: str = strawberry.field(
        description="As it was sent, without folders, hidden characters and what file systems do "
        "not take."
    )
    media_type: str = strawberry.field(
        description="What the content is, as in `image/png`; `application/octet-stream` where "
        "nobody knows. Neither the name nor the sender decides it."
    )
    bytes: Count = strawberry.field(description="Size of the content.")
    sha256: str = strawberry.field(description="SHA-256 of the content, in hex.")
    scan_status: ScanStatus = strawberry.field(description="What a virus scanner said.")
    is_shown: bool = strawberry.field(
        description="Whether a browser shows it at `url`: PNG, JPEG, GIF and WebP. It saves "
        "everything else."
    )
    may_run: bool = strawberry.field(
        description="Whether opening it may run something: a program, a script, a page, a document "
        "with macros. Warn before it is opened."
    )
    created_at: datetime = strawberry.field(description="When it was sent.")
    expires_at: datetime | None = strawberry.field(
        description="When it is deleted, unless something refers to it by then; null for never."
    )
    row: strawberry.Private[StoredFile]

    @classmethod
    def of(cls, row: StoredFile) -> Self:
        """Return the file of a row whose content is loaded, and which the viewer may see."""
        blob = row.blob
        return cls(
            id=encode_id("StoredFile", row.id),
            name=row.name,
            media_type=blob.media_type,
            bytes=Count(blob.bytes),
            sha256=blob.sha256,
            scan_status=blob.scan_status,
            is_shown=is_shown(blob.media_type),
            may_run=may_run(blob.media_type, row.name),
            created_at=row.created_at,
            expires_at=row.expires_at,
            row=row,
        )

    @strawberry.field(
        description="Where it can be fetched for five minutes, 20 times at most, without any other "
        "credential: do not keep it, ask again. Null where nobody may fetch it: a virus was "
        "found, or it is not scanned yet.",
        **requires(Scope.FILE_READ),
    )
    def url(self, info: Info) -> Url | None:
        token = file_address(info.context, self.row)
        return None if token is None else _address(info, token)

    @strawberry.field(
        description="Who sent it; null for what came by mail, and when the account is gone."
    )
    async def uploader(self, info: Info) -> UserType | None:
        if self.row.uploader_id is None:
            return None
        try:
            user = await info.context.loaders.user.load(self.row.uploader_id)
        except LookupError:
            return None
        return UserType.of(user, info)


@strawberry.input(description="What is known of a file before it is sent.")
class FileUploadBeginInput:
    name: str = strawberry.field(description="Of the file, at most 1000 characters.")
    bytes: Count = strawberry.field(description="Its exact size.")
    media_type: str | None = strawberry.field(
        default=None,
        description="What the sender takes it for; the content decides.",
    )
    sha256: str | None = strawberry.field(
        default=None, description="Of the content, in hex: compared with what arrives."
    )


@strawberry.type(description="The file may be sent now.")
class FileUploadBeginSuccess:
    url: Url = strawberry.field(
        description="Send the bytes of the file there by POST, with the header Linkyard-Client "
        "where the browser has the cookie of a session. It works once, for this file alone; a "
        "transfer that broke off may begin anew. The answer is `{file: {id}}`."
    )
    expires_at: datetime = strawberry.field(
        description="By then the file has to be there, or it is begun anew."
    )


FileUploadBeginResult: TypeAlias = Annotated[
    FileUploadBeginSuccess
    | FileTooLargeProblem
    | FileTypeProblem
    | QuotaExceededProblem
    | StorageFullProblem
    | ValidationProblem
    | RateLimitedProblem
    | ForbiddenProblem,
    strawberry.union("FileUploadBeginResult", description="The address, or the reason why not."),
]


@strawberry.input(description="Which file is to be deleted.")
class FileDeleteInput:
    id: strawberry.ID = strawberry.field(description="Of the file.")


@strawberry.type(description="The file is deleted.")
class FileDeleteSuccess:
    deleted_id: strawberry.ID = strawberry.field(description="Of the file.")


FileDeleteResult: TypeAlias = Annotated[
    FileDeleteSuccess | NotFoundProblem | ForbiddenProblem,
    strawberry.union("FileDeleteResult", description="The id, or the reason why not."),
]


@strawberry.type
class FileMutations:
    @strawberry.mutation(
        description="Ask where to send a file. Whoever calls with a key may also send it at once, "
        "by POST to `/files?name=...`.",
        **requires(Scope.FILE_WRITE, cost=10),
    )
    async def file_upload_begin(
        self,
        info: Info,
        input: Annotated[FileUploadBeginInput, strawberry.argument(description="The file.")],
    ) -> FileUploadBeginResult:
        started = await begin_upload(
            info.context,
            name=input.name,
            bytes=input.bytes,
            media_type=input.media_type,
            sha256=input.sha256,
        )
        return FileUploadBeginSuccess(
            url=_address(info, started.token), expires_at=started.expires_at
        )

    @strawberry.mutation(
        description="Delete a file of yours that nothing refers to yet.",
        **requires(Scope.FILE_WRITE),
    )
    async def file_delete(
        self,
        info: Info,
        input: Annotated[FileDeleteInput, strawberry.argument(description="Which one.")],
    ) -> FileDeleteResult:
        file = await delete_file(info.context, file_id=row_id_of(input.id, "StoredFile") or 0)
        return FileDeleteSuccess(deleted_id=encode_id("StoredFile", file.id))


def file_row_ids(ids: Sequence[strawberry.ID]) -> list[int]:
    """Return the row ids of files that are to be attached; 0, which no row has, for others."""
    return [row_id_of(each, "StoredFile") or 0 for each in ids]


async def files_of(info: Info, kind: FileOwnerKind, owner_id: int) -> list[StoredFileType]:
    """Return the files of a thing that the viewer sees; those of many things in one query."""
    rows = await info.context.loaders.files.load((kind, owner_id))
    return [StoredFileType.of(row) for row in rows]


def _address(info: Info, token: str) -> Url:
    return Url(f"{info.context.portal.public_url}{FILES_PATH}/{token}")


async def _files(ids: Sequence[int], info: Info) -> dict[int, Node]:
    """Your own that nothing refers to, and those of what you may see."""
    return {row.id: StoredFileType.of(row) for row in await files_by_ids(info.context, ids)}


add_loader("StoredFile", _files)
