"""What a command says when it can't go on: one exception, with what to do about it."""

import json
from typing import Any


class CommandFailed(Exception):
    """A command ended without its result: `title`, `detail`, `action` (what to do) and the exit code."""

    def __init__(
        self,
        title: str,
        detail: str = "",
        action: str = "",
        *,
        exit_code: int = 1,
        members: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(f"{title}: {detail}" if detail else title)
        self.title, self.detail, self.action, self.exit_code = title, detail, action, exit_code
        self.members = members or {}

    def as_json(self) -> str:
        """Return one line of JSON: the server's problem document where there is one, else the same members."""
        return json.dumps({"title": self.title, "detail": self.detail, "action": self.action} | self.members)

    def as_text(self) -> str:
        """Return what a person reads: title, detail, what to do, and the trace id to report."""
        lines = [f"error: {self.title}"]
        lines += [f"  {self.detail}"] if self.detail else []
        lines += [f"  what to do: {self.action}"] if self.action else []
        lines += [f"  trace id: {self.members['trace_id']}"] if self.members.get("trace_id") else []
        return "\n".join(lines)


class ServerProblem(CommandFailed):
    """The server answered with an error; `status` is its HTTP status."""

    def __init__(self, status: int, members: dict[str, Any]) -> None:
        super().__init__(
            str(members.get("title") or f"The server answered {status}"),
            str(members.get("detail") or ""),
            str(members.get("action") or ""),
            members=members,
        )
        self.status = status


class ServerAway(CommandFailed):
    """Nothing answers at the server's address."""


class UsageError(CommandFailed):
    """The command can't be run as it was given; exit code 2."""

    def __init__(self, title: str, detail: str = "", action: str = "") -> None:
        super().__init__(title, detail, action, exit_code=2)
