# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults on demand: a command that fails, hangs, prints half, or during which the power goes.

Rules live in ``DISK/faults.json``: ``{"rules": [{"match": ["zfs", "ifconfig"] or ["*"], "kth": 3, "mode": "fail",
"exit": 1, "stderr": "..."}], "fired": [...]}``. Each rule counts the calls that it matches and hits the k-th, once.
What was hit is appended to ``fired``, so that a test can assert that it was.
"""

from __future__ import annotations

import os
import signal
import sys

from . import notes, state

TYPE_CHECKING = False  # typing itself would double the time that a small tool takes to start
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, Optional, Sequence

MODES = ("fail", "hang", "half", "cut")


def take(argv: Sequence[str]) -> Optional[Dict[str, Any]]:
    """Count this call in every rule that matches it; the rule that hits it, or None."""
    hit: Optional[Dict[str, Any]] = None
    with state.disk("faults") as doc:
        for rule in doc.get("rules", []):
            if rule.get("done") or not _matches(rule, argv):
                continue
            rule["seen"] = rule.get("seen", 0) + 1
            if hit is None and rule["seen"] == rule.get("kth", 1):
                rule["done"] = True
                hit = dict(rule)
                doc.setdefault("fired", []).append({"argv": list(argv), "mode": rule["mode"], "pid": notes.pid()})
    return hit


def _matches(rule: Dict[str, Any], argv: Sequence[str]) -> bool:
    if argv[0] in rule.get("except", []):
        return False
    names = rule.get("match", ["*"])
    return "*" in names or argv[0] in names


def apply(rule: Dict[str, Any], main: Callable[[], int]) -> int:
    """Let the fault happen to this call; the exit status of the call."""
    mode = rule["mode"]
    if mode == "fail":
        sys.stderr.write(str(rule.get("stderr", "")))
        sys.stderr.flush()
        return int(rule.get("exit", 1))
    if mode == "hang":
        while True:
            signal.pause()
    if mode == "cut":
        power_cut()
    if mode == "half":
        return _half(rule, main)
    raise ValueError(f"a fault's mode is one of {', '.join(MODES)}, not {mode!r}")


def power_cut() -> None:
    """The power goes: init ends at once, and the kernel kills everything in its namespace."""
    os.kill(1, signal.SIGPWR)
    while True:
        signal.pause()


def _half(rule: Dict[str, Any], main: Callable[[], int]) -> int:
    """Do all of it, but hand out only the first half of what it printed, and report a failure."""
    import tempfile

    from . import launch

    with tempfile.TemporaryFile() as capture:
        child = os.fork()
        if child == 0:
            os.dup2(capture.fileno(), 1)
            launch.becomes(None)
            os._exit(launch.run_main(lambda argv: main(), ()))
        os.waitpid(child, 0)
        length = os.fstat(capture.fileno()).st_size
        capture.seek(0)
        os.write(1, capture.read(length // 2))
    sys.stderr.write(str(rule.get("stderr", "")))
    sys.stderr.flush()
    return int(rule.get("exit", 1))
