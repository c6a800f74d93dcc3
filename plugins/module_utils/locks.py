# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The locks by which tasks take turns; the kernel lets go of them when their holder ends (flock(2))."""

from __future__ import annotations

import contextlib
import fcntl
import os
from typing import ContextManager

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import FileError
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.places import HOST_LOCK, WORK

#: Seconds to wait for another task that is reading, planning or changing the host. Nobody keeps it for long.
HOST_TIMEOUT = 120.0
#: The same for one that exports or imports the same guest: it may take hours, so this is no wait for its end.
WORK_TIMEOUT = 120.0


def host_lock(host: Host) -> ContextManager[None]:
    """Held from the read of the host to the last change made of it. ApiaryError when others keep it too long."""
    return host.lock(HOST_LOCK, HOST_TIMEOUT)


def host_lock_unless(check_mode: bool, host: Host) -> ContextManager[None]:
    """The same, but nothing in check mode, which leaves no file behind."""
    return contextlib.nullcontext() if check_mode else host_lock(host)


def work_path(guest: str) -> str:
    """The file of a guest's work lock."""
    return f"{WORK}/{guest}.lock"


def work_lock(host: Host, guest: str) -> ContextManager[None]:
    """Held while a guest is exported, or made by an import; the host lock is not, for that takes long. ApiaryError."""
    return host.lock(work_path(guest), WORK_TIMEOUT)


def is_held(path: str) -> bool:
    """Whether some task holds a lock now: the kernel's word. FileError when it cannot be asked."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise FileError("open the lock", path, error) from error
    try:
        # Shared: those that only ask are not in each other's way.
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError as error:
        raise FileError("ask for the lock", path, error) from error
    finally:
        os.close(descriptor)
    return False
