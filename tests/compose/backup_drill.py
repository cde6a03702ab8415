"""Backup and restore inside the deployment, as docs/deploy-compose.md tells it: by the service `cli` and its volume."""

import json
from dataclasses import dataclass
from typing import Any

from deploy.images.build import functions
from tests.compose.measure import say
from tests.compose.project import ProdTestFailed, Project
from tests.compose.visitors import Visitors

FOLDER = "/backups/drill"
QUESTIONS = (
    "When does an instrumental variable identify a causal effect?",
    "propensity score matching",
    "What breaks a randomised experiment?",
)


@dataclass(frozen=True)
class Backup:
    """What the system knew and answered when it was backed up."""

    sources: int
    answers: list[Any]


async def back_up(visitors: Visitors) -> Backup:
    """Back the deployment up and have the backup verified; return what it must answer after a restore."""
    kept = Backup(await _sources(visitors), await _answers(visitors))
    _run(visitors.project, "backup", FOLDER)
    _run(visitors.project, "restore", FOLDER, "--check")
    say(f"backed up: {kept.sources} sources, checked")
    return kept


async def restore(visitors: Visitors, kept: Backup) -> None:
    """Replace everything by the backup, with functions and bridge stopped. Raises ProdTestFailed."""
    project, before = visitors.project, await _sources(visitors)
    if before <= kept.sources:
        raise ProdTestFailed(f"nothing was added since the backup ({before} sources): a restore would prove nothing")
    served = [*functions(), "bridge"]
    project.compose("stop", "--timeout", "30", *served)
    _run(project, "restore", FOLDER, "--replace")
    project.compose("start", *served)
    project.wait(served)
    after, answers = await _sources(visitors), await _answers(visitors)
    if after != kept.sources or answers != kept.answers:
        raise ProdTestFailed(f"restored {after} sources of {kept.sources}; answers {answers}, not {kept.answers}")
    say(f"restored over {before} sources: {after}, {len(answers)} questions answered as before, to the same key")


def _run(project: Project, *arguments: str) -> None:
    project.compose("run", "--rm", "-T", "cli", *arguments)


async def _sources(visitors: Visitors) -> int:
    async with visitors.client() as client:
        answer = await visitors.ask(client, "GET", "/stats")
    return int(answer.json()["sources"])


async def _answers(visitors: Visitors) -> list[Any]:
    """Return place, text and scores of every hit for each question."""
    found = []
    async with visitors.client() as client:
        for question in QUESTIONS:
            body = {"query": question, "limit": 5, "collection": "sample"}
            answer = (await visitors.ask(client, "POST", "/search", json=body)).json()
            if answer["degraded"]:
                raise ProdTestFailed(f"degraded: {json.dumps(answer['degraded'])}")
            found.append([[hit["id"], hit["text"], hit["scores"]] for hit in answer["hits"]])
    return found
