"""What the code in an image imports is locked in that image's group of requirements."""

import ast
import re
import sys
from collections.abc import Iterable, Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OURS = {path.name for path in ROOT.iterdir() if (path / "__init__.py").exists()}
FUNCTIONS = sorted(path.parent.name for path in ROOT.glob("functions/*/main.py"))
# Imported where AWS runs a function, which comes as a package of its own and not as one of these images.
LAMBDA_ONLY = {"mangum", "boto3", "botocore"}
# Where a module's name belongs to no package of this environment, or to several.
KNOWN = {"google": "protobuf", "triton_python_backend_utils": None, "pgvector": "pgvector"}
IMAGES = {name: (f"functions/{name}", f"functions/{name}") for name in FUNCTIONS}
IMAGES |= {"bridge": ("events/bridge", "bridge"), "cli": ("cli", "cli")}


def imported(path: Path) -> Iterator[str]:
    """Yield the dotted names that a file imports when it runs, at module level or inside functions."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def files_of(name: str) -> list[Path]:
    """Return our own files that an import of a dotted name runs."""
    parts = name.split(".")
    places = [ROOT.joinpath(*parts[:size]) for size in range(1, len(parts) + 1)]
    candidates = [path for place in places for path in (place / "__init__.py", place.with_suffix(".py"))]
    return [path for path in candidates if path.is_file()]


def third_party(start: Iterable[Path]) -> dict[str, Path]:
    """Return the foreign top-level modules that these files or what they import need, and one file that does."""
    todo, seen, found = list(start), set[Path](), dict[str, Path]()
    while todo:
        path = todo.pop()
        if path in seen:
            continue
        seen.add(path)
        for name in imported(path):
            top = name.split(".")[0]
            if top in OURS:
                todo += files_of(name)
            elif top not in sys.stdlib_module_names:
                found.setdefault(top, path)
    return found


def locked(group: str) -> set[str]:
    """Return the names of the packages of a lock."""
    text = (ROOT / "requirements" / f"{group}.txt").read_text()
    return {match.lower() for match in re.findall(r"^([A-Za-z0-9_.-]+)==", text, flags=re.M)}


def packages(modules: Iterable[str]) -> set[str]:
    """Return the packages that hold these top-level modules."""
    known = packages_distributions()
    found = set[str]()
    for module in modules:
        name = KNOWN[module] if module in KNOWN else known.get(module, [module])[0]
        if name:
            found.add(re.sub(r"[-_.]+", "-", name).lower())
    return found


@pytest.mark.parametrize("image", IMAGES)
def test_everything_imported_is_locked(image: str) -> None:
    """No image misses a package that its code, or what that imports of shared and events, can ask for."""
    folder, group = IMAGES[image]
    needed = packages(set(third_party((ROOT / folder).rglob("*.py"))) - LAMBDA_ONLY)
    if image == "cli":
        needed |= packages(third_party(ROOT / "shared" / f"{name}.py" for name in ("migrate", "serving")))
    assert needed <= locked(group), sorted(needed - locked(group))


@pytest.mark.parametrize("image", IMAGES)
def test_locks_hold_the_versions_of_the_tests(image: str) -> None:
    """An image runs the very versions that the tests run, and every file is checked by its hash."""
    lines = (ROOT / "requirements" / f"{IMAGES[image][1]}.txt").read_text()
    ours = dict(re.findall(r"^([a-z0-9_.-]+)==(\S+)", lines, flags=re.M))
    main = re.findall(r"^([a-z0-9_.-]+)==(\S+)", (ROOT / "requirements/main.txt").read_text(), flags=re.M)
    for name, version in ours.items():
        assert (name, version) in main, f"{name}=={version}: run `make lock`"
    assert lines.count("--hash=sha256:") >= len(ours)


def test_dockerfiles_copy_what_the_images_run() -> None:
    """The context lets through what the Dockerfiles copy, and no Dockerfile asks for a newer builder's syntax."""
    allowed = set(re.findall(r"^!([\w.-]+)", (ROOT / ".dockerignore").read_text(), flags=re.M))
    dockerfiles = [*ROOT.glob("functions/Dockerfile"), *ROOT.glob("deploy/images/*.Dockerfile")]
    dockerfiles += ROOT.glob("triton_models/*Dockerfile")
    assert len(dockerfiles) == 6
    for path in dockerfiles:
        text = path.read_text()
        for newer in ("--mount", "<<", "syntax="):
            assert newer not in text, path.name
        if path.name == "model.Dockerfile":  # its context is a home with models
            continue
        for line in re.findall(r"^COPY (?!--from)(.+)$", text, flags=re.M):
            for source in line.split()[:-1]:
                assert source.split("/")[0] in allowed, f"{path.name}: {source}"
                assert "$" in source or (ROOT / source).exists(), f"{path.name}: {source}"
