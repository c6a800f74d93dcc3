# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of iov_device, and the iovctl.conf(5) that follows from them. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Dict, List, Mapping, Tuple

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput, UnknownState
from ansible_collections.apiary.bhyve.plugins.module_utils.forms import Form, check_once
from ansible_collections.apiary.bhyve.plugins.module_utils.network.mac import normalise_mac

_NAME = re.compile(r"[a-z][a-z0-9_]*[0-9]+")
_KEY = re.compile(r"[A-Za-z0-9_-]+")
_MOST = 65535
_HEADER = "# Made by the module iov_device of the Ansible collection apiary.bhyve, which undoes changes by hand.\n"
#: A line of the second part of what `iovctl -S` prints.
_PARAMETER = re.compile(r"\t(?P<name>\S+) : (?P<type>\S+) \(.*\)")
_VF_PART = "may be configured on a VF:"
_NUMBER = re.compile(r"uint(?P<bits>8|16|32|64)_t")
#: What is not the user's: all virtual functions are for guests.
_OURS = "passthrough"


@dataclass(frozen=True)
class Request:
    """One device of a task; ``parameters`` are what its driver takes for each virtual function."""

    device: str
    present: bool = True
    num_vfs: int = 0
    parameters: Tuple[Tuple[str, str], ...] = ()

    @property
    def path(self) -> str:
        return f"/etc/iov/{self.device}.conf"


def device_options() -> Dict[str, Any]:
    """The argument specification of one device."""
    return {
        "device": {"type": "str", "required": True},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "num_vfs": {"type": "int"},
        "parameters": {"type": "dict"},
    }


def _form() -> Form:
    return Form("devices", "device", device_options())


def module_options() -> Dict[str, Any]:
    """The argument specification of the module: one device by its own options, or many by ``devices``."""
    return _form().spec()


def requests_of(params: Mapping[str, Any]) -> List[Request]:
    """The devices of a task. BadInput, naming device and option."""
    requests = [_request(element) for element in _form().elements(params)]
    check_once([request.device for request in requests], "devices")
    return requests


def _request(element: Mapping[str, Any]) -> Request:
    name = element["device"]
    if not _NAME.fullmatch(name):
        raise BadInput(f"device: {name!r} is not the name of a device with its unit, such as ix0")
    if element.get("state") == "absent":
        return Request(name, False)
    count = element.get("num_vfs")
    if count is None or not 1 <= count <= _MOST:
        given = "it is needed" if count is None else str(count)
        raise BadInput(f"device {name}: num_vfs: {given}; how many virtual functions, 1 and more")
    parameters = _parameters(name, element.get("parameters") or {})
    if count > 1 and any(key.lower() == "mac-addr" for key, _value in parameters):
        raise BadInput(f"device {name}: parameters: mac-addr: {count} virtual functions would have the same address")
    return Request(name, True, count, parameters)


def _parameters(device: str, given: Mapping[str, Any]) -> Tuple[Tuple[str, str], ...]:
    result: List[Tuple[str, str]] = []
    for key, value in given.items():
        at = f"device {device}: parameters: {key}"
        if not _KEY.fullmatch(str(key)):
            raise BadInput(f"device {device}: parameters: {key!r} is no key of iovctl.conf(5)")
        if str(key).lower() == _OURS:
            raise BadInput(f"{at}: all virtual functions are for guests, so it is true and cannot be given")
        if not isinstance(value, (bool, int, str)):
            raise BadInput(f"{at}: {value!r} is neither a text, a number nor true or false")
        text = {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value)
        if not text.isprintable() or '"' in text or "\\" in text:
            raise BadInput(f"{at}: {text!r} cannot stand in iovctl.conf(5)")
        result.append((str(key), text))
    return tuple(sorted(result))


def render(request: Request) -> str:
    """The iovctl.conf(5) of a device."""
    lines = ["PF {", f'\tdevice : "{request.device}";', f"\tnum_vfs : {request.num_vfs};", "}", "", "DEFAULT {"]
    lines += [f"\t{_OURS} : true;"]
    lines += [f"\t{key} : {_value(value)};" for key, value in request.parameters]
    return _HEADER + "\n".join([*lines, "}", ""])


def _value(text: str) -> str:
    return text if text in ("true", "false") or text.isdigit() else f'"{text}"'


def check_parameters(request: Request, schema: str) -> None:
    """BadInput for a parameter that the device's driver does not have or take, by what `iovctl -S` prints."""
    _head, found, part = schema.partition(_VF_PART)
    if not found:
        raise UnknownState(f"`iovctl -S -d {request.device}` printed nothing about virtual functions")
    lines = (_PARAMETER.fullmatch(line) for line in part.splitlines())
    known = {match["name"]: match["type"] for match in lines if match is not None}
    for key, text in request.parameters:
        if key not in known:
            names = ", ".join(name for name in known if name != _OURS)
            raise BadInput(f"device {request.device}: parameters: its driver has no {key}; it has {names or 'none'}")
        allowed = _allowed_instead(known[key], text)
        if allowed:
            raise BadInput(f"device {request.device}: parameters: {key}: {text!r}; allowed is {allowed}")


def _allowed_instead(kind: str, text: str) -> str:
    """What a parameter of this type can be where it cannot be this (iovctl's own checks); '' where it can."""
    if kind == "bool":
        return "" if text in ("true", "false") else "true or false"
    number = _NUMBER.fullmatch(kind)
    if number is not None:
        most = (1 << int(number["bits"])) - 1
        return "" if text.isdigit() and int(text) <= most else f"0 to {most}"
    if kind == "unicast-mac" and not _is_unicast(text):
        return "the address of one NIC, such as 5a:00:00:00:00:01"
    return ""


def _is_unicast(text: str) -> bool:
    try:
        normalise_mac(text, "mac-addr")
    except BadInput:
        return False
    return "-" not in text
