"""Loading a dump by psql: all of it or nothing."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

from cli.backup.manifest import CHUNK_BYTES
from cli.backup.place import Place
from cli.backup.programs import Programs
from cli.errors import CommandFailed
from cli.progress import ProgressDisplay

EMPTY = Path(__file__).parent / "sql" / "empty.sql"
MEGABYTE = 2**20


def load_dump(programs: Programs, place: Place, dump: Path, display: ProgressDisplay) -> None:
    """Empty the database and load the dump in one transaction: until it is committed, nothing has changed."""
    url, environment = place.libpq()
    read = [programs.path("pg_restore"), "--no-owner", "--no-privileges", "--no-comments", "--file=-", str(dump)]
    write = [programs.path("psql"), "-X", "-q", "--no-password", "-v", "ON_ERROR_STOP=1", f"--dbname={url}", "--file=-"]
    pipe, quiet = subprocess.PIPE, subprocess.DEVNULL
    with (
        subprocess.Popen(read, stdout=pipe, stderr=pipe) as reader,
        subprocess.Popen(write, stdin=pipe, stdout=quiet, stderr=pipe, env=environment) as writer,
    ):
        try:
            fed = _feed(writer, _script(reader, display))
            if not fed:
                reader.kill()
            said = _last_words(writer) or ("" if fed else "It ended before it had read everything.")
        except BaseException:
            writer.kill()
            reader.kill()
            raise
    if said:
        action = "The database is as it was. Correct what it names; stop the functions if locks are in the way."
        raise CommandFailed("psql could not load the dump", said, action)


def _script(reader: "subprocess.Popen[bytes]", display: ProgressDisplay) -> Iterator[bytes]:
    """Yield what psql runs. Only the end commits: an input that ends early, whoever was killed, changes nothing.

    psql's own --single-transaction would commit at the end of any input.
    """
    assert reader.stdout  # noqa: S101 -- asked for by its opener
    yield b"BEGIN;\n" + EMPTY.read_bytes()
    passed = 0
    while chunk := reader.stdout.read(CHUNK_BYTES):
        yield chunk
        passed += len(chunk)
        display.show("load, MB", passed // MEGABYTE, None)
    if failed := _last_words(reader):
        raise CommandFailed("pg_restore failed", failed, "The database is as it was. Use another backup.")
    yield b"\nCOMMIT;\n"


def _feed(writer: "subprocess.Popen[bytes]", script: Iterator[bytes]) -> bool:
    """Pass everything on and end the input; False when the writer ended before it had everything."""
    assert writer.stdin  # noqa: S101 -- asked for by its opener
    try:
        for chunk in script:
            writer.stdin.write(chunk)
            writer.stdin.flush()
        writer.stdin.close()
    except BrokenPipeError:
        return False
    return True


def _last_words(program: "subprocess.Popen[bytes]") -> str:
    """Wait for a program's end; return what it complained of, or nothing after a success."""
    said = program.stderr.read().decode(errors="replace").strip() if program.stderr else ""
    code = program.wait()
    return (said[-2000:] or f"It ended with code {code}.") if code else ""
