# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs all checks, as many at once as there are processors, and prints what the failing ones said.

check.py [--quick|--gate] [NAME...]: all, or some. Quick is without the unit tests that are slow. The gate, which is
make test, checks other ansible-cores as well: the newest one runs all of sanity, so that the usual one need not.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import os
import pathlib
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = ROOT / ".venv" / "bin"
COLLECTION = "ansible_collections/dockyard/machine"

# Longest first, so that the short ones fill the gaps. {bin} is the virtualenv's.
CHECKS = {
    "units": "tests/tools/units",
    "sanity": "tests/tools/sanity --quick",
    "ansible-lint": "{bin}/ansible-lint --offline --profile production --nocolor -q",
    "mypy": f"cd .build/src && {{bin}}/mypy --config-file {COLLECTION}/pyproject.toml {COLLECTION}/plugins",
    "docs": "{bin}/antsibull-docs lint-collection-docs --plugin-docs --validate-collection-refs self "
    "--check-extra-docs-refs .",
    "changelog": "{bin}/antsibull-changelog lint",
    "shellcheck": "grep -lIE '^#!.*(bash|sh)$' -r .ci tests/tools tests/beds | xargs shellcheck --external-sources",
    "yamllint": "{bin}/yamllint --strict .",
    "format": "{bin}/ruff format --check --quiet --diff .",
    "words": "{bin}/python tests/tools/words.py",
    "ruff": "{bin}/ruff check --quiet --output-format concise .",
}

QUICK = {**CHECKS, "units": f"{CHECKS['units']} --quick"}
GATE = {
    "newest": "tests/tools/newest",
    "oldest": "tests/tools/units --core-sensitive 2.17",
    **{name: command for name, command in CHECKS.items() if name != "sanity"},
    "mutants": "tests/tools/mutants --sample 10",
}


def run(name: str, command: str) -> tuple[str, int, float, str]:
    """Runs one check: its name, exit status, seconds and output."""
    path = f"{BIN}:{os.environ['PATH']}"
    environment = dict(os.environ, PATH=path, ANSIBLE_COLLECTIONS_PATH=str(ROOT / ".build" / "src"), NO_COLOR="1")
    started = time.monotonic()
    done = subprocess.run(
        command.format(bin=BIN),
        shell=True,
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return name, done.returncode, time.monotonic() - started, done.stdout


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="one of " + ", ".join(CHECKS))
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--quick", action="store_true", help="leave out the unit tests that are slow")
    which.add_argument("--gate", action="store_true", help="what make test runs before the system tests")
    arguments = parser.parse_args()
    checks = QUICK if arguments.quick else GATE if arguments.gate else CHECKS
    unknown = set(arguments.names) - set(checks)
    if unknown:
        parser.error(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(checks)}")
    names = arguments.names or list(checks)

    started = time.monotonic()
    failed = []
    with concurrent.futures.ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        for future in concurrent.futures.as_completed([pool.submit(run, name, checks[name]) for name in names]):
            name, status, seconds, output = future.result()
            print(f"{'FAILED' if status else 'ok':<6}  {name:<14} {seconds:5.1f} s", flush=True)
            if status:
                failed.append(name)
                print(output, flush=True)
    summary = f"failed: {', '.join(failed)}" if failed else f"{len(names)} checks passed"
    print(f"check: {summary}, {time.monotonic() - started:.0f} s")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
