# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The Engine of an archive, as it is on a host: its folder, its units, and which archive is used.

A version has a folder of its own, named by the archive's checksum; a link says which one is used, so a change is one
rename, and so is the way back.
Runs on the host, on Python 3.8.
"""

from __future__ import annotations

import contextlib
import os
import typing as t

from . import _commands, _files
from ._paths import HEADER

FOLDER = "/opt/dockyard/engine"
CURRENT = FOLDER + "/current"

_PATH = f"Environment=PATH={CURRENT}:{_commands.SYSTEM_PATH}\n"
_SERVICE = (
    "LimitNOFILE=infinity\nLimitNPROC=infinity\nLimitCORE=infinity\nTasksMax=infinity\nDelegate=yes\nKillMode=process\n"
)
UNITS = {
    "containerd.service": (
        "[Unit]\nDescription=containerd of the Docker Engine\nAfter=network.target local-fs.target\n\n"
        f"[Service]\nType=notify\n{_PATH}ExecStartPre=-/sbin/modprobe overlay\nExecStart={CURRENT}/containerd\n"
        f"Restart=always\nRestartSec=5\n{_SERVICE}OOMScoreAdjust=-999\n\n[Install]\nWantedBy=multi-user.target\n"
    ),
    "docker.socket": (
        "[Unit]\nDescription=Socket of the Docker Engine\n\n[Socket]\nListenStream=/run/docker.sock\nSocketMode=0660\n"
        "SocketUser=root\nSocketGroup=docker\n\n[Install]\nWantedBy=sockets.target\n"
    ),
    "docker.service": (
        "[Unit]\nDescription=Docker Engine\nAfter=network-online.target docker.socket containerd.service\n"
        "Wants=network-online.target containerd.service\nRequires=docker.socket\nStartLimitBurst=3\n"
        f"StartLimitIntervalSec=60\n\n[Service]\nType=notify\n{_PATH}"
        f"ExecStart={CURRENT}/dockerd -H fd:// --containerd=/run/containerd/containerd.sock\n"
        f"ExecReload=/bin/kill -s HUP $MAINPID\nTimeoutStartSec=0\nRestart=always\nRestartSec=2\n{_SERVICE}"
        "OOMScoreAdjust=-500\n\n[Install]\nWantedBy=multi-user.target\n"
    ),
}
UNIT_FILES = {f"/etc/systemd/system/{name}": HEADER + text for name, text in UNITS.items()}


def current() -> str | None:
    """The checksum of the archive that is used."""
    with contextlib.suppress(OSError):
        return os.path.basename(os.readlink(CURRENT))
    return None


def enabled() -> list[str]:
    """Units of these names, of an archive or of others, that come with a boot."""
    return [name for name in UNITS if not _commands.run("systemctl", "is-enabled", "--quiet", name, check=False)[0]]


def about() -> dict[str, t.Any]:
    used = current()
    return {
        "static": used,
        "static_units": bool(used) and all(_files.read(path) == text for path, text in UNIT_FILES.items()),
    }
