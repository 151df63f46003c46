"""A bad network: a link between this network namespace and another, made of two TUN devices and this program between them.

link.py <namespace> <near address> <far address> <loss> <delay ms> <jitter ms> <seed>

Each packet is lost with the given probability, else passed on after the delay plus a random part of the jitter, so that packets
overtake each other. Runs until it is killed; the devices go with it.
"""
import ctypes
import fcntl
import heapq
import os
import random
import select
import struct
import subprocess
import sys
import time

TUNSETIFF = 0x400454CA
IFF_TUN = 0x0001
IFF_NO_PI = 0x1000
CLONE_NEWNET = 0x40000000

namespace, near, far = sys.argv[1:4]
loss, delay, jitter = (float(value) for value in sys.argv[4:7])
chance = random.Random(int(sys.argv[7]))


def open_tun(address, peer):
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    name = fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH", b"skein%d", IFF_TUN | IFF_NO_PI))
    name = name[:16].rstrip(b"\0").decode()
    subprocess.check_call(["ip", "address", "add", address, "peer", peer, "dev", name])
    subprocess.check_call(["ip", "link", "set", name, "up"])
    return device


here = open_tun(near, far)
with open("/run/netns/" + namespace) as there:
    if ctypes.CDLL(None, use_errno=True).setns(there.fileno(), CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")
subprocess.check_call(["ip", "link", "set", "lo", "up"])
away = open_tun(far, near)
print("up", flush=True)

other = {here: away, away: here}
waiting = []
number = 0
poll = select.epoll()
for device in other:
    poll.register(device, select.EPOLLIN)
while True:
    timeout = max(0, waiting[0][0] - time.monotonic()) if waiting else -1
    for device, _ in poll.poll(timeout):
        packet = os.read(device, 65536)
        if chance.random() >= loss:
            number += 1
            due = time.monotonic() + (delay + jitter * chance.random()) / 1000
            heapq.heappush(waiting, (due, number, other[device], packet))
    while waiting and waiting[0][0] <= time.monotonic():
        _, _, device, packet = heapq.heappop(waiting)
        try:
            os.write(device, packet)
        except OSError:
            pass  # the device is full: one more packet is lost
