"""The demo's broker: amqtt on loopback, in a process of its own (`python -m collector.demo.broker`).

amqtt speaks MQTT 3.1.1, keeps sessions in memory only and takes some thousand messages a second:
enough to try the house, never for one that people rely on.
"""

import argparse
import asyncio
import contextlib
import logging
import signal

from amqtt.broker import Broker

SETTINGS = {
    "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
}


async def serve(port: int) -> None:
    """Serve on 127.0.0.1 until SIGTERM."""
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    listener = {"type": "tcp", "bind": f"127.0.0.1:{port}"}
    broker = Broker({**SETTINGS, "listeners": {"default": listener}})
    await broker.start()
    await stopped.wait()
    # It waits for each client to leave; the house is ending anyway.
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(broker.shutdown(), 1.0)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m collector.demo.broker")
    parser.add_argument("--port", type=int, required=True)
    logging.basicConfig(level=logging.ERROR)
    asyncio.run(serve(parser.parse_args().port))


if __name__ == "__main__":
    main()
