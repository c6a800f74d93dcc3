# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The base system's small tools: GNU's habits are refused, BSD's own ways work. The transcript bsd-sh.txt has more."""

from __future__ import annotations

import os
from typing import Iterator

import pytest
from standin.bsd.index import places
from standin.bsd.options import UsageError, getopt
from standin.bsd.sedscript import translate
from standin.host import StandinHost


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandinHost]:
    if os.geteuid() != 0:
        pytest.skip("a stand-in host needs root")
    new = StandinHost("tools", str(tmp_path_factory.mktemp("lab") / "tools"))
    new.up(rc=False)
    try:
        yield new
    finally:
        new.destroy()


@pytest.fixture(autouse=True)
def scratch(request: pytest.FixtureRequest) -> None:
    if "host" in request.fixturenames:
        machine = request.getfixturevalue("host")
        machine.sh("rm -rf /tmp/w; mkdir /tmp/w; printf 'one\\ntwo\\nthree\\n' > /tmp/w/f", check=True)


@pytest.mark.parametrize(
    ("script", "status", "complaint"),
    [
        ("sed -i 's/one/ONE/' f", 1, 'sed: 1: "f": invalid command code f'),
        ("sed --expression=1d f", 1, "sed: illegal option -- -"),
        ("sed '1a new' f", 1, "command a expects \\ followed by text"),
        ("stat -c %s f", 1, "stat: illegal option -- c"),
        ("date -d @0", 1, "date: illegal option -- d"),
        ("grep -P one f", 2, "grep: invalid option -- P"),
        ("find -name f", 1, "find: illegal option -- n"),
        ("find . -printf x", 1, "find: -printf: unknown primary or operator"),
        ("cp -u f g", 64, "cp: illegal option -- u"),
        ("cp --reflink=auto f g", 64, "cp: illegal option -- -"),
        ("mv -T f g", 64, "mv: illegal option -- T"),
        ("ln -sr f g", 1, "ln: illegal option -- r"),
        ("readlink -e f", 1, "readlink: illegal option -- e"),
        ("mktemp -p /tmp x.XXX", 1, "mktemp: illegal option -- p"),
        ("mkdir --parents a/b", 64, "mkdir: illegal option -- -"),
        ("install -D f a/b", 64, "usage: install"),
        ("chmod --reference=f f", 1, "chmod: illegal option -- -"),
        ("chown --from=root nobody f", 1, "chown: illegal option -- -"),
        ("echo a | xargs -d , echo", 1, "xargs: invalid option -- d"),
        ("head -n -1 f", 1, "head: illegal line count -- -1"),
        ("touch -d '1 day ago' f", 1, "touch: out of range or illegal time specification"),
        ("du --max-depth=0 .", 64, "du: unrecognized option `--max-depth=0'"),
        ("sleep infinity", 1, "usage: sleep number[unit] ..."),
        ("id nosuch", 1, "id: nosuch: no such user"),
        ("truncate -s 1x f", 1, "truncate: invalid size argument `1x'"),
    ],
)
def test_what_freebsd_refuses_is_refused(host: StandinHost, script: str, status: int, complaint: str) -> None:
    done = host.sh("cd /tmp/w && " + script)
    assert complaint in done.stderr
    assert done.returncode == status
    assert host.read("/tmp/w/f") == "one\ntwo\nthree\n"


@pytest.mark.parametrize(
    ("script", "output"),
    [
        ("sed -i '' s/one/ONE/ f; head -1 f", "ONE\n"),
        ("sed -i.bak 1d f; cat f.bak | wc -l", "       3\n"),
        ("sed -n 's/\\(t\\)w/\\1W/p' f", "tWo\n"),
        ("sed -e '/two/,$d' f", "one\n"),
        ("sed '1{p;d;}' f", "one\ntwo\nthree\n"),
        ("sed 's/t\\|o/X/; s/e\\+/Y/' f", "one\ntwo\nthree\n"),
        ("sed -E 's/(t|o)+/X/' f", "Xne\nXwo\nXhree\n"),
        ("stat -f '%N %z %Lp %Su:%Sg %HT' f", "f 14 644 root:wheel Regular File\n"),
        ("date -u -r 86400 +%Y-%m-%d", "1970-01-02\n"),
        ("date -u -j -f %Y-%m-%d -v+1m 2024-01-31 +%F", "2024-02-29\n"),
        ("date -u -r 0 -Iseconds", "1970-01-01T00:00:00+00:00\n"),
        ("ln -s /tmp a; ln -sfh f a; readlink a", "f\n"),
        ("mkdir d; ln -s d l; ln -sf f l; ls d", "f\n"),
        ("readlink -f /tmp/w/../w/f", "/tmp/w/f\n"),
        ("mktemp -t name | sed 's/\\.[A-Za-z0-9]*$/.X/'", "/tmp/name.X\n"),
        ("printf 'a b\\nc\\n' | xargs -n 1 echo -", "- a\n- b\n- c\n"),
        ("printf '' | xargs echo run", ""),
        ("printf 'x\\n' | xargs -J % echo a % b", "a x b\n"),
        ("jot 3; jot -s, 3 0", "1\n2\n3\n0,1,2\n"),
        ("seq -w 8 10", "08\n09\n10\n"),
        ("tail -r f", "three\ntwo\none\n"),
        ("wc -l < f", "       3\n"),
        ("uniq -c f", "   1 one\n   1 two\n   1 three\n"),
        ("printf 'ab' | od -An -tx1", " " * 11 + "61  62" + " " * 56 + "\n"),
        ("printf 'b a\\na b\\n' | tsort 2>/dev/null | sort; echo $?", "a\nb\n0\n"),
        ("md5 -q f; sha256 -q f | cut -c1-8", "deed54b823522e0525693b090363f9df\nb6285c57\n"),
        ("install -d -m 700 -o nobody d; stat -f '%Lp %Su' d", "700 nobody\n"),
        ("install -m 600 f g; stat -f %Lp g; cmp f g && echo same", "600\nsame\n"),
        ("timeout 0.2 sleep 5; echo $?", "124\n"),
        ("timeout -s KILL 0.2 sleep 5; echo $?; timeout 5 sh -c 'exit 3'; echo $?", "124\n3\n"),
        ("truncate -s 1M g; truncate -s +1k g; stat -f %z g", "1049600\n"),
        ("find . -type f -depth 1", "./f\n"),
        ("env -i A=1 env", "A=1\n"),
        ("rm f && rm -f f; echo $?; rmdir /tmp/w 2>&1", "0\n"),
        ("ls -l f | cut -c1-30", "-rw-r--r--  1 root  wheel  14 \n"),
        ("getent passwd root | cut -d: -f1,3,7", "root:0:/bin/sh\n"),
        ("id -Gn; id -u nobody", "wheel operator\n65534\n"),
        ("for n in 1 2 3 4 5 6 7 8; do echo > f; touch -r f g; [ f -nt g -o f -ot g ] && echo $n; done; :", ""),
        ("touch -d 2026-01-02T03:04:05.123456789Z f; touch -A 10 f; TZ=UTC date -r f +%FT%T", "2026-01-02T03:04:15\n"),
        ('awk \'BEGIN { print match("xaab", /a{2}/), length("abc") }\'', "2 3\n"),
        ("cp -Rp . ../w2 && ls ../w2 && rm -r ../w2", "f\n"),
        ("dd if=f of=g bs=1 count=3 2>/dev/null; cat g", "one"),
        ("echo a > x; chmod u=rw,go= x; chmod +x x; stat -f %Lp x", "711\n"),
    ],
)
def test_what_freebsd_does(host: StandinHost, script: str, output: str) -> None:
    done = host.sh("cd /tmp/w && { " + script + "\n}")
    assert (done.stdout.split("\n")[: output.count("\n") + 1], done.stderr) == (output.split("\n"), "")


def test_dd_says_what_it_moved_as_freebsd_does(host: StandinHost) -> None:
    lines = host.sh("dd if=/dev/zero of=/tmp/w/z bs=1m count=2").stderr.splitlines()
    assert lines[:2] == ["2+0 records in", "2+0 records out"]
    assert lines[2].startswith("2097152 bytes transferred in ")


def test_an_option_that_freebsd_has_and_the_lab_has_not_is_loud(host: StandinHost) -> None:
    done = host.sh("cp -x /tmp/w/f /tmp/w/g")
    assert (done.returncode, done.stderr) == (99, "STANDIN: cp: -x is not built\n")


def test_every_tool_is_at_its_path_and_has_an_implementation(host: StandinHost) -> None:
    import importlib

    for name, (path, module) in places().items():
        assert name in importlib.import_module("standin.bsd." + module).TOOLS, name
        assert host.exists_in(path), path


def test_a_broken_pipe_ends_a_tool_silently(host: StandinHost) -> None:
    done = host.sh("yes | head -1; seq 100000 | head -1")
    assert (done.stdout, done.stderr) == ("y\n1\n", "")


# the parts that need no host


def test_getopt_stops_at_the_first_operand_and_at_two_dashes() -> None:
    assert getopt("x", ["-a", "-bv", "f", "-a"], "ab:", "u") == ([("a", ""), ("b", "v")], ["f", "-a"])
    assert getopt("x", ["-ab", "v", "--", "-a"], "ab:", "u") == ([("a", ""), ("b", "v")], ["-a"])
    assert getopt("x", ["-Idate", "-a"], "I::a", "u") == ([("I", "date"), ("a", "")], [])


def test_getopt_names_the_option_that_is_wrong() -> None:
    with pytest.raises(UsageError) as wrong:
        getopt("x", ["-z"], "a", "usage: x", 64)
    assert (wrong.value.text, wrong.value.status) == ("x: illegal option -- z\nusage: x", 64)
    with pytest.raises(UsageError) as missing:
        getopt("x", ["-b"], "b:", "usage: x")
    assert missing.value.text == "x: option requires an argument -- b\nusage: x"


@pytest.mark.parametrize(
    ("script", "gnu"),
    [
        ("s/a\\+/b/g", "s/a[+]/b/g"),
        ("/x\\?/d", "/x[?]/d"),
        ("s|/a|\\U&|", "s|/a|U&|"),
        ("1,/b/{s/x/y/;p;}", "1,/b/{s/x/y/;p;}"),
        ("$!N;P;D", "$!N;P;D"),
        ("y/abc/xyz/", "y/abc/xyz/"),
        (":a;N;ba", ":a;N;ba"),
        ("s/[/]/x/", "s/[/]/x/"),
    ],
)
def test_sed_scripts_in_gnus_words(script: str, gnu: str) -> None:
    assert translate(script, extended=False) == gnu
