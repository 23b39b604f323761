# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The vendor's repository on the host: its key, looked at before it is put in place, and its source file.

Runs on the host, on Python 3.8.
"""

from __future__ import annotations

import os
import typing as t

from .. import _download
from . import _commands, _openpgp
from ._errors import HostError
from ._file_changes import Files
from ._package_managers import (
    Family,
    Repository,
    command,
    variables,
)

CA_BUNDLES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem")
# Besides its exit status: apt goes on with the lists of old where a signature is wrong.
_REFUSED = ("GPG error", "is not signed", "NO_PUBKEY", "BADSIG", "EXPKEYSIG", "could not be verified", "signature")


def needs_authorities(step: t.Mapping[str, t.Any]) -> bool:
    """Whether HTTPS is to be spoken on a host that trusts nobody yet."""
    texts = (step["source"], step["key"][:8])
    return any("https://" in text for text in texts) and not any(os.path.exists(path) for path in CA_BUNDLES)


def set_up(step: t.Mapping[str, t.Any], family: Family, files: Files, limit: float) -> None:
    """Key and source in place, and the repository read; or an error, with what the files did not know yet."""
    places = family.repository
    if places is None:
        raise HostError(f"{family.program} has no place for a repository that the role knows")
    if step.get("renew"):
        files.put(places.key_path, _key(step), 0o644)
    for path in step.get("others", []):
        files.put(path, None)
    files.put(places.source_path, step["source"], 0o644)
    trouble = _read(step, family, places, limit)
    if trouble and step["key"].startswith("http") and not step.get("renew"):
        # The key that is pinned may have got a longer life, or new signing keys, since it was put here.
        files.put(places.key_path, _key(step), 0o644)
        trouble = _read(step, family, places, limit)
    if trouble:
        raise HostError(f"The repository was not accepted: {trouble}")


def _key(step: t.Mapping[str, t.Any]) -> str:
    """The pinned key alone, from what is downloaded if need be. What has another fingerprint is not put anywhere."""
    key: str = step["key"]
    try:
        text = _download.fetch(key) if key.startswith("http") else key
        return _openpgp.only(text, step["pinned"])
    except _download.DownloadError as error:
        raise HostError(
            f"The repository's key is missing: {error}. For an air-gapped host, get it over the controller with "
            "docker_engine_download, or from a mirror with docker_engine_repository"
        ) from None
    except _openpgp.PgpError as error:
        where = key if key.startswith("http") else "docker_engine_repository.key"
        raise HostError(f"{where} is not the key that is pinned: {error}. Nothing was installed") from None


def _read(step: t.Mapping[str, t.Any], family: Family, places: Repository, limit: float) -> str:
    """What is wrong with the repository, or nothing."""
    if places.trust:
        _commands.run(*places.trust, places.key_path, limit=limit)
    # Behind the verb, where all of them take options.
    words = command(family.refresh, limit) + [word.format(component=step["component"]) for word in places.only]
    status, out, err = _commands.run(*words, limit=limit + 600, check=False, environment=variables(family, limit))
    lines = [line.strip() for line in (out + "\n" + err).splitlines() if line.startswith(("E:", "W:", "Err:"))]
    if status or any(word in line for line in lines for word in _REFUSED):
        return " ".join(lines[-6:]) or err.strip() or out.strip()
    return ""
