# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values that want to be evaluated, drawn by a seed: templates of all delimiters, alone and hidden."""

from __future__ import annotations

import base64
import json
import random
import typing as t
import urllib.parse

SECRET = "nobody-reads-this"  # what the variable of that name holds: a value that is evaluated shows it
DELIMITERS = (("{{", "}}"), ("<<", ">>"), ("[[", "]]"), ("<%=", "%>"), ("${", "}"), ("@", "@"), ("((", "))"))
EXPRESSIONS = (
    "lookup('ansible.builtin.pipe', 'id')",
    "query('ansible.builtin.file', '/etc/hostname')",
    "q('pipe', 'id')",
    "secret",
    "hostvars['web1']['secret']",
    "vars['secret']",
    "lookup('dockyard.machine.key_file', 'server-ca-key.pem')",
    "lookup('dockyard.machine.key_file', '../../x', machine='web1')",
    "191 * 7",
    "self.__init__.__globals__",
    "''.__class__.__mro__",
    "undefined_variable.x",
    "1/0",
)
STATEMENTS = (
    "{% set x = lookup('pipe', 'id') %}",
    "{% for x in range(9) %}{{ secret }}{% endfor %}",
    "{% include '/etc/hostname' %}",
    "{% raw %}",
    "{% endraw %}",
    "{# comment #}",
    "{#",
    "{{",
    "}}",
    "%}",
    "{{ '{{ secret }}' }}",
    "# for x in [1]:",
    "{{ '",
    "' }}",
    "\\",
    "' ~ secret ~ '",
    '" ~ secret ~ "',
    "') ~ secret ~ lookup('pipe",
)
MARKERS = (
    "/@dockyard.machine@",
    "/@dockyard.machine@/id_ed25519",
    "/@dockyard.machine@/known_hosts",
    f"/@{'0' * 32}@/id_ed25519",
    f"/@{'f' * 32}@",
    "/@@/id_ed25519",
)
TAGGED = (
    "!unsafe '{{ secret }}'",
    "!!python/object/apply:os.system ['id']",
    "!vault |\n  $ANSIBLE_VAULT;1.1;AES256\n  6162",
    "&a [*a]",
    "%YAML 1.1\n---\n- !template '{{ secret }}'",
    "---\n{{ secret }}: 1",
    "{'a': '{{ secret }}'}",
    "['{{ secret }}']",
    "b'{{ secret }}'",
    "u'\\x7b\\x7b secret \\x7d\\x7d'",
    "True",
    "None",
    "omit",
    "__omit_place_holder__0123456789abcdef",
    "\u202e{{ secret }}",
    "\uff5b\uff5b secret \uff5d\uff5d",
    "\x1b]0;{{ secret }}\x07",
    "",
)
DICTS: tuple[tuple[str, t.Any], ...] = (
    ("__ansible_unsafe", "{{ secret }}"),
    ("__ansible_vault", "$ANSIBLE_VAULT;1.1;AES256\n6162"),
    ("__ansible_type", "TrustedAsTemplate"),
    ("__payload__", "{{ secret }}"),
    ("{{ secret }}", "{{ secret }}"),
)


class Hostile:
    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def text(self, depth: int = 0) -> str:
        """A string that means harm."""
        choose = self.random.choice
        kinds: list[t.Callable[[], str]] = [
            self._expression,
            lambda: choose(STATEMENTS),
            lambda: choose(MARKERS),
            lambda: choose(TAGGED),
            self._header,
            lambda: self._expression() + choose(MARKERS),
        ]
        if depth < 2:
            kinds += [
                lambda: self.text(depth + 1) + choose(("", " ", "\n", "\0", "\t", "\r\n")) + self.text(depth + 1),
                lambda: self._header() + self.text(depth + 1) + choose(MARKERS),
                lambda: self._hidden(self.text(depth + 1)),
                lambda: self.text(depth + 1) + "\n" * self.random.randrange(1, 4),
            ]
        if depth == 0 and self.random.random() < 0.02:
            return self.text(1) + choose(("x", "{", "{{ secret }}", "\0")) * 20_000
        return choose(kinds)()

    def value(self, depth: int = 0) -> t.Any:
        """The same, or something that holds it."""
        kind = self.random.random()
        if depth > 2 or kind < 0.6:
            return self.text()
        if kind < 0.75:
            return [self.value(depth + 1) for _one in range(self.random.randrange(4))]
        if kind < 0.9:
            return {self.text(): self.value(depth + 1) for _one in range(self.random.randrange(4))}
        return dict([self.random.choice(DICTS)])

    def _expression(self) -> str:
        start, end = self.random.choice(DELIMITERS)
        blank = self.random.choice(("", " ", "- ", "\n"))
        return f"{start}{blank}{self.random.choice(EXPRESSIONS)}{blank[::-1]}{end}"

    def _header(self) -> str:
        """The first line of a template, which says what its delimiters are."""
        start, end = self.random.choice(DELIMITERS)
        given = [f"variable_start_string:'{start}'", f"variable_end_string:'{end}'"]
        if self.random.random() < 0.3:
            given += ["block_start_string:'<%'", "block_end_string:'%>'", "line_statement_prefix:'#'"]
        mark = self.random.choice(("#jinja2:", "#jinja2: ", "#jinja2:\t"))
        return f"{mark}{','.join(given)}\n{start} {self.random.choice(EXPRESSIONS)} {end}\n"

    def _hidden(self, text: str) -> str:
        """What a user's filter would decode."""
        data = text.encode("utf-8", "surrogatepass")
        return self.random.choice(
            (
                base64.b64encode(data).decode(),
                data.hex(),
                urllib.parse.quote(data),
                json.dumps(text),
                json.dumps("".join(f"\\u{ord(one):04x}" for one in text if ord(one) < 0x10000)).replace("\\\\", "\\"),
            )
        )
