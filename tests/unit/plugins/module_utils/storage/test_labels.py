# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import UnknownState
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.labels import parse_labels, unlabelled

# glabel(8) right-justifies the first two columns.
STATUS = """\
                          gpt/bootfs     N/A  vtbd0p1
gptid/692ce8fc-e588-11f1-0567-c7697351ff4a     N/A  vtbd0p1
                     msdosfs/NO NAME     N/A  da0s1
                        diskid/DISK-S3     N/A  ada1
"""


def test_labels_and_what_they_are_names_of() -> None:
    assert parse_labels(STATUS) == {
        "/dev/gpt/bootfs": "/dev/vtbd0p1",
        "/dev/gptid/692ce8fc-e588-11f1-0567-c7697351ff4a": "/dev/vtbd0p1",
        "/dev/msdosfs/NO NAME": "/dev/da0s1",
        "/dev/diskid/DISK-S3": "/dev/ada1",
    }
    assert parse_labels("") == {}


def test_a_line_that_cannot_be_read() -> None:
    with pytest.raises(UnknownState, match="glabel status -s"):
        parse_labels("gpt/bootfs N/A\n")


@pytest.mark.parametrize(
    ("path", "device"),
    [
        ("/dev/gpt/bootfs", "/dev/vtbd0p1"),
        ("/dev/gpt/bootfs2", "/dev/gpt/bootfs2"),
        ("/dev/diskid/DISK-S3", "/dev/ada1"),
        ("/dev/diskid/DISK-S3p2", "/dev/ada1p2"),
        ("/dev/diskid/DISK-S3s1a", "/dev/ada1s1a"),
        ("/dev/diskid/DISK-S35", "/dev/diskid/DISK-S35"),
        ("/dev/ada1", "/dev/ada1"),
    ],
)
def test_a_disk_by_its_own_name(path: str, device: str) -> None:
    assert unlabelled(path, parse_labels(STATUS)) == device
