# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every command's name in a host starts: log the call, apply a fault, run the command's main.

``standin/root.py`` writes a file of three lines at each path of a command, which calls ``launch`` with the command's
module. Starts stay short: nothing is imported here that not every call needs.
"""

from __future__ import annotations

import os
import sys
import time

from . import notes, paths, warm

TYPE_CHECKING = False  # typing itself would double the time that a small tool takes to start
if TYPE_CHECKING:
    from typing import Callable, List, NoReturn, Sequence

    Main = Callable[[Sequence[str]], int]


def _quote(text: str) -> str:
    """A JSON string, without importing json."""
    if text.isascii() and text.isprintable() and '"' not in text and "\\" not in text:
        return f'"{text}"'
    import json

    return json.dumps(text)


def log(line: str) -> None:
    """Append one line to the log of calls (a single write: lines of several processes do not mix)."""
    try:
        fd = os.open(paths.LOG + "/commands.jsonl", os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError:
        return
    try:
        os.write(fd, (line + "\n").encode("utf-8", "surrogateescape"))
    finally:
        os.close(fd)


class Call:
    """One call in the log: a line when it begins, and one when it ends."""

    def __init__(self, argv: Sequence[str]) -> None:
        self.pid = os.getpid()
        self.began = time.monotonic()
        self.key = f"{self.pid}.{time.monotonic_ns()}"
        words = ",".join(_quote(word) for word in argv)
        log(f'{{"call":"{self.key}","time":{time.time():.6f},"pid":{self.pid},"ppid":{os.getppid()},"argv":[{words}]}}')

    def end(self, status: int) -> None:
        """Note the exit status. Only the process that began does: a child that a command forked is not the call."""
        if os.getpid() == self.pid:
            seconds = time.monotonic() - self.began
            log(f'{{"call":"{self.key}","exit":{status},"seconds":{seconds:.4f}}}')


def outcome(main: Main, argv: Sequence[str]) -> int:
    """Run a command's main as a process does: what it prints is flushed, SystemExit is its status."""
    try:
        status = main(argv)
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
    except BrokenPipeError:
        status = warm.BROKEN_PIPE
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except BrokenPipeError:
        status = warm.BROKEN_PIPE
    return status


def run_main(main: Main, argv: Sequence[str]) -> int:
    """The outcome of a command; ends by the signal that would end a program that handles none."""
    try:
        status = outcome(main, argv)
    except KeyboardInterrupt:
        import signal

        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
        status = 130
    if status == warm.BROKEN_PIPE:
        # As a program that does not care ends: by the signal.
        import signal

        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGPIPE)
    return status


def launch(module: str) -> NoReturn:
    """Run the command ``module`` with this process's arguments, and end the process."""
    argv: List[str] = [os.path.basename(sys.argv[0]), *sys.argv[1:]]
    notes.set_comm(argv[0])
    call = Call(argv)
    status = 0
    if os.path.exists(paths.DISK + "/faults.json"):
        from . import faults

        fault = faults.take(argv)
        if fault is not None:
            status = faults.apply(fault, lambda: _main_of(module)(argv))
            call.end(status)
            os._exit(status)
    status = run_main(_warm(module) if module in warm.MODULES else _main_of(module), argv)
    call.end(status)
    # Straight out: a command's daemon threads and exit handlers are its own affair, and this saves milliseconds.
    os._exit(status)


def _warm(module: str) -> Main:
    def main(argv: Sequence[str]) -> int:
        try:
            return warm.call(module, argv)
        except warm.NobodyListens:
            return _main_of(module)(argv)

    return main


def _main_of(module: str) -> Main:
    __import__(module)
    main: Main = sys.modules[module].main
    return main
