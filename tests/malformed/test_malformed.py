"""No malformed document does more than fail, quickly and with a reason."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from functions.extract.failures import ExtractionFailed
from functions.extract.limits import Limits
from functions.extract.sandbox import Sandbox
from tests.malformed import pdfs
from tests.malformed.documents import Malformed, documents

LIMITS = Limits(memory_bytes=512 * 1024 * 1024, cpu_s=6, wall_s=8)
DOCUMENTS = documents()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def sandbox() -> AsyncIterator[Sandbox]:
    opened = Sandbox(workers=2)
    yield opened
    await opened.close()


def test_there_are_more_than_fifty_with_names_of_their_own() -> None:
    """The collection has at least fifty documents, each with another name."""
    assert len({document.name for document in DOCUMENTS}) == len(DOCUMENTS) >= 50


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
async def test_it_fails_with_its_reason(document: Malformed, sandbox: Sandbox) -> None:
    """The document ends as ExtractionFailed with a slug that fits and words that say what to do."""
    started = time.monotonic()
    with pytest.raises(ExtractionFailed) as caught:
        await sandbox.extract(document.make(), document.media_type, document.filename, LIMITS)
    assert caught.value.slug in document.slugs
    assert caught.value.detail.endswith(".")
    assert caught.value.action.endswith(".")
    assert time.monotonic() - started < LIMITS.wall_s + 5


async def test_a_bad_document_does_not_hold_up_a_good_one(sandbox: Sandbox) -> None:
    """While a bomb is being refused, other documents are parsed as ever."""
    bomb = next(document for document in DOCUMENTS if document.name == "bomb: 1 GB page")
    refused = asyncio.create_task(sandbox.extract(bomb.make(), bomb.media_type, bomb.filename, LIMITS))
    for _ in range(5):
        extracted = await sandbox.extract(pdfs.good(), "application/pdf", "good.pdf", LIMITS)
        assert extracted.pages == 3
    with pytest.raises(ExtractionFailed):
        await refused
