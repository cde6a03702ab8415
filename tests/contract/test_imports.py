"""Rules of who may import what; they keep cold starts short and functions deployable alone."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HTTP = ["health", "ingest", "keys", "search", "sources", "stats"]
EVENT = ["embed", "extract", "metrics", "refresh"]

# What no HTTP function may have loaded when it is ready: each costs tens to hundreds of milliseconds of a cold start.
HEAVY = {
    "numpy",
    "grpc",
    "tritonclient",
    "aiokafka",
    "aiohttp",
    "tokenizers",
    "torch",
    "onnx",
    "onnxruntime",
    "boto3",
    "pypdfium2",
    "selectolax",
    "markdown_it",
    "pylatexenc",
    "jsonschema",
    "obstore",
    "rich",
    "typer",
    "psutil",
    "prometheus_client",
    "opentelemetry.sdk",  # FastAPI itself imports the API
    "sentry_sdk",
}


def imported(path: Path) -> set[str]:
    """Return the dotted names that a file imports, at module level or inside functions."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def below(folder: str) -> list[Path]:
    return sorted((ROOT / folder).rglob("*.py"))


@pytest.mark.parametrize("name", HTTP + EVENT)
def test_no_function_imports_another(name: str) -> None:
    """A function imports shared and events, and of the functions only itself."""
    allowed = f"functions.{name}"
    for path in below(f"functions/{name}"):
        foreign = {i for i in imported(path) if i.startswith("functions.") and not i.startswith(allowed)}
        assert not foreign, f"{path.relative_to(ROOT)} imports {sorted(foreign)}"


@pytest.mark.parametrize("folder", ["shared", "events"])
def test_shared_code_imports_no_function(folder: str) -> None:
    """What functions share knows none of them, nor the stack, nor the command line."""
    for path in below(folder):
        foreign = {i for i in imported(path) if i.split(".")[0] in {"functions", "local", "cli", "bench", "tests"}}
        assert not foreign, f"{path.relative_to(ROOT)} imports {sorted(foreign)}"


@pytest.mark.parametrize("name", HTTP)
def test_http_functions_load_nothing_heavy(name: str) -> None:
    """When an HTTP function is ready, no heavy module is loaded."""
    loaded = loaded_modules(name)
    assert not loaded & HEAVY, sorted(loaded & HEAVY)


@pytest.mark.parametrize("name", EVENT)
def test_event_functions_load_no_broker_client(name: str, tmp_path: Path) -> None:
    """Events come by HTTP: no event function loads a Kafka client, torch, an ORM, or a tokenizer before a document."""
    model = tmp_path / "models" / "all-MiniLM-L6-v2"
    model.mkdir(parents=True)
    (model / "tokenizer.json").touch()  # extract wants to see it
    loaded = loaded_modules(name, RESEARCH_KB_HOME=str(tmp_path))
    assert not loaded & {"aiokafka", "torch", "sqlalchemy", "numpy", "grpc", "prometheus_client", "tokenizers"}


def test_tracing_and_error_reports_load_nothing_before_they_are_used() -> None:
    """Switched on, they cost a start no more than off: Sentry's SDK waits for an error, OpenTelemetry's is unused."""
    on = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "SENTRY_DSN": "http://public@127.0.0.1:1/1"}
    loaded = loaded_modules("search", **on)
    assert not loaded & HEAVY, sorted(loaded & HEAVY)


def loaded_modules(name: str, **settings: str) -> set[str]:
    """Return the modules loaded after a function's app was made, to two levels, in a fresh interpreter."""
    code = (
        "import json, sys\n"
        f"from functions.{name}.main import create_app\n"
        "create_app()\n"
        "print(json.dumps(sorted({'.'.join(m.split('.')[:n]) for m in sys.modules for n in (1, 2)})))"
    )
    environment = {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none", "PATH": "/usr/bin:/bin"} | settings
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout))
