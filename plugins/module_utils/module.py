# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the main() of every module shares: options in, a plan carried out, one form of result and of failure."""

from __future__ import annotations

import contextlib
import os
from typing import Any, Callable, ContextManager, Dict, List, Mapping, Optional, TypeVar

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import ApiaryError, BadInput
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.locks import host_lock
from ansible_collections.apiary.bhyve.plugins.module_utils.plan import Outcome, Plan
from ansible_collections.apiary.bhyve.plugins.module_utils.results import error_details, failed_part

#: What a module does between its options and its result.
Body = Callable[[AnsibleModule, Host], Dict[str, Any]]
#: What such a module makes of its options.
Task = TypeVar("Task")


def run_module(argument_spec: Mapping[str, Any], body: Body, **constraints: Any) -> None:
    """Check the options, do ``body`` as root, and end with its result.

    ``constraints`` are AnsibleModule's (mutually_exclusive, required_one_of, required_if …). The result says how many
    commands were started on the host, from ``-vv`` on also which. An ApiaryError ends the module with everything known
    about it; a result with ``failed`` set (see :func:`carry_out`) ends it as failed.
    """
    module = AnsibleModule(argument_spec=dict(argument_spec), supports_check_mode=True, **constraints)
    host = Host()
    try:
        require_root()
        result = body(module, host)
    except ApiaryError as error:
        result = {"failed": True, "changed": False, "msg": str(error), **error_details(error)}
    result["commands_started"] = len(host.commands)
    if module._verbosity >= 2:
        result["commands"] = [list(argv) for argv in host.commands]
    if result.pop("failed", False):
        module.fail_json(**result)
    else:
        module.exit_json(**result)


def require_root() -> None:
    """BadInput unless we are root."""
    if os.geteuid() != 0:
        raise BadInput("not root: this module changes the host itself; run the task with `become: true`")


def carry_out(module: AnsibleModule, host: Host, plan: Plan) -> Dict[str, Any]:
    """Apply a plan, or only tell it in check mode; returns the common part of a module's result.

    ``changed``, ``changes`` (what is done, by subject), and ``diff`` if it was asked for. When some subjects failed,
    also ``failed``, a ``msg`` that names each, and ``failures`` with what was done for it, taken back, and not done.
    """
    outcome = None if module.check_mode else plan.apply(host)
    return result_of(plan, outcome, with_diff=bool(module._diff))


def declaring(
    elements: str,
    task_of: Callable[[Dict[str, Any]], Task],
    plan: Callable[[Host, Task, bool], Plan],
    told: Callable[[Task], List[Dict[str, Any]]],
    lock: Callable[[Host], ContextManager[None]] = host_lock,
) -> Body:
    """The body of a module that has the host be as its options say.

    ``task_of`` reads the options, ``plan`` the host (whether it is check mode comes last), and both it and what it
    plans are done under the ``lock``, which check mode does without. ``told`` are the elements of the task, by the name
    ``elements`` in the result.
    """

    def body(module: AnsibleModule, host: Host) -> Dict[str, Any]:
        task = task_of(module.params)
        with contextlib.nullcontext() if module.check_mode else lock(host):
            result = carry_out(module, host, plan(host, task, module.check_mode))
        result[elements] = told(task)
        return result

    return body


def result_of(plan: Plan, outcome: Optional[Outcome], with_diff: bool) -> Dict[str, Any]:
    """The result of a plan that was applied, or, without an outcome, of one that would be."""
    result: Dict[str, Any] = {"changed": plan.changed, "changes": plan.descriptions()}
    if with_diff:
        result["diff"] = plan.diff()
    if outcome is not None and outcome.failed:
        result["changed"] = outcome.changed
        result["changes"] = outcome.done
        result.update(failed_part(outcome))
    return result
