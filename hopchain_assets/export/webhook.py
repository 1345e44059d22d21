"""A JSON message to an address that somebody watches."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Mapping
from http.client import HTTPException

# eight batches may be parked in one tick of the sensor, which has a minute
SECONDS = 5.0


class Undelivered(RuntimeError):
    """The address did not take the message; the text says why."""


def post(address: str, message: Mapping[str, object]) -> None:
    """Posts the message as JSON. `text` in it is what Slack, Mattermost and their like show.

    Raises:
        Undelivered: when nobody answers within five seconds, or the answer is an error.
    """
    body = json.dumps(message).encode()
    request = urllib.request.Request(address, body, {"Content-Type": "application/json"}, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=SECONDS):
            return
    # HTTPError is an OSError too, and so are refused connections and timeouts; an answer that is no HTTP is not
    except (OSError, ValueError, HTTPException) as error:
        raise Undelivered(f"the alert could not be delivered: {error}") from error
