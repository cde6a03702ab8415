"""The text form of API keys."""

import hashlib

import pytest

from shared.api_keys import mint_key, parse_key


def test_a_minted_key_reads_back() -> None:
    """What is shown to the holder names the same row and hashes to the same secret."""
    key = mint_key()
    read = parse_key(key.reveal())
    assert read is not None
    assert (read.id, read.secret_sha256) == (key.id, key.secret_sha256)


def test_keys_are_unlike_each_other_and_long_enough() -> None:
    """Each secret is new, and 52 base32 letters hold 256 bits."""
    secrets = {mint_key().secret for _ in range(100)}
    assert len(secrets) == 100
    assert all(len(secret) * 5 >= 256 for secret in secrets)


def test_only_the_hash_is_for_the_database() -> None:
    """secret_sha256 is SHA-256 of the secret's text."""
    key = mint_key()
    assert key.secret_sha256 == hashlib.sha256(key.secret.encode()).digest()


def test_a_representation_hides_the_secret() -> None:
    """A key in a log line or a traceback gives nothing away."""
    key = mint_key()
    assert key.secret not in f"{key!r} {key}"


@pytest.mark.parametrize("text", ["", "rkb_", "rkb_x_y", "RKB_" + "a" * 85, f"{mint_key().reveal()} ", "é" * 89])
def test_other_texts_are_no_keys(text: str) -> None:
    """Anything but rkb_<32 hex digits>_<52 base32 letters> is turned down before the database is asked."""
    assert parse_key(text) is None
