"""Settings from Secrets Manager: NAME_SECRET holds a secret's ARN, its value becomes NAME.

`ARN#KEY` takes one key of a secret that is a JSON object. Read once a cold start: after a rotation new environments
have the new value; old ones end when their connections fail and AWS replaces them, or with the next deployment.
"""

import json
from collections.abc import MutableMapping
from functools import cache

SUFFIX = "_SECRET"


class SecretUnavailable(RuntimeError):
    """A secret cannot give a setting its value; the message names the setting, never a value."""


def resolve_secrets(environment: MutableMapping[str, str]) -> None:
    """Set NAME in place of every NAME_SECRET in `environment` that holds an ARN of Secrets Manager.

    Raises
    ------
    SecretUnavailable
        When NAME is set too, or the secret cannot be read, or has no such key.
    """
    for variable, reference in list(environment.items()):
        if not variable.endswith(SUFFIX) or not reference.startswith("arn:") or ":secretsmanager:" not in reference:
            continue
        name = variable.removesuffix(SUFFIX)
        if environment.get(name):
            raise SecretUnavailable(f"{name} and {variable} are both set: unset one of them.")
        arn, _, key = reference.partition("#")
        environment[name] = _select(variable, _read(variable, arn), key)
        del environment[variable]


def _select(variable: str, secret: str, key: str) -> str:
    if not key:
        return secret
    try:
        document = json.loads(secret)
    except ValueError:
        document = None  # not chained: the exception holds the secret
    if not isinstance(document, dict) or not isinstance(document.get(key), str):
        raise SecretUnavailable(f"{variable}: the secret has no text under {key!r}; it must be a JSON object with it.")
    chosen: str = document[key]
    return chosen


@cache
def _read(variable: str, arn: str) -> str:
    # Lambda's runtime has boto3; nothing else here needs it.
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError  # type: ignore[import-untyped]  # AWS ships no types

    try:
        answer = boto3.client("secretsmanager", region_name=arn.split(":")[3]).get_secret_value(SecretId=arn)
    except (BotoCoreError, ClientError) as exc:
        raise SecretUnavailable(
            f"{variable}: {exc}. Is it there, may this function's role read it, and does its network reach the service?"
        ) from exc
    text: str | None = answer.get("SecretString")
    if text is None:
        raise SecretUnavailable(f"{variable}: the secret is binary; store it as text.")
    return text
