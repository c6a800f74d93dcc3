# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Trivial File Transfer Protocol (RFC 1350, 2347, 2348) as tftp(1) speaks it."""
