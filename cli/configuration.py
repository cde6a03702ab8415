"""Where the server is and which key to show it: RESEARCH_KB_URL, RESEARCH_KB_API_KEY, RESEARCH_KB_HOME, PORT."""

import os
from pathlib import Path
from urllib.parse import urlsplit

from cli.errors import UsageError
from shared.secret_files import SecretFileError, read_setting

CHECKOUT = Path(__file__).resolve().parent.parent
_LOOPBACK = {"127.0.0.1", "::1", "localhost"}


def server_url() -> str:
    """Return the server's address without a trailing slash; the embedded stack's on this machine by default."""
    url = os.environ.get("RESEARCH_KB_URL") or f"http://127.0.0.1:{os.environ.get('PORT') or 8000}"
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise UsageError(
            "RESEARCH_KB_URL is not an address", f"It is {url!r}.", "Give it as http://HOST:PORT or https://HOST."
        )
    return url.rstrip("/")


def is_loopback(url: str) -> bool:
    """Return whether `url` names this machine."""
    return urlsplit(url).hostname in _LOOPBACK


def home() -> Path:
    """Return the embedded stack's folder: RESEARCH_KB_HOME, else `.local` in the checkout."""
    return Path(os.environ.get("RESEARCH_KB_HOME") or CHECKOUT / ".local").expanduser()


def api_key(url: str) -> str | None:
    """Return the key to show: RESEARCH_KB_API_KEY, or what RESEARCH_KB_API_KEY_FILE holds, else the embedded stack's.

    The stack's key opens everything on this machine, so it is never read for a server elsewhere.
    """
    try:
        configured = read_setting("RESEARCH_KB_API_KEY")
    except SecretFileError as exc:
        raise UsageError("The API key could not be read", str(exc), "Correct the variable or the file.") from exc
    if configured:
        return configured.strip()
    if not is_loopback(url):
        return None
    try:
        return (home() / "api-key").read_text(encoding="utf-8").strip() or None
    except FileNotFoundError:
        return None
    except PermissionError as exc:
        raise UsageError(
            "The key of the embedded stack is not readable",
            str(exc),
            "Run as the user who started the stack, or set RESEARCH_KB_API_KEY.",
        ) from exc
