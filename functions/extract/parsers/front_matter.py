"""YAML and JSON at the head of a document, read with care: it is written by strangers."""

import json
from typing import Any

import yaml


class _PlainLoader(yaml.SafeLoader):
    """YAML without aliases: nine lines of them make a gigabyte, and no title needs one."""

    def compose_node(self, parent: yaml.nodes.Node | None, index: Any) -> yaml.nodes.Node | None:
        if self.check_event(yaml.events.AliasEvent):
            raise yaml.YAMLError("aliases are not read")
        return super().compose_node(parent, index)


def read(text: str) -> dict[str, Any]:
    """Return the mapping that the text is, keys in lower case; empty when it is none.

    A document is worth indexing without its front matter, so a broken one is no error.
    """
    try:
        json_like = text.lstrip().startswith("{")
        matter = json.loads(text) if json_like else yaml.load(text, Loader=_PlainLoader)  # noqa: S506 - it is safe
    except (ValueError, yaml.YAMLError, RecursionError):
        return {}
    return {str(key).lower(): value for key, value in matter.items()} if isinstance(matter, dict) else {}
