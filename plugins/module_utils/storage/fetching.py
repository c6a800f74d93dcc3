# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Fetching the file of an image: downloaded or already on the host, and verified."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable, Dict, List, Mapping, Optional, Sequence
from urllib.parse import unquote, urlsplit

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import ApiaryError
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.checksum import Checksum, digests_of, find_digest
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.download import (
    DownloadError,
    Limits,
    Part,
    download,
    fetch_text,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.files import free_space
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.images import DOWNLOADING, VERIFYING, Store
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.space import Need, check_room
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.zfs import read_datasets

#: Told the phase, how much of it is done in percent, and, of a download, what is there.
Say = Callable[[str, int, Optional[Part]], None]

RECORDED = "sha256"
#: What to do when images do not fit.
ADVICE = "remove something or give it more room"


class ChecksumError(ApiaryError):
    """What came is not what was declared."""


@dataclass(frozen=True)
class Fetched:
    """A file with the bytes of a source. ``ours``: it is a download of ours, and may be renamed or removed."""

    path: str
    origin: str
    digests: Mapping[str, str]
    ours: bool


def is_url(source: str) -> bool:
    """Whether a source is one to download; else it is a file of the host."""
    return source.startswith(("http://", "https://"))


def file_path(source: str) -> str:
    """The path of the file that a source is, whose end a file of digests has."""
    return unquote(urlsplit(source).path if is_url(source) else source)


def file_name(source: str) -> str:
    """Its name alone."""
    return file_path(source).rpartition("/")[2]


def percent(done: int, total: int) -> int:
    """How much of a total is done; 0 while that is unknown."""
    return min(done * 100 // total, 100) if total > 0 else 0


class Fetcher:
    """Fetches one image's file."""

    def __init__(
        self,
        host: Host,
        store: Store,
        name: str,
        sources: Sequence[str],
        checksum: Optional[Checksum],
        limits: Limits,
        say: Say,
    ) -> None:
        self._host = host
        self._store = store
        self._name = name
        self._sources = list(sources)
        self._checksum = checksum
        self._limits = limits
        self._say = say

    def fetch(self, target: str, part: Part) -> Fetched:
        """The file, verified; a download goes to ``target``, of which ``part`` is there already.

        DownloadError when what was received is worth keeping, any other ApiaryError when it is not.
        """
        expected = self._expected()
        if not is_url(self._sources[0]):
            source = self._sources[0]
            return Fetched(source, source, self._verify(source, source, expected), ours=False)
        urls = list(self._sources)
        reasons: List[str] = []
        while True:
            resumed = part.done > 0
            try:
                part = download(urls, target, part, self._limits, self._noted, self._fits)
            except DownloadError as error:
                raise DownloadError("; ".join([*reasons, str(error)])) from error
            try:
                return Fetched(target, part.url, self._verify(target, part.url, expected), ours=True)
            except ChecksumError as error:
                # What was there before may have been damaged: this source once more from its beginning, else the next.
                reasons.append(str(error))
                urls = urls[urls.index(part.url) + (0 if resumed else 1) :]
                part = Part()
                self._host.unlink(target)
                if not urls:
                    raise ChecksumError("; ".join(reasons)) from error

    def _expected(self) -> str:
        """The declared digest, looked up if it is in a file; '' if none was declared."""
        checksum = self._checksum
        if checksum is None or not checksum.by_file:
            return checksum.value if checksum is not None else ""
        if checksum.value.startswith("/"):
            text = self._host.read(checksum.value)
            if text is None:
                raise ChecksumError(f"the file of digests {checksum.value} does not exist on the host")
        else:
            text = fetch_text(checksum.value, self._limits)
        return find_digest(text, checksum.algorithm, map(file_path, self._sources), checksum.value)

    def _verify(self, path: str, origin: str, expected: str) -> Dict[str, str]:
        algorithm = self._checksum.algorithm if self._checksum is not None else RECORDED
        status = self._host.stat(path)
        total = status.st_size if status is not None else 0
        names = sorted({algorithm, RECORDED})
        digests = digests_of(path, names, lambda done: self._say(VERIFYING, percent(done, total), None))
        if expected and digests[algorithm] != expected:
            raise ChecksumError(f"wrong checksum: {origin} has {algorithm}:{digests[algorithm]}, not {expected}")
        return digests

    def _noted(self, part: Part) -> None:
        self._say(DOWNLOADING, percent(part.done, part.total), part)

    def _fits(self, more: int) -> None:
        check_space(self._host, self._store, f"the download of image {self._name} takes", more)


def check_space(host: Host, store: Store, who: str, takes: int) -> None:
    """BadInput, with the numbers, when ``takes`` bytes more do not fit where images are."""
    check_room([Need(who, takes)], room(host, store), store.dataset or store.directory, ADVICE)


def room(host: Host, store: Store) -> int:
    """Bytes that are free where images are."""
    if not store.dataset:
        return free_space(store.directory)
    datasets = read_datasets(host, store.dataset, ("available",), recursive=False)
    return datasets[store.dataset].size("available") if datasets else 0
