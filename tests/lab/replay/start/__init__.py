# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The state before a transcript's first command: one module a file (``zfs-nopool.txt`` -> ``zfs_nopool.py``)."""
