"""The settings that deploy/lambda/template.yaml gives the functions and the relay."""

import os
from typing import Any

import pytest

from events.bridge.settings import BridgeSettings
from shared.aws.secrets import resolve_secrets
from shared.settings import Settings, TelemetrySettings
from shared.token_settings import TokenSettings
from tests.aws.sam_template import functions_of, relay_variables, variables_of


def test_every_variable_is_a_setting(template: dict[str, Any], resources: dict[str, Any]) -> None:
    """What the functions and the relay are given, they read; the relay has all that it requires."""
    names = {name.removesuffix("_SECRET").lower() for name in variables_of(template)}
    assert names <= set(Settings.model_fields)
    assert "database_url" in names
    plain, secret = relay_variables(resources)
    assert {name.lower() for name in plain | secret} <= set(BridgeSettings.model_fields)
    BridgeSettings(
        kafka_bootstrap="b:9096", database_url="postgresql://db/kb",
        **{name.lower(): value for name, value in plain.items() if "BRIDGE" in name},
    )  # fmt: skip


def test_what_operators_choose_can_be_set(template: dict[str, Any], resources: dict[str, Any]) -> None:
    """A change of the model, tokens, traces and error reports: the functions get all of it, the relay its part."""
    names = {name.removesuffix("_SECRET").lower() for name in variables_of(template)}
    assert names >= {"next_triton_url", "next_embedder_model"}
    assert names >= {name for name in TokenSettings.model_fields if not name.endswith("_s")}  # those of its clock
    assert names >= set(TelemetrySettings.model_fields)
    plain, secret = relay_variables(resources)
    assert {name.lower() for name in plain | secret} >= set(TelemetrySettings.model_fields)


def test_credentials_are_in_secrets_that_may_be_read(template: dict[str, Any], resources: dict[str, Any]) -> None:
    """What settings hide from their own text is never a variable's value; each function and the relay may fetch it."""
    hidden = {name.upper() for name, field in Settings.model_fields.items() if not field.repr}
    assert hidden == {"DATABASE_URL", "OTEL_EXPORTER_OTLP_HEADERS", "SENTRY_DSN"}
    assert {f"{name}_SECRET" for name in hidden} <= variables_of(template).keys()
    plain, secret = relay_variables(resources)
    assert hidden <= secret.keys()
    assert not hidden & plain.keys()
    readable = str(resources["ReadSecrets"]["Properties"]["PolicyDocument"]["Statement"])
    for parameter in ("DatabaseSecretArn", "OtlpHeadersSecretArn", "SentryDsnSecretArn"):
        assert parameter in readable
    assert all("ReadSecrets" in each["Policies"] for each in functions_of(resources).values())
    assert "ReadSecrets" in resources["RelayStart"]["Properties"]["ManagedPolicyArns"]


def test_an_optional_parameter_left_alone_changes_nothing(
    template: dict[str, Any], resources: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Functions and relay start with the parameters' defaults, and as if none of these variables were there."""
    for name in Settings.model_fields | BridgeSettings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    given: dict[str, Any] = {"database_url": "postgresql://db/kb"}
    relay = given | {"kafka_bootstrap": "b:9096", "internal_url": "http://functions"}
    bare = Settings(**given), BridgeSettings(**relay)
    defaults = {name: str(each["Default"]) for name, each in template["Parameters"].items() if "Default" in each}
    for name, parameter in (relay_variables(resources)[0] | variables_of(template)).items():
        if parameter in defaults:
            monkeypatch.setenv(name, defaults[parameter])
    resolve_secrets(os.environ)
    assert (Settings(**given), BridgeSettings(**relay)) == bare
    assert len(defaults) > 15
