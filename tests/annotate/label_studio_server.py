"""A real Label Studio on loopback, that calls nobody, and what is asked of it. See `make test-label-studio`."""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

READY_SECONDS = 300.0
ACCOUNT = "lead@example.org"


@dataclass(frozen=True)
class LabelStudio:
    """A running server: where, its account's token and password, and the folder whose files it serves."""

    url: str
    token: str
    password: str
    root: Path

    def call(self, method: str, path: str, body: object = None) -> Any:
        """What it answers, read from JSON.

        Raises:
            urllib.error.HTTPError: when it refuses.
        """
        return json.loads(self.get(path, method, body) or b"null")

    def get(self, path: str, method: str = "GET", body: object = None) -> bytes:
        """The bytes that it answers."""
        headers = {"Authorization": f"Token {self.token}", "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        with urllib.request.urlopen(request, timeout=60) as reply:
            return reply.read()

    def project(self, tasks: Path, form: Path, pictures: Path) -> int:
        """A new project with these tasks; its id."""
        made = self.call("POST", "/api/projects", {"title": tasks.parent.name[:50], "label_config": form.read_text()})
        self.call("POST", f"/api/projects/{made['id']}/import", json.loads(tasks.read_text()))
        storage = {"project": made["id"], "path": str(pictures), "use_blob_urls": True, "title": "pictures"}
        self.call("POST", "/api/storages/localfiles", storage)
        return made["id"]

    def tasks(self, project: int) -> dict[str, int]:
        """The ids of a project's tasks by their question."""
        told = self.call("GET", f"/api/tasks?project={project}&fields=all")
        return {one["data"]["question_id"]: one["id"] for one in told["tasks"]}

    def answer(self, task: int, results: Sequence[Mapping[str, object]], skipped: bool = False) -> None:
        """An annotation, as its page sends one."""
        body = {"result": list(results), "was_cancelled": skipped, "lead_time": 4.25}
        self.call("POST", f"/api/tasks/{task}/annotations/", body)

    def export(self, project: int, form: str, path: Path) -> Path:
        """Its export in a file."""
        path.write_bytes(self.get(f"/api/projects/{project}/export?exportType={form}&download_all_tasks=true"))
        return path


@contextmanager
def label_studio(python: Path, folder: Path) -> Iterator[LabelStudio]:
    """A server of its own, with a database of its own, for as long as the block runs."""
    root, log = folder / "files", folder / "server.log"
    root.mkdir()
    token, password = secrets.token_hex(20), secrets.token_urlsafe(12)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    call = [str(python.parent / "label-studio"), "start", "--no-browser", "--agree-fix-sqlite", "--port", port]
    call += ["--internal-host", "127.0.0.1", "--data-dir", str(folder / "data"), "--log-level", "WARNING"]
    call += ["--username", ACCOUNT, "--password", password, "--user-token", token, "--enable-legacy-api-token"]
    with log.open("w") as lines:
        server = subprocess.Popen(
            call, env=_environment(folder, root), cwd=folder, stdout=lines, stderr=lines, start_new_session=True
        )
    try:
        url = f"http://127.0.0.1:{port}"
        _wait(server, url, log)
        yield LabelStudio(url, token, password, root)
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def _environment(folder: Path, root: Path) -> dict[str, str]:
    """With what makes it tell nobody that it runs."""
    quiet = {"COLLECT_ANALYTICS": "False", "LATEST_VERSION_CHECK": "False", "FEATURE_FLAGS_OFFLINE": "True"}
    quiet |= {"SENTRY_DSN": "", "FRONTEND_SENTRY_DSN": ""}
    served = {"LOCAL_FILES_SERVING_ENABLED": "True", "LOCAL_FILES_DOCUMENT_ROOT": str(root)}
    named = {f"LABEL_STUDIO_{name}": value for name, value in served.items()}
    home = {"HOME": str(folder), "LABEL_STUDIO_BASE_DATA_DIR": str(folder / "data"), "DJANGO_DB": "sqlite"}
    return {**os.environ, **quiet, **named, **home}


def _wait(server: subprocess.Popen[bytes], url: str, log: Path) -> None:
    """Until it answers.

    Raises:
        RuntimeError: with the end of its log, when it ends before, or takes too long.
    """
    until = time.monotonic() + READY_SECONDS
    while server.poll() is None and time.monotonic() < until:
        try:
            with urllib.request.urlopen(f"{url}/health", timeout=10) as reply:
                if reply.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            time.sleep(1.0)
    raise RuntimeError(f"Label Studio did not come up: {log.read_text()[-4000:]}")
