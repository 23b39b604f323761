# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One login by password: what a host must be, may ask and may answer; and where the password is not."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys
import typing as t

import pytest

from ansible_collections.dockyard.machine.plugins.module_utils import _access, _password, _ssh
from ansible_collections.dockyard.machine.plugins.module_utils._errors import MachineError
from ansible_collections.dockyard.machine.plugins.module_utils._lifecycle import Lifecycle
from ansible_collections.dockyard.machine.plugins.module_utils._record import Record
from ansible_collections.dockyard.machine.plugins.module_utils._store import FileStore
from ansible_collections.dockyard.machine.plugins.module_utils._wish import Outcome, Wish
from ansible_collections.dockyard.machine.plugins.modules.generic import Generic
from tests import model
from tests.doubles import sshd
from tests.doubles.sshd import Server

OTHER = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJDeI6yPi3EJWzbMN3XeJyfCuoBvkXy0sbxC+Zkgv4as"


@pytest.fixture()
def server() -> t.Iterator[Server]:
    with sshd.server() as it:
        yield it


class Controller:
    """Runs tasks on a store. Warnings are kept."""

    def __init__(self, folder: pathlib.Path, server: Server) -> None:
        self.store = FileStore(str(folder / "store"))
        self.server = server
        self.driver: t.Any = Generic
        self.options: dict[str, t.Any] = {"address": "127.0.0.1", "ssh_port": server.port, "docker_port": 2376}
        self.given = {"address", "ssh_port"}

    def present(self, password: str | None = "hunter2", **wish: t.Any) -> Outcome:
        wish = {"name": "web1", "driver": "x.y.z", "ssh_args": "-F /dev/null", "timeout": 5, **wish}
        wish.update(options=dict(self.options), given=set(self.given), secret=set(), ssh_password=password)
        return Lifecycle(self.driver, self.store, Wish(**wish)).present()

    def fail(self, **wish: t.Any) -> MachineError:
        with pytest.raises(MachineError) as caught:
            self.present(**wish)
        return caught.value

    def record(self) -> Record | None:
        return self.store.read("web1") if self.store.exists else None


@pytest.fixture()
def controller(tmp_path: pathlib.Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> Controller:
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    monkeypatch.setattr(_access, "warn", lambda text: None)
    return Controller(tmp_path, server)


def test_it_is_used_once_and_kept_nowhere(controller: Controller, server: Server, tmp_path: pathlib.Path) -> None:
    outcome = controller.present()
    assert outcome.changed and outcome.after["key_added_for"] == "root" and "key_added_for" not in outcome.before
    assert server.passwords() == ["hunter2"] and len(server.keys) == len(server.scripts) == 1
    again = controller.present()
    assert not again.changed and "key_added_for" not in again.after
    assert not controller.present("another").changed, "it is no option that could differ"
    assert server.passwords() == ["hunter2"]
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert b"hunter2" not in kept and "hunter2" not in server.scripts[0]
    assert "hunter2" not in repr(outcome) + repr(Wish("a", "b", {}, set(), set(), ssh_password="hunter2"))


def test_a_check_says_it_and_sends_nothing(controller: Controller, server: Server) -> None:
    outcome = controller.present(check=True)
    assert outcome.changed and outcome.after["key_added_for"] == "root"
    assert not server.passwords() and not controller.store.exists


def test_the_key_is_tried_first(controller: Controller, server: Server) -> None:
    """Also by a run that was killed once it had added the key, before or after the record was saved."""
    controller.present()
    record = controller.record()
    assert record
    for status in ("creating", ""):
        if status:
            with controller.store.lock("web1") as lock:
                record.status = status
                controller.store.save(record, lock)
        else:
            pathlib.Path(controller.store.folder("web1"), "machine.json").unlink()
        controller.present("wrong")
        assert len(server.keys) == 1 and server.passwords() == ["hunter2"]


def test_it_is_used_again_where_the_key_was_lost(controller: Controller, server: Server) -> None:
    controller.present()
    server.keys.clear()
    outcome = controller.present()
    assert outcome.changed and len(server.keys) == 1 and server.passwords() == ["hunter2"] * 2
    server.keys.clear()
    assert controller.fail(password=None).code == "ssh_login"


def test_a_machine_that_was_recorded_with_the_agents_keys_gets_one_of_its_own(
    controller: Controller, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(_ssh.Host, "log_in", lambda host: [server.host_key])
        controller.present(None)
    record = controller.record()
    assert record and record.ssh["key"] == _access.AGENT
    assert controller.present().changed
    record = controller.record()
    assert record and record.ssh["key"] is None and len(server.keys) == 1


def test_a_host_with_another_key_is_sent_nothing(controller: Controller, server: Server) -> None:
    assert controller.fail(host_key=OTHER).code == "host_key_changed"
    assert not server.passwords() and controller.record() is None
    assert controller.present(host_key=server.host_key).changed


def test_a_host_that_changes_its_key_between_both_logins_is_sent_nothing(
    controller: Controller, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What ssh has accepted is what paramiko demands."""

    def log_in(host: _ssh.Host) -> list[str]:
        error = _ssh.Refused("no", code="ssh_login")
        error.host_keys = [OTHER]
        raise error

    monkeypatch.setattr(_ssh.Host, "log_in", log_in)
    error = controller.fail()
    assert error.code == "host_key_changed" and "was not sent" in error.message and not server.passwords()
    record = Record("0123456789ab", "web1", "x")
    host = _ssh.Host(record, {"address": "127.0.0.1", "ssh_port": server.port}, "")
    for known in ("ssh-rsa AAAA", "ssh-dss AAAA"):
        login = _password.PasswordLogin(lambda: "hunter2", lambda: None)
        with pytest.raises(MachineError) as caught:
            login.install(host, OTHER, [known], lambda: None)
        assert caught.value.code == "host_key_changed" and not server.passwords()


def test_who_is_not_let_in_and_shows_no_host_key_is_sent_nothing(
    controller: Controller, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A jump host, say, that refuses the login."""

    def log_in(host: _ssh.Host) -> list[str]:
        raise _ssh.Refused("no", code="ssh_login")

    monkeypatch.setattr(_ssh.Host, "log_in", log_in)
    assert controller.fail().code == "ssh_login" and not server.tried


def test_a_wrong_one_is_tried_once(controller: Controller, server: Server) -> None:
    error = controller.fail(password="wrong")
    assert error.code == "ssh_password" and "refuses ssh_password" in error.message and not error.left_behind
    assert server.passwords() == ["wrong"] and "wrong" not in error.text()
    assert "SHA256:" in error.remedy and "change the password" in error.remedy, "whoever it was has it now"
    assert controller.record() is None and not pathlib.Path(controller.store.folder("web1")).exists()


def test_a_single_question_is_answered(controller: Controller, server: Server) -> None:
    server.methods = "publickey,keyboard-interactive"
    assert controller.present().changed and server.passwords() == ["hunter2"]


@pytest.mark.parametrize(
    ("questions", "code", "sent"),
    [
        ([[("Password: ", False)], [("Code: ", False)]], "no_password_login", ["hunter2"]),
        ([[("Code: ", True)]], "no_password_login", []),
        ([[("Password: ", False), ("Code: ", False)]], "no_password_login", []),
        ([[("Password: ", False)], [("New password: ", False)]], "password_expired", ["hunter2"]),
        ([[("Your password has expired. Current one: ", False)]], "password_expired", []),
    ],
)
def test_other_questions_are_not(
    controller: Controller, server: Server, questions: t.Any, code: str, sent: list[str]
) -> None:
    server.methods, server.questions = "publickey,keyboard-interactive", questions
    error = controller.fail()
    assert error.code == code and error.remedy and server.passwords() == sent and not server.keys


def test_a_host_that_wants_more_or_no_password(controller: Controller, server: Server) -> None:
    server.more = "publickey"
    error = controller.fail()
    assert error.code == "no_password_login" and "more than a password (publickey)" in error.message
    server.methods, server.more = "publickey,hostbased", ""
    error = controller.fail()
    assert error.code == "no_password_login" and "publickey, hostbased" in error.message and "ssh_key" in error.remedy
    assert server.passwords() == ["hunter2"]


def test_a_host_that_demands_another_password(controller: Controller, server: Server) -> None:
    server.expired = True
    error = controller.fail()
    assert error.code == "password_expired" and server.passwords() == ["hunter2"]


@pytest.mark.parametrize(
    ("answer", "said", "left"),
    [
        (b"", "no answer", True),
        (b"hello hunter2 \x1b[31mred", "hello ********", True),
        (b"dockyard: home is no folder\n", "home is no folder", False),
        (b"Password change required but no TTY available.\n", "has expired", False),
        (b"x" * 1_000_000, "xxx", True),
    ],
)
def test_a_command_that_fails(controller: Controller, server: Server, answer: bytes, said: str, left: bool) -> None:
    """What the host says is data: short, printable, and without the password."""
    server.answer = answer
    error = controller.fail()
    assert said in error.message and "\x1b" not in error.message and "hunter2" not in error.text()
    assert len(error.message) < 1500
    assert bool(error.left_behind) is left
    server.answer = None
    controller.present()
    assert controller.record()


def test_a_key_that_is_not_let_in_stays_for_the_next_run(controller: Controller, server: Server) -> None:
    server.answer = b"dockyard: done\n"
    error = controller.fail()
    assert error.code == "ssh_login" and "AuthorizedKeysFile" in error.remedy and error.left_behind
    public = pathlib.Path(controller.store.folder("web1"), "id_ed25519.pub").read_text().split()[:2]
    server.keys, server.answer = [" ".join(public)], None
    controller.present("wrong")
    assert server.passwords() == ["hunter2"]


def test_a_host_that_is_gone_after_the_key_was_added_costs_no_key(
    controller: Controller, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    log_in = _ssh.Host.log_in

    def gone(host: _ssh.Host) -> list[str]:
        if not server.keys:
            return log_in(host)
        raise _ssh.Unreachable("no answer", code="unreachable", remedy="Wait")

    monkeypatch.setattr(_ssh.Host, "log_in", gone)
    error = controller.fail()
    assert error.code == "unreachable" and "authorized_keys" in error.left_behind[0]
    monkeypatch.undo()
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    controller.present("wrong")
    assert server.passwords() == ["hunter2"] and len(server.keys) == 1


@pytest.mark.parametrize(
    ("text", "expired"),
    [
        ("admin@newton's password: ", False),
        ("Welcome to News Corp. Password: ", False),
        ("(current) UNIX password: ", True),
        ("New password: ", True),
        ("You are required to change your password immediately", True),
        ("Your password has expired", True),
    ],
)
def test_an_expired_password_is_told_from_a_prompt(text: str, expired: bool) -> None:
    assert bool(_password.EXPIRED.search(text)) is expired


def test_without_paramiko(controller: Controller, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "paramiko", None)
    for check in (True, False):
        error = controller.fail(check=check)
        assert error.code == "missing_library" and "-m pip install paramiko" in error.remedy
        assert not server.passwords() and controller.record() is None


def test_paramiko_is_loaded_for_that_login_only(controller: Controller, monkeypatch: pytest.MonkeyPatch) -> None:
    controller.present()
    monkeypatch.setitem(sys.modules, "paramiko", None)
    controller.present()
    code = "import sys, ansible_collections.dockyard.machine.plugins.modules.generic as g, "
    code += (
        "ansible_collections.dockyard.machine.plugins.module_utils._module as m; assert 'paramiko' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONPATH": ":".join(sys.path)})


@pytest.mark.parametrize(
    ("arguments", "command"),
    [
        ([], None),
        (["-J", "a@b:2222"], ["-p", "2222", "-l", "a", "-W", "[192.0.2.1]:22", "b"]),
        (["-J", "x,[2001:db8::1]:22"], ["-J", "x", "-p", "22", "-W", "[192.0.2.1]:22", "2001:db8::1"]),
        (["-o", "ProxyCommand=nc -X %% %h %p %r %n"], ["/bin/sh", "-c", "exec nc -X % 192.0.2.1 22 root 192.0.2.1"]),
    ],
)
def test_it_takes_the_way_that_ssh_takes(arguments: list[str], command: list[str] | None) -> None:
    record = Record("0123456789ab", "web1", "x", ssh={"user": "root", "key": "", "args": "", "host_keys": []})
    found = _ssh.Host(record, {"address": "192.0.2.1"}, "", ["-F", "/dev/null", *arguments]).proxy()
    if command and found and command[0] != "/bin/sh":
        assert found[1:6] == ["-o", "BatchMode=yes", "-o", "ControlPath=none", "-F/dev/null"]
        found = found[6:]
    assert found == command


# A provider that hands out a password


class Passwords:
    """The model provider's machines, which are this server, and whose password is known after some questions."""

    def __init__(self, controller: Controller) -> None:
        self.provider = model.Provider()
        self.answers: list[str | None] = [None, "hunter2"]
        self.asked = 0
        address = {"address": "127.0.0.1", "ssh_port": controller.server.port}

        def password(kind: t.Any, it: t.Any) -> str | None:
            assert it.id
            self.asked += 1
            return self.answers[min(self.asked, len(self.answers)) - 1]

        def seen(kind: t.Any, raw: t.Any) -> t.Any:
            found = model.driver.Server.seen(kind, raw)
            return model.driver.driver.Seen(**{**vars(found), "facts": address})

        base = model.driver_for(self.provider, Server={"password": password, "seen": seen})

        def recipe(driver: t.Any, m: t.Any) -> None:
            """Without a key and without user data."""
            zone = driver.options["zones"][0]
            rest = {"key": None, "firewalls": [], "network": None, "volumes": [], "address": None, "tags": {}}
            m.want(base.kinds[-1], {"zone": zone, "image": "image-1", "size": "small", **rest})

        controller.driver = type("Model", (base,), {"recipe": recipe, "__module__": base.__module__})
        controller.options = {name: one.get("default") for name, one in base.argument_spec.items()} | {
            "region": "north"
        }
        controller.given = {"region"}


def test_a_provider_hands_out_a_password(controller: Controller, server: Server) -> None:
    cloud = Passwords(controller)
    assert controller.present(None).changed
    record = controller.record()
    assert record and record.status == "made" and record.ssh["key"] is None and len(server.keys) == 1
    assert cloud.asked == 2 and server.passwords() == ["hunter2"], "asked until it is there, used once"
    assert "hunter2" not in record.to_json()
    assert not controller.present(None).changed and cloud.asked == 2, "and never again"


def test_a_users_password_comes_before_the_providers(controller: Controller, server: Server) -> None:
    cloud = Passwords(controller)
    controller.present("hunter2")
    assert not cloud.asked and server.passwords() == ["hunter2"]


def test_a_providers_password_that_does_not_fit(controller: Controller, server: Server) -> None:
    cloud = Passwords(controller)
    cloud.answers = ["wrong"]
    error = controller.fail(password=None)
    assert error.code == "ssh_password" and server.passwords() == ["wrong"]
    record = controller.record()
    assert record and record.status == "creating", "it is finished by the next run"
    cloud.answers = ["hunter2"]
    controller.present(None)
    assert server.passwords() == ["wrong", "hunter2"] and len(cloud.provider.alive()) == 1


# The module


def module(controller: Controller, tmp_path: pathlib.Path, password: t.Any, **more: t.Any) -> dict[str, t.Any]:
    """The driver's module as Ansible runs it."""
    arguments = {"name": "web1", "store": controller.store.path, "ssh_args": "-F /dev/null", **controller.options}
    internal = {"_ansible_remote_tmp": str(tmp_path), "_ansible_keep_remote_files": False, "_ansible_diff": True}
    given = {"ANSIBLE_MODULE_ARGS": {**arguments, "ssh_password": password, "timeout": 5, **internal, **more}}
    line = [sys.executable, "-m", "ansible_collections.dockyard.machine.plugins.modules.generic"]
    ran = subprocess.run(
        line,
        env={"PYTHONPATH": ":".join(sys.path), "PATH": os.environ["PATH"]},
        input=json.dumps(given),
        text=True,
        capture_output=True,
        check=False,
    )
    return t.cast(dict[str, t.Any], json.loads(ran.stdout))


def test_a_password_that_is_a_common_word_hides_nothing_in_the_result(
    controller: Controller, server: Server, tmp_path: pathlib.Path
) -> None:
    """Ansible would put asterisks into each value that has it as a part, such as the user's name or a path."""
    server.password = "root"
    result = module(controller, tmp_path, "root", ssh_user="root")
    assert result["changed"] and result["machine"]["host_vars"]["ansible_user"] == "root"
    assert "********" not in json.dumps({name: value for name, value in result.items() if name != "invocation"})
    assert result["invocation"]["module_args"]["ssh_password"] is None


def test_a_password_is_a_text(controller: Controller, server: Server, tmp_path: pathlib.Path) -> None:
    """What YAML makes of one without quotes is another password: 0123 is 83, and yes is true."""
    for value in (["hunter2"], {"a": "hunter2"}, True, 83):
        result = module(controller, tmp_path, value)
        assert (
            result["failed"]
            and "ssh_password: The value is not a string" in result["msg"]
            and "hunter2" not in json.dumps(result)
        )
    assert not server.passwords()
    server.password = "123456"
    assert module(controller, tmp_path, "123456")["changed"]
    assert not module(controller, tmp_path, "")["changed"], "a survey's answer that was left blank"


def test_only_what_lets_a_machine_exist_uses_it(controller: Controller, server: Server, tmp_path: pathlib.Path) -> None:
    controller.present(driver="dockyard.machine.generic")
    server.keys.clear()
    gathered = module(controller, tmp_path, "hunter2", state="gathered")["machine"]
    assert gathered["state"] == "unknown" and "refuses the login" in gathered["error"]
    assert module(controller, tmp_path, "hunter2", state="restarted")["failed"]
    assert server.passwords() == ["hunter2"] and not server.keys


def test_the_record_is_saved_before_the_key_is_added(
    controller: Controller, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed in between, the next run knows the key that may be there, and the pinned host key."""

    def die(*arguments: t.Any) -> t.NoReturn:
        raise SystemExit

    monkeypatch.setattr(_password, "_add_key", die)
    with pytest.raises(SystemExit):
        controller.present()
    record = controller.record()
    assert record and record.status == "creating" and record.ssh["host_keys"] == [server.host_key]
    monkeypatch.undo()
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    controller.present()
    record = controller.record()
    assert record and record.status == "made" and server.passwords() == ["hunter2"] * 2


def test_a_run_has_one_attempt(server: Server) -> None:
    record = Record("0123456789ab", "web1", "x")
    host = _ssh.Host(record, {"address": "127.0.0.1", "ssh_port": server.port}, "", ["-F", "/dev/null"])
    login = _password.PasswordLogin(lambda: "wrong", lambda: None)
    with pytest.raises(MachineError):
        login.install(host, OTHER, [server.host_key], lambda: None)
    assert not login.install(host, OTHER, [server.host_key], lambda: None)
    assert server.passwords() == ["wrong"]
