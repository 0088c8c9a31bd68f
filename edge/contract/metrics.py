"""The catalogue of metrics: everything else reads names, units, spans and decimals from here.

``span`` is the range a sensor can give (QARTOD gross range, fail); outside it a value is FAIL.
``usual`` is the range seen in practice (suspect); outside it a value is SUSPECT and still counts.
Both are starting values of this project, not of a standard: a place may narrow or widen them.
``senml`` is the unit on the wire: the symbol of the IANA SenML registry where it has one; those
marked "own" are not registered and stand as written. Booleans are 1 for yes (danger, open), 0 for no.
"""

from dataclasses import dataclass

from edge.contract.reading import ReadingClass

SERIES, ALARM, HEALTH = ReadingClass.SERIES, ReadingClass.ALARM, ReadingClass.HEALTH

# What drivers, loggers and sensors say when they have nothing to say. -9999 and 7999 stand in the
# Logan River recordings; 65535 is an unread Modbus register.
SENTINELS = frozenset({-9999.0, -999.0, 7999.0, 9999.0, 65535.0, 32767.0, -32768.0})


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One quantity. ``sentinels`` are values of this metric that mean a fault, beyond SENTINELS.

    ``by_house``: the server says it, of itself or of a device, and takes it from no device.
    """

    name: str
    zh: str
    en: str
    unit: str
    senml: str
    span: tuple[float, float]
    usual: tuple[float, float] | None = None
    decimals: int = 1
    cls: ReadingClass = SERIES
    is_flag: bool = False
    counts: bool = False
    sentinels: frozenset[float] = frozenset()
    by_house: bool = False


def _m(
    name: str,
    zh: str,
    en: str,
    unit: str,
    senml: str,
    span: tuple[float, float],
    usual: tuple[float, float] | None = None,
    decimals: int = 1,
    *,
    cls: ReadingClass = SERIES,
    counts: bool = False,
    sentinels: frozenset[float] = frozenset(),
    by_house: bool = False,
) -> Metric:
    return Metric(
        name=name,
        zh=zh,
        en=en,
        unit=unit,
        senml=senml,
        span=span,
        usual=usual,
        decimals=decimals,
        cls=cls,
        counts=counts,
        sentinels=sentinels,
        by_house=by_house,
    )


def _flag(name: str, zh: str, en: str) -> Metric:
    return Metric(
        name=name,
        zh=zh,
        en=en,
        unit="",
        senml="/",
        span=(0, 1),
        decimals=0,
        cls=ALARM,
        is_flag=True,
    )


_TABLE = (
    # River: what a multi-parameter sonde, a level gauge and a rain gauge give.
    _m("water-temp", "水温", "Water temperature", "°C", "Cel", (-2, 50), (0, 38), 1,
       sentinels=frozenset({85.0, 127.0})),  # a DS18B20 at power-on; a common "no probe"
    _m("ph", "pH", "pH", "", "pH", (0, 14), (6, 9.5), 2,
       sentinels=frozenset({0.0})),  # a probe that is unplugged: no water has that (recorded so)
    _m("do", "溶解氧", "Dissolved oxygen", "mg/L", "mg/L", (0, 25), (0, 15), 2),  # own
    _m("do-saturation", "溶解氧饱和度", "Oxygen saturation", "%", "%", (0, 250), (0, 180), 0),
    _m("conductivity", "电导率", "Conductivity", "µS/cm", "uS/cm", (0, 20000), (50, 2500), 0),  # own
    _m("turbidity", "浊度", "Turbidity", "NTU", "NTU", (0, 4000), (0, 500), 1),  # own
    _m("orp", "氧化还原电位", "Redox potential", "mV", "mV", (-1500, 1500), (-350, 500), 0),
    _m("nh3n", "氨氮", "Ammonia nitrogen", "mg/L", "mg/L", (0, 1000), (0, 30), 2),  # own
    _m("codmn", "高锰酸盐指数", "Permanganate index", "mg/L", "mg/L", (0, 200), (0, 50), 1),  # own
    _m("cod", "化学需氧量", "Chemical oxygen demand", "mg/L", "mg/L", (0, 2000), (0, 200), 0),  # own
    _m("bod5", "五日生化需氧量", "BOD5", "mg/L", "mg/L", (0, 500), (0, 50), 1),  # own
    _m("tp", "总磷", "Total phosphorus", "mg/L", "mg/L", (0, 50), (0, 3), 3),  # own
    _m("tn", "总氮", "Total nitrogen", "mg/L", "mg/L", (0, 200), (0, 50), 2),  # own
    _m("chl-a", "叶绿素 a", "Chlorophyll a", "µg/L", "ug/L", (0, 500), (0, 200), 1),  # own
    _m("transparency", "透明度", "Transparency (Secchi)", "cm", "cm", (0, 1000), (0, 300), 0),
    _m("water-level", "水位", "Water level", "m", "m", (-20, 9000), None, 3),
    _m("flow", "流量", "Flow", "m³/s", "m3/s", (0, 100000), None, 2),
    # Of one reading: the heaviest quarter of an hour, since some gauges tell no oftener.
    _m("rain", "降雨量", "Rain", "mm", "mm", (0, 60), (0, 4), 1, counts=True),
    # Charging: ports, feeder and shed.
    _m("power", "功率", "Power", "W", "W", (0, 20000), (0, 4000), 0),
    _m("voltage", "电压", "Voltage", "V", "V", (0, 500), (180, 260), 1),
    _m("current", "电流", "Current", "A", "A", (0, 400), (0, 100), 2),
    _m("energy", "电量", "Energy", "Wh", "Wh", (0, 1e10), None, 0),
    _m("frequency", "频率", "Frequency", "Hz", "Hz", (40, 70), (49, 51), 2),
    _m("power-factor", "功率因数", "Power factor", "", "/", (-1, 1), (0, 1), 2),
    _m("residual-current", "漏电电流", "Residual current", "mA", "mA", (0, 3000), (0, 100), 1),
    _m("port-temp", "插座温度", "Socket temperature", "°C", "Cel", (-40, 200), (-30, 90), 1),
    _m("shed-temp", "棚内温度", "Shed temperature", "°C", "Cel", (-40, 200), (-30, 60), 1),
    _m("wire-temp", "线缆温度", "Wire temperature", "°C", "Cel", (-40, 200), (-30, 90), 1),
    _m("humidity", "湿度", "Humidity", "%", "%RH", (0, 100), (5, 100), 0),
    _m("co", "一氧化碳", "Carbon monoxide", "ppm", "ppm", (0, 5000), (0, 200), 0),
    _m("port-state", "插座状态", "Socket state", "", "/", (0, 255), None, 0),
    _flag("smoke", "烟雾", "Smoke"),
    _flag("water", "水浸", "Water on the floor"),
    _flag("door", "门", "Door open"),
    _flag("blocked", "通道堵塞", "Way out blocked"),  # what a person or a camera saw, no sensor
    # `relay` is proved (a voltage, an auxiliary contact), `cut` is what the box has ordered: both
    # together say whether the power is off. The two and `guard` stand at the place they are about.
    _flag("relay", "通电", "Power on"),
    # What comes to the place, before any switch of ours; told by who does not live on it alone.
    _flag("mains", "市电", "Mains present"),
    _flag("cut", "断电指令", "Power cut ordered"),
    _flag("guard", "现场保护动作", "On-site guard has acted"),
    # The device about itself.
    _m("battery", "电池电压", "Battery", "V", "V", (0, 30), (3, 15), 2, cls=HEALTH),
    _m("cpu-temp", "主板温度", "CPU temperature", "°C", "Cel", (-40, 130), (-20, 85), 0, cls=HEALTH),
    _m("cpu-load", "处理器负载", "CPU load", "%", "%", (0, 100), None, 0, cls=HEALTH),
    _m("throttled", "降频", "Throttled", "", "/", (0, 1), None, 0, cls=HEALTH),
    _m("under-voltage", "供电不足", "Under-voltage", "", "/", (0, 1), None, 0, cls=HEALTH),
    _m("memory-free", "剩余内存", "Free memory", "MB", "MB", (0, 1e6), None, 0, cls=HEALTH),  # own
    _m("agent-memory", "采集程序内存", "Memory of the agent", "MB", "MB", (0, 1e6), None, 1,
       cls=HEALTH),  # own
    _m("disk-free", "剩余存储", "Free disk", "MB", "MB", (0, 1e8), None, 0, cls=HEALTH),  # own
    _m("card-wear", "存储卡损耗", "Card wear", "%", "%", (0, 100), None, 1, cls=HEALTH),
    _m("signal", "信号强度", "Signal", "dBm", "dBm", (-150, 0), (-113, -51), 0, cls=HEALTH),
    _m("journal-depth", "未送达读数", "Readings waiting", "", "count", (0, 1e9), None, 0, cls=HEALTH),
    _m("disk-fault", "存储故障", "Disk refuses", "", "/", (0, 1), None, 0, cls=HEALTH),
    _m("journal-hours", "还能存", "Journal room", "h", "h", (0, 1e6), None, 0, cls=HEALTH),
    _m("sensor-errors", "传感器出错次数", "Sensor errors", "", "count", (0, 1e9), None, 0, cls=HEALTH,
       counts=True),
    _m("calibration-due", "待校准项", "Calibrations due", "", "count", (0, 1000), None, 0, cls=HEALTH),
    _m("clock-offset", "时钟误差", "Clock offset", "s", "s", (-1e10, 1e10), (-2, 2), 3, cls=HEALTH),
    _m("uptime", "运行时间", "Uptime", "s", "s", (0, 1e10), None, 0, cls=HEALTH),
    # The house about a device, and about itself.
    _m("refused-share", "被拒读数比例", "Refused share", "%", "%", (0, 100), None, 1, cls=HEALTH,
       by_house=True),
    _m("lost-share", "丢失读数比例", "Lost share", "%", "%", (0, 100), None, 1, cls=HEALTH, by_house=True),
    _m("journal-share", "待处理读数占用", "Journal room in use", "%", "%", (0, 100), None, 0, cls=HEALTH,
       by_house=True),
    _m("journal-dropped", "未用先丢的读数", "Readings dropped unused", "", "count", (0, 1e12), None, 0,
       cls=HEALTH, by_house=True),
    _m("journal-set-aside", "损坏待查的日志文件", "Damaged journals set aside", "", "count", (0, 1e6),
       None, 0, cls=HEALTH, by_house=True),
    _m("packs-refused", "规则文件的错误数", "Mistakes in rule packs", "", "count", (0, 1e6), None, 0,
       cls=HEALTH, by_house=True),
    _m("journal-gap", "日志缺失的时段", "Span missing in the journal", "min", "min", (0, 1e8), None, 0,
       cls=HEALTH, by_house=True),
    _m("incidents-gap", "事件记录缺失的时段", "Span missing in the incidents", "min", "min", (0, 1e8), None, 0,
       cls=HEALTH, by_house=True),
    _m("store-away", "历史数据库写不进的时间", "Store away", "min", "min", (0, 1e7), None, 0, cls=HEALTH,
       by_house=True),
    _m("store-delay", "入库延迟", "Delay to the store", "s", "s", (0, 1e7), None, 2, cls=HEALTH,
       by_house=True),
    _m("consumer-lag", "处理延迟", "Lag of the slowest consumer", "s", "s", (0, 1e8), None, 0, cls=HEALTH,
       by_house=True),
    _m("loop-lag", "主循环延迟", "Lag of the event loop", "ms", "ms", (0, 1e7), None, 0, cls=HEALTH,
       by_house=True),
    _m("outbox-waiting", "待发通知", "Notices waiting", "", "count", (0, 1e9), None, 0, cls=HEALTH,
       by_house=True),
    _m("outbox-stuck", "通知发不出的时间", "Notices stuck", "min", "min", (0, 1e7), None, 0, cls=HEALTH,
       by_house=True),
    _m("server-disk-free", "服务器剩余磁盘", "Server's free disk", "MB", "MB", (0, 1e9), None, 0,
       cls=HEALTH, by_house=True),  # own
    _m("clock-skew", "设备时钟偏差", "Device clock skew", "s", "s", (-1e10, 1e10), (-60, 60), 0,
       cls=HEALTH, by_house=True),
    _m("untold-posts", "通知不到的岗位", "Posts nobody answers for", "", "count", (0, 10_000), None, 0,
       cls=HEALTH, by_house=True),
    _m("whole-way", "自检读数全程用时", "Whole way", "s", "s", (0, 86_400), None, 2, cls=HEALTH, by_house=True),
    _m("whole-way-missing", "自检读数未走通时长", "Whole way missing", "min", "min", (0, 1e6), None, 0,
       cls=HEALTH, by_house=True),
)  # fmt: skip

METRICS: dict[str, Metric] = {metric.name: metric for metric in _TABLE}
BY_HOUSE = frozenset(name for name, metric in METRICS.items() if metric.by_house)
