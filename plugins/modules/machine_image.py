#!/usr/bin/python
# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: machine_image
short_description: Bake a machine image from a distribution's packages
version_added: 0.1.0
description:
  - Bakes a disk image with kernel and initial RAM disk, from the packages of Debian or Ubuntu, with C(mmdebstrap).
  - The image is a folder of the cache, named after its content. It is never changed afterwards, since the disks of
    machines are overlays of it. An image with the same recipe is not baked again.
  - The role P(dockyard.machine.machine_image#role) has the recipe of the default image and calls this module.
author: Dockyard contributors (@dockyard)
requirements:
  - mmdebstrap
  - mke2fs (package e2fsprogs)
  - newuidmap (package uidmap), unless root bakes
extends_documentation_fragment:
  - ansible.builtin.action_common_attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  platform:
    platforms: posix
options:
  recipe:
    description:
      - Folder with the recipe.
      - C(guest/), the files that are copied over the packages, owned by root.
      - C(customize.sh), a hook of mmdebstrap (C($1) is the tree), which puts C(vmlinuz) and C(initrd.img) into
        C(/boot/dockyard).
      - C(disk.sh), the last hook, which creates the file system in the file of the variable E(DOCKYARD_DISK).
    type: path
    required: true
  packages:
    description: Packages of the image. Patterns of mmdebstrap work too.
    type: list
    elements: str
    required: true
  distribution:
    description: The distribution of the packages, which is part of the image's name.
    type: str
    required: true
  suite:
    description: The suite (code name) of the distribution.
    type: str
    required: true
  architecture:
    description: The machine's architecture, as C(uname -m) reports it.
    type: str
    choices: [x86_64, aarch64]
    required: true
  mirrors:
    description:
      - Sources of packages in mmdebstrap's format, which are URIs or whole C(deb) lines.
      - By default the controller's own apt sources of the same distribution and suite, else the distribution's usual
        ones.
    type: list
    elements: str
    default: []
  components:
    description: Components of the archive, for mirrors that are URIs only.
    type: list
    elements: str
    default: [main]
  size:
    description: Size of the disk in MiB. The file is sparse, and a machine's own disk can be larger.
    type: int
    default: 2048
  cmdline:
    description: The kernel's command line.
    type: str
    default: root=/dev/vda rw console=ttyS0 quiet
  mode:
    description: The mode of mmdebstrap. V(auto) is V(root) for root, else V(unshare), which needs only user namespaces.
    type: str
    choices: [auto, root, unshare]
    default: auto
  cache:
    description:
      - Folder of the images.
      - By default C(dockyard/images) in E(XDG_CACHE_HOME) or C(~/.cache).
    type: path
  force:
    description: Bake even if there is an image of this recipe, to include newer packages.
    type: bool
    default: false
  default:
    description: Point the link C(default) in the cache to this image. The driver uses it by default.
    type: bool
    default: true
"""

EXAMPLES = r"""
- name: Bake the default image once
  ansible.builtin.include_role:
    name: dockyard.machine.machine_image

- name: Bake an image of your own recipe
  dockyard.machine.machine_image:
    recipe: "{{ playbook_dir }}/image"
    distribution: debian
    suite: trixie
    architecture: x86_64
    packages: [linux-image-cloud-amd64, systemd-sysv, udev, openssh-server, python3]
    default: false
"""

RETURN = r"""
image:
  description: The image. If it would be baked in check mode, without the values that are only known after baking.
  returned: success
  type: dict
  contains:
    path:
      description: The image's folder.
      type: str
    name:
      description: Name of the image and of its folder.
      type: str
    recipe:
      description: Hash of everything that the image is made from.
      type: str
    packages:
      description: Versions of the packages inside.
      type: dict
    architecture:
      description: The machine's architecture.
      type: str
  sample: {"path": "/home/ann/.cache/dockyard/images/debian-bookworm-x86_64-5e8dca2ba4f1", "name": "debian-bookworm-x86_64-5e8dca2ba4f1"}
"""

import contextlib
import fcntl
import hashlib
import io
import json
import os
import shutil
import tarfile
import tempfile

from ansible_collections.dockyard.machine.plugins.module_utils import _durable, _process
from ansible_collections.dockyard.machine.plugins.module_utils._download import cache_folder
from ansible_collections.dockyard.machine.plugins.module_utils._quiet import QuietModule

DEB_ARCHITECTURE = {"x86_64": "amd64", "aarch64": "arm64"}
# mmdebstrap would clean the tree after disk.sh has read it: customize.sh does that instead
SKIP = "cleanup/apt,cleanup/mmdebstrap,cleanup/reproducible,cleanup/run,cleanup/tmp"
# What nobody reads on a machine; licences stay
EXCLUDE = ("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/info/*", "/usr/share/locale/*", "/usr/share/lintian/*")


class BakeError(Exception):
    """A message for a person."""


def recipe_files(folder):
    """All files of the recipe: path in it → content."""
    found: dict = {}
    for where, dirs, names in os.walk(folder):
        dirs.sort()
        for name in sorted(names):
            path = os.path.join(where, name)
            with open(path, "rb") as stream:
                found[os.path.relpath(path, folder)] = (bool(os.stat(path).st_mode & 0o100), stream.read())
    for name in ("customize.sh", "disk.sh"):
        if name not in found:
            raise BakeError(f"recipe: {folder} has no file {name}")
    return found


def recipe_hash(params, files):
    """Equal exactly when an image would be made from the same things (newer packages aside: those are `force`)."""
    told = {key: params[key] for key in sorted(params) if key not in ("recipe", "cache", "force", "default", "mode")}
    told["files"] = {name: [executable, hashlib.sha256(data).hexdigest()] for name, (executable, data) in files.items()}
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def guest_tar(files):
    """The files of guest/ as a tar archive: root's, with modes that don't depend on the checkout's umask."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, (executable, data) in files.items():
            if name.startswith("guest/"):
                entry = tarfile.TarInfo(name[len("guest/") :])
                entry.size, entry.mode = len(data), 0o755 if executable else 0o644
                tar.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()


def own_sources(module, distribution, suite):
    """The controller's apt sources for this suite, as lines that mmdebstrap takes; [] where there are none.

    A controller's sources may hold other archives too, whose packages have no business in the image: apt tells each one's origin.
    """
    apt = module.get_bin_path("apt-get")
    if not apt:
        return []
    wanted = "$(REPO_URI) $(RELEASE) $(CODENAME) $(COMPONENT) $(ORIGIN)"
    rc, out, dummy = module.run_command([apt, "indextargets", "--format", wanted, "Created-By: Packages"])
    found: dict = {}
    for line in out.splitlines() if rc == 0 else []:
        uri, release, codename, component, origin = (line.split(" ") + [""] * 5)[:5]
        same_suite = codename == suite or codename.startswith(f"{suite}-") or release.startswith(f"{suite}-")
        if origin.lower() == distribution and same_suite and "backports" not in release:
            found.setdefault((uri, release), []).append(component)
    # Without the suite itself the rest (security, updates) is of no use
    if not any(release == suite for dummy, release in found):
        return []
    return [f"deb {uri} {release} {' '.join(dict.fromkeys(parts))}" for (uri, release), parts in found.items()]


def hash_disk(path):
    """Hash of a sparse file, without reading its holes."""
    digest = hashlib.sha256()
    with open(path, "rb") as stream:
        size, at = os.fstat(stream.fileno()).st_size, 0
        digest.update(str(size).encode())
        while at < size:
            try:
                at = os.lseek(stream.fileno(), at, os.SEEK_DATA)
            except OSError:  # nothing but a hole up to the end
                break
            end = os.lseek(stream.fileno(), at, os.SEEK_HOLE)
            digest.update(str(at).encode())
            stream.seek(at)
            while at < end:
                data = stream.read(min(1 << 20, end - at))
                digest.update(data)
                at += len(data)
    return digest.hexdigest()


def package_versions(status):
    """Name → version of what dpkg has installed."""
    versions = {}
    name = ""
    with open(status, encoding="utf-8", errors="replace") as stream:
        for line in stream:
            if line.startswith("Package: "):
                name = line[9:].strip()
            elif line.startswith("Version: "):
                versions[name] = line[9:].strip()
    return versions


def sync_folder(path):
    """Make what is in the folder, and its names, durable."""
    for name in [*os.listdir(path), "."]:
        _durable.sync(os.path.join(path, name))


def passed_on(descriptor):
    """The same open file under a high number. mmdebstrap hands the next free one to a shell, which knows one digit."""
    high = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 100)
    os.close(descriptor)
    return high


class Cache:
    """The folder of images."""

    def __init__(self, folder):
        self.folder = folder

    @contextlib.contextmanager
    def locked(self):
        """One bake at a time; the lock goes with the process that has it, and with the mmdebstrap that it started."""
        os.makedirs(self.folder, mode=0o755, exist_ok=True)
        with open(os.path.join(self.folder, ".lock"), "a", encoding="ascii") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX)
            # Whatever is half-made now is a dead process's
            for name in os.listdir(self.folder):
                if name.startswith(".baking-"):
                    shutil.rmtree(os.path.join(self.folder, name))
            lock = passed_on(os.dup(stream.fileno()))
            try:
                yield lock
            finally:
                os.close(lock)

    def find(self, recipe):
        """The newest image of this recipe, or None."""
        found = []
        for name in os.listdir(self.folder) if os.path.isdir(self.folder) else []:
            image = self.read(name)
            if image and image.get("recipe") == recipe and name == image["name"]:
                found.append((os.path.getmtime(os.path.join(self.folder, name, "image.json")), image))
        return max(found, key=lambda pair: pair[0])[1] if found else None

    def read(self, name):
        try:
            with open(os.path.join(self.folder, name, "image.json"), encoding="utf-8") as stream:
                return json.load(stream)
        except (OSError, ValueError):
            return None

    def current(self):
        """Name of the default image, or None."""
        try:
            return os.readlink(os.path.join(self.folder, "default"))
        except OSError:
            return None

    def make_default(self, name):
        link = os.path.join(self.folder, f".default-{os.getpid()}")
        os.symlink(name, link)
        os.replace(link, os.path.join(self.folder, "default"))


def mmdebstrap_arguments(module, params, files, work, mode):
    """The command line of the bake."""
    argv = ["mmdebstrap", f"--mode={mode}", "--variant=minbase", "--format=null", f"--skip={SKIP}"]
    argv.append(f"--architectures={DEB_ARCHITECTURE[params['architecture']]}")
    argv.append(f"--components={','.join(params['components'])}")
    argv.append(f"--include={','.join(params['packages'])}")
    argv += [f"--dpkgopt=path-exclude={pattern}" for pattern in EXCLUDE]
    argv += [
        "--dpkgopt=path-include=/usr/share/doc/*/copyright",
        "--dpkgopt=force-unsafe-io",
        "--dpkgopt=force-confold",
    ]
    # The initial RAM disk is the recipe's own; the distribution's would only take time to be made
    argv.append('--essential-hook=mkdir -p "$1/etc/initramfs-tools"')
    argv.append("--essential-hook=printf 'update_initramfs=no\\n' >\"$1/etc/initramfs-tools/update-initramfs.conf\"")
    argv.append(f"--customize-hook=tar-in {work}/guest.tar /")
    argv.append(f"--customize-hook={files['customize.sh'][1].decode()}")
    argv += [f"--customize-hook=download /boot/dockyard/{name} {work}/{name}" for name in ("vmlinuz", "initrd.img")]
    argv.append(f"--customize-hook=download /var/lib/dpkg/status {work}/status")
    argv.append(f"--customize-hook={files['disk.sh'][1].decode()}")
    argv += [params["suite"], "/dev/null"]
    return argv + (params["mirrors"] or own_sources(module, params["distribution"], params["suite"]))


def bake(module, params, files, recipe, cache, lock):
    """Make the image in a temporary folder of the cache, name it after its content and move it into place."""
    mode = params["mode"] if params["mode"] != "auto" else ("root" if os.geteuid() == 0 else "unshare")
    needed = [("mmdebstrap", "mmdebstrap"), ("mke2fs", "e2fsprogs")]
    for command, package in needed + ([("newuidmap", "uidmap")] if mode == "unshare" else []):
        if not module.get_bin_path(command, opt_dirs=["/sbin", "/usr/sbin"]):
            raise BakeError(f"{command} is missing on the controller: install the package {package}")
    work = tempfile.mkdtemp(prefix=".baking-", dir=cache.folder)
    environment = dict(os.environ, LC_ALL="C.UTF-8", PATH=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if mode == "root":
        # The tree goes with the folder, if this process is killed. In a user namespace the cache may be out of reach.
        environment["TMPDIR"] = work
    try:
        with open(os.path.join(work, "guest.tar"), "wb") as stream:
            stream.write(guest_tar(files))
        disk = passed_on(os.open(os.path.join(work, "disk.raw"), os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        try:
            os.ftruncate(disk, params["size"] << 20)
            # Root of a user namespace is not the user who runs this: it reaches the file through the descriptor
            os.fchmod(disk, 0o666)
            environment["DOCKYARD_DISK"] = f"/proc/self/fd/{disk}"
            argv = mmdebstrap_arguments(module, params, files, work, mode)
            if module.get_bin_path("setpriv"):
                # Killed with this process, so that nothing goes on baking unseen
                argv = ["setpriv", "--pdeathsig", "TERM", *argv]
            done = _process.run(argv, env=environment, stderr=_process.STDOUT, pass_fds=(disk, lock))
            os.fchmod(disk, 0o644)
        finally:
            os.close(disk)
        if done.returncode:
            raise BakeError(f"mmdebstrap ended with {done.returncode}: {done.stdout.strip()[-3000:]}")
        versions = package_versions(os.path.join(work, "status"))
        content = hash_disk(os.path.join(work, "disk.raw"))
        name = f"{params['distribution']}-{params['suite']}-{params['architecture']}-{content[:12]}"
        image = {
            "schema": 1,
            "name": name,
            "architecture": params["architecture"],
            "format": "raw",
            "disk": "disk.raw",
            "kernel": "vmlinuz",
            "initrd": "initrd.img",
            "cmdline": params["cmdline"],
            "channel": "smbios",
            "distribution": params["distribution"],
            "suite": params["suite"],
            "recipe": recipe,
            "packages": versions,
        }
        for left in ("guest.tar", "status"):
            os.unlink(os.path.join(work, left))
        with open(os.path.join(work, "image.json"), "w", encoding="utf-8") as stream:
            json.dump(image, stream, indent=1, sort_keys=True)
            stream.write("\n")
        os.chmod(work, 0o755)
        sync_folder(work)
        os.rename(work, os.path.join(cache.folder, name))
        return image
    finally:
        shutil.rmtree(work, ignore_errors=True)


def ensure(module, params):
    """Compare, bake what is missing, and say what changed."""
    cache = Cache(params["cache"] or os.path.join(cache_folder(), "images"))
    files = recipe_files(params["recipe"])
    recipe = recipe_hash(params, files)
    before = {"image": cache.current() if params["default"] else None}
    image = None if params["force"] else cache.find(recipe)
    baked = image is None
    if baked and not module.check_mode:
        with cache.locked() as lock:
            # Another process may have baked it while this one waited for the lock
            image = None if params["force"] else cache.find(recipe)
            baked = image is None
            image = image or bake(module, params, files, recipe, cache, lock)
    if image is None:
        image = {"name": f"{params['distribution']}-{params['suite']}-{params['architecture']}", "recipe": recipe}
        image["architecture"] = params["architecture"]
    else:
        image["path"] = os.path.join(cache.folder, image["name"])
    after = dict(before, image=image["name"]) if params["default"] else before
    if before != after and not module.check_mode:
        cache.make_default(image["name"])
    return {
        "changed": baked or before != after,
        "image": image,
        "diff": {"before": before, "after": dict(after, baked=image["name"]) if baked else after},
    }


def main():
    module = QuietModule(
        argument_spec={
            "recipe": {"type": "path", "required": True},
            "packages": {"type": "list", "elements": "str", "required": True},
            "distribution": {"type": "str", "required": True},
            "suite": {"type": "str", "required": True},
            "architecture": {"type": "str", "choices": ["x86_64", "aarch64"], "required": True},
            "mirrors": {"type": "list", "elements": "str", "default": []},
            "components": {"type": "list", "elements": "str", "default": ["main"]},
            "size": {"type": "int", "default": 2048},
            "cmdline": {"type": "str", "default": "root=/dev/vda rw console=ttyS0 quiet"},
            "mode": {"type": "str", "choices": ["auto", "root", "unshare"], "default": "auto"},
            "cache": {"type": "path"},
            "force": {"type": "bool", "default": False},
            "default": {"type": "bool", "default": True},
        },
        supports_check_mode=True,
    )
    try:
        module.exit_json(**ensure(module, module.params))
    except (BakeError, OSError) as problem:
        module.fail_json(msg=f"The image could not be baked: {problem}")


if __name__ == "__main__":
    main()
