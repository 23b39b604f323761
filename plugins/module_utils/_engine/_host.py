# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the engine modules do on a host: commands, files, the Engine's API over its own socket.

Runs on Python 3.8.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import re
import shutil
import socket
import stat
import tempfile
import time
import typing as t

from ansible_collections.dockyard.machine.plugins.module_utils import _process
from ansible_collections.dockyard.machine.plugins.module_utils._engine import _disk_space, _symlinks

SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# With what the role installs from an archive
PATH = SYSTEM_PATH + ":/opt/dockyard/engine/current"
UNITS = ("docker.socket", "docker.service")
STARTED = "ExecMainStartTimestampMonotonic"  # the property that tells one start from another
# Of dpkg and apt
LOCKS = ("/var/lib/dpkg/lock-frontend", "/var/lib/dpkg/lock", "/var/lib/apt/lists/lock", "/var/cache/apt/archives/lock")
OWN_SOCKETS = ("/run/docker.sock", "/var/run/docker.sock")  # of root's Engine
SOCKETS: tuple[str, ...] = OWN_SOCKETS


class HostError(Exception):
    """Something on the host did not work; the message is for a person."""


def which(name: str) -> str | None:
    return shutil.which(name, path=PATH)


def run(
    *command: str, limit: float = 60, check: bool = True, environment: dict[str, str] | None = None
) -> tuple[int, str, str]:
    """A command's status, output and errors, in plain English."""
    variables = dict(os.environ, LC_ALL="C", LANGUAGE="C", PATH=PATH, SYSTEMD_PAGER="", **(environment or {}))
    try:
        done = _process.run(command, limit, env=variables)
    except FileNotFoundError:
        raise HostError(f"{command[0]} is not installed") from None
    except OSError as error:  # of another architecture, or where nothing may be run
        raise HostError(f"{command[0]} can't be run: {error.strerror}") from None
    except _process.TimeoutExpired:
        raise HostError(f"'{' '.join(command)}' did not end within {limit:.0f} s") from None
    out, err = done.stdout, done.stderr
    if check and done.returncode:
        raise HostError(f"'{' '.join(command)}' ended with {done.returncode}: {tail(err.strip() or out)}")
    return done.returncode, out, err


def tail(said: str) -> str:
    """A command's last words."""
    return "\n".join(said.strip().splitlines()[-12:])


# -- files


def read(path: str) -> str | None:
    """A file's text, or None if there is none."""
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            return stream.read()
    except (FileNotFoundError, NotADirectoryError):
        return None


def mode_of(path: str, otherwise: int = 0o644) -> int:
    """A file's mode, to keep it; another one where there is no file."""
    try:
        return stat.S_IMODE(os.stat(path).st_mode)
    except OSError:
        return otherwise


def write(path: str, content: str, mode: int, folder_mode: int = 0o755) -> bool:
    """Put a file in place whole or not at all. True if anything changed."""
    check_links(os.path.dirname(path))
    if not os.path.islink(path) and read(path) == content and os.stat(path).st_mode & 0o7777 == mode:
        return False
    try:
        _place(path, content, mode, folder_mode)
    except OSError as error:
        raise HostError(_disk_space.why(error, path)) from error
    return True


def check_links(path: str) -> None:
    problem = _symlinks.untrusted(path)
    if problem:
        raise HostError(f"{problem}. Nothing was written there. Remove the link, or make that folder root's alone")


def _place(path: str, content: str, mode: int, folder_mode: int) -> None:
    folder = os.path.dirname(path)
    if not os.path.isdir(folder):
        _make_folder(folder)
        os.chmod(folder, folder_mode)
    handle, partial = tempfile.mkstemp(prefix=".dockyard-", dir=folder)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            if mode & 0o070 and os.path.isfile(path) and not os.path.islink(path):
                # Who comes to it by its group still does. A user may not give it to any group.
                with contextlib.suppress(PermissionError):
                    os.fchown(stream.fileno(), -1, os.stat(path).st_gid)
            os.fchmod(stream.fileno(), mode)
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        os.rename(partial, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(partial)
        raise
    _sync(folder)


def remove(path: str) -> bool:
    try:
        os.unlink(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    _sync(os.path.dirname(path))
    return True


def _make_folder(path: str) -> None:
    """With those above it, each of them on the disk."""
    if os.path.isdir(path):
        return
    _make_folder(os.path.dirname(path))
    with contextlib.suppress(FileExistsError):
        os.mkdir(path)
    _sync(os.path.dirname(path))


def _sync(folder: str) -> None:
    """The names in a folder are on the disk before the next step: after a power cut no later step counts without this."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some file systems, such as those of shared folders, can't.
        if error.errno not in (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP):
            raise
    finally:
        os.close(descriptor)


def public_key(path: str) -> str | None:
    """The public half of a private key, worked out from the key itself; None if that key can't be used."""
    for command in (
        ("openssl", "pkey", "-in", path, "-pubout", "-passin", "pass:"),
        ("ssh-keygen", "-e", "-m", "PKCS8", "-P", "", "-f", path),
    ):
        if which(command[0]):
            status, out, dummy = run(*command, check=False)
            if status == 0 and "BEGIN PUBLIC KEY" in out:
                return out
    return None


# -- systemd


class Owner(t.NamedTuple):
    """The user whose own manager runs an Engine without root."""

    name: str
    uid: int
    gid: int
    home: str

    @property
    def socket(self) -> str:
        return f"/run/user/{self.uid}/docker.sock"

    def run(self, *command: str, limit: float = 60, check: bool = True) -> tuple[int, str, str]:
        """A command as that user, with that user's manager."""
        variables = (f"XDG_RUNTIME_DIR=/run/user/{self.uid}", f"HOME={self.home}", f"USER={self.name}")
        return run("runuser", "-u", self.name, "--", "env", "-C", "/", *variables, *command, limit=limit, check=check)


OWNER: Owner | None = None  # of the Engine that this is about; None is root


def owner_of(name: str) -> Owner | None:
    import pwd

    try:
        found = pwd.getpwnam(name)
    except KeyError:
        return None
    return Owner(name, found.pw_uid, found.pw_gid, found.pw_dir)


def belongs_to(owner: Owner | None) -> None:
    """From now on the Engine is that user's: its units, its socket and its log."""
    global OWNER, SOCKETS
    OWNER = owner
    SOCKETS = (owner.socket,) if owner else OWN_SOCKETS


def systemctl(*words: str, limit: float = 60, check: bool = True) -> tuple[int, str, str]:
    """systemctl of the manager to which the Engine's units belong."""
    if not OWNER:
        return run("systemctl", *words, limit=limit, check=check)
    # Without root the Engine listens by itself: it has no unit for that.
    return OWNER.run(
        "systemctl", "--user", *(word for word in words if word != "docker.socket"), limit=limit, check=check
    )


def process(pid: int) -> str:
    """A process in words: its name, and the unit that it belongs to."""
    units = re.findall(r"([^/\s]+\.service)$", read(f"/proc/{pid}/cgroup") or "", re.M)
    return f"process {pid} ({', '.join([program(pid), *units[:1]])})"


def program(pid: int) -> str:
    return (read(f"/proc/{pid}/comm") or "?").strip()


def show(*units: str) -> dict[str, dict[str, str]]:
    """Properties of units, in one call."""
    names = (
        "Id,LoadState,ActiveState,SubState,UnitFileState,FragmentPath,DropInPaths,NeedDaemonReload,MainPID,Job,"
        f"{STARTED},Result"
    )
    found: dict[str, dict[str, str]] = {}
    for paragraph in systemctl("show", "--no-pager", "-p", names, *units)[1].split("\n\n"):
        values = dict(line.split("=", 1) for line in paragraph.splitlines() if "=" in line)
        if "Id" in values:
            found[values["Id"]] = values
    return found


def on_its_way(properties: dict[str, str]) -> bool:
    """Whether a unit is being started or stopped, or waits for its turn in a boot."""
    return properties.get("Job", "0") not in ("", "0") or properties.get("ActiveState") in (
        "activating",
        "deactivating",
    )


# -- the Engine's API


def ask(question: str, limit: float = 10, method: str = "GET") -> t.Any:
    """What the Engine answers on its own socket, or None if it doesn't or has nothing to say.

    Ask only while docker.service is active: a question to the socket alone would start it.
    In HTTP/1.0, where an answer is all up to the end. Python's own client would bring in its TLS and its mail headers,
    which is a fifth of what a module's start takes.
    """
    for path in SOCKETS:
        if os.path.exists(path):
            try:
                with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as stream:
                    stream.settimeout(limit)
                    stream.connect(path)
                    stream.sendall(f"{method} {question} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
                    with stream.makefile("rb") as answer:
                        head, dummy, content = answer.read().partition(b"\r\n\r\n")
                return json.loads(content) if b" 200 " in head.split(b"\r\n")[0] else None
            except (OSError, ValueError):
                return None
    return None


# -- waiting


def until(question: t.Callable[[], t.Any], limit: float, first: float = 0.05, longest: float = 2.0) -> t.Any:
    """The first true answer, or the last false one after the limit; asked ever more slowly."""
    end = time.monotonic() + limit
    pause = first
    while True:
        answer = question()
        left = end - time.monotonic()
        if answer or left <= 0:
            return answer
        time.sleep(min(pause, left))
        pause = min(pause * 1.5, longest)


def lock_holder(paths: t.Iterable[str]) -> str | None:
    """Who holds a package manager's lock, read from the kernel's list so that the lock itself isn't touched."""
    inodes = {}
    for path in paths:
        try:
            inodes[os.stat(path).st_ino] = path
        except OSError:
            continue
    for line in (read("/proc/locks") or "").splitlines():
        words = line.split()
        if len(words) >= 8 and words[1] == "POSIX" and words[5].rsplit(":", 1)[-1].isdigit():
            inode = int(words[5].rsplit(":", 1)[-1])
            if inode in inodes:
                return f"{inodes[inode]} is held by {process(int(words[4]))}"
    return None


@contextlib.contextmanager
def alone(path: str, limit: float) -> t.Iterator[None]:
    """While no other run does the same here: one whose connection broke off goes on, and its successor waits for it."""
    with open(path, "a", encoding="ascii") as stream:

        def taken() -> bool:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            return True

        if not until(taken, limit):
            raise HostError(
                f"Another run of the role docker_engine is at work on this host, and did not end within {limit:.0f} s"
            )
        yield


def cloud_init_pending() -> str | None:
    """What cloud-init still has to do, or None if it is done, off or not there."""
    if not os.path.isdir("/run/cloud-init") or os.path.exists("/run/cloud-init/result.json"):
        return None
    if os.path.exists("/run/cloud-init/disabled") or not which("cloud-init"):
        return None
    last = "cloud-final.service"
    if os.path.isdir("/run/systemd/system") and not on_its_way(show(last).get(last, {})):
        return None  # its units are masked or disabled, or the last one has failed: nothing comes of it any more
    try:
        stages = json.loads(read("/run/cloud-init/status.json") or "{}").get("v1", {})
    except ValueError:
        stages = {}
    return "cloud-init is in its stage %s" % (stages.get("stage") or "(not started)")
