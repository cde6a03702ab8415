"""Backups without a database: which programs are taken, what a listing may name, where things are, S3."""

import hashlib
import json
import os
import stat
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from moto.server import ThreadedMotoServer

from cli.backup.copying import check_objects, copy_in, copy_out
from cli.backup.manifest import LISTING, OBJECTS, Unusable, is_incomplete, listed_objects, write_listing
from cli.backup.place import Place, find_place
from cli.backup.programs import NAMES, find_programs
from cli.commands.backups import _run
from cli.errors import CommandFailed, UsageError
from shared.objects import Objects

NOTHING = "0" * 64


def make_programs(folder: Path, version: str) -> Path:
    """A folder of programs that say they are of a version."""
    folder.mkdir()
    for name in NAMES:
        path = folder / name
        path.write_text(f'#!/bin/sh\necho "{name} (PostgreSQL) {version}"\n')
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return folder


def test_programs_are_those_of_the_servers_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """PG_BIN comes first, then PATH; what is of another version is passed over and named."""
    old = make_programs(tmp_path / "old", "15.9 (Debian 15.9-1)")
    new = make_programs(tmp_path / "new", "16.4")
    monkeypatch.setenv("PG_BIN", str(old))
    monkeypatch.setenv("PATH", f"{new}{os.pathsep}{os.environ['PATH']}")
    assert find_programs(15).folder == old
    assert find_programs(16).folder == new
    with pytest.raises(CommandFailed) as caught:
        find_programs(14)
    assert caught.value.title == "pg_dump, pg_restore and psql of Postgres 14 are needed"
    assert f"15.9 in {old}" in caught.value.detail
    assert "PG_BIN" in caught.value.action


def test_a_folder_that_lacks_a_program_is_no_pg_bin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Named explicitly it is an error, not passed over."""
    folder = make_programs(tmp_path / "half", "16.4")
    (folder / "psql").unlink()
    monkeypatch.setenv("PG_BIN", str(folder))
    with pytest.raises(CommandFailed) as caught:
        find_programs(16)
    assert caught.value.title == "PG_BIN holds no usable programs"


@pytest.mark.parametrize(
    "line",
    [
        {"key": "../outside", "size_bytes": 1, "sha256": NOTHING},
        {"key": "/etc/passwd", "size_bytes": 1, "sha256": NOTHING},
        {"key": "documents/../../outside", "size_bytes": 1, "sha256": NOTHING},
        {"key": "documents/./a", "size_bytes": 1, "sha256": NOTHING},
        {"key": "", "size_bytes": 1, "sha256": NOTHING},
        {"key": "documents/a", "size_bytes": 1, "sha256": "abc"},
        {"key": "documents/a"},
        [],
        "documents/a",
    ],
)
def test_a_listing_names_objects_alone(tmp_path: Path, line: Any) -> None:
    """A line that would lead out of the folder, or is no object, is refused with its number."""
    good = {"key": "documents/a/b", "size_bytes": 1, "sha256": NOTHING}
    (tmp_path / LISTING).write_text(json.dumps(good) + "\n" + json.dumps(line) + "\n")
    with pytest.raises(Unusable, match="Line 2"):
        list(listed_objects(tmp_path))


def test_an_interrupted_backup_is_known(tmp_path: Path) -> None:
    """By its parts without a manifest; a folder with anything else in it is somebody's."""
    assert not is_incomplete(tmp_path)
    (tmp_path / "database.dump").write_bytes(b"")
    (tmp_path / OBJECTS).mkdir()
    assert is_incomplete(tmp_path)
    (tmp_path / "thesis.pdf").write_bytes(b"")
    assert not is_incomplete(tmp_path)


def test_the_environment_names_the_place_or_the_stack_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """DATABASE_URL and OBJECT_STORE_URL, else stack.json of this home; without either it is said what to set."""
    for name in ("DATABASE_URL", "OBJECT_STORE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("RESEARCH_KB_HOME", str(tmp_path))
    with pytest.raises(UsageError, match="No database is named"):
        find_place()
    make_stack(tmp_path)
    assert find_place() == Place("postgresql://u:p@h:1/d", "file:///objects")
    monkeypatch.setenv("OBJECT_STORE_URL", "s3://bucket/prefix")
    monkeypatch.setenv("DATABASE_URL", "postgresql://other/d")
    assert find_place() == Place("postgresql://other/d", "s3://bucket/prefix")
    monkeypatch.setenv("DATABASE_URL", "mysql://h/d")
    with pytest.raises(UsageError, match="not an address"):
        find_place()


@pytest.mark.parametrize(
    ("given", "lacks"),
    [({"DATABASE_URL": "postgresql://h/drill"}, "OBJECT_STORE_URL"), ({"OBJECT_STORE_URL": "s3://b"}, "DATABASE_URL")],
)
def test_half_a_place_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: dict[str, str], lacks: str
) -> None:
    """A drill's database with the running stack's objects would cost the stack its documents."""
    make_stack(tmp_path)
    monkeypatch.setenv("RESEARCH_KB_HOME", str(tmp_path))
    monkeypatch.delenv(lacks, raising=False)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UsageError, match=f"without {lacks}") as caught:
        find_place()
    assert caught.value.exit_code == 2
    expected = given.get("DATABASE_URL", "postgresql://u:p@h:1/d")
    assert find_place(objects=False).database_url == expected


def make_stack(folder: Path) -> None:
    """What a running embedded stack leaves in its home."""
    (folder / "run").mkdir()
    addresses = {"DATABASE_URL": "postgresql://u:p@h:1/d", "OBJECT_STORE_URL": "file:///objects"}
    (folder / "run" / "stack.json").write_text(json.dumps({"addresses": addresses}))


def test_a_password_is_no_argument() -> None:
    """Postgres' programs get it in their environment, decoded; what is shown of the address lacks it."""
    url, environment = Place("postgresql://ada:a%2Fb@h:1/d?sslmode=require", "file:///o").libpq()
    assert url == "postgresql://ada@h:1/d?sslmode=require"
    assert environment["PGPASSWORD"] == "a/b"
    assert Place("postgresql://ada:secret@h/d", "").said == "postgresql://ada@h/d"


def test_what_the_driver_itself_raises_is_a_failed_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """While connecting and afterwards; the database is named without its password."""

    async def fail(*_: Any, **__: Any) -> None:
        raise asyncpg.InternalClientError("unexpected")

    monkeypatch.setattr(asyncpg, "connect", fail)
    with pytest.raises(CommandFailed) as caught:
        _run(Place("postgresql://ada:secret@h/d", "").connect())
    assert caught.value.detail == "postgresql://ada@h/d: unexpected"
    with pytest.raises(CommandFailed) as caught:
        _run(fail())
    assert caught.value.title == "The database refused"


async def test_objects_travel_from_s3_and_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bytes, sizes and checksums are listed; what is not there is left out; what was changed is refused."""
    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        given = {"AWS_ENDPOINT": f"http://{host}:{port}", "AWS_ALLOW_HTTP": "true", "AWS_REGION": "us-east-1"}
        for name, value in (given | {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}).items():
            monkeypatch.setenv(name, value)
        import boto3

        client = boto3.client("s3", endpoint_url=given["AWS_ENDPOINT"], region_name="us-east-1")
        for bucket in ("one", "other"):
            client.create_bucket(Bucket=bucket)
        one, other = Objects("s3://one/kept"), Objects("s3://other")
        bodies = {f"documents/source/{number}": b"x" * number for number in range(12)}
        for key, body in bodies.items():
            await one.put(key, body)
        shown: list[int] = []
        copied = await copy_out(one, [*bodies, "documents/source/gone"], tmp_path, shown.append)
        assert shown == list(range(1, 14))
        assert {key: part.sha256 for key, part in copied.items()} == {
            key: hashlib.sha256(body).hexdigest() for key, body in bodies.items()
        }
        write_listing(tmp_path, copied.values())
        parts = list(listed_objects(tmp_path))
        assert parts == list(copied.values())
        await copy_in(other, parts, tmp_path, shown.append)
        assert {key: await other.get(key) for key in await other.keys("documents/")} == bodies
        (tmp_path / OBJECTS / "documents/source/3").write_bytes(b"yyy")
        with pytest.raises(Unusable, match="SHA-256"):
            await check_objects(parts, tmp_path, shown.append)
    finally:
        server.stop()
