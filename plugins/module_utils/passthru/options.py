# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a task asks for of PCI devices: the options, checked one by one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, List, Mapping

from ansible_collections.apiary.bhyve.plugins.module_utils.forms import Form, check_once
from ansible_collections.apiary.bhyve.plugins.module_utils.passthru.devices import parse_place, selector_of

STATES = ("present", "absent")
#: Now and at every boot; only from the next boot on; only now, until the next boot.
BOTH, BOOT, NOW = "both", "boot", "now"


@dataclass(frozen=True)
class Request:
    """One device of a task, by its place; what is to be, and when."""

    place: str
    present: bool = True
    when: str = BOTH

    @property
    def at_boot(self) -> bool:
        """Whether loader.conf is concerned."""
        return self.when != NOW

    @property
    def now(self) -> bool:
        """Whether the running kernel is concerned."""
        return self.when != BOOT


def device_options() -> Dict[str, Any]:
    """The argument specification of one device."""
    return {
        "selector": {"type": "str", "required": True},
        "state": {"type": "str", "choices": list(STATES), "default": "present"},
        "when": {"type": "str", "choices": [BOTH, BOOT, NOW], "default": BOTH},
    }


def _form() -> Form:
    return Form("devices", "device", device_options())


def module_options() -> Dict[str, Any]:
    """The argument specification of the module: one device by its own options, or many by ``devices``."""
    return _form().spec()


def requests_of(params: Mapping[str, Any]) -> List[Request]:
    """The devices of a task, none if it only asks what there is. BadInput, naming the option."""
    requests = [_request(element) for element in _form().elements_if_any(params)]
    check_once([selector_of(request.place) for request in requests], "devices")
    return requests


def _request(element: Mapping[str, Any]) -> Request:
    place = parse_place(element["selector"], "selector")
    return Request(place, (element.get("state") or "present") == "present", element.get("when") or BOTH)
