"""Free ports: found by binding, remembered by the stack, used again while they stay free."""

from __future__ import annotations

import errno
import random
import socket
from collections.abc import Iterable, Mapping

# Below Kubernetes' node ports (30000 to 32767), which a node redirects whoever listens there, and Linux's range for
# outgoing connections (32768 to 60999), so that no client socket takes a remembered port.
PORT_RANGE = range(20000, 30000)
ATTEMPTS = 200

_TAKEN = frozenset({errno.EADDRINUSE, errno.EACCES})


def is_free(host: str, port: int) -> bool:
    """True when this process may listen on host:port now. Raises OSError when the host is not this machine's."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        # Without it the pairs of the last run in TIME_WAIT would make a free port look taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except OSError as error:
            if error.errno in _TAKEN:
                return False
            raise
        return True


def choose_ports(host: str, names: Iterable[str], remembered: Mapping[str, int]) -> dict[str, int]:
    """A free port for each name, all different; the remembered one where it is still free."""
    chosen: dict[str, int] = {}
    for name in names:
        port = remembered.get(name)
        if port is None or port in chosen.values() or not is_free(host, port):
            port = _find_free(host, set(chosen.values()))
        chosen[name] = port
    return chosen


def _find_free(host: str, avoid: set[int]) -> int:
    for port in random.sample(PORT_RANGE, ATTEMPTS):
        if port not in avoid and is_free(host, port):
            return port
    raise OSError(f"no free port on {host} among {ATTEMPTS} tried from {PORT_RANGE.start} to {PORT_RANGE.stop - 1}")
