"""Questions as Label Studio takes them: for each person a project of their own, which is what keeps people blind there.

A task holds the question, its id, whose it is and where the picture lies, and nothing that is known of the answer.
"""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from hopchain_assets.domain.review import DEFECTS
from hopchain_assets.operations.review.handing_out import Bundle

# what the fields of the form are called in Label Studio's exports
ANSWER, DEFECT, NOTE = "answer", "defect", "note"
PICTURES = "pictures"
# Label Studio tells browsers what a file is by the end of its name
_ENDINGS = {b"\xff\xd8\xff": ".jpg", b"\x89PNG": ".png", b"GIF8": ".gif", b"RIFF": ".webp"}
_LOCAL = "/data/local-files/?d="
LONGEST_SLUG = 40

Picture = Callable[[str], bytes]


@dataclass(frozen=True, slots=True)
class Project:
    """What was written for one person: `tasks` is the new file of tasks, `config` that of the form."""

    name: str
    tasks: Path
    config: Path
    count: int


@dataclass(frozen=True, slots=True)
class Written:
    """What was written, and the ids of pictures that could not be read, whose questions are in no file."""

    projects: tuple[Project, ...]
    missing: tuple[str, ...]


def config() -> str:
    """The labelling config: the picture to zoom into, the question, a field for the number, the reasons, a note.

    The number is typed as text, so that `1/2` and `1,5` are read as on our own page.
    """
    view = ET.Element("View")
    ET.SubElement(view, "Header", value="$question")
    ET.SubElement(view, "Image", name="image", value="$image", zoom="true", zoomControl="true", rotateControl="false")
    ET.SubElement(view, "Header", value="Your answer, one number", size="4")
    ET.SubElement(view, "TextArea", _field(ANSWER), rows="1", placeholder="such as 7, 1.5 or 1/2")
    ET.SubElement(view, "Header", value="Or, where it cannot be answered, why not", size="4")
    choices = ET.SubElement(view, "Choices", name=DEFECT, toName="image", choice="single", required="false")
    for place, (key, words) in enumerate(DEFECTS.items(), 1):
        # otherwise a digit alone chooses one: who types their number beside the field would report a defect
        ET.SubElement(choices, "Choice", value=words, alias=key, hotkey=f"alt+{place}")
    ET.SubElement(view, "TextArea", _field(NOTE), rows="3", placeholder="A note, if you like")
    ET.indent(view)
    return ET.tostring(view, encoding="unicode") + "\n"


def tasks(bundle: Bundle, address: Mapping[str, str]) -> list[dict[str, dict[str, str]]]:
    """The tasks of one person, those whose picture has an address."""
    return [
        {
            "data": {
                "image": address[one.image_id],
                "question": one.question,
                "question_id": one.question_id,
                "person_id": bundle.person_id,
            }
        }
        for one in bundle.questions
        if one.image_id in address
    ]


def write(folder: Path, bundles: Sequence[Bundle], picture: Picture, prefix: str = "") -> Written:
    """Writes a folder for each person, and the pictures into one beside them.

    Nothing that is there is overwritten but the form: the tasks of a later call lie in `tasks-2.json` and so on.

    Args:
        folder: what `LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT` is to be where Label Studio serves the pictures.
        bundles: who gets which questions.
        picture: the bytes of a picture by its id; raises `OSError` where there is none.
        prefix: where else the pictures are served, each under its id; none is copied then.
    """
    wanted = list(dict.fromkeys(one.image_id for bundle in bundles for one in bundle.questions))
    if prefix:
        address = {image_id: f"{prefix.rstrip('/')}/{quote(image_id, safe='')}" for image_id in wanted}
    else:
        address = _copied(folder / PICTURES, wanted, picture)
    projects = [_project(folder, bundle, address) for bundle in bundles]
    missing = tuple(image_id for image_id in wanted if image_id not in address)
    return Written(tuple(one for one in projects if one.count), missing)


def _field(name: str) -> dict[str, str]:
    return {"name": name, "toName": "image", "maxSubmissions": "1", "editable": "true", "required": "false"}


def _copied(folder: Path, wanted: Sequence[str], picture: Picture) -> dict[str, str]:
    """Copies pictures, and says how Label Studio calls each; those that cannot be read are left out."""
    folder.mkdir(parents=True, exist_ok=True)
    address: dict[str, str] = {}
    for image_id in wanted:
        try:
            data = picture(image_id)
        except OSError:
            continue
        ending = next((ending for sign, ending in _ENDINGS.items() if data.startswith(sign)), "")
        # an id may be anything: as it stands it could lead out of the folder
        name = quote(image_id, safe="") + ending
        _put(folder / name, data)
        address[image_id] = _LOCAL + quote(f"{PICTURES}/{name}")
    return address


def _put(path: Path, data: bytes) -> None:
    if path.exists():
        return
    # whole or not at all, as the next call leaves alone what is there
    half = path.with_name(f"{path.name}.part")
    half.write_bytes(data)
    half.replace(path)


def _project(folder: Path, bundle: Bundle, address: Mapping[str, str]) -> Project:
    own = folder / f"{_slug(bundle.name)}-{bundle.person_id}"
    made = tasks(bundle, address)
    if not made:
        return Project(bundle.name, own, own, 0)
    own.mkdir(parents=True, exist_ok=True)
    form = own / "config.xml"
    form.write_text(config(), encoding="utf-8")
    path = _free(own)
    _put(path, json.dumps(made, ensure_ascii=False, indent=1).encode())
    return Project(bundle.name, path, form, len(made))


def _free(folder: Path) -> Path:
    path, number = folder / "tasks.json", 1
    while path.exists():
        number += 1
        path = folder / f"tasks-{number}.json"
    return path


def _slug(name: str) -> str:
    """A name as part of a folder's name."""
    return "".join(sign if sign.isalnum() else "-" for sign in name)[:LONGEST_SLUG].strip("-") or "person"
