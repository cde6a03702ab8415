"""The object store: a folder here, S3 in production, both through obstore."""

import contextlib
import os
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from shared.problems import DependencyUnavailable, Problem
from shared.secret_files import SUFFIX, read_setting
from shared.tracing import CLIENT, span

IN_FLIGHT_S = 300.0
"""Longer than any submission takes from storing its bytes to committing its rows."""

_SECRETS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")


def _credentials() -> dict[str, Any]:
    """Return what comes from files; what stands in the environment the driver reads itself."""
    named = [name for name in _SECRETS if os.environ.get(f"{name}{SUFFIX}")]
    return {name.lower(): read_setting(name) for name in named}


class Objects:
    """Bytes by key. The store is opened by the first use.

    Parameters
    ----------
    url
        `file:///absolute/folder` or `s3://bucket/prefix` (credentials and endpoint from the AWS_ variables).
    """

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self._store: Any = None

    def _open(self) -> Any:
        if self._store is None:
            from obstore.store import LocalStore, from_url

            if self.url.startswith("file://"):
                folder = Path(unquote(urlsplit(self.url).path))
                folder.mkdir(parents=True, exist_ok=True, mode=0o700)
                self._store = LocalStore(prefix=folder)
            else:
                self._store = from_url(self.url, **_credentials())
        return self._store

    async def put(self, key: str, body: bytes) -> None:
        """Store `body` under `key`, replacing what was there."""
        import obstore

        try:
            with span("object put", CLIENT):
                await obstore.put_async(self._open(), key, body)
        except (OSError, obstore.exceptions.BaseError) as exc:
            raise DependencyUnavailable("The object store", str(exc)) from exc

    async def get(self, key: str, most_bytes: int | None = None) -> bytes:
        """Return the bytes under `key`; a Problem 422 when there are none, or more than `most_bytes`."""
        import obstore

        try:
            with span("object get", CLIENT):
                result = await obstore.get_async(self._open(), key)
                if most_bytes is not None and result.meta["size"] > most_bytes:
                    detail = f"{key} has {result.meta['size']} bytes; the limit is {most_bytes}."
                    raise Problem(
                        422, "object-too-large", "The object is too large", detail, "Split it into several files."
                    )
                return bytes(await result.bytes_async())
        except FileNotFoundError as exc:
            raise Problem(
                422, "object-missing", "The document's bytes are not in the object store", key, "Submit it again."
            ) from exc
        except (OSError, obstore.exceptions.BaseError) as exc:
            raise DependencyUnavailable("The object store", str(exc)) from exc

    async def delete(self, key: str) -> None:
        """Delete the object under `key`, if there is one."""
        import obstore

        try:
            await obstore.delete_async(self._open(), key)
        except FileNotFoundError:
            return
        except (OSError, obstore.exceptions.BaseError) as exc:
            raise DependencyUnavailable("The object store", str(exc)) from exc

    async def delete_folder(self, prefix: str, keys: set[str]) -> int:
        """Delete those of `keys` that lie in the folder `prefix`, and what was left there long ago; return how many.

        A young object that is not named may belong to a submission whose rows are not committed yet.
        """
        import obstore

        try:
            store = self._open()
            listed = await obstore.list(store, prefix=prefix).collect_async()
            left = datetime.now(UTC) - timedelta(seconds=IN_FLIGHT_S)
            doomed = [entry["path"] for entry in listed if entry["path"] in keys or entry["last_modified"] < left]
            if doomed:
                await obstore.delete_async(store, doomed)
            self._remove_folder(prefix)
            return len(doomed)
        except (OSError, obstore.exceptions.BaseError) as exc:
            raise DependencyUnavailable("The object store", str(exc)) from exc

    async def keys(self, prefix: str) -> set[str]:
        """Return the keys of all objects in the folder `prefix`."""
        import obstore

        try:
            return {entry["path"] for entry in await obstore.list(self._open(), prefix=prefix).collect_async()}
        except (OSError, obstore.exceptions.BaseError) as exc:
            raise DependencyUnavailable("The object store", str(exc)) from exc

    def _remove_folder(self, prefix: str) -> None:
        """A folder store keeps empty folders behind, and their names would be a trace."""
        if self.url.startswith("file://"):
            folder = Path(unquote(urlsplit(self.url).path)) / prefix
            with contextlib.suppress(OSError):  # not there, or not empty
                folder.rmdir()

    async def check(self) -> None:
        """Raise DependencyUnavailable unless the store answers a read."""
        import obstore

        try:
            await obstore.head_async(self._open(), "health-check")
        except FileNotFoundError:
            return
        except (OSError, obstore.exceptions.BaseError) as exc:
            raise DependencyUnavailable("The object store", str(exc)) from exc

    def key_of(self, uri: str) -> str:
        """Return the key of an object URI inside this store; a Problem 422 for any other place."""
        key = uri.removeprefix(self.url + "/")
        if key == uri or not re.fullmatch(r"[\w.=@+-]+(/[\w.=@+-]+)*", key) or {".", ".."} & set(key.split("/")):
            detail = "The uri must name an object inside this server's own object store."
            raise Problem(422, "foreign-object", "The object's URI is not usable", detail, f"Put it below {self.url}/.")
        return key
