# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What goes wrong on a host when the Engine is installed: what it means, whether it may pass, and what helps.

Package managers say it in English, since they are run with LC_ALL=C. Runs on the host, on Python 3.8.
"""

from __future__ import annotations

import re
import time
import typing as t

from .. import _clock
from . import _disk_space as places
from . import _files, _processes
from ._errors import HostError

# What an output does not say, by its name in a sentence: from the output
Facts = t.Mapping[str, t.Callable[[str], str]]


class Trouble(t.NamedTuple):
    """One kind of trouble. In its sentences, {0} is the group of the pattern that was found, {NAME} one of FACTS."""

    found: str
    means: str
    helps: str
    passes: bool = False  # it may go by itself, so it is tried again


# The first that is found is what is told: a cause comes before what follows from it.
TROUBLES = (
    Trouble(
        r"(?:No space left on device|enough free space in (/\S+[^.\s])|more space needed on the|Failed writing received data to disk"
        r"|not enough free disk space)",
        "A file system of this host is full: {space}",
        "Free some space there",
    ),
    Trouble(
        r"Read-only file system",
        "A file system of this host is read-only: {read_only}",
        "Mount it for writing; if the kernel made it so after an error, the host's log says why",
    ),
    Trouble(
        r"Release file for (\S+) is (?:not valid yet|expired)[^\n]*",
        "By the clock of this host ({clock}) the lists of {0} are not valid",
        "Set the clock, and enable time synchronisation (timesyncd, chrony). If the clock is right, that mirror is out of date",
    ),
    Trouble(
        # A signature beside files that are not there is one of other files: apt takes what a mirror has of them.
        r"(?s:(?=.*BADSIG)(?=.*does(?: not|n't) have a Release file))",
        "The mirror of this host's packages is being changed",
        "Run again later, or choose another mirror",
        passes=True,
    ),
    Trouble(
        r"(?:NO_PUBKEY|BADSIG|EXPKEYSIG|The repository '[^']*' is not signed|Missing key|Bad OpenPGP signature"
        r"|Public key for \S+ is not installed|GPG check FAILED|Signature verification failed|is of unknown trust"
        # Of lists that a source of dnf or zypper wants signed
        r"|GPG signature verification error|GPG signature is not available|is unsigned|\(PGP signature\))[^\n]*",
        "A repository is not signed by a key that this host trusts for it: {said}",
        "If its owner says that the key is a new one, pin that (docker_engine_repository.fingerprints). If not, do not use it",
    ),
    Trouble(
        r"(?i:Could not get lock|unable to lock|Unable to acquire|lock was locked by|can't create transaction lock|System management is locked)[^\n]*",
        "Another program is installing packages: {lock}",
        "Wait for it to end, or look at what it does",
        passes=True,
    ),
    Trouble(
        r"(?:(?:Temporary failure resolving|Could not resolve(?: host)?:?|Something wicked happened resolving) '?([\w.-]+)"
        r"|https?://([\w.-]+)\S* could not be read: \[Errno -\d)",
        "This host can't resolve the name {0}",
        "Look at its /etc/resolv.conf, where the name servers are {name_servers}",
        passes=True,
    ),
    Trouble(
        # As _download says it
        r"(http\S+) could not be read: "
        r"(?:HTTP (?:404|408|429|5\d\d)|\[Errno \d|it ended|IncompleteRead|Remote end closed|[^\n]*timed out)",
        "This host can't get {0}",
        "Look at that address, and at this host's way there",
        passes=True,
    ),
    Trouble(
        r"(?:(http\S+)\s+404  ?Not Found|The repository '([^']*)' does(?: not|n't) have a Release file|Status code: 404 for (http\S+)"
        r"|'(\S+)' from \S+ : The requested URL returned error: 404|(http[^\s\]|]+)\] Repository type can't be determined"
        r"|File '([^']*)' not found on medium)",
        "The mirror of this host's packages has no {0}",
        "Look at the mirror, and at the sources of packages on this host",
        passes=True,
    ),
    Trouble(
        r"(?:Hash Sum mismatch|unexpected size|Mirror sync in progress|checksum doesn't match|corrupted during transfer"
        r"|\(checksum\))",
        "The mirror of this host's packages is being changed",
        "Run again later, or choose another mirror",
        passes=True,
    ),
    Trouble(
        r"(?:Could not connect to|Unable to connect to|Connection (?:failed|timed out|refused)|Cannot initiate the connection to"
        r"|Failed to fetch (http\S+)  5\d\d|Couldn't connect to server|Failed to connect to|Timeout was reached"
        r"|(?:Status code:|returned error:) 5\d\d)[^\n]*",
        "The mirror of this host's packages does not answer: {said}",
        "Look at the host's network, and at its proxy if it needs one: in the package manager's own configuration, such as "
        "Acquire::http::Proxy in /etc/apt/apt.conf.d",
        passes=True,
    ),
    Trouble(
        r"Held packages were changed[^\n]*",
        "A package that is held on this host would have to be changed with the Engine: {said}",
        "Set docker_engine_hold to 'held' or 'released', or release that package",
    ),
    Trouble(
        r"No such command: versionlock",
        "dnf has no command on this host by which packages are held",
        "Install it there: dnf install 'dnf-command(versionlock)'",
    ),
    Trouble(
        r"(?:Unable to locate package (\S+)|Package '?([^'\s]+)'? has no installation candidate|Unable to find a match: ([^\n]+)"
        r"|No match for argument: (\S+)|No provider of '([^']+)' found|target not found: (\S+))",
        "No source of packages on this host has {0}",
        "Look at these sources: /etc/apt/sources.list.d, /etc/yum.repos.d, /etc/zypp/repos.d or /etc/pacman.conf",
    ),
)


def found(text: str) -> tuple[Trouble, re.Match[str]] | None:
    """The kind of trouble that an output tells of, or None."""
    for trouble in TROUBLES:
        match = re.search(trouble.found, text)
        if match:
            return trouble, match
    return None


def explained(text: str, facts: Facts | None = None) -> str:
    """An output as a person wants it: what it means, what helps, and then what was said."""
    known = found(text)
    if not known:
        return text
    trouble, match = known
    what = next(filter(None, match.groups()), "")
    words = f"{trouble.means}. {trouble.helps}"
    read = {name: fact(text) for name, fact in (facts or FACTS).items() if "{" + name + "}" in words}
    read["said"] = " ".join(match.group().split())
    return words.format(what, **read) + f". In its own words: {text}"


def persistently(work: t.Callable[[], None], limit: float, longest: float = 15.0, facts: Facts | None = None) -> None:
    """Do what meets trouble that may pass, again and ever more slowly, until it works or the limit is over."""
    clock = _clock.Clock()
    end = clock.monotonic() + limit
    for tries, _left in enumerate(clock.poll(limit, 1.0, longest), 1):
        try:
            work()
            return
        except HostError as error:
            known = found(str(error))
            if not known or not known[0].passes:
                raise HostError(explained(str(error), facts)) from None
            if clock.monotonic() >= end:
                raise HostError(
                    f"Tried {tries} times in {limit:.0f} s (docker_engine_wait_timeout). {explained(str(error), facts)}"
                ) from None


# -- what an output does not say, read on the host only when it is told


def _seen(text: str) -> list[dict[str, t.Any]]:
    """The file systems that may be meant: those of the files that the output names come first."""
    named = [*re.findall(r"'(/[^'\n]+)\.dpkg-new'", text), *places.PLACES, "/tmp"]
    return list(
        {(place["device"], place["read_only"]): place for place in map(places.place, reversed(named))}.values()
    )[::-1]


def _space(text: str) -> str:
    return ", ".join(f"{place['folder']} has {places.size(place['free'])} free" for place in _seen(text))


def _read_only(text: str) -> str:
    return ", ".join(place["folder"] for place in _seen(text) if place["read_only"]) or "see below"


def _name_servers(text: str) -> str:
    lines = (_files.read("/etc/resolv.conf") or "").splitlines()
    return ", ".join(line.split()[1] for line in lines if line.startswith("nameserver ")) or "none"


FACTS: Facts = {
    "space": _space,
    "read_only": _read_only,
    "name_servers": _name_servers,
    "clock": lambda text: time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
    "lock": lambda text: _processes.lock_holder(_processes.LOCKS) or "see below; or it has let go of the lock by now",
}
