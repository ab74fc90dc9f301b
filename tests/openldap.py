"""A private OpenLDAP server for tests, from the distribution's own binaries, on loopback and in a temporary folder.

It is a real directory: people with passwords, groups with `memberOf`, an account that may search, a certificate of a
private authority, and a referral to somewhere else. It ends with the process that started it.
"""

import contextlib
import datetime as dt
import ipaddress
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests import tools

BASE_DN = "dc=example,dc=com"
PEOPLE = f"ou=people,{BASE_DN}"
GROUPS = f"ou=groups,{BASE_DN}"
READER = f"cn=poolgate,ou=services,{BASE_DN}"
READER_PASSWORD = "a-reader's-password"
ROOT = f"cn=admin,{BASE_DN}"
ROOT_PASSWORD = "only-for-tests"

_SCHEMAS = ("/etc/ldap/schema", "/etc/openldap/schema", "/usr/local/etc/openldap/schema")
_MODULES = ("/usr/lib/ldap", "/usr/lib64/openldap", "/usr/local/libexec/openldap")
_PATIENCE = 10.0

_AS_A_CHILD = """
import ctypes, os, signal, sys
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG: it ends with whoever started it
os.execv(sys.argv[1], sys.argv[1:])
"""

_CONFIG = """
include {schemas}/core.schema
include {schemas}/cosine.schema
include {schemas}/inetorgperson.schema
modulepath {modules}
moduleload back_mdb
moduleload memberof
pidfile {folder}/pid
TLSCACertificateFile {folder}/ca.pem
TLSCertificateFile {folder}/server.pem
TLSCertificateKeyFile {folder}/server.key
database mdb
maxsize 16777216
suffix "{base}"
rootdn "{root}"
rootpw "{root_password}"
directory {folder}/data
dbnosync
index objectClass,uid,mail,member eq
overlay memberof
memberof-dangling ignore
access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact="{reader}" read by self read by * none
"""

_PEOPLE = f"""
dn: {BASE_DN}
objectClass: dcObject
objectClass: organization
o: Example
dc: example

dn: ou=people,{BASE_DN}
objectClass: organizationalUnit
ou: people

dn: ou=groups,{BASE_DN}
objectClass: organizationalUnit
ou: groups

dn: ou=services,{BASE_DN}
objectClass: organizationalUnit
ou: services

dn: {READER}
objectClass: organizationalRole
objectClass: simpleSecurityObject
cn: poolgate
userPassword: {READER_PASSWORD}
"""


class OpenLdap:
    """A running server. `log` has every operation, with the name that it concerned and never a password."""

    def __init__(self, folder: Path, program: str) -> None:
        self.folder = folder
        self.port = _free_port()
        self.tls_port = _free_port()
        self._program = program
        self._running: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"ldap://127.0.0.1:{self.port}"

    @property
    def tls_url(self) -> str:
        return f"ldaps://127.0.0.1:{self.tls_port}"

    @property
    def ca(self) -> str:
        return (self.folder / "ca.pem").read_text()

    def start(self) -> None:
        """Start it, and wait until it answers."""
        command = [
            *(sys.executable, "-c", _AS_A_CHILD),
            self._program,
            "-f",
            str(self.folder / "slapd.conf"),
            "-h",
            f"{self.url}/ {self.tls_url}/",
            "-d",
            "256",
        ]
        with (self.folder / "log").open("ab") as log:
            self._running = subprocess.Popen(command, stdout=log, stderr=log)
        until = time.monotonic() + _PATIENCE
        while not self._answers():
            assert self._running.poll() is None, self.log()
            assert time.monotonic() < until, self.log()
            time.sleep(0.02)

    def stop(self) -> None:
        if self._running is not None:
            self._running.terminate()
            self._running.wait(_PATIENCE)
            self._running = None

    @contextlib.contextmanager
    def stopped(self) -> Iterator[None]:
        """Nobody answers meanwhile."""
        self.stop()
        try:
            yield
        finally:
            self.start()

    def log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")

    @contextlib.contextmanager
    def listening(self) -> Iterator[list[str]]:
        """What it logs in the block; the list is filled when the block ends."""
        lines: list[str] = []
        began = len(self.log())
        yield lines
        until = time.monotonic() + _PATIENCE
        time.sleep(0.05)
        while (said := self.log()[began:]).count(" ACCEPT ") != said.count(" closed"):  # it is slower than who asked
            assert time.monotonic() < until, said
            time.sleep(0.02)
        lines += said.splitlines()

    def add(self, ldif: str) -> None:
        self._tool("ldapadd", ldif)

    def delete(self, dn: str) -> None:
        self._tool("ldapdelete", "", "-M", dn)

    def add_person(self, uid: str, password: str, **values: str) -> str:
        """A person of `PEOPLE`; returns the DN. `mail`, `cn` and the like replace what is made up."""
        dn = f"uid={uid},{PEOPLE}"
        own = {"cn": uid.title(), "sn": "Example", "mail": f"{uid}@example.com", **values}
        lines = "".join(f"{name}: {value}\n" for name, value in own.items() if value)
        self.add(f"dn: {dn}\nobjectClass: inetOrgPerson\nuid: {uid}\nuserPassword: {password}\n{lines}")
        return dn

    def add_group(self, name: str, *members: str) -> str:
        """A group of `GROUPS`; returns the DN."""
        dn = f"cn={name},{GROUPS}"
        self.add(f"dn: {dn}\nobjectClass: groupOfNames\ncn: {name}\n" + "".join(f"member: {m}\n" for m in members))
        return dn

    def _answers(self) -> bool:
        for port in (self.port, self.tls_port):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) != 0:
                    return False
        return True

    def _tool(self, name: str, text: str, *arguments: str) -> None:
        command = [name, "-x", "-H", self.url, "-D", ROOT, "-w", ROOT_PASSWORD, *arguments]
        ran = subprocess.run(command, input=text, capture_output=True, text=True, timeout=30)
        assert ran.returncode == 0, ran.stderr


@contextlib.contextmanager
def open_ldap() -> Iterator[OpenLdap]:
    """A server with nobody in it yet but the account that may search. Skips the test where there is no OpenLDAP."""
    program = tools.slapd()
    schemas = next((path for path in _SCHEMAS if Path(path, "inetorgperson.schema").exists()), None)
    modules = next((path for path in _MODULES if Path(path, "memberof.so").exists()), None)
    if schemas is None or modules is None:
        pytest.skip("OpenLDAP's schemas or modules are not where Debian has them")
    with tempfile.TemporaryDirectory(prefix="poolgate-ldap-") as name:
        folder = Path(name)
        (folder / "data").mkdir()
        _certify(folder)
        (folder / "slapd.conf").write_text(
            _CONFIG.format(
                schemas=schemas,
                modules=modules,
                folder=folder,
                base=BASE_DN,
                root=ROOT,
                root_password=ROOT_PASSWORD,
                reader=READER,
            )
        )
        server = OpenLdap(folder, program)
        try:
            server.start()
            server.add(_PEOPLE)
            yield server
        finally:
            server.stop()


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def _certify(folder: Path) -> None:
    """A private authority, and a certificate of it for this machine."""
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    authority = _certificate("A private authority", ca_key, "A private authority", ca_key, ca=True)
    server = _certificate("127.0.0.1", key, "A private authority", ca_key, ca=False)
    (folder / "ca.pem").write_bytes(authority.public_bytes(serialization.Encoding.PEM))
    (folder / "server.pem").write_bytes(server.public_bytes(serialization.Encoding.PEM))
    (folder / "server.key").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


def _certificate(
    name: str, key: ec.EllipticCurvePrivateKey, issuer: str, issuer_key: ec.EllipticCurvePrivateKey, *, ca: bool
) -> x509.Certificate:
    now = dt.datetime.now(dt.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
        .add_extension(
            x509.KeyUsage(
                digital_signature=True,
                key_cert_sign=ca,
                crl_sign=ca,
                content_commitment=False,
                key_encipherment=False,
                data_encipherment=False,
                key_agreement=False,
                encipher_only=False,
                decipher_only=False,
            ),
            critical=True,
        )
    )
    if not ca:
        address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
        builder = builder.add_extension(x509.SubjectAlternativeName([address]), critical=False)
    return builder.sign(issuer_key, hashes.SHA256())
