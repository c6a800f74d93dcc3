# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How far exports and imports are: the task that is at one notes it, any other can read it meanwhile.

The note is a file beside the guest's work lock. The lock says whether somebody is at it: what a task has left that was
killed counts for nothing, and goes with the next one.
"""

from __future__ import annotations

import contextlib
import json
import time
from dataclasses import asdict, dataclass
from typing import Any, Dict, Iterable, Iterator, List, Optional

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import ApiaryError, UnknownState
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.locks import is_held, work_path
from ansible_collections.apiary.bhyve.plugins.module_utils.places import WORK

EXPORT = "export"
IMPORT = "import"

WRITING = "writing"
VERIFYING = "verifying"
MAKING = "making"

#: Seconds between two notes of one disk or file.
_EVERY = 2.0
_SUFFIX = ".json"


@dataclass(frozen=True)
class Note:
    """What a task is doing with a guest. ``progress`` is how much of the phase is done, in percent."""

    vm: str
    task: str
    path: str
    phase: str
    progress: int


class Work:
    """The notes of one export or import. Used under the guest's work lock, as a context: the note goes at its end."""

    def __init__(self, host: Host, guest: str, task: str, path: str) -> None:
        self._host = host
        self._guest, self._task, self._path = guest, task, path
        self._phase, self._total = "", 0
        self._done = 0
        self._said = 0.0

    def __enter__(self) -> Work:
        return self

    def __exit__(self, *_error: object) -> None:
        with contextlib.suppress(ApiaryError):
            self._host.unlink(_note_path(self._guest))

    def begin(self, phase: str, total: int) -> None:
        """Begin a phase in which so many bytes are to be counted."""
        self._phase, self._total, self._done = phase, total, 0
        self._say()

    def count(self, chunks: Iterable[bytes], size: int) -> Iterator[bytes]:
        """Hand pieces on and count their bytes, which count as ``size`` together when the last one has come."""
        before, counted = self._done, 0
        for chunk in chunks:
            counted += len(chunk)
            self._done = before + min(counted, size)
            if time.monotonic() - self._said >= _EVERY:
                self._say()
            yield chunk
        self._done = before + size
        self._say()

    def _say(self) -> None:
        self._said = time.monotonic()
        percent = min(self._done * 100 // self._total, 100) if self._total else 0
        note = Note(self._guest, self._task, self._path, self._phase, percent)
        # Nothing fails for want of a note.
        with contextlib.suppress(ApiaryError):
            self._host.write(_note_path(self._guest), json.dumps(asdict(note)) + "\n", mode=0o600)


def read_work(host: Host) -> List[Note]:
    """What tasks are doing now, by guest; no command is started. UnknownState for a note that cannot be read."""
    names = [name[: -len(_SUFFIX)] for name in host.listdir(WORK) or () if name.endswith(_SUFFIX)]
    notes = [_read(host, name) for name in sorted(names) if is_held(work_path(name))]
    return [note for note in notes if note is not None]


def _read(host: Host, guest: str) -> Optional[Note]:
    path = _note_path(guest)
    text = host.read(path)
    if text is None:
        return None  # the task has just ended
    try:
        found: Dict[str, Any] = json.loads(text)
        return Note(**found)
    except (ValueError, TypeError) as error:
        raise UnknownState(f"{path} cannot be read ({error!r}); remove it") from error


def _note_path(guest: str) -> str:
    return f"{WORK}/{guest}{_SUFFIX}"
