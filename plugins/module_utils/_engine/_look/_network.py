# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The host in its network: its addresses, who listens on a port, and where this run comes from."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import socket
import struct
import typing as t

from .. import _files, _processes

# Loopback, link-local, and IPv6's abandoned site-local range, which QEMU's router still hands out, some time after boot
NO_NAMES = ("127.", "169.254.", "::1", "fe8", "fe9", "fea", "feb", "fec", "fed", "fee", "fef")

_SIOCGIFCONF = 0x8912
_IFREQ = 40 if struct.calcsize("P") == 8 else 32
# IPv6: temporary (RFC 8981, another each day), without success in finding that it is unique, deprecated, tentative
_PASSING = 0x01 | 0x08 | 0x20 | 0x40
_UP, _REJECT = 0x1, 0x200  # flags of routes


def own_addresses() -> list[str]:
    """The lasting addresses of the interfaces that default routes go out from.

    Others are left out: bridges of containers come and go, and each would ask for a certificate.
    """
    outward = outward_interfaces(_files.read("/proc/net/route") or "", _files.read("/proc/net/ipv6_route") or "")
    found = ipv4_addresses() + ipv6_addresses(_files.read("/proc/net/if_inet6") or "")
    return [address for name, address in found if name in outward and not address.startswith(NO_NAMES)]


def outward_interfaces(ipv4_routes: str, ipv6_routes: str) -> set[str]:
    """The interfaces of default routes, from /proc/net/route and /proc/net/ipv6_route."""
    found = set()
    for words in map(str.split, ipv4_routes.splitlines()[1:]):
        if len(words) > 7 and words[1] == words[7] == "00000000" and int(words[3], 16) & _UP:
            found.add(words[0])
    for words in map(str.split, ipv6_routes.splitlines()):
        if len(words) > 9 and words[0] == "0" * 32 and words[1] == "00" and not int(words[8], 16) & _REJECT:
            found.add(words[9])
    return found - {"lo"}


def ipv4_addresses() -> list[tuple[str, str]]:
    """Interface and address of each IPv4 address, asked of the kernel."""
    import array

    space = array.array("B", bytes(_IFREQ * 1024))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        question = struct.pack("iP", len(space), space.buffer_info()[0])
        used = struct.unpack("iP", fcntl.ioctl(asking, _SIOCGIFCONF, question))[0]
    content = space.tobytes()[:used]
    records = [content[at : at + _IFREQ] for at in range(0, used, _IFREQ)]
    # A label, such as eth0:1, begins with the interface's name.
    return [
        (record[:16].split(b"\0")[0].decode(errors="replace").split(":")[0], socket.inet_ntoa(record[20:24]))
        for record in records
    ]


def ipv6_addresses(listed: str) -> list[tuple[str, str]]:
    """Interface and address of each IPv6 address that lasts, from /proc/net/if_inet6."""
    return [
        (words[5], socket.inet_ntop(socket.AF_INET6, bytes.fromhex(words[0])))
        for words in map(str.split, listed.splitlines())
        if len(words) > 5 and not int(words[4], 16) & _PASSING
    ]


def listener(port: int, addresses: t.Sequence[str]) -> str | None:
    """Who has a port of these addresses (none: all), but for root's Engine and systemd's sockets, which other looks know more of."""
    for address in addresses or ("0.0.0.0", "::"):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        try:
            with socket.socket(family, socket.SOCK_STREAM) as asking:
                asking.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if family == socket.AF_INET6:
                    asking.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                asking.bind((address, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return _process_on(port)
    return None


def _process_on(port: int) -> str | None:
    """A process that listens on a port, with its unit."""
    listening = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for words in map(str.split, (_files.read(table) or "").splitlines()[1:]):
            if words[3] == "0A" and int(words[1].rsplit(":", 1)[1], 16) == port:
                listening.add(f"socket:[{words[9]}]")
    for pid in sorted(filter(str.isdigit, os.listdir("/proc")), key=int):
        with contextlib.suppress(OSError):
            if any(os.readlink(f"/proc/{pid}/fd/{one}") in listening for one in os.listdir(f"/proc/{pid}/fd")):
                return None if pid == "1" or _processes.program(int(pid)) == "dockerd" else _processes.process(int(pid))
    return None


def controller() -> str | None:
    """The address that this run comes from by SSH. sudo takes it out of the environment, so the parents are asked."""
    said, process = os.environ.get("SSH_CONNECTION"), os.getppid()
    while not said and process > 1:
        variables = (_files.read(f"/proc/{process}/environ") or "").split("\0")
        said = next((line.split("=", 1)[1] for line in variables if line.startswith("SSH_CONNECTION=")), None)
        about = (_files.read(f"/proc/{process}/stat") or "").rsplit(")", 1)[-1].split()
        process = int(about[1]) if len(about) > 1 else 0
    return said.split()[0] if said and said.strip() else None
