# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json

import pytest

from ansible_collections.dockyard.machine.plugins.module_utils._engine import _data_root as data
from ansible_collections.dockyard.machine.plugins.module_utils._engine._look import _data


def container(root, name, remove=False, volumes=()):
    folder = root / "containers" / name
    folder.mkdir(parents=True)
    points = {f"/{volume}": {"Name": volume} for volume in volumes}
    (folder / "config.v2.json").write_text(json.dumps({"ID": name, "MountPoints": points}))
    (folder / "hostconfig.json").write_text(json.dumps({"AutoRemove": remove}))


@pytest.fixture
def root(tmp_path):
    """What an Engine has after its first start: folders, and nothing in them."""
    folder = tmp_path / "docker"
    for name in ("containers", "volumes", "image/overlay2/imagedb/content/sha256", "swarm", "overlay2/l"):
        (folder / name).mkdir(parents=True)
    (folder / "volumes" / "metadata.db").touch()
    return folder


def test_an_engine_that_was_never_used_holds_nothing(root):
    assert data.inventory(str(root)) == {"images": [], "containers": [], "volumes": []}
    assert not data.holds_data(str(root)) and not data.holds_data(str(root / "none"))


@pytest.mark.parametrize(
    "path",
    [
        "volumes/store/_data/file", "image/overlay2/imagedb/content/sha256/0a1b", "swarm/state.json",
        "165536.165536/volumes/store/_data/file",
    ],
)  # fmt: skip
def test_what_would_be_missed(root, path):
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).touch()
    assert data.holds_data(str(root))


def test_what_goes_with_its_container_is_not_counted(root):
    container(root, "web", volumes=["store"])
    container(root, "passing", remove=True, volumes=["own"])
    (root / "containers" / "half").mkdir()
    for name in ("store", "own"):
        (root / "volumes" / name / "_data").mkdir(parents=True)
    assert data.inventory(str(root)) == {"images": [], "containers": ["web"], "volumes": ["store"]}


def test_what_is_left_of_a_container_is_not_counted(root):
    """Its removal was under way when the Engine ended, which forgets it then, and not its folder."""
    container(root, "web")
    for name in ("emptied", "dead"):
        container(root, name)
    (root / "containers" / "emptied" / "hostconfig.json").unlink()
    (root / "containers" / "dead" / "config.v2.json").write_text('{"ID": "dead", "State": {"Dead": true}}')
    assert data.inventory(str(root))["containers"] == ["web"]


def test_mounts_of_the_engine_and_of_others():
    text = "\n".join(
        f"{number} 1 0:1 / {point} rw - ext4 /dev/x rw"
        for number, point in enumerate((
            "/var/lib/docker", "/var/lib/docker/overlay2/1/merged", "/var/lib/docker/overlay2",
            "/var/lib/docker/my\\040disk", "/var/lib/dockerfiles", "/var/lib/docker/165536.165536/overlay2/2/merged",
        ))
    )  # fmt: skip
    found = data.mounts_below("/var/lib/docker", text)
    assert len(found) == 4
    assert data.foreign_mounts("/var/lib/docker", found) == ["/var/lib/docker/my disk"]


def test_the_look_measures_only_what_is_to_be_moved(root, tmp_path, monkeypatch):
    monkeypatch.setattr(data, "JOURNAL", str(tmp_path / "move.json"))
    content = {"data-root": str(root)}
    assert "size" not in _data.about_data("", content, {}, [])
    elsewhere = str(tmp_path / "new" / "place")
    assert _data.about_data(f"{elsewhere}/", content, {}, [])["target"] == elsewhere
    assert _data.about_data(elsewhere, content, {}, [])["holds"] is False
    container(root, "web")
    seen = _data.about_data(elsewhere, content, {}, [])
    assert (seen["holds"], seen["rename"], seen["occupied"], seen["mounts"]) == (True, True, False, [])
    # Set by an earlier run of the role, and no longer asked for: back to where the Engine has it by itself
    assert _data.about_data("", content, content, [])["target"] == "/var/lib/docker"
    monkeypatch.setattr(data, "by_rename", lambda source, target: False)
    seen = _data.about_data(elsewhere, content, {}, [])
    assert seen["size"] > 0 and seen["free"] > 0 and seen["entries"] > 5 and seen["done"] == 0


def test_the_look_follows_links_as_the_engine_does(root, tmp_path, monkeypatch):
    (root / "volumes" / "store").mkdir()
    link = tmp_path / "link"
    link.symlink_to(root)
    monkeypatch.setattr(data, "_mounts", lambda text=None: {"1": data.Mount("0", "8:1", "/", f"{root}/store")})
    seen = _data.about_data(str(tmp_path / "new"), {"data-root": str(link)}, {}, [])
    assert seen["root"] == str(link) and seen["mounts"] == [f"{root}/store"]
    assert _data.about_data(str(root), {"data-root": str(link)}, {}, [])["holds"] is False, "that is where it is"


def test_an_empty_folder_may_have_what_a_file_system_and_a_cut_off_run_left(tmp_path):
    assert not data.occupied(str(tmp_path / "none"))
    (tmp_path / "lost+found").mkdir()
    (tmp_path / data.PARTIAL).mkdir()
    assert not data.occupied(str(tmp_path))
    (tmp_path / "file").touch()
    assert data.occupied(str(tmp_path)) and data.occupied(str(tmp_path / "file"))


@pytest.mark.parametrize(
    ("line", "own"),
    [
        ("461 460 0:139 /deep/engine /srv/disk/deep/engine rw shared:58 - tmpfs tmpfs rw", True),
        ("461 460 0:139 /other /srv/disk/deep/engine rw - tmpfs tmpfs rw", False),
        ("461 460 0:140 /deep/engine /srv/disk/deep/engine rw - ext4 /dev/x rw", False),
        ("461 460 0:139 /deep/engine /srv/disk/elsewhere rw - tmpfs tmpfs rw", False),
    ],
)
def test_a_root_that_is_mounted_over_itself(line, own):
    text = "460 118 0:139 / /srv/disk rw,relatime - tmpfs tmpfs rw,mode=755\n" + line
    assert data.self_mounted("/srv/disk/deep/engine", text) is own


@pytest.mark.parametrize(
    ("points", "way"),
    [
        (["/"], True),
        (["/", "/disk"], True),
        (["/", "/docker"], False),
        (["/", "/srv"], False),
        (["/", "/srv/new"], False),
        (["/", "/docker/overlay2/1/merged"], True),
    ],
)
def test_no_rename_leads_out_of_what_is_mounted(root, monkeypatch, points, way):
    """Not even to another part of the same file system."""
    base = root.parent
    (base / "srv" / "new").mkdir(parents=True)
    mounted = {
        str(at): data.Mount("1", "8:1", f"/part{at}", f"{base}{point}") for at, point in enumerate(points[1:], 2)
    }
    mounted["1"] = data.Mount("0", "8:1", "/", "/")
    monkeypatch.setattr(data, "_mounts", lambda text=None: mounted)
    assert data.by_rename(str(root), f"{base}/srv/new") is way
    if points[1:] != ["/srv/new"]:
        assert data.by_rename(str(root), f"{base}/srv/deep/new") is way


def test_what_the_engine_has_mounted_over_itself_is_no_other_place(root, monkeypatch):
    """It is gone when the Engine is stopped."""
    itself = {"1": data.Mount("0", "8:1", "/", "/"), "2": data.Mount("1", "8:1", str(root), str(root))}
    monkeypatch.setattr(data, "_mounts", lambda text=None: itself)
    assert data.by_rename(str(root), f"{root.parent}/new") is True


def test_containers_find_their_volumes_in_the_new_place(root):
    container(root, "web", volumes=["store"])
    path = root / "containers" / "web" / "config.v2.json"
    about = {
        "LogPath": "/var/lib/docker/containers/web/web-json.log", "Path": "/var/lib/docker/sh", "Args": ["/var/lib/docker/x"],
        "MountPoints": {
            "/data": {"Source": "/var/lib/docker/volumes/store/_data"}, "/etc": {"Source": "/var/lib/dockerfiles"},
        },
    }  # fmt: skip
    path.write_text(json.dumps(about))
    path.chmod(0o600)
    data.settle_paths(str(root), "/var/lib/docker", "/srv/new")
    moved = json.loads(path.read_text())
    assert moved["LogPath"] == "/srv/new/containers/web/web-json.log" and path.stat().st_mode & 0o777 == 0o600
    assert moved["MountPoints"] == {
        "/data": {"Source": "/srv/new/volumes/store/_data"}, "/etc": {"Source": "/var/lib/dockerfiles"},
    }  # fmt: skip
    assert moved["Args"] == about["Args"] and moved["Path"] == about["Path"], "paths in the container"
    data.settle_paths(str(root), "/srv/new", "/var/lib/docker")
    assert json.loads(path.read_text()) == about
