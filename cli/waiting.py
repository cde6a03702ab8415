"""Waiting for documents to be indexed, with few requests: one for the collection's counts, lists only near the end."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from cli.server import PAGE_LIMIT, Server

UNFINISHED = ("queued", "extracting", "embedding")
# A person sees progress; a server at work is asked little: from this pause to that.
FIRST_PAUSE_S = 0.3
LONGEST_PAUSE_S = 3.0
# While more than a few pages are unfinished their list is read only this often, the counts in between.
LIST_EVERY_S = 60.0


@dataclass(frozen=True)
class Progress:
    """Where the documents of one wait stand."""

    total: int
    unfinished: int

    @property
    def finished(self) -> int:
        """Documents that are indexed, failed or superseded."""
        return self.total - self.unfinished


def wait_for(
    server: Server,
    ids: Iterable[str],
    collection: str | None,
    *,
    on_progress: Callable[[Progress], None],
    timeout_s: float | None = None,
) -> dict[str, dict[str, Any]]:
    """Return the failed ones of `ids` (id to document) once none is queued, extracting or embedding.

    Raises: TimeoutError after `timeout_s` seconds.
    """
    waited_for = set(ids)
    started = time.monotonic()
    listed_at = 0.0
    pause_s = FIRST_PAUSE_S
    while waited_for:
        in_collection = _count_unfinished(server, collection)
        few = in_collection <= PAGE_LIMIT * 2
        if few or time.monotonic() - listed_at > LIST_EVERY_S:
            unfinished = len(_list_unfinished(server, collection) & waited_for)
            listed_at = time.monotonic()
            if not unfinished:
                break
        else:
            unfinished = min(in_collection, len(waited_for))
        on_progress(Progress(len(waited_for), unfinished))
        if timeout_s is not None and time.monotonic() - started > timeout_s:
            raise TimeoutError(f"{unfinished} of {len(waited_for)} documents are not indexed after {timeout_s:.0f} s")
        time.sleep(pause_s)
        pause_s = min(pause_s * 1.3, LONGEST_PAUSE_S)
    on_progress(Progress(len(waited_for), 0))
    failed = server.each("/documents", collection=collection, state="failed")
    return {document["id"]: document for document in failed if document["id"] in waited_for}


def _count_unfinished(server: Server, collection: str | None) -> int:
    counts = server.get("/stats", collection=collection)["documents"]
    return sum(int(counts.get(state, 0)) for state in UNFINISHED)


def _list_unfinished(server: Server, collection: str | None) -> set[str]:
    return {
        document["id"]
        for state in UNFINISHED
        for document in server.each("/documents", collection=collection, state=state)
    }
