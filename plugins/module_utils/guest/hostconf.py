# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the role bhyve_host left on the host for the others: apiary.conf and the capabilities."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from typing import Any, Dict, Optional, Tuple

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput, UnknownState
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.names import Layout
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.places import CAPABILITIES, CONF
from ansible_collections.apiary.bhyve.plugins.module_utils.system.checkpoints import Checkpoints, from_json

_NOT_PREPARED = "this host is not prepared for guests ({reason}); run the role apiary.bhyve.bhyve_host on it first"


@dataclass(frozen=True)
class HostConf:
    """Where guests live and which firmware they get when they name none."""

    layout: Layout
    firmware_code: str
    firmware_vars: str


@dataclass(frozen=True)
class Capabilities:
    """What this host's bhyve can do. ``checkpoints`` is None on a host that an earlier release has prepared."""

    devices: Tuple[str, ...]
    max_cpus: int
    checkpoints: Optional[Checkpoints] = None


def not_prepared(reason: str) -> BadInput:
    """The error that says which role to run."""
    return BadInput(_NOT_PREPARED.format(reason=reason))


def read_conf(host: Host) -> HostConf:
    """apiary.conf. BadInput when the host was never prepared, UnknownState when the file makes no sense."""
    text = host.read(CONF)
    if text is None:
        raise not_prepared(f"{CONF} is missing")
    values = parse_conf(text)
    try:
        layout = Layout(values["apiary_root"], values["apiary_dataset"])
        return HostConf(layout, values["apiary_firmware_code"], values["apiary_firmware_vars"])
    except KeyError as error:
        raise UnknownState(f"{CONF} does not set {error}; run the role apiary.bhyve.bhyve_host again") from error


def parse_conf(text: str) -> Dict[str, str]:
    """The KEY='value' lines of apiary.conf. UnknownState for a line that is none."""
    values: Dict[str, str] = {}
    for line in text.splitlines():
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        key, equals, value = line.partition("=")
        try:
            parts = shlex.split(value)
        except ValueError as error:
            raise UnknownState(f"{CONF} has a line that cannot be read: {line!r}") from error
        if not equals or len(parts) > 1:
            raise UnknownState(f"{CONF} has a line that cannot be read: {line!r}")
        values[key.strip()] = parts[0] if parts else ""
    return values


def read_capabilities(host: Host) -> Capabilities:
    """capabilities.json, as bhyve_host wrote it. BadInput when it is missing, UnknownState when it makes no sense."""
    text = host.read(CAPABILITIES)
    if text is None:
        raise not_prepared(f"{CAPABILITIES} is missing")
    try:
        data = json.loads(text)
        max_cpus: Optional[int] = data.get("maxcpu")
        found: Optional[Dict[str, Any]] = data.get("checkpoints")
        checkpoints = from_json(found) if found is not None else None
        return Capabilities(tuple(data["bhyve_devices"]), int(max_cpus or 0), checkpoints)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UnknownState(
            f"{CAPABILITIES} cannot be read ({error!r}); run the role apiary.bhyve.bhyve_host again"
        ) from error
