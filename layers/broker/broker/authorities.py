"""The files of authorities by which the certificate of a server is verified."""

import ssl
from pathlib import Path

RDS = Path(__file__).parent / "rds_certificates"


def system() -> Path | None:
    """Find the authorities that this system trusts. The wheels of psycopg and pycurl look in one place each."""
    files = (
        ssl.get_default_verify_paths().cafile,
        "/etc/ssl/certs/ca-certificates.crt",  # Debian
        "/etc/pki/tls/certs/ca-bundle.crt",  # Amazon Linux, so Lambda
        "/etc/ssl/cert.pem",  # macOS, Alpine
    )
    return next((Path(file) for file in files if file and Path(file).exists()), None)


def has_region(region: str) -> bool:
    """Whether the layer has the authorities of Amazon RDS in a region."""
    return (RDS / f"{region}.pem").exists()


def for_database(host: str) -> Path | None:
    """Find the authorities for a database: those of Amazon RDS are in no system's file.

    RDS has its own in each region, and a host of RDS Proxy has a certificate of Amazon Trust Services. A region that
    is not in the layer gets the system's. None when the system has none.
    """
    name, found, _ = host.lower().partition(".rds.amazonaws.com")
    if found:
        *labels, region = name.split(".")
        file = RDS / f"{'proxy' if any(label.startswith('proxy-') for label in labels) else region}.pem"
        if file.exists():
            return file
    return system()
