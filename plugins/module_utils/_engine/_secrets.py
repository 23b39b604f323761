# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is secret: the Engine's environment, and proxies as it and as Docker's client spell them.

Pure; used on the controller and on hosts, so it runs on Python 3.8. No value is in a message.
"""

from __future__ import annotations

import json
import typing as t
from urllib.parse import urlsplit

# The role's name: the Engine's variable, the key in a client's config.json
NAMES = {
    "http_proxy": ("HTTP_PROXY", "httpProxy"),
    "https_proxy": ("HTTPS_PROXY", "httpsProxy"),
    "no_proxy": ("NO_PROXY", "noProxy"),
    "ftp_proxy": ("FTP_PROXY", "ftpProxy"),
    "all_proxy": ("ALL_PROXY", "allProxy"),
}
SCHEMES = ("http", "https", "socks5", "socks5h")


def secrets_of(text: str) -> tuple[dict[str, str], dict[str, str]]:
    """From what the role hands to a module: the Engine's variables, and the keys of clients."""
    given = {name: value for name, value in json.loads(text).items() if value is not None}
    environment = {**given.get("environment", {}), **variables(given.get("proxies", {}))}
    return (
        {name: str(value) for name, value in environment.items()},
        client_keys(given.get("client_proxies", {})),
    )


def variables(proxies: t.Mapping[str, t.Any]) -> dict[str, str]:
    """Of the Engine's environment."""
    return _spelled(proxies, 0)


def client_keys(proxies: t.Mapping[str, t.Any]) -> dict[str, str]:
    """Of ``proxies.default`` in a client's config.json."""
    return _spelled(proxies, 1)


def _spelled(proxies: t.Mapping[str, t.Any], which: int) -> dict[str, str]:
    return {
        NAMES[name][which]: ",".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
        for name, value in proxies.items()
        if value
    }


def wrong(option: str, proxies: t.Mapping[str, t.Any]) -> str | None:
    """What can't be a proxy, without its value, which can be secret; None if all can."""
    for name, value in proxies.items():
        if name == "no_proxy" or not value:
            continue
        try:
            url = urlsplit(str(value))
            good = url.scheme in SCHEMES and bool(url.hostname) and (url.port is None or url.port > 0)
        except ValueError:
            good = False
        if not good or any(sign.isspace() for sign in str(value)):
            return (
                f"{option}.{name} is not a valid proxy: write SCHEME://HOST:PORT, optionally with USER:PASSWORD@ before the "
                f"host (percent-encoded); the scheme is {', '.join(SCHEMES)}. The value is not shown, as it can be secret"
            )
    return None
