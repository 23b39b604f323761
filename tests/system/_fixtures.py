# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fixtures of system and fault tests; those of the beds are in tests/beds/."""

from __future__ import annotations

import contextlib
import os
import pathlib
import shutil
import signal
import tempfile
import typing as t

import pytest

from tests.beds import image
from tests.beds import repository as repositories
from tests.beds.engine import Authority, Player
from tests.beds.hosts import Bed
from tests.system._harness import Ansible, processes_of
from tests.tools import artifact


@pytest.fixture(scope="session")
def collections() -> pathlib.Path:
    """The collection as a user has it: the artifact, installed offline."""
    return artifact.install()


@pytest.fixture(scope="session")
def session_ansible(collections: pathlib.Path) -> t.Iterator[Ansible]:
    """For what is made once a session."""
    with _short_folder() as folder:
        yield Ansible(collections, folder)


@pytest.fixture()
def ansible(collections: pathlib.Path) -> t.Iterator[Ansible]:
    """Runs playbooks, modules and ansible-inventory, with a HOME of this test's own."""
    with _short_folder() as folder:
        yield Ansible(collections, folder)


@pytest.fixture()
def playbook(ansible: Ansible) -> t.Callable[..., t.Any]:
    return ansible.playbook


@pytest.fixture()
def run_module(ansible: Ansible) -> t.Callable[..., t.Any]:
    return ansible.module


@pytest.fixture()
def store() -> t.Iterator[pathlib.Path]:
    """A path for a store that does not exist yet. Machines that a failed test left in it go with it."""
    with _short_folder() as folder:
        yield folder / "store"


@pytest.fixture()
def inventory(store: pathlib.Path, tmp_path: pathlib.Path) -> pathlib.Path:
    """An inventory source of the store's machines."""
    path = tmp_path / "machines.yml"
    path.write_text(f"plugin: dockyard.machine.machines\nstore: {store}\ngroup_by: [driver, label_role]\n")
    return path


@pytest.fixture()
def use(ansible: Ansible, inventory: pathlib.Path, tmp_path: pathlib.Path) -> t.Callable[[str], dict[str, t.Any]]:
    """Lets a container run on a machine, over TLS, with community.docker's modules; returns what they say of it."""
    archive = tmp_path / "busybox.tar"

    def on(machine: str) -> dict[str, t.Any]:
        if not archive.exists():
            image.build(archive)
        # It ends when it is asked to: one that does not would hold up each shutdown of its host
        command = ["sh", "-c", "trap 'exit 0' TERM; sleep 100000 & wait"]
        container = {"name": "hello", "image": image.NAME, "pull": "never", "command": command}
        container.update(state="started", restart_policy="always")
        tasks = [
            {"community.docker.docker_image_load": {"path": str(archive)}, "delegate_to": "localhost"},
            {"community.docker.docker_container": container, "delegate_to": "localhost"},
        ]
        defaults = {"group/community.docker.docker": "{{ machine_docker }}"}
        run = ansible.play(tasks, hosts=machine, inventory=inventory, module_defaults=defaults).ok()
        return run.result(action="docker_container")["container"]

    return on


@pytest.fixture(scope="session")
def baked_image(session_ansible: Ansible) -> pathlib.Path:
    """The folder of the default machine image, baked unless the cache has it."""
    session_ansible.playbook("bake_image", timeout=900).ok()
    cache = pathlib.Path(session_ansible.environment["XDG_CACHE_HOME"]) / "dockyard" / "images"
    return (cache / "default").resolve(strict=True)


@contextlib.contextmanager
def _short_folder() -> t.Iterator[pathlib.Path]:
    """A private folder with a short path, since a socket's has at most 107 characters; processes that use it go first."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="dy-", dir="/tmp"))
    try:
        yield folder
    finally:
        for pid in processes_of(f"{folder}/"):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        shutil.rmtree(folder, ignore_errors=True)


# The role docker_engine alone; a file whose role has other variables has a fixture of its own for it.


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """CAs for servers and clients, and a client."""
    return Authority(tmp_path_factory.mktemp("authority") / "ca").make()


@pytest.fixture(scope="module")
def client(authority: Authority) -> pathlib.Path:
    """A folder for DOCKER_CERT_PATH."""
    return authority.folder / "client"


@pytest.fixture(scope="module")
def play(tmp_path_factory: pytest.TempPathFactory, collections: pathlib.Path, authority: Authority) -> Player:
    """Runs the role on hosts, with TLS."""
    return Player(tmp_path_factory.mktemp("play"), collections, authority.variables())


@pytest.fixture(scope="module")
def repository(bed: Bed) -> t.Iterator[repositories.Repository]:
    """The vendor's repository, which a test adds releases to."""
    with repositories.serving(bed) as it:
        yield it


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """Where an image is kept, once it is built."""
    return tmp_path_factory.mktemp("image") / "busybox.tar"
