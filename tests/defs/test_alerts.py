"""Alerts reach a webhook, or a log line; one that cannot be delivered stops nothing."""

from __future__ import annotations

import logging
import socket
import threading
from pathlib import Path

import pytest
from webhook_server import nobody_listens, webhook

from hopchain_assets.defs.alerts import alert
from hopchain_assets.settings import Settings, SettingsError

LOG = logging.getLogger("test of alerts")


def tell(home: Path, address: str = "") -> None:
    settings = Settings.load({"HOPCHAIN_HOME": str(home), "HOPCHAIN_ALERT_WEBHOOK": address})
    alert(settings, LOG, "parked", ["b1", "b2"], "the disk is full", "run 7")


def test_the_webhook_is_told_who_what_and_why(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """One JSON message, with a text that chat services show; the log has it too."""
    with webhook() as server:
        tell(tmp_path, server.address)
    assert server.messages == [
        {"kind": "parked", "batches": ["b1", "b2"], "text": "hopchain, b1, b2: the disk is full", "run_id": "run 7"}
    ]
    assert [record.getMessage() for record in caplog.records] == ["hopchain alert: b1, b2: the disk is full"]


def test_without_a_webhook_it_is_a_line_in_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """At the level of an error, so that no filter hides it."""
    tell(tmp_path)
    (record,) = caplog.records
    assert (record.levelno, record.getMessage()) == (logging.ERROR, "hopchain alert: b1, b2: the disk is full")


def test_a_webhook_that_is_down_or_refuses_is_told_in_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Nobody there, an error as the answer, an answer that is no HTTP: a line each, and nothing is raised."""
    tell(tmp_path, nobody_listens())
    with webhook(503) as server:
        tell(tmp_path, server.address)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=_answer_nonsense, args=(listener,))
        thread.start()
        tell(tmp_path, f"http://127.0.0.1:{listener.getsockname()[1]}/")
        thread.join()
    lines = [record.getMessage() for record in caplog.records]
    assert lines[::2] == ["hopchain alert: b1, b2: the disk is full"] * 3
    assert all("the alert could not be delivered: " in line for line in lines[1::2])
    for line, why in zip(lines[1::2], ("refused", "503", "nonsense"), strict=True):
        assert why in line


def test_an_address_that_is_no_web_address_is_refused_at_once(tmp_path: Path) -> None:
    """Not at the moment when something went wrong."""
    with pytest.raises(SettingsError, match="HOPCHAIN_ALERT_WEBHOOK"):
        tell(tmp_path, "ftp://example.org")


def _answer_nonsense(listener: socket.socket) -> None:
    connection, _ = listener.accept()
    with connection:
        connection.recv(65536)
        connection.sendall(b"nonsense\r\n\r\n")
