"""The rules see what they are for: each planted mistake is caught by its rule, which had nothing to say before."""

import copy
from collections.abc import Callable

import pytest

from tests.manifests.catalogue import RULES
from tests.manifests.mistakes import MISTAKES, Mistake
from tests.manifests.rendering import Object
from tests.manifests.schemas import complaints


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.what)
def test_each_planted_mistake_is_caught(mistake: Mistake, rendered: Callable[[str], list[Object]]) -> None:
    """The rule meant for it complains, in words that name it, and is silent without it."""
    things = copy.deepcopy(rendered(mistake.overlay))
    assert RULES[mistake.rule](things) == []
    mistake.plant(things)
    found = RULES[mistake.rule](things)
    assert found, f"{mistake.what}: {mistake.rule} says nothing"
    assert mistake.says in " ".join(found)


def test_every_rule_has_a_mistake() -> None:
    """No rule stands untested."""
    assert {mistake.rule for mistake in MISTAKES} == set(RULES)


def test_schemas_refuse_fields_that_there_are_not(rendered: Callable[[str], list[Object]]) -> None:
    """A misspelt field of Kubernetes' own kinds is a complaint, and so is a kind without a schema."""
    things = copy.deepcopy(rendered("gpu"))
    triton = next(each for each in things if each["kind"] == "Deployment")
    triton["spec"]["replica"] = 2
    assert complaints(triton)
    assert complaints({"apiVersion": "example.org/v1", "kind": "Thing", "metadata": {"name": "one"}})
