# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small event loop for a guest: descriptors, timers, and SIGTERM once it has a handler."""

from __future__ import annotations

import os
import select
import signal
import time
from typing import Callable, Dict, List, Tuple

Action = Callable[[], None]


class Loop:
    """Calls actions when a descriptor is readable or a time has come; an action ends the loop by an exception."""

    def __init__(self) -> None:
        self.timers: List[Tuple[float, Action]] = []
        self._readers: Dict[int, Action] = {}
        self._poll = select.poll()

    def after(self, seconds: float, action: Action) -> None:
        """Call ``action`` once, in so many seconds."""
        self.timers.append((time.monotonic() + seconds, action))

    def delay(self, seconds: float) -> None:
        """All timers, that much later."""
        self.timers = [(when + seconds, action) for when, action in self.timers]

    def listen(self, fd: int, action: Action) -> None:
        """Call ``action`` whenever ``fd`` is readable or at its end."""
        self._readers[fd] = action
        self._poll.register(fd, select.POLLIN)

    def ignore(self, fd: int) -> None:
        """Listen to ``fd`` no more."""
        if self._readers.pop(fd, None) is not None:
            self._poll.unregister(fd)

    def on_sigterm(self, action: Action) -> None:
        """From now on SIGTERM does not end the process, but calls ``action``."""
        wake, waker = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.signal(signal.SIGTERM, lambda number, frame: None)
        signal.set_wakeup_fd(waker, warn_on_full_buffer=False)

        def woken() -> None:
            os.read(wake, 64)
            action()

        self.listen(wake, woken)

    def step(self) -> None:
        """Wait for the next thing to happen, and let it."""
        now = time.monotonic()
        due = [timer for timer in self.timers if timer[0] <= now]
        if due:
            first = min(due, key=lambda timer: timer[0])
            self.timers.remove(first)
            first[1]()
            return
        wait = min((timer[0] - now for timer in self.timers), default=None)
        for fd, _unused in self._poll.poll(None if wait is None else max(1, int(wait * 1000))):
            action = self._readers.get(fd)
            if action is not None:
                action()
