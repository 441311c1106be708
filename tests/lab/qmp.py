"""QEMU's control socket, as far as the lab needs it."""

from __future__ import annotations

import json
import socket
import threading
import time
from pathlib import Path
from typing import Any, Final

from tests.lab.errors import LabError

_PATIENCE: Final = 20  # s


class Qmp:
    """A connection to a QEMU; safe to use from several threads.

    Args:
        path: the socket; waited for until QEMU has made it.
    """

    def __init__(self, path: Path) -> None:
        self._guard = threading.Lock()
        self._socket = _connected(path)
        self._file = self._socket.makefile("r")
        self._file.readline()  # the greeting
        self.ask("qmp_capabilities")

    def ask(self, command: str, **arguments: Any) -> Any:  # noqa: ANN401  QEMU's JSON
        """QEMU's answer; ``LabError`` when it refuses, or is gone."""
        message = {"execute": command.replace("_", "-") if command != "qmp_capabilities" else command}
        with self._guard:
            try:
                self._socket.sendall(json.dumps(message | {"arguments": arguments}).encode() + b"\n")
                while line := self._file.readline():
                    answer = json.loads(line)
                    if "return" in answer:
                        return answer["return"]
                    if "error" in answer:
                        raise LabError(f"QEMU refused {command}: {answer['error']['desc']}")
            except OSError as error:
                raise LabError(f"QEMU is gone: {error}") from error
        raise LabError(f"QEMU ended before it answered {command}")

    def close(self) -> None:
        """Ends the connection, not QEMU."""
        self._file.close()
        self._socket.close()


def _connected(path: Path) -> socket.socket:
    deadline = time.monotonic() + _PATIENCE
    while True:
        one = socket.socket(socket.AF_UNIX)
        one.settimeout(_PATIENCE)
        try:
            one.connect(str(path))
        except OSError as error:
            one.close()
            if time.monotonic() > deadline:
                raise LabError(f"QEMU gives no control socket: {error}") from error
            time.sleep(0.05)
        else:
            return one
