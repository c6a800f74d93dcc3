# Shared by the scripts of this folder: where things are, how to say something, how to stop.
# shellcheck shell=bash disable=SC2034  # the variables are used by the scripts that source this file

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
BUILD=$ROOT/build
COLLECTIONS=$BUILD/collections

say() { printf '\n==> %s\n' "$*"; }

die() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

# python_of VERSION: the path of that Python, or nothing. pyenv's shims are passed over: a shim of a
# version that is not active exists and fails.
python_of() {
    local candidate
    for candidate in "$HOME/.pyenv/versions/$1".*/bin/"python$1" "/usr/local/bin/python$1" "/usr/bin/python$1"; do
        if [ -x "$candidate" ]; then
            printf '%s\n' "$candidate"
            return
        fi
    done
}

# venv_of CORE: the virtual environment that holds that ansible-core.
venv_of() { printf '%s/venv-%s\n' "$BUILD" "$1"; }

# copy_tree DIRECTORY: the working tree as it is, without what git ignores, for tools that want the whole checkout to be
# the collection. tests/output stays: there ansible-test keeps the environments that it built.
copy_tree() {
    mkdir -p "$1/tests"
    find "$1" -mindepth 1 -maxdepth 1 ! -name tests -exec rm -rf {} +
    find "$1/tests" -mindepth 1 -maxdepth 1 ! -name output -exec rm -rf {} +
    (cd "$ROOT" && git ls-files -coz --exclude-standard | while IFS= read -r -d '' file; do
        [ ! -e "$file" ] || printf '%s\0' "$file"
    done | tar -cf - --null -T -) | tar -xf - -C "$1"
    # A repository of its own, for ansible-test asks git which files there are, and this one ignores build/.
    git -C "$1" init -q
    git -C "$1" add -A
}

# scratch: a new directory for what is gone when the run is over. In memory where there is plenty of it: hosts are made,
# copied and removed by the hundred, and what they sync need not wait for a disk.
scratch() {
    local free available
    free=$(df --output=avail /dev/shm 2> /dev/null | tail -n 1)
    available=$(awk '$1 == "MemAvailable:" {print $2}' /proc/meminfo)
    if [ "${free:-0}" -gt $((4 << 20)) ] && [ "${available:-0}" -gt $((8 << 20)) ]; then
        mktemp -d /dev/shm/apiary.XXXXXX
    else
        mktemp -d
    fi
}

# on_hosts CORE PYTEST-ARGUMENTS...: tests that boot stand-in hosts. More workers than cores: now and then a test waits.
# A test that only failed because the machine was busy passes when it is run again; pytest tells which were, and what
# had failed.
on_hosts() {
    local core=$1 status=0
    shift
    [ "$(id -u)" = 0 ] || die "the stand-in host needs root: namespaces, overlay mounts and taps"
    mkdir -p "$BUILD/cache"
    # Built once, before several workers want it.
    /usr/bin/python3 "$ROOT/tests/lab/guest_disk.py" linux "$BUILD/cache/guest.img"
    SCRATCH=$(scratch)
    trap 'rm -rf "$SCRATCH"' EXIT
    ANSIBLE_COLLECTIONS_PATH=$COLLECTIONS "$(venv_of "$core")/bin/python" -m pytest -q -n 4 --dist worksteal \
        --basetemp "$SCRATCH/tests" --reruns 1 --rerun-show-tracebacks "$@" || status=$?
    return "$status"
}
