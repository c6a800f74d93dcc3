# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A plan: the typed changes that lead from what is to what is wanted.

Check mode, ``changed`` and the diff are read off the plan, and apply does nothing but carry it out, so they cannot
disagree.
"""

from __future__ import annotations

import abc
import json
from dataclasses import dataclass, field
from typing import Dict, List, Mapping, Sequence, Tuple, Union

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import ApiaryError
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host

#: How a subject looks for the diff: a text as it is (a file), or fields; '' or {} when it does not exist.
View = Union[str, Mapping[str, object]]


@dataclass(frozen=True)
class Change(abc.ABC):
    """One step. ``subject`` is whom it belongs to: a guest's name, a variable's name, a file."""

    subject: str

    @abc.abstractmethod
    def describe(self) -> str:
        """One line for humans, imperative: "create volume zroot/apiary/web1/root of 20G"."""

    @abc.abstractmethod
    def apply(self, host: Host) -> None:
        """Make the change; ApiaryError when it cannot be made. A repeated apply must be harmless."""

    def undo(self, host: Host) -> bool:
        """Take back an applied change because a later one of the same subject failed; says whether it did anything."""
        return False


@dataclass
class Outcome:
    """What became of a plan: descriptions by subject, and the error of each subject that failed."""

    done: Dict[str, List[str]] = field(default_factory=dict)
    undone: Dict[str, List[str]] = field(default_factory=dict)
    skipped: Dict[str, List[str]] = field(default_factory=dict)
    failed: Dict[str, ApiaryError] = field(default_factory=dict)

    @property
    def changed(self) -> bool:
        """Whether anything on the host is different from before."""
        return any(self.done.values())

    def did(self, subject: str, step: str) -> None:
        """Note a step that was done, after those before it."""
        self.done.setdefault(subject, []).append(step)

    def left(self, subject: str, step: str) -> None:
        """Note a step that was not done."""
        self.skipped.setdefault(subject, []).append(step)

    def leave_without(self, subject: str, needs: Sequence[str]) -> None:
        """Let a subject fail, if it has not yet, because some of those that it needs have failed."""
        lacking = [need for need in needs if need in self.failed]
        if lacking:
            self.failed.setdefault(subject, ApiaryError(f"left as it is, since {', '.join(lacking)} failed"))

    def add(self, later: Outcome) -> None:
        """Note what became of another plan, after this one."""
        pairs = ((self.done, later.done), (self.undone, later.undone), (self.skipped, later.skipped))
        for mine, others in pairs:
            for subject, steps in others.items():
                mine.setdefault(subject, []).extend(steps)
        self.failed.update(later.failed)


@dataclass
class Plan:
    """Changes in the order they are made, and each subject as it is and as it will be.

    ``needs`` names for a subject those without which it must stay as it is.
    """

    changes: List[Change] = field(default_factory=list)
    before: Dict[str, View] = field(default_factory=dict)
    after: Dict[str, View] = field(default_factory=dict)
    needs: Dict[str, Tuple[str, ...]] = field(default_factory=dict)

    def add(self, change: Change) -> None:
        """Append a change."""
        self.changes.append(change)

    @property
    def changed(self) -> bool:
        """Whether there is anything to do."""
        return bool(self.changes)

    def descriptions(self) -> Dict[str, List[str]]:
        """What would be done, by subject, in order."""
        result: Dict[str, List[str]] = {}
        for change in self.changes:
            result.setdefault(change.subject, []).append(change.describe())
        return result

    def diff(self) -> List[Dict[str, str]]:
        """Ansible's diff: one part for each subject that differs."""
        parts: List[Dict[str, str]] = []
        for subject in [*self.before, *(name for name in self.after if name not in self.before)]:
            before = _text(self.before.get(subject, ""))
            after = _text(self.after.get(subject, ""))
            if before != after:
                parts.append({"before": before, "after": after, "before_header": subject, "after_header": subject})
        return parts

    def apply(self, host: Host) -> Outcome:
        """Make the changes. A subject that fails is taken back as far as its changes can be; the others go on."""
        outcome = Outcome()
        applied: Dict[str, List[Change]] = {}
        for change in self.changes:
            outcome.leave_without(change.subject, self.needs.get(change.subject, ()))
            if change.subject in outcome.failed:
                outcome.left(change.subject, change.describe())
                continue
            try:
                change.apply(host)
            except ApiaryError as error:
                outcome.failed[change.subject] = _undo(host, change, error, applied.get(change.subject, []), outcome)
            else:
                applied.setdefault(change.subject, []).append(change)
                outcome.did(change.subject, change.describe())
        return outcome


def _undo(host: Host, failed: Change, error: ApiaryError, applied: List[Change], outcome: Outcome) -> ApiaryError:
    """Take back what one subject had done before it failed, newest first; returns the error to report."""
    outcome.left(failed.subject, failed.describe())
    for change in reversed(applied):
        try:
            undone = change.undo(host)
        except ApiaryError as trouble:
            return ApiaryError(f"{error}; taking back what was done before failed as well: {trouble}")
        if undone:
            outcome.done[failed.subject].remove(change.describe())
            outcome.undone.setdefault(failed.subject, []).append(change.describe())
    return error


def _text(view: View) -> str:
    if isinstance(view, str):
        return view
    return json.dumps(view, indent=2, sort_keys=True) + "\n" if view else ""
