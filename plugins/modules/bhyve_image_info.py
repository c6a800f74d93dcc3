#!/usr/bin/python

# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: bhyve_image_info
short_description: Tell about the images of a host
version_added: 0.2.0
description:
  - Returns the golden images and ISO images of a FreeBSD host, with what was cloned from each, and how far those are
    that are being made.
extends_documentation_fragment:
  - apiary.bhyve.attributes.info
  - apiary.bhyve.attributes.action_group
options:
  names:
    description: The images to tell about. By default all. A name that no image has gives nothing.
    type: list
    elements: str
seealso:
  - module: apiary.bhyve.bhyve_image
author:
  - Apiary contributors (@apiary)
"""

EXAMPLES = r"""
- name: All images of the host are known
  apiary.bhyve.bhyve_image_info:
  register: images

- name: An image that another task makes in the background is complete
  apiary.bhyve.bhyve_image_info:
    names: [appliance]
  register: appliance
  until: appliance.images | map(attribute='state') | list == ['present']
  retries: 100
  delay: 30
"""

RETURN = r"""
images:
  description: The images in alphabetical order.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description:
        - The image's name. Beside it stands all that RV(apiary.bhyve.bhyve_image#module:images) tells of an image that
          is there, but for C(changed), C(changes) and C(failed).
      type: str
      sample: freebsd-14.3
    state:
      description:
        - V(present); V(making), a task is at it; V(interrupted), one that was has ended; V(broken), its volume or file
          is missing.
      type: str
      sample: present
    path:
      description: Its device or file. None while it is made for the first time.
      type: str
      sample: /dev/zvol/zroot/apiary/.images/freebsd-14.3
    size:
      description: Bytes that a disk made from it has at least.
      type: int
      sample: 6477053952
    clones:
      description: The datasets that were cloned from it.
      type: list
      elements: str
      sample: [zroot/apiary/web1/root]
    phase:
      description:
        - V(ready), or what is being done, V(downloading), V(verifying), V(uncompressing), V(converting) or V(writing).
      type: str
      sample: downloading
    progress:
      description: How much of that is done, in percent; V(0) while a server does not say how much there is.
      type: int
      sample: 42
    message:
      description: What is missing of an image that is V(broken).
      type: str
commands_started:
  description: How many commands were started on the host. With C(-vv) they are in RV(ignore:commands).
  returned: always
  type: int
  sample: 2
"""

from typing import Any, Dict

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.image_store import see
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.module import run_module
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.image_plan import entry


def body(module: AnsibleModule, host: Host) -> Dict[str, Any]:
    """Tell about the images."""
    seen = see(host)
    wanted = module.params["names"]
    names = sorted({*seen.images.images, *seen.images.partial})
    return {
        "changed": False,
        "images": [entry(name, seen) for name in names if wanted is None or name in wanted],
    }


def main() -> None:
    """Run the module."""
    run_module({"names": {"type": "list", "elements": "str"}}, body)


if __name__ == "__main__":
    main()
