"""The models behind servers that the environment names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from hopchain_assets.ports.vlm import Vlm
from hopchain_assets.settings.environ import SettingsError, number

WRITER_MODEL = "Qwen/Qwen3-VL-235B-A22B-Thinking"
# of other families than the writer: samples of one model share its errors
BINDER_MODEL = "openai/gpt-oss-120b"
PERCEIVER_MODEL = "google/gemma-3-27b-it"


@dataclass(frozen=True, slots=True)
class Server:
    """A model behind a server that speaks the OpenAI wire, as the variables that begin with `settings` name it.

    `most` questions are asked of it at once.
    """

    settings: str
    url: str
    model: str
    revision: str
    key: str = field(repr=False)
    most: int

    def client(self) -> Vlm:
        """Who asks it. Opens nothing.

        Raises:
            SettingsError: naming the variable that cannot be used.
        """
        from hopchain_assets.models.openai_chat import OpenAiChat

        try:
            return OpenAiChat(self.url, self.model, self.revision, self.key, most=self.most, settings=self.settings)
        except ValueError as error:
            raise SettingsError(str(error)) from error


@dataclass(frozen=True, slots=True)
class Servers:
    """Who rates, names and writes (`vlm`), who reads the words back, and who looks at crops; None for nobody."""

    vlm: Server | None
    binder: Server | None
    perceiver: Server | None

    @classmethod
    def load(cls, given: Mapping[str, str]) -> Servers:
        """The servers of these variables. Without HOPCHAIN_VLM_URL there is none.

        Raises:
            SettingsError: naming the variable and what it may be.
        """
        vlm = _server(given, "HOPCHAIN_VLM", None, WRITER_MODEL)
        binder = _server(given, "HOPCHAIN_BINDER", vlm, BINDER_MODEL)
        perceiver = _server(given, "HOPCHAIN_PERCEIVER", vlm, PERCEIVER_MODEL)
        looks = given.get("HOPCHAIN_PERCEIVER_URL") or given.get("HOPCHAIN_PERCEIVER_MODEL")
        return cls(vlm, binder, perceiver if looks else None) if vlm else cls(None, None, None)


def _server(given: Mapping[str, str], prefix: str, beside: Server | None, model: str) -> Server | None:
    """The server of the variables that begin so; at the same address and with the same key as `beside` by default."""
    own, named, revision, key = (given.get(f"{prefix}_{name}") or "" for name in ("URL", "MODEL", "REVISION", "KEY"))
    most = number(given, "HOPCHAIN_IN_FLIGHT", 64, 1, 4_096)
    url = (own or (beside.url if beside else "")).rstrip("/")
    if not url:
        return None
    if not url.startswith(("http://", "https://")):
        raise SettingsError(f"{prefix}_URL must be an http or https address such as http://127.0.0.1:8000/v1")
    # a key is sent to nobody but the address that it was given for
    key = key or (beside.key if beside and beside.url == url else "")
    return Server(prefix, url, named or model, revision, key, most)
