"""The release, as answers, spans and error reports name it; the same as pyproject.toml's (tests hold it to that)."""

VERSION = "0.1.0"
