"""Choosing ports."""

import socket

import pytest

from local.ports import PORT_RANGE, choose_ports, is_free

HOST = "127.0.0.1"


def test_a_port_that_somebody_listens_on_is_not_free() -> None:
    """And it is free again as soon as nobody does, although connections of it linger."""
    with socket.create_server((HOST, 0)) as server:
        port = server.getsockname()[1]
        assert not is_free(HOST, port)
        with socket.create_connection((HOST, port)):
            accepted, _ = server.accept()
            accepted.close()
    assert is_free(HOST, port)


def test_remembered_ports_are_used_again() -> None:
    """A restart keeps its addresses."""
    first = choose_ports(HOST, ["a", "b"], {})
    assert choose_ports(HOST, ["a", "b"], first) == first


def test_a_remembered_port_that_was_taken_meanwhile_is_replaced() -> None:
    """Only the taken one moves."""
    first = choose_ports(HOST, ["a", "b"], {})
    with socket.create_server((HOST, first["a"])):
        second = choose_ports(HOST, ["a", "b"], first)
    assert second["a"] != first["a"]
    assert second["b"] == first["b"]


def test_chosen_ports_are_different_and_outside_the_range_of_clients() -> None:
    """No outgoing connection can take one between two starts."""
    ports = choose_ports(HOST, [str(number) for number in range(20)], {})
    assert len(set(ports.values())) == 20
    assert all(port in PORT_RANGE for port in ports.values())


def test_an_address_of_another_machine_is_an_error_not_a_taken_port() -> None:
    """Otherwise the search for a free port would never end."""
    with pytest.raises(OSError, match="assign requested address"):
        is_free("192.0.2.1", 20000)
