"""Numbered migrations, run by api.migrate. A merged file is never edited.

Each is additive and correct while the previous version still runs. The file
name is the revision and what it does; `down_revision` is the one before.
KEY and MOMENT mean the same on both engines.
"""

from typing import Final

import sqlalchemy as sa

# On SQLite only INTEGER makes a primary key the row's own address.
KEY: Final = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT: Final = sa.DateTime(timezone=True)
