"""Which topic goes to which address, in which consumer group."""

from dataclasses import dataclass

from events.topics import (
    ACTIVITY_TOPIC,
    DEAD_LETTERS_TOPIC,
    DOCUMENTS_TOPIC,
    EMBEDDINGS_TOPIC,
    PASSAGES_TOPIC,
    SOURCES_TOPIC,
)


@dataclass(frozen=True, slots=True)
class Subscription:
    """One consumer: `name` labels metrics and ends the consumer group's name, `path` is below INTERNAL_URL."""

    name: str
    topic: str
    path: str

    @property
    def is_last_resort(self) -> bool:
        """Dead letters have no further dead letters: they are delivered however long it takes."""
        return self.topic == DEAD_LETTERS_TOPIC


SUBSCRIPTIONS = (
    Subscription("extract", DOCUMENTS_TOPIC, "/extract"),
    Subscription("embed", PASSAGES_TOPIC, "/embed"),
    Subscription("embeddings", EMBEDDINGS_TOPIC, "/embed"),
    Subscription("refresh", SOURCES_TOPIC, "/refresh"),
    Subscription("metrics", ACTIVITY_TOPIC, "/metrics"),
    Subscription("metrics-sources", SOURCES_TOPIC, "/metrics"),
    Subscription("dead-letters", DEAD_LETTERS_TOPIC, "/refresh/dead-letters"),
)


def address(internal_url: str, path: str) -> str:
    """Return where `path` (/FUNCTION and what is below it) is answered.

    One listener for all functions keeps the whole path; where INTERNAL_URL has {function} in it, each function has an
    address of its own, which does not see its name: http://{function}:8080 and /refresh/sweep give
    http://refresh:8080/sweep.
    """
    base = internal_url.rstrip("/")
    if "{function}" not in base:
        return base + path
    function, _, rest = path[1:].partition("/")
    return f"{base.replace('{function}', function)}/{rest}"
