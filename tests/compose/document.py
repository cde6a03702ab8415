"""docker-compose.prod.yml and the files that it mounts, as the rules look at them."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from deploy.images.build import functions, version

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy" / "compose"
FILE = ROOT / "docker-compose.prod.yml"
EVENT_FUNCTIONS = frozenset({"extract", "embed", "refresh", "metrics"})
ONE_SHOTS = frozenset({"migrate", "register-model", "first-key", "object-store-bucket", "cli"})
OURS = "research-kb/"


@dataclass
class Deployment:
    """The compose document with every variable at its default, and the texts of the configuration files."""

    document: dict[str, Any]
    caddyfile: str
    prometheus: dict[str, Any]
    kafka: dict[str, str]
    postgres: dict[str, str]

    @property
    def services(self) -> dict[str, dict[str, Any]]:
        """Return the services by name."""
        services: dict[str, dict[str, Any]] = self.document["services"]
        return services

    def own(self) -> dict[str, str]:
        """Return name of service -> name of image, for the images that this project builds."""
        images = {name: service["image"] for name, service in self.services.items()}
        return {name: image.removeprefix(OURS).split(":")[0] for name, image in images.items() if OURS in image}

    def environment(self, name: str) -> dict[str, str]:
        """Return a service's variables."""
        return {key: str(value) for key, value in (self.services[name].get("environment") or {}).items()}

    def networks(self, name: str) -> set[str]:
        """Return the networks that a service is on."""
        return set(self.services[name].get("networks") or ["default"])


def load() -> Deployment:
    """Return what is in the repository."""
    return Deployment(
        document=yaml.safe_load(_with_defaults(FILE.read_text())),
        caddyfile=(FOLDER / "Caddyfile").read_text(),
        prometheus=yaml.safe_load((FOLDER / "prometheus.yml").read_text()),
        kafka=_pairs((FOLDER / "kafka.properties").read_text()),
        postgres=_pairs((FOLDER / "postgres" / "postgresql.conf").read_text()),
    )


def expected_functions() -> set[str]:
    """Return the functions of the repository."""
    return set(functions())


def release() -> str:
    """Return the project's version."""
    return version()


def _with_defaults(text: str) -> str:
    """Replace ${NAME:-default}, inner ones first; $$ stays."""
    pattern = re.compile(r"(?<!\$)\$\{[A-Z_]+:-([^${}]*)\}")
    while pattern.search(text):
        text = pattern.sub(r"\1", text)
    return text


def _pairs(text: str) -> dict[str, str]:
    """Return `name = value` lines without comments."""
    lines = (line.split("#")[0].partition("=") for line in text.splitlines() if "=" in line.split("#")[0])
    return {name.strip(): value.strip().strip("'") for name, _, value in lines}
