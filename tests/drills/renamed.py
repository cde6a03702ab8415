"""Run a module of this project, of any release, with topics of another prefix: `python renamed.py PREFIX MODULE`.

Two deployments on one Kafka need topics of their own; which ones there are is for the release that runs to say. The
checkout is the working directory.
"""

import runpy
import sys
from pathlib import Path
from typing import Any

OURS = "research-kb."


def renamed(value: Any, prefix: str) -> Any:
    """Return `value` with the names of topics in it changed."""
    if isinstance(value, str):
        return f"{prefix}.{value.removeprefix(OURS)}" if value.startswith(OURS) else value
    if isinstance(value, dict):
        return {key: renamed(item, prefix) for key, item in value.items()}
    if isinstance(value, tuple | frozenset):
        return type(value)(renamed(item, prefix) for item in value)
    return value


def main(prefix: str, module: str, *arguments: str) -> None:
    """Change the constants before anything has taken them, then be the module."""
    sys.path.insert(0, str(Path.cwd()))
    import events.topics

    for name, value in list(vars(events.topics).items()):
        if name.isupper():
            setattr(events.topics, name, renamed(value, prefix))
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
