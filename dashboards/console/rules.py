"""The pages of the rules: what each looks for and cannot see, and how often it was right."""

from typing import Any

from aiohttp import web

from alerts.incidents.precision import Precision
from dashboards.console import cards
from dashboards.console.door import Asked, in_thread
from dashboards.console.pages import set_scene, show
from dashboards.console.problems import Problem
from dashboards.console.records import record, right_share
from dashboards.console.scene import Scene
from dashboards.ports import Rule

RECENT = 10


async def listing(asked: Asked) -> web.Response:
    scene = await set_scene(asked)
    found = await in_thread(asked.desk.operations.precision)
    rows = [
        _row(name, rule, found.get(name, Precision()), scene)
        for name, rule in asked.desk.packs.rules.items()
    ]
    # Those that were wrong most stand first: they are the ones to mend.
    rows.sort(key=lambda row: -row["precision"].false)
    return show(asked, scene, "rules.html", tab="rules", rows=rows)


async def one(asked: Asked) -> web.Response:
    scene = await set_scene(asked)
    name, operations = asked.path.rule, asked.desk.operations
    rule = asked.desk.packs.rules.get(name)
    if rule is None:
        raise Problem(404, scene.t("error.no-rule"), where=name, remedy="/rules")
    found = await in_thread(operations.precision, name)
    wrong = await in_thread(operations.judged_false, name, RECENT)
    return show(
        asked,
        scene,
        "rule.html",
        tab="rules",
        row=_row(name, rule, found.get(name, Precision()), scene),
        wrong=[(cards.card(i, scene), cards.story([line], i, scene)[0]) for i, line in wrong],
    )


def _row(name: str, rule: Rule, precision: Precision, scene: Scene) -> dict[str, Any]:
    return {
        "id": name,
        "href": f"/rules/{name}",
        "name": rule.names.by(scene.language),
        "class": scene.t(f"class.{rule.cls.value}"),
        "source": rule.source.text,
        "mark": scene.t(f"mark.{rule.source.mark.name.lower()}"),
        "blind_to": rule.blind_to.by(scene.language),
        "precision": precision,
        "record": record(precision, scene),
        "share": right_share(precision),
    }
