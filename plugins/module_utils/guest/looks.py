# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How a guest looks before and after a task, for the diff; and what of it waits for its next boot."""

from __future__ import annotations

from typing import Any, Dict, Mapping, Optional, Tuple

from ansible_collections.apiary.bhyve.plugins.module_utils.guest import config, rcfile, view
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.desired import Desired
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.nics.plugs import NicLine, nic_lines
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.observed import Generation, ObservedGuest
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.record import Record

Pending = Dict[str, Tuple[str, str]]


def pending_of(running: Optional[Generation], keys: config.Keys, variables: Mapping[str, str]) -> Pending:
    """What the running guest has otherwise than its next boot will have: key: (running, next)."""
    if running is None or running.conf is None or running.rc is None:
        return {"generation": ("unknown", "the one that the link boot points to")}
    result = config.differences(config.parse(running.conf), keys)
    old = rcfile.parse(running.rc)
    for name in (*rcfile.AT_BOOT, *rcfile.POLICIES):
        if name == "ahci_sizes" and name not in old:
            # Written by an earlier release, which did not note them, or without such a disk.
            continue
        before, after = old.get(name, ""), variables.get(name, "")
        if before != after:
            result[name] = (before, after)
    result.update(_pending_taps(nic_lines(old), nic_lines(variables)))
    return result


def _pending_taps(running: Mapping[str, NicLine], wanted: Mapping[str, NicLine]) -> Pending:
    """What of the taps that stay only the runtime does, before the guest boots; their bridges are changed at once."""
    result: Pending = {}
    for nic, line in wanted.items():
        if nic not in running:
            continue
        old = running[nic]
        pairs = {
            "mtu": (old.mtu, line.mtu),
            "host_address": (old.host_address, line.host_address),
            "route": (" ".join(old.route), " ".join(line.route)),
        }
        result.update({f"nic.{nic}.{key}": pair for key, pair in pairs.items() if pair[0] != pair[1]})
    return result


def pending_now(seen: ObservedGuest) -> Pending:
    """What waits for the next boot of a guest as it is."""
    if seen.pid is None or seen.boot is None:
        return {}
    return pending_of(seen.running, config.parse(seen.boot.conf or ""), rcfile.parse(seen.boot.rc or ""))


def before_view(seen: ObservedGuest) -> Dict[str, Any]:
    """How the guest looks now; {} if it does not exist."""
    if seen.record is None:
        return {}
    boot = seen.boot
    conf = config.parse(boot.conf) if boot is not None and boot.conf is not None else {}
    rc = rcfile.parse(boot.rc) if boot is not None and boot.rc is not None else {}
    return {
        **view.options_of(seen.record),
        **({"vnc_password": "(a password)"} if _password(seen.record) else {}),
        "state": seen.state,
        "pending": _lines(pending_now(seen)),
        "bhyve.conf": config.shown(conf),
        "guest.rc": rcfile.readable(rc),
    }


def after_view(
    one: Desired, state: str, keys: config.Keys, variables: rcfile.Variables, pending: Pending
) -> Dict[str, Any]:
    """How the guest will look."""
    if one.record is None:
        return {}
    password = _password(one.record)
    same = one.seen.record is not None and _password(one.seen.record) == password
    return {
        **view.options_of(one.record),
        **({"vnc_password": "(a password)" if same else "(another password)"} if password else {}),
        "state": state,
        "pending": _lines(pending),
        "bhyve.conf": config.shown(keys),
        "guest.rc": rcfile.readable(variables),
    }


def _password(record: Record) -> str:
    return record.guest.vnc.password if record.guest.vnc is not None else ""


def _lines(pending: Pending) -> Dict[str, str]:
    return {key: f"{running} -> {following}" for key, (running, following) in pending.items()}
