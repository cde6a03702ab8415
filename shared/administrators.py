"""What an administrator of some collections alone may not do."""

from shared.access import Caller
from shared.problems import Problem


def check_unlimited(caller: Caller, what: str) -> None:
    """Refuse an administrator of some collections; `what` (Keys, Models) concerns everyone."""
    if caller.collections is not None:
        raise Problem(
            403,
            "limited-administrator",
            "This key is limited to collections",
            f"{what} are managed with an admin key that is limited to none.",
            "Use an admin key without collections.",
        )
