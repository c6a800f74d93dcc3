# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What images that are neither downloaded nor copied are built by, and the programs of the base system that do it."""

from __future__ import annotations

import abc
from typing import Any, Dict, List

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import ApiaryError
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.fetching import Fetched

#: What local times in a file system follow from, so that it is the same on every host.
_ENVIRONMENT = {"TZ": "UTC"}


class Builder(abc.ABC):
    """Makes an image's disk of what is on the host, in a directory of its own that is gone afterwards."""

    @abc.abstractmethod
    def key(self) -> Dict[str, Any]:
        """All that the image follows from, ready for JSON; two images of the same key are equal."""

    @abc.abstractmethod
    def space(self) -> int:
        """Bytes that the image takes while it is built, in the file system of the images."""

    @abc.abstractmethod
    def build(self, host: Host, directory: str, disk: str) -> Fetched:
        """Write the new file ``disk`` with files of its own in ``directory``, which exists. ApiaryError."""


def run_makefs(host: Host, argv: List[str], image: str, size: int, what: str, hint: str = "") -> None:
    """Run makefs(8), whose exit status is 0 also where there is no image, or half of one. ApiaryError."""
    result = host.run(argv, what=what, hint=hint, env=_ENVIRONMENT)
    status = host.stat(image)
    if status is None or status.st_size != size or f"Image `{image}' complete" not in result.stdout:
        said = result.stderr.strip() or result.stdout.strip() or "it said nothing"
        raise ApiaryError(f"{what}: `{' '.join(argv)}` made none and exited 0: {said}")
