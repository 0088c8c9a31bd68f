"""The servers that other tests lean on start, answer and end."""

from __future__ import annotations

import os
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion


@pytest.mark.mosquitto
def test_mosquitto_keeps_a_persistent_session_over_a_stop(mosquitto_server):
    broker = mosquitto_server()
    subscribe(broker, "watch")
    publish(broker, b"before")
    broker.stop()
    broker.start()
    assert receive(broker, "watch") == b"before"


@pytest.mark.mosquitto
def test_mosquitto_forgets_with_its_database(mosquitto_server):
    broker = mosquitto_server()
    subscribe(broker, "watch")
    publish(broker, b"before")
    broker.stop()
    assert broker.database.exists()
    broker.delete_database()
    broker.start()
    assert receive(broker, "watch", wait_s=0.3) is None


@pytest.mark.mosquitto
def test_mosquitto_comes_back_on_the_same_port_after_a_kill(mosquitto_server):
    broker = mosquitto_server()
    port, pid = broker.port, broker.pid
    broker.kill()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    broker.start()
    assert (broker.port, broker.is_running) == (port, True)


@pytest.mark.mosquitto
def test_two_brokers_run_beside_each_other(mosquitto_server):
    assert mosquitto_server().port != mosquitto_server().port


@pytest.mark.influxdb
def test_influxdb_counts_what_was_written(influxdb_server):
    bucket = influxdb_server.new_bucket()
    lines = b"reading,place=reach-1 water_temp=11.5 1700000000000\nreading,place=reach-1 water_temp=11.6 1700000300000"
    influxdb_server.request(
        "POST",
        "/api/v2/write",
        lines,
        parameters={"org": influxdb_server.org, "bucket": bucket, "precision": "ms"},
    )
    assert influxdb_server.count(bucket) == {"water_temp": 2}
    assert influxdb_server.query(bucket, "SELECT last(water_temp) FROM reading") == [
        {"time": 1700000300000, "last": 11.6}
    ]


@pytest.mark.influxdb
def test_each_bucket_is_its_own(influxdb_server):
    assert influxdb_server.new_bucket() != influxdb_server.new_bucket()
    assert influxdb_server.count(influxdb_server.new_bucket()) == {}


@pytest.mark.chromium
async def test_chromium_shows_a_page_with_chinese_letters(playwright_browser, page_server):
    page = await playwright_browser.new_page(viewport={"width": 390, "height": 844})
    await page.goto(page_server)
    assert await page.inner_text("h1") == "守望"


@pytest.mark.chromium
def test_there_is_a_font_for_chinese():
    fonts = subprocess.run(["fc-list", ":lang=zh", "family"], capture_output=True, text=True)
    assert fonts.stdout.strip(), "install fonts-noto-cjk: make services"


@pytest.fixture
def page_server():
    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = "<!doctype html><meta charset=utf-8><h1>守望</h1>".encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        thread = threading.Thread(target=server.serve_forever, name="page-server")
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


def subscribe(broker, name: str) -> None:
    client = connected(broker, name)
    client.subscribe("t", qos=1)
    answered = threading.Event()
    client.on_subscribe = lambda *_: answered.set()
    client.loop_start()
    assert answered.wait(5)
    close(client)


def publish(broker, payload: bytes) -> None:
    client = connected(broker, "sensor")
    client.loop_start()
    client.publish("t", payload, qos=1).wait_for_publish(5)
    close(client)


def receive(broker, name: str, wait_s: float = 5) -> bytes | None:
    got: list[bytes] = []
    arrived = threading.Event()

    def on_message(_client: object, _data: object, message: mqtt.MQTTMessage) -> None:
        got.append(bytes(message.payload))
        arrived.set()

    client = connected(broker, name)
    client.on_message = on_message
    client.loop_start()
    arrived.wait(wait_s)
    close(client)
    return got[0] if got else None


def connected(broker, name: str) -> mqtt.Client:
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=name, clean_session=False)
    client.connect(broker.host, broker.port)
    return client


def close(client: mqtt.Client) -> None:
    client.disconnect()
    client.loop_stop()
