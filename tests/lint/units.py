#!/usr/bin/env python3
"""Checks the systemd units without a running systemd: units.py ROOT, units.py --self-test, or
units.py --installed BUILD for the units as `cmake --install` writes them.

`systemd-analyze verify` exits with 0 for unknown keys and bad values: its stderr decides. Without
systemd-analyze (package systemd) this fails; it does not skip.
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

UNIT = "bctrl-bridge.service"
# Highest exposure of the sandboxed system service, times ten.
THRESHOLD = 20


def run(*arguments, directory):
    environment = dict(os.environ, XDG_RUNTIME_DIR=directory, SYSTEMD_COLORS="0")
    command = ["systemd-analyze", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=environment)


def checked(name, unit, drop_in="", user=False, threshold=None):
    """Problems of a unit's text, tried with a program that exists wherever this runs."""
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory, UNIT)
        program = re.sub(r"^(Exec\w+=-?)\S+", rf"\1{sys.executable}", unit, flags=re.MULTILINE)
        file.write_text(program)
        Path(directory, UNIT + ".d").mkdir()
        Path(directory, UNIT + ".d", "drop-in.conf").write_text(drop_in)

        manager = "--user" if user else "--system"
        verify = run("verify", manager, "--man=no", str(file), directory=directory)
        if verify.returncode or verify.stderr:
            yield f"{name}: {verify.stderr.strip()} (exit status {verify.returncode})"
        if threshold is not None:
            limit = f"--threshold={threshold}"
            security = run("security", "--offline=true", limit, str(file), directory=directory)
            verdict = security.stdout.strip().splitlines()[-1:]
            print(f"{name}:", *verdict)
            if security.returncode or not verdict:
                yield f"{name}: exposure is above {threshold / 10} {security.stderr.strip()}"


def violations(root):
    folder = root / "systemd"
    names = (UNIT + ".in", "user/" + UNIT + ".in")
    system, user = ((folder / name).read_text() for name in names)
    local = (folder / "bctrl-bridge-local.conf").read_text()
    yield from checked("system unit", system, threshold=THRESHOLD)
    yield from checked("with local drop-in", system, drop_in=local, threshold=THRESHOLD + 5)
    yield from checked("user unit", user, user=True)


def installed(build):
    """Problems of what `cmake --install` puts in place: units that start the program beside them."""
    with tempfile.TemporaryDirectory() as prefix:
        command = ["cmake", "--install", build, "--prefix", prefix]
        install = subprocess.run(command, capture_output=True, text=True)
        if install.returncode:
            yield f"{' '.join(command)}: {install.stderr.strip()}"
            return
        for name in ("lib/systemd/system/" + UNIT, "lib/systemd/user/" + UNIT):
            unit = Path(prefix, name).read_text()
            for key, program in re.findall(r"^(Exec\w+)=-?(\S+)", unit, re.MULTILINE):
                if program != f"{prefix}/bin/bctrl-bridge" or not os.access(program, os.X_OK):
                    yield f"{name}: {key} is {program}, which is not what was installed"
        for name in ("share/bctrl-bridge/bctrl-bridge-local.conf", "share/bctrl-bridge/example.yaml"):
            if not Path(prefix, name).is_file():
                yield f"{name} is missing"


def self_test():
    good = "[Service]\nType=notify\nExecStart=/usr/bin/bctrl-bridge serve\n"
    wrong = {
        "unknown key": dict(unit=good + "Resart=no\n"),
        "bad value": dict(unit=good + "Type=notify-relaod\n"),
        "unknown key in a drop-in": dict(unit=good, drop_in="[Service]\nTaskMax=1\n"),
        "unknown key of a user unit": dict(unit=good + "Resart=no\n", user=True),
        "no sandbox": dict(unit=good, threshold=THRESHOLD),
    }
    for name, case in wrong.items():
        if not list(checked(name, **case)):
            yield f"self-test: {name} was not noticed"
    yield from checked("self-test: a good unit", good)
    yield from checked("self-test: a good user unit", good, user=True)


if __name__ == "__main__":
    if not shutil.which("systemd-analyze"):
        sys.exit("systemd-analyze is missing: install the package systemd")
    if sys.argv[1] == "--self-test":
        problems = list(self_test())
    elif sys.argv[1] == "--installed":
        problems = list(installed(sys.argv[2]))
    else:
        problems = list(violations(Path(sys.argv[1])))
    print(*problems, sep="\n")
    sys.exit(bool(problems))
