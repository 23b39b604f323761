# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import pathlib
import socket
import struct
import tempfile
import threading
import typing as t

import pycdlib
import pytest

from ansible_collections.dockyard.machine.plugins.module_utils import _durable, _images, _qemu, driver
from ansible_collections.dockyard.machine.plugins.module_utils._errors import BadOption, MachineError
from ansible_collections.dockyard.machine.plugins.module_utils._plan import Recipe
from ansible_collections.dockyard.machine.plugins.modules import qemu
from tests.doubles import qemu as double
from tests.faults.worlds import qemu as worlds

KEY = "ssh-ed25519 AAAAC3Nz"


@pytest.fixture(autouse=True)
def programs(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    return double.programs(tmp_path, monkeypatch)


@pytest.fixture()
def baked(tmp_path: pathlib.Path) -> pathlib.Path:
    return double.baked_image(tmp_path)


def on_paper(kept: dict[str, t.Any] | None = None, **options: t.Any) -> dict[str, t.Any]:
    """The request of the one thing that a machine needs."""
    values = {name: one.get("default") for name, one in qemu.Qemu.argument_spec.items()}
    values.update({"architecture": "x86_64", **options})
    digests = {"user_data": "digest"} if options.get("user_data") else {}
    recipe = Recipe("web1", values, digests, kept, public_key=lambda: KEY)
    qemu.Qemu(values).recipe(recipe)
    assert [want.kind for want in recipe.wants] == ["VM"]
    return recipe.wants[0].requests[0]


def thing(tmp_path: pathlib.Path, request: dict[str, t.Any]) -> driver.It:
    it = driver.It(name="web1-abc-1", machine="web1", id="web1-abc-1", request=request)
    it.folder, it.first_boot = str(tmp_path / "m" / "vm"), str(tmp_path / "m" / "first-boot")
    return it


# The recipe


def test_recipe_of_a_baked_image(baked: pathlib.Path) -> None:
    request = on_paper(memory=2048, ports=["8080:80"])
    assert request["image"]["disk"] == str(baked / "disk.raw")
    assert request["image"]["channel"] == "smbios"
    assert request["host_key"] == {"$host_key": True}
    assert "user_data" not in request
    assert (request["memory"], request["ports"], request["public_key"]) == (2048, ["8080:80"], KEY)
    assert request["ssh_port"] != request["docker_port"]


def test_recipe_is_pure(baked: pathlib.Path) -> None:
    kept: dict[str, t.Any] = {"looks": {}, "picks": {}, "choices": {}}
    assert on_paper(kept) == on_paper(kept)


def test_a_newer_default_image_is_no_change(baked: pathlib.Path) -> None:
    kept: dict[str, t.Any] = {"looks": {}, "picks": {}, "choices": {}}
    before = on_paper(kept)
    newer = baked.parent / "newer"
    newer.mkdir()
    (newer / "image.json").write_text((baked / "image.json").read_text())
    (newer / "disk.raw").write_bytes(b"")
    (baked.parent / "default").unlink()
    (baked.parent / "default").symlink_to("newer")
    assert on_paper(kept) == before
    assert on_paper()["image"]["disk"] == str(newer / "disk.raw")


def test_recipe_of_a_cloud_image(tmp_path: pathlib.Path) -> None:
    (tmp_path / "cloud.raw").write_bytes(b"x" * 512)
    request = on_paper(image=str(tmp_path / "cloud.raw"), user_data="#cloud-config\n")
    assert request["image"]["channel"] == "nocloud"
    assert request["user_data"] == {"$user_data": "digest"}
    assert "host_key" not in request


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cpus": 0}, "cpus: 0 is less than 1"),
        ({"memory": 1}, "memory: 1 is less than 64"),
        ({"disk_size": 0}, "disk_size: 0 is less than 1"),
        ({"listen": "localhost"}, "listen: 'localhost' is not a valid IPv4 address"),
        ({"ports": ["80"]}, "ports: '80' is not a valid forward"),
        ({"ports": ["8080:80/sctp"]}, "ports: .* is not a valid forward"),
        ({"ports": ["8080:80", "8080:81"]}, "ports: 8080 is given twice"),
        ({"ssh_port": 70000}, "ssh_port: 70000 is not a valid port"),
        ({"user_data": "#cloud-config"}, "user_data: an image with cloud-init is required"),
        ({"architecture": "aarch64"}, "image: 'default' is for x86_64, not for aarch64"),
        ({"image": "/nowhere.qcow2"}, "image: '/nowhere.qcow2' was not found"),
        ({"image": "https://example.com/a.qcow2"}, "checksum: a checksum of https://example.com/a.qcow2 is required"),
        (
            {"image": "https://example.com/a.qcow2", "checksum": "sha256:12"},
            r"checksum: .* is required \('sha256:12'\)",
        ),
    ],
)
def test_bad_options(baked: pathlib.Path, options: dict[str, t.Any], message: str) -> None:
    with pytest.raises(BadOption, match=message) as caught:
        on_paper(**options)
    assert caught.value.option in message


def test_nothing_is_baked() -> None:
    with pytest.raises(BadOption, match="image: 'default' is not baked yet") as caught:
        on_paper()
    assert "dockyard.machine.bake_image" in caught.value.remedy


def test_a_disk_never_shrinks(monkeypatch: pytest.MonkeyPatch) -> None:
    with tempfile.TemporaryDirectory() as folder, monkeypatch.context() as patched:
        world = worlds.World(pathlib.Path(folder), patched)
        world.run("started")
        world.run("started", options={"disk_size": 20}, allow_stop=True)
        for check in (False, True):
            with pytest.raises(MachineError, match="VM: disk_size") as caught:
                world.run("started", options={"disk_size": 18}, allow_stop=True, check=check)
            assert caught.value.code == "drift"
        assert world.processes, "it was not stopped for what can't be done"
        assert not world.run("started", options={"disk_size": 20}).changed
        world.run("started", options={"disk_size": 18}, recreate=True)
        assert world.record()["resources"][0]["requests"][0]["disk_size"] == 18


def test_qemu_is_missing(baked: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(MachineError, match="no qemu-system-x86_64") as caught:
        on_paper()
    assert caught.value.remedy == "Install the package qemu-system-x86"


def test_a_port_is_taken(baked: pathlib.Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(BadOption, match=f"ssh_port: {port} is in use on 127.0.0.1"):
            on_paper(ssh_port=port)


def test_a_picked_port_is_none_of_those_that_were_said(baked: pathlib.Path) -> None:
    picked = on_paper()["ssh_port"]
    request = on_paper(ports=[f"{picked}:80"])
    assert picked not in (request["ssh_port"], request["docker_port"])


def test_its_own_ports_are_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    with tempfile.TemporaryDirectory() as folder, monkeypatch.context() as patched:
        world = worlds.World(pathlib.Path(folder), patched)
        monkeypatch.setattr(_qemu, "free_port", lambda *asked: not world.processes)
        ports = {"ssh_port": 2222, "docker_port": 2376, "ports": ["8080:80"]}
        world.run("started", options=ports)
        for options in ({"ssh_port": 2376, "docker_port": 2222}, {"listen": "0.0.0.0"}):
            world.run("started", options={**ports, **options}, allow_stop=True)
        with pytest.raises(MachineError, match="8081 is in use"):
            world.run("started", options={**ports, "ports": ["8081:80"]}, allow_stop=True)
        outcome = world.run("started", options={**ports, "image": "other"}, recreate=True)
        assert outcome.machine["state"] == "running" and outcome.machine["docker_host"].endswith(":2376")


def test_picked_ports_are_free_and_nobody_elses() -> None:
    first = qemu.pick_port("127.0.0.1", set())
    assert qemu.pick_port("127.0.0.1", {first}) > first


# The machine


def test_secrets_are_in_no_argument_and_no_definition(baked: pathlib.Path, tmp_path: pathlib.Path) -> None:
    it = thing(tmp_path, {**on_paper(accelerator="tcg"), "host_key": "PRIVATE"})
    os.makedirs(it.folder)
    os.makedirs(it.first_boot)
    for name in ("dockyard.host_key", "dockyard.user", "host_ed25519", "dockyard.user.new.4711"):
        pathlib.Path(it.first_boot, name).write_text("SECRET")
    qemu.VM(None, {}).define(it)
    assert "PRIVATE" not in pathlib.Path(it.folder, "vm.json").read_text()
    assert os.stat(f"{it.folder}/vm.json").st_mode & 0o777 == 0o600
    command = qemu.command_line(it)
    assert not any("PRIVATE" in part or "SECRET" in part for part in command)
    tables = [part for part in command if part.startswith("type=11")]
    assert tables == ["type=11,path=../first-boot/dockyard.host_key", "type=11,path=../first-boot/dockyard.user"]


def test_after_the_first_boot_no_credentials_are_given(baked: pathlib.Path, tmp_path: pathlib.Path) -> None:
    command = qemu.command_line(thing(tmp_path, on_paper(accelerator="tcg")))
    assert "-smbios" not in command


def test_the_folder_of_a_machine_is_on_the_disk(
    baked: pathlib.Path, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a power cut leaves a record of a machine whose folder is gone."""
    it = thing(tmp_path, on_paper())
    os.makedirs(it.first_boot)
    synced: list[tuple[str, bool]] = []
    monkeypatch.setattr(_durable, "sync", lambda path, lenient=False: synced.append((path, os.path.isdir(it.folder))))
    monkeypatch.setattr(_qemu, "image_tool", lambda *arguments: pathlib.Path(arguments[-2]).touch())
    it.request["host_key"], it.request["public_key"] = "", KEY
    qemu.VM(None, {}).create(it)
    assert (os.path.dirname(it.folder), True) in synced


def test_command_line_forwards(baked: pathlib.Path, tmp_path: pathlib.Path) -> None:
    request = on_paper(accelerator="tcg", listen="127.0.0.1", ports=["5353:53/udp"])
    (net,) = (part for part in qemu.command_line(thing(tmp_path, request)) if part.startswith("user,"))
    assert f"hostfwd=tcp:127.0.0.1:{request['ssh_port']}-:22" in net
    assert f"hostfwd=tcp:127.0.0.1:{request['docker_port']}-:2376" in net
    assert "hostfwd=udp:127.0.0.1:5353-:53" in net


def test_a_folder_without_definition_is_no_machine(tmp_path: pathlib.Path) -> None:
    it = thing(tmp_path, {})
    os.makedirs(it.folder)
    pathlib.Path(it.folder, "disk.qcow2").write_bytes(b"")
    assert qemu.VM(None, {}).get(it) is None


def test_the_definition_of_another_generation_is_not_ours(baked: pathlib.Path, tmp_path: pathlib.Path) -> None:
    it = thing(tmp_path, on_paper())
    os.makedirs(it.folder)
    qemu.VM(None, {}).define(it)
    it.id = "web1-abc-2"
    assert qemu.VM(None, {}).get(it) is None


@pytest.mark.parametrize(
    ("status", "state"),
    [
        (None, driver.STOPPED),
        ({"status": "running"}, driver.RUNNING),
        ({"status": "paused"}, driver.PAUSED),
        ({"status": "io-error"}, driver.PAUSED),
        ({"status": "prelaunch"}, driver.STARTING),
        ({"status": "guest-panicked"}, driver.ERROR),
    ],
)
def test_states(baked: pathlib.Path, status: dict[str, str] | None, state: str) -> None:
    request = on_paper(disk_size=8)
    seen = qemu.VM(None, {}).seen({**request, "name": "x", "real_size": 9 << 30, "status": status})
    assert (seen.state, seen.has["disk_size"]) == (state, 9)
    assert (seen.facts["address"], seen.facts["ssh_port"]) == ("127.0.0.1", request["ssh_port"])


def test_the_address_of_all_addresses(baked: pathlib.Path) -> None:
    raw = {**on_paper(listen="0.0.0.0"), "name": "x", "real_size": 1, "status": None}
    assert qemu.VM(None, {}).seen(raw).facts["address"] == "127.0.0.1"


# QMP


@contextlib.contextmanager
def monitor(folder: pathlib.Path, *answers: dict[str, t.Any]) -> t.Iterator[list[str]]:
    """Speaks as QEMU does; the answers are for the command after the handshake."""
    asked: list[str] = []
    server = socket.socket(socket.AF_UNIX)
    with _qemu._inside(str(folder)):
        server.bind("qmp.sock")
    server.listen()

    def serve() -> None:
        connection, _address = server.accept()
        with connection, connection.makefile("rwb") as stream:
            stream.write(b'{"QMP": {"version": {}}}\n')
            stream.flush()
            for replies in ([{"return": {}}], answers):
                asked.append(json.loads(stream.readline())["execute"])
                for reply in replies:
                    stream.write(json.dumps(reply).encode() + b"\n")
                stream.flush()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield asked
    finally:
        thread.join()
        server.close()


def test_qmp_skips_events(tmp_path: pathlib.Path) -> None:
    with monitor(tmp_path, {"event": "RESUME"}, {"return": {"status": "running"}}) as asked:
        assert _qemu.qmp(str(tmp_path), "query-status") == {"status": "running"}
    assert asked == ["qmp_capabilities", "query-status"]


def test_qmp_in_a_folder_with_a_long_path(tmp_path: pathlib.Path) -> None:
    folder = tmp_path / ("x" * 120)
    folder.mkdir()
    before = os.getcwd()
    with monitor(folder, {"return": {}}):
        assert _qemu.qmp(str(folder), "stop") == {}
    assert os.getcwd() == before


def test_qmp_error(tmp_path: pathlib.Path) -> None:
    refusal = {"error": {"class": "GenericError", "desc": "refused"}}
    with monitor(tmp_path, refusal), pytest.raises(_qemu.QemuError, match="refused"):
        _qemu.qmp(str(tmp_path), "stop")


def test_nobody_runs(tmp_path: pathlib.Path) -> None:
    assert _qemu.qmp(str(tmp_path / "missing"), "query-status") is None
    assert _qemu.qmp(str(tmp_path), "query-status") is None
    left = socket.socket(socket.AF_UNIX)
    with _qemu._inside(str(tmp_path)):
        left.bind("qmp.sock")
    left.close()  # as after a reboot of the controller
    assert _qemu.qmp(str(tmp_path), "query-status") is None


def test_quit_may_break_the_connection(tmp_path: pathlib.Path) -> None:
    with monitor(tmp_path):
        assert _qemu.qmp(str(tmp_path), "quit") is None


def test_another_command_may_not(tmp_path: pathlib.Path) -> None:
    with monitor(tmp_path), pytest.raises(_qemu.QemuError, match="does not answer") as caught:
        _qemu.qmp(str(tmp_path), "stop")
    assert caught.value.code == "no_answer"


# Files


def test_write_is_private_and_leaves_nothing(tmp_path: pathlib.Path) -> None:
    _durable.write_file(str(tmp_path / "a"), "x")
    _durable.write_file(str(tmp_path / "a"), b"y")
    assert (tmp_path / "a").read_bytes() == b"y"
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o600
    assert not (tmp_path / "a.new").exists()


def test_disk_format(tmp_path: pathlib.Path) -> None:
    (tmp_path / "raw").write_bytes(b"\0" * 4096)
    (tmp_path / "qcow2").write_bytes(b"QFI\xfb" + b"\0" * 20 + struct.pack(">Q", 5 << 30))
    assert _qemu.disk_format(str(tmp_path / "raw")) == ("raw", 4096)
    assert _qemu.disk_format(str(tmp_path / "qcow2")) == ("qcow2", 5 << 30)


def test_qemu_says_what_is_wrong(programs: pathlib.Path, tmp_path: pathlib.Path) -> None:
    script = programs / "qemu-system-x86_64"
    for said, expected in (
        ("Could not set up host forwarding rule 'tcp::22200-:22'", MachineError),
        ('Failed to get "write" lock', _qemu.QemuError),
        ("no such thing", _qemu.QemuError),
    ):
        script.write_text(f"#!/bin/sh\ncat >&2 <<'X'\n{said}\nX\nexit 1\n")
        with pytest.raises(expected, match=said[:20]) as caught:
            _qemu.run_qemu([str(script)], str(tmp_path))
        assert caught.value.code == {"C": "port_taken", "F": "busy", "n": "failed"}[said[0]]


def test_seed_iso_holds_both_files() -> None:
    iso = pycdlib.PyCdlib()
    iso.open_fp(io.BytesIO(_qemu.seed_iso("#cloud-config\n", "{}")))
    assert iso.pvd.volume_identifier.strip() == b"cidata"
    out = io.BytesIO()
    iso.get_file_from_iso_fp(out, rr_path="/user-data")
    assert out.getvalue() == b"#cloud-config\n"


# Accelerators


def test_an_accelerator_is_asked_once(
    programs: pathlib.Path, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    monkeypatch.setattr(_qemu, "_works", lambda *what: bool(asked.append(what)))
    monkeypatch.setattr(os, "access", lambda path, mode: True)
    architecture = {"arm64": "aarch64"}.get(os.uname().machine, os.uname().machine)
    for _time in range(2):
        assert _qemu.accelerator(architecture, str(tmp_path / "cache")) == "tcg"
    assert len(asked) == 1
    # Another QEMU is another question
    (programs / f"qemu-system-{architecture}").write_text("#!/bin/sh\nexit 0\n")
    _qemu.accelerator(architecture, str(tmp_path / "cache"))
    assert len(asked) == 2


def test_an_accelerator_that_hangs_does_not_work(programs: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_qemu, "PROBE_LIMIT", 0.2)
    script = programs / "qemu-system-x86_64"
    for text, works in (("exit 33", True), ("exit 134", False), ("exec sleep 5", False)):
        script.write_text(f"#!/bin/sh\n{text}\n")
        assert _qemu._works(str(script), "x86_64", "kvm") is works


def test_another_architecture_is_emulated(tmp_path: pathlib.Path) -> None:
    other = "aarch64" if os.uname().machine == "x86_64" else "x86_64"
    assert _qemu.accelerator(other, str(tmp_path)) == "tcg"


# Images


def test_an_image_is_downloaded_once_and_verified(tmp_path: pathlib.Path) -> None:
    source = tmp_path / "source.raw"
    source.write_bytes(b"image")
    checksum = "sha256:" + hashlib.sha256(b"image").hexdigest()
    image = _images.find(source.as_uri(), checksum, "x86_64")
    source.unlink()
    assert _images.find(source.as_uri(), checksum, "x86_64") == image
    assert pathlib.Path(image["disk"]).read_bytes() == b"image"


def test_a_wrong_download_is_never_used(tmp_path: pathlib.Path) -> None:
    source = tmp_path / "source.raw"
    source.write_bytes(b"other")
    with pytest.raises(BadOption, match=r"checksum: .* does not match .* has sha256:d9298a10"):
        _images.find(source.as_uri(), "sha256:" + "0" * 64, "x86_64")
    assert os.listdir(tmp_path / "cache" / "dockyard" / "images" / "downloads") == []


def test_a_download_that_fails(tmp_path: pathlib.Path) -> None:
    with pytest.raises(MachineError, match="could not be read"):
        _images.find((tmp_path / "missing").as_uri(), "sha256:" + "0" * 64, "x86_64")


def test_a_disk_smaller_than_its_image(tmp_path: pathlib.Path) -> None:
    with open(tmp_path / "big.raw", "wb") as file:
        file.truncate(3 << 30)
    with pytest.raises(BadOption, match="disk_size: 2 is less than the image's 3 GiB"):
        on_paper(image=str(tmp_path / "big.raw"), disk_size=2)


def test_the_checksum_of_a_file(tmp_path: pathlib.Path) -> None:
    (tmp_path / "a.raw").write_bytes(b"image")
    good = "sha256:" + hashlib.sha256(b"image").hexdigest()
    assert _images.find(str(tmp_path / "a.raw"), good, "x86_64")["disk"] == str(tmp_path / "a.raw")
    with pytest.raises(BadOption, match="checksum"):
        _images.find(str(tmp_path / "a.raw"), "sha256:" + "0" * 64, "x86_64")


def test_a_folder_that_is_no_image(tmp_path: pathlib.Path) -> None:
    with pytest.raises(BadOption, match="is not a baked image"):
        _images.find(str(tmp_path), "", "x86_64")
