# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the small daemons have in common: a locked pidfile, daemon(3), signals as bytes in a pipe."""

from __future__ import annotations

import os
import signal
from typing import Optional

from . import cli
from .pidfile import AlreadyRunning, PidFile, open_pidfile


def take_pidfile(program: str, path: str) -> PidFile:
    """Open and lock the daemon's pidfile; ends the program if another one runs."""
    try:
        return open_pidfile(path)
    except AlreadyRunning as error:
        cli.fail(program, f"{program} already running, pid: {error.pid}")
    except OSError as error:
        cli.fail(program, f"cannot open pid file: {cli.strerror(error)}")


def detach(pidfile: Optional[PidFile]) -> None:
    """daemon(3); the child has written its pid before the parent ends, so that rc.subr(8) finds it."""
    reading, writing = os.pipe()
    if os.fork():
        os.close(writing)
        os.read(reading, 1)
        raise SystemExit(0)
    os.close(reading)
    os.setsid()
    os.chdir("/")
    if pidfile is not None:
        pidfile.write()
    null = os.open("/dev/null", os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    os.close(null)
    os.close(writing)


def wake_on(*numbers: signal.Signals) -> int:
    """A descriptor from which each of these signals can be read as a byte."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    for number in numbers:
        signal.signal(number, lambda _number, _frame: None)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    return reading
