"""Where the bridge finds the event functions."""

from events.bridge.subscriptions import SUBSCRIPTIONS, address


def test_one_listener_keeps_the_whole_path() -> None:
    """The embedded stack: every function behind one address, below its name."""
    assert address("http://internal:1/", "/refresh/dead-letters") == "http://internal:1/refresh/dead-letters"


def test_functions_with_addresses_of_their_own_do_not_see_their_names() -> None:
    """Compose and Knative: events are posted to /, the rest below it."""
    found = {item.name: address("http://{function}:8080", item.path) for item in SUBSCRIPTIONS}
    assert found["extract"] == "http://extract:8080/"
    assert found["dead-letters"] == "http://refresh:8080/dead-letters"
    assert address("http://{function}.research-kb.svc/", "/refresh/sweep") == "http://refresh.research-kb.svc/sweep"
