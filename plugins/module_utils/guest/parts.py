# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A module for parts of guests (disks, NICs), one or many: its parts become requests for their guests, and the guests'
answers are cut down to the parts. What is done in between is what bhyve_vm does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, List, Mapping, Optional, Sequence

from ansible_collections.apiary.bhyve.plugins.module_utils.forms import Form, check_once
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.options import guest_options


@dataclass(frozen=True)
class PartTask:
    """One part of the task: whose it is, and its options."""

    vm: str
    options: Mapping[str, Any]

    @property
    def name(self) -> str:
        return str(self.options["name"])


@dataclass(frozen=True)
class Parts:
    """A kind of parts: the option of a guest that lists them (``disks``), what one is called in messages.

    ``defaults`` are the values of options that one stands for when it does not say them.
    """

    option: str
    one: str
    options: Mapping[str, Any]
    defaults: Mapping[str, Any]

    def _form(self) -> Form:
        return Form(self.option, self.one, {"vm": {"type": "str", "required": True}, **self.options})

    def module_options(self) -> Dict[str, Any]:
        """The argument specification of the module: one part by its own options, or many by the list."""
        return {**self._form().spec(), "restart": {"type": "str", "choices": ["never", "if_needed"]}}

    def tasks_of(self, params: Mapping[str, Any]) -> List[PartTask]:
        """The parts of a task, whichever form it has. BadInput when the forms are mixed or a part is there twice."""
        tasks = [self._task(element) for element in self._form().elements(params)]
        what = self.one.lower()
        check_once([f"{what} {task.name} of guest {task.vm}" for task in tasks], self.option)
        return tasks

    def _task(self, element: Mapping[str, Any]) -> PartTask:
        options = {key: value for key, value in element.items() if key != "vm"}
        options.update({key: element.get(key) or value for key, value in self.defaults.items()})
        return PartTask(element["vm"], options)

    def requests_of(self, tasks: Sequence[PartTask], restart: Optional[str]) -> List[Dict[str, Any]]:
        """The requests for guest/manage.manage(): one for each guest, with the parts that the task has for it."""
        found: Dict[str, List[Mapping[str, Any]]] = {}
        for task in tasks:
            found.setdefault(task.vm, []).append(task.options)
        nothing = dict.fromkeys(guest_options())
        return [
            {**nothing, "name": name, self.option: own, "restart": restart, "must_exist": True}
            for name, own in found.items()
        ]

    def result(self, whole: Mapping[str, Any], entries: Sequence[Mapping[str, Any]]) -> Dict[str, Any]:
        """The module's result: the parts as they are now, in place of the guests of bhyve_vm's; what waits."""
        pending: Dict[str, Any] = {}
        for entry in entries:
            if entry["pending"]:
                pending.setdefault(entry["vm"], {})[entry["name"]] = entry["pending"]
        changes = {vm["name"]: vm["changes"] for vm in whole["vms"] if vm.get("changes")}
        kept = {key: value for key, value in whole.items() if key not in ("vms", "shutdown_seconds")}
        return {**kept, self.option: list(entries), "changes": changes, "pending": pending}
