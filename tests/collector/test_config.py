from operator import attrgetter
from typing import Any

import pytest

from alerts.registry.model import ChannelKind
from alerts.secrets import resolve
from collector.commands.check import SET_UP_BY
from collector.config import Config, Protocol, StoreKind, read_config
from collector.errors import ConfigError
from collector.opening import open_channels, server_of
from edge.clock import Clock

FULL = """
cell = "riverside"
state = "var"
[mqtt]
url = "mqtts://broker.example:8883"
protocol = "3.1.1"
user = "collector"
password = "env:TEST_MQTT_PASSWORD"
[store]
kind = "influx"
url = "http://127.0.0.1:8086"
token = "env:TEST_INFLUX_TOKEN"
[operations]
url = "postgresql://u@127.0.0.1/shouwang"
[desk]
port = 9000
public_url = "https://shouwang.example/"
allowed_hosts = ["shouwang.example"]
[retention]
points_days = 0
[journal]
megabytes = 100
days = 1.5
[mail]
host = "mail.example"
security = "tls"
[notices]
allow = ["127.0.0.1:8081"]
"""


@pytest.fixture
def write(tmp_path):
    def write(text: str):
        path = tmp_path / "shouwang.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def problems(path) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        read_config(path)
    return [problem.removeprefix(f"{path}: ") for problem in caught.value.problems]


def test_an_empty_file_is_a_cell_with_defaults(write, tmp_path):
    config = read_config(write(""))
    assert config == Config(state=tmp_path / "state")
    assert config.operations_url.reveal() == f"sqlite:///{tmp_path}/state/operations.db"
    assert config.public_url == "http://127.0.0.1:8420"


def test_every_key_is_read(write, tmp_path, monkeypatch):
    monkeypatch.setenv("TEST_MQTT_PASSWORD", "geheim-1")
    monkeypatch.setenv("TEST_INFLUX_TOKEN", "geheim-2")
    config = read_config(write(FULL))
    assert config.state == tmp_path / "var"
    assert (config.mqtt.protocol, config.store.kind) == (Protocol.V311, StoreKind.INFLUX)
    assert config.public_url == "https://shouwang.example"
    assert (config.journal.megabytes, config.journal.days) == (100, 1.5)
    assert config.notices.allow == ("127.0.0.1:8081",)


def test_secrets_stay_out_of_the_repr(write, monkeypatch):
    monkeypatch.setenv("TEST_MQTT_PASSWORD", "geheim-3")
    config = read_config(write('[mqtt]\npassword = "env:TEST_MQTT_PASSWORD"\n'))
    assert "geheim" not in repr(config)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('[mqtt]\npassword = "geheim-3"', "mqtt.password"),
        ('[store]\ntoken = "geheim-4"', "store.token"),
        ('[mail]\nhost = "m"\nusername = "u"\npassword = "geheim-5"', "mail.password"),
        ('[operations]\nurl = "postgresql://u:geheim-6@db/x"', "operations.url"),
        ('[wecom]\ncorp_id = "ww1"\nagent_id = 1\nsecret = "geheim-7"', "wecom.secret"),
        ('[aliyun]\naccess_key_secret = "geheim-8"', "aliyun.access_key_secret"),
    ],
)
def test_a_secret_in_the_file_itself_is_refused_and_not_quoted(write, text, place):
    (problem,) = problems(write(text))
    assert problem.startswith(f"{place}: ")
    assert "env:NAME or file:PATH" in problem
    assert "geheim" not in problem


def test_files_are_sought_beside_the_configuration(write, tmp_path, monkeypatch):
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets/mqtt").write_text("geheim-7\n")
    (tmp_path / "ca.pem").write_text("")
    path = write('[mqtt]\npassword = "file:secrets/mqtt"\nca = "ca.pem"\n')
    monkeypatch.chdir("/")
    mqtt = read_config(path).mqtt
    assert resolve(mqtt.password).reveal() == "geheim-7"
    assert mqtt.ca == str(tmp_path / "ca.pem")


def test_the_dead_mans_url_stands_there_or_behind_a_reference(write, monkeypatch):
    monkeypatch.setenv("TEST_PING", "https://hc.example/ping/geheim-8")
    config = read_config(write('[deadman]\nurl = "env:TEST_PING"\n')).deadman
    assert resolve(config.url).reveal() == "https://hc.example/ping/geheim-8"
    assert "geheim" not in repr(config)
    url = "https://hc.example/ping/1"
    assert read_config(write(f'[deadman]\nurl = "{url}"\n')).deadman.url == url


@pytest.mark.parametrize("url", ["ftp://hc.example/geheim-9", "geheim-9", "env:TEST_PING"])
def test_a_dead_man_that_cannot_be_asked_is_refused_and_not_quoted(write, monkeypatch, url):
    monkeypatch.setenv("TEST_PING", "gopher://geheim-9")
    (problem,) = problems(write(f'[deadman]\nurl = "{url}"\n'))
    assert problem.startswith("deadman.url: write https://host/path")
    assert "geheim" not in problem


def test_a_ca_that_is_not_there_is_named(write):
    (problem,) = problems(write('[mqtt]\nca = "nowhere.pem"\n'))
    assert problem.startswith("mqtt.ca: no such file")
    assert "nowhere.pem" in problem


def test_all_problems_are_reported_together_with_place_and_remedy(write):
    path = write(
        'cell = "River Side"\n'
        "[mqtt]\nurl = 'http://x'\nprotocol = '4'\npasword = 'x'\npassword = 'env:TEST_NOT_SET'\n"
        "[desk]\nhost = '0.0.0.0'\nport = 99999\n"
        "[store]\nkind = 'influx'\n"
        "[journal]\nmegabytes = 'many'\n"
    )
    found = problems(path)
    for place, remedy in {
        "cell": "an id is 1 to 64 of",
        "mqtt.url": "mqtt://host:1883",
        "mqtt.protocol": "'5' or '3.1.1'",
        "mqtt.pasword": "no such key",
        "mqtt.password": "is not set",
        "desk.host": "no sign-in yet",
        "desk.port": "less than or equal to 65535",
        "store.url": "is needed by kind 'influx'",
        "store.token": "is needed by kind 'influx'",
        "journal.megabytes": "integer",
    }.items():
        assert [text for text in found if text.startswith(f"{place}: ") and remedy in text], place
    assert len(found) == 10


def test_a_secret_that_is_refused_is_not_quoted(write):
    assert "geheim" not in "".join(problems(write('[mqtt]\npassword = ["geheim-5"]\n')))


@pytest.mark.parametrize(
    ("text", "said"),
    [("cell = ", "is no TOML"), ("[mqtt]\nurl = 'mqtt://a:b@c'", "keys of their own")],
)
def test_what_cannot_be_read_says_why(write, text, said):
    assert said in "".join(problems(write(text)))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read"):
        read_config(tmp_path / "nowhere.toml")


@pytest.mark.parametrize(
    ("store", "said"),
    [
        ("kind = 'influx1'", ["store.url: is needed by kind 'influx1'; write e.g. 'http://"]),
        (
            "kind = 'influx1'\nurl = 'http://i:8086'\ntoken = 'env:STORE_TEST'",
            ["store.token: kind 'influx1' signs in by user and password; remove it"],
        ),
        (
            "kind = 'influx1'\nurl = 'http://i:8086'\nuser = 'u'",
            ["store.password: is needed beside user"],
        ),
        (
            "kind = 'influx3'\nurl = 'http://i:8181'\npassword = 'env:STORE_TEST'",
            ["store.password: kind 'influx3' signs in by token; remove it"],
        ),
        ("bucket_per_site = true", ["store.bucket_per_site: the embedded store takes none"]),
        ("url = 'http://i:8086'", ["store.url: the embedded store takes none; name the kind"]),
        ("kind = 'mysql'", ["store.kind: Input should be 'embedded', 'influx'"]),
        ("kind = ['influx']", ["store.kind: Input should be 'embedded', 'influx'"]),
        ("gzip = 'maybe'", ["store.gzip"]),
    ],
)
def test_a_store_is_named_with_what_its_kind_needs(write, monkeypatch, store, said):
    monkeypatch.setenv("STORE_TEST", "x")
    found = problems(write(f"[store]\n{store}\n"))
    assert [any(text in problem for problem in found) for text in said] == [True] * len(said)


@pytest.mark.parametrize(
    "store",
    [
        "kind = 'victoria'\nurl = 'http://v:8428'",
        "kind = 'influx3'\nurl = 'http://i:8181'\nbucket_per_site = true\ngzip = false",
        "kind = 'influx1'\nurl = 'http://i:8086'\nuser = 'u'\npassword = 'env:STORE_TEST'",
    ],
)
def test_each_kind_of_server_opens_with_what_it_needs(write, monkeypatch, store):
    monkeypatch.setenv("STORE_TEST", "x")
    settings = server_of(read_config(write(f"[store]\n{store}\n")))
    assert settings is not None
    assert settings.kind in store
    assert settings.password in ("", "x")
    assert settings.gzip is (False if "gzip" in store else None)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[wecom]\ncorp_id = 'ww1'\nagent_id = 1", "wecom.secret: is needed by this table"),
        ("[wechat]\napp_id = 'wx1'\ntemplate = 't'\nfields = {thing1 = 'plaice'}",
         "wechat.fields: thing1: 'plaice' is no part of a notice; write one of place, what"),
        ("[wechat]\nfields = {first = 'what'}", "wechat.fields: 'first' is no field of a template"),
        ("[sms]\ntemplate = 'SMS_1'\nsign_name = 'x'\nvariables = {a = 'what'}",
         "aliyun.access_key_id: is needed by sms"),
        ("[wechat]\nfields = {character_string1 = 'place'}",
         "wechat.fields: character_string1: place has another form, and WeChat refuses it (47003); "
         "write incident or time"),
        ("[wechat]\nfields = {letter1 = 'what'}", "letter1: no part of a notice has that form"),
        ("[wecom]\nurl = 'https://u:geheim@qyapi.example'", "wecom.url: a password stands in the URL"),
        ("[mail]\nhost = 'mail.example'\nsender = 'shouwang'", "mail.sender: is no mail address"),
        ("[mail]\nsender = 'a@example.org'", "mail.host: is needed by this table"),
        ("[mail]\nhost = 'm'\nusername = 'u'", "mail.password: is needed beside mail.username"),
        ("[mail]\nhost = 'm'\nusername = 'u'\nsecurity = 'none'",
         "mail.security: the password would go in the open; write starttls or tls"),
        ("[webpush]\nsubject = 'me'", "webpush.subject: nobody can be written to there"),
        ("[feishu_app]\napp_id = 'x'", "feishu_app.app_secret: is needed beside feishu_app.app_id"),
        ("[sms]\nsign_name = 'x'", "sms.template: is needed by this table"),
        ("[webpush]\nsubject = 'mailto:a@example.org'", "webpush.key: is needed by this table"),
        ("[apprise]\nschemes = ['bark://']", "apprise.schemes: 'bark://' is no scheme"),
        ("[voice]\ntemplate = 'TTS_1'\nurl = 'dyvms'", "voice.url: write http://host:port"),
        ("[voice]\nreceipts = 'Alicom-Queue-1-SmsReport'",
         "voice.receipts: no queue of these receipts; write Alicom-Queue-…-VoiceReport"),
        ("[sms]\nreceipts = '../x-SmsReport'", "sms.receipts: no queue of these receipts"),
        ("[voice]\ntemplate = 'TTS_1'", "voice.variables: is needed by this table"),
    ],
)  # fmt: skip
def test_a_service_is_named_with_what_it_needs(write, text, said):
    found = "\n".join(problems(write(text)))
    assert said in found
    assert "geheim" not in found


def test_services_that_are_set_up_have_their_channels(write, monkeypatch):
    monkeypatch.setenv("TEST_KEY", "geheim")
    config = read_config(
        write(
            "[wecom]\ncorp_id = 'ww1'\nagent_id = 1\nsecret = 'env:TEST_KEY'\n"
            "[wechat]\napp_id = 'wx1'\nsecret = 'env:TEST_KEY'\ntemplate = 't'\n"
            "fields = {thing1 = 'summary'}\n"
            "[aliyun]\naccess_key_id = 'env:TEST_KEY'\naccess_key_secret = 'env:TEST_KEY'\n"
            "[sms]\ntemplate = 'SMS_1'\nsign_name = 'x'\nvariables = {what = 'what'}\n"
            "[voice]\ntemplate = 'TTS_1'\nvariables = {what = 'what'}\n"
            "[mail]\nhost = 'mail.example'\n"
            "[dingtalk_app]\nclient_id = 'd'\nclient_secret = 'env:TEST_KEY'\n"
            "[feishu_app]\napp_id = 'f'\napp_secret = 'env:TEST_KEY'\n"
            "[webpush]\nkey = 'env:TEST_KEY'\nsubject = 'mailto:a@example.org'\n"
        )
    )
    assert "geheim" not in repr(config)
    nobody: Any = None
    assert set(open_channels(config, Clock(), nobody, nobody)) == set(ChannelKind)
    bare = read_config(write(""))
    missing = set(ChannelKind) - set(open_channels(bare, Clock(), nobody, nobody))
    assert missing == set(SET_UP_BY)
    assert [key for key in SET_UP_BY.values() if attrgetter(key)(bare)] == []
    assert [key for key in SET_UP_BY.values() if not attrgetter(key)(config)] == []
