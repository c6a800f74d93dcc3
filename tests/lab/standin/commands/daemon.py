# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""daemon(8) of 14.x: detach a command from the terminal and, asked for, supervise it.

When a supervised child has ended, daemon first reads its output pipe to the end: as long as another process (a
grandchild) keeps the pipe open, the child is not started again.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import time
from typing import List, NoReturn, Optional, Sequence, Tuple

from .. import processes
from ..system import cli, syslog
from ..system.pidfile import AlreadyRunning, PidFile, open_pidfile

PATHS = ("/usr/sbin/daemon",)
_LONG = {
    "change-dir": "c", "close-fds": "f", "sighup": "H", "syslog": "S", "output-file": "o", "output-mask": "m",
    "child-pidfile": "p", "supervisor-pidfile": "P", "restart": "r", "restart-delay": "R", "title": "t", "user": "u",
    "syslog-priority": "s", "syslog-facility": "l", "syslog-tag": "T", "help": "h",
}  # fmt: skip
_USAGE = """\
usage: daemon [-cfHrS] [-p child_pidfile] [-P supervisor_pidfile]
              [-u user] [-o output_file] [-t title]
              [-l syslog_facility] [-s syslog_priority]
              [-T syslog_tag] [-m output_mask] [-R restart_delay_secs]
command arguments ...
"""
_HELP = (
    ("change-dir", "c", "", "Change the current working directory to root"),
    ("close-fds", "f", "", "Set stdin, stdout, stderr to /dev/null"),
    ("sighup", "H", "", "Close and re-open output file on SIGHUP"),
    ("syslog", "S", "", "Send output to syslog"),
    ("output-file", "o", "<file>", "Append output of the child process to file"),
    ("output-mask", "m", "<mask>", "What to send to syslog/file"),
    ("", "", "", "1=stdout, 2=stderr, 3=both"),
    ("child-pidfile", "p", "<file>", "Write PID of the child process to file"),
    ("supervisor-pidfile", "P", "<file>", "Write PID of the supervisor process to file"),
    ("restart", "r", "", "Restart child if it terminates (1 sec delay)"),
    ("restart-delay", "R", "<N>", "Restart child if it terminates after N sec"),
    ("title", "t", "<title>", "Set the title of the supervisor process"),
    ("user", "u", "<user>", "Drop privileges, run as given user"),
    ("syslog-priority", "s", "<prio>", "Set syslog priority"),
    ("syslog-facility", "l", "<flty>", "Set syslog facility"),
    ("syslog-tag", "T", "<tag>", "Set syslog tag"),
    ("help", "h", "", "Show this help"),
)


class Plan:
    """What the options ask for."""

    def __init__(self, command: List[str]) -> None:
        self.command = command
        self.title = ""
        self.change_directory = False
        self.close_descriptors = False
        self.supervise = False
        self.restart = False
        self.restart_delay = 1
        self.reopen = False
        self.output = ""
        self.mask = 3
        self.child_pidfile = ""
        self.parent_pidfile = ""
        self.user = ""
        self.syslog = False
        self.facility = "daemon"
        self.priority = "notice"
        self.tag = "daemon"


def _usage(status: int = 1) -> int:
    cli.flush()
    print(_USAGE, end="", file=sys.stderr)
    for name, letter, argument, text in _HELP:
        head = f"  --{name:<18} -{letter} {argument:<7}" if name else " " * 32
        print(f"{head} {text}", file=sys.stderr)
    return status


def _options(argv: Sequence[str]) -> Tuple[cli.Options, List[str]]:
    """getopt_long(3): long names are turned into their letters first."""
    words: List[str] = [argv[0]]
    index = 1
    while index < len(argv) and argv[index].startswith("-") and argv[index] != "-":
        word = argv[index]
        index += 1
        if word == "--":
            words.append(word)
            break
        if not word.startswith("--"):
            words.append(word)
            if "cfHSrh".find(word[-1]) < 0 and index < len(argv) and len(word) == 2:
                words.append(argv[index])
                index += 1
            continue
        name, equals, value = word[2:].partition("=")
        if name not in _LONG:
            cli.warn("daemon", f"unrecognized option `--{name}'")
            raise SystemExit(_usage())
        words.append("-" + _LONG[name] + (value if equals else ""))
    words.extend(argv[index:])
    return cli.options_or_usage(words, "cfHSp:P:ru:o:s:l:t:m:R:T:h", _usage)


def parse(argv: Sequence[str]) -> Plan:
    """The command line; ends with daemon's own texts and statuses where it is wrong."""
    options, command = _options(argv)
    plan = Plan(command)
    for letter, value in options:
        if letter == "h":
            raise SystemExit(_usage(0))
        if letter in "lopPrRsST":
            # -R alone supervises too: restarting needs it.
            plan.supervise = True
        if letter == "c":
            plan.change_directory = True
        elif letter == "f":
            plan.close_descriptors = True
        elif letter == "H":
            plan.reopen = True
        elif letter == "l":
            if value not in syslog.FACILITIES:
                cli.fail("daemon", "unrecognized syslog facility", 5)
            plan.facility, plan.syslog = value, True
        elif letter == "s":
            if value not in syslog.PRIORITIES:
                cli.fail("daemon", "unrecognized syslog priority", 4)
            plan.priority, plan.syslog = value, True
        elif letter == "m":
            number, rest = cli.strtol(value)
            if rest == value or not 0 <= number <= 3:
                cli.fail("daemon", "unrecognized listening mask", 6)
            plan.mask = number
        elif letter == "o":
            plan.output = value
        elif letter == "p":
            plan.child_pidfile = value
        elif letter == "P":
            plan.parent_pidfile = value
        elif letter == "r":
            plan.restart = True
        elif letter == "R":
            number, rest = cli.strtol(value, 0)
            if rest == value or number < 1:
                cli.fail("daemon", "invalid restart delay", 6)
            plan.restart, plan.restart_delay = True, number
        elif letter == "S":
            plan.syslog = True
        elif letter == "T":
            plan.tag, plan.syslog = value, True
        elif letter == "t":
            plan.title = value
        elif letter == "u":
            plan.user = value
    if not command:
        raise SystemExit(_usage())
    plan.title = plan.title or command[0]
    return plan


def _open_log(path: str) -> int:
    return os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC, 0o600)


def _open_pidfile(path: str, what: str) -> Optional[PidFile]:
    if not path:
        return None
    try:
        return open_pidfile(path)
    except AlreadyRunning as error:
        cli.fail("daemon", f"process already running, pid: {error.pid}", 3)
    except OSError as error:
        cli.fail("daemon", f"{what} ``{path}'': {cli.strerror(error)}", 2)


def _become_user(name: str) -> None:
    import pwd

    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        os.write(2, f"daemon: unknown user: {name}\n".encode())
        os._exit(1)
    os.initgroups(name, entry.pw_gid)
    os.setgid(entry.pw_gid)
    os.setuid(entry.pw_uid)
    os.environ.update(USER=name, HOME=entry.pw_dir, SHELL=entry.pw_shell or "/bin/sh")


def _execute(plan: Plan, child_pidfile: Optional[PidFile]) -> NoReturn:
    """Become the command. The lock on the child's pidfile stays with the supervisor alone (O_CLOEXEC)."""
    if child_pidfile is not None:
        child_pidfile.write()
    if plan.user:
        _become_user(plan.user)
    cli.become("daemon", plan.command)


def _found(command: str) -> bool:
    """Whether execvp(3) will find the command."""
    folders = [""] if "/" in command else os.environ.get("PATH", "").split(":")
    return any(os.access(os.path.join(folder, command), os.X_OK) for folder in folders)


def _detach(plan: Plan) -> int:
    """daemon(3). The descriptor that is given back keeps the caller until it is closed.

    On FreeBSD nobody waits. But there the command runs, or the end of one that does not is seen to, before the caller's
    shell gets to its next command; here that takes a Python its time.
    """
    cli.flush()
    reading, keeping = os.pipe()
    if os.fork():
        os.close(keeping)
        os.read(reading, 1)
        raise SystemExit(0)
    os.close(reading)
    os.setsid()
    if plan.change_directory:
        os.chdir("/")
    if plan.close_descriptors:
        null = os.open("/dev/null", os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(null, descriptor)
        os.close(null)
    return keeping


class Supervisor:
    """The parent of a supervised command."""

    def __init__(
        self,
        plan: Plan,
        keeping: int,
        output: Optional[int],
        child_pidfile: Optional[PidFile],
        parent_pidfile: Optional[PidFile],
    ) -> None:
        self.plan = plan
        self.keeping: Optional[int] = keeping
        self.output = output
        self.child_pidfile = child_pidfile
        self.parent_pidfile = parent_pidfile
        self.restart = False
        self.terminating = False
        self.pending = b""
        self.child = 0
        self.hangups: List[int] = []

    def run(self) -> NoReturn:
        """Start, watch, start again; ends the process."""
        self.restart = self.plan.restart
        waking, woken = os.pipe()
        os.set_blocking(waking, False)
        os.set_blocking(woken, False)
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD):
            signal.signal(number, lambda _number, _frame: None)
        signal.set_wakeup_fd(woken, warn_on_full_buffer=False)
        while True:
            self._watch_one(waking)
            if not self.restart:
                break
            self._let_go()
            self._pause(waking)
            if not self.restart:
                break
        for pidfile in (self.child_pidfile, self.parent_pidfile):
            if pidfile is not None:
                pidfile.remove()
        os._exit(1)

    def _let_go(self) -> None:
        """Who has started this goes on."""
        if self.keeping is not None:
            os.close(self.keeping)
            self.keeping = None

    def _watch_one(self, waking: int) -> None:
        """One life of the child."""
        reading, writing = os.pipe()
        self.child = os.fork()
        if self.child == 0:
            signal.set_wakeup_fd(-1)
            if self.plan.mask & 2:
                os.dup2(writing, 2)
            if self.plan.mask & 1:
                os.dup2(writing, 1)
            _execute(self.plan, self.child_pidfile)
        os.close(writing)
        processes.set_title(f"daemon: {self.plan.title}[{self.child}]")
        if _found(self.plan.command[0]):
            self._let_go()  # the child has its copy until it is the command
        poll = select.poll()
        poll.register(reading, select.POLLIN)
        poll.register(waking, select.POLLIN)
        open_pipe = True
        while True:
            for fd, _events in poll.poll():
                if fd == waking:
                    self._signals(waking)
                elif open_pipe and not self._listen(reading):
                    open_pipe = False
                    poll.unregister(reading)
            if self._ended():
                break
        while open_pipe and self._listen(reading):
            pass
        os.close(reading)

    def _ended(self) -> bool:
        pid, _status = os.waitpid(self.child, os.WNOHANG)
        if pid == 0:
            return False
        self.child = 0
        return True

    def _signals(self, waking: int) -> None:
        for number in os.read(waking, 4096):
            if number == signal.SIGTERM and not self.terminating:
                self.terminating, self.restart = True, False
                if self.child:
                    os.kill(self.child, signal.SIGTERM)
            elif number == signal.SIGHUP and self.plan.reopen and self.output is not None:
                os.close(self.output)
                self.output = _open_log(self.plan.output)

    def _pause(self, waking: int) -> None:
        """The restart delay; SIGTERM ends it."""
        deadline = time.monotonic() + self.plan.restart_delay
        while self.restart:
            left = deadline - time.monotonic()
            if left <= 0:
                return
            if select.select([waking], [], [], left)[0]:
                self._signals(waking)

    def _listen(self, fd: int) -> bool:
        """Take what the child printed, line by line; False at the end of the pipe."""
        try:
            data = os.read(fd, 4095)
        except InterruptedError:
            return True
        if not data:
            if self.pending:
                self._write(self.pending)
                self.pending = b""
            return False
        *lines, self.pending = (self.pending + data).split(b"\n")
        for line in lines:
            self._write(line + b"\n")
        if len(self.pending) >= 4095:
            self._write(self.pending)
            self.pending = b""
        return True

    def _write(self, data: bytes) -> None:
        if self.plan.syslog:
            text = data.decode("utf-8", "replace").rstrip("\n")
            syslog.send(self.plan.facility, self.plan.priority, f"{self.plan.tag}[{os.getpid()}]: {text}")
        if self.output is not None:
            os.write(self.output, data)
        elif not self.plan.syslog and not self.plan.close_descriptors:
            os.write(1, data)


def main(argv: Sequence[str]) -> int:
    plan = parse(argv)
    output: Optional[int] = None
    if plan.output:
        try:
            output = _open_log(plan.output)
        except OSError as error:
            cli.fail("daemon", f"open: {cli.strerror(error)}", 7)
    child_pidfile = _open_pidfile(plan.child_pidfile, "pidfile")
    try:
        parent_pidfile = _open_pidfile(plan.parent_pidfile, "ppidfile")
    except SystemExit:
        if child_pidfile is not None:
            child_pidfile.remove()
        raise
    keeping = _detach(plan)
    if not plan.supervise:
        _execute(plan, None)
    if parent_pidfile is not None:
        parent_pidfile.write()
    Supervisor(plan, keeping, output, child_pidfile, parent_pidfile).run()
