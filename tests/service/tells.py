"""What a service manager hears of a server: READY when it serves and not before, a living
STATUS, WATCHDOG while every worker answers, RELOADING and what came of it, STOPPING."""

import os
import signal
import stat

import _manager
from _manager import Service, play
from client import Client


def _delayed_gateway(home):
    """A directory of programs whose gateway starts once somebody writes to the pipe."""
    folder, pipe = f"{home}/libexec", f"{home}/go"
    os.makedirs(folder)
    os.mkfifo(pipe)
    for name in ("actor", "store", "gateway"):
        real = f"{_manager.BUILD}/worker/{name}/stage-{name}"
        if name != "gateway":
            os.symlink(real, f"{folder}/stage-{name}")
            continue
        with open(f"{folder}/stage-{name}", "w", encoding="utf-8") as out:
            out.write(f"#!/bin/sh\nread go <{pipe}\nexec {real}\n")
        os.chmod(f"{folder}/stage-{name}", stat.S_IRWXU)
    return folder, pipe


def ready_is_said_when_it_serves_and_not_before(home):
    """The gateway is held back: the status says so, and READY waits for it."""
    folder, pipe = _delayed_gateway(home)
    with Service(home) as service:
        service.launch(STAGE_LIBEXECDIR=folder)
        service.hears("STATUS=starting: 2 of 3 processes ready, gateway/0 is starting")
        assert not service.has_said("READY=1")
        with open(pipe, "w", encoding="utf-8") as go:
            go.write("\n")
        lines = service.hears("READY=1", "STATUS=serving 127.0.0.1:*")
        assert service.admin("check ready") == [], lines
        client = Client(service.client_port())
        assert client.line().startswith("* stage 1 ")
        assert service.stop() == 0


def the_status_follows_a_worker_that_is_replaced(home):
    with Service(home) as service:
        service.launch()
        port = service.ready()
        assert service.status() == f"serving 127.0.0.1:{port}: 3 of 3 processes ready"
        service.kill("actor worker")
        service.hears(f"STATUS=serving 127.0.0.1:{port}: 3 of 3 processes ready, 1 restart")
        assert service.stop() == 0


def _is_silent(service, seconds, otherwise):
    """No WATCHDOG=1 for so long."""
    try:
        service.hears("WATCHDOG=1", patience=seconds)
    except AssertionError:
        return
    raise AssertionError(otherwise)


def the_watchdog_is_petted_while_all_answer_and_only_then(home):
    """A worker that is stopped ends the petting, and it goes on with the worker."""
    interval = 1.0
    with Service(home, {"workers.hang_timeout": "10m"}) as service:
        service.launch(watchdog=interval)
        service.ready()
        assert "a worker that hangs may end the whole service" in service.log()
        for _ in range(4):
            service.hears("WATCHDOG=1", patience=interval)
        for role in ("actor worker", "gateway", "store"):
            pid = service.pids(role)[0]
            os.kill(pid, signal.SIGSTOP)
            try:
                service.hears("WATCHDOG=1", patience=interval) # it had answered before
            except AssertionError:
                pass
            _is_silent(service, 2.5 * interval, f"petted although the {role} does not answer")
            assert service.run("stagectl", ["check", "alive"]).returncode == 0
            os.kill(pid, signal.SIGCONT)
            for _ in range(3):
                service.hears("WATCHDOG=1", patience=interval * 2)
        assert service.stop() == 0


def nobody_is_petted_who_did_not_ask(home):
    with Service(home) as service:
        service.launch()
        service.ready()
        _is_silent(service, 1, "petted, but nobody asked for it")
        assert "may end the whole service" not in service.log()
        assert service.stop() == 0


def _reload_lines(service):
    begun = service.hears("RELOADING=1")
    assert begun[1].startswith("MONOTONIC_USEC=") and int(begun[1][15:]) > 0, begun
    return service.hears("READY=1")


def a_reload_is_announced_and_its_outcome_told(home):
    """By signal and by stagectl, with classes that compile and with one that does not."""
    with Service(home) as service:
        service.launch()
        port = service.ready()
        good = f"STATUS=serving 127.0.0.1:{port}: 3 of 3 processes ready; the last reload took"
        os.kill(service.process.pid, signal.SIGHUP)
        assert good in _reload_lines(service)
        done = service.run("stagectl", ["reload"])
        assert done.returncode == 0, done
        assert good in _reload_lines(service)
        with open(f"{home}/actors/broken.lua", "w", encoding="utf-8") as out:
            out.write("local Broken = (\n")
        done = service.run("stagectl", ["reload"])
        assert done.returncode == 65 and b"broken.lua:" in done.stdout + done.stderr, done
        bad = _reload_lines(service)
        assert any(line.startswith("STATUS=") and "; the last reload failed: 1 problem" in line for line in bad), bad
        os.kill(service.process.pid, signal.SIGHUP)
        assert any("the last reload failed" in line for line in _reload_lines(service))
        os.remove(f"{home}/actors/broken.lua")
        service.settings["client.max_line"] = "none of your business"
        service.write_ini()
        done = service.run("stagectl", ["reload"])
        assert done.returncode == 78, done
        assert any("the last reload failed: the configuration" in line for line in _reload_lines(service))
        assert service.stop() == 0


def a_stop_is_announced(home):
    with Service(home) as service:
        service.launch()
        service.ready()
        service.process.terminate()
        service.hears("STOPPING=1", "STATUS=stopping: 3 processes are left")
        assert service.wait_exit() == 0


def who_cannot_start_says_why(home):
    with Service(home, {"actors.path": f"{home}/nowhere"}) as service:
        service.launch()
        lines = service.hears("STATUS=cannot start: *")
        assert "nowhere" in lines[0], lines
        assert service.wait_exit() == 78
        assert not service.has_said("READY=1")


play(ready_is_said_when_it_serves_and_not_before,
     the_status_follows_a_worker_that_is_replaced,
     the_watchdog_is_petted_while_all_answer_and_only_then,
     nobody_is_petted_who_did_not_ask,
     a_reload_is_announced_and_its_outcome_told,
     a_stop_is_announced,
     who_cannot_start_says_why)
