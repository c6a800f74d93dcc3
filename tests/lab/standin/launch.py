# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every command's name in a host starts: log the call, apply a fault, run the command's main.

``standin/base.py`` writes a file of a few lines at each path of a command, which calls ``launch`` with the command's
module, or has a fork do so (``warm``). Starts stay short: nothing is imported here that not every call needs.
"""

from __future__ import annotations

import os
import sys
import time

from . import notes, paths

TYPE_CHECKING = False  # typing itself would double the time that a small tool takes to start
if TYPE_CHECKING:
    from typing import Callable, Dict, List, NoReturn, Optional, Sequence

    Main = Callable[[Sequence[str]], int]
    Become = Callable[[str, Sequence[str], Dict[str, str], str], NoReturn]

#: The status of a command whose reader has gone.
BROKEN_PIPE = 141
#: How a fork has the process of its call become a program (``warm``).
_become: List[Become] = []


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
        self.pid = notes.pid()
        self.process = os.getpid()
        self.began = time.monotonic()
        self.key = f"{self.pid}.{time.monotonic_ns()}"
        words = ",".join(_quote(word) for word in argv)
        log(f'{{"call":"{self.key}","time":{time.time():.6f},"pid":{self.pid},"ppid":{notes.ppid()},"argv":[{words}]}}')

    def end(self, status: int) -> None:
        """Note the exit status. Only the process that began does: a child that a command forked is not the call."""
        if os.getpid() == self.process:
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
        status = BROKEN_PIPE
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except BrokenPipeError:
        status = BROKEN_PIPE
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
    if status == BROKEN_PIPE:
        # As a program that does not care ends: by the signal.
        import signal

        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGPIPE)
    return status


def perform(module: str, argv: Sequence[str], run: Callable[[Main, Sequence[str]], int]) -> int:
    """A call of the command ``module``, from its line in the log to its exit status."""
    call = Call(argv)
    fault = _fault(argv)
    if fault is None:
        status = run(_main_of(module), argv)
    else:
        from . import faults

        status = faults.apply(fault, lambda: _main_of(module)(argv))
    if status != BROKEN_PIPE:
        call.end(status)
    return status


def _fault(argv: Sequence[str]) -> Optional[Dict[str, object]]:
    if not os.path.exists(paths.DISK + "/faults.json"):
        return None
    from . import faults

    return faults.take(argv)


def launch(module: str) -> NoReturn:
    """Run the command ``module`` with this process's arguments, and end the process."""
    argv: List[str] = [os.path.basename(sys.argv[0]), *sys.argv[1:]]
    notes.set_comm(argv[0])
    # Straight out: a command's daemon threads and exit handlers are its own affair, and this saves milliseconds.
    os._exit(perform(module, argv, run_main))


def becomes(how: Optional[Become]) -> None:
    """Say how another process becomes what ``become`` is asked for; None: this one does."""
    _become[:] = [] if how is None else [how]


def become(path: str, argv: Sequence[str], environment: Dict[str, str], directory: str = "") -> NoReturn:
    """execve(2) by the process of the call, in another working directory if one is given."""
    sys.stdout.flush()
    if _become:
        _become[0](path, argv, environment, directory)
    if directory:
        os.chdir(directory)
    import signal

    # Python ignores it, and what is ignored stays so.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    try:
        os.execve(path, list(argv), environment)
    except OSError as error:
        os.write(2, f"{path}: {error.strerror}\n".encode("utf-8", "surrogateescape"))
    os._exit(1)


def _main_of(module: str) -> Main:
    __import__(module)
    main: Main = sys.modules[module].main
    return main
