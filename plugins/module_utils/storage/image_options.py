# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a task asks for of images: the options, checked one by one, before anything on the host counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, List, Mapping, Optional, Tuple
from urllib.parse import urlsplit

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput
from ansible_collections.apiary.bhyve.plugins.module_utils.forms import Form, check_once
from ansible_collections.apiary.bhyve.plugins.module_utils.sizes import parse_size
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.checksum import Checksum, parse_checksum
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.download import Limits
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.fetching import file_name, is_url
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.formats import COMPRESSIONS
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.images import (
    FILE,
    ISO,
    KINDS,
    ZVOL,
    check_image_name,
)

_BLOCKS = tuple(1 << power for power in range(9, 25))
_DEFAULTS = Limits()


@dataclass(frozen=True)
class Request:
    """One image of a task. ``kind`` is '' and ``sources`` are empty where nothing was said."""

    name: str
    present: bool
    kind: str = ""
    sources: Tuple[str, ...] = ()
    checksum: Optional[Checksum] = None
    volblocksize: int = 0
    force: bool = False
    limits: Limits = _DEFAULTS

    def default_kind(self, with_zfs: bool) -> str:
        """What the image becomes if the task does not say."""
        if self.kind:
            return self.kind
        if self.sources and _plain_name(self.sources[0]).endswith(".iso"):
            return ISO
        return ZVOL if with_zfs else FILE

    @property
    def needs_qemu_img(self) -> bool:
        """Whether the name of a source says that it is a qcow2 image; what counts in the end are its first bytes."""
        return any(_plain_name(source).endswith((".qcow2", ".qcow")) for source in self.sources)


def image_options() -> Dict[str, Any]:
    """The argument specification of one image."""
    return {
        "name": {"type": "str", "required": True},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "source": {"type": "list", "elements": "str"},
        "checksum": {"type": "str"},
        "kind": {"type": "str", "choices": list(KINDS)},
        "volblocksize": {"type": "str"},
        "force": {"type": "bool", "default": False},
        "retries": {"type": "int", "default": _DEFAULTS.retries},
        "timeout": {"type": "int", "default": int(_DEFAULTS.timeout)},
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
    sources = tuple(str(source) for source in params.get("source") or ())
    for source in sources:
        _check_source(source, f"{at}source")
    if len(sources) > 1 and not all(map(is_url, sources)):
        raise BadInput(f"{at}source: several sources are mirrors, so all are URLs; a file of the host stands alone")
    text = params.get("checksum")
    volblocksize = parse_size(params["volblocksize"], f"{at}volblocksize") if params.get("volblocksize") else 0
    if volblocksize and volblocksize not in _BLOCKS:
        raise BadInput(f"{at}volblocksize: {volblocksize} bytes is not a power of two from 512 to 16M")
    kind = params.get("kind") or ""
    if volblocksize and kind not in ("", ZVOL):
        raise BadInput(f"{at}volblocksize is for kind: zvol, not for kind: {kind}")
    retries, timeout = params.get("retries"), params.get("timeout")
    limits = Limits(
        _DEFAULTS.retries if retries is None else retries, _DEFAULTS.timeout if timeout is None else float(timeout)
    )
    if not 0 <= limits.retries <= 100:
        raise BadInput(f"{at}retries: {limits.retries}; allowed are 0 to 100")
    if not 1 <= limits.timeout <= 3600:
        raise BadInput(f"{at}timeout: {limits.timeout:g}; allowed are 1 to 3600 seconds")
    return Request(
        name=name,
        present=params.get("state") != "absent",
        kind=kind,
        sources=sources,
        checksum=parse_checksum(text, f"{at}checksum") if text else None,
        volblocksize=volblocksize,
        force=bool(params.get("force")),
        limits=limits,
    )


def _check_source(source: str, option: str) -> None:
    if source.startswith("/"):
        return
    try:
        parts = urlsplit(source)
        known, host = is_url(source), parts.hostname
    except ValueError as error:
        raise BadInput(f"{option}: {source!r} is not a URL: {error}") from error
    if not known or not host or not source.isprintable() or " " in source:
        raise BadInput(
            f"{option}: {source!r}; write a URL (http:// or https://) or the absolute path of a file on the host"
        )
    if parts.username is not None or parts.password is not None:
        raise BadInput(f"{option}: names and passwords in a URL would be shown and kept; fetch the file by other means")
    if not file_name(source):
        raise BadInput(f"{option}: {source!r} names a directory, not a file")


def _plain_name(source: str) -> str:
    """The name of a source's file in lower case, without the ending of a compression."""
    name = file_name(source).lower()
    stem, dot, ending = name.rpartition(".")
    return stem if dot and ending in COMPRESSIONS else name
