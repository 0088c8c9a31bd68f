"""Private copies of real servers on free loopback ports, for tests and benchmarks.

Each ends only the process that it started. A server that is not installed raises `Missing`.
"""

from __future__ import annotations

import base64
import getpass
import http.client
import json
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlencode, urlsplit

REPOSITORY = Path(__file__).resolve().parents[2]
BROKER_LIMITS = REPOSITORY / "docs/deploy/mosquitto/conf.d"
HOST = "127.0.0.1"
START_S = 30.0  # influxd on a cold disk beside a running build took 12 s
END_S = 10.0

CHROMIUM_ARGS = (
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
)


class Missing(Exception):
    """A server that is not installed; the text names the remedy."""


def find_mosquitto() -> Path:
    """Where Mosquitto is: SHOUWANG_MOSQUITTO, else the PATH, else /usr/sbin."""
    return _find("SHOUWANG_MOSQUITTO", ["mosquitto", "/usr/sbin/mosquitto"])


def find_influxd() -> Path:
    """Where influxd 2.7 is: SHOUWANG_INFLUXD, else the cache that `make services` fills."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "shouwang"
    return _find("SHOUWANG_INFLUXD", [str(path) for path in cache.glob("influxd-*[0-9]")])


def find_influxd1() -> Path:
    """Where influxd 1.x is: SHOUWANG_INFLUXD1, else Debian's on the PATH."""
    found = _find("SHOUWANG_INFLUXD1", ["influxd"])
    said = subprocess.run([found, "version"], capture_output=True, text=True, timeout=START_S)
    if not said.stdout.startswith("InfluxDB v1."):
        raise Missing(f"{found} is no InfluxDB 1; name one in SHOUWANG_INFLUXD1")
    return found


def find_victoria() -> Path:
    """Where VictoriaMetrics is: SHOUWANG_VICTORIA, else the PATH."""
    return _find("SHOUWANG_VICTORIA", ["victoria-metrics"])


def find_faketime() -> Path:
    """Where libfaketime is: SHOUWANG_FAKETIME, else where Debian's package puts it."""
    named = os.environ.get("SHOUWANG_FAKETIME")
    found = [Path(named)] if named else [*Path("/usr/lib").glob("*/faketime/libfaketime.so.1")]
    for library in found:  # a library, so it need not be executable
        if library.is_file():
            return library
    raise Missing("faketime is not installed: make services, or name it in SHOUWANG_FAKETIME")


@cache
def find_strace() -> Path:
    """Where strace is, which shows what a process writes and syncs; it must be allowed to trace."""
    strace = _find("SHOUWANG_STRACE", ["strace"])
    tried = subprocess.run([strace, "-f", "--seccomp-bpf", "true"], capture_output=True, text=True)
    if tried.returncode != 0:
        raise Missing(f"strace may not trace here: {tried.stderr.strip().splitlines()[-1]}")
    return strace


def find_chromium() -> Path:
    """Where Chromium is: SHOUWANG_CHROMIUM, else the PATH."""
    return _find("SHOUWANG_CHROMIUM", ["chromium", "chromium-browser", "google-chrome"])


def find_postgres() -> Path:
    """Where PostgreSQL's programs are: SHOUWANG_POSTGRES, else the newest of Debian's folders."""
    named = os.environ.get("SHOUWANG_POSTGRES")
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda at: int(at.parent.name))
    candidates = [str(folder / "postgres") for folder in reversed(folders)]
    postgres = _find("SHOUWANG_POSTGRES", [*([named] if named else candidates), "postgres"])
    if not (postgres.resolve().parent / "initdb").is_file():
        raise Missing(f"{postgres} has no initdb beside it; name one in SHOUWANG_POSTGRES")
    if os.geteuid() == 0:
        try:
            pwd.getpwnam(Postgres.account)
        except KeyError:
            raise Missing(
                f"PostgreSQL does not run as root, and there is no user {Postgres.account}"
            ) from None
    return postgres.resolve()


def free_port() -> int:
    """A loopback port that nobody listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


class Server:
    """A process of our own: started, asked whether it answers, ended by its own handle."""

    def __init__(self, folder: Path, *, port: int | None = None) -> None:
        self.folder = folder
        self.host = HOST
        self.port = port or free_port()
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    @property
    def pid(self) -> int:
        if self._process is None:
            raise RuntimeError(f"{self.name} is not running")
        return self._process.pid

    @property
    def name(self) -> str:
        return type(self).__name__

    @property
    def log(self) -> Path:
        return self.folder / "server.log"

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Starts on the same port as before and returns when it answers."""
        if self.is_running:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                **self._account(),
            )
        self._wait_until(self._answers)

    def stop(self) -> None:
        """Ends it in order (SIGTERM), so that it saves what it saves at the end."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(END_S)
        except subprocess.TimeoutExpired:
            self.kill()
        self._process = None

    def kill(self) -> None:
        """Ends it as a power cut would (SIGKILL)."""
        if self._process is None:
            return
        self._process.kill()
        self._process.wait()
        self._process = None

    def pause(self) -> None:
        """Stalls it: the machine still takes what is sent to it, and nothing answers."""
        os.kill(self.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        """After ``pause``."""
        os.kill(self.pid, signal.SIGCONT)

    def _account(self) -> dict[str, Any]:
        """Whose process it is, as words for `subprocess`; empty: one's own."""
        return {}

    def _command(self) -> Sequence[str]:
        raise NotImplementedError

    def _answers(self) -> bool:
        raise NotImplementedError

    def _wait_until(self, is_ready: Callable[[], bool]) -> None:
        until = time.monotonic() + START_S
        while time.monotonic() < until:
            if not self.is_running:
                break
            if is_ready():
                return
            time.sleep(0.02)
        self.kill()
        tail = self.log.read_text(errors="replace")[-2000:]
        raise RuntimeError(f"{self.name} did not start on port {self.port}:\n{tail}")


class Mosquitto(Server):
    """Mosquitto 2 with the shipped limits, persistence on, anonymous clients allowed.

    `extra` is added to its configuration file as it stands.
    """

    def __init__(self, folder: Path, *, port: int | None = None, extra: str = "") -> None:
        super().__init__(folder, port=port)
        self._binary = find_mosquitto()
        self._extra = extra

    @property
    def url(self) -> str:
        return f"mqtt://{self.host}:{self.port}"

    @property
    def database(self) -> Path:
        return self.folder / "mosquitto.db"

    def reload(self) -> None:
        """Reads its password and ACL files anew, and throws out whom it no longer knows."""
        os.kill(self.pid, signal.SIGHUP)

    def delete_database(self) -> None:
        """Forgets sessions, queues and retained messages; only while it is not running."""
        if self.is_running:
            raise RuntimeError("stop or kill the broker before deleting its database")
        self.database.unlink(missing_ok=True)

    def _command(self) -> Sequence[str]:
        lines = [
            f"listener {self.port} {self.host}",
            "allow_anonymous true",
            "persistence true",
            f"persistence_location {self.folder}/",
            f"include_dir {BROKER_LIMITS}",
            # As root it would become the user mosquitto, who may not write here.
            f"user {getpass.getuser()}",
            "log_dest stderr",
            self._extra,
        ]
        config = self.folder / "mosquitto.conf"
        config.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return [str(self._binary), "-c", str(config)]

    def _answers(self) -> bool:
        # A CONNECT of MQTT 3.1.1 without an id; the answer is a CONNACK that begins with 0x20.
        connect = b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00"
        try:
            with socket.create_connection((self.host, self.port), timeout=1) as link:
                link.sendall(connect)
                return link.recv(4)[:1] == b"\x20"
        except OSError:
            return False


class HttpServer(Server):
    """A server that is asked over HTTP: in InfluxQL, where it knows that."""

    health = "/health"

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    @property
    def headers(self) -> dict[str, str]:
        """How a request signs in."""
        return {}

    def count(self, bucket: str, measurement: str = "reading") -> dict[str, int]:
        """How many values each field holds in all, asked in InfluxQL of the server itself."""
        rows = self.query(bucket, f'SELECT count(*) FROM "{measurement}"')
        return {
            column.removeprefix("count_"): int(value)
            for row in rows
            for column, value in row.items()
            if column.startswith("count_")
        }

    def query(self, bucket: str, text: str) -> list[dict[str, Any]]:
        """The rows of an InfluxQL query as dictionaries, tags included."""
        answer = self.request("GET", "/query", parameters={"db": bucket, "q": text, "epoch": "ms"})
        rows: list[dict[str, Any]] = []
        for result in answer["results"]:
            if "error" in result:
                raise RuntimeError(f"InfluxDB: {result['error']}")
            for series in result.get("series", []):
                tags = series.get("tags", {})
                for values in series.get("values", []):
                    rows.append({**tags, **dict(zip(series["columns"], values, strict=True))})
        return rows

    def request(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | bytes | None = None,
        *,
        parameters: Mapping[str, str] | None = None,
    ) -> Any:
        """The JSON answer of one call of its HTTP API; an answer of 400 or above raises."""
        if parameters:
            path = f"{path}?{urlencode(parameters)}"
        payload = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=30)
        try:
            connection.request(method, path, body=payload, headers=self.headers)
            answer = connection.getresponse()
            text = answer.read()
        finally:
            connection.close()
        if answer.status >= 400:
            raise RuntimeError(f"{self.name} answered {answer.status} to {method} {path}: {text!r}")
        return json.loads(text) if text else None

    def _answers(self) -> bool:
        connection = http.client.HTTPConnection(self.host, self.port, timeout=1)
        try:
            connection.request("GET", self.health)
            return connection.getresponse().status < 300
        except OSError:
            return False
        finally:
            connection.close()


class Influxd(HttpServer):
    """InfluxDB 2.7, set up with an organisation and a token that may do everything."""

    def __init__(self, folder: Path, *, port: int | None = None) -> None:
        super().__init__(folder, port=port)
        self._binary = find_influxd()
        self.org = "shouwang"
        self.token = "token-of-the-tests"
        self._is_set_up = False

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Token {self.token}"}

    def start(self) -> None:
        super().start()
        if not self._is_set_up:
            self._set_up()
            self._is_set_up = True

    def new_bucket(self, name: str | None = None) -> str:
        """A bucket of the caller's own; returns its name."""
        name = name or f"test-{secrets.token_hex(6)}"
        self.request("POST", "/api/v2/buckets", {"orgID": self._org_id, "name": name})
        return name

    def _set_up(self) -> None:
        answer = self.request(
            "POST",
            "/api/v2/setup",
            {
                "username": "tests",
                "password": "password-of-the-tests",
                "org": self.org,
                "bucket": "first",
                "token": self.token,
            },
        )
        self._org_id = answer["org"]["id"]

    def _command(self) -> Sequence[str]:
        return [
            str(self._binary),
            "run",
            "--bolt-path",
            str(self.folder / "bolt"),
            "--engine-path",
            str(self.folder / "engine"),
            "--sqlite-path",
            str(self.folder / "sqlite"),
            "--http-bind-address",
            f"{self.host}:{self.port}",
            "--reporting-disabled",
            "--log-level",
            "warn",
        ]


class Influxd1(HttpServer):
    """InfluxDB 1, with an administrator who may do everything, and sign-in required."""

    health = "/ping"
    user = "tests"
    password = "password-of-the-tests"

    def __init__(self, folder: Path, *, port: int | None = None) -> None:
        super().__init__(folder, port=port)
        self._binary = find_influxd1()
        self._backup_port = free_port()

    @property
    def headers(self) -> dict[str, str]:
        pair = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        return {"Authorization": f"Basic {pair}"}

    def start(self) -> None:
        super().start()
        # Taken without sign-in while there is no user; told again it changes nothing.
        self.command(f"CREATE USER {self.user} WITH PASSWORD '{self.password}' WITH ALL PRIVILEGES")

    def command(self, text: str) -> None:
        """One InfluxQL statement that makes or changes something."""
        answer = self.request("POST", "/query", parameters={"q": text})
        if "error" in answer["results"][0]:
            raise RuntimeError(f"InfluxDB: {answer['results'][0]['error']}")

    def new_bucket(self, name: str | None = None) -> str:
        """A database of the caller's own; returns its name."""
        name = name or f"test-{secrets.token_hex(6)}"
        self.command(f'CREATE DATABASE "{name}"')
        return name

    def _command(self) -> Sequence[str]:
        config = self.folder / "influxdb.conf"
        config.write_text(
            f"""reporting-disabled = true
bind-address = "{self.host}:{self._backup_port}"
[meta]
dir = "{self.folder}/meta"
[data]
dir = "{self.folder}/data"
wal-dir = "{self.folder}/wal"
query-log-enabled = false
[monitor]
store-enabled = false
[http]
bind-address = "{self.host}:{self.port}"
auth-enabled = true
log-enabled = false
""",
            encoding="utf-8",
        )
        return [str(self._binary), "run", "-config", str(config)]


class Victoria(HttpServer):
    """VictoriaMetrics that keeps everything; `exported` is what it holds."""

    def __init__(self, folder: Path, *, port: int | None = None) -> None:
        super().__init__(folder, port=port)
        self._binary = find_victoria()

    def exported(self, database: str) -> dict[tuple[str, str], dict[int, float]]:
        """The values by time of each (metric name, device) that were written with this label `db`."""
        # What was written shows after a flush.
        self.request("GET", "/internal/force_flush")
        connection = http.client.HTTPConnection(self.host, self.port, timeout=30)
        try:
            match = urlencode({"match[]": f'{{db="{database}"}}'})
            connection.request("GET", f"/api/v1/export?{match}")
            rows = [json.loads(line) for line in connection.getresponse().read().splitlines()]
        finally:
            connection.close()
        return {
            (row["metric"]["__name__"], row["metric"].get("device", "")): dict(
                zip(row["timestamps"], row["values"], strict=True)
            )
            for row in rows
        }

    def _command(self) -> Sequence[str]:
        return [
            str(self._binary),
            f"-storageDataPath={self.folder / 'data'}",
            f"-httpListenAddr={self.host}:{self.port}",
            "-retentionPeriod=100y",
            "-memory.allowedBytes=64MB",
        ]


class Postgres(Server):
    """PostgreSQL with one user and password; each caller takes a database of its own.

    It refuses to run as root: there it runs as the user of its package, in a folder of that user's.
    """

    account = "postgres"
    user = "tests"
    password = "password-of-the-tests"

    def __init__(self, *, port: int | None = None, syncs: bool = False) -> None:
        # Not below pytest's folder, which other users may not enter.
        super().__init__(Path(tempfile.mkdtemp(prefix="shouwang-postgres-")), port=port)
        self._binary = find_postgres()
        self._syncs = syncs
        self._number = 0

    def __exit__(self, *_: object) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self) -> None:
        if not (self.folder / "data").exists():
            self._init()
        super().start()

    def stop(self) -> None:
        """Ends it at once and in order: clients are cut off (SIGINT; SIGTERM would wait for them)."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
        super().stop()

    def pause(self) -> None:
        """Stalls it with all its connections, each of which is a process."""
        for pid in (self.pid, *self._children()):
            os.kill(pid, signal.SIGSTOP)

    def go_on(self) -> None:
        for pid in (*self._children(), self.pid):
            os.kill(pid, signal.SIGCONT)

    def new_database(self, *, template: str = "template1") -> str:
        """The URL of a database of the caller's own."""
        self._number += 1
        name = f"test{self._number}"
        self.run(f'CREATE DATABASE {name} TEMPLATE "{template}"')
        return self.url(name)

    def url(self, name: str) -> str:
        return f"postgresql://{self.user}:{self.password}@{self.host}:{self.port}/{name}"

    def run(self, statement: str) -> None:
        """One statement, outside a transaction."""
        import psycopg

        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(statement)

    def _init(self) -> None:
        word = self.folder / "password"
        word.write_text(self.password)
        for path in (self.folder, word):
            if owner := self._account():
                shutil.chown(path, owner["user"], owner["group"])
        subprocess.run(
            [
                str(self._binary.parent / "initdb"),
                *("-D", str(self.folder / "data"), "-U", self.user, "--pwfile", str(word)),
                *("--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C", "--no-sync"),
            ],
            check=True,
            capture_output=True,
            cwd=self.folder,
            **self._account(),
        )

    def _account(self) -> dict[str, Any]:
        if os.geteuid() != 0:
            return {}
        entry = pwd.getpwnam(self.account)
        return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}

    def _children(self) -> list[int]:
        return [
            int(pid)
            for pid in Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        ]

    def _command(self) -> Sequence[str]:
        # Its machine is not ours to cut off, so nothing that a test does asks for a sync to disk.
        fsync = "on" if self._syncs else "off"
        settings = {"listen_addresses": self.host, "port": self.port, "fsync": fsync}
        settings |= {"unix_socket_directories": "", "max_connections": 200}
        words = [f"{name}={value}" for name, value in settings.items()]
        return [
            str(self._binary),
            "-D",
            str(self.folder / "data"),
            *(part for word in words for part in ("-c", word)),
        ]

    def _answers(self) -> bool:
        import psycopg

        try:
            psycopg.connect(self.url("postgres"), connect_timeout=1).close()
        except psycopg.OperationalError:
            return False
        return True


def _find(variable: str, candidates: Sequence[str]) -> Path:
    named = os.environ.get(variable)
    if named:
        if not os.access(named, os.X_OK):
            raise Missing(f"{variable} names {named}, which is no program")
        return Path(named)
    for candidate in candidates:
        found = shutil.which(candidate)
        if found:
            return Path(found)
    what = variable.removeprefix("SHOUWANG_").lower()
    raise Missing(f"{what} is not installed: make services, or name it in {variable}")
