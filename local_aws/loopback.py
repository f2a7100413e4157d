"""Open sockets on this machine only; find free ports, and whether there is an IPv6 loopback."""

import socket
from functools import cache

V4 = "127.0.0.1"
V6 = "::1"


@cache
def has_v6() -> bool:
    """Return whether the machine has ::1."""
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as probe:
            probe.bind((V6, 0))
    except OSError:
        return False
    return True


def bind(port: int, kind: socket.SocketKind = socket.SOCK_STREAM, host: str = V4) -> socket.socket:
    """Return a socket bound to `host`; port 0 takes a free one. Raises OSError if the port is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio turns off Nagle's delay (40 ms a request here) only where the protocol is named.
    bound = socket.socket(family, kind, socket.IPPROTO_TCP if kind is socket.SOCK_STREAM else 0)
    try:
        if kind is socket.SOCK_STREAM:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family is socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        bound.bind((host, port))
    except OSError:
        bound.close()
        raise
    return bound


def bind_together(port: int, *wanted: tuple[socket.SocketKind, str]) -> list[socket.socket]:
    """Return sockets of several kinds or hosts on one port number; port 0 looks for one that is free in all of them."""
    for _ in range(50 if port == 0 else 1):
        sockets: list[socket.socket] = []
        try:
            for kind, host in wanted:
                chosen = sockets[0].getsockname()[1] if sockets else port
                sockets.append(bind(chosen, kind, host))
        except OSError:
            for bound in sockets:
                bound.close()
            if port:
                raise
        else:
            return sockets
    raise OSError("no port is free for all of " + ", ".join(host for _, host in wanted))


def free_port() -> int:
    """Return a TCP port that was free a moment ago."""
    with bind(0) as probe:
        return int(probe.getsockname()[1])
