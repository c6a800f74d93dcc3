# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""rc(8), service(8): what starts at boot, what stops at shutdown, what a script may rely on."""

from __future__ import annotations

from standin.host import StandinHost

_SCRIPT = """\
#!/bin/sh
# PROVIDE: {name}
# REQUIRE: {require}
# KEYWORD: {keyword}
. /etc/rc.subr
name={name}
rcvar={name}_enable
start_cmd="echo start {name} >> /var/log/order"
stop_cmd="{stop}"
load_rc_config $name
: ${{{name}_enable:=NO}}
run_rc_command "$1"
"""


def install(host: StandinHost, name: str, require: str, keyword: str = "shutdown", stop: str = "") -> None:
    stop = stop or f"echo stop {name} >> /var/log/order"
    text = _SCRIPT.format(name=name, require=require, keyword=keyword, stop=stop)
    host.write(f"/usr/local/etc/rc.d/{name}", text, mode=0o755)


def test_boot_and_shutdown_run_enabled_scripts_in_order(other: StandinHost) -> None:
    other.up()
    install(other, "first", "LOGIN")
    install(other, "second", "first")
    install(other, "nostop", "second", keyword="nojail")
    install(other, "off", "LOGIN")
    other.sh("sysrc first_enable=YES second_enable=YES nostop_enable=YES", check=True)
    other.down()
    other.boot(rc=False)
    other.sh(": > /var/log/order", check=True)
    other.power_cut()
    other.boot()
    assert other.read("/var/log/order").splitlines() == ["start first", "start second", "start nostop"]
    other.down()
    other.boot(rc=False)
    assert other.read("/var/log/order").splitlines()[3:] == ["stop second", "stop first"]


def test_shutdown_does_not_wait_for_ever(other: StandinHost) -> None:
    other.up()
    install(other, "slow", "LOGIN", stop="sleep 600")
    other.sh("sysrc slow_enable=YES rcshutdown_timeout=1", check=True)
    other.down(timeout=60)
    assert "1 second watchdog timeout expired. Shutdown terminated." in other.console()


def test_var_run_is_empty_after_a_power_cut_and_local_files_stay(other: StandinHost) -> None:
    other.up()
    other.sh("mkdir -p /var/run/apiary; echo x > /var/run/apiary/left; echo y > /root/kept", check=True)
    other.power_cut()
    other.boot()
    assert not other.exists_in("/var/run/apiary/left")
    assert other.read("/root/kept") == "y\n"
    assert other.exists_in("/var/run/syslogd.pid")


def test_environment_of_a_service_is_clean(host: StandinHost) -> None:
    host.write("/usr/local/etc/rc.d/envtest", "#!/bin/sh\nenv | sort; pwd\n", mode=0o755)
    done = host.sh("cd /tmp; X=1 service envtest start")
    assert done.stdout.splitlines() == ["HOME=/", "PATH=/sbin:/bin:/usr/sbin:/usr/bin", "PWD=/", "/"]


def test_required_module_is_loaded_and_its_absence_stops_the_start(host: StandinHost) -> None:
    install(host, "needs", "LOGIN")
    text = host.read("/usr/local/etc/rc.d/needs")
    host.write("/usr/local/etc/rc.d/needs", text.replace("stop_cmd", "required_modules=nmdm\nstop_cmd"), mode=0o755)
    assert host.sh("service needs onestart; kldstat -q -m nmdm").returncode == 0
    host.write("/usr/local/etc/rc.d/needs", text.replace("stop_cmd", "required_modules=nosuch\nstop_cmd"), mode=0o755)
    done = host.sh("service needs onestart")
    assert done.returncode == 1
    assert "WARNING: Unable to load kernel module nosuch" in done.stderr


def test_disabled_service_says_so_and_returns_0(host: StandinHost) -> None:
    done = host.sh("service inetd start")
    assert done.returncode == 0
    assert done.stdout == (
        "Cannot 'start' inetd. Set inetd_enable to YES in /etc/rc.conf or use 'onestart' instead of 'start'.\n"
    )


def test_daemon_supervised_service_is_found_by_its_pidfile(host: StandinHost) -> None:
    script = (
        "#!/bin/sh\n. /etc/rc.subr\nname=mysvc\nrcvar=mysvc_enable\nload_rc_config $name\n: ${mysvc_enable:=NO}\n"
        'pidfile=/var/run/mysvc.pid\ncommand=/usr/sbin/daemon\ncommand_args="-P $pidfile -r -f sleep 2000"\n'
        'procname=/usr/sbin/daemon\nrun_rc_command "$1"\n'
    )
    host.write("/usr/local/etc/rc.d/mysvc", script, mode=0o755)
    host.sh("service mysvc onestop")  # of an attempt before
    assert host.sh("service mysvc onestart").stdout == "Starting mysvc.\n"
    pid = host.read("/var/run/mysvc.pid")
    assert host.sh("service mysvc onestatus").stdout == f"mysvc is running as pid {pid}.\n"
    assert host.sh("service mysvc onestop").returncode == 0
    assert host.sh("service mysvc onestatus").returncode == 1
