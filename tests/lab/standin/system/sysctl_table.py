# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sysctl variables of the stand-in host.

A line each: name, type, access, value, module that brings it (``-``: the kernel itself), description. Types: int, uint,
long, ulong, u64, str, struct. Access: r (read only), t (read only, a loader tunable), w, wt (writable and a tunable).
A value ``@name`` is computed (``sysctl_values``).
"""

from __future__ import annotations

from typing import Dict, List, NamedTuple

_LINES = """
kern.ostype str r FreeBSD - Operating system type
kern.osrelease str r @release - Operating system release
kern.version str r @version - Kernel version
kern.osreldate int r @osreldate - Kernel release date
kern.hostname str w @hostname - Hostname
kern.hostuuid str w @hostuuid - Host UUID
kern.hostid ulong w 0 - Host ID
kern.boottime struct r @boottime - Estimated system boottime
kern.bootfile str w /boot/kernel/kernel - Name of kernel file booted
kern.securelevel int w -1 - Current secure level
kern.vm_guest str t @vm_guest - Virtual machine guest type
kern.disks str r @disks - names of available disks
kern.conftxt str r @conftxt - Kernel configuration file
kern.clockrate struct r {\\shz\\s=\\s1000,\\stick\\s=\\s1000,\\sprofhz\\s=\\s8128,\\sstathz\\s=\\s127\\s} - Rate and
kern.module_path str w /boot/kernel;/boot/modules;/boot/dtb;/boot/dtb/overlays - module load search path
kern.init_shutdown_timeout int w 120 - Shutdown timeout of init(8).  Unused within kernel, but used to control init(8)
kern.coredump int w 1 - Enable/Disable coredumps
kern.corefile str wt %N.core - Process corefile name format string
kern.maxfiles int w 524288 - Maximum number of files
kern.maxproc int t 30000 - Maximum number of processes
kern.maxvnodes ulong w 589000 - Target for maximum number of vnodes
kern.ipc.maxsockbuf ulong w 2097152 - Maximum socket buffer size
kern.ipc.shm_use_phys int w 0 - Enable/Disable locking of shared memory pages in core
kern.smp.cpus int r @cpus - Number of CPUs online
kern.sched.topology_spec str r @topology - XML dump of detected CPU topology
kern.cp_time struct r @cp_time - CPU time statistics
kern.cp_times struct r @cp_times - per-CPU time statistics
kern.geom.debugflags int wt 0 - Set various trace levels for GEOM debugging
kern.geom.label.disk_ident.enable int wt 1 - Create device nodes for drives which export a disk identification string
kern.geom.label.gptid.enable int wt 1 - Create device nodes for GPT UUIDs
kern.geom.label.gpt.enable int wt 1 - Create device nodes for GPT labels
kern.features.vimage int r 1 - VIMAGE kernel virtualization
kern.features.inet int r 1 - Internet Protocol version 4
kern.features.inet6 int r 1 - Internet Protocol version 6
kern.features.racct int r 1 - Resource Accounting
kern.features.rctl int r 1 - Resource Limits
kern.features.security_capabilities int r 1 - Capsicum Capabilities
kern.features.geom_part_gpt int r 1 - GEOM partitioning class for GPT partitions support
kern.features.geom_label int r 1 - GEOM labeling support
kern.features.nfsd int r 1 - NFSv4 server
kern.features.nfscl int r 1 - NFSv4 client
hw.machine str r @machine - System architecture
hw.machine_arch str r @machine - System architecture
hw.model str r @model - Machine model
hw.ncpu int r @cpus - Number of active CPUs
hw.byteorder int r 1234 - System byte order
hw.pagesize int r 4096 - System memory page size
hw.physmem ulong r @physmem - Amount of physical memory (in bytes)
hw.realmem ulong r @realmem - Amount of memory (in bytes) reported by the firmware
hw.usermem ulong r @usermem - Amount of memory (in bytes) which is not wired
hw.hv_vendor str r @hv_vendor - Hypervisor vendor
vm.max_user_wired ulong w @max_user_wired - system-wide limit to user-wired page count
vm.user_wire_count ulong r @user_wired - Current number of user-wired pages
vm.swap_total u64 r 0 - Total amount of available swap storage.
vm.swap_reserved u64 r 625434624 - Amount of swap storage needed to back all allocated anonymous memory.
vm.swap_enabled int w 1 - Enable entire process swapout
vm.overcommit int w 0 - Configure virtual memory overcommit behavior. See tuning(7) for details.
vm.ndomains int r 1 - Number of physical memory domains available.
vm.loadavg struct r @loadavg - Machine loadaverage history
vm.vmtotal struct r @vmtotal - System virtual memory statistics
vm.stats.vm.v_page_size uint r 4096 - Page size in bytes
vm.stats.vm.v_page_count uint r @page_count - Total number of pages in system
vm.stats.vm.v_user_wire_count ulong r @user_wired - User-wired virtual memory
vm.stats.vm.v_wire_count uint r @wire_count - Wired pages
vm.stats.vm.v_free_count uint r @free_count - Free pages
vm.stats.vm.v_active_count uint r @active_count - Active pages
vm.stats.vm.v_inactive_count uint r @inactive_count - Inactive pages
vm.stats.vm.v_cache_count uint r 0 - Dummy for compatibility
security.jail.jailed int r 0 - Process in jail?
security.jail.vnet int r 0 - Jail owns vnet?
security.jail.children.max int r 999999 - Limit on the number of child jails
security.jail.children.cur int r 0 - Current number of child jails
security.bsd.see_other_uids int w 1 - Unprivileged processes may see subjects/objects with different real uid
net.ifdescr_maxlen int w 1024 - administrative maximum length for interface description
net.fibs uint wt 1 - set number of fibs
net.my_fibnum uint r 0 - default FIB of caller
net.add_addr_allfibs uint wt 0 - Add network addresses to all FIBs at creation time
net.isr.dispatch str wt direct - netisr dispatch policy
net.bpf.maxinsns int w 512 - Maximum bpf program instructions
net.inet.ip.forwarding int w 0 - Enable IP forwarding between interfaces
net.inet.ip.fw.enable int w 1 ipfw Enable ipfw
net.inet.ip.fw.one_pass int w 1 ipfw Only do a single pass through ipfw when using dummynet(4)
net.inet.ip.random_id int w 0 - Assign random ip_id values
net.inet.tcp.tso int w 1 - Enable TCP Segmentation Offload
net.inet6.ip6.forwarding int w 0 - Enable forwarding of IPv6 packets between interfaces
net.inet6.ip6.auto_linklocal int w 1 - Default value of per-interface flag for automatically adding an IPv6
net.link.ether.inet.proxyall int w 0 - Enable proxy ARP for all suitable requests
net.link.tap.debug int w 0 -
net.link.tap.devfs_cloning int wt 1 - Enable legacy devfs interface creation
net.link.tap.up_on_open int w 0 - Bring interface up when /dev/tap is opened
net.link.tap.user_open int w 0 - Enable legacy devfs interface creation for all users
net.link.tun.devfs_cloning int wt 1 - Enable legacy devfs interface creation
vfs.nfsd.server_min_nfsvers int w 2 - The lowest version of NFS handled by the server
vfs.nfsd.server_max_nfsvers int w 3 - The highest version of NFS handled by the server
vfs.nfsd.threads int r 16 - Number of server threads
vfs.nfsd.enable_locallocks int w 0 - Enable nfsd to acquire local locks on files
net.link.bridge.ipfw int w 0 if_bridge Layer2 filter with IPFW
net.link.bridge.allow_llz_overlap int w 0 if_bridge Allow overlap of link-local scope zones of a bridge interface and
net.link.bridge.inherit_mac int wt 0 if_bridge Inherit MAC address from the first bridge member
net.link.bridge.log_stp int wt 0 if_bridge Log STP state changes
net.link.bridge.pfil_local_phys int wt 0 if_bridge Packet filter on the physical interface for locally destined packets
net.link.bridge.pfil_member int wt 0 if_bridge Packet filter on the member interface
net.link.bridge.ipfw_arp int wt 0 if_bridge Filter ARP packets through IPFW layer2
net.link.bridge.pfil_bridge int wt 0 if_bridge Packet filter on the bridge interface
net.link.bridge.pfil_onlyip int wt 1 if_bridge Only pass IP packets when pfil is enabled
net.link.epair.netisr_maxqlen int r 2048 if_epair Maximum if_epair(4) netisr "hw" queue length
dev.netmap.iflib_rx_miss_bufs int w 0 - -
dev.netmap.iflib_rx_miss int w 0 - -
dev.netmap.iflib_crcstrip int w 1 - -
dev.netmap.max_bridges int t 8 - Max number of vale bridges
dev.netmap.bridge_batch int w 1024 - Max batch size to be used in the bridge
dev.netmap.default_pipes int w 0 - -
dev.netmap.priv_buf_num int w 4098 - -
dev.netmap.priv_buf_size int w 2048 - -
dev.netmap.buf_curr_num int r 0 - -
dev.netmap.buf_num int w 163840 - Requested number of netmap buffers
dev.netmap.buf_curr_size int r 0 - -
dev.netmap.buf_size int w 2048 - Requested size of netmap buffers
dev.netmap.priv_ring_num int w 4 - -
dev.netmap.priv_ring_size int w 20480 - -
dev.netmap.ring_curr_num int r 0 - -
dev.netmap.ring_num int w 200 - Requested number of netmap rings
dev.netmap.ring_curr_size int r 0 - -
dev.netmap.ring_size int w 36864 - -
dev.netmap.priv_if_num int w 2 - -
dev.netmap.priv_if_size int w 1024 - -
dev.netmap.if_curr_num int r 0 - -
dev.netmap.if_num int w 100 - Requested number of netmap interfaces
dev.netmap.if_curr_size int r 0 - -
dev.netmap.if_size int w 1024 - -
dev.netmap.ptnet_vnet_hdr int w 1 - -
dev.netmap.generic_rings int w 1 - -
dev.netmap.generic_ringsize int w 1024 - -
dev.netmap.generic_mit int w 100000 - -
dev.netmap.generic_hwcsum int w 0 - -
dev.netmap.admode int w 0 - Adapter mode. 0 selects the best option available,1 forces native adapter, 2 forces
dev.netmap.fwd int w 0 - -
dev.netmap.txsync_retry int w 2 - -
dev.netmap.no_pendintr int w 1 - -
dev.netmap.no_timestamp int w 0 - -
dev.netmap.verbose int w 0 - Verbose mode
vfs.zfs.arc_max ulong wt 0 zfs Maximum ARC size in bytes (LEGACY)
vfs.zfs.arc.max ulong wt 0 zfs Maximum ARC size in bytes
vfs.zfs.arc_min ulong wt 0 zfs Minimum ARC size in bytes (LEGACY)
vfs.zfs.min_auto_ashift uint w 9 zfs Min ashift used when creating new top-level vdev. (LEGACY)
vfs.zfs.vdev.min_auto_ashift uint w 9 zfs Minimum ashift used when creating new top-level vdevs
vfs.zfs.vol.mode int wt 1 zfs Expose as GEOM providers (1), device files (2) or neither
vfs.zfs.vol.recursive int wt 0 zfs Allow zpools to use zvols as vdevs
vfs.zfs.version.module str r @zfs_version zfs OpenZFS module version
hw.vmm.amdvi.enable int t 0 vmm -
hw.vmm.npt.pmap_flags int r @npt_flags vmm -
hw.vmm.svm.num_asids int r @svm_asids vmm Number of ASIDs supported by this processor
hw.vmm.svm.disable_npf_assist int wt 0 vmm -
hw.vmm.svm.features uint t @svm_features vmm SVM features advertised by CPUID.8000000AH:EDX
hw.vmm.svm.vmcb_clean uint t 1023 vmm -
hw.vmm.vmx.cap.posted_interrupts int r 0 vmm APICv posted interrupt support
hw.vmm.vmx.cap.virtual_interrupt_delivery int r 0 vmm APICv virtual interrupt delivery support
hw.vmm.vmx.cap.tpr_shadowing int r @vmx vmm TPR shadowing support
hw.vmm.vmx.cap.invpcid int r @vmx vmm Guests are allowed to use INVPCID
hw.vmm.vmx.cap.monitor_trap int r @vmx vmm Monitor trap flag
hw.vmm.vmx.cap.unrestricted_guest int r @vmx vmm Unrestricted guests
hw.vmm.vmx.cap.rdtscp int r @vmx vmm Guests are allowed to use RDTSCP
hw.vmm.vmx.cap.rdpid int r @vmx vmm Guests are allowed to use RDPID
hw.vmm.vmx.cap.pause_exit int r @vmx vmm PAUSE triggers a VM-exit
hw.vmm.vmx.cap.halt_exit int r @vmx vmm HLT triggers a VM-exit
hw.vmm.vmx.initialized int r @vmx vmm Intel VMX initialized
hw.vmm.vmx.no_flush_rsb int wt 0 vmm Do not flush RSB upon vmexit
hw.vmm.ept.pmap_flags int r @ept_flags vmm -
hw.vmm.ppt.devices int r @ppt_devices vmm number of pci passthru devices
hw.vmm.iommu.enable int t 1 vmm Enable use of I/O MMU (required for PCI passthrough).
hw.vmm.iommu.initialized int r 0 vmm bhyve iommu initialized?
hw.vmm.bhyve_xcpuids uint w 0 vmm Number of times an unknown cpuid leaf was accessed
hw.vmm.topology.cpuid_leaf_b int t 1 vmm -
hw.vmm.maxcpu uint t @cpus vmm Maximum number of vCPUs
hw.vmm.create str w beavis vmm -
hw.vmm.destroy str w beavis vmm -
hw.vmm.trap_wbinvd int t 0 vmm WBINVD triggers a VM-exit
hw.vmm.trace_guest_exceptions int t 0 vmm Trap into hypervisor on all guest exceptions and reflect them back
hw.vmm.ipinum int r @ipinum vmm IPI vector used for vcpu notifications
hw.vmm.halt_detection int t 1 vmm Halt VM if all vcpus execute HLT with interrupts disabled
dev.cpu.0.%desc str r ACPI\\sCPU - device description
dev.cpu.0.%driver str r cpu - device driver name
dev.cpu.0.%parent str r acpi0 - parent device
"""


class Variable(NamedTuple):
    """A sysctl variable (a leaf of the tree)."""

    name: str
    type: str
    access: str
    value: str
    module: str
    description: str

    @property
    def writable(self) -> bool:
        return "w" in self.access

    @property
    def tunable(self) -> bool:
        return "t" in self.access


def _parse(line: str) -> Variable:
    name, kind, access, value, module, *description = line.split(" ")
    text = " ".join(description)
    return Variable(
        name, kind, access, value.replace("\\s", " "), "" if module == "-" else module, "" if text == "-" else text
    )


def variables() -> Dict[str, Variable]:
    """Every variable that the host can have, by name, in the order in which sysctl lists them."""
    found: List[Variable] = [_parse(line) for line in _LINES.strip().splitlines()]
    return {variable.name: variable for variable in found}
