# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether the image by which a guest is to boot from the network is there."""

from __future__ import annotations

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.desired import Desired
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.observed import Observed
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.spec import Guest
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.images import FILE


def check_image(one: Desired, observed: Observed) -> None:
    """BadInput when the task says that a guest boots by an image which is not there, or is no file."""
    problem = image_problem(one.guest, observed) if one.request.get("pxe") else ""
    if problem:
        raise BadInput(f"guest {one.name}: pxe.image: {problem}")


def image_problem(guest: Guest, observed: Observed) -> str:
    """What is wrong with the image that a guest boots by, '' if nothing is."""
    if guest.pxe is None:
        return ""
    image = observed.images.get(guest.pxe.image)
    if image is None:
        there = ", ".join(sorted(name for name, other in observed.images.items() if other.built)) or "none"
        return (
            f"there is no image {guest.pxe.image!r} on this host; with iPXE there are: {there}. Make it by ipxe_image"
        )
    if image.kind != FILE:
        return f"{guest.pxe.image} is an image of kind {image.kind}, not a file; make one by ipxe_image"
    return ""
