"""Every refusal that becomes data: the handlers of all nouns, as the schema takes them."""

from typing import Final

from schema.file_problems import FILE_HANDLERS
from schema.problems import HANDLERS
from schema.ticket_problems import TICKET_HANDLERS

ALL_HANDLERS: Final = (*HANDLERS, *FILE_HANDLERS, *TICKET_HANDLERS)
