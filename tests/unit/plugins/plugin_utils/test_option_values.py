# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import base64
import traceback

import pytest
from ansible import constants as C
from ansible.errors import AnsibleActionFail
from ansible.parsing.dataloader import DataLoader
from ansible.parsing.vault import VaultLib, VaultSecret

from ansible_collections.dockyard.machine.plugins.module_utils import _tls
from ansible_collections.dockyard.machine.plugins.plugin_utils._option_values import plain, read_certificates, read_pem

PEM = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"


def test_pem_as_content_or_path(tmp_path):
    loader = DataLoader()
    path = tmp_path / "ca.pem"
    path.write_text(PEM)
    assert read_pem(loader, "x", PEM) == read_pem(loader, "x", str(path)) == read_pem(loader, "x", PEM.strip())
    windows = PEM.replace("\n", "\r\n")
    path.write_bytes(windows.encode())
    assert read_pem(loader, "x", windows) == read_pem(loader, "x", str(path)) == PEM
    loader.set_basedir(str(tmp_path))
    assert read_pem(loader, "x", "ca.pem") == PEM, "a path is relative to the playbook"
    assert read_pem(loader, "x", "") == read_pem(loader, "x", None) == ""


def test_a_key_that_is_encrypted_is_decrypted_in_memory_alone(tmp_path, monkeypatch):
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(C, "DEFAULT_LOCAL_TMP", str(tmp_path / "tmp"))
    key, loader = _tls.new_key(), DataLoader()
    loader.set_vault_secrets([("default", VaultSecret(b"password"))])
    path = tmp_path / "ca-key.pem"
    path.write_bytes(VaultLib(loader._vault.secrets).encrypt(key))
    assert read_pem(loader, "x", str(path)) == key
    assert not list((tmp_path / "tmp").iterdir()), "whoever is killed now leaves it there"
    with pytest.raises(AnsibleActionFail, match="x is '.*', which can't be read on the controller"):
        read_pem(DataLoader(), "x", str(path))


def test_what_is_no_pem_is_named(tmp_path):
    (tmp_path / "empty").touch()
    for value, said in ((str(tmp_path / "none"), "can't be read"), (str(tmp_path / "empty"), "no PEM in it")):
        with pytest.raises(AnsibleActionFail, match=said) as caught:
            read_pem(DataLoader(), "docker_engine_server_ca_key", value)
        assert "docker_engine_server_ca_key" in str(caught.value)


def test_of_a_ca_s_file_only_the_certificates_are_taken(tmp_path):
    other = PEM.replace("AAAA", "BBBB")
    (tmp_path / "combined.pem").write_text(f"subject=CN = ca\n{PEM}{_tls.new_key()}{other.strip()}")
    assert read_certificates(DataLoader(), "x", str(tmp_path / "combined.pem")) == PEM + other
    assert read_certificates(DataLoader(), "x", "") == ""
    with pytest.raises(AnsibleActionFail, match="x has no certificate in it"):
        read_certificates(DataLoader(), "x", _tls.new_key())


def test_a_key_in_another_form_is_not_shown():
    lines = _tls.new_key().splitlines()
    forms = ["".join(lines[1:-1]), "\n".join(lines[1:-1]), base64.b64encode("\n".join(lines).encode()).decode()]
    for form in forms:
        with pytest.raises(AnsibleActionFail, match="neither PEM") as caught:
            read_pem(DataLoader(), "docker_engine_server_ca_key", form)
        said = traceback.format_exception(caught.value)
        assert not any(part in "".join(said) for part in (form, form[-20:]))
    long_path = f"/home/{'deploy/' * 20}ca-key.pem"
    with pytest.raises(AnsibleActionFail, match=long_path):
        read_pem(DataLoader(), "docker_engine_server_ca_key", long_path)


def test_plain_values():
    class Tagged(str):
        pass

    value = plain({"a": [Tagged("x"), 1, True, None, 1.5], Tagged("b"): ("y",)})
    assert value == {"a": ["x", 1, True, None, 1.5], "b": ["y"]}
    assert value["a"][0].__class__.__name__ == "str" and value["a"][2] is True
