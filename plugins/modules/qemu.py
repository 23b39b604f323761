#!/usr/bin/python
# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: qemu
short_description: Run Docker hosts as virtual machines on the controller
version_added: 0.1.0
description:
  - Creates a virtual machine with QEMU on the controller, reached through forwarded ports.
  - The disk is an overlay of the image, so the image must not be moved while the machine exists.
  - When the controller reboots, the machine is stopped, not lost. O(state=started) starts it again.
author:
  - Dockyard contributors (@dockyard)
requirements:
  - qemu-system-x86_64 or qemu-system-aarch64, and qemu-img
  - pycdlib (Python), for images with cloud-init
options:
  cpus:
    description: Number of processors.
    type: int
    default: 2
  memory:
    description: Memory in MiB.
    type: int
    default: 1024
  disk_size:
    description: Size of the disk in GiB. It can grow and never shrinks.
    type: int
    default: 16
  image:
    description:
      - The image that the machine boots. V(default) is the image that P(dockyard.machine.machine_image#role) has baked.
      - Otherwise the path of a qcow2 or raw image, or of the folder of a baked one, or a URL, which requires
        O(checksum).
      - Images that are not baked must have cloud-init.
      - A URL is downloaded once into the cache. This also happens in check mode, which needs the image to validate it.
    type: str
    default: default
  checksum:
    description: Checksum of the image, as V(sha256:HEX) or V(sha512:HEX).
    type: str
    default: ""
  architecture:
    description: The machine's architecture; by default the controller's.
    type: str
    choices: [x86_64, aarch64]
  accelerator:
    description:
      - How the processor is run. V(auto) is V(kvm) or V(hvf) if a guest really runs with it, else V(tcg), which is
        emulation.
    type: str
    default: auto
    choices: [auto, kvm, hvf, tcg]
  listen:
    description: IPv4 address of the controller on which the forwarded ports listen.
    type: str
    default: 127.0.0.1
  ssh_port:
    description: Port that is forwarded to the machine's SSH server. By default a free one is chosen once.
    type: int
  docker_port:
    description: Port that is forwarded to the machine's Engine. By default a free one is chosen once.
    type: int
  ports:
    description: Additional forwarded ports, as V(HOST:GUEST) or V(HOST:GUEST/udp).
    type: list
    elements: str
    default: []
  user_data:
    description: User data for cloud-init, added to that of the machine. Only for images with cloud-init.
    type: str
extends_documentation_fragment:
  - dockyard.machine.driver
"""

EXAMPLES = r"""
- name: Create a machine from the baked image
  dockyard.machine.qemu:
    name: web1
    memory: 2048
    ports: ["8080:80"]

- name: Create a machine from a distribution's cloud image
  dockyard.machine.qemu:
    name: db1
    image: https://cloud.example.com/debian-12-genericcloud-amd64.qcow2
    checksum: sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
    user_data: |
      #cloud-config
      packages: [htop]

- name: Increase the memory of the machine
  dockyard.machine.qemu:
    name: db1
    memory: 4096
    allow_stop: true

- name: Remove the machine
  dockyard.machine.qemu:
    name: db1
    state: absent
"""

RETURN = r"""
machine:
  description: The machine; none after its removal.
  returned: success
  type: dict
  sample: {"name": "web1", "state": "running", "address": "127.0.0.1", "docker_host": "tcp://127.0.0.1:22201"}
machines:
  description: The machines of this driver.
  returned: with O(scope=account)
  type: list
  elements: dict
error:
  description: Machine-readable description of the failure.
  returned: failure
  type: dict
  sample: {"code": "bad_option", "left_behind": [], "remedy": "Bake it: ansible-playbook dockyard.machine.bake_image"}
"""

import ipaddress
import json
import os

from ansible_collections.dockyard.machine.plugins.module_utils import _download, _durable, _images, _qemu, driver

GIB = 1 << 30
PICKED = range(22200, 32000)  # below the ports that systems hand out by themselves
SECRETS = ("host_key", "user_data")  # go to the first boot's folder, never into the definition
# What the image takes from the SMBIOS table at its first boot (roles/machine_image)
CREDENTIALS = ("dockyard.user", "dockyard.hostname", "dockyard.authorized_keys", "dockyard.host_key")
# What QEMU says of itself -> state
STATES = {
    "running": driver.RUNNING,
    "paused": driver.PAUSED,
    "suspended": driver.PAUSED,
    "io-error": driver.PAUSED,  # the controller's disk was full: goes on when it is unpaused
    "prelaunch": driver.STARTING,
    "shutdown": driver.STOPPING,
}


class VM(driver.Machine):
    """vm.json, the definition, is the machine: what is in its folder without it was never finished."""

    identity = "name"
    tagged = False
    lag = 0.0
    grows = ("disk_size",)
    adjustable = {
        **dict.fromkeys(("cpus", "memory", "disk_size", "ports", "listen"), driver.STOPPED),
        **dict.fromkeys(("ssh_port", "docker_port", "accelerator"), driver.STOPPED),
    }

    def list(self, it):
        definition = _qemu.read_json(f"{it.folder}/vm.json")
        if definition is None:
            return []
        disk = f"{it.folder}/disk.qcow2"
        size = _qemu.disk_format(disk)[1] if os.path.exists(disk) else 0
        return [{**definition, "real_size": size, "status": _qemu.qmp(it.folder, "query-status")}]

    def seen(self, raw):
        state = STATES.get(raw["status"]["status"], driver.ERROR) if raw["status"] else driver.STOPPED
        return driver.Seen(
            id=raw["name"],
            name=raw["name"],
            state=state if raw["real_size"] else driver.ERROR,  # without a disk
            has={**{key: raw[key] for key in self.adjustable}, "disk_size": raw["real_size"] // GIB},
            facts={
                "address": "127.0.0.1" if raw["listen"] == "0.0.0.0" else raw["listen"],
                "addresses": [raw["listen"]],
                "ssh_port": raw["ssh_port"],
                "docker_port": raw["docker_port"],
                **({"python_interpreter": "/usr/bin/python3"} if raw["image"]["channel"] == "smbios" else {}),
            },
        )

    def create(self, it):
        image, size = it.request["image"], it.request["disk_size"]
        _images.fetch(image)
        form = _qemu.disk_format(image["disk"])[0]
        _durable.make_folder(it.folder)
        disk = f"{it.folder}/disk.qcow2"
        _qemu.image_tool("create", "-q", "-f", "qcow2", "-F", form, "-b", image["disk"], f"{disk}.new", f"{size}G")
        _durable.place(f"{disk}.new", disk)
        if image["channel"] == "smbios":
            keys = (it.request["public_key"] + "\n", it.request["host_key"])
            for name, value in zip(CREDENTIALS, (it.request["ssh_user"], it.machine, *keys)):
                _durable.write_file(f"{it.first_boot}/{name}", _qemu.credential(name, value))
        else:
            meta_data = json.dumps({"instance-id": it.name, "local-hostname": it.machine})
            _durable.write_file(f"{it.first_boot}/seed.iso", _qemu.seed_iso(it.request["user_data"], meta_data))
        self.define(it)
        return it.name

    def define(self, it):
        definition = {key: value for key, value in it.request.items() if key not in SECRETS}
        _durable.write_file(
            f"{it.folder}/vm.json", json.dumps({**definition, "name": it.name}, indent=1, sort_keys=True)
        )

    def adjust(self, it):
        size = it.request["disk_size"]
        if size < it.seen.has["disk_size"]:
            raise driver.BadOption("disk_size", f"{size!r} would shrink the disk of {it.seen.has['disk_size']} GiB")
        if size > it.seen.has["disk_size"]:
            _qemu.image_tool("resize", "-q", "-f", "qcow2", f"{it.folder}/disk.qcow2", f"{size}G")
        self.define(it)

    def delete(self, it):
        if _qemu.qmp(it.folder, "quit") is not None:
            return  # next time, when it has ended
        for name in os.listdir(it.folder):
            if name != "vm.json":
                os.unlink(f"{it.folder}/{name}")
        _qemu.remove(it.folder)

    def start(self, it):
        _qemu.run_qemu(command_line(it), it.folder)

    def stop(self, it):
        _qemu.qmp(it.folder, "system_powerdown")

    def kill(self, it):
        _qemu.qmp(it.folder, "quit")

    def pause(self, it):
        _qemu.qmp(it.folder, "stop")

    def unpause(self, it):
        _qemu.qmp(it.folder, "cont")


def command_line(it):
    """QEMU's arguments. Anybody on the controller can read them: what is secret is in files."""
    vm, image = it.request, it.request["image"]
    arm = vm["architecture"] == "aarch64"
    accelerator = vm["accelerator"]
    if accelerator == "auto":
        accelerator = _qemu.accelerator(vm["architecture"], _download.cache_folder())
    first_boot = os.path.relpath(it.first_boot, it.folder)
    forwards = [(vm["ssh_port"], 22, "tcp"), (vm["docker_port"], 2376, "tcp"), *map(_qemu.parse_forward, vm["ports"])]
    net = "".join(f",hostfwd={protocol}:{vm['listen']}:{host}-:{guest}" for host, guest, protocol in forwards)
    command = [_qemu.system(vm["architecture"]), "-name", it.name, "-daemonize", "-pidfile", f"{it.folder}/qemu.pid"]
    command += ["-qmp", "unix:qmp.sock,server=on,wait=off", "-nodefaults", "-no-user-config", "-display", "none"]
    command += ["-machine", "virt" if arm else "q35", "-accel", accelerator]
    command += ["-cpu", "max" if accelerator == "tcg" else "host", "-smp", str(vm["cpus"]), "-m", str(vm["memory"])]
    command += ["-chardev", "file,id=console,path=console.log,append=on", "-serial", "chardev:console"]
    command += ["-drive", "file=disk.qcow2,format=qcow2,if=virtio,discard=unmap", "-device", "virtio-rng-pci"]
    command += ["-netdev", f"user,id=net{net}", "-device", "virtio-net-pci,netdev=net,romfile="]
    if "kernel" in image:
        command += ["-kernel", image["kernel"], "-initrd", image["initrd"], "-append", image["cmdline"]]
    elif arm:
        command += ["-bios", next((one for one in _qemu.FIRMWARE if os.path.exists(one)), _qemu.FIRMWARE[-1])]
    names = sorted(os.listdir(it.first_boot)) if os.path.isdir(it.first_boot) else []
    for name in names:
        if name == "seed.iso":
            command += ["-drive", f"file={first_boot}/seed.iso,format=raw,if=virtio,readonly=on"]
        elif name in CREDENTIALS:  # not what a killed run has half written
            command += ["-smbios", f"type=11,path={first_boot}/{name}"]
    return command


class Qemu(driver.Driver):
    kinds = (VM,)
    local = True
    ssh_user = "debian"
    argument_spec = {
        "cpus": {"type": "int", "default": 2},
        "memory": {"type": "int", "default": 1024},
        "disk_size": {"type": "int", "default": 16},
        "image": {"type": "str", "default": "default"},
        "checksum": {"type": "str", "default": ""},
        "architecture": {"type": "str", "choices": ["x86_64", "aarch64"]},
        "accelerator": {"type": "str", "default": "auto", "choices": ["auto", "kvm", "hvf", "tcg"]},
        "listen": {"type": "str", "default": "127.0.0.1"},
        "ssh_port": {"type": "int"},
        "docker_port": {"type": "int"},
        "ports": {"type": "list", "elements": "str", "default": []},
        "user_data": {"type": "str"},
    }
    verdicts = {"busy": driver.BUSY, "no_answer": driver.UNSURE, "failed": driver.REFUSED}

    def account(self):
        return _qemu.controller()

    def recipe(self, m):
        options = m.options
        for name, least in (("cpus", 1), ("memory", 64), ("disk_size", 1)):
            if options[name] < least:
                raise driver.BadOption(name, f"{options[name]!r} is less than {least}")
        try:
            ipaddress.IPv4Address(options["listen"])
        except ValueError as error:
            raise driver.BadOption("listen", f"{options['listen']!r} is not a valid IPv4 address") from error
        machine = os.uname().machine
        architecture = options["architecture"] or {"arm64": "aarch64", "amd64": "x86_64"}.get(machine, machine)
        if architecture not in _qemu.SYSTEMS:
            raise driver.BadOption("architecture", f"{architecture!r} can't be emulated", "Use x86_64 or aarch64")
        m.look(_qemu.system, architecture)
        image = m.look(_images.find, options["image"], options["checksum"], architecture)
        _form, size = m.look(_qemu.disk_format, image["disk"])
        if options["disk_size"] * GIB < size:
            raise driver.BadOption(
                "disk_size", f"{options['disk_size']!r} is less than the image's {-(-size // GIB)} GiB"
            )
        request = {
            **{name: options[name] for name in ("cpus", "memory", "disk_size", "accelerator", "listen", "ports")},
            "ssh_user": m.ssh_user,
            "architecture": architecture,
            "image": image,
            "public_key": m.public_key,
        }
        if image["channel"] == "smbios":
            if options["user_data"]:
                raise driver.BadOption("user_data", "an image with cloud-init is required", "Use another image")
            request["host_key"] = m.host_key()
        else:
            request["user_data"] = m.user_data()
        names = ("ssh_port", "docker_port")
        more = [("ports", forward[0], forward[2]) for forward in map(_qemu.parse_forward, options["ports"])]
        for name, port, protocol in [*((name, options[name], "tcp") for name in names if options[name]), *more]:
            # Picked once, before others are: from then on it is the machine itself that listens there
            m.once(f"{port}/{protocol}", said_port(m, name, options["listen"], port, protocol))
        for name in names:
            request[name] = options[name] or m.once(name, lambda taken: pick_port(options["listen"], taken))
        asked = [*((name, request[name], "tcp") for name in names), *more]
        for number, (name, port, protocol) in enumerate(asked):
            if (port, protocol) in [one[1:] for one in asked[:number]]:
                raise driver.BadOption(name, f"{port!r} is given twice", "Give each forward its own port")
        m.want(VM, request)


def said_port(m, option, listen, port, protocol):
    """The pick of a port that the user has said."""
    return lambda taken: m.look(check_port, option, listen, port, protocol) and port


def check_port(option, listen, port, protocol):
    if not 0 < port < 65536:
        raise driver.BadOption(option, f"{port!r} is not a valid port", "Give one from 1 to 65535")
    if not _qemu.free_port(listen, port, protocol == "udp"):
        raise driver.BadOption(
            option, f"{port!r} is in use on {listen}", "Use another port, or stop the program that listens there"
        )
    return True


def pick_port(listen, taken):
    return next(port for port in PICKED if port not in taken and _qemu.free_port(listen, port))


def main():
    driver.run(Qemu)


if __name__ == "__main__":
    main()
