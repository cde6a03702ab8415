"""Make the topics that are missing: `python -m local.topics`, in a process of its own for aiokafka's 20 MB."""

from __future__ import annotations

import asyncio
import logging
import os
import sys

from aiokafka.errors import KafkaError

from events.bridge.topics import make_topics

# A first start takes 4 s on two free cores; a crashed broker's recovery and a busy machine may take some times that.
TIMEOUT_S = 90.0
PAUSE_S = 0.2


def _say_nothing(_: Exception) -> None:
    """The supervisor says what it waits for."""


def main() -> None:
    """Make the topics at KAFKA_BOOTSTRAP."""
    # Every attempt before the broker is up would be an error line of the client's.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    options = {"bootstrap_servers": os.environ["KAFKA_BOOTSTRAP"]}
    try:
        made = asyncio.run(make_topics(options, pause_s=PAUSE_S, timeout_s=TIMEOUT_S, on_wait=_say_nothing))
    except (TimeoutError, KafkaError) as error:
        sys.exit(f"The topics could not be made: {error}")
    print("topics made:", ", ".join(made) if made else "none, all there")


if __name__ == "__main__":
    main()
