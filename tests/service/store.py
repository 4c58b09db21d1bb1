"""The descriptor store: listeners outlive a crash of the supervisor and its restart, and who
connects in between waits and is served. They do not outlive a change of their address."""

import os
import socket

from _manager import Service, loopback, play
from client import Client

ALL = ["kept-admin", "kept-client", "kept-socket"]
WITH_TCP = {"admin.listen": "127.0.0.1:0"}


def _free_port():
    sock = loopback()
    port = sock.getsockname()[1]
    sock.close()
    return port


def _refuses(port):
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) != 0


def who_connects_during_a_restart_waits_and_is_served(home):
    """kill -9 of the supervisor, three times, with clients and admins that come in between."""
    with Service(home, WITH_TCP) as service:
        service.launch()
        port = service.ready()
        before = service.listeners()
        assert service.stored() == ALL
        for turn in range(3):
            service.crash()
            clients = [Client(port) for _ in range(20)]
            for client in clients:
                client.send_line("1 ping @")
            admin = socket.socket(socket.AF_UNIX)
            admin.connect(service.socket_path)
            admin.sendall(b"check alive\n")
            service.launch()
            assert service.ready() == port, turn
            for client in clients:
                assert client.line().startswith("* stage 1 ")
                assert client.line() == "1 ok"
                client.close()
            assert admin.makefile().readline() == "ok\n"
            assert service.listeners() == before
            assert service.stored() == ALL # once each
        assert service.stop() == 0


def other_nodes_find_it_again_after_a_crash(home):
    secret = os.path.join(home, "secret")
    with open(secret, "w", encoding="ascii") as file:
        os.fchmod(file.fileno(), 0o600)
        file.write("a secret of sixteen bytes and more\n")
    with Service(home, {"cluster.secret_file": secret, "cluster.listen": "127.0.0.1:0"}) as service:
        service.launch()
        service.ready()
        address = service.listeners()["cluster"]
        assert service.stored() == ["kept-client", "kept-cluster", "kept-socket"]
        service.crash()
        early = socket.create_connection(address.rsplit(":", 1))
        early.sendall(b"GET / HTTP/1.1\r\n\r\n")
        service.launch()
        service.ready()
        assert service.listeners()["cluster"] == address
        assert early.recv(100)[:1] in (b"\x15", b"")  # a TLS alert, or the end
        service.crash()
        service.settings["cluster.secret_file"] = ""
        service.launch()
        service.ready()
        assert "cluster" not in service.listeners()
        assert service.stored() == ["kept-client", "kept-socket"] and _refuses(int(address.rsplit(":", 1)[1]))
        assert service.stop() == 0


def a_node_that_gives_up_keeps_them_for_its_next_start(home):
    with Service(home, {"workers.restart_intensity": "0"}) as service:
        service.launch()
        port = service.ready()
        service.kill("gateway")
        assert service.wait_exit() == 70
        assert service.stored() == ["kept-client", "kept-socket"]
        client, admin = Client(port), socket.socket(socket.AF_UNIX)
        admin.connect(service.socket_path)
        service.launch()
        assert service.ready() == port
        assert client.line().startswith("* stage 1 ")
        assert service.stop() == 0


def a_restart_on_request_refuses_nobody(home):
    """SIGTERM and a new start, as `systemctl restart` does it; clients come at every moment."""
    with Service(home, WITH_TCP) as service:
        service.launch()
        port = service.ready()
        held = Client(port)
        assert held.line().startswith("* stage 1 ")
        service.process.terminate()
        service.hears("STOPPING=1")
        during = Client(port)
        assert service.wait_exit() == 0
        after, admin = Client(port), socket.socket(socket.AF_UNIX)
        admin.connect(service.socket_path)
        admin.sendall(b"check alive\n")
        assert service.stored() == ALL
        service.launch()
        assert service.ready() == port
        for client in (during, after):
            assert client.line().startswith("* stage 1 ")
        assert admin.makefile().readline() == "ok\n"
        assert service.stop() == 0
        service.empty_store()                 # no start follows: the manager lets them go
        assert _refuses(port)


def a_changed_address_is_bound_anew(home):
    """The kept one is given up, and its place is free: even the same port on all addresses."""
    with Service(home, dict(WITH_TCP, **{"client.listen": f"127.0.0.1:{_free_port()}"})) as service:
        service.launch()
        former = service.ready()
        service.crash()
        service.settings["client.listen"] = f"*:{former}"
        service.settings["admin.listen"] = "none"
        service.launch()
        assert service.ready() == former
        assert service.listeners()["client"] == f"*:{former}"
        assert service.listeners()["admin"] == "none"
        assert service.stored() == ["kept-client", "kept-socket"]
        assert "a kept listener is given up, its address has changed name=kept-client" in service.log()
        service.crash()
        service.settings["client.listen"] = f"127.0.0.1:{_free_port()}"
        service.launch()
        assert service.ready() != former and _refuses(former)
        assert service.stop() == 0


def a_lost_name_of_the_admin_socket_is_made_anew(home):
    with Service(home) as service:
        service.launch()
        service.ready()
        service.crash()
        os.remove(service.socket_path)
        service.launch()
        service.ready() # which asks there
        assert service.stored() == ["kept-client", "kept-socket"]
        assert service.stop() == 0


def a_socket_unit_takes_the_place_of_a_kept_one(home):
    with Service(home) as service:
        service.launch()
        former = service.ready()
        service.crash()
        unit = loopback()
        service.launch([("client", unit)])
        assert service.ready() == unit.getsockname()[1]
        assert service.stored() == ["kept-socket"] and _refuses(former)
        assert service.stop() == 0


def without_a_store_all_goes_on(home):
    """A manager that keeps nothing: the next start binds again."""
    with Service(home, {"client.listen": f"127.0.0.1:{_free_port()}"}) as service:
        service.launch()
        port = service.ready()
        service.empty_store()
        service.crash()
        assert _refuses(port)
        service.launch()
        assert service.ready() == port
        assert service.stop() == 0


play(who_connects_during_a_restart_waits_and_is_served,
     a_node_that_gives_up_keeps_them_for_its_next_start,
     a_restart_on_request_refuses_nobody,
     a_changed_address_is_bound_anew,
     a_lost_name_of_the_admin_socket_is_made_anew,
     a_socket_unit_takes_the_place_of_a_kept_one,
     without_a_store_all_goes_on)
