# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Passwords in what is shown."""

from __future__ import annotations

import pytest

from ansible_collections.dockyard.machine.plugins.module_utils._engine import (
    _masking,
)


def test_passwords_in_urls_are_masked():
    value = {"proxies": {"https-proxy": "http://jo:pw@proxy:3128"}, "registry-mirrors": ["https://m/x@y"]}
    masked = _masking.masked(value)
    assert "pw" not in str(masked) and "proxy:3128" in str(masked)
    assert masked["registry-mirrors"] == ["https://m/x@y"]
    assert _masking.masked("http://jo:p@ss@proxy:3128 of http://proxy") == "http://********@proxy:3128 of http://proxy"


@pytest.mark.parametrize("scheme", ["", "http://", "socks5://"])
@pytest.mark.parametrize("user", ["jo:pw", "jo:p@pw", "pw"])
def test_a_proxy_s_password_is_masked_with_and_without_a_scheme(scheme, user):
    proxy = f"{scheme}{user}@proxy:3128"
    commands = [f"dockerd --https-proxy{form.format(proxy)} -D" for form in ("={}", " {}", "  {}", ' "{}"', "='{}'")]
    for value in ({"proxies": {"https-proxy": proxy}}, {"http-proxy": proxy}, *commands):
        assert "pw" not in str(_masking.masked(value)) and f"{scheme}********@proxy:3128" in str(_masking.masked(value))
    words = ["dockerd", "--https-proxy", proxy, "-D", "--label", "a@b"]
    assert _masking.masked_words(words) == [*words[:2], f"{scheme}********@proxy:3128", *words[3:]]
    without = {"proxies": {"no-proxy": ".example.org", "http-proxy": "proxy:1"}, "userland-proxy": False}
    assert _masking.masked(without) == without
