"""Which version of a source answers searches, and the switch from one to the next."""

import uuid
from typing import TYPE_CHECKING

from shared.database import load_sql
from shared.lexical import index_passages, remove_document

if TYPE_CHECKING:
    from shared.database import Connection


async def adopt_document(connection: "Connection", document_id: uuid.UUID) -> None:
    """Make a document the current version of its source; the source takes over its bibliography."""
    await connection.execute(load_sql(__file__, "adopt_document"), document_id)


async def retire_document(connection: "Connection", collection_id: int, document_id: uuid.UUID) -> str:
    """Remove a version's passages and mark it superseded; return its object key, to be deleted after the commit."""
    await remove_document(connection, collection_id, document_id)
    return str(await connection.fetchval(load_sql(__file__, "retire_document"), document_id))


async def replace_document(connection: "Connection", collection_id: int, old: uuid.UUID, new: uuid.UUID) -> str:
    """Switch from version `old` to `new` in the caller's transaction: searches see one or the other, never both.

    Returns the object key of the old version, to be deleted after the commit.
    """
    key = await retire_document(connection, collection_id, old)
    await adopt_document(connection, new)
    await index_passages(connection, collection_id, new)
    return key
