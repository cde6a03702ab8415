"""Makes .venv and .venv-triton from the hash-locked requirements; skips at once what is up to date.

`python3 local/bootstrap.py main|dev [--triton]`: standard library only, and any Python 3.8 or newer may run it, to
be told what to do about an unsupported one.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
REQUIREMENTS = ROOT / "requirements"
# The real tritonserver takes the first two; 3.13 works with its stand-in.
SUPPORTED = ((3, 12), (3, 11), (3, 13))
STAMP = "installed"

PROBE = "import sys, importlib.util as u; print(*sys.version_info[:2], bool(u.find_spec('ensurepip')))"


def main() -> int:
    """Make what was asked for; returns an exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("set", choices=("main", "dev"))
    parser.add_argument("--triton", action="store_true", help="also the environment of the model server")
    arguments = parser.parse_args()
    try:
        python = choose_python()
        ensure_system_packages(python, arguments.triton)
        make_main_environment(python, arguments.set)
        if arguments.triton:
            make_triton_environment(python)
    except SetupFailed as failure:
        print(f"error: {failure}", file=sys.stderr)
        return 1
    return 0


class SetupFailed(Exception):
    """What is missing, and the line that mends it."""


class Python:
    """An interpreter: its path, version (major, minor), whether it can make environments."""

    def __init__(self, path: str, version: tuple[int, int], has_venv: bool) -> None:
        self.path, self.version, self.has_venv = path, version, has_venv

    @property
    def name(self) -> str:
        return f"python{self.version[0]}.{self.version[1]}"


def choose_python() -> Python:
    """The interpreter to build on: $PYTHON, this one, or the newest supported one on the PATH. Raises SetupFailed."""
    wanted = os.environ.get("PYTHON")
    names = [wanted] if wanted else [sys.executable, *(f"python{major}.{minor}" for major, minor in SUPPORTED)]
    found = [python for python in map(probe, names) if python]
    for python in found:
        # The running one only if the real model server takes it; another that does is better.
        if python.version in SUPPORTED[:2]:
            return python
    for python in found:
        if python.version in SUPPORTED:
            return python
    seen = ", ".join(f"{python.path} is {python.version[0]}.{python.version[1]}" for python in found) or "none found"
    raise SetupFailed(
        f"Python 3.11 or 3.12 is needed ({seen}). Install one (Debian 12: apt-get install python3 python3-venv; Ubuntu "
        "22.04: apt-get install python3.11 python3.11-venv), or name one: make up PYTHON=/path/to/python3.12"
    )


def probe(name: str | None) -> Python | None:
    """Ask an interpreter about itself; None when there is none of that name or it does not run."""
    path = shutil.which(name or "")
    if path is None:
        return None
    done = subprocess.run([path, "-c", PROBE], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        return None
    major, minor, has_venv = done.stdout.split()
    return Python(path, (int(major), int(minor)), has_venv == "True")


def ensure_system_packages(python: Python, triton: bool) -> None:
    """Install what Debian and Ubuntu keep apart from Python, or say the line that does. Raises SetupFailed."""
    missing = []
    if not python.has_venv and not (ROOT / ".venv" / "bin" / "python").exists():
        missing.append(f"{python.name}-venv")
    if triton and needs_libpython(python) and not has_libpython(python):
        missing.append(f"lib{python.name}")
    if not missing:
        return
    line = ["apt-get", "install", "-y", "--no-install-recommends", *missing]
    if shutil.which("apt-get") is None:
        raise SetupFailed(f"{python.path} lacks {' and '.join(missing)}; install them with this system's package tool.")
    if os.geteuid() != 0:
        if shutil.which("sudo") is None or _run(["sudo", "-n", "true"]).returncode != 0:
            raise SetupFailed(f"{python.path} lacks {' and '.join(missing)}. Run: sudo {' '.join(line)}")
        line = ["sudo", "-n", *line]
    _install_with_apt(line, missing)


def _install_with_apt(line: list[str], missing: list[str]) -> None:
    say(f"installing {' and '.join(missing)} ({' '.join(line)})")
    if _run(line).returncode == 0:
        return
    # Fresh machines and images come without package lists.
    _run([*line[: line.index("apt-get")], "apt-get", "update"])
    done = _run(line)
    if done.returncode != 0:
        raise SetupFailed(f"{' '.join(line)} failed: {done.stderr.strip().splitlines()[-1:]}")


def needs_libpython(python: Python) -> bool:
    """True where the real tritonserver will run: its Python backend loads Python as a library."""
    is_x86 = sys.platform == "linux" and os.uname().machine == "x86_64"
    return is_x86 and python.version in SUPPORTED[:2]


def has_libpython(python: Python) -> bool:
    """True when the loader finds the library, or the interpreter brings it along."""
    name = f"lib{python.name}.so.1.0"
    folder = _run([python.path, "-c", "import sysconfig; print(sysconfig.get_config_var('LIBDIR'))"]).stdout.strip()
    return (Path(folder) / name).exists() or name in _run([shutil.which("ldconfig") or "/sbin/ldconfig", "-p"]).stdout


def make_main_environment(python: Python, requirements: str) -> None:
    """`.venv` with the program, and for `dev` with the tools of the tests."""
    folder = ROOT / ".venv"
    # dev holds all of main, so `make up` does not take the tools of the tests away again.
    if (folder / "bin" / "pytest").exists():
        requirements = "dev"
    locks = [REQUIREMENTS / "bootstrap.txt", REQUIREMENTS / f"{requirements}.txt"]
    if is_current(folder, python, locks):
        return
    say(f"making {folder.name} ({python.name}, requirements/{requirements}.txt)")
    make_environment(folder, python)
    sync(folder, folder, locks)
    # In place, and with the locked setuptools: nothing is fetched for it.
    uv(folder, folder, "install", "--no-deps", "--no-build-isolation", "--editable", str(ROOT))
    write_stamp(folder, python, locks)


def make_triton_environment(python: Python) -> None:
    """`.venv-triton`: the model server, its backend's libraries, the default model."""
    folder = ROOT / ".venv-triton"
    locks = [REQUIREMENTS / "triton.txt", REQUIREMENTS / "triton-nodeps.txt"]
    if is_current(folder, python, locks):
        return
    say(f"making {folder.name} ({python.name}, requirements/triton.txt)")
    make_environment(folder, python)
    sync(ROOT / ".venv", folder, locks)
    write_stamp(folder, python, locks)


def make_environment(folder: Path, python: Python) -> None:
    """A new virtual environment, unless there is one of this Python."""
    existing = probe(str(folder / "bin" / "python"))
    if existing and existing.version == python.version:
        return
    shutil.rmtree(folder, ignore_errors=True)
    _check(_run([python.path, "-m", "venv", str(folder)]), f"{python.path} could not make {folder}")


def sync(tool: Path, folder: Path, locks: list[Path]) -> None:
    """Bring an environment to exactly what the locks say, every file checked by its hash; `tool` holds uv."""
    if not (tool / "bin" / "uv").exists():
        pip = [str(tool / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        done = _run([*pip, "--require-hashes", "-r", str(REQUIREMENTS / "bootstrap.txt")])
        _check(done, "uv could not be installed")
    uv(tool, folder, "sync", "--require-hashes", *map(str, locks))


def uv(tool: Path, folder: Path, action: str, *arguments: str) -> None:
    """Run `uv pip ACTION` on the environment in folder. Raises SetupFailed."""
    command = [str(tool / "bin" / "uv"), "pip", action, "--quiet", "--python", str(folder / "bin" / "python")]
    _check(_run([*command, *arguments]), f"uv pip {action} for {folder.name} failed")


def is_current(folder: Path, python: Python, locks: list[Path]) -> bool:
    """True when the environment was made by this Python from these very locks."""
    stamp = folder / STAMP
    return stamp.exists() and stamp.read_text() == _stamp_text(python, locks)


def write_stamp(folder: Path, python: Python, locks: list[Path]) -> None:
    (folder / STAMP).write_text(_stamp_text(python, locks))


def _stamp_text(python: Python, locks: list[Path]) -> str:
    digest = hashlib.sha256()
    for lock in (*locks, ROOT / "pyproject.toml"):
        digest.update(lock.read_bytes())
    return f"{python.name} {ROOT} {digest.hexdigest()}\n"


def say(text: str) -> None:
    print(f"set-up: {text}", flush=True)


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        return subprocess.CompletedProcess(command, 127, "", str(error))


def _check(done: subprocess.CompletedProcess[str], failure: str) -> None:
    if done.returncode != 0:
        raise SetupFailed(f"{failure}:\n{(done.stderr or done.stdout).strip()}")


if __name__ == "__main__":
    sys.exit(main())
