"""Settings from files: where NAME_FILE names a file, its stripped content is the value of NAME.

So that secrets mounted as files (Docker, Kubernetes, systemd) need not stand in the environment.
"""

import os
from collections.abc import Mapping
from pathlib import Path

SUFFIX = "_FILE"


class SecretFileError(ValueError):
    """A file that a variable names cannot give its value; the message says which and why, never the content."""


def read_setting(name: str, environment: Mapping[str, str] | None = None) -> str | None:
    """Return the value of `name`: from the environment, or from the file that NAME_FILE names; None without both.

    An empty variable counts as not set. Raises SecretFileError when both are set, and for a file that is unreadable,
    no text or empty.
    """
    variables = os.environ if environment is None else environment
    value, path = variables.get(name), variables.get(name + SUFFIX)
    if not path:
        return value or None
    if value:
        raise SecretFileError(f"{name} and {name + SUFFIX} are both set: unset one of them.")
    return _read_file(name + SUFFIX, Path(path))


def _read_file(variable: str, path: Path) -> str:
    try:
        content = path.read_text(encoding="utf-8").strip()
    except UnicodeDecodeError:
        # Not chained: the exception holds the bytes.
        raise SecretFileError(f"{variable} names {path}, which holds no UTF-8 text.") from None
    except OSError as exc:
        reason = f"{variable} names {path}, which cannot be read ({exc.strerror or type(exc).__name__})"
        raise SecretFileError(f"{reason}: is it there, and may this user read it?") from exc
    if not content:
        raise SecretFileError(f"{variable} names {path}, which is empty: write the value into it.")
    return content
