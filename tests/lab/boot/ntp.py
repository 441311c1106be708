"""Runs in the guest: a time server (NTP, RFC 5905) that is right whatever the wall clock is set to."""

import socket
import struct
import time

_NTP_EPOCH = 2_208_988_800  # s from 1900 to 1970
_PACKET = struct.Struct(">BBbbII4sQQQQ")

right = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
    server.bind(("127.0.0.1", 123))
    while True:
        asked, client = server.recvfrom(512)
        now = int((right + time.clock_gettime(time.CLOCK_BOOTTIME) + _NTP_EPOCH) * 2**32) & (2**64 - 1)
        origin = struct.unpack_from(">Q", asked, 40)[0]
        server.sendto(_PACKET.pack(0x24, 1, asked[2], -20, 0, 0, b"LAB\0", now, origin, now, now), client)
