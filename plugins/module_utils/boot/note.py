# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a host serves for PXE boots, in pxe.json: written by role pxe_server, read by who lets a guest boot so."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Optional

from ansible_collections.apiary.bhyve.plugins.module_utils import schemas
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput, UnknownState

#: Where the note is; it holds nothing that is secret (0644).
NOTE = "/usr/local/etc/apiary/pxe.json"
SCHEMA = 1
SUFFIX = ".ipxe"


@dataclass(frozen=True)
class Note:
    """Directories of the host, absolute paths; '' for what it does not serve.

    ``tftp_root`` is what a TFTP client sees as ``/``, ``chainload`` below it has the iPXE scripts, ``nfs_root`` is
    exported by NFS, ``http_root`` is what a web server shows as ``http_url``, without a slash at its end.
    """

    tftp_root: str
    chainload: str
    nfs_root: str = ""
    http_root: str = ""
    http_url: str = ""

    def script(self, name: str) -> str:
        """The path of a chainload script, which ``name`` names with or without ``.ipxe``. BadInput for a path."""
        return f"{self.chainload}/{script_name(name)}"


def script_name(name: str) -> str:
    """The name of a chainload script's file: ``web1`` and ``web1.ipxe`` are both ``web1.ipxe``. BadInput for a path."""
    stem = name[: -len(SUFFIX)] if name.endswith(SUFFIX) else name
    if not stem or stem.startswith(".") or "/" in stem or not stem.isprintable():
        raise BadInput(f"{name!r} is no name of a chainload script: a file name, without a directory")
    return stem + SUFFIX


def load(text: Optional[str], path: str = NOTE) -> Optional[Note]:
    """Read pxe.json; None when it does not exist. UnknownState for a newer schema or anything else."""
    if text is None:
        return None
    try:
        data = schemas.parse(text, SCHEMA, path)
        optional = {key: str(data.get(key, "")) for key in ("nfs_root", "http_root", "http_url")}
        return Note(str(data["tftp_root"]), str(data["chainload"]), **optional)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UnknownState(f"{path} cannot be read ({error!r}); run role apiary.bhyve.pxe_server again") from error


def dump(note: Note) -> str:
    """The text of pxe.json."""
    return json.dumps({"schema": SCHEMA, **asdict(note)}, indent=2, sort_keys=True) + "\n"
