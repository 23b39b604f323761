# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Values of options: PEM given as content or as a path on the controller, other files, and plain values."""

from __future__ import annotations

import os
import re
import typing as t

from ansible.errors import AnsibleActionFail, AnsibleError
from ansible.parsing.dataloader import DataLoader

# A key without its first and last line, or in base64 once more
_NO_PATH = re.compile(r"[\w+/=\s-]{100,}|.*\n.*", re.DOTALL)

_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)


def read_pem(loader: DataLoader, option: str, value: str | None) -> str:
    """The PEM text itself, or that of the file named, which may be encrypted with Ansible Vault."""
    if not value:
        return ""
    if "-----BEGIN " in value:
        return value.replace("\r\n", "\n").strip() + "\n"
    path = find_file(loader, value)
    if _NO_PATH.fullmatch(value) and not os.path.exists(path):
        raise AnsibleActionFail(
            f"{option} is a text of {len(value)} characters, which is neither PEM (-----BEGIN …) nor the path of a file on the "
            "controller. It is not shown, as it can be secret"
        )
    try:
        # Decrypted in memory: get_real_file() would leave the key on the disk until the task ends, and for good if it is killed
        content = loader._get_file_contents(path)[0].decode().replace("\r\n", "\n")
    except (AnsibleError, OSError, UnicodeDecodeError) as error:
        raise AnsibleActionFail(f"{option} is {value!r}, which can't be read on the controller: {error}") from error
    if "-----BEGIN " not in content:
        raise AnsibleActionFail(f"{option} is {value!r}, but that file has no PEM in it")
    return content


def read_certificates(loader: DataLoader, option: str, value: str | None) -> str:
    """The certificates of a PEM text or file alone: they go to hosts and clients, and their CA's key may lie beside them."""
    text = read_pem(loader, option, value)
    found = _CERTIFICATE.findall(text)
    if text and not found:
        raise AnsibleActionFail(f"{option} has no certificate in it (-----BEGIN CERTIFICATE-----)")
    return "".join(f"{one}\n" for one in found)


def find_file(loader: DataLoader, value: str) -> str:
    """A file of the controller: a relative path begins at the playbook's folder, or where Ansible was started.

    The latter is what is meant with a playbook of a collection, whose folder is nobody's place for files.
    """
    path = os.path.expanduser(value)
    beside = loader.path_dwim(path)
    return str(beside if os.path.exists(beside) else os.path.abspath(path))


def plain(value: t.Any) -> t.Any:
    """Ordinary dicts, lists and strings, so that comparing and JSON work on any version of Ansible."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, bool) or value is None:
        return value
    for kind in (int, float, str):
        if isinstance(value, kind):
            return kind(value)
    # A day, or before 2.19 what is encrypted with Ansible Vault
    return str(value)
