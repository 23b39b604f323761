# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import fcntl
import io
import json
import os
import pathlib
import tarfile
import types
import typing as t

import pytest

from ansible_collections.dockyard.machine.plugins.modules import machine_image

RECIPE = pathlib.Path(machine_image.__file__).resolve().parents[2] / "roles" / "machine_image" / "files"


@pytest.fixture
def params(tmp_path: pathlib.Path) -> dict[str, t.Any]:
    return {
        "recipe": str(RECIPE),
        "packages": ["systemd"],
        "distribution": "debian",
        "suite": "bookworm",
        "architecture": "x86_64",
        "mirrors": [],
        "components": ["main"],
        "size": 2048,
        "cmdline": "quiet",
        "mode": "auto",
        "cache": str(tmp_path / "cache"),
        "force": False,
        "default": True,
    }


def module(**more: t.Any) -> t.Any:
    return types.SimpleNamespace(**{"check_mode": False, "get_bin_path": lambda *args, **kwargs: None, **more})


def an_image(params: dict[str, t.Any], name: str = "debian-bookworm-x86_64-0123") -> str:
    """An image of this recipe in the cache."""
    recipe = machine_image.recipe_hash(params, machine_image.recipe_files(params["recipe"]))
    folder = pathlib.Path(params["cache"], name)
    folder.mkdir(parents=True)
    image = {"name": name, "recipe": recipe, "architecture": "x86_64"}
    (folder / "image.json").write_text(json.dumps(image))
    return name


def test_the_recipe_decides(params: dict[str, t.Any]) -> None:
    files = machine_image.recipe_files(params["recipe"])
    first = machine_image.recipe_hash(params, files)
    same = {**params, "cache": "/elsewhere", "force": True, "mode": "unshare", "default": False}
    assert machine_image.recipe_hash(same, files) == first
    for name, value in (("packages", ["systemd", "htop"]), ("suite", "trixie"), ("size", 4096)):
        assert machine_image.recipe_hash({**params, name: value}, files) != first
    executable, data = files["customize.sh"]
    assert machine_image.recipe_hash(params, {**files, "customize.sh": (executable, data + b"#")}) != first


def test_a_folder_without_recipe(tmp_path: pathlib.Path) -> None:
    with pytest.raises(machine_image.BakeError, match=r"has no file customize\.sh"):
        machine_image.recipe_files(str(tmp_path))


def test_an_image_that_is_there_is_not_baked(params: dict[str, t.Any]) -> None:
    name = an_image(params)
    first = machine_image.ensure(module(), params)
    assert (first["changed"], first["image"]["path"]) == (True, f"{params['cache']}/{name}")  # the link
    assert os.readlink(f"{params['cache']}/default") == name
    again = machine_image.ensure(module(), params)
    assert not again["changed"]
    assert again["diff"]["before"] == again["diff"]["after"]


def test_check_mode_touches_nothing(params: dict[str, t.Any]) -> None:
    result = machine_image.ensure(module(check_mode=True), params)
    assert result["changed"]
    assert "path" not in result["image"]
    assert not os.path.exists(params["cache"])


def test_a_folder_whose_name_is_not_its_images_is_ignored(params: dict[str, t.Any]) -> None:
    """A copy under another name may lack its disk: only what was renamed into place counts."""
    name = an_image(params)
    os.rename(f"{params['cache']}/{name}", f"{params['cache']}/.baking-x")
    assert machine_image.ensure(module(check_mode=True), params)["changed"]


def test_what_dead_processes_left_goes(params: dict[str, t.Any]) -> None:
    left = pathlib.Path(params["cache"], ".baking-1", "mmdebstrap.x")
    left.mkdir(parents=True)
    with machine_image.Cache(params["cache"]).locked():
        assert not left.parent.exists()


def test_low_descriptors_are_left_to_the_bakes_shells(params: dict[str, t.Any]) -> None:
    """mmdebstrap hands its lowest free descriptor to sh, which reads no number above 9."""
    with machine_image.Cache(params["cache"]).locked() as lock:
        assert lock >= 100
        with pytest.raises(BlockingIOError), open(f"{params['cache']}/.lock", encoding="ascii") as other:
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_a_missing_program_names_its_package(params: dict[str, t.Any]) -> None:
    with pytest.raises(machine_image.BakeError, match="install the package mmdebstrap"):
        machine_image.ensure(module(), params)
    assert os.listdir(params["cache"]) == [".lock"]


def test_the_guests_files_are_roots() -> None:
    archive = machine_image.guest_tar(machine_image.recipe_files(str(RECIPE)))
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        entries = {entry.name: entry for entry in tar}
    assert entries["usr/lib/dockyard/prepare-engine"].mode == 0o755
    assert entries["etc/systemd/system/ssh.service"].mode == 0o644
    assert {(entry.uid, entry.gid) for entry in entries.values()} == {(0, 0)}


def test_the_controllers_sources_of_the_suite() -> None:
    lines = """\
http://one/debian/ bookworm bookworm main Debian
http://one/debian/ bookworm bookworm contrib Debian
http://one/debian/ bookworm-updates bookworm-updates main Debian
http://one/debian/ bookworm-backports bookworm-backports main Debian
http://one/security/ bookworm-security bookworm-security main Debian
http://other/ bookworm bookworm main Other
http://one/debian/ trixie trixie main Debian
"""
    apt = module(get_bin_path=lambda name: name, run_command=lambda command: (0, lines, ""))
    assert machine_image.own_sources(apt, "debian", "bookworm") == [
        "deb http://one/debian/ bookworm main contrib",
        "deb http://one/debian/ bookworm-updates main",
        "deb http://one/security/ bookworm-security main",
    ]
    assert machine_image.own_sources(apt, "debian", "trixie") == ["deb http://one/debian/ trixie main"]
    assert machine_image.own_sources(apt, "ubuntu", "noble") == []
    assert machine_image.own_sources(module(), "debian", "bookworm") == []


def test_the_hash_of_a_sparse_disk(tmp_path: pathlib.Path) -> None:
    hashes = set()
    for content, size in ((b"x", 1 << 20), (b"y", 1 << 20), (b"x", 1 << 21), (b"", 1 << 20)):
        path = tmp_path / "disk"
        with open(path, "wb") as file:
            file.write(content)
            file.truncate(size)
        hashes.add(machine_image.hash_disk(str(path)))
        assert machine_image.hash_disk(str(path)) in hashes
    assert len(hashes) == 4


def test_package_versions(tmp_path: pathlib.Path) -> None:
    (tmp_path / "status").write_text(
        "Package: a\nStatus: install ok installed\nVersion: 1\n\nPackage: b\nVersion: 2:3\n"
    )
    assert machine_image.package_versions(str(tmp_path / "status")) == {"a": "1", "b": "2:3"}


def test_the_arguments_of_mmdebstrap(params: dict[str, t.Any]) -> None:
    files = machine_image.recipe_files(params["recipe"])
    argv = machine_image.mmdebstrap_arguments(module(), {**params, "mirrors": ["http://m"]}, files, "/work", "unshare")
    assert argv[0] == "mmdebstrap"
    assert "--mode=unshare" in argv
    assert argv[-3:] == ["bookworm", "/dev/null", "http://m"]
    assert "--architectures=amd64" in argv
