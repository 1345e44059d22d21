"""Whatever is sent to the service, it answers in order, with the headers that keep browsers safe."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
import schemathesis
from fastapi.openapi.utils import get_openapi
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode
from schemathesis.core.result import Ok

from hopchain_assets.annotate.app import HEADERS
from hopchain_assets.annotate.sessions import COOKIE
from tests.annotate.house import ADDRESS, ANNOTATOR, LEAD, REMOVED, House

# each is one request; to make one that is wrong takes ten times as long
EXAMPLES = {GenerationMode.POSITIVE: 8, GenerationMode.NEGATIVE: 2}
BOUNDED = settings(
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)


def _schema(house: House, role: str) -> dict[str, Any]:
    """What the service takes, told nowhere else; with ids that there are among those that may be tried."""
    told = get_openapi(title="review", version="1", routes=house.app.routes)
    question, image = house.hand(ANNOTATOR)
    known = {
        "question_id": [question, *house.seeded.of("all")[:12]],
        "image_id": [image, *list(house.seeded.pictures)[:3]],
        "person_id": [one for name, one in house.seeded.ids.items() if name not in (role, REMOVED)],
        "form": ["csv", "parquet"],
        "show": ["people", "all"],
        "category": ["dot", "disc"],
    }
    for path in told["paths"].values():
        for operation in path.values():
            for parameter in operation.get("parameters", ()):
                parameter["schema"] = _or_known(parameter["schema"], known.get(parameter["name"]))
    for form in told.get("components", {}).get("schemas", {}).values():
        for name, value in form.get("properties", {}).items():
            form["properties"][name] = _or_known(value, known.get(name))
    return told


def _or_known(schema: dict[str, Any], values: list[str] | None) -> dict[str, Any]:
    return {"anyOf": [{"enum": values}, copy.deepcopy(schema)]} if values else schema


@pytest.mark.parametrize("role", [ANNOTATOR, LEAD], ids=["annotator", "lead"])
def test_nothing_that_is_sent_breaks_the_service(house: House, role: str) -> None:
    """No answer says that the service failed, and each carries the headers; most forms are one's own."""
    schema = schemathesis.openapi.from_dict(_schema(house, role))
    statuses = Counter[int]()
    for found in schema.get_all_operations():
        assert isinstance(found, Ok), found
        operation = found.ok()
        for mode, most in EXAMPLES.items():
            strategy = operation.as_strategy(generation_mode=mode)
            try:
                settings(BOUNDED, max_examples=most)(
                    given(strategy, st.integers(0, 3))(_check(house, role, statuses))
                )()
            except Unsatisfiable:
                # what takes nothing can be given nothing wrong
                assert mode is GenerationMode.NEGATIVE
    assert {200, 303, 403, 404, 422} <= set(statuses), "the forms were not ones that the service takes"
    assert statuses.total() > 150, "next to nothing was asked"


def _check(house: House, role: str, statuses: Counter[int]) -> Callable[[Case, int], None]:
    def check(case: Case, chance: int) -> None:
        if isinstance(case.body, dict) and chance:
            case.body["form_token"] = house.forms[role]
        cookies = {COOKIE: house.cookies[role]}
        reply = case.call(app=house.app, base_url=ADDRESS, cookies=cookies, allow_redirects=False)
        statuses[reply.status_code] += 1
        assert reply.status_code < 500, (case.method, case.formatted_path, case.body)
        for name, value in HEADERS.items():
            assert reply.headers.get(name.lower()) == [value], (name, case.formatted_path)

    return check
