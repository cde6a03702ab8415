"""Mistakes that the rules have to find, each with the words that its finding must hold."""

from collections.abc import Callable
from typing import Any

from tests.compose.document import Deployment

Mistake = tuple[str, Callable[[Deployment], Any], str]


def _set(service: str, key: str, value: Any) -> Callable[[Deployment], None]:
    def plant(given: Deployment) -> None:
        given.services[service][key] = value

    return plant


def _drop(service: str, key: str) -> Callable[[Deployment], Any]:
    return lambda given: given.services[service].pop(key)


def _variable(service: str, name: str, value: str | None) -> Callable[[Deployment], None]:
    def plant(given: Deployment) -> None:
        variables = dict(given.services[service]["environment"])
        if value is None:
            del variables[name]
        else:
            variables[name] = value
        given.services[service]["environment"] = variables

    return plant


def _caddy(old: str, new: str) -> Callable[[Deployment], None]:
    def plant(given: Deployment) -> None:
        assert old in given.caddyfile
        given.caddyfile = given.caddyfile.replace(old, new, 1)

    return plant


def _deep(*path: Any, value: Any) -> Callable[[Deployment], None]:
    def plant(given: Deployment) -> None:
        place: Any = given.document
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = value

    return plant


MISTAKES: list[Mistake] = [
    ("a function is forgotten", lambda given: given.services.pop("stats"), "stats: a function of the repository"),
    ("an image of no version", _set("kafka", "image", "apache/kafka:latest"), "not pinned"),
    ("an image without a tag", _set("caddy", "image", "caddy"), "not pinned"),
    ("an image of another release", _set("search", "image", "research-kb/search:0.0.9"), "the image is of 0.0.9"),
    ("no limit of memory", _deep("services", "embed", "deploy", "resources", "limits", value={"cpus": "1", "pids": 9}),
     "embed: no limit of memory"),
    ("more processors than there are", _deep("services", "keys", "deploy", "resources", "limits", "cpus", value="8"),
     "keys: more cpus"),
    ("a root file system that may be written", _drop("ingest", "read_only"), "ingest: its root file system"),
    ("a capability too many", _set("search", "cap_add", ["SYS_ADMIN"]), "search: it has capabilities"),
    ("privileges may grow", _drop("bridge", "security_opt"), "bridge: it may gain privileges"),
    ("the host's files are open", _set("health", "volumes", ["/var/run/docker.sock:/var/run/docker.sock"]),
     "may be written by the container"),
    ("a log without end", _set("triton", "logging", {"driver": "json-file"}), "triton: its log grows"),
    ("no health check", _drop("sources", "healthcheck"), "sources: no health check"),
    ("nothing restarts it", _drop("refresh", "restart"), "refresh: nothing restarts it"),
    ("a one-shot for ever", _set("migrate", "restart", "always"), "migrate: a one-shot that restarts"),
    ("a secret in the environment", _variable("postgres", "POSTGRES_PASSWORD", "hidden"), "stands in the environment"),
    ("a secret that is not mounted", _set("keys", "secrets", []), "keys: secrets mounted []"),
    ("a secret from the environment", _deep("secrets", "api_key", value={"environment": "API_KEY"}), "is no file"),
    ("the database is published", _set("postgres", "ports", ["5432:5432"]), "postgres: it publishes"),
    ("Grafana for the whole network", _set("grafana", "ports", ["3000:3000"]), "open to other machines"),
    ("an event function in front", _set("extract", "networks", ["front", "data", "watch", "events"]), "not internal"),
    ("the data can call out", _deep("networks", "data", value={}), "network data: it must be internal"),
    ("data that go with the container", _set("postgres", "volumes", []), "postgres: its data are in no named volume"),
    ("a setting that nobody reads", _variable("search", "SEARCH_LEG_TIMEOUT", "2"), "SEARCH_LEG_TIMEOUT is no setting"),
    ("another function's setting", _variable("stats", "MAX_PAGES", "9"), "stats: MAX_PAGES is no setting"),
    ("a required setting is missing", _variable("embed", "DATABASE_URL_FILE", None), "DATABASE_URL is required"),
    ("Triton's gRPC port", _variable("search", "TRITON_URL", "http://triton:8001"), "not Triton's HTTP port"),
    ("pools that Postgres cannot hold", _variable("ingest", "DATABASE_POOL_SIZE", "60"), "pools of"),
    ("waiting for nobody", _deep("services", "search", "depends_on", value={"cache": {"condition": "service_healthy"}}),
     "waits for cache"),
    ("not waiting for the schema", _set("embed", "depends_on", {}), "embed: starts before the migrations"),
    ("waiting for a one-shot to be healthy", _deep("services", "bridge", "depends_on", "migrate",
                                                   value={"condition": "service_healthy"}), "in the wrong way"),
    ("events to a port where nothing is",
     _variable("bridge", "INTERNAL_URL", "http://{function}:80"), "nothing listens"),
    ("a broker that names another address",
     lambda given: given.kafka.update({"advertised.listeners": "PLAINTEXT://x:1"}),
     "kafka: it tells its clients"),
    ("a path to the wrong function",
     _caddy("import function stats", "import function search"), "/stats goes to search"),
    ("the metrics are public", _caddy("/health /live", "/health /metrics /live"), "/metrics goes to health"),
    ("a path that nobody serves", _caddy(" /feedback", ""), "/feedback goes to None"),
    ("a smaller body than the function takes",
     _caddy("body_limit 67174400", "body_limit 1048576"), "bodies for ingest"),
    ("a function that is not watched",
     lambda given: given.prometheus["scrape_configs"][0]["static_configs"][0]["targets"].remove("embed:8080"),
     "embed is not scraped"),
    ("a volume that nobody uses", _deep("volumes", "left-over", value={}), "left-over"),
]  # fmt: skip
