# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From what is asked for of iPXE images and what there is, the changes in between."""

from __future__ import annotations

import hashlib
from typing import Any, Dict, List, Mapping, Optional, Sequence

from ansible_collections.apiary.bhyve.plugins.module_utils.boot.ipxe.autoexec import Own, checked_script, own_script
from ansible_collections.apiary.bhyve.plugins.module_utils.boot.ipxe.build import KIND, PROGRAMS, Ipxe
from ansible_collections.apiary.bhyve.plugins.module_utils.boot.ipxe.esp import check_program, layout
from ansible_collections.apiary.bhyve.plugins.module_utils.boot.ipxe.options import Request
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.plan import Outcome, Plan
from ansible_collections.apiary.bhyve.plugins.module_utils.results import entry_of
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.fetching import check_space
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.image_changes import ClearPartial, MakeImage
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.image_plan import (
    Seen,
    add_place,
    check_place,
    entry,
    named,
    plan_absent,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.image_read import busy
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.images import FILE, Image
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.making import Wanted

#: Where the package ipxe puts the program for UEFI guests.
PROGRAM = "/usr/local/share/ipxe/ipxe.efi-x86_64"
#: What a result tells of an image beside what every image has.
SHOWN = ("program", "program_sha256", "script", "autoexec_sha256", "attempts", "prompt_timeout", "fallback")


def plan_ipxe(host: Host, requests: Sequence[Request], seen: Seen) -> Plan:
    """Plan a task. BadInput when something cannot be; then nothing was changed. No change, no command is started."""
    plan = Plan()
    for request in requests:
        name, image = request.name, seen.images.images.get(request.name)
        if image is not None and image.built.get("kind") != KIND:
            raise BadInput(f"image {name}: the image of that name is none with iPXE ({image.origin}); choose another")
        plan.before[name] = dict(image.built) if image is not None else {}
        plan.after[name] = plan.before[name]
        if request.present:
            _present(host, plan, request, image, seen)
        else:
            plan_absent(plan, name, image, seen)
    return plan


def _present(host: Host, plan: Plan, request: Request, image: Optional[Image], seen: Seen) -> None:
    name = request.name
    at = f"image {name}: "
    builder = builder_of(host, request, image.built if image is not None else {}, at)
    whole = image is not None and image.built == builder.key() and _is_whole(host, image, seen)
    # One that broke off may have given the new file its name already.
    begun = seen.images.partial.get(name)
    if whole and (begun is None or begun.image is None):
        if name in seen.images.partial and not busy(name):
            plan.add(ClearPartial(name, seen.store))
        return
    for path in PROGRAMS:
        if host.stat(path) is None:
            raise BadInput(f"{at}{path} is missing on the host, which has it from FreeBSD's base system")
    if image is None:
        check_place(at, name, seen)
    if seen.images.exists:
        check_space(host, seen.store, f"{at}its parts and the disk of them take", builder.space())
    add_place(host, plan, name, seen)
    wanted = Wanted(name, FILE, (builder.program,), builder=builder)
    plan.add(MakeImage(name, seen.store, wanted, image, named(name, seen)))
    plan.after[name] = builder.key()


def _is_whole(host: Host, image: Image, seen: Seen) -> bool:
    """Whether the image's file is there, of its size."""
    status = host.stat(seen.store.file(image.name, FILE))
    return image.name not in seen.images.broken and status is not None and status.st_size == image.size


def builder_of(host: Host, request: Request, before: Mapping[str, Any], at: str) -> Ipxe:
    """What a request makes of an image; what it does not say stays as it was. BadInput."""
    program = request.program or str(before.get("program", PROGRAM))
    data = host.read_bytes(program)
    if data is None:
        hint = "install the package ipxe" if program == PROGRAM else "give the path of iPXE's EFI program on the host"
        raise BadInput(f"{at}program: the file {program} does not exist on the host; {hint}")
    check_program(data, program, f"{at}program")
    settings = _settings(host, request, before, at)
    autoexec = settings["script"]
    if not autoexec:
        autoexec = own_script(Own(settings["attempts"], settings["prompt_timeout"], settings["fallback"]))
    size = len(autoexec.encode("utf-8", "surrogateescape"))
    digest = hashlib.sha256(data).hexdigest()
    return Ipxe(program, digest, autoexec, layout(len(data), size, f"{at}program"), settings)


def _settings(host: Host, request: Request, before: Mapping[str, Any], at: str) -> Dict[str, Any]:
    """The script, '' for ours, and how ours behaves."""
    script = request.script
    if request.script_file:
        text = host.read(request.script_file)
        if text is None:
            raise BadInput(f"{at}script_file: the file {request.script_file} does not exist on the host")
        script = checked_script(text, f"{at}script_file: {request.script_file}")
    settings: Dict[str, Any] = {"script": str(before.get("script", "")) if script is None else script}
    own = Own()
    if settings["script"]:
        if request.attempts is not None or request.prompt_timeout is not None or request.fallback is not None:
            raise BadInput(f"{at}the image has a script of yours, which has its own ways; for ours, give script: ''")
        return settings
    given = {"attempts": request.attempts, "prompt_timeout": request.prompt_timeout, "fallback": request.fallback}
    defaults = {"attempts": own.attempts, "prompt_timeout": own.timeout, "fallback": own.fallback}
    for option, default in defaults.items():
        value = given[option]
        settings[option] = before.get(option, default) if value is None else value
    return settings


def results(
    names: Sequence[str], seen: Seen, plan: Plan, outcome: Optional[Outcome], after: Optional[Seen]
) -> List[Dict[str, Any]]:
    """The images of a task for its result: as they are ``after``, or, without that, as the plan has them."""
    found: List[Dict[str, Any]] = []
    outcome = outcome or Outcome(plan.descriptions())
    for name in names:
        one = _view(name, after or seen)
        if after is None and outcome.done.get(name):
            built = plan.after[name]
            known = {} if isinstance(built, str) or not built else _shown(built)
            one = {**one, "state": "present" if built else "absent", "path": seen.store.file(name, FILE), **known}
        found.append(entry_of(one if one["state"] != "absent" else {"name": name, "state": "absent"}, name, outcome))
    return found


def _view(name: str, seen: Seen) -> Dict[str, Any]:
    """An image as the host has it."""
    found, image = entry(name, seen), seen.images.images.get(name)
    common = ("name", "state", "path", "size", "made", "users", "message")
    return {**{key: found[key] for key in common if key in found}, **(_shown(image.built) if image is not None else {})}


def _shown(built: Mapping[str, Any]) -> Dict[str, Any]:
    return {option: built[option] for option in SHOWN if option in built}
