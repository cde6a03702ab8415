"""The text form of an API key, `rkb_<id>_<secret>`: the id names the row, the secret is stored as SHA-256 alone."""

import base64
import hashlib
import re
import secrets
import uuid
from dataclasses import dataclass, field

_TEXT = re.compile(r"rkb_([0-9a-f]{32})_([a-z2-7]{52})")
_SECRET_BYTES = 32  # 256 bits: no guess succeeds, so one round of SHA-256 protects it well enough


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as its holder has it. Its representation hides the secret, so that no log can hold one."""

    id: uuid.UUID
    secret: str = field(repr=False)

    def reveal(self) -> str:
        """Return the text that the holder sends; letters and digits, so that a double click selects all of it."""
        return f"rkb_{self.id.hex}_{self.secret}"

    @property
    def secret_sha256(self) -> bytes:
        """What the database knows of the secret; 32 bytes."""
        return hashlib.sha256(self.secret.encode()).digest()


def mint_key() -> ApiKey:
    """Return a new key with a random id and secret."""
    return ApiKey(uuid.uuid4(), base64.b32encode(secrets.token_bytes(_SECRET_BYTES)).decode().rstrip("=").lower())


def parse_key(text: str) -> ApiKey | None:
    """Return the key that `text` spells, or None where it spells none."""
    match = _TEXT.fullmatch(text)
    return ApiKey(uuid.UUID(match.group(1)), match.group(2)) if match else None
