"""Whether the watch itself is awake: the words in the top bar of every page."""

from dataclasses import dataclass

from dashboards.console.cards import lasted
from dashboards.console.scene import Scene


@dataclass(frozen=True, slots=True, kw_only=True)
class Awake:
    """``ok`` with the reasons why not; devices heard and lost; ``why`` is empty when all is well."""

    ok: bool
    text: str
    why: list[str]
    online: int
    lost: int


def awake(scene: Scene, stale_s: float) -> Awake:
    status = scene.status
    if status is None:
        return Awake(
            ok=False, text=scene.t("watch.never"), why=[scene.t("watch.remedy")], online=0, lost=0
        )
    quiet_s = (scene.now - status.at).total_seconds()
    why = [
        scene.t("watch.part", name=scene.t.either(f"part.{part.name}", part.name), why=part.why)
        for part in status.parts
        if not part.ok
    ]
    text = scene.t("watch.ok") if not why else scene.t("watch.trouble")
    if quiet_s > stale_s:
        text = scene.t("watch.asleep", span=lasted(quiet_s, scene))
        why.insert(0, scene.t("watch.remedy"))
    online = sum(1 for device in status.devices if device.online)
    return Awake(ok=not why, text=text, why=why, online=online, lost=len(status.devices) - online)
