"""Why a file is refused: a GraphQL type for each reason of its own."""

from typing import Final, Self

import strawberry

from models.file_errors import FileTooLargeError, FileTypeRefusedError, StorageFullError
from schema.context import Info
from schema.problems import PlainProblem, Problem, ProblemHandler, problem_fields
from schema.scalars import Count


@strawberry.type(description="The file is larger than one may be: see `Portal.maxFileBytes`.")
class FileTooLargeProblem(Problem):
    limit: Count = strawberry.field(description="Most bytes that a file may have.")

    @classmethod
    def of(cls, error: FileTooLargeError, info: Info) -> Self:
        return cls(**problem_fields(error, info), limit=Count(error.limit_bytes))


@strawberry.type(description="The file is a program, and the installation takes none.")
class FileTypeProblem(PlainProblem, Problem): ...


@strawberry.type(
    description="The server's disk has no room for the file at the moment. Nothing of it was kept."
)
class StorageFullProblem(PlainProblem, Problem): ...


FILE_HANDLERS: Final = (
    ProblemHandler(FileTooLargeError, FileTooLargeProblem),
    ProblemHandler(FileTypeRefusedError, FileTypeProblem),
    ProblemHandler(StorageFullError, StorageFullProblem),
)
