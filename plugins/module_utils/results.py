# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The one form in which every module tells what failed."""

from __future__ import annotations

from typing import Any, Dict, List, Optional

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import ApiaryError, CommandError
from ansible_collections.apiary.bhyve.plugins.module_utils.plan import Outcome


def failed_part(outcome: Outcome) -> Dict[str, Any]:
    """What a module's result has when some subjects failed, {} when none did.

    ``failed``, a ``msg`` that names each, and ``failures`` with what was done for it, taken back, and not done.
    """
    if not outcome.failed:
        return {}
    return {
        "failed": True,
        "failures": [_failure(subject, outcome) for subject in outcome.failed],
        "msg": "; ".join(f"{subject}: {error}" for subject, error in outcome.failed.items()),
    }


def _failure(subject: str, outcome: Outcome) -> Dict[str, Any]:
    """All that is known about one subject that failed."""
    error = outcome.failed[subject]
    return {
        "name": subject,
        "msg": str(error),
        "done": outcome.done.get(subject, []),
        "undone": outcome.undone.get(subject, []),
        "not_done": outcome.skipped.get(subject, []),
        **error_details(error),
    }


def entry_of(fields: Dict[str, Any], subject: str, outcome: Outcome) -> Dict[str, Any]:
    """An object in a module's result: its own fields, and what was done for it or why it failed."""
    done = outcome.done.get(subject, [])
    entry = {**fields, "changed": bool(done), "changes": done}
    if subject in outcome.failed:
        entry["failed"] = str(outcome.failed[subject])
    return entry


def error_details(error: ApiaryError) -> Dict[str, Any]:
    """The parts of an error that are worth keys of their own: those of the command that failed, if one did."""
    cause: Optional[BaseException] = error
    while cause is not None and not isinstance(cause, CommandError):
        cause = cause.__cause__
    if cause is None:
        return {}
    argv: List[str] = list(cause.argv)
    return {"cmd": argv, "rc": cause.rc, "stdout": cause.stdout, "stderr": cause.stderr}
