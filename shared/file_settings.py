"""Settings classes: fields from arguments, else the environment, else files (shared/secret_files.py).

pydantic-settings does this and much more: its providers for command lines, clouds and file formats are imported with
it, an eighth of a bare function's start. To type checkers these classes are its own.
"""

import json
import os
from typing import TYPE_CHECKING, Any, get_origin

from shared.secret_files import read_setting

if TYPE_CHECKING:
    from pydantic_settings import BaseSettings, SettingsConfigDict
else:
    from pydantic import BaseModel as BaseSettings
    from pydantic import ConfigDict as SettingsConfigDict

__all__ = ["FileSettings", "SettingsConfigDict"]

_DECODED = (dict, list, tuple, set, frozenset)


class FileSettings(BaseSettings):
    """Settings of which each may come from a file: arguments first, then the environment, then files."""

    model_config = SettingsConfigDict(extra="ignore", validate_default=True)

    def __init__(self, **given: Any) -> None:
        super().__init__(**(self._read() | given))

    @classmethod
    def _read(cls) -> dict[str, Any]:
        """Return what environment and files have for the fields."""
        found: dict[str, Any] = {}
        for name, field in cls.model_fields.items():
            text = read_setting(name.upper())
            if text is None:
                text = os.environ.get(name.upper())  # empty, yet set
            if text is not None:
                found[name] = _decoded(text) if get_origin(field.annotation) in _DECODED else text
        return found


def _decoded(text: str) -> Any:
    """Return the JSON in `text`; other text is the field's to read or to refuse."""
    if text.lstrip()[:1] not in ("{", "["):
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text
