# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From what is asked for of images and what there is, the changes in between."""

from __future__ import annotations

import stat
from dataclasses import dataclass, field
from typing import Any, Dict, List, Mapping, Optional, Sequence

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import ApiaryError, BadInput
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.plan import Plan
from ansible_collections.apiary.bhyve.plugins.module_utils.storage import image_changes as changes
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.decompress import QEMU_TOOLS, qemu_img_missing
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.fetching import is_url
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.formats import HEAD, QCOW2, detect
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.image_options import Request
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.image_read import Images, busy
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.images import ZVOL, Image, Store
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.making import Wanted
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.qcow2 import HEADER, parse_header
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.set_image import missing_programs
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.sets import MANIFEST, SHOWN, Sets
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.zfs import Dataset

#: Who uses an image that is a file: for each path, in words.
Users = Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Seen:
    """The host: its images, the datasets from the root of all guests down, and which files guests use."""

    store: Store
    datasets: Mapping[str, Dataset]
    images: Images
    users: Users = field(default_factory=dict)


def plan_images(host: Host, requests: Sequence[Request], seen: Seen) -> Plan:
    """Plan a task. BadInput when something cannot be; then nothing was changed. No command is started."""
    plan = Plan()
    for request in requests:
        image = seen.images.images.get(request.name)
        plan.before[request.name] = view(image) if image is not None else {}
        plan.after[request.name] = plan.before[request.name]
        if request.present:
            _present(host, plan, request, image, seen)
        else:
            plan_absent(plan, request.name, image, seen)
    return plan


def _present(host: Host, plan: Plan, request: Request, image: Optional[Image], seen: Seen) -> None:
    at, name = f"image {request.name}: ", request.name
    if image is not None and name not in seen.images.broken:
        differing = differences(request, image)
        if not differing:
            if name in seen.images.partial and not busy(name):
                plan.add(changes.ClearPartial(name, seen.store))
            return
        if not request.force:
            raise BadInput(
                f"{at}it is there and was made otherwise: {'; '.join(differing)}. "
                "Give the new one another name, or set force: true to make this one anew"
            )
        _check_unused(at, "made anew", image, seen)
    if not request.sources:
        if image is None:
            raise BadInput(f"{at}source: there is no such image on this host; to make it, give its source")
        raise BadInput(f"{at}source: {seen.images.broken.get(name)}; to make it anew, give its source")
    kind = request.default_kind(bool(seen.store.dataset))
    if kind == ZVOL and not seen.store.dataset:
        raise BadInput(f"{at}kind: zvol needs ZFS, and this host is set up without; leave kind out or give file")
    if image is None:
        check_place(at, name, seen)
    _check_sources(host, at, request)
    add_place(host, plan, name, seen)
    wanted = Wanted(name, kind, request.sources, request.checksum, request.volblocksize, request.limits, request.sets)
    plan.add(changes.MakeImage(name, seen.store, wanted, image, named(name, seen)))
    plan.after[name] = {
        "kind": kind,
        "source": list(request.sources),
        "checksum": str(request.checksum or ""),
        **({"sets": shown(request.sets.key())} if request.sets is not None else {}),
    }


def differences(request: Request, image: Image) -> List[str]:
    """How an image was made otherwise than a task says, in words; what the task leaves out does not count.

    The same checksum is the same image, wherever it comes from. A checksum that the task adds is compared with what
    came when the image was made.
    """
    found: List[str] = []
    same_content = False
    checksum = request.checksum
    if checksum is not None and str(checksum) != image.checksum:
        known = image.digests.get(checksum.algorithm, "")
        if checksum.by_file or known != checksum.value:
            found.append(f"checksum is {image.checksum or f'{checksum.algorithm}:{known}'}, wanted is {checksum}")
    same_content = checksum is not None and not checksum.by_file and not found
    if request.sets is not None:
        found += set_differences(request.sets, image)
    elif request.sources and not same_content and image.origin not in request.sources:
        found.append(f"source is {image.origin}, wanted is {' or '.join(request.sources)}")
    if request.kind and request.kind != image.kind:
        found.append(f"kind is {image.kind}, wanted is {request.kind}")
    return found


def set_differences(sets: Sets, image: Image) -> List[str]:
    """How an image is made of other sets, or otherwise of them, in words. Where they come from does not count."""
    if not image.sets:
        return [f"source is {image.origin}, wanted are the distribution sets of {sets.release}"]
    found = []
    for name, value in sets.key().items():
        before = image.sets.get(name)
        if before == value:
            continue
        if name == "root_password":
            found.append("sets.root_password is another one")
        else:
            found.append(f"sets.{name} is {_words(before)}, wanted is {_words(value)}")
    return found


def _words(value: Any) -> str:
    """An option's value for a message."""
    if isinstance(value, dict):
        return ", ".join(f"{name}={text}" for name, text in sorted(value.items())) or "empty"
    return ", ".join(value) or "empty" if isinstance(value, list) else str(value)


def shown(sets: Mapping[str, Any]) -> Dict[str, Any]:
    """What a result tells of the sets that an image is made of."""
    return {name: sets[name] for name in SHOWN if name in sets}


def _check_unused(at: str, what: str, image: Image, seen: Seen) -> None:
    clones = seen.images.clones.get(image.name, ())
    if clones:
        raise BadInput(
            f"{at}it cannot be {what} while these are clones of it: {', '.join(sorted(clones))}; they keep what they "
            "were made from. Destroy or promote them first" + (", or choose another name" if what != "removed" else "")
        )
    users = seen.users.get(seen.store.path(image.name, image.kind), ())
    if users and what == "removed":
        raise BadInput(
            f"{at}it cannot be removed, these use it as it is: {', '.join(users)}; detach or eject it there first"
        )


def check_place(at: str, name: str, seen: Seen) -> None:
    """A volume or file that bears the name of an image and is none: not ours to touch."""
    for entry in seen.images.unknown:
        if entry in (name, f"{name}.img", f"{name}.iso"):
            place = f"{seen.store.directory}/{entry}" if entry != name else seen.store.volume(name)
            if named(name, seen) is not None:
                continue
            raise BadInput(f"{at}{place} is there and belongs to no image; rename it or move it away first")


def named(name: str, seen: Seen) -> Optional[Image]:
    """An image that got its name a moment before its maker was interrupted, and has no record yet."""
    progress = seen.images.partial.get(name)
    if progress is None or progress.image is None or name in seen.images.images:
        return None
    if progress.image.kind == ZVOL:
        waits = seen.store.partial_volume(name) in seen.datasets
    else:
        waits = seen.store.partial(name, "raw").rpartition("/")[2] in seen.images.entries
    return None if waits else progress.image


def _check_sources(host: Host, at: str, request: Request) -> None:
    if request.sets is not None:
        _check_sets(host, at, request.sources[0], request.sets)
    else:
        _check_source(host, at, request)
    checksum = request.checksum
    if checksum is not None and checksum.value.startswith("/") and host.stat(checksum.value) is None:
        raise BadInput(f"{at}checksum: the file {checksum.value} does not exist on the host")


def _check_sets(host: Host, at: str, directory: str, sets: Sets) -> None:
    missing = missing_programs(host)
    if missing:
        raise BadInput(f"{at}sets: {', '.join(missing)} of FreeBSD's base system missing on the host; install it first")
    if is_url(directory):
        return
    for file in (MANIFEST, *(f"{name}.txz" for name in sets.names)):
        status = host.stat(f"{directory}/{file}")
        if status is None or not stat.S_ISREG(status.st_mode):
            raise BadInput(f"{at}sets.source: the file {directory}/{file} does not exist on the host")


def _check_source(host: Host, at: str, request: Request) -> None:
    source = request.sources[0]
    needs_qemu_img = request.needs_qemu_img
    if not is_url(source):
        status = host.stat(source)
        if status is None:
            raise BadInput(f"{at}source: the file {source} does not exist on the host")
        if not stat.S_ISREG(status.st_mode):
            raise BadInput(f"{at}source: {source} is not a file")
        try:
            head = host.read_bytes(source, max(HEAD, HEADER)) or b""
            if detect(head, source) == QCOW2:
                parse_header(head, source)
                needs_qemu_img = True
        except ApiaryError as error:
            raise BadInput(f"{at}source: {error}") from error
    if needs_qemu_img and qemu_img_missing(host):
        raise BadInput(f"{at}source: a qcow2 image is converted by qemu-img(1), which is missing; {QEMU_TOOLS}")


def add_place(host: Host, plan: Plan, name: str, seen: Seen) -> None:
    """The dataset or directory of images, once in a task."""
    if any(isinstance(change, changes.CreatePlace) for change in plan.changes):
        return
    store = seen.store
    if not store.dataset:
        if not seen.images.exists:
            plan.add(changes.CreatePlace(name, store, False))
        return
    if store.dataset in seen.datasets:
        return
    if host.listdir(store.directory):
        raise BadInput(
            f"image {name}: {store.directory} is a directory with something in it and not the dataset {store.dataset}, "
            "which would hide it; move its content away first, and back into the dataset afterwards"
        )
    inherited = seen.datasets[store.root_dataset].value("volmode") == "dev"
    plan.add(changes.CreatePlace(name, store, not inherited))


def plan_absent(plan: Plan, name: str, image: Optional[Image], seen: Seen) -> None:
    """Plan that an image goes, and what is left of one that was never finished. BadInput while it is used or made."""
    at = f"image {name}: "
    partial = name in seen.images.partial
    if partial and busy(name):
        progress = seen.images.partial[name]
        how_far = f" ({progress.phase}, {progress.percent} %)" if progress is not None else ""
        raise BadInput(f"{at}another task is making it now{how_far}; wait for its end, or end it, and try again")
    image = image or named(name, seen)
    if image is not None:
        _check_unused(at, "removed", image, seen)
        plan.add(changes.RemoveImage(name, seen.store, image))
    if partial:
        plan.add(changes.ClearPartial(name, seen.store))
    plan.after[name] = {}


def view(image: Image) -> Dict[str, Any]:
    """An image for the diff."""
    sets = {"sets": shown(image.sets)} if image.sets else {}
    return {"kind": image.kind, "source": [image.origin], "checksum": image.checksum, **sets}


def entry(name: str, seen: Seen) -> Dict[str, Any]:
    """An image as the host has it, for a module's result."""
    images, store = seen.images, seen.store
    image = images.images.get(name)
    progress = images.partial.get(name)
    result: Dict[str, Any] = {"name": name, "state": "absent"}
    if image is not None:
        path = store.path(name, image.kind)
        result = {
            "name": name,
            "state": "broken" if name in images.broken else "present",
            "kind": image.kind,
            "path": path,
            "dataset": store.volume(name) if image.kind == ZVOL else "",
            "source": list(image.sources),
            "origin": image.origin,
            "sets": shown(image.sets),
            "checksum": image.checksum,
            "sha256": image.digests.get("sha256", ""),
            "format": image.format,
            "size": image.size,
            "virtual_size": image.virtual_size,
            "made": image.made,
            "clones": sorted(images.clones.get(name, ())),
            "users": sorted(seen.users.get(path, ())),
        }
        if name in images.broken:
            result["message"] = images.broken[name]
    if name in images.partial:
        working = busy(name)
        if image is None:
            result["state"] = "making" if working else "interrupted"
        result["phase"] = progress.phase if progress is not None else ""
        result["progress"] = progress.percent if progress is not None else 0
    elif image is not None:
        result["phase"], result["progress"] = "ready", 100
    return result
