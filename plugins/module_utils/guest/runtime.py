# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The runtime on the host: guests are started and stopped by the apiary command, all of a task by one call."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Container, Dict, Sequence

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import ApiaryError, CommandError
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host, Result
from ansible_collections.apiary.bhyve.plugins.module_utils.places import RUNTIME, guest_log

_LINE = re.compile(r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*): (?P<what>.*)")
#: What the runtime says of a guest that was started by somebody else.
ALREADY = "already running"
_STOPPED = re.compile(r"stopped \((?P<stage>[a-z]+)\)")


@dataclass
class Answer:
    """What became of each guest: the runtime's words, or an error."""

    said: Dict[str, str] = field(default_factory=dict)
    failed: Dict[str, ApiaryError] = field(default_factory=dict)


def start(host: Host, names: Sequence[str]) -> Answer:
    """Start guests in parallel; returns when each runs or has failed."""
    if not names:
        return Answer()
    try:
        result = host.run([RUNTIME, "start", *names], what=f"cannot start {', '.join(names)}", accept=(0, 1))
    except ApiaryError as error:
        return _none(names, error)
    return _answer(result, names, "start", ("running", ALREADY, "ended"))


def suspend(host: Host, checkpoint: str, names: Sequence[str]) -> Answer:
    """Save guests to checkpoints of this name and stop them, in parallel; one that fails runs on."""
    if not names:
        return Answer()
    argv = [RUNTIME, "suspend", "-n", checkpoint, *names]
    try:
        result = host.run(argv, what=f"cannot suspend {', '.join(names)}", accept=(0, 1))
    except ApiaryError as error:
        return _none(names, error)
    return _answer(result, names, "suspend", ("suspended",))


def stop_all(host: Host, names: Sequence[str], forced: Container[str]) -> Answer:
    """Stop guests; those that are ``forced`` are powered off, the others are asked first."""
    answer = stop(host, [name for name in names if name in forced], force=True)
    others = stop(host, [name for name in names if name not in forced])
    return Answer({**answer.said, **others.said}, {**answer.failed, **others.failed})


def stop(host: Host, names: Sequence[str], force: bool = False) -> Answer:
    """Stop guests in parallel, each in its own stages and time; ``said`` is the stage that ended it.

    ``force``: they are powered off, not asked.
    """
    if not names:
        return Answer()
    flags = ["-f"] if force else []
    try:
        result = host.run([RUNTIME, "stop", *flags, *names], what=f"cannot stop {', '.join(names)}", accept=(0, 1))
    except ApiaryError as error:
        return _none(names, error)
    answer = _answer(result, names, "stop", ("stopped", "not running"))
    for name, words in answer.said.items():
        match = _STOPPED.match(words)
        if match is not None:
            answer.said[name] = match["stage"]
    return answer


def _none(names: Sequence[str], error: ApiaryError) -> Answer:
    """The runtime could not even be run: every guest has failed for that reason."""
    return Answer(failed={name: error for name in names})


def _answer(result: Result, names: Sequence[str], verb: str, good: Sequence[str]) -> Answer:
    """Read the runtime's lines, one for each guest: ``web1: running``, ``web1: failed: REASON``."""
    answer = Answer()
    matches = (_LINE.fullmatch(line) for line in result.stdout.splitlines())
    told = {match["name"]: match["what"] for match in matches if match is not None}
    for name in names:
        words = told.get(name)
        if words is not None and words.startswith(tuple(good)):
            answer.said[name] = words
            continue
        if words is not None and words.startswith("failed: "):
            reason = words[len("failed: ") :]
            log = guest_log(name)
            answer.failed[name] = ApiaryError(f"cannot {verb} guest {name}: {reason} (see {log})")
            continue
        answer.failed[name] = CommandError(
            f"cannot {verb} guest {name}: the runtime did not say what became of it",
            result.argv,
            result.rc,
            result.stdout,
            result.stderr,
        )
    return answer
