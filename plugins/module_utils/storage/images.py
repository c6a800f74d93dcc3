# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Images on the host: where they are, what is known of each, and which are being made.

What is known of an image is in NAME.json, written last: an image without it does not exist. Work in progress has names
that begin with ``.partial-``.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Dict, Mapping, Optional, Tuple

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput, UnknownState
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.download import Part
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.zfs import volume_node

ZVOL, FILE, ISO = "zvol", "file", "iso"
KINDS = (ZVOL, FILE, ISO)
SNAPSHOT = "golden"
PARTIAL = ".partial-"

IMAGE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_ENDINGS = (".img", ".iso", ".json", ".qcow2", ".xz", ".gz", ".bz2", ".zst")
_SCHEMA = 1


def check_image_name(name: str, option: str) -> str:
    """Return name if an image may have it, else raise BadInput."""
    if not IMAGE_NAME.fullmatch(name):
        raise BadInput(
            f"{option}: {name!r} cannot be an image's name: 1 to 63 letters, digits, '.', '_' and '-', "
            "beginning with a letter or digit"
        )
    if name.endswith(_ENDINGS):
        raise BadInput(f"{option}: {name!r} is the name of a file; leave the ending out, it follows from the kind")
    return name


@dataclass(frozen=True)
class Store:
    """Where images are: below the root of all guests, and below its dataset ('' on a host without ZFS)."""

    root: str
    root_dataset: str

    @property
    def directory(self) -> str:
        return f"{self.root}/.images"

    @property
    def dataset(self) -> str:
        return f"{self.root_dataset}/.images" if self.root_dataset else ""

    def record(self, name: str) -> str:
        return f"{self.directory}/{name}.json"

    def volume(self, name: str) -> str:
        return f"{self.dataset}/{name}"

    def snapshot(self, name: str) -> str:
        return f"{self.volume(name)}@{SNAPSHOT}"

    def file(self, name: str, kind: str) -> str:
        return f"{self.directory}/{name}.{'iso' if kind == ISO else 'img'}"

    def path(self, name: str, kind: str) -> str:
        """Where the image's bytes can be read: its file, or its volume's device node."""
        return volume_node(self.volume(name)) if kind == ZVOL else self.file(name, kind)

    def partial(self, name: str, what: str) -> str:
        """A file of an image that is being made: ``json`` (how far it is), ``download``, ``raw`` and others.

        ``sets`` and ``tree`` are directories.
        """
        return f"{self.directory}/{PARTIAL}{name}.{what}"

    def partial_volume(self, name: str) -> str:
        return f"{self.dataset}/{PARTIAL}{name}"


@dataclass(frozen=True)
class Image:
    """What is known of an image.

    ``sources`` and ``checksum`` are as declared, ``origin`` is the source that it came from, ``digests`` are those of
    the file there. ``size`` is what a disk made from it has at least, ``virtual_size`` that in the source.
    ``format`` is that of the source, such as ``qcow2`` or ``raw.xz``; ``made`` is in seconds since the epoch.
    ``sets`` is Sets.key() of one that was made of distribution sets, with the directories as sources and the digests of
    their MANIFEST; empty for any other. ``built`` is Builder.key() of one that was built on the host, else empty.
    """

    name: str
    kind: str
    sources: Tuple[str, ...]
    origin: str
    checksum: str
    digests: Mapping[str, str]
    format: str
    size: int
    virtual_size: int
    made: int
    sets: Mapping[str, Any] = field(default_factory=dict)
    built: Mapping[str, Any] = field(default_factory=dict)

    @property
    def declared(self) -> Dict[str, Any]:
        """What it was made from, in the form of Wanted.key()."""
        sets = {"sets": dict(self.sets)} if self.sets else {}
        built = {"built": dict(self.built)} if self.built else {}
        return {"kind": self.kind, "sources": list(self.sources), "checksum": self.checksum, **sets, **built}


def dump_image(image: Image) -> str:
    """The text of NAME.json."""
    return json.dumps({"schema": _SCHEMA, **asdict(image)}, indent=2, sort_keys=True) + "\n"


def load_image(text: str, path: str) -> Image:
    """The inverse of dump_image(). UnknownState if it cannot be read."""
    data = _load(text, path)
    try:
        # Images that were made before there were such have none in their record.
        data.setdefault("sets", {})
        data.setdefault("built", {})
        values = {one.name: data[one.name] for one in fields(Image)}
        values["sets"], values["built"] = dict(values["sets"]), dict(values["built"])
        values["sources"] = tuple(str(source) for source in values["sources"])
        values["digests"] = {str(key): str(value) for key, value in values["digests"].items()}
        for number in ("size", "virtual_size", "made"):
            values[number] = int(values[number])
        if values["kind"] not in KINDS:
            raise ValueError(f"kind {values['kind']!r}")
        return Image(**values)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UnknownState(f"{path} is not the record of an image: {error!r}") from error


@dataclass(frozen=True)
class Progress:
    """How far an image is that is being made: the phase, and how much of it in percent.

    ``wanted`` is what was asked for, so that a later run knows whether what lies there is of use to it. ``image`` is
    complete when everything is done but the naming.
    """

    name: str
    phase: str
    percent: int = 0
    wanted: Mapping[str, Any] = field(default_factory=dict)
    part: Part = Part()
    image: Optional[Image] = None


DOWNLOADING, VERIFYING, UNCOMPRESSING, CONVERTING, WRITING, READY = (
    "downloading",
    "verifying",
    "uncompressing",
    "converting",
    "writing",
    "ready",
)
#: What is done with distribution sets instead of uncompressing and converting.
EXTRACTING, INSTALLING, BUILDING = "extracting", "installing", "building"


def dump_progress(progress: Progress) -> str:
    """The text of .partial-NAME.json."""
    return json.dumps({"schema": _SCHEMA, **asdict(progress)}, indent=2, sort_keys=True) + "\n"


def load_progress(text: str, path: str) -> Progress:
    """The inverse of dump_progress(). UnknownState if it cannot be read."""
    data = _load(text, path)
    try:
        known = {one.name for one in fields(Part)}
        part = Part(**{key: value for key, value in data["part"].items() if key in known})
        image = data.get("image")
        return Progress(
            name=str(data["name"]),
            phase=str(data["phase"]),
            percent=int(data["percent"]),
            wanted=dict(data["wanted"]),
            part=part,
            image=None if image is None else load_image(json.dumps({"schema": _SCHEMA, **image}), path),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UnknownState(f"{path} is not the state of an image in the making: {error!r}") from error


def _load(text: str, path: str) -> Dict[str, Any]:
    try:
        data = json.loads(text)
    except ValueError as error:
        raise UnknownState(f"{path} cannot be read: {error}") from error
    if not isinstance(data, dict) or data.get("schema") != _SCHEMA:
        raise UnknownState(f"{path} was written by another version of this collection, or by something else")
    return data


def required(images: Mapping[str, Image], name: str, option: str) -> Image:
    """The image of that name. BadInput, naming those that there are, when there is none."""
    image = images.get(name)
    if image is None:
        there = ", ".join(sorted(images)) or "none"
        raise BadInput(f"{option}: there is no image {name!r} on this host; there are: {there}. Make it by bhyve_image")
    return image
