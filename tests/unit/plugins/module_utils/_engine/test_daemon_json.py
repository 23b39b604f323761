# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""daemon.json: what is set and taken out."""

from __future__ import annotations

import pytest

from ansible_collections.dockyard.machine.plugins.module_utils._engine import (
    _daemon_json,
)


@pytest.mark.parametrize(
    ("current", "wanted", "remembered", "put", "out"),
    [
        ({}, {"debug": True}, {}, {"debug": True}, []),
        ({"debug": True}, {"debug": True}, {}, {}, []),
        ({"debug": True}, {}, {"debug": True}, {}, ["debug"]),
        ({"debug": True}, {}, {}, {}, []),  # someone else's
        ({"debug": False}, {}, {"debug": True}, {}, []),  # ours once, changed by someone since
        ({}, {}, {"debug": True}, {}, []),  # taken out by hand already
        ({"bip": "10.0.0.1/8"}, {"bip": "10.1.0.1/16"}, {"bip": "10.0.0.1/8"}, {"bip": "10.1.0.1/16"}, []),
    ],
)
def test_what_is_set_and_taken_out(current, wanted, remembered, put, out):
    assert _daemon_json.config_changes(current, wanted, remembered) == (put, out)


def test_foreign_keys_keep_their_place():
    merged = _daemon_json.apply_changes({"b": 1, "a": 2, "c": 3}, {"a": 5, "d": 6}, ["c"])
    assert list(merged.items()) == [("b", 1), ("a", 5), ("d", 6)]


def test_daemon_json_that_is_no_object():
    assert _daemon_json.parse_config(" \n") == {}
    for text in ("[]", "{,}", "1"):
        with pytest.raises(ValueError):
            _daemon_json.parse_config(text)
