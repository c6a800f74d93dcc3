# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sizes: what a user may write, and that what we print can be written again."""

from __future__ import annotations

import pytest
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput
from ansible_collections.apiary.bhyve.plugins.module_utils.sizes import format_size, parse_size, rough_size


@pytest.mark.parametrize(
    ("text", "size"),
    [("10M", 10 << 20), ("4G", 4 << 30), ("1T", 1 << 40), ("1536k", 1536 << 10), ("512B", 512), (" 20g ", 20 << 30)],
)
def test_a_size_is_a_number_and_a_unit(text: str, size: int) -> None:
    assert parse_size(text, "memory") == size


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("8", "no unit"),
        ("8", "write 8M for MiB or 8G for GiB"),
        ("4X", "unknown unit 'X'"),
        ("4GB", "unknown unit 'GB'"),
        ("1.5G", "not a size"),
        ("-1G", "not a size"),
        ("G", "not a size"),
        ("", "not a size"),
        ("0G", "nothing"),
    ],
)
def test_anything_else_is_refused_and_names_the_option(text: str, says: str) -> None:
    with pytest.raises(BadInput, match=says) as error:
        parse_size(text, "memory of web1")
    assert str(error.value).startswith("memory of web1: ")


@pytest.mark.parametrize("text", ["20G", "10M", "1536K", "1T", "1025M", "512B", "4097B"])
def test_the_shortest_exact_text_is_printed_and_can_be_read_again(text: str) -> None:
    assert format_size(parse_size(text, "size")) == text


@pytest.mark.parametrize(
    ("size", "text"), [(963572737536, "897.4G"), (1 << 40, "1T"), (1536, "1.5K"), (1023, "1023B"), (0, "0B")]
)
def test_a_size_for_humans(size: int, text: str) -> None:
    assert rough_size(size) == text
