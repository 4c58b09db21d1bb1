"""The system calls that the installed unit leaves the service are enough for all it does:
serving, storing, replacing each of its processes, reloading, stopping. Skipped where
systemd-analyze or libseccomp is missing."""

import ctypes.util
import os
import shutil
import sys
import tempfile

import install
from _manager import HERE, Service, play
from client import Client

if not shutil.which("systemd-analyze") or not ctypes.util.find_library("seccomp"):
    print("skipped: systemd-analyze or libseccomp is missing")
    sys.exit(77)


def _answers(client, line, begin):
    client.send_line(line)
    answer = client.line()
    assert answer.startswith(begin), answer


def a_confined_server_does_all_that_a_free_one_does(home):
    with tempfile.TemporaryDirectory(prefix="si-") as root, Service(home) as service:
        _, units = install.install(root)
        # What looks for leaks at the end traces the process, which the unit forbids.
        service.extra_environment["ASAN_OPTIONS"] = f"detect_leaks=0:log_path={home}/report"
        service.wrapper = [sys.executable, "-B", os.path.join(HERE, "_confine.py"), f"{units}/stage.service"]
        service.launch()
        client = Client(service.ready())
        client.line()
        _answers(client, "1 call counters.visits add [5]", "1 ok ")
        for role in ("actor worker", "store", "gateway"):
            service.kill(role)
            service.hears("STATUS=serving *: 3 of 3 processes ready, *")
        client = Client(service.port)
        client.line()
        _answers(client, "2 get counters.visits *", "2 ok ")
        assert service.run("stagectl", ["reload"]).returncode == 0
        service.crash()
        service.launch()
        client = Client(service.ready())
        client.line()
        _answers(client, "3 get counters.visits *", "3 ok ")
        assert service.stop() == 0


play(a_confined_server_does_all_that_a_free_one_does)
