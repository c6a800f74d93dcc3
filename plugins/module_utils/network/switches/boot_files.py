# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What apiary.network reads of switches, at boot and when a task has changed them: a file of sh variables for each."""

from __future__ import annotations

from typing import Iterable, Mapping

from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.places import SWITCHES
from ansible_collections.apiary.bhyve.plugins.module_utils.plan import Plan
from ansible_collections.apiary.bhyve.plugins.module_utils.system.files import plan_directory, plan_file, plan_removal


def boot_path(switch: str) -> str:
    """Where the file of a switch is."""
    return f"{SWITCHES}/{switch}"


def plan_boot_files(host: Host, plan: Plan, texts: Mapping[str, str], gone: Iterable[str]) -> None:
    """Plan the files of these switches, and that those of switches that are ``gone`` are not there."""
    if texts:
        plan_directory(host, plan, SWITCHES, 0o755)
    for switch, text in texts.items():
        plan_file(host, plan, boot_path(switch), text, 0o644)
    for switch in gone:
        plan_removal(host, plan, boot_path(switch))
