"""Postgres refuses to run as root: the argument prefix under which root's programs run as somebody else."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from pathlib import Path

from local.settings import StackError

# Any user but 0 will do inside the namespace; files keep belonging to root outside it, so nothing need be chowned.
NAMESPACE_PREFIX = ["unshare", "--user", "--map-user=1000", "--map-group=1000", "--ipc"]

# Accounts that exist on Debian and Ubuntu and own nothing of value to this program, best first.
FALLBACK_ACCOUNTS = ("postgres", "nobody")


def find_unprivileged_prefix(folder: Path, binaries: Path) -> list[str]:
    """What to put before a command so that it does not run as root and may still write to `folder`.

    Empty for everyone but root. For root a user namespace (with an IPC namespace, so that a killed server leaves no
    System V segment); where namespaces are not allowed an account without rights, to which `folder` is given.
    Raises StackError when neither works.
    """
    if os.geteuid() != 0:
        return []
    if _runs([*NAMESPACE_PREFIX, "true"]):
        _own(folder, os.geteuid(), os.getegid())
        return NAMESPACE_PREFIX
    for account in FALLBACK_ACCOUNTS:
        prefix = _account_prefix(account)
        if prefix and _runs([*prefix, str(binaries / "postgres"), "--version"]) and _give(folder, account, prefix):
            return prefix
    raise StackError(
        "Postgres does not run as root, and this machine allows neither user namespaces nor an account that can reach "
        f"{folder} and {binaries}. Run the stack as an ordinary user, or allow user namespaces "
        "(sysctl user.max_user_namespaces=10000), or move the checkout and RESEARCH_KB_HOME out of folders that only "
        "root may enter."
    )


def _account_prefix(account: str) -> list[str] | None:
    try:
        entry = pwd.getpwnam(account)
    except KeyError:
        return None
    if shutil.which("setpriv") is None:
        return None
    return ["setpriv", f"--reuid={entry.pw_uid}", f"--regid={entry.pw_gid}", "--clear-groups", "--"]


def _give(folder: Path, account: str, prefix: list[str]) -> bool:
    """Make `account` the owner of `folder` and all in it; False when it cannot enter it even so."""
    entry = pwd.getpwnam(account)
    _own(folder, entry.pw_uid, entry.pw_gid)
    return _runs([*prefix, "test", "-w", str(folder)])


def _own(folder: Path, user: int, group: int) -> None:
    """Give `folder` and all in it to a user, if it is not the user's: an earlier run may have been another's."""
    if folder.stat().st_uid == user:
        return
    for path in (*folder.rglob("*"), folder):
        os.chown(path, user, group, follow_symlinks=False)


def _runs(command: list[str]) -> bool:
    try:
        return subprocess.run(command, capture_output=True, timeout=10, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False
