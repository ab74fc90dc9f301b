"""SimpleSAMLphp as an identity provider: PHP's own web server over a folder of settings, which PHP reads at each request."""

import contextlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from federation.ports import KeyPair
from tests import tools
from tests.federation.saml.standin import key
from tests.interop import foreign

PEOPLE = {
    "grace": {
        "mail": ["grace@corp.example"],
        "givenName": ["Grace"],
        "sn": ["Hopper"],
        "groups": ["navy", "engineers"],
    },
    "alan": {"mail": ["alan@corp.example"], "givenName": ["Alan"], "sn": ["Türing"], "groups": ["engineers"]},
    "edsger": {"mail": ["edsger@corp.example"]},
    "niklaus": {"mail": ["niklaus@corp.example"]},
}
REFUSED = {"edsger": "AuthnFailed", "niklaus": "RequestDenied"}
"""Of whom it says nothing but that, though they sign in."""


def password(name: str) -> str:
    return f"the-password-of-{name}"


_CONFIG = """<?php
$config = [
    'baseurlpath' => '%(base_url)s/',
    'certdir' => '%(folder)s/cert/',
    'loggingdir' => '%(folder)s/',
    'datadir' => '%(folder)s/',
    'tempdir' => '%(folder)s/temp',
    'metadatadir' => '%(folder)s/metadata/',
    'attributenamemapdir' => '%(attributes)s',
    'secretsalt' => 'only-for-tests',
    'auth.adminpassword' => 'nobody-knows-this-one',
    'technicalcontact_email' => 'na@example.org',
    'timezone' => 'UTC',
    'logging.handler' => 'errorlog',
    'logging.level' => SimpleSAML\\Logger::WARNING,
    'enable.saml20-idp' => true,
    'module.enable' => ['core' => true, 'exampleauth' => true, 'saml' => true],
    'store.type' => 'phpsession',
    'session.cookie.name' => 'SimpleSAML',
    'session.phpsession.cookiename' => 'SimpleSAMLSession',
    'session.phpsession.savepath' => '%(folder)s/sessions',
    'session.cookie.secure' => false,
    'language.default' => 'en',
    'language.available' => ['en'],
    'theme.use' => 'default',
    'trusted.url.domains' => ['localhost', '127.0.0.1'],
    'metadata.sources' => [['type' => 'flatfile']],
];
"""
_SOURCES = "<?php\n$config = ['people' => ['exampleauth:UserPass'] + json_decode(%(people)s, true)];\n"
# What people do by hand with its converter of metadata: our document becomes an entry, `extras` are added to it.
_SERVICES = """<?php
foreach (glob('%(folder)s/services/*.xml') as $file) {
    $entry = SimpleSAML\\Metadata\\SAMLParser::parseFile($file)->getMetadata20SP();
    unset($entry['expire'], $entry['entityDescriptor']);
    $metadata[$entry['entityid']] = $entry + json_decode(file_get_contents($file . '.json'), true);
}
"""
_HOSTED = """<?php
$metadata['%(entity_id)s'] = [
    'host' => '__DEFAULT__',
    'auth' => 'people',
    'SingleSignOnServiceBinding' => [SAML2\\Constants::BINDING_HTTP_REDIRECT, SAML2\\Constants::BINDING_HTTP_POST],
    'SingleLogoutServiceBinding' => [SAML2\\Constants::BINDING_HTTP_REDIRECT, SAML2\\Constants::BINDING_HTTP_POST],
    'sign.logout' => true,
    'validate.logout' => true,
    'redirect.sign' => true,
    'validate.authnrequest' => true,
    'redirect.validate' => true,
    'signature.algorithm' => 'http://www.w3.org/2001/04/xmldsig-more#rsa-sha256',
    'authproc' => [
        10 => ['class' => 'core:PHP', 'code' => '
            $status = "urn:oasis:names:tc:SAML:2.0:status:";
            $refused = json_decode("%(refused)s", true)[$attributes["uid"][0]] ?? null;
            if ($refused) SimpleSAML\\Auth\\State::throwException(
                $state, new SimpleSAML\\Module\\saml\\Error($status . "Responder", $status . $refused)
            );
        '],
        20 => ['class' => 'saml:PersistentNameID', 'attribute' => 'uid'],
    ],
] + json_decode('%(keys)s', true);
"""


@dataclass
class SimpleSamlPhp:
    """The running provider."""

    base_url: str
    folder: Path
    entity_id: str = field(init=False)

    def __post_init__(self) -> None:
        self.entity_id = f"{self.base_url}/entity"

    @property
    def metadata_url(self) -> str:
        return f"{self.base_url}/saml2/idp/metadata.php"

    @property
    def end_all_url(self) -> str:
        """Where it signs a person out, everywhere."""
        return f"{self.base_url}/saml2/idp/SingleLogoutService.php?ReturnTo={self.base_url}/logout.php"

    def begin_url(self, entity_id: str, relay_state: str = "") -> str:
        """Where a sign-in begins without our asking."""
        query = {"spentityid": entity_id, **({"RelayState": relay_state} if relay_state else {})}
        return f"{self.base_url}/saml2/idp/SSOService.php?{httpx.QueryParams(query)}"

    def introduce(self, name: str, metadata: bytes, **extras: Any) -> None:
        """Take over the metadata of a service, as an administrator would."""
        file = self.folder / "services" / f"{name}.xml"
        file.write_bytes(metadata)
        file.with_suffix(".xml.json").write_text(json.dumps(extras))

    def sign_with(self, now: str, soon: str | None = None) -> None:
        """Sign with the key `now`, and publish that of `soon` beside it."""
        keys = {"privatekey": f"{now}.pem", "certificate": f"{now}.crt"}
        if soon is not None:
            keys |= {"new_privatekey": f"{soon}.pem", "new_certificate": f"{soon}.crt"}
        for name in filter(None, (now, soon)):
            pair: KeyPair = key(f"simplesamlphp {name}").pair
            (self.folder / "cert" / f"{name}.pem").write_text(pair.private_key)
            (self.folder / "cert" / f"{name}.crt").write_text(pair.certificate)
        values = {
            "entity_id": self.entity_id,
            "refused": json.dumps(REFUSED).replace('"', '\\"'),
            "keys": json.dumps(keys),
        }
        (self.folder / "metadata" / "saml20-idp-hosted.php").write_text(_HOSTED % values)


@contextlib.contextmanager
def simplesamlphp(folder: Path) -> Iterator[SimpleSamlPhp]:
    """The provider, with `PEOPLE`. Skips the test if PHP or SimpleSAMLphp is missing."""
    php, program = tools.php(), tools.simplesamlphp()
    (port,) = foreign.free_ports()
    at = SimpleSamlPhp(f"http://127.0.0.1:{port}", folder)
    for name in ("cert", "metadata", "services", "sessions", "temp"):
        (folder / name).mkdir(parents=True)
    people: Mapping[str, Any] = {
        f"{name}:{password(name)}": {"uid": [name], **attributes} for name, attributes in PEOPLE.items()
    }
    quoted = "'" + json.dumps(people).replace("\\", "\\\\") + "'"
    root = program.parents[2]
    attributes = root / "etc" / "simplesamlphp" / "attributemap"
    (folder / "config.php").write_text(
        _CONFIG % {"base_url": at.base_url, "folder": folder, "attributes": f"{attributes}/"}
    )
    (folder / "authsources.php").write_text(_SOURCES % {"people": quoted})
    (folder / "metadata" / "saml20-sp-remote.php").write_text(_SERVICES % {"folder": folder})
    at.sign_with("first")
    # PHP 8.2 finds much in it that is out of fashion; a notice inside a page would break its headers.
    silent = [
        "-d",
        "display_errors=0",
        "-d",
        "error_reporting=E_ERROR",
        "-d",
        "log_errors=1",
        "-d",
        "opcache.revalidate_freq=0",
    ]
    command: list[str | Path] = [php, *silent, "-S", f"127.0.0.1:{port}", "-t", program / "www"]
    environment = {"SIMPLESAMLPHP_CONFIG_DIR": str(folder)}
    with foreign.running(folder, command, at.metadata_url, environment):
        yield at
