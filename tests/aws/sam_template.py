"""deploy/lambda/template.yaml, read for its tests: CloudFormation's short forms are plain values in it."""

import re
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
TEMPLATE = ROOT / "deploy" / "lambda" / "template.yaml"


class _Loader(yaml.SafeLoader):
    """Reads CloudFormation's short forms as plain values."""


def _short_form(loader: _Loader, _: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.ScalarNode):
        return node.value
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    raise TypeError(f"unexpected node {node}")


_Loader.add_multi_constructor("!", _short_form)


def read_template() -> dict[str, Any]:
    """Return the template as it is written."""
    found: dict[str, Any] = yaml.load(TEMPLATE.read_text(), _Loader)  # noqa: S506 -- a SafeLoader
    return found


def of_type(resources: dict[str, Any], kind: str) -> dict[str, dict[str, Any]]:
    """Return the properties of each resource of a type."""
    return {name: item["Properties"] for name, item in resources.items() if item["Type"] == kind}


def handler_of(properties: dict[str, Any]) -> str:
    """Return the function's name, from the command of its image."""
    match = re.fullmatch(r"functions\.(\w+)\.aws\.handler", properties["ImageConfig"]["Command"][0])
    assert match, properties["ImageConfig"]
    return match.group(1)


def functions_of(resources: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the properties of each function, by its name in the code."""
    return {handler_of(each): each for each in of_type(resources, "AWS::Serverless::Function").values()}


def variables_of(template: dict[str, Any]) -> dict[str, str]:
    """Return what every function is given; a parameter's value is its name."""
    found: dict[str, str] = template["Globals"]["Function"]["Environment"]["Variables"]
    return found


def relay_variables(resources: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what the relay is given in plain text and from secrets, with those that a condition adds."""
    container = of_type(resources, "AWS::ECS::TaskDefinition")["RelayTask"]["ContainerDefinitions"][0]
    secrets = [entry[1] if isinstance(entry, list) else entry for entry in container["Secrets"]]
    return (
        {entry["Name"]: entry["Value"] for entry in container["Environment"]},
        {entry["Name"]: entry["ValueFrom"] for entry in secrets},
    )
