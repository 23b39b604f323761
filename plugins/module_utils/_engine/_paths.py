# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files of the Engine and of the role on a host, and their modes. Runs on the controller and, on Python 3.8, on hosts."""

from __future__ import annotations

CONFIG_PATH = "/etc/docker/daemon.json"
ENVIRONMENT_PATH = "/etc/docker/dockyard.env"
TLS_FOLDER = "/etc/docker/tls"
CA_PATH = TLS_FOLDER + "/ca.pem"
CERTIFICATE_PATH = TLS_FOLDER + "/cert.pem"
KEY_PATH = TLS_FOLDER + "/key.pem"
KEY_MODE, CERTIFICATE_MODE = 0o400, 0o444  # what the CIS Docker Benchmark asks for
STATE_PATH = "/var/lib/dockyard/engine.json"
# Last by name: a later drop-in with an ExecStart of its own would take --tlsverify away.
SERVICE_DROP_IN = "/etc/systemd/system/docker.service.d/zz-dockyard.conf"
SOCKET_DROP_IN = "/etc/systemd/system/docker.socket.d/zz-dockyard.conf"
HEADER = "# Written by the Ansible role dockyard.machine.docker_engine. Changes here are overwritten.\n"
