"""Migrations are safe while the release before them runs: what that release reads, writes and calls stays as it was."""

import re
from itertools import takewhile
from pathlib import Path

import pytest

from shared.migrate import FOLDER

FIRST_RELEASE = 5
"""Up to this number a migration belongs to the first release: nothing ran before it."""
FILES = sorted(FOLDER.glob("*.sql"))
LATER = [path for path in FILES if int(path.name[:4]) > FIRST_RELEASE]

FORBIDDEN = {
    "drops or empties a table": r"\b(DROP TABLE|TRUNCATE)\b",
    "drops a column": r"\bDROP COLUMN\b",
    "renames": r"\bRENAME\b",
    "drops what an older release calls": r"\bDROP (FUNCTION|PROCEDURE|VIEW|TYPE|SEQUENCE|SCHEMA|EXTENSION)\b",
    "changes a column's type, which rewrites the table": r"\bALTER (COLUMN )?\w+ (SET DATA )?TYPE\b",
    "asks for what an older release does not write": r"\bSET NOT NULL\b",
    "drops a default that an older release relies on": r"\bDROP DEFAULT\b",
    "locks a table": r"\b(LOCK TABLE|VACUUM|CLUSTER|REINDEX)\b",
    "cannot run in the migration's transaction": r"\bCONCURRENTLY\b",
}
HEAVY = {
    "builds an index while nobody may write": r"CREATE (UNIQUE )?INDEX .*\bON (?P<table>\w+)",
    "checks every row while nobody may write": (
        r"ALTER TABLE (?P<table>\w+) .*\bADD (CONSTRAINT|CHECK|UNIQUE|PRIMARY|FOREIGN)"
    ),
    "writes many rows": r"(UPDATE|DELETE FROM) (?P<table>\w+)",
}
REASON = "-- Locks:"
"""Begins the comment above a heavy statement that says how long it takes and why that is no harm."""


def strip(sql: str) -> str:
    """Return SQL without comments and with single blanks."""
    return re.sub(r"\s+", " ", re.sub(r"--[^\n]*", "", sql)).strip()


def statements(text: str) -> list[str]:
    """Return the statements of a file, comments above them included; function bodies stay whole."""
    parts = re.split(r"(\$\$.*?\$\$|BEGIN ATOMIC.*?\nEND;)", text, flags=re.S)
    held = [part.replace(";", "\x00") if number % 2 else part for number, part in enumerate(parts)]
    code = re.sub(r"--[^\n]*", lambda comment: comment[0].replace(";", "\x00"), "".join(held))
    return [each.replace("\x00", ";") for each in code.split(";") if strip(each)]


def without_bodies(statement: str) -> str:
    """Return a statement without the body of the function that it makes: it runs later, not now."""
    return re.sub(r"\$\$.*\$\$", "", strip(statement))


def columns_added(statement: str) -> list[str]:
    """Return the definitions of columns that a statement adds."""
    return re.findall(r"ADD COLUMN (?:IF NOT EXISTS )?(.+?)(?=, ADD |$)", without_bodies(statement))


def signatures(text: str) -> dict[str, str]:
    """Return arguments and results of each function that a file makes."""
    found = re.finditer(r"CREATE (?:OR REPLACE )?FUNCTION (\w+)\s*(\(.*?\)(?:\s*RETURNS .*?)?)\s*LANGUAGE", strip(text))
    return {match[1]: match[2] for match in found}


def heavy(statement: str, made: set[str]) -> list[str]:
    """Return why a statement needs a reason; tables in `made` are new and empty."""
    if any(line.strip().startswith(REASON) for line in statement.strip().splitlines()):
        return []
    code = without_bodies(statement)
    found = []
    for what, pattern in HEAVY.items():
        match = re.match(pattern, code)
        if match and match["table"] not in made and "NOT VALID" not in code:
            found.append(f"{what}: {match['table']}")
    return found


def tables_made(text: str) -> set[str]:
    """Return the tables that a file makes."""
    return set(re.findall(r"CREATE TABLE (?:IF NOT EXISTS )?(\w+)", strip(text)))


def violations(text: str, known: dict[str, str]) -> list[str]:
    """Return what is unsafe in a migration, given the functions that there were before."""
    made, found = tables_made(text), []
    for statement in statements(text):
        code = without_bodies(statement)
        found += [what for what, pattern in FORBIDDEN.items() if re.search(pattern, code)]
        for column in columns_added(statement):
            if "NOT NULL" in column and "DEFAULT" not in column:
                found.append(f"adds a column that an older release leaves empty: {column}")
            if re.search(r"DEFAULT (random|clock_timestamp|gen_random_uuid|uuidv7|nextval)\b", column):
                found.append(f"adds a column whose default rewrites the table: {column}")
        found += heavy(statement, made)
    for name, signature in signatures(text).items():
        if known.get(name, signature) != signature:
            found.append(f"changes the signature of {name}")
    return found


@pytest.mark.parametrize("path", LATER, ids=lambda path: path.stem)
def test_a_migration_is_safe_beside_the_release_before_it(path: Path) -> None:
    """Nothing that an older release uses is dropped, renamed or narrowed, and nothing long is locked without reason."""
    before = takewhile(lambda other: other != path, FILES)
    known = {name: signature for other in before for name, signature in signatures(other.read_text()).items()}
    assert violations(path.read_text(), known) == []


def test_numbers_are_unique() -> None:
    """Migrations are applied in the order of their names, each number once."""
    numbers = [path.name[:4] for path in FILES]
    assert len(set(numbers)) == len(numbers)


@pytest.mark.parametrize(
    "planted",
    [
        "DROP TABLE outbox;",
        "ALTER TABLE models DROP COLUMN active;",
        "ALTER TABLE models RENAME COLUMN name TO title;",
        "ALTER TABLE models RENAME TO embedders;",
        "ALTER TABLE models ADD COLUMN served boolean NOT NULL;",
        "ALTER TABLE models ADD COLUMN a integer, ADD COLUMN b text NOT NULL;",
        "ALTER TABLE models ADD COLUMN token uuid DEFAULT gen_random_uuid();",
        "ALTER TABLE models ALTER COLUMN dimension TYPE bigint;",
        "ALTER TABLE passages ALTER COLUMN lexical_length SET NOT NULL;",
        "DROP FUNCTION release_lease(uuid, bigint);",
        "CREATE OR REPLACE FUNCTION release_lease(held_key uuid) RETURNS void LANGUAGE sql AS $$ SELECT 1; $$;",
        "-- A comment; with a semicolon.\nCREATE INDEX postings_term ON postings (term_id);",
        "ALTER TABLE sources ADD CONSTRAINT titled CHECK (title <> '');",
        "UPDATE sources SET title = 'none' WHERE title = '';",
        "DROP INDEX CONCURRENTLY sources_doi;",
    ],
)
def test_a_planted_mistake_is_caught(planted: str) -> None:
    """The rules see what they are for."""
    known = {name: signature for path in FILES for name, signature in signatures(path.read_text()).items()}
    assert violations(planted, known)


@pytest.mark.parametrize(
    "harmless",
    [
        "CREATE TABLE notes (id bigint NOT NULL); CREATE INDEX notes_id ON notes (id); DROP INDEX sources_doi;",
        "ALTER TABLE models ADD COLUMN served boolean NOT NULL DEFAULT false, ADD COLUMN seen timestamptz;",
        "CREATE FUNCTION tidy() RETURNS void LANGUAGE sql AS $$ DELETE FROM outbox; DROP TABLE x; $$;",
        "-- Locks: a second, for a table of some hundred keys.\nCREATE INDEX api_keys_tier ON api_keys (tier);",
    ],
)
def test_what_is_harmless_is_let_through(harmless: str) -> None:
    """New tables, defaults, bodies of functions, and what gives its reason."""
    assert violations(harmless, {}) == []
