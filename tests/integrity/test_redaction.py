"""Names are left out of texts, and nothing else is."""

from __future__ import annotations

import pytest

from vpsbench.integrity.redaction import Redactor

NAMES = {
    "web7.example.org": "host name",
    "web7": "host name",
    "mallory": "user name",
    "S-77.b": "serial number",
}
LEFT_OUT = {
    "on web7.example.org and web7": "on [host name left out] and [host name left out]",
    "mallory's /home/eve/x and /Users/bob": (
        "[user name left out]'s /home/[user name left out]/x and /Users/[user name left out]"
    ),
    "disk S-77.b, not S-77.bc": "disk [serial number left out], not S-77.bc",
    '{"hostname" : "db", \\"hostname\\": \\"db\\"}': (
        '{"hostname" : "[host name left out]", \\"hostname\\": \\"[host name left out]\\"}'
    ),
    "from 192.0.2.7:80\\n10.0.0.1, 127.0.0.1.": (
        "from [address left out]:80\\n[address left out], [address left out]."
    ),
    "at 2001:db8::7/64, fe80::1%eth0 and ::1": (
        "at [address left out]/64, [address left out]%eth0 and [address left out]"
    ),
    "52:54:00:12:34:56 52-54-00-AB-cd-EF": "[address left out] [address left out]",
    "\\nweb7\\tmallory": "\\n[host name left out]\\t[user name left out]",
}
KEPT = [
    "kernel 6.1.0-13, fio-3.33, version 1.2.3.4.5 of 2026-11-23",
    "12:34:56 and 00:1f.2 and 0000:00:1f.2 and std::vector and ::",
    "999.1.2.3 and 1.2.3 and 256.256.256.256",
    "web77, xweb7, web7-old and mallorys",
    "root on this server runs fio for the guest",
    '{"cpu":0.5,"probe":"disk"}',
    "",
]


@pytest.mark.parametrize("text", LEFT_OUT)
def test_names_are_left_out(text: str) -> None:
    clean = Redactor(NAMES)
    assert clean(text) == LEFT_OUT[text]
    assert clean(clean(text)) == clean(text)


@pytest.mark.parametrize("text", KEPT)
def test_all_else_is_kept(text: str) -> None:
    words = dict.fromkeys(("root", "server", "kvm", "cpu", "a", "vm", ""), "host name")
    assert Redactor(NAMES | words)(text) == text


def test_name_of_any_letters_is_found_in_json_too() -> None:
    clean = Redactor({"jürgen": "user name", "a.*b": "host name"})
    assert clean("jürgen j\\u00fcrgen a.*b axxb") == (
        "[user name left out] [user name left out] [host name left out] axxb"
    )
