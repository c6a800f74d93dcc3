# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The steps by which images are made and removed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import ApiaryError
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.locks import host_lock
from ansible_collections.apiary.bhyve.plugins.module_utils.plan import Change
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.image_read import lock_of
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.images import ZVOL, Image, Store, load_image
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.making import Maker, Wanted, remove_data
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.zfs import Zfs

#: Seconds to wait for another task that makes or removes the same image: it may take hours, so not long.
_IMAGE_TIMEOUT = 5.0


@dataclass(frozen=True)
class CreatePlace(Change):
    """The dataset of images, or their directory on a host without ZFS."""

    store: Store
    volmode: bool

    def describe(self) -> str:
        return (
            f"create {f'dataset {self.store.dataset}' if self.store.dataset else f'directory {self.store.directory}'}"
        )

    def apply(self, host: Host) -> None:
        with host_lock(host):
            if not self.store.dataset:
                host.mkdir(self.store.directory, 0o755)
            else:
                # volmode is inherited by the volumes; given to one at its creation it may cost its device node.
                Zfs(host).create_filesystem(self.store.dataset, {"volmode": "dev"} if self.volmode else {})


@dataclass(frozen=True)
class MakeImage(Change):
    """A whole image, from its source to its name. May take hours; only naming it holds up other tasks.

    ``replaces`` is the image that has the name now, ``named`` one that has it without a record, after an interruption.
    """

    store: Store
    wanted: Wanted
    replaces: Optional[Image]
    named: Optional[Image] = None

    def describe(self) -> str:
        what = self.store.volume(self.subject) if self.wanted.kind == ZVOL else self._file()
        again = "make anew" if self.replaces is not None else "make"
        return f"{again} image {what} from {' or '.join(self.wanted.sources)}"

    def _file(self) -> str:
        return self.store.file(self.subject, self.wanted.kind)

    def apply(self, host: Host) -> None:
        with host.lock(lock_of(self.subject), _IMAGE_TIMEOUT):
            path = self.store.record(self.subject)
            text = host.read(path)
            now = load_image(text, path) if text is not None else None
            if now != self.replaces:
                if now is not None and now.declared == self.wanted.key():
                    return  # another task was faster with the same image
                raise ApiaryError(
                    f"another task has made or changed the image {self.subject} meanwhile; run this again"
                )
            naming = host_lock(host)
            Maker(host, self.store, self.wanted, naming, self.replaces or self.named).make()


@dataclass(frozen=True)
class RemoveImage(Change):
    """An image with all that is known of it; never a clone."""

    store: Store
    image: Image

    def describe(self) -> str:
        return f"remove image {self.store.path(self.subject, self.image.kind)}"

    def apply(self, host: Host) -> None:
        with host.lock(lock_of(self.subject), _IMAGE_TIMEOUT), host_lock(host):
            remove_data(host, self.store, self.image)
            host.unlink(self.store.record(self.subject))


@dataclass(frozen=True)
class ClearPartial(Change):
    """What a task that broke off left of an image."""

    store: Store

    def describe(self) -> str:
        return f"clear away what an interrupted task left of image {self.subject}"

    def apply(self, host: Host) -> None:
        with host.lock(lock_of(self.subject), _IMAGE_TIMEOUT), host_lock(host):
            Maker(host, self.store, Wanted(self.subject, "", ()), host_lock(host)).clear()
