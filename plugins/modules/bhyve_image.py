#!/usr/bin/python

# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: bhyve_image
short_description: Make and remove the images that guests' disks are cloned from
version_added: 0.2.0
description:
  - Manages the golden images and ISO images of a FreeBSD host, one by its own options or many by O(images).
  - An image comes from a URL or a file of the host, raw or qcow2, uncompressed or compressed by xz, gzip, bzip2 or
    zstd; what it is, its first bytes tell.
  - Or it is made of FreeBSD's own distribution sets, with packages and settings for the first boot, see O(sets).
  - On ZFS an image is a volume with the snapshot C(@golden), of which O(apiary.bhyve.bhyve_vm#module:disks[].image)
    makes clones that take no time and no space. Else it is a file that is copied, by sharing its blocks where the file
    system can.
  - What is zero in an image takes no space.
  - An image has its name only when it is complete. After an interruption the next run goes on with the download, or
    clears away what is of no use.
  - A run that finds all images as declared starts one command or two, and does not use the network.
extends_documentation_fragment:
  - apiary.bhyve.attributes
  - apiary.bhyve.attributes.action_group
options:
  name:
    description: &name
      - The image's name, 1 to 63 letters, digits, C(.), C(_) and C(-), without the ending of a file.
    type: str
  state:
    description: &state
      - V(present), the image is there. This is the default.
      - V(absent), it is not, and nothing of one that was never finished. Refused while there are clones of it, or
        guests that use its file; they are named.
    type: str
    choices: [present, absent]
  source:
    description: &source
      - Where the image comes from. A URL (http, https), or several, mirrors that are tried in order; or the absolute
        path of a file on the host.
      - Required to make the image, or O(sets).
      - Proxies are those of the task's C(environment), such as C(https_proxy).
      - In the form of a single string a comma separates mirrors; write C(%2C) for one in a URL, or give a list.
    type: list
    elements: str
  sets:
    description: &sets
      - Make the image of FreeBSD's own distribution sets, in place of O(source). It boots by UEFI and by BIOS, has its
        console on the first serial port as well, gets its addresses by DHCP, and its root file system, UFS, grows with
        the disk at the first boot.
      - The sets are verified by the file C(MANIFEST) beside them; O(checksum) is that of this file. A release never
        changes, so neither does its C(MANIFEST).
      - What is made on the host are files in the directory of images; nothing is mounted, and no program of the sets is
        run.
    type: dict
    suboptions: &sets_suboptions
      release:
        description:
          - The release, such as V(14.3-RELEASE), without a patch level. Also V(15.0-RC1), or a snapshot, such as
            V(15.0-STABLE).
        type: str
        required: true
      architecture:
        description:
          - That of the sets. There is only V(amd64), for guests have that of their host.
        type: str
        default: amd64
      names:
        description:
          - The sets, with V(base) and V(kernel) among them, such as V(lib32), V(src), V(base-dbg).
        type: list
        elements: str
        default: [base, kernel]
      source:
        description:
          - The directory with the sets and their C(MANIFEST). A URL, or several, mirrors that are tried in order for
            each file; or the absolute path of a directory on the host, such as C(/usr/freebsd-dist).
          - By default that of the release at C(https://download.freebsd.org).
          - Where the sets come from is no part of what the image is; from another mirror it is the same.
        type: list
        elements: str
      size:
        description:
          - The size of the root file system, in whole MiB. The image is 35 or 36 MiB larger.
        type: str
        default: 5G
      packages:
        description:
          - Packages to install, and pkg(8) itself, by the host's pkg(8) from the repositories that C(/etc/pkg) in the
            sets names. It needs the network.
          - Their scripts run on the host with C(PKG_ROOTDIR) set, as pkg(8) does with C(-r).
        type: list
        elements: str
        default: []
      rc_conf:
        description:
          - Variables for C(/etc/rc.conf), each with its value; V(true) and V(false) are written C(YES) and C(NO), a
            list as its items with blanks between them.
          - They replace those of the same name that the image has anyway,
            C(ifconfig_DEFAULT="DHCP inet6 accept_rtadv") and C(growfs_enable="YES").
          - All guests that are made from the image share them. Without C(hostname) a guest takes its name from DHCP.
        type: dict
        default: {}
      loader_conf:
        description:
          - Variables for C(/boot/loader.conf). They replace those of the same name that the image has anyway,
            C(boot_multicons="YES") and C(boot_serial="YES").
        type: dict
        default: {}
      authorized_keys:
        description:
          - Public keys that may log in as root. With one C(sshd_enable="YES") and
            C(sshd_flags="-o PermitRootLogin=prohibit-password") are in C(/etc/rc.conf).
        type: list
        elements: str
        default: []
      root_password:
        description:
          - The password of root, encrypted as C(openssl passwd -6) prints it, or V(*) for none that fits.
          - Without it root has an empty password, as in FreeBSD's own images. With that one can log in on the console,
            and not by SSH.
        type: str
  checksum:
    description: &checksum
      - The checksum of the file at O(source), as it is there, or of the C(MANIFEST) of O(sets). V(sha256:DIGEST) or
        V(sha512:DIGEST), or either with the URL or absolute path of a file of digests in place of the digest.
      - In such a file, in the form of C(sha256sum) or of FreeBSD's C(sha256), the name of the file at the source is
        looked up.
      - Without it nobody notices that a download is not what it should be.
    type: str
  kind:
    description: &kind
      - V(zvol), a ZFS volume, for disks on volumes. V(file), a raw file, for disks that are files.
      - V(iso), a file for CD drives (O(apiary.bhyve.bhyve_vm#module:disks[].path)).
      - The default is V(iso) if the name of the source's file ends in C(.iso), else V(zvol), or V(file) on a host
        without ZFS.
    type: str
    choices: [zvol, file, iso]
  volblocksize:
    description: &volblocksize
      - The block size of the volume, such as V(64K), which its clones have as well. By default that of ZFS.
      - It counts when the image is made.
    type: str
  force:
    description: &force
      - Make an image anew that was made from another source, of other sets or otherwise of them, with another checksum
        or of another kind. By default that is an error.
      - The old one is there until the new one is complete.
      - An image with clones cannot be made anew, for they are made of it. They keep what they have; the new image needs
        another name.
    type: bool
  retries:
    description: &retries
      - How often a download that breaks off is tried again at the same mirror, after pauses of 1, 2, 4 … seconds. It
        goes on where it broke off if the server can do so. By default V(3) times.
    type: int
  timeout:
    description: &timeout
      - Seconds without data after which a download has broken off. The default is V(60).
    type: int
  images:
    description:
      - Many images, each with the options that one has by itself, which cannot be given beside it.
      - All are checked before the first change. Then an image that fails does not keep the others from being made.
    type: list
    elements: dict
    suboptions:
      name:
        description: *name
        type: str
        required: true
      state:
        description: *state
        type: str
        choices: [present, absent]
        default: present
      source:
        description: *source
        type: list
        elements: str
      sets:
        description: *sets
        type: dict
        suboptions: *sets_suboptions
      checksum:
        description: *checksum
        type: str
      kind:
        description: *kind
        type: str
        choices: [zvol, file, iso]
      volblocksize:
        description: *volblocksize
        type: str
      force:
        description: *force
        type: bool
        default: false
      retries:
        description: *retries
        type: int
        default: 3
      timeout:
        description: *timeout
        type: int
        default: 60
notes:
  - The host has to be prepared by the role P(apiary.bhyve.bhyve_host#role).
  - qcow2 images are converted by C(qemu-img) on the host, from the package C(qemu-tools). Those with a backing file, an
    external data file or encryption are refused.
  - Large images take long. With C(async) and C(poll) the connection need not last, and M(apiary.bhyve.bhyve_image_info)
    tells from another task how far it is.
  - While an image is made there has to be room for the download, for what is in it, and for the volume; with
    distribution sets three times for what is in them.
  - A volume's size is rounded up to whole MiB.
  - In check mode nothing is downloaded, so whether a URL can be read is not known.
seealso:
  - module: apiary.bhyve.bhyve_image_info
  - module: apiary.bhyve.bhyve_vm
author:
  - Apiary contributors (@apiary)
"""

EXAMPLES = r"""
- name: FreeBSD's own image is there
  apiary.bhyve.bhyve_image:
    name: freebsd-14.3
    source: https://download.freebsd.org/releases/VM-IMAGES/14.3-RELEASE/amd64/Latest/FreeBSD-14.3-RELEASE-amd64.raw.xz
    checksum: sha256:https://download.freebsd.org/releases/VM-IMAGES/14.3-RELEASE/amd64/Latest/CHECKSUM.SHA256

- name: A guest boots from a clone of it
  apiary.bhyve.bhyve_vm:
    name: web1
    state: started
    os: freebsd
    memory: 4G
    disks: [{name: root, size: 20G, image: freebsd-14.3}]

- name: A cloud image and an ISO image, from a mirror of one's own first
  apiary.bhyve.bhyve_image:
    images:
      - name: debian-12
        source:
          - http://mirror.example.org/debian-12-genericcloud-amd64.qcow2
          - https://cloud.debian.org/images/cloud/bookworm/latest/debian-12-genericcloud-amd64.qcow2
        checksum: sha512:https://cloud.debian.org/images/cloud/bookworm/latest/SHA512SUMS
      - name: debian-12-netinst
        source: https://cdimage.debian.org/debian-cd/current/amd64/iso-cd/debian-12.11.0-amd64-netinst.iso

- name: FreeBSD as its own installer would put it on a disk, ready for Ansible
  apiary.bhyve.bhyve_image:
    name: freebsd-15.0-ansible
    sets:
      release: 15.0-RELEASE
      size: 4G
      packages: [python311]
      authorized_keys: ["{{ lookup('ansible.builtin.file', '~/.ssh/id_ed25519.pub') }}"]
      root_password: "*"
      rc_conf:
        syslogd_flags: -ss
        sendmail_enable: NONE

- name: Of sets that lie on the host, as a file
  apiary.bhyve.bhyve_image:
    name: freebsd-14.3-plain
    kind: file
    sets:
      release: 14.3-RELEASE
      source: /usr/freebsd-dist

- name: A large image is made in the background
  apiary.bhyve.bhyve_image:
    name: appliance
    source: /var/tmp/appliance.img.zst
  async: 7200
  poll: 30

- name: An image that no disk was cloned from is gone
  apiary.bhyve.bhyve_image:
    name: debian-11
    state: absent
"""

RETURN = r"""
images:
  description: The images of the task as they are now, or would be in check mode.
  returned: when the options are right
  type: list
  elements: dict
  contains:
    name:
      description: The image's name.
      type: str
      sample: freebsd-14.3
    state:
      description:
        - V(present) or V(absent). V(making), a task is at it; V(interrupted), one that was has ended; V(broken), its
          volume or file is missing. The last three when something failed.
      type: str
      sample: present
    kind:
      description: V(zvol), V(file) or V(iso).
      type: str
      sample: zvol
    path:
      description: Its device or file.
      type: str
      sample: /dev/zvol/zroot/apiary/.images/freebsd-14.3
    dataset:
      description: Its volume, V('') for a file.
      type: str
      sample: zroot/apiary/.images/freebsd-14.3
    source:
      description: Where it was declared to come from; the directories of distribution sets.
      type: list
      elements: str
    origin:
      description: Which of these it came from.
      type: str
    sets:
      description:
        - Of which distribution sets it is made, with the keys C(release), C(architecture), C(names), C(size) and
          C(packages); empty for any other.
      type: dict
    checksum:
      description: The declared checksum, V('') if there was none.
      type: str
    sha256:
      description: The SHA-256 digest of the file at the source; of distribution sets that of their C(MANIFEST).
      type: str
    format:
      description: How it came; V(sets) if it was made of distribution sets, V(built) by M(apiary.bhyve.ipxe_image).
      type: str
      sample: raw.xz
    size:
      description: Bytes that a disk made from it has at least.
      type: int
      sample: 6477053952
    virtual_size:
      description: Bytes of the disk that was at the source.
      type: int
      sample: 6476857344
    made:
      description: When it was made, in seconds since 1970.
      type: int
      sample: 1763730000
    clones:
      description: The datasets that were cloned from it.
      type: list
      elements: str
      sample: [zroot/apiary/web1/root]
    users:
      description: Guests that use its file as it is, such as an ISO image.
      type: list
      elements: str
      sample: [guest web1 disk install]
    phase:
      description:
        - V(ready), or what was being done, V(downloading), V(verifying), V(uncompressing), V(converting) or
          V(writing); of distribution sets also V(extracting), V(installing) (packages) and V(building).
      type: str
      sample: ready
    progress:
      description: How much of that is done, in percent.
      type: int
      sample: 100
    changed:
      description: Whether anything was changed for this image.
      type: bool
    changes:
      description: What was done for it, in order.
      type: list
      elements: str
    failed:
      description: Why it failed.
      type: str
      returned: when it failed
failures:
  description: The images that failed, each with the reason and what was and was not done.
  returned: when some failed
  type: list
  elements: dict
commands_started:
  description: How many commands were started on the host. With C(-vv) they are in RV(ignore:commands).
  returned: always
  type: int
  sample: 2
"""

from typing import Any, Dict

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.image_store import carry_out, results, see
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.module import result_of, run_module
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.image_options import module_options, requests_of
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.image_plan import plan_images


def body(module: AnsibleModule, host: Host) -> Dict[str, Any]:
    """Do what the task asks for."""
    requests = requests_of(module.params)
    seen = see(host)
    plan = plan_images(host, requests, seen)
    outcome, after = carry_out(host, plan, seen, module.check_mode)
    result = result_of(plan, outcome, with_diff=bool(module._diff))
    del result["changes"]
    result["images"] = results([request.name for request in requests], seen, plan, outcome, after)
    return result


def main() -> None:
    """Run the module."""
    run_module(module_options(), body)


if __name__ == "__main__":
    main()
