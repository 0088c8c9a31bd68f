"""The words of the reports of a trial, in zh and en: one table each, holes are ``{name}``."""

from datetime import datetime

from alerts.figures import number
from alerts.words import IncidentClass, Language

_ZH = {
    "title": "规则试运行",
    "lead.rang": "{since} 到 {until}，{what}会报警 {times}，其中 {night} 次在夜里（22:00 到 6:00）。",
    "lead.day": "{since} 到 {until}，{what}会报警 {times}，都不在夜里（22:00 到 6:00）。",
    "lead.calm": "{since} 到 {until}，{what}一次也不会报警。",
    "lead.one": "“{name}”",
    "lead.many": "这 {n} 条规则",
    "lead.all": "用得上的 {n} 条规则",
    "lead.long": "最长 {longest}，一般 {median}。",
    "lead.woken": "半夜会把人叫醒 {times}：{names}。",
    "lead.woken-nobody": "半夜会响 {times}，但没有登记该叫谁。",
    "lead.sleep": "半夜不会叫醒任何人。",
    "lead.did": "实际报过 {times}：{met} 次这里也有，{gone} 次不会再报；另外会多报 {new} 次。",
    "lead.false": "不会再报的里面，有 {n} 次当时已被判为误报。",
    "lead.untold": "实际另外报过 {times}，这些读数里看不出来（比如一个读数也没有的设备）。",
    "lead.against": "按对照的规则（{name}）是 {times}。",
    "lead.carried": "另有 {n} 次在开始之前就已经在报。",
    "often.title": "报得太勤",
    "often.daily": "{name}：同一个地方平均每天报 {per_day} 次。一天不止一次，很快就没人看了。",
    "often.long": "{name}：同一个地方有 {share} 的时间在报警。超过 1%，报警就成了常态。",
    "table.title": "按规则",
    "table.rule": "规则",
    "table.would": "会报",
    "table.against": "对照",
    "table.did": "实报",
    "table.both": "都有",
    "table.new": "多报",
    "table.gone": "少报",
    "table.night": "夜里",
    "table.woke": "叫醒",
    "table.longest": "最长",
    "table.median": "一般",
    "table.share": "时间占比",
    "table.rate": "每处每月",
    "table.where": "在哪、哪个月",
    "table.quiet": "其余 {n} 条用得上的规则没有动静。",
    "text.colon": "：",
    "text.gap": "",
    "list.at": "时间",
    "list.lasted": "持续",
    "list.severity": "程度",
    "list.where": "在哪",
    "list.more": "还有 {n} 次没列出，--html 或 --json 里都有",
    "fate.both": "实际也报了",
    "fate.new": "实际没报",
    "fate.gone": "不会再报",
    "fate.incident": "事件 {ids}",
    "fate.false": "当时判为误报",
    "fate.unknown": "",
    "mark.both": "=",
    "mark.new": "+",
    "mark.gone": "-",
    "card.none": "这段时间没有响。",
    "card.nodata": "这段时间没有读数可画。",
    "card.carried": "开始之前就在报",
    "card.on": "到最后还没恢复",
    "card.peak": "最高 {value} {unit}",
    "card.low": "最低 {value} {unit}",
    "card.value": "当时 {value} {unit}",
    "card.message": "会发的消息",
    "card.told": "先通知：{names}",
    "card.told-nobody": "没有登记该通知谁",
    "card.digest": "不马上通知：进每日汇总，或只作记录",
    "card.more": "还有 {n} 次",
    "card.listed": "这里列出前 {n} 次，全部在 JSON 文件里",
    "card.against": "对照的规则报 {n} 次",
    "chart.label": "{name}，{metric}，{since} 到 {until}，最低 {low}，最高 {high}",
    "chart.limit": "报警线 {value}",
    "chart.off": "报警线 {value} 在图外",
    "legend": "实心：会报警；空心：实际报过；横条是持续时间。色带是每一小段里最低到最高的值，断开处没有数据，浅灰是夜里。",
    "source.title": "数据从哪来，看不见什么",
    "source.journal": "数据来自日志 {name}：和当时收到的一样，次序、到达时间都在。",
    "source.store": "数据来自历史数据库（{name}）。",
    "source.csv": "数据来自表格 {name}。",
    "source.count": "共 {readings} 个读数。",
    "blind.arrival": "看不见数据是什么时候到的：每个读数都当作一测到就收到，断网补传看起来像没断过。",
    "blind.status": "看不见设备自己说的话（上线、掉线、停机），也看不见本系统自己停过的时候。",
    "blind.withheld": "后来才被判为坏的读数，这里一开始就不算；当时的规则可能见过它。",
    "blind.warnings": "看不见当时的官方预警，靠预警判断的规则不会响。",
    "blind.quality": "读数只按量程检查过，没有做其他质量检验。",
    "blind.others": "表格里没有的设备，不判断是否失联。",
    "warm.some": "从 {at} 开始读起，让滑动窗口和基线先填满；只统计 {since} 以后的。",
    "warm.none": "开头没有预读：窗口和基线要过一阵才填满，最初的结果可能不准。",
    "note.late": "第一个读数是 {at} 的：更早的没有，或已按保存期删除，那之后窗口和基线才开始填。",
    "note.mended": "有 {n} 条日志记录读不出来，已跳过。",
    "note.journal-short": "日志只到 {at}，所以改用历史数据库。",
    "note.problem": "{text}",
    "settings": "试用的数值：{text}",
    "zone": "时间按 {zone}",
    "class.fire": "火灾",
    "class.flood": "水患",
    "class.safety": "安全",
    "class.pollution": "污染",
    "class.upkeep": "维护",
    "class.watch": "系统自身",
    "shipped": "自带",
    "left-out": "还有 {n} 张图没画，全部在 JSON 文件里。",
    "brand": "守望",
    "main": "跳到正文",
    "exact": "一共 {n} 个变化：{same} 个和当时一样，{then} 个只有当时有，{now} 个只有现在有",
    "comma": "、",
}
_EN = {
    "title": "Rules on trial",
    "lead.rang": "From {since} to {until} {what} would have rung {times}, {night} of them at night "
    "(22:00 to 06:00).",
    "lead.day": "From {since} to {until} {what} would have rung {times}, never at night (22:00 to "
    "06:00).",
    "lead.calm": "From {since} to {until} {what} would not have rung at all.",
    "lead.one": "“{name}”",
    "lead.many": "these {n} rules",
    "lead.all": "the {n} rules that judge something here",
    "lead.long": "The longest lasted {longest}, the usual one {median}.",
    "lead.woken": "People would have been woken {times}: {names}.",
    "lead.woken-nobody": "It would have rung at night {times}, and nobody is registered to be told.",
    "lead.sleep": "Nobody would have been woken.",
    "lead.did": "In reality it rang {times}: {met} found again, {gone} would be gone; {new} would be "
    "new.",
    "lead.false": "Of those that would be gone, people had judged {n} a false alarm.",
    "lead.untold": "{n} more that rang in reality cannot be told from these readings, as of devices "
    "that have none.",
    "lead.against": "With the other rules ({name}) it is {times}.",
    "lead.carried": "{n} more had begun before and went on.",
    "often.title": "Too often",
    "often.daily": "{name}: {per_day} times a day at one subject. What rings more than once a day is "
    "soon looked at by nobody.",
    "often.long": "{name}: in alarm for {share} of the time at one subject. Above 1 % an alarm is no "
    "news any more.",
    "table.title": "By rule",
    "table.rule": "rule",
    "table.would": "would",
    "table.against": "other",
    "table.did": "did",
    "table.both": "both",
    "table.new": "new",
    "table.gone": "gone",
    "table.night": "night",
    "table.woke": "woke",
    "table.longest": "longest",
    "table.median": "usual",
    "table.share": "of time",
    "table.rate": "a place and month",
    "table.where": "where, and in which month",
    "table.quiet": "{n} other rules judge something here, and were silent.",
    "text.colon": ":",
    "text.gap": " ",
    "list.at": "rang at",
    "list.lasted": "lasted",
    "list.severity": "severity",
    "list.where": "where",
    "list.more": "{n} more are not listed; --html or --json has all",
    "fate.both": "rang in reality too",
    "fate.new": "did not ring in reality",
    "fate.gone": "would be gone",
    "fate.incident": "incident {ids}",
    "fate.false": "judged a false alarm",
    "fate.unknown": "",
    "mark.both": "=",
    "mark.new": "+",
    "mark.gone": "-",
    "card.none": "It did not ring in this span.",
    "card.nodata": "No readings to draw in this span.",
    "card.carried": "had begun before",
    "card.on": "not over at the end",
    "card.peak": "peak {value} {unit}",
    "card.low": "lowest {value} {unit}",
    "card.value": "at {value} {unit}",
    "card.message": "The message",
    "card.told": "told first: {names}",
    "card.told-nobody": "nobody is registered to be told",
    "card.digest": "tells nobody at once: it waits for the digest, or is kept for the record",
    "card.more": "{n} more",
    "card.listed": "The first {n} are listed here; the JSON file has all",
    "card.against": "the other rules rang {n} times",
    "chart.label": "{name}, {metric}, {since} to {until}, lowest {low}, highest {high}",
    "chart.limit": "limit {value}",
    "chart.off": "the limit {value} lies outside",
    "legend": "Filled: would have rung. Outline: did ring. The bar is how long it lasted. The band "
    "runs from the lowest to the highest value of each step; it breaks where nothing came; nights "
    "are shaded.",
    "source.title": "Where the readings come from, and what cannot be seen",
    "source.journal": "Readings are of the journal {name}: as they came then, in their order, with "
    "the times of their arrival.",
    "source.store": "Readings are of the store ({name}).",
    "source.csv": "Readings are of {name}.",
    "source.count": "{readings} readings in all.",
    "blind.arrival": "When readings arrived is not known: each counts as heard when it was measured, "
    "so a backlog looks as if the line had never been cut.",
    "blind.status": "What devices said of themselves (online, offline, stopping) is not known, nor "
    "when this server itself was down.",
    "blind.withheld": "Readings that were found bad only later are left out from the start; the rule "
    "may have seen them then.",
    "blind.warnings": "Official warnings are not known, so rules that hear them stay silent.",
    "blind.quality": "Readings were judged by the span of their metric alone, by no other test of "
    "quality.",
    "blind.others": "Devices that are not in the table are not judged for silence.",
    "warm.some": "Read from {at} on, so that windows and baselines are filled; counted from {since} "
    "on.",
    "warm.none": "Nothing was read before the span: windows and baselines fill in its first part, so "
    "that part is less certain.",
    "note.late": "The first reading is of {at}: there are no older ones, or they were deleted by their "
    "age; windows and baselines begin to fill from there.",
    "note.mended": "{n} records of the journal could not be read and were passed over.",
    "note.journal-short": "The journal begins at {at}, so the store is used.",
    "note.problem": "{text}",
    "settings": "Numbers on trial: {text}",
    "zone": "times are of {zone}",
    "class.fire": "fire",
    "class.flood": "flood",
    "class.safety": "safety",
    "class.pollution": "pollution",
    "class.upkeep": "upkeep",
    "class.watch": "the service itself",
    "shipped": "shipped",
    "left-out": "{n} more charts were not drawn; the JSON file has all.",
    "brand": "Shouwang",
    "main": "To the main part",
    "exact": "{n} transitions; {same} as they did ring, {then} only then, {now} only now",
    "comma": ", ",
}
TABLES = {Language.ZH: _ZH, Language.EN: _EN}


class Words:
    """One language; KeyError for a key that is not there, so that a test sees it."""

    def __init__(self, language: Language) -> None:
        self.language = language
        self._texts = TABLES[language]

    def __call__(self, key: str, **values: object) -> str:
        return self._texts[key].format(**values)

    def cls(self, cls: IncidentClass) -> str:
        return self._texts[f"class.{cls}"]

    def times(self, n: int) -> str:
        """How often."""
        if self.language is Language.ZH:
            return f"{n} 次"
        return {1: "once", 2: "twice"}.get(n, f"{n} times")

    def day(self, at: datetime) -> str:
        """A day, with its year; the time of day where it is not midnight."""
        if self.language is Language.ZH:
            text = f"{at.year} 年 {at.month} 月 {at.day} 日"
        else:
            text = f"{at.day} {at:%b %Y}"
        return text if (at.hour, at.minute) == (0, 0) else f"{text} {at:%H:%M}"

    def lasted(self, ms: int) -> str:
        """A length of time in short: minutes, hours, days."""
        minutes = ms / 60_000
        zh = self.language is Language.ZH
        if minutes < 1:
            return f"{max(1, round(ms / 1000))} {'秒' if zh else 's'}"
        if minutes < 120:
            return f"{round(minutes)} {'分钟' if zh else 'min'}"
        if minutes < 48 * 60:
            return f"{number(minutes / 60, 1, plain=True)} {'小时' if zh else 'h'}"
        return f"{number(minutes / 1440, 1, plain=True)} {'天' if zh else 'd'}"

    def share(self, share: float) -> str:
        return f"{number(100 * share, 1 if share < 0.1 else 0, plain=True)} %"
