"""Find files: those that the viewer may see."""

from collections.abc import Sequence

from models.files import StoredFile
from models.orm import reader
from models.rules.scopes import Scope
from resolvers.context import RequestContext
from resolvers.file_owners import seen_files
from resolvers.link_filters import MAX_ID


async def files_by_ids(context: RequestContext, ids: Sequence[int]) -> list[StoredFile]:
    """Return those of the files that the viewer may see, with their contents loaded.

    One's own as long as nothing refers to them, and those of whatever refers to them and is
    seen; none without FILE_READ.
    """
    if Scope.FILE_READ not in context.viewer.scopes:
        return []
    wanted = [each for each in dict.fromkeys(ids) if 0 <= each <= MAX_ID]
    if not wanted:
        return []
    rows = StoredFile.filter(id__in=wanted).using_db(reader()).select_related("blob")
    return list(await seen_files(context, await rows))
