# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in host from outside: make it, boot it, run commands in it, cut its power, take it away.

A host lives in a directory: ``overlay/`` (what was written to its root), ``disk/`` (what survives a power cut:
pools, settings, faults), ``kernel/`` (what does not), ``log/`` (calls, console), ``root/`` (where its root is
mounted, in its own namespace only). It runs until it is shut down, cut or destroyed, whoever started it.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import select
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from typing import Any, Dict, List, Optional, Sequence, Union

from . import base, firstboot, switch
from .settings import Settings

_PYTHON = "/usr/bin/python3"
_NAMESPACES = ("--mount", "--net", "--pid", "--uts", "--ipc")
#: What a login shell of root's has on FreeBSD.
ENVIRONMENT = {
    "PATH": "/sbin:/bin:/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin:/root/bin",
    "HOME": "/root",
    "USER": "root",
    "LOGNAME": "root",
    "SHELL": "/bin/sh",
    "TERM": "xterm",
}


class LabError(Exception):
    """The lab itself could not do what it was asked to do."""


@dataclass(frozen=True)
class Call:
    """One command that ran in the host. ``exit`` is None while it runs, and for tools that became another program."""

    argv: Sequence[str]
    pid: int
    ppid: int
    time: float
    exit: Optional[int]
    seconds: Optional[float]


def default_directory(name: str) -> str:
    """Where the host ``name`` lives unless told otherwise: below ``build/lab`` of the checkout."""
    return os.path.join(os.path.dirname(os.path.dirname(base.LIBRARY)), "build", "lab", name)


@functools.cache
def _compile() -> None:
    """Once for all hosts: the library is read-only in them, so Python cannot keep compiled modules from there."""
    subprocess.run(
        [_PYTHON, "-IS", "-m", "compileall", "-q", base.PACKAGE],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )


class StandinHost:
    """One host. Making the object does nothing; ``up`` makes the host if it is new and boots it."""

    def __init__(self, name: str, directory: Optional[str] = None, settings: Optional[Settings] = None) -> None:
        self.name = name
        self.directory = os.path.abspath(directory or default_directory(name))
        self._settings = settings
        self._launcher: Optional[subprocess.Popen[bytes]] = None

    # its life

    def exists(self) -> bool:
        """Whether the host was made (it may be off)."""
        return os.path.exists(self._path("disk/host.json"))

    def up(self, rc: bool = True) -> StandinHost:
        """Make the host if it is new, and boot it if it is off."""
        if not self.exists():
            self._make()
        if not self.is_up():
            self.boot(rc=rc)
        return self

    def boot(self, rc: bool = True, timeout: float = 60.0) -> None:
        """Power on: an empty kernel, the disk as it was, then /etc/rc unless ``rc`` is false."""
        if self.is_up():
            raise LabError(f"stand-in host {self.name} is up already")
        if not self.exists():
            self._make()
        if os.geteuid() != 0:
            raise LabError("a stand-in host needs namespaces and overlay mounts: run this as root")
        settings = self.settings()
        self._clear("kernel")
        _compile()
        self._save("kernel/uname", f"{settings['release']}\n{settings['version']}\n{settings['machine']}\n")
        self._save("kernel/boot.json", json.dumps({"time": time.time()}))
        self._save(
            "boot.json",
            json.dumps(
                {
                    "hostname": settings["hostname"],
                    "lower": base.ensure(base.cache_of(os.path.dirname(self.directory))),
                    "library": base.LIBRARY,
                    "plugs": switch.plugs(os.path.dirname(self.directory), settings["uplinks"]),
                }
            ),
        )
        self._start(rc, timeout)

    def down(self, timeout: float = 180.0) -> None:
        """Orderly: /etc/rc.shutdown, then off."""
        if self.is_up():
            self._end(signal.SIGUSR2, timeout, "shut down")

    def power_cut(self) -> None:
        """Every process of the host is killed at once; what its kernel held is gone, its disk is as it was."""
        self._end(signal.SIGKILL, 20.0, "die")

    def wait_off(self, timeout: float = 60.0) -> None:
        """Wait until the host is off (a fault cut its power, or it was shut down from inside)."""
        self._end(None, timeout, "go off")

    def rebuild(self, **changes: Any) -> None:
        """Give a host that is off other hardware: fields of ``settings.Settings``, such as uplinks."""
        if self.is_up():
            raise LabError(f"stand-in host {self.name} is up: shut it down before it gets other hardware")
        self._save("disk/host.json", json.dumps({**self.settings(), **changes}))

    def limit_pools(self) -> None:
        """Let the pools of a host that is off have an end for those who write to them, too (``zfs/limit.py``).

        Their contents are in memory from now on, until the host is destroyed.
        """
        if self.is_up():
            raise LabError(f"stand-in host {self.name} is up: shut it down before its pools are limited")
        contents, before = self._path("disk/zfs"), self._path("disk/zfs.before")
        if os.path.ismount(contents):
            return
        os.makedirs(contents, exist_ok=True)
        os.rename(contents, before)
        os.mkdir(contents)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755", "standin", contents], check=True)
        subprocess.run(["cp", "-a", "--sparse=always", f"{before}/.", contents], check=True)
        shutil.rmtree(before)

    def destroy(self) -> None:
        """Power cut, then the host's directory goes too."""
        self.power_cut()
        if os.path.ismount(self._path("disk/zfs")):
            subprocess.run(["umount", self._path("disk/zfs")], check=True)
        shutil.rmtree(self.directory, ignore_errors=True)
        if os.path.isdir(self.directory):
            shutil.rmtree(self.directory)
        switch.clean(os.path.dirname(self.directory))

    def is_up(self) -> bool:
        """Whether its init runs."""
        return self._init_pid() is not None

    def __enter__(self) -> StandinHost:
        return self.up()

    def __exit__(self, *_unused: object) -> None:
        self.destroy()

    # what happens in it

    def enter(self, argv: Sequence[str]) -> List[str]:
        """The command line that runs ``argv`` in the host, for subprocess."""
        pid = self._init_pid()
        if pid is None:
            raise LabError(f"stand-in host {self.name} is not up")
        environment = [f"{key}={value}" for key, value in ENVIRONMENT.items()]
        return [
            *("nsenter", "--target", str(pid), *_NAMESPACES, "--root", "--wdns=/root", "--"),
            # Whoever calls may ignore signals (nohup does); what runs on the host does not inherit that.
            *("/.linux/usr/bin/env", "-i", "--default-signal", *environment, *argv),
        ]

    def run(
        self,
        argv: Sequence[str],
        stdin: Union[str, bytes, None] = None,
        timeout: Optional[float] = 60.0,
        check: bool = False,
    ) -> subprocess.CompletedProcess[str]:
        """Run a command in the host as root; stdout and stderr are text."""
        data = b"" if stdin is None else stdin.encode() if isinstance(stdin, str) else stdin
        done = subprocess.run(self.enter(argv), input=data, capture_output=True, timeout=timeout, check=False)
        result: subprocess.CompletedProcess[str] = subprocess.CompletedProcess(
            list(argv),
            done.returncode,
            done.stdout.decode("utf-8", "surrogateescape"),
            done.stderr.decode("utf-8", "surrogateescape"),
        )
        if check and result.returncode != 0:
            said = (result.stderr or result.stdout).strip()
            raise LabError(f"{self.name}: {' '.join(argv)} exited {result.returncode}: {said}")
        return result

    def sh(self, script: str, timeout: Optional[float] = 60.0, check: bool = False) -> subprocess.CompletedProcess[str]:
        """Run a line of sh in the host."""
        return self.run(["/bin/sh", "-c", script], timeout=timeout, check=check)

    def waited_for(self, pid: int) -> bool:
        """Whether a pwait(1) has come to the point where it sees the end of that process.

        Here that takes it a while, for it is a program of Python: of an end in between it would not tell how it was.
        """
        script = (
            f"for one in $(pgrep -f '^pwait .*{pid}$'); do"
            f" grep -qs '^Pid:[[:space:]]*{pid}$' /.linux/proc/$one/fdinfo/* && exit; done; exit 1"
        )
        return self.sh(script).returncode == 0

    def spawn(self, argv: Sequence[str], **options: Any) -> subprocess.Popen[Any]:
        """Start a command in the host and leave it running; the caller waits for it."""
        return subprocess.Popen(self.enter(argv), **options)

    def read(self, path: str) -> str:
        """A file of the host as text. FileNotFoundError when there is none. Not in the log of calls."""
        return self.read_bytes(path).decode("utf-8", "surrogateescape")

    def read_bytes(self, path: str) -> bytes:
        """A file of the host."""
        done = subprocess.run(self.enter(["/.linux/usr/bin/cat", "--", path]), capture_output=True, check=False)
        if done.returncode != 0:
            message = done.stderr.decode("utf-8", "replace").strip()
            raise FileNotFoundError(f"{self.name}: {message}")
        return done.stdout

    def write(self, path: str, content: Union[str, bytes], mode: int = 0o644) -> None:
        """Write a file of the host, with the directories above it."""
        data = content.encode() if isinstance(content, str) else content
        script = 'set -e; PATH=/.linux/usr/bin; mkdir -p "${1%/*}/"; umask 077; cat > "$1"; chmod "$2" "$1"'
        argv = ["/.linux/usr/bin/dash", "-c", script, "write", path, f"{mode:o}"]
        done = subprocess.run(self.enter(argv), input=data, capture_output=True, check=False)
        if done.returncode != 0:
            raise LabError(f"{self.name}: cannot write {path}: {done.stderr.decode('utf-8', 'replace').strip()}")

    def exists_in(self, path: str) -> bool:
        """Whether the host has something at ``path`` (a symbolic link counts, wherever it leads)."""
        argv = ["/.linux/usr/bin/dash", "-c", '[ -e "$1" ] || [ -L "$1" ]', "exists", path]
        return subprocess.run(self.enter(argv), check=False).returncode == 0

    # what it notes

    def settings(self) -> Dict[str, Any]:
        """What the host is (``settings.Settings``)."""
        return self._load("disk/host.json")

    def commands(self) -> List[Call]:
        """Every command that was started in the host since the last ``clear_commands``, in order."""
        calls: Dict[str, Dict[str, Any]] = {}
        try:
            with open(self._path("log/commands.jsonl"), encoding="utf-8") as stream:
                lines = stream.read().splitlines()
        except FileNotFoundError:
            return []
        for line in lines:
            entry = json.loads(line)
            calls.setdefault(entry["call"], {}).update(entry)
        return [
            Call(tuple(c["argv"]), c["pid"], c["ppid"], c["time"], c.get("exit"), c.get("seconds"))
            for c in calls.values()
            if "argv" in c
        ]

    def clear_commands(self) -> None:
        """Forget the calls so far."""
        with open(self._path("log/commands.jsonl"), "w", encoding="utf-8"):
            pass

    def console(self) -> str:
        """What /etc/rc and /etc/rc.shutdown printed."""
        try:
            with open(self._path("log/console.log"), encoding="utf-8", errors="surrogateescape") as stream:
                return stream.read()
        except FileNotFoundError:
            return ""

    # faults

    def set_faults(self, rules: Sequence[Dict[str, Any]]) -> None:
        """Replace the rules (see ``faults``); counts begin anew. Works on a host that is off, too."""
        path = "disk/faults.json"
        if rules:
            self._save(path, json.dumps({"rules": list(rules)}))
        elif os.path.exists(self._path(path)):
            os.unlink(self._path(path))

    def fired_faults(self) -> List[Dict[str, Any]]:
        """What the rules have hit, in order: argv, mode, pid."""
        if not os.path.exists(self._path("disk/faults.json")):
            return []
        fired: List[Dict[str, Any]] = self._load("disk/faults.json").get("fired", [])
        return fired

    # inside

    def _path(self, name: str) -> str:
        return os.path.join(self.directory, name)

    def _save(self, name: str, text: str) -> None:
        temporary = self._path(name + ".new")
        with open(temporary, "w", encoding="utf-8") as stream:
            stream.write(text)
        os.rename(temporary, self._path(name))

    def _load(self, name: str) -> Dict[str, Any]:
        with open(self._path(name), encoding="utf-8") as stream:
            document: Dict[str, Any] = json.load(stream)
        return document

    def _make(self) -> None:
        for name in ("disk", "kernel", "log", "overlay"):
            os.makedirs(self._path(name), exist_ok=True)
        settings = self._settings or Settings(hostname=self.name)
        self._save("disk/host.json", json.dumps(settings.document()))
        firstboot.populate(self._path("overlay/upper"), settings)

    def _clear(self, name: str) -> None:
        shutil.rmtree(self._path(name), ignore_errors=True)
        os.makedirs(self._path(name), exist_ok=True)

    def _start(self, rc: bool, timeout: float) -> None:
        ready, tell = os.pipe()
        try:
            with open(self._path("log/start.log"), "wb") as log:
                self._launcher = subprocess.Popen(
                    [
                        *("unshare", *_NAMESPACES, "--fork", "--kill-child", "--", _PYTHON, "-IS"),
                        *(os.path.join(base.PACKAGE, "root.py"), self.directory, str(tell), "1" if rc else "0"),
                    ],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    pass_fds=(tell,),
                    start_new_session=True,
                )
        finally:
            os.close(tell)
        try:
            self._await(ready, timeout)
        finally:
            os.close(ready)

    def _await(self, ready: int, timeout: float) -> None:
        """Wait for the host to say that it is there."""
        readable, _unused, _unused = select.select([ready], [], [], timeout)
        answer = os.read(ready, 64) if readable else b""
        if answer:
            return
        with open(self._path("log/start.log"), encoding="utf-8", errors="replace") as stream:
            said = stream.read().strip()
        if readable:
            raise LabError(f"stand-in host {self.name} did not come up: {said}")
        raise LabError(f"stand-in host {self.name}: /etc/rc did not end within {timeout:g} s: {self.console()[-500:]}")

    def _init_pid(self) -> Optional[int]:
        """The pid of its init as seen from here, or None when the host is off."""
        try:
            with open(self._path("init.pid"), encoding="ascii") as stream:
                pid, ticks = stream.read().split()
            with open(f"/proc/{pid}/stat", encoding="utf-8") as stream:
                fields = stream.read().rpartition(")")[2].split()
        except (OSError, ValueError):
            return None
        return int(pid) if fields[19] == ticks and fields[0] not in "ZX" else None

    def _end(self, number: Optional[signal.Signals], timeout: float, verb: str) -> None:
        """Send init a signal, if one is given, wait for it to end, and clear away what it left."""
        pid = self._init_pid()
        # Init may end between any two of these lines.
        with contextlib.suppress(ProcessLookupError), contextlib.ExitStack() as stack:
            if pid is not None:
                handle = os.pidfd_open(pid)
                stack.callback(os.close, handle)
                if number is not None:
                    signal.pidfd_send_signal(handle, number)
                readable, _unused, _unused = select.select([handle], [], [], timeout)
                if not readable:
                    raise LabError(f"stand-in host {self.name} did not {verb} within {timeout:g} s")
        self._after_power_off()

    def _after_power_off(self) -> None:
        if self._launcher is not None:
            self._launcher.wait(20)
            self._launcher = None
        if os.path.exists(self._path("init.pid")):
            os.unlink(self._path("init.pid"))
        if os.path.isdir(self._path("kernel")):
            self._clear("kernel")
        if self.exists():
            settings = self.settings()
            switch.unplug(os.path.dirname(self.directory), settings["hostname"], settings["uplinks"])


def hosts(directory: Optional[str] = None) -> List[StandinHost]:
    """The hosts below a directory (default: ``build/lab``)."""
    top = directory or os.path.dirname(default_directory("x"))
    names = sorted(os.listdir(top)) if os.path.isdir(top) else []
    found = [StandinHost(name, os.path.join(top, name)) for name in names if not name.startswith(".")]
    return [host for host in found if host.exists()]
