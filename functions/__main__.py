"""`python -m functions NAME` (or FUNCTION=NAME): one function, served as its container serves it.

It listens on 0.0.0.0:$PORT (8080 unless set). SIGTERM ends it when the requests in flight are answered.
"""

import os
import signal
import sys
from importlib import import_module, util
from typing import Final

# Below the 30 s that Kubernetes and Knative leave between SIGTERM and SIGKILL; above any request but a book's parsing,
# whose event is delivered again.
GRACE_S: Final = 20
PORT: Final = "8080"


def main() -> int:
    """Serve until SIGTERM or SIGINT; return the exit status."""
    # The kernel drops a signal to process 1 that it does not handle: until uvicorn does, an end must come from here.
    signal.signal(signal.SIGTERM, _end)
    import uvicorn
    from pydantic import ValidationError

    from shared.secret_files import SecretFileError
    from shared.settings import UnusableSetting

    name = (sys.argv[1:] or [os.environ.get("FUNCTION", "")])[0]
    if not name.isidentifier() or util.find_spec(f"functions.{name}") is None:
        print(f"There is no function {name!r} here: name one, e.g. `python -m functions search`.", file=sys.stderr)
        return 2
    try:
        app = import_module(f"functions.{name}.main").create_app()
    except ValidationError as exc:
        wrong = "; ".join(f"{'.'.join(map(str, item['loc'])).upper()}: {item['msg']}" for item in exc.errors())
        print(f"The function {name} cannot start. {wrong} (docs/configuration.md)", file=sys.stderr)
        return 2
    except (SecretFileError, UnusableSetting) as exc:
        print(f"The function {name} cannot start. {exc}", file=sys.stderr)
        return 2
    uvicorn.run(
        app,
        host="0.0.0.0",  # noqa: S104 -- a container's own address; who reaches it is the network's decision
        port=int(os.environ.get("PORT") or PORT),
        log_level="warning",
        access_log=False,
        server_header=False,
        ws="none",
        timeout_graceful_shutdown=GRACE_S,
    )
    return 0


def _end(number: int, _frame: object) -> None:
    sys.exit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
