"""Where servers of ours listen."""

from __future__ import annotations

import errno
import socket

from hopchain_assets.cli.ending import Refusal

LOOPBACK = "127.0.0.1"


def check_port(port: int, host: str = LOOPBACK) -> None:
    """Makes sure that a server can listen there.

    Raises:
        Refusal: when the port is in use, or the address is not this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        # as the server will do it: a port that was left a second ago is free
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host.strip("[]"), port))
        except PermissionError as error:
            raise Refusal(f"port {port} is for the system's own programs: choose one above 1023 with --port") from error
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise Refusal(f"nothing can listen at {host}: {error.strerror}") from error
            raise Refusal(f"port {port} of {host} is in use: choose another one with --port") from error
