"""Settings from Secrets Manager, against moto's server, and the bound on the pool."""

import json
import os
import uuid

import boto3
import pytest

from shared.aws.runtime import PoolTooLarge, prepare_environment
from shared.aws.secrets import SecretUnavailable, resolve_secrets

URL = "postgresql://kb:s3cret-pass@db/research_kb"


@pytest.fixture(autouse=True)
def _aws(aws: str) -> None:
    """moto's server."""


def store(text: str) -> str:
    """Store a secret and return its ARN."""
    arn: str = boto3.client("secretsmanager").create_secret(Name=uuid.uuid4().hex, SecretString=text)["ARN"]
    return arn


def test_a_secret_becomes_its_setting() -> None:
    """NAME_SECRET gives NAME; #KEY takes one key of a JSON object; what is no ARN is left alone."""
    plain, document = store(URL), store(json.dumps({"url": URL, "dsn": "https://key@sentry.example/1"}))
    environment = {
        "DATABASE_URL_SECRET": f"{document}#url",
        "SENTRY_DSN_SECRET": f"{document}#dsn",
        "OTHER_SECRET": plain,
        "CLIENT_SECRET": "a word",
    }
    resolve_secrets(environment)
    assert environment["DATABASE_URL"] == environment["OTHER"] == URL
    assert environment["SENTRY_DSN"] == "https://key@sentry.example/1"
    assert "CLIENT" not in environment


def test_a_secret_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second look in the same environment asks nobody."""
    arn = store(URL)
    resolve_secrets({"DATABASE_URL_SECRET": arn})
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    again = {"DATABASE_URL_SECRET": arn}
    resolve_secrets(again)
    assert again["DATABASE_URL"] == URL


@pytest.mark.parametrize(
    ("text", "suffix", "said"), [(URL, "#url", "JSON object"), ('{"url": 5}', "#url", "JSON object"), ("{}", "#x", "x")]
)
def test_a_secret_of_the_wrong_form_is_named_not_shown(text: str, suffix: str, said: str) -> None:
    """The message names the setting and what it needs, never the secret."""
    with pytest.raises(SecretUnavailable, match=said) as caught:
        resolve_secrets({"DATABASE_URL_SECRET": store(text) + suffix})
    assert "DATABASE_URL_SECRET" in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_a_missing_secret_and_two_sources_are_errors() -> None:
    """Neither is passed over in silence."""
    missing = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:none-AbCdEf"
    with pytest.raises(SecretUnavailable, match="DATABASE_URL_SECRET"):
        resolve_secrets({"DATABASE_URL_SECRET": missing})
    with pytest.raises(SecretUnavailable, match="both set"):
        resolve_secrets({"DATABASE_URL_SECRET": missing, "DATABASE_URL": URL})


@pytest.fixture
def variables(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The process's variables, put back afterwards."""
    for name in ("DATABASE_POOL_SIZE", "RESEARCH_KB_HOME"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    return monkeypatch


def test_the_pool_is_small(variables: pytest.MonkeyPatch) -> None:
    """Two connections unless fewer are asked for; more are refused: a thousand environments share one database."""
    prepare_environment()
    assert os.environ["DATABASE_POOL_SIZE"] == "2"
    variables.setenv("DATABASE_POOL_SIZE", "1")
    prepare_environment()
    variables.setenv("DATABASE_POOL_SIZE", "8")
    with pytest.raises(PoolTooLarge, match="8"):
        prepare_environment()
