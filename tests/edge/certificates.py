"""Authorities and certificates for a test, made by the openssl command."""

import shutil
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

OPENSSL = shutil.which("openssl")
_CONFIG = """
[ca]
default_ca = this
[this]
database = {folder}/index
serial = {folder}/serial
new_certs_dir = {folder}
default_md = sha256
policy = any
unique_subject = no
[any]
commonName = supplied
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    cert: Path
    key: Path


class Authority:
    """A CA with a folder of its own."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder / name
        self.folder.mkdir(parents=True)
        self.cert, self._key = self.folder / "ca.pem", self.folder / "ca.key"
        (self.folder / "index").touch()
        (self.folder / "serial").write_text("01\n")
        (self.folder / "config").write_text(_CONFIG.format(folder=self.folder))
        _openssl(
            "req", "-x509", *_NEW_KEY, "-days", "2", "-subj", f"/CN={name}",
            "-keyout", self._key, "-out", self.cert,
        )  # fmt: skip

    def issue(self, name: str, *, alt: str = "", begins: timedelta = -timedelta(days=1),
              ends: timedelta = timedelta(days=2)) -> Pair:  # fmt: skip
        """A certificate for the common name, with ``alt`` such as IP:127.0.0.1; times from now."""
        now = datetime.now(UTC)
        key, cert = self.folder / f"{name}.key", self.folder / f"{name}.pem"
        request, more = self.folder / "request", self.folder / "more"
        more.write_text(f"subjectAltName={alt}\n" if alt else "keyUsage=digitalSignature\n")
        _openssl("req", "-new", *_NEW_KEY, "-subj", f"/CN={name}", "-keyout", key, "-out", request)
        _openssl(
            "ca", "-batch", "-notext", "-config", self.folder / "config",
            "-cert", self.cert, "-keyfile", self._key, "-in", request, "-out", cert,
            "-startdate", f"{now + begins:%Y%m%d%H%M%SZ}", "-enddate", f"{now + ends:%Y%m%d%H%M%SZ}",
            "-extfile", more,
        )  # fmt: skip
        key.chmod(0o600)
        return Pair(cert=cert, key=key)


_NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


def _openssl(*arguments: object) -> None:
    done = subprocess.run(
        [str(OPENSSL), *map(str, arguments)], capture_output=True, text=True, timeout=30
    )
    assert done.returncode == 0, done.stderr
