"""What the parts are told: ports, addresses, access, pinned jars."""

import re
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from local import preflight
from local.child import BACKOFF_CAP_S, BACKOFF_FIRST_S, backoff_s
from local.kafka import Kafka
from local.kafka_jars import read_lock
from local.parts import PORTS, Blueprint
from local.postgres import Postgres
from local.preflight import check_address, check_space, make_home, take_lock
from local.settings import StackError, StackSettings
from local.triton import Triton


def make_blueprint(**overrides: str) -> Blueprint:
    settings = StackSettings(home=Path("/nowhere"), **overrides)  # type: ignore[arg-type]  # only strings are overridden
    return Blueprint(settings, {name: 20000 + index for index, name in enumerate(PORTS)})


def test_every_stateful_part_is_started_unless_it_is_external() -> None:
    """DATABASE_URL, KAFKA_BOOTSTRAP and TRITON_URL each replace one part."""
    assert [part.name for part in make_blueprint().stateful()] == ["postgres", "kafka", "triton"]
    given = make_blueprint(database_url="postgresql://db/x", triton_url="http://triton:8000")
    assert [part.name for part in given.stateful()] == ["kafka"]
    given.describe_surroundings()
    assert given.environment["DATABASE_URL"] == "postgresql://db/x"
    assert given.environment["TRITON_URL"] == "http://triton:8000"
    assert given.environment["KAFKA_BOOTSTRAP"] == f"127.0.0.1:{given.ports['kafka']}"


def test_the_functions_end_before_what_they_use() -> None:
    """Else they would fail requests that were under way."""
    blueprint = make_blueprint()
    latest = max(part.stop_phase for part in blueprint.functions())
    assert latest < min(part.stop_phase for part in blueprint.stateful())


def test_every_jar_is_pinned_by_hash_and_no_place_is_named() -> None:
    """The lock has coordinates and SHA-256 sums, nothing else."""
    lock = read_lock()
    assert "org.apache.kafka:kafka_2.13:4.1.1" in lock
    assert all(re.fullmatch(r"[0-9a-f]{64}", digest) for digest in lock.values())
    assert all(re.fullmatch(r"[\w.-]+:[\w.-]+:[\w.-]+", coordinate) for coordinate in lock)


def test_kafka_advertises_where_it_listens_and_keeps_its_controller_to_itself(tmp_path: Path) -> None:
    """Clients are sent to LISTEN; the controller is on loopback always."""
    addresses = Kafka(StackSettings(home=tmp_path, listen="10.95.0.1"), 20001, 20002)._addresses()
    assert "listeners=PLAINTEXT://10.95.0.1:20001,CONTROLLER://127.0.0.1:20002\n" in addresses
    assert "advertised.listeners=PLAINTEXT://10.95.0.1:20001\n" in addresses


def test_newer_kafka_data_are_refused_with_what_to_do(tmp_path: Path) -> None:
    """Kafka does not go back."""
    (tmp_path / "kafka").mkdir()
    (tmp_path / "kafka" / "release").write_text("99.0\n")
    with pytest.raises(StackError, match=r"Kafka 99\.0.*newer release"):
        Kafka(StackSettings(home=tmp_path), 1, 2).prepare()


def test_postgres_data_of_another_version_are_refused_with_what_to_do(tmp_path: Path) -> None:
    """The message names both versions and the way out."""
    (tmp_path / "postgres" / "data").mkdir(parents=True)
    (tmp_path / "postgres" / "data" / "PG_VERSION").write_text("17\n")
    with pytest.raises(StackError, match=r"Postgres 17, and this is Postgres 18.*pg_dump"):
        Postgres(StackSettings(home=tmp_path), 1).prepare()


def test_shared_memory_names_differ_between_stacks() -> None:
    """Each sweeps only its own."""
    first, second = (Triton(StackSettings(home=Path(home)), 1, 2, 3) for home in ("/a", "/b"))
    assert first.shared_memory_prefix != second.shared_memory_prefix


def test_backoff_doubles_up_to_a_cap_with_jitter() -> None:
    """At once the first time, never more than the cap, never the same for all."""
    assert BACKOFF_FIRST_S / 2 <= backoff_s(1) <= BACKOFF_FIRST_S
    assert 4 * BACKOFF_FIRST_S <= backoff_s(4) <= 8 * BACKOFF_FIRST_S
    assert all(BACKOFF_CAP_S / 2 <= backoff_s(deaths) <= BACKOFF_CAP_S for deaths in (20, 1000))
    assert len({backoff_s(3) for _ in range(20)}) > 1


def test_a_home_has_one_stack(tmp_path: Path) -> None:
    """A second one is told so, and told of RESEARCH_KB_HOME."""
    settings = StackSettings(home=tmp_path)
    make_home(settings)
    script = f"""
import time
from pathlib import Path
from local.preflight import take_lock
from local.settings import StackSettings
lock = take_lock(StackSettings(home=Path({str(tmp_path)!r})))
print("locked", flush=True)
time.sleep(60)
"""
    other = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE)
    assert other.stdout is not None
    other.stdout.readline()
    try:
        with pytest.raises(StackError, match=r"already runs .*RESEARCH_KB_HOME"):
            take_lock(settings)
    finally:
        other.kill()
        other.wait()
    time.sleep(0.05)
    take_lock(settings)


def test_a_taken_port_is_named_with_a_way_out(tmp_path: Path) -> None:
    """The message says who has it and which variable to set."""

    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(StackError, match=rf"Port {port} .*taken.*Set PORT"):
            check_address(StackSettings(home=tmp_path, port=port))


def test_a_full_disk_is_noticed_before_anything_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message says how much there is and how much is needed."""

    monkeypatch.setattr(preflight, "FIRST_START_BYTES", 10**18)
    with pytest.raises(StackError, match=r"MB free, and 1000000000000 MB are needed"):
        check_space(StackSettings(home=tmp_path))
