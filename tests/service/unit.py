"""The installed unit files hold up to systemd's own checks, none of which needs a running
systemd: the exposure of `systemd-analyze security` is 2.0 at most, and `verify` says nothing.
Skipped where systemd-analyze is missing."""

import os
import shutil
import subprocess
import sys
import tempfile

import install

THRESHOLD = 20 # exposure 2.0


def _analyze(*arguments):
    return subprocess.run(["systemd-analyze", "--no-pager", *arguments], capture_output=True, text=True,
                          check=False, env=dict(os.environ, SYSTEMD_COLORS="0"))


def _verify(home, units):
    """Of copies that name the programs where they lie now."""
    programs = os.path.dirname(install.commands(f"{units}/stage.service")["ExecStart"][0])
    for name in install.UNITS:
        with open(f"{units}/{name}", encoding="utf-8") as text:
            unit = text.read().replace(f"={programs}/", f"={home}{programs}/")
        with open(f"{home}/verify/{name}", "w", encoding="utf-8") as out:
            out.write(unit)
    return _analyze("verify", "--man=no", "--recursive-errors=no",
                    *(f"{home}/verify/{name}" for name in install.UNITS))


def main():
    if not shutil.which("systemd-analyze"):
        print("skipped: systemd-analyze is not installed")
        return 77
    with tempfile.TemporaryDirectory(prefix="su-") as home:
        _, units = install.install(home)
        os.makedirs(f"{home}/verify")
        done = _analyze("security", "--offline=true", f"--threshold={THRESHOLD}", f"{units}/stage.service")
        print("\n".join(line for line in done.stdout.split("\n") if "✓" not in line))
        assert done.returncode == 0, done.stderr
        # The check can fail: nothing hardened is far beyond the threshold.
        with open(f"{home}/bare.service", "w", encoding="utf-8") as out:
            out.write("[Service]\nExecStart=/bin/true\n")
        assert _analyze("security", "--offline=true", f"--threshold={THRESHOLD}",
                        f"{home}/bare.service").returncode != 0
        done = _verify(home, units)
        assert done.returncode == 0 and not done.stdout + done.stderr, done
        with open(f"{units}/stage.service", "a", encoding="utf-8") as out:
            out.write("[Service]\nNoSuchSetting=yes\n")
        assert "NoSuchSetting" in _verify(home, units).stderr
    return 0


if __name__ == "__main__":
    sys.exit(main())
