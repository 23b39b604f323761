# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Calls to Engines over TLS, one at a time or all the time, by Python alone."""

from __future__ import annotations

import http.client
import pathlib
import shutil
import ssl
import tempfile
import threading
import time

from tests.beds.hosts import Host

PORT = 2376
Place = tuple[Host, pathlib.Path]  # where its machine's pair is, for Docker clients


def call(host: Host, pair: pathlib.Path) -> bytes:
    """One call on a connection of its own, and the certificate that the Engine shows."""
    context = ssl.create_default_context(cafile=str(pair / "ca.pem"))
    while True:
        try:
            context.load_cert_chain(pair / "cert.pem", pair / "key.pem")
            break
        except ssl.SSLError as error:  # read in the very moment between two renames: nothing was asked yet
            if error.reason != "KEY_VALUES_MISMATCH":
                raise
    connection = http.client.HTTPSConnection(host.address, PORT, timeout=30, context=context)
    try:
        connection.request("GET", "/_ping")
        shown = connection.sock.getpeercert(binary_form=True)
        answer = connection.getresponse()
        assert (answer.status, answer.read()) == (200, b"OK")
        return shown
    finally:
        connection.close()


# A call that was let in, and that an Engine cut off which stopped while it was at it, in the handshake or later
CUT = (ConnectionResetError, ssl.SSLEOFError)
TRIES, PAUSE = 100, 0.1  # of calls that are cut off; seconds


def shown(host: Host, pair: pathlib.Path) -> bytes:
    """The same, asked again if the Engine stopped in the middle of it."""
    try:
        return call(host, pair)
    except CUT:
        return call(host, pair)


def is_refused(host: Host, pair: pathlib.Path, client: pathlib.Path) -> bool:
    """Whether an Engine that the pair trusts refuses this client, as it says by an alert.

    A call that is cut off says nothing: an Engine that stops does that to clients that it knows, too. It is made again,
    and who is really refused is told so sooner or later, though the alert may be lost in a reset.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for file, source in (("ca.pem", pair), ("cert.pem", client), ("key.pem", client)):
            shutil.copy(source / file, folder)
        for _again in range(TRIES):
            try:
                call(host, folder)
                return False
            except ssl.SSLCertVerificationError:
                raise
            except CUT:
                time.sleep(PAUSE)
            except ssl.SSLError:
                return True
    raise AssertionError(f"{host.name} cut off {TRIES} calls, and neither answered nor refused one")


class Stream:
    """New calls all the time, on each host, with whatever its machine's folder holds at the moment."""

    def __init__(self, places: list[Place]) -> None:
        self.calls, self.cut, self.refused = 0, 0, list[str]()
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=one) for one in places]

    def _run(self, host: Host, pair: pathlib.Path) -> None:
        while not self._over.is_set():
            self.calls += 1
            try:
                try:
                    call(host, pair)
                except CUT:  # who asks again is answered
                    self.cut += 1
                    call(host, pair)
            except (OSError, AssertionError, http.client.HTTPException) as error:
                self.refused.append(f"{host.name}: {error!r}")
            self._over.wait(0.02)

    def __enter__(self) -> Stream:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *details: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()
