"""mod_auth_mellon, a SAML service provider over lasso, in an Apache that runs as long as a test needs it."""

import contextlib
import html
import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx
from lxml import etree

from tests import tools
from tests.federation.saml.standin import key
from tests.interop import foreign
from tests.interop.traveller import Page

REDIRECT = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"

_SERVER = """
ServerRoot "{folder}"
ServerName 127.0.0.1
Listen 127.0.0.1:{port}
{user}
PidFile "{folder}/pid"
DefaultRuntimeDir "{folder}"
ErrorLog "{folder}/output.txt"
LogLevel warn
{modules}
DocumentRoot "{folder}/site"
DirectoryIndex index.html
<Directory "{folder}/site">
    Options +Includes
    SetOutputFilter INCLUDES
    ForceType text/html
</Directory>
StartServers 2
MinSpareServers 1
KeepAlive Off
MellonLockFile "{folder}/lock"
"""
_MODULES = ("mpm_prefork", "authn_core", "authz_core", "authz_user", "dir", "include", "auth_mellon")
_LOCATION = """
<Location /{name}>
    AuthType Mellon
    Require valid-user
    MellonEnable auth
    MellonVariable {name}
    MellonEndpointPath /{name}/mellon
    MellonMergeEnvVars On
    MellonSPPrivateKeyFile "{folder}/{name}.key"
    MellonSPCertFile "{folder}/{name}.crt"
    MellonIdPMetadataFile "{folder}/{name}-idp.xml"
    {more}
</Location>
"""
# As mellon_create_metadata writes it, and a format of names, without which transient ones are asked for.
_METADATA = """<EntityDescriptor entityID="{url}/metadata" xmlns="urn:oasis:names:tc:SAML:2.0:metadata">
  <SPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol" AuthnRequestsSigned="true">
    <KeyDescriptor use="signing">
      <ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#">
        <ds:X509Data><ds:X509Certificate>{certificate}</ds:X509Certificate></ds:X509Data>
      </ds:KeyInfo>
    </KeyDescriptor>
    <SingleLogoutService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="{url}/logout"/>
    <NameIDFormat>{name_id_format}</NameIDFormat>
    <AssertionConsumerService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST" Location="{url}/postResponse" index="0"/>
  </SPSSODescriptor>
</EntityDescriptor>
"""
_PAGE = "<pre><!--#printenv --></pre>\n"


@dataclass(frozen=True)
class Application:
    """One of its applications.

    Attributes:
        name_id_format: what its metadata asks for; "" leaves it to mellon to write them.
        posts: whether it asks by a form, which it does only of a provider that takes no requests by redirect.
        more: further directives.
    """

    name_id_format: str = ""
    posts: bool = False
    more: str = ""


@dataclass(frozen=True)
class Mellon:
    """The running server."""

    base_url: str
    process: foreign.Foreign

    def url(self, name: str) -> str:
        """The page of an application, which says who is there."""
        return f"{self.base_url}/{name}/"

    @property
    def goodbye(self) -> str:
        return f"{self.base_url}/goodbye.html"

    def passive_url(self, name: str) -> str:
        """Where an application asks for a sign-on without a page."""
        query = {"ReturnTo": self.url(name), "IsPassive": "true"}
        return f"{self.base_url}/{name}/mellon/login?{httpx.QueryParams(query)}"

    def logout_url(self, name: str) -> str:
        return f"{self.base_url}/{name}/mellon/logout?{httpx.QueryParams({'ReturnTo': self.goodbye})}"

    def metadata(self, name: str) -> bytes:
        answer = httpx.get(f"{self.base_url}/{name}/mellon/metadata", timeout=30, trust_env=False)
        assert answer.status_code == 200, self.process.output
        return answer.content

    def who(self, page: Page, name: str) -> Mapping[str, str]:
        """What an application's page says of the person who is there: the variables that mellon sets."""
        assert (page.url, page.status) == (self.url(name), 200), f"{page.url}\n{page.text}\n{self.process.output}"
        shown = re.findall(r"MELLON_([^=]+)=(.*)", page.text)
        return {html.unescape(name): html.unescape(value) for name, value in shown}


@contextlib.contextmanager
def mellon(port: int, applications: Mapping[str, Application], idp: bytes) -> Iterator[Mellon]:
    """Apache with these applications, for the identity provider whose metadata this is. Skips the test if Apache or the
    module is missing.
    """
    apache, module = tools.apache(), tools.mellon()
    # Under root, its children are somebody else, who must read what is here; pytest's folders are for their owner alone.
    with tempfile.TemporaryDirectory(prefix="poolgate-mellon-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        base_url = f"http://127.0.0.1:{port}"
        text = _SERVER.format(
            folder=folder,
            port=port,
            user="User #65534\nGroup #65534" if os.geteuid() == 0 else "",
            modules="\n".join(f'LoadModule {m}_module "{module.parent}/mod_{m}.so"' for m in _MODULES),
        )
        for name, application in applications.items():
            text += _location(folder, port, name, application)
            (folder / f"{name}-idp.xml").write_bytes(_without_redirect(idp) if application.posts else idp)
        (folder / "site" / "goodbye.html").write_text("Goodbye.\n")
        (folder / "apache.conf").write_text(text)
        # When it ends it ends its process group: with FOREGROUND, that would be ours.
        command: list[str | Path] = [apache, "-f", folder / "apache.conf", "-D", "NO_DETACH"]
        with foreign.running(folder, command, f"{base_url}/goodbye.html") as process:
            yield Mellon(base_url, process)


def metadata(port: int, name: str, application: Application) -> str:
    """What an application says of itself, where that is not left to mellon."""
    return _METADATA.format(
        url=f"http://127.0.0.1:{port}/{name}/mellon",
        certificate=key(f"mellon {name}").der64,
        name_id_format=application.name_id_format,
    )


def _location(folder: Path, port: int, name: str, application: Application) -> str:
    pair = key(f"mellon {name}").pair
    (folder / f"{name}.key").write_text(pair.private_key)
    (folder / f"{name}.crt").write_text(pair.certificate)
    (folder / "site" / name).mkdir(parents=True)
    (folder / "site" / name / "index.html").write_text(_PAGE)
    more = application.more
    if application.name_id_format:
        (folder / f"{name}.xml").write_text(metadata(port, name, application))
        more += f'\n    MellonSPMetadataFile "{folder}/{name}.xml"'
    return _LOCATION.format(name=name, folder=folder, more=more)


def _without_redirect(idp: bytes) -> bytes:
    """The metadata of an identity provider that takes no requests by redirect."""
    root = etree.fromstring(idp)
    for service in root.findall(f".//{{*}}SingleSignOnService[@Binding='{REDIRECT}']"):
        service.getparent().remove(service)
    document: bytes = etree.tostring(root)
    return document
