# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One call of zfs(8) or zpool(8): the state under its lock, what is done once it is written, how it ends."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from typing import Callable, Iterator, List, Optional, Sequence

from .. import state
from . import boot, has_json, limit, nodes, snapdirs
from .errors import NotBuilt, UsageError, ZfsError
from .model import Model


class Session:
    def __init__(self, model: Model, argv: Sequence[str]) -> None:
        self.model = model
        self.argv = argv
        self.after: List[Callable[[], None]] = []
        self.status = 0

    def complain(self, text: str, status: int = 1) -> None:
        """Say what went wrong with one of several objects and go on."""
        sys.stdout.flush()
        print(text, file=sys.stderr)
        self.status = status

    def log(self, pool_name: str) -> None:
        """The command succeeded: into the pool's history."""
        pool = self.model.pool(pool_name)
        if pool is not None:
            self.model.note(pool, self.argv)


@contextmanager
def session(argv: Sequence[str]) -> Iterator[Session]:
    """The model, loaded under the lock. A ZfsError ends the command, but what was done before it stays done.

    Users other than root get a copy to look at (`check_rights` refuses them the rest).
    """
    if os.geteuid() != 0:
        yield Session(Model(state.peek("disk", "zpool"), state.peek("kernel", "zpool")), argv)
        return
    failure: Optional[ZfsError] = None
    limited = limit.is_set()
    with state.disk("zpool") as disk, state.kernel("zpool") as kernel:
        if limited:
            limit.lift()
        boot.prepare(disk, kernel)
        current = Session(Model(disk, kernel), argv)
        try:
            yield current
        except ZfsError as error:
            failure = error
        late = False
        if argv[0] in ("zfs", "zpool"):
            current.model.forget_names()
            late = not nodes.remove_stale(current.model)
            if argv[0] == "zfs" and len(argv) > 1 and argv[1] in snapdirs.CHANGES:
                snapdirs.refresh(current.model)
    for action in current.after:
        action()
    if limited:
        with state.disk("zpool") as disk, state.kernel("zpool") as kernel:
            limit.put_back(Model(disk, kernel))
    if late:
        nodes.settle_later()
    if failure is not None:
        raise failure


def check_rights(argv: Sequence[str], reading: Sequence[str]) -> None:
    """Refuse a user other than root what changes anything."""
    if os.geteuid() == 0 or argv[1] in reading:
        return
    target = f" '{argv[-1]}'" if len(argv) > 2 else ""
    what = "set property for" if argv[1] == "set" else argv[1]
    raise ZfsError(f"cannot {what}{target}: permission denied")


def guarded(run: Callable[[], int], show_usage: Callable[[str], None]) -> int:
    """Run a sub-command and turn its errors into text and exit status."""
    try:
        return run()
    except ZfsError as error:
        sys.stdout.flush()
        if str(error):
            print(error, file=sys.stderr)
        return error.status
    except UsageError as error:
        sys.stdout.flush()
        if str(error) == "invalid option 'j'" and has_json():
            print("STANDIN: zfs: -j is not built", file=sys.stderr)
            return 99
        show_usage(str(error))
        return 2
    except NotBuilt as error:
        sys.stdout.flush()
        print(f"STANDIN: {error} is not built", file=sys.stderr)
        return 99
