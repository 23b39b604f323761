# shellcheck shell=bash
# What the shell scripts of this folder share. Sourced with the repository's root as working folder.

say() { printf '\033[1m==> %s\033[0m\n' "$*" >&2; }

fail() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

# Runs a command as root: at once, or by sudo.
as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    fail "this needs root, and there is no sudo. Run as root: $*"
  fi
}

# Where everything goes that is built, downloaded or measured
build=${DOCKYARD_BUILD:-$PWD/.build}
export ANSIBLE_COLLECTIONS_PATH="$build/src"
export ANSIBLE_NOCOWS=1
export PIP_DISABLE_PIP_VERSION_CHECK=1
# Images of containers set it. Without byte code, each start of Ansible compiles all of it: 0.4 s.
unset PYTHONDONTWRITEBYTECODE

# Prints the bin folder of a virtualenv with that ansible-core, made where there is none: core_bin [2.17]
core_bin() {
  if [ -z "${1:-}" ]; then
    echo "$PWD/.venv/bin"
    return
  fi
  local folder=$build/core-$1
  [ "$folder/.installed-requirements-core" -nt tests/requirements-core.lock ] ||
    tests/tools/venv "$folder" tests/requirements-core.txt "ansible-core==$1.*" >&2
  echo "$folder/bin"
}

# Runs pytest of a bin folder without the plug-ins that happen to lie beside it: run_pytest BIN ARGUMENT...
run_pytest() {
  local bin=$1
  shift
  PYTEST_DISABLE_PLUGIN_AUTOLOAD=1 "$bin/python" -m pytest -p xdist -p pytest_mock "$@"
}
