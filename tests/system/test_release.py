# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A release is signed, and what README.md says of its verification finds what was changed."""

from __future__ import annotations

import io
import json
import os
import pathlib
import subprocess
import tarfile
import typing as t

import pytest

from tests.beds._base import BedError, run

pytestmark = pytest.mark.long

ROOT = pathlib.Path(__file__).resolve().parents[2]
GALAXY = str(ROOT / ".venv" / "bin" / "ansible-galaxy")


@pytest.fixture(scope="module")
def keys(tmp_path_factory) -> t.Iterator[dict[str, dict[str, str]]]:
    """The maintainers' key and somebody else's: as an environment of gpg."""
    folder = tmp_path_factory.mktemp("g")
    found = {}
    for name in ("maintainers", "somebody"):
        home = folder / name
        home.mkdir(mode=0o700)
        # Collections are looked for in PYTHONPATH as well
        found[name] = {**os.environ, "GNUPGHOME": str(home), "PYTHONPATH": ""}
        run("gpg", "--batch", "--quiet", "--passphrase", "", "--quick-generate-key", name, "rsa2048", "sign", "never",
            env=found[name])  # fmt: skip
        exported = subprocess.run(["gpg", "--export"], env=found[name], capture_output=True, check=True)
        (home / "keyring.gpg").write_bytes(exported.stdout)
    yield found
    for environment in found.values():
        run("gpgconf", "--kill", "gpg-agent", check=False, env=environment)


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    """The last commit, tagged as its version."""
    folder = tmp_path_factory.mktemp("clone") / "machine"
    run("git", "-c", "safe.directory=*", "clone", "-q", "--no-hardlinks", f"file://{ROOT}", str(folder))
    (folder / ".venv").symlink_to((ROOT / ".venv").resolve())
    (folder / ".git" / "info" / "exclude").write_text(".venv\n.build\n")
    return folder


def release(clone, keys, who):
    run(str(clone / "tests" / "tools" / "release"), who, env={**keys[who], "DOCKYARD_BUILD": str(clone / ".build")})
    return clone / ".build" / "release"


@pytest.fixture(scope="module")
def released(clone, keys):
    with pytest.raises(BedError, match="no tag v"):
        release(clone, keys, "maintainers")
    version = next(line.split()[1] for line in (clone / "galaxy.yml").read_text().splitlines() if "version:" in line)
    run("git", "-C", str(clone), "tag", f"v{version}")
    (clone / "README.md").write_text("other")
    with pytest.raises(BedError, match="not committed"):
        release(clone, keys, "maintainers")
    run("git", "-C", str(clone), "checkout", "-q", "README.md")
    return release(clone, keys, "maintainers")


def keyring(keys: dict[str, dict[str, str]], who: str) -> str:
    return str(pathlib.Path(keys[who]["GNUPGHOME"]) / "keyring.gpg")


def accepted(released, keys, who, artifact, folder):
    """By the two steps: the checksum before the installation, the signed manifest after it."""
    os.makedirs(folder, exist_ok=True)
    (folder / artifact.name).write_bytes(artifact.read_bytes())
    ring = keyring(keys, who)
    sums = (str(released / "SHA256SUMS.asc"), str(released / "SHA256SUMS"))
    before = [
        run("gpgv", "--keyring", ring, *sums, check=False).returncode == 0,
        run("sha256sum", "--check", sums[1], check=False, cwd=folder).returncode == 0,
    ]
    environment = {**keys[who], "ANSIBLE_COLLECTIONS_PATH": str(folder)}
    install = (GALAXY, "collection", "install", str(artifact), "--offline", "--no-deps", "-p", str(folder))
    run(*install, env=environment)
    signature = next(path for path in released.glob("dockyard-machine-*.asc"))
    command = (GALAXY, "collection", "verify", "dockyard.machine", "--offline", "--keyring", ring)
    done = run(*command, "--signature", f"file://{signature}", check=False, env=environment)
    return [*before, done.returncode == 0]


def test_a_release_is_verified_before_and_after_its_installation(released, keys, tmp_path):
    artifact = next(released.glob("*.tar.gz"))
    assert accepted(released, keys, "maintainers", artifact, tmp_path / "good") == [True, True, True]
    assert accepted(released, keys, "somebody", artifact, tmp_path / "other") == [False, True, False]
    with tarfile.open(artifact) as members:
        names = members.getnames()
    assert "plugins/modules/qemu.py" in names and not [name for name in names if name.startswith("tests/system")]


def test_an_artifact_that_someone_has_packed_again_is_not_accepted(released, keys, tmp_path):
    """With a manifest that fits its files."""
    artifact = next(released.glob("*.tar.gz"))
    changed = tmp_path / artifact.name
    with tarfile.open(artifact) as old, tarfile.open(changed, "w:gz") as new:
        for member in old.getmembers():
            data = old.extractfile(member).read() if member.isfile() else None
            if member.name == "MANIFEST.json":
                manifest = json.loads(data)
                manifest["collection_info"]["authors"] = ["somebody"]
                data = json.dumps(manifest).encode()
            member.size = len(data or b"")
            new.addfile(member, io.BytesIO(data) if data is not None else None)
    assert accepted(released, keys, "maintainers", changed, tmp_path / "there") == [True, False, False]


def test_a_file_that_is_changed_later_on_is_found(released, keys, tmp_path):
    artifact = next(released.glob("*.tar.gz"))
    assert accepted(released, keys, "maintainers", artifact, tmp_path)[2]
    module = tmp_path / "ansible_collections" / "dockyard" / "machine" / "plugins" / "modules" / "none.py"
    module.write_text(module.read_text() + "\n# changed\n")
    signature = next(path for path in released.glob("dockyard-machine-*.asc"))
    done = run(
        *(GALAXY, "collection", "verify", "dockyard.machine", "--offline", "--keyring", keyring(keys, "maintainers")),
        *("--signature", f"file://{signature}"),
        check=False,
        env={**keys["maintainers"], "ANSIBLE_COLLECTIONS_PATH": str(tmp_path)},
    )
    assert done.returncode and "plugins/modules/none.py" in done.stdout + done.stderr
