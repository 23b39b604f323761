# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the driver qemu stands on: programs, accelerator, QMP, files. Knows no machine."""

from __future__ import annotations

import base64
import contextlib
import fcntl
import io
import json
import os
import platform
import shutil
import signal
import socket
import struct
import sys
import tempfile
import typing as t

from . import _process
from ._durable import sync, write_file
from ._errors import BadOption, MachineError

QMP_LIMIT = 10  # seconds for an answer of a QEMU that accepted the connection
PROBE_LIMIT = 3  # seconds in which a guest that is not emulated has long ended
SYSTEMS = {"x86_64": "qemu-system-x86", "aarch64": "qemu-system-arm"}  # architecture -> Debian's package
# Guests that end QEMU. A boot sector that goes from real to long mode, with a page table, and counts there, as a kernel
# would: there are hosts whose KVM emulates a kernel's instructions, a hundred times slower than QEMU, and hangs in a boot.
# Its last instructions are dx=0xf4, out al=0x10 (isa-debug-exit), status 33.
# On ARM a kernel: PSCI SYSTEM_OFF.
PROBES = {
    "x86_64": (
        bytes.fromhex(
            "fa31c08ed88ec08ed0bc007c"  # no interrupts, segments 0, a stack
            "bf0010b90018f3abc70600100320c70600200330c70600308300"  # 0x1000: three tables for the first 2 MiB
            "0f20e00c200f22e066b8001000000f22d8"  # cr4.PAE, cr3
            "66b9800000c00f32660d000100000f30"  # EFER.LME
            "0f0116807c0f20c0660d010000800f22c0ea5d7c0800"  # lgdt, cr0.PG and cr0.PE, far jump
            "b900000004ffc975fc"  # 64 bits: count down from 2 to the 26th
            "66baf400b010eef4ebfd"  # out, halt
            "000000000000000000000000009a20000f00707c0000"  # GDT: nothing and code; its place
        ).ljust(510, b"\0")
        + b"\x55\xaa",
        ["-device", "isa-debug-exit,iobase=0xf4", "-drive", "file=PROBE,format=raw,if=ide"],
        33,
    ),
    "aarch64": (struct.pack("<III", 0x52800100, 0x72B08000, 0xD4000002), ["-M", "virt", "-kernel", "PROBE"], 0),
}
FIRMWARE = ("/usr/share/qemu-efi-aarch64/QEMU_EFI.fd", "/usr/share/AAVMF/AAVMF_CODE.fd", "edk2-aarch64-code.fd")


class QemuError(Exception):
    """What a program of QEMU said. ``code`` is for the driver's verdicts."""

    def __init__(self, message: str, code: str = "failed") -> None:
        super().__init__(message)
        self.code = code


def program(name: str, package: str) -> str:
    path = shutil.which(name)
    if not path:
        raise MachineError(
            f"There is no {name} on this controller", code="missing_program", remedy=f"Install the package {package}"
        )
    return path


def system(architecture: str) -> str:
    """Path of the emulator."""
    return program(f"qemu-system-{architecture}", SYSTEMS[architecture])


def image_tool(*arguments: str) -> None:
    """qemu-img, for what makes or grows disks."""
    command = [program("qemu-img", "qemu-utils"), *arguments]
    done = _process.run(command)
    if done.returncode:
        raise QemuError(f"qemu-img {arguments[0]}: {done.stderr.strip()}", _code(done.stderr))


def run_qemu(command: list[str], folder: str) -> None:
    """Start a machine. QEMU leaves for the background when it runs, and says before that what is wrong."""
    # No files but these: QEMU lives on, and would hold the locks of the run that started it.
    done = _process.run(command, cwd=folder, umask=0o077)
    if done.returncode:
        said = done.stderr.strip() or f"exit status {done.returncode}"
        if "host forwarding rule" in said:
            raise MachineError(
                f"QEMU can't listen on a forwarded port: {said}",
                code="port_taken",
                remedy="End what listens there, or give other numbers in ssh_port, docker_port and ports",
            )
        raise QemuError(said, _code(said))


def _code(said: str) -> str:
    """Busy: a QEMU that is about to end still has its files."""
    return "busy" if "Cannot lock pid file" in said or "Failed to get " in said and " lock" in said else "failed"


def controller() -> str:
    """Which controller this is: a machine is a process on one, also where several share its store."""
    try:
        with open("/etc/machine-id", encoding="ascii") as file:
            return file.read().strip() or platform.node()
    except FileNotFoundError:  # no Linux
        return platform.node()


# Files


def remove(folder: str) -> None:
    """A folder and all that is in it, durably."""
    shutil.rmtree(folder)
    sync(os.path.dirname(folder))


def read_json(path: str) -> t.Any:
    """What a file holds; None if it isn't there."""
    try:
        with open(path, encoding="utf-8") as file:
            return json.load(file)
    except FileNotFoundError:
        return None


def disk_format(path: str) -> tuple[str, int]:
    """Format and virtual size in bytes, by the file's head: without a process for each look at a machine."""
    with open(path, "rb") as file:
        head = file.read(32)
        if head[:4] == b"QFI\xfb":
            return "qcow2", int(struct.unpack(">Q", head[24:32])[0])
        return "raw", os.fstat(file.fileno()).st_size


def seed_iso(user_data: str, meta_data: str) -> bytes:
    """The disk that cloud-init's source NoCloud reads."""
    try:
        import pycdlib
    except ImportError as error:
        raise MachineError(
            "Images with cloud-init need the Python library pycdlib on this controller",
            code="missing_library",
            remedy="Install it: pip install pycdlib",
        ) from error
    iso = pycdlib.PyCdlib()
    iso.new(joliet=3, rock_ridge="1.09", vol_ident="cidata")
    for name, text in (("user-data", user_data), ("meta-data", meta_data)):
        data, short = text.encode(), f"/{name.replace('-', '').upper()[:8]}.;1"
        iso.add_fp(io.BytesIO(data), len(data), short, rr_name=name, joliet_path=f"/{name}")
    out = io.BytesIO()
    iso.write_fp(out)
    iso.close()
    return out.getvalue()


def credential(name: str, value: str) -> str:
    """One systemd credential, as a string of the SMBIOS table."""
    return f"io.systemd.credential.binary:{name}={base64.b64encode(value.encode()).decode()}"


# Accelerators


def accelerator(architecture: str, cache: str) -> str:
    """The best accelerator under which a guest really runs: that a device opens says little.

    Asked once for each QEMU, kernel and host: the answer is kept in the cache.
    """
    name = {"darwin": "hvf"}.get(sys.platform, "kvm")
    host = {"arm64": "aarch64", "amd64": "x86_64"}.get(os.uname().machine, os.uname().machine)
    if architecture != host or (name == "kvm" and not os.access("/dev/kvm", os.R_OK | os.W_OK)):
        return "tcg"
    qemu = system(architecture)
    stat = os.stat(qemu)
    key = " ".join(map(str, [qemu, stat.st_size, stat.st_mtime_ns, os.uname().release, os.uname().nodename, name]))
    os.makedirs(cache, exist_ok=True)
    path = os.path.join(cache, "accelerators.json")
    with open(f"{path}.lock", "a", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # machines that are made at once ask once
        try:
            known = read_json(path) or {}
        except ValueError:
            known = {}
        if key not in known:
            known[key] = name if _works(qemu, architecture, name) else "tcg"
            write_file(path, json.dumps(known, indent=1))
        return str(known[key])


def _works(qemu: str, architecture: str, name: str) -> bool:
    code, arguments, status = PROBES[architecture]
    with tempfile.NamedTemporaryFile(prefix="dockyard-probe-") as file:
        file.write(code)
        file.flush()
        command = [qemu, "-accel", name, "-cpu", "max", "-m", "64", "-nodefaults", "-display", "none", "-no-reboot"]
        command += [part.replace("PROBE", file.name) for part in arguments]
        try:
            done = _process.run(command, PROBE_LIMIT)
        except _process.TimeoutExpired:
            return False
    return done.returncode == status


# QMP


@contextlib.contextmanager
def _inside(folder: str) -> t.Iterator[None]:
    """The path of a UNIX socket has at most 107 characters, so it is named from within its folder."""
    before = os.open(".", os.O_RDONLY)
    try:
        os.chdir(folder)
        yield
    finally:
        os.fchdir(before)
        os.close(before)


def qmp(folder: str, command: str) -> t.Any:
    """One command to the QEMU that runs in this folder; None if none does.

    A client of our own: the library qemu.qmp takes 0.1 s to import, half of what a module's start costs,
    for these four lines of protocol, and each controller would have to have it.
    """
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(QMP_LIMIT)
            with _inside(folder):
                connection.connect("qmp.sock")
            with connection.makefile("rwb") as stream:
                json.loads(stream.readline())  # the greeting
                for name in ("qmp_capabilities", command):
                    stream.write(json.dumps({"execute": name}).encode() + b"\n")
                    stream.flush()
                    answer = _answer(stream)
                return answer
    except (FileNotFoundError, ConnectionRefusedError):
        return None
    except (OSError, ValueError) as error:  # ValueError: it went away in the middle of an answer
        if command != "quit":
            raise QemuError(f"QEMU does not answer to {command}: {error}", "no_answer") from error
        if isinstance(error, TimeoutError):
            _end(folder)
        return None


def _answer(stream: io.BufferedRWPair) -> t.Any:
    while True:
        message = json.loads(stream.readline())
        if "error" in message:
            raise QemuError(message["error"]["desc"])
        if "return" in message:
            return message["return"]


def _end(folder: str) -> None:
    """End a QEMU that accepts connections, so it lives and the process is its, but does not answer."""
    with contextlib.suppress(OSError, ValueError), open(os.path.join(folder, "qemu.pid"), encoding="ascii") as file:
        os.kill(int(file.read()), signal.SIGKILL)


# What the recipe asks


def free_port(listen: str, port: int, udp: bool = False) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM if udp else socket.SOCK_STREAM) as probe:
        if not udp:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((listen, port))
        except OSError:
            return False
        return True


def parse_forward(text: str) -> tuple[int, int, str]:
    """A forward "HOST:GUEST[/udp]"."""
    ports, _slash, protocol = text.partition("/")
    parts = ports.split(":")
    if len(parts) == 2 and all(one.isdigit() and 0 < int(one) < 65536 for one in parts) and protocol in ("", "udp"):
        return int(parts[0]), int(parts[1]), protocol or "tcp"
    raise BadOption(
        "ports", f"{text!r} is not a valid forward", "Write HOST:GUEST or HOST:GUEST/udp, each port from 1 to 65535"
    )
