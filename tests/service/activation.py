"""Sockets that a service manager hands over by name take the place of what is configured,
and nobody but who serves them inherits them."""

import os
import socket

from _manager import Service, loopback, play
from client import Client


def _unix(path):
    sock = socket.socket(socket.AF_UNIX)
    sock.bind(path)
    sock.listen(64)
    return sock


def _inode(sock):
    return os.fstat(sock.fileno()).st_ino


def _sockets_of(pid):
    found = set()
    for name in os.listdir(f"/proc/{pid}/fd"):
        try:
            target = os.readlink(f"/proc/{pid}/fd/{name}")
        except FileNotFoundError:
            continue # closed meanwhile, as that of an admin's connection
        if target.startswith("socket:["):
            found.add(int(target[8:-1]))
    return found


def _text(sock):
    return "{}:{}".format(*sock.getsockname())


def sockets_by_name_replace_binding(home):
    """What is configured is taken by others, and would be refused."""
    os.makedirs(f"{home}/run", mode=0o750)
    taken, client, admin = loopback(), loopback(), loopback()
    local = _unix(f"{home}/run/admin.sock")
    with Service(home, {"client.listen": _text(taken), "admin.listen": _text(taken)}) as service:
        service.launch([("admin", local), ("admin", admin), ("client", client)])
        service.ready()
        listeners = service.listeners()
        assert listeners == {"client": _text(client), "admin": _text(admin),
                             "socket": f"{home}/run/admin.sock"}, listeners
        with open(f"{home}/state/admin.token", encoding="utf-8") as token:
            done = service.run("stagectl", ["--node", _text(admin), "--token-file", token.name,
                                            "check", "ready"])
        assert done.returncode == 0, done
        assert Client(client.getsockname()[1]).line().startswith("* stage 1 ")
        assert service.stored() == [], "a socket unit's socket needs no keeping"
        assert service.stop() == 0
        # They go on, as the units' own.
        socket.create_connection(client.getsockname()).close()
        waiting = socket.socket(socket.AF_UNIX)
        waiting.connect(f"{home}/run/admin.sock")
        service.launch([("admin", local), ("admin", admin), ("client", client)])
        service.hears("READY=1")
        waiting.sendall(b"check alive\n")
        assert waiting.makefile().readline() == "ok\n", "who connected meanwhile is served"
        assert service.stop() == 0


def admin_over_tcp_alone_leaves_the_unix_socket_to_the_server(home):
    admin = loopback()
    with Service(home) as service: # [admin] listen = none
        service.launch([("admin", admin)])
        service.ready()
        assert service.listeners()["admin"] == _text(admin)
        assert service.listeners()["socket"] == f"{home}/run/admin.sock"
        assert service.stored() == ["kept-client", "kept-socket"]
        assert service.stop() == 0


def names_without_a_use_are_closed_and_logged(home):
    others = [("cluster", loopback()), ("web", loopback()), ("oracle", loopback())]
    client, second = loopback(), loopback()
    with Service(home) as service:
        service.launch(others + [("client", client), ("client", second)])
        assert service.ready() == client.getsockname()[1]
        log = service.log()
        for name, why in (("cluster", "[cluster] secret_file is not set"),
                          ("web", "the web listener is not in this version"),
                          ("oracle", "nobody knows the name"),
                          ("client", "there is one already; one listener takes clients")):
            assert f'a descriptor that was handed over is not used name={name} why="{why}"' in log, name
        unused = {_inode(sock) for _, sock in others} | {_inode(second)}
        for pid in service.processes():
            assert not unused & _sockets_of(pid), pid
        assert service.stop() == 0


def children_inherit_neither_descriptors_nor_environment(home):
    client = loopback()
    with Service(home) as service:
        service.launch([("client", client)], watchdog=30)
        service.ready()
        for role, may in (("actor worker", False), ("store", False), ("gateway", True)):
            pid = service.pids(role)[0]
            assert (_inode(client) in _sockets_of(pid)) == may, role
            with open(f"/proc/{pid}/environ", "rb") as text:
                names = {entry.split(b"=")[0] for entry in text.read().split(b"\0")}
            given = {b"NOTIFY_SOCKET", b"LISTEN_PID", b"LISTEN_FDS", b"LISTEN_FDNAMES",
                     b"WATCHDOG_USEC", b"WATCHDOG_PID"}
            assert b"LC_ALL" in names and not names & given, names & given
        assert service.stop() == 0


def what_does_not_listen_is_refused(home):
    deaf = socket.socket()
    with Service(home) as service:
        service.launch([("client", deaf)])
        service.hears("STATUS=cannot start: the descriptor handed over as client "
                      "is no listening stream socket")
        assert service.wait_exit() == 78


play(sockets_by_name_replace_binding,
     admin_over_tcp_alone_leaves_the_unix_socket_to_the_server,
     names_without_a_use_are_closed_and_logged,
     children_inherit_neither_descriptors_nor_environment,
     what_does_not_listen_is_refused)
