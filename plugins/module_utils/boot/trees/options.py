# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Boot trees: what a task says of them, and what is noted in each of what it was made from."""

from __future__ import annotations

import json
import posixpath
from dataclasses import asdict, dataclass
from typing import Any, Dict, List, Mapping, Optional, Tuple

from ansible_collections.apiary.bhyve.plugins.module_utils import schemas
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput, UnknownState
from ansible_collections.apiary.bhyve.plugins.module_utils.forms import Form, check_once
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.checksum import parse_checksum
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.fetching import is_url

STATES = ("present", "absent")
#: In a tree: what it was made from. A directory without it is none of ours.
MARKER = ".apiary-boot-tree.json"
SCHEMA = 1
NONE = "none"
#: Directories that no task means, with everything below them as part of the system.
_SYSTEM = frozenset(
    (
        "/",
        "/bin",
        "/boot",
        "/dev",
        "/etc",
        "/home",
        "/lib",
        "/libexec",
        "/root",
        "/sbin",
        "/tmp",
        "/usr",
        "/usr/local",
        "/var",
    )
)


@dataclass(frozen=True)
class Made:
    """What a tree was made from. ``stamp`` is size and time of a file that has no declared checksum, '' otherwise."""

    source: str
    checksum: str = ""
    paths: Tuple[str, ...] = ()
    keep_modes: bool = False
    stamp: str = ""

    def fields(self) -> Dict[str, object]:
        """As the diff shows it."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}


@dataclass(frozen=True)
class Tree:
    """One tree of a task: a directory, and what it is made from (None: it is not to be there)."""

    path: str
    made: Optional[Made]

    @property
    def unfinished(self) -> str:
        """Where it grows."""
        return self._beside("new")

    @property
    def download(self) -> str:
        return self._beside("download")

    @property
    def old(self) -> str:
        """Where the one before it goes while the new one takes its place."""
        return self._beside("old")

    def _beside(self, word: str) -> str:
        folder, _slash, name = self.path.rpartition("/")
        return f"{folder}/.{name}.{word}"


def tree_options() -> Dict[str, Any]:
    """The argument specification of one tree."""
    return {
        "path": {"type": "path", "required": True},
        "source": {"type": "str"},
        "checksum": {"type": "str"},
        "paths": {"type": "list", "elements": "str"},
        "keep_modes": {"type": "bool", "default": False},
        "state": {"type": "str", "choices": list(STATES), "default": "present"},
    }


_FORM = Form("trees", "tree", tree_options())


def module_options() -> Dict[str, Any]:
    """The argument specification of the module."""
    return _FORM.spec()


def trees_of(params: Mapping[str, Any]) -> List[Tree]:
    """The trees of a task. BadInput, naming the option."""
    trees = [_tree(element) for element in _FORM.elements(params)]
    check_once([tree.path for tree in trees], "trees")
    for tree in trees:
        inside = [other.path for other in trees if other.path.startswith(f"{tree.path}/")]
        if inside:
            raise BadInput(f"trees: {inside[0]} is inside {tree.path}, which is replaced as a whole")
    return trees


def _tree(element: Mapping[str, Any]) -> Tree:
    path = str(element["path"])
    if posixpath.normpath(path) != path or not path.startswith("/") or path.startswith("//") or path in _SYSTEM:
        raise BadInput(f"path: {path!r} is not an absolute path of a directory of its own, without .. and / at its end")
    if element.get("state") == "absent":
        return Tree(path, None)
    source = element.get("source") or ""
    if not source:
        raise BadInput(f"{path}: source: an ISO or another archive that tar(1) reads, by its path on the host or URL")
    if not is_url(source) and not source.startswith("/"):
        raise BadInput(f"{path}: source: {source!r} is neither a URL (http, https) nor an absolute path on the host")
    paths = tuple(_inside(path, one) for one in element.get("paths") or ())
    return Tree(path, Made(source, _checksum(path, source, element), paths, bool(element.get("keep_modes"))))


def _inside(path: str, name: str) -> str:
    if not name or name.startswith(("/", "-", "@")) or ".." in name.split("/") or any(one in name for one in "*?[\\\n"):
        raise BadInput(f"{path}: paths: {name!r} is no path in the archive: relative, without .., * ? [ and backslash")
    return name.rstrip("/")


def _checksum(path: str, source: str, element: Mapping[str, Any]) -> str:
    text = element.get("checksum") or ""
    if text == NONE:
        return ""
    if not text and is_url(source):
        raise BadInput(f"{path}: checksum: of a download: sha256: or sha512: and the digest, or none to do without")
    return str(parse_checksum(text, f"{path}: checksum")) if text else ""


def dump(made: Made, digest: str) -> str:
    """The text of a tree's marker."""
    return json.dumps({"schema": SCHEMA, **made.fields(), "sha256": digest}, indent=2, sort_keys=True) + "\n"


def load(text: Optional[str], path: str) -> Optional[Made]:
    """Read a marker; None when there is none. UnknownState for a newer schema or anything else."""
    if text is None:
        return None
    try:
        data = schemas.parse(text, SCHEMA, path)
        return Made(
            str(data["source"]),
            str(data["checksum"]),
            tuple(str(one) for one in data["paths"]),
            bool(data["keep_modes"]),
            str(data["stamp"]),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise UnknownState(f"{path} cannot be read ({error!r}); remove the tree, and it is made anew") from error
