"""What a new stack does once: its first key, the sample corpus, one answered question."""

from __future__ import annotations

import asyncio
import hashlib
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from local.settings import REPOSITORY, StackError, StackSettings

SAMPLE = REPOSITORY / "sample" / "articles"
COLLECTION = "sample"
# It takes 15 s on two free cores. Longer than this, and something else takes the events (a Kafka shared with another
# stack), or nothing does.
TIMEOUT_S = "300"
QUESTION = "When does an instrumental variable identify a causal effect?"


async def finish_first_run(settings: StackSettings, addresses: Mapping[str, str]) -> None:
    """Make the key, load the sample and ask the question, leaving out what is done; says what to try next.

    addresses: the variables of a stack that serves. Prints to standard output. Raises StackError for a failed step.
    """
    environment = os.environ | addresses
    key_arguments = ("functions.keys.bootstrap", "--output", str(settings.api_key_file))
    await _run("The first API key could not be made", environment, *key_arguments, quiet=True)
    environment["RESEARCH_KB_API_KEY"] = settings.api_key_file.read_text().strip()
    marker = _marker(settings)
    fingerprint = _fingerprint()
    if not marker.exists() or marker.read_text().strip() != fingerprint:
        await _load_and_ask(environment)
        marker.write_text(fingerprint + "\n")
    print(_next_steps(settings, addresses["RESEARCH_KB_URL"]), flush=True)


async def _load_and_ask(environment: Mapping[str, str]) -> None:
    print("\nLoading the sample articles:", flush=True)
    # By path: an article that changed replaces its old version instead of standing beside it.
    arguments = ("cli", "ingest", str(SAMPLE), "--collection", COLLECTION, "--by-path", "--timeout", TIMEOUT_S)
    await _run("The sample could not be loaded", environment, *arguments)
    print(f"\nAsking: {QUESTION}\n", flush=True)
    await _run("The first question failed", environment, "cli", "search", QUESTION, "--limit", "3")


async def _run(failure: str, environment: Mapping[str, str], module: str, *arguments: str, quiet: bool = False) -> None:
    """Run a module to its end, at the terminal unless quiet; a cancelled caller ends it too."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        module,
        *arguments,
        env=dict(environment),
        cwd=REPOSITORY,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE if quiet else None,
        stderr=asyncio.subprocess.STDOUT if quiet else None,
    )
    try:
        output, _ = await process.communicate()
    except asyncio.CancelledError:
        process.terminate()
        await process.wait()
        raise
    if process.returncode:
        reason = output.decode(errors="replace").strip() if output else "its reason is above"
        raise StackError(f"{failure} (exit status {process.returncode}): {reason}")


def _marker(settings: StackSettings) -> Path:
    """Where is kept which sample the database has: beside its data, so that it goes when they go."""
    if settings.database_url is None:
        return settings.home / "postgres" / "sample-loaded"
    return settings.home / f"sample-loaded-{hashlib.sha256(settings.database_url.encode()).hexdigest()[:10]}"


def _fingerprint() -> str:
    """SHA-256 over names and contents of the sample's articles. Raises StackError where there are none."""
    articles = sorted(path for path in SAMPLE.glob("*") if path.is_file())
    if not articles:
        raise StackError(f"{SAMPLE} holds no articles; the checkout is incomplete.")
    digest = hashlib.sha256()
    for path in articles:
        digest.update(f"{path.name}\0".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _next_steps(settings: StackSettings, url: str) -> str:
    variables = f"RESEARCH_KB_HOME={settings.home} PORT={settings.port} "
    prefix = "" if (settings.home, settings.port) == (REPOSITORY / ".local", 8000) else variables
    program = f"{prefix}.venv/bin/research-kb"
    return f"""
research-kb answers at {url} (documentation: {url}/docs). Try:
  {program} search "What breaks a randomised experiment?"
  {program} ingest PATH...
  curl -s {url}/search -H "Authorization: Bearer $(cat {settings.api_key_file})" \\
    -H 'Content-Type: application/json' -d '{{"query": "propensity score matching", "limit": 3}}'
  {prefix}make status, {prefix}make logs, {prefix}make down
"""
