"""docker-compose.prod.yml holds to the rules, and the rules find what they should. Needs no engine."""

from copy import deepcopy

import pytest

from tests.compose import service_rules, wiring_rules
from tests.compose.document import Deployment, load
from tests.compose.planted import MISTAKES, Mistake


def breaches(given: Deployment) -> list[str]:
    """Return every breach of every rule."""
    return [*service_rules.breaches(given), *wiring_rules.breaches(given)]


def test_the_deployment_holds_to_every_rule() -> None:
    """Images, limits, privileges, secrets, networks, settings, order, events, paths: nothing to complain of."""
    assert breaches(load()) == []


@pytest.mark.parametrize("mistake", MISTAKES, ids=[name for name, _, _ in MISTAKES])
def test_a_planted_mistake_is_found(mistake: Mistake) -> None:
    """Each mistake is found, and said in words that lead to it."""
    _, plant, words = mistake
    # What anchors share in the file is one object here: each service gets its own, or one plant would change them all.
    given = load()
    given.document["services"] = {name: deepcopy(service) for name, service in given.services.items()}
    plant(given)
    found = breaches(given)
    assert any(words in line for line in found), found
