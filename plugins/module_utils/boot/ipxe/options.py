# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a task asks for of iPXE images: the options, checked one by one, before anything on the host counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, List, Mapping, Optional, Tuple

from ansible_collections.apiary.bhyve.plugins.module_utils.boot.ipxe.autoexec import CHOICES, checked_script
from ansible_collections.apiary.bhyve.plugins.module_utils.boot.ipxe.esp import check_plain
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput
from ansible_collections.apiary.bhyve.plugins.module_utils.forms import Form, check_once
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.images import check_image_name

_LIMITS: Tuple[Tuple[str, int, int], ...] = (("attempts", 1, 1000), ("prompt_timeout", 0, 3600))


@dataclass(frozen=True)
class Request:
    """One image of a task; what is None was not said. ``script`` is the user's, '' for ours.

    ``script_file`` is where the user's script is on the host.
    """

    name: str
    present: bool
    program: Optional[str] = None
    script: Optional[str] = None
    script_file: str = ""
    attempts: Optional[int] = None
    prompt_timeout: Optional[int] = None
    fallback: Optional[str] = None


def image_options() -> Dict[str, Any]:
    """The argument specification of one image."""
    return {
        "name": {"type": "str", "required": True},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "program": {"type": "path"},
        "script": {"type": "str"},
        "script_file": {"type": "path"},
        "attempts": {"type": "int"},
        "prompt_timeout": {"type": "int"},
        "fallback": {"type": "str", "choices": list(CHOICES)},
    }


def module_options() -> Dict[str, Any]:
    """The argument specification of the module: one image by its own options, or many by ``images``."""
    return _form().spec()


def _form() -> Form:
    return Form("images", "image", image_options())


def requests_of(params: Mapping[str, Any]) -> List[Request]:
    """The images of a task, whichever form it has. BadInput, naming the option, for anything wrong with one."""
    requests = [parse_request(element) for element in _form().elements(params)]
    check_once([request.name for request in requests], "images")
    return requests


def parse_request(params: Mapping[str, Any]) -> Request:
    """One image. BadInput."""
    name = check_image_name(params["name"], "name")
    at = f"image {name}: "
    program, script, path = params.get("program"), params.get("script"), params.get("script_file") or ""
    if program:
        check_plain(program, f"{at}program")
    if script and path:
        raise BadInput(f"{at}script_file: script beside it; the script is given here, or lies on the host")
    if path and not path.startswith("/"):
        raise BadInput(f"{at}script_file: {path!r} is not an absolute path")
    for option, least, most in _LIMITS:
        value = params.get(option)
        if value is not None and not least <= value <= most:
            raise BadInput(f"{at}{option}: {value}; allowed are {least} to {most}")
    if script or path:
        ours = [option for option in ("attempts", "prompt_timeout", "fallback") if params.get(option) is not None]
        if ours:
            raise BadInput(f"{at}{ours[0]} is for the collection's own script, and this image has another one")
    return Request(
        name=name,
        present=params.get("state") != "absent",
        program=program or None,
        script=checked_script(script, f"{at}script") if script else script,
        script_file=path,
        attempts=params.get("attempts"),
        prompt_timeout=params.get("prompt_timeout"),
        fallback=params.get("fallback"),
    )
