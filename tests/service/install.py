"""`meson install` puts a whole server into place, whose programs find each other there."""

import os
import subprocess
import sys
import tempfile

BUILD = os.path.abspath(os.environ.get("STAGE_BUILD", "build-san"))

# What has to be there, below the prefix; and where systemd looks, below the root.
OURS = ("bin/stage", "bin/stagectl", "libexec/stage/stage-gateway", "libexec/stage/stage-actor",
        "libexec/stage/stage-store", "libexec/stage/stage-tunnel", "etc/stage/stage.ini", "share/stage/actors/players.lua",
        "share/doc/stage/README.md")
UNITS = ("stage.service", "stage-client.socket", "stage-admin.socket")


def install(home):
    """prefix, unit directory: below home."""
    subprocess.run(["meson", "install", "-C", BUILD, "--no-rebuild", "--quiet", "--destdir", home],
                   check=True, stdout=subprocess.DEVNULL)
    units = [folder for folder, _, names in os.walk(home) if "stage.service" in names]
    assert len(units) == 1, units
    prefix = next(folder for folder, _, names in os.walk(home) if "stagectl" in names)
    return os.path.dirname(prefix), units[0]


def commands(unit):
    """The words of its ExecStart and ExecReload."""
    with open(unit, encoding="utf-8") as text:
        return {key: value.split() for key, _, value in
                (line.rstrip("\n").partition("=") for line in text) if key in ("ExecStart", "ExecReload")}


def main():
    with tempfile.TemporaryDirectory(prefix="si-") as home:
        prefix, units = install(home)
        for name in OURS:
            assert os.path.exists(f"{prefix}/{name}"), f"{name} is missing below {prefix[len(home):]}"
        for name in UNITS:
            assert os.path.exists(f"{units}/{name}"), name
        assert sum(f"{kind}.d/stage.conf" in f"{folder}/{name}" for folder, _, names in os.walk(home)
                   for name in names for kind in ("sysusers", "tmpfiles")) == 2
        run = commands(f"{units}/stage.service")
        for key, program in (("ExecStart", "stage"), ("ExecReload", "stagectl")):
            path, option, ini, *_ = run[key]
            assert os.path.basename(path) == program and option == "-c", run[key]
            # The paths are those of the system it goes to: here it lies below home.
            assert os.access(home + path, os.X_OK) and os.path.exists(home + ini), run[key]
        assert run["ExecReload"][3:] == ["reload"]
        env = {key: value for key, value in os.environ.items() if not key.startswith("STAGE_")}
        env.update(STAGE_NODE_STATE=f"{home}/state", STAGE_NODE_RUNTIME=f"{home}/run")
        done = subprocess.run([home + run["ExecStart"][0], "-c", home + run["ExecStart"][2],
                               "--check-config"], env=env, capture_output=True, check=False)
        assert done.returncode == 0 and not done.stdout + done.stderr, done
    print("ok")


if __name__ == "__main__":
    sys.exit(main())
