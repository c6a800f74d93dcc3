# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How far exports and imports are, as another task sees it."""

from __future__ import annotations

from pathlib import Path
from typing import List, Tuple

import pytest
from ansible_collections.apiary.bhyve.plugins.module_utils import locks
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import ApiaryError, UnknownState
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.exports import work
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.exports.work import Note, Work, read_work
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host

pytestmark = pytest.mark.usefixtures("files_of_anybody")


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where locks and notes are; every piece is noted."""
    directory = tmp_path / "work"
    monkeypatch.setattr(work, "WORK", str(directory))
    monkeypatch.setattr(locks, "WORK", str(directory))
    monkeypatch.setattr(work, "_EVERY", 0.0)
    return directory


def far(host: Host) -> List[Tuple[str, int]]:
    """The phase and how much of it is done, of each task."""
    return [(note.phase, note.progress) for note in read_work(host)]


def test_others_see_how_far_it_is(directory: Path) -> None:
    host, seen = Host(), []
    assert read_work(host) == []
    with locks.work_lock(host, "web1"), Work(host, "web1", work.IMPORT, "/backup/web1.apiary") as one:
        assert read_work(host) == []
        one.begin(work.VERIFYING, 200)
        assert read_work(host) == [Note("web1", "import", "/backup/web1.apiary", "verifying", 0)]
        for chunk in one.count([b"x" * 60] * 2, 120):
            seen.append((len(chunk), *far(host)))
        one.begin(work.MAKING, 200)
        seen.append((0, *far(host)))
    assert seen == [(60, ("verifying", 30)), (60, ("verifying", 60)), (0, ("making", 0))]
    assert read_work(host) == [] and [path.name for path in directory.iterdir()] == ["web1.lock"]
    assert host.commands == []


def test_a_disk_that_compresses_well_counts_whole_when_it_is_done_and_never_more(directory: Path) -> None:
    host, seen = Host(), []
    with locks.work_lock(host, "web1"), Work(host, "web1", work.EXPORT, "/backup/x") as one:
        one.begin(work.WRITING, 1000)
        for size in (500, 250):
            for _chunk in one.count([b"x" * 300, b"x" * 10], size):
                seen.append(far(host))
            seen.append(far(host))
    assert [progress for ((_phase, progress),) in seen] == [30, 31, 50, 75, 75, 75]


def test_what_a_killed_task_has_left_counts_for_nothing(directory: Path) -> None:
    host = Host()
    with locks.work_lock(host, "web1"):
        Work(host, "web1", work.EXPORT, "/backup/x").begin(work.WRITING, 1)
        assert len(read_work(host)) == 1
    assert read_work(host) == []
    with locks.work_lock(host, "web1"), Work(host, "web1", work.EXPORT, "/backup/y"):
        pass
    assert [path.name for path in directory.iterdir()] == ["web1.lock"]


def test_nothing_fails_for_want_of_a_note(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    host = Host()

    def full(*_given: object, **_options: object) -> None:
        raise ApiaryError("no space left")

    monkeypatch.setattr(host, "write", full)
    with locks.work_lock(host, "web1"), Work(host, "web1", work.EXPORT, "/backup/x") as one:
        one.begin(work.WRITING, 3)
        assert list(one.count([b"abc"], 3)) == [b"abc"]


def test_a_note_that_makes_no_sense_is_named(directory: Path) -> None:
    host = Host()
    with locks.work_lock(host, "web1"):
        (directory / "web1.json").write_text("[]")
        with pytest.raises(UnknownState, match=r"web1\.json cannot be read"):
            read_work(host)
