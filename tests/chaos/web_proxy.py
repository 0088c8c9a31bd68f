"""A proxy between the watch and InfluxDB that tells half-truths: it has committed, and says 503."""

import http.client
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HOST = "127.0.0.1"
TIMEOUT_S = 60.0
_OWN = {"connection", "content-length", "date", "server", "transfer-encoding"}


class WebProxy:
    """``with WebProxy(host, port) as proxy:`` stands before that server at ``proxy.url``."""

    def __init__(self, host: str, port: int) -> None:
        self.lies = False
        self.lied = 0  # writes that were taken and denied
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self._pass()

            def do_POST(self) -> None:
                self._pass()

            def _pass(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                connection = http.client.HTTPConnection(host, port, timeout=TIMEOUT_S)
                try:
                    headers = {k: v for k, v in self.headers.items() if k.lower() not in _OWN}
                    connection.request(self.command, self.path, body=body, headers=headers)
                    answer = connection.getresponse()
                    status, text = answer.status, answer.read()
                except OSError:
                    self.close_connection = True  # as it is with the server itself
                    return
                finally:
                    connection.close()
                if outer.lies and self.path.startswith("/api/v2/write") and status < 300:
                    outer.lied += 1
                    status, text = 503, b'{"code":"unavailable","message":"try again"}'
                self.send_response(status)
                for name, value in answer.getheaders():
                    if name.lower() not in _OWN:
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                try:
                    self.wfile.write(text)
                except OSError:
                    self.close_connection = True

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer((HOST, 0), Handler)
        self._server.daemon_threads = True

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self._server.server_port}"

    def __enter__(self) -> "WebProxy":
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
