# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs the module bhyve_switch; where it has sent addresses on their way, comes by a new connection and confirms."""

from __future__ import annotations

import time
from typing import Any, Dict, Optional

from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.action import ActionBase

_MODULE = "apiary.bhyve.bhyve_switch"
#: Beside the timeout of the move: the host may be at its steps, or at putting the old state back.
_PATIENCE = 150.0
_PAUSE = 1.0


class ActionModule(ActionBase):
    """The two steps of a task."""

    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp: Optional[str] = None, task_vars: Optional[Dict[str, Any]] = None) -> Dict[str, Any]:
        """Run the module, and once more if addresses have to move."""
        super().run(tmp, task_vars)
        first = self._module({}, task_vars)
        move = first.get("move")
        if not move or first.get("failed"):
            return first
        second = self._confirmed(move, task_vars)
        # What differs is known to the step that saw the old state.
        if "diff" in first:
            second["diff"] = first["diff"]
        if "commands_started" in second:
            second["commands_started"] += first["commands_started"]
        if "commands" in second:
            second["commands"] = [*first["commands"], *second["commands"]]
        if first.get("warnings"):
            second["warnings"] = [*first["warnings"], *second.get("warnings", [])]
        return second

    def _module(self, more: Dict[str, Any], task_vars: Optional[Dict[str, Any]]) -> Dict[str, Any]:
        args = {**self._task.args, **more}
        result: Dict[str, Any] = self._execute_module(module_name=_MODULE, module_args=args, task_vars=task_vars)
        return result

    def _confirmed(self, move: Dict[str, Any], task_vars: Optional[Dict[str, Any]]) -> Dict[str, Any]:
        """The second step's result, by new connections until one reaches the host."""
        patience = move["timeout"] + _PATIENCE
        deadline = time.monotonic() + patience
        while True:
            self._reset()
            try:
                result = self._module({"move_confirm": move["id"]}, task_vars)
            except AnsibleConnectionFailure as error:
                reason = str(error)
            else:
                if not result.get("unreachable"):
                    return result
                reason = str(result.get("msg", ""))
            if time.monotonic() > deadline:
                return {
                    "failed": True,
                    "changed": True,
                    "msg": f"the host could not be reached within {patience:g} s after its addresses have moved. "
                    f"Without a confirmation it has put the old state back, and boots into that. {reason}",
                }
            time.sleep(_PAUSE)

    def _reset(self) -> None:
        """The old connection goes on in any case, and proves nothing."""
        reset = getattr(self._connection, "reset", None)
        if reset is not None:
            reset()
