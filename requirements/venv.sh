#!/bin/sh
# The virtual environment, made with nothing but a shell and some Python 3.11 or newer.
#
#   sh requirements/venv.sh          makes .venv, or keeps a sound one
#   sh requirements/venv.sh check    prints "sound" if .venv can stay
#
# A virtual environment names its own folder in its scripts and its Python by path, so one that was copied, moved or
# outlived its Python is made again.
set -eu

stamp=.venv/.made-in

say() { printf '%s\n' "$*" >&2; }

recent() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

complete() { "$1" -c 'import ensurepip, venv' 2>/dev/null; }

sound() {
    [ -x .venv/bin/python ] && recent .venv/bin/python && [ -x .venv/bin/pip ] || return 1
    [ ! -f "$stamp" ] || [ "$(cat "$stamp")" = "$(pwd -P)" ]
}

# The first interpreter that is recent enough; one that brings venv is preferred. $PYTHON is the only choice if set.
find_python() {
    found=
    for name in ${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11 python}; do
        path=$(command -v "$name" 2>/dev/null) || continue
        recent "$path" || continue
        if complete "$path"; then
            printf '%s\n' "$path"
            return
        fi
        found=${found:-$path}
    done
    printf '%s\n' "$found"
}

# Debian splits venv and ensurepip off: python3-venv for its own python3, python3.N-venv for any other.
venv_package() {
    own=$(readlink -f /usr/bin/python3 2>/dev/null || true)
    if [ "$(readlink -f "$1")" = "$own" ]; then
        printf 'python3-venv\n'
    else
        "$1" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])'
    fi
}

if [ "${1:-}" = check ]; then
    if sound; then printf 'sound\n'; fi
    exit 0
fi

if sound; then
    pwd -P >"$stamp"
    exit 0
fi

python=$(find_python)
if [ -z "$python" ]; then
    say "poolgate needs Python 3.11 or newer, and there is none on the PATH${PYTHON:+ named $PYTHON}."
    say "Install one (Debian 12 and later: apt-get install python3 python3-venv; macOS: brew install python),"
    say "or name it: make PYTHON=/path/to/python3"
    exit 1
fi

if ! complete "$python"; then
    if ! command -v apt-get >/dev/null 2>&1; then
        say "$python has no venv module. Install the package of your system that brings it,"
        say "or name another Python: make PYTHON=/path/to/python3"
        exit 1
    fi
    package=$(venv_package "$python")
    if [ "$(id -u)" != 0 ]; then
        say "$python has no venv module. Run this, then make again:"
        say "    sudo apt-get install $package"
        exit 1
    fi
    say "==> $python has no venv module: installing $package"
    apt-get update -q >&2
    DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "$package" >&2
    if ! complete "$python"; then
        say "$package is installed, and $python still has no venv module. Name another: make PYTHON=/path/to/python3"
        exit 1
    fi
fi

say "==> virtual environment: .venv with $("$python" --version) ($python)"
"$python" -m venv --clear .venv
pwd -P >"$stamp"
