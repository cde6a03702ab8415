"""Event types, the Kafka topics they travel on, and who consumes them. Constants only: everything may import this."""

DOCUMENT_SUBMITTED = "document.submitted"
PASSAGES_EXTRACTED = "passages.extracted"
SOURCE_INDEXED = "source.indexed"
SOURCE_DELETED = "source.deleted"
SEARCH_PERFORMED = "search.performed"
EMBEDDINGS_REQUESTED = "embeddings.requested"
MODEL_REMOVED = "model.removed"
RECORD_MALFORMED = "record.malformed"
"""Never on a topic: what a dead letter is stored as when the record was no CloudEvent at all."""

DOCUMENTS_TOPIC = "research-kb.documents"
PASSAGES_TOPIC = "research-kb.passages"
SOURCES_TOPIC = "research-kb.sources"
ACTIVITY_TOPIC = "research-kb.activity"
EMBEDDINGS_TOPIC = "research-kb.embeddings"
"""Work on stored passages has a topic of its own: a library that is embedded anew must not hold up new documents."""
DEAD_LETTERS_TOPIC = "research-kb.dead-letters"

TOPIC_OF_TYPE = {
    DOCUMENT_SUBMITTED: DOCUMENTS_TOPIC,
    PASSAGES_EXTRACTED: PASSAGES_TOPIC,
    SOURCE_INDEXED: SOURCES_TOPIC,
    SOURCE_DELETED: SOURCES_TOPIC,
    SEARCH_PERFORMED: ACTIVITY_TOPIC,
    EMBEDDINGS_REQUESTED: EMBEDDINGS_TOPIC,
    MODEL_REMOVED: EMBEDDINGS_TOPIC,
}

TOPICS = (DOCUMENTS_TOPIC, PASSAGES_TOPIC, SOURCES_TOPIC, ACTIVITY_TOPIC, EMBEDDINGS_TOPIC, DEAD_LETTERS_TOPIC)
"""Every topic that must exist."""

PARTITIONS = 12
"""Of each topic: divides evenly among 1, 2, 3, 4, 6 and 12 consumers."""

ERASED_TYPES = frozenset({SOURCE_DELETED})
"""Their outbox rows go as soon as Kafka has them: a deleted source leaves no trace in any table."""

MAX_EVENT_BYTES = 1_000_000
"""Of one event's data: below Kafka's default record limit (1048588) with room for headers; longer text goes by URI."""
