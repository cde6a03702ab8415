"""Whom Postgres runs as: never root, and always somebody whom the machine knows by name."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from pathlib import Path

from local.settings import StackError

# Accounts that Debian and Ubuntu have and that own nothing of value to this program, best first. initdb asks for the
# name of whom it runs as, so the namespace too has to map to a user that exists.
ACCOUNTS = ("postgres", "nobody", "daemon")


def find_unprivileged_prefix(folder: Path, binaries: Path) -> list[str]:
    """What to put before a command so that it runs as a named user other than root and may write to `folder`.

    A user namespace wherever the kernel allows one: files keep their owner outside it, and with its IPC namespace ends
    the System V segment of a killed server. Else, nothing for an ordinary user, and for root an account without
    rights, to which `folder` is given. Raises StackError when none of that works.
    """
    mapping = _find_mapping()
    namespace = ["unshare", "--user", "--ipc", *mapping]
    if mapping and _runs([*namespace, "true"]):
        _own(folder, os.geteuid(), os.getegid())
        return namespace
    if os.geteuid() != 0 and _has_name(os.geteuid()):
        return []
    for account in ACCOUNTS if os.geteuid() == 0 else ():
        prefix = _account_prefix(account)
        if prefix and _runs([*prefix, str(binaries / "postgres"), "--version"]) and _give(folder, account, prefix):
            return prefix
    raise StackError(
        "Postgres runs neither as root nor as a user without a name, and this machine allows neither user namespaces "
        f"nor an account that can reach {folder} and {binaries}. Run the stack as an ordinary user, or allow user "
        "namespaces (sysctl user.max_user_namespaces=10000), or move the checkout and RESEARCH_KB_HOME out of folders "
        "that only root may enter."
    )


def _find_mapping() -> list[str]:
    """Arguments of unshare for whom to be inside: oneself, or for root and the nameless the first known account."""
    if os.geteuid() != 0 and _has_name(os.geteuid()):
        return ["--map-current-user"]
    for account in ACCOUNTS:
        try:
            entry = pwd.getpwnam(account)
        except KeyError:
            continue
        return [f"--map-user={entry.pw_uid}", f"--map-group={entry.pw_gid}"]
    return []


def _has_name(user: int) -> bool:
    try:
        pwd.getpwuid(user)
    except KeyError:
        return False
    return True


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
