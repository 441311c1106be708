"""Redacts texts: leaves out names of the host and its users, serial numbers and network addresses."""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Mapping
from typing import Final

# Words of our own records, and of every system. As the name of a host or user they tell nobody apart, and
# leaving them out would change what a text means.
_ORDINARY: Final = (
    "root admin user guest host localhost localdomain server vps linux debian ubuntu centos fedora alpine "
    "kvm qemu xen lxc docker openvz vmware container cpu memory disk score merge sync none null true "
    "false fio python python3 vpsbench unknown main test default name kernel system data run time all"
)
_SHORTEST: Final = 3
# A name may follow an escaped line end, as texts are kept within JSON.
_BEGIN: Final = r"(?:(?<=\\[nrt])|(?<![\w.:-]))"
_MAC: Final = re.compile(rf"{_BEGIN}(?:[0-9A-Fa-f]{{2}}[:-]){{5}}[0-9A-Fa-f]{{2}}(?![\w:-])")
_IPV4: Final = re.compile(rf"{_BEGIN}(?:\d{{1,3}}\.){{3}}\d{{1,3}}(?![\w-]|\.\d)")
_IPV6: Final = re.compile(rf"{_BEGIN}(?:[0-9A-Fa-f]{{0,4}}:){{2,7}}[0-9A-Fa-f]{{0,4}}(?![\w:])")
_HOME: Final = re.compile(r"(?<![\w.-])(/(?:home|Users)/)([^/\s\"'\\:,;)\[]+)")
_KEY: Final = re.compile(r"""(hostname\\*"\s*:\s*\\*")([^"\\]+)""")  # in JSON, however deep
_ADDRESS: Final = "[address left out]"


class Redactor:
    """Leaves names out of texts.

    Args:
        names: what is to be left out -> what it is ("host name"). Names too short or too common to
            tell anybody apart are left out only where a text says that they are names.
    """

    def __init__(self, names: Mapping[str, str]) -> None:
        self._kinds = {
            written: kind
            for name, kind in names.items()
            if len(name) >= _SHORTEST and name.lower() not in _ORDINARY.split()
            for written in (name, json.dumps(name)[1:-1])
        }
        longest_first = sorted(self._kinds, key=lambda name: (-len(name), name))
        either = "|".join(map(re.escape, longest_first))
        self._names = re.compile(rf"(?:(?<=\\[nrt])|(?<![\w-]))(?:{either})(?![\w-])") if either else None

    def __call__(self, text: str) -> str:
        """The text without them; it says at each place what was left out."""
        text = _KEY.sub(r"\1[host name left out]", text)
        text = _HOME.sub(r"\1[user name left out]", text)
        if self._names:
            text = self._names.sub(lambda found: f"[{self._kinds[found[0]]} left out]", text)
        text = _MAC.sub(_ADDRESS, text)
        return _IPV6.sub(_if_address, _IPV4.sub(_if_address, text))


def _if_address(found: re.Match[str]) -> str:
    """Redacts what is an address and not only looks like one; the address :: is nobody's."""
    try:
        address = ipaddress.ip_address(found[0])
    except ValueError:
        return found[0]
    return found[0] if address.is_unspecified else _ADDRESS
