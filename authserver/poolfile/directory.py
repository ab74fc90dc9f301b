"""`[pool.ldap]`, from its table to a value, with the rules that join several keys."""

import ssl
from collections.abc import Collection, Iterator

from authserver.model.ldap import NO_GROUPS, NO_LDAP, LdapGroups, LdapPolicy
from authserver.poolfile.pool_model import LdapGroupsModel, LdapModel, PoolModel
from authserver.poolfile.providers import text_of
from authserver.rules.attributes import OWN_FIELDS, TEXT_CLAIMS
from authserver.rules.ldap import attribute_type_fault, dn_fault, normal_dn, server_of
from authserver.rules.ldap_filter import MISSING_EXTRA, filter_fault
from authserver.tomlfile import Document
from authserver.tomlfile.lines import KeyPath


def ldap_policy(model: LdapModel | None, document: Document) -> tuple[LdapPolicy, list[tuple[KeyPath, str]]]:
    """The directory as a value, and what is wrong with it: the path below `pool.ldap`, and a sentence."""
    if model is None:
        return NO_LDAP, []
    faults = list(_faults(model))
    ca = ""
    if model.ca_file is not None:
        try:
            ca = text_of(document.folder / model.ca_file)
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=ca)
        except ssl.SSLError:
            faults.append((("ca_file",), f"refers to {model.ca_file}, which holds no certificate in PEM"))
        except ValueError as error:
            faults.append((("ca_file",), str(error)))
    groups = NO_GROUPS
    if (given := model.groups) is not None:
        groups = LdapGroups(given.source or "", given.base_dn or "", given.filter or "", dict(given.names))
    return LdapPolicy(
        url=model.url,
        start_tls=model.start_tls,
        ca=ca,
        bind_dn=model.bind_dn or "",
        base_dn=model.base_dn,
        filter=model.filter,
        attribute_mapping=dict(model.attribute_mapping),
        email_verified=model.email_verified,
        groups=groups,
        timeout=float(model.timeout),
    ), faults


def _faults(model: LdapModel) -> Iterator[tuple[KeyPath, str]]:
    try:
        server = server_of(model.url)
        if server.scheme == "ldaps" and not model.start_tls:
            yield ("start_tls",), "means nothing for ldaps://, which is always encrypted; leave it out"
    except ValueError as error:
        yield ("url",), str(error)
    if model.bind_dn is None and model.bind_password is not None:
        yield ("bind_password",), "is nobody's: bind_dn is missing"
    if model.bind_dn is not None and model.bind_password is None:
        # RFC 4513 5.1.2: without a password the directory would let us search as anybody.
        yield ("bind_dn",), "needs bind_password"
    if (fault := dn_fault(model.base_dn)) is not None:
        yield ("base_dn",), fault
    if (fault := filter_fault(model.filter, person=True)) is not None:
        yield ("url",) if fault == MISSING_EXTRA else ("filter",), fault
        if fault == MISSING_EXTRA:
            return
    if "username" not in model.attribute_mapping:
        yield ("attribute_mapping",), "must name `username`: without it one person could be two users here"
    for name, theirs in model.attribute_mapping.items():
        if (fault := attribute_type_fault(theirs)) is not None:
            yield ("attribute_mapping", name), fault
    if model.groups is not None:
        for path, sentence in _group_faults(model.groups):
            yield ("groups", *path), sentence


def _group_faults(groups: LdapGroupsModel) -> Iterator[tuple[KeyPath, str]]:
    searched = groups.base_dn is not None and groups.filter is not None
    if groups.source is not None and (groups.base_dn is not None or groups.filter is not None):
        yield ("source",), "stands beside base_dn or filter; give one way to find groups"
    elif groups.source is None and not searched:
        yield (), "needs either source, or base_dn and filter"
    if groups.source is not None and (fault := attribute_type_fault(groups.source)) is not None:
        yield ("source",), fault
    if groups.base_dn is not None and (fault := dn_fault(groups.base_dn)) is not None:
        yield ("base_dn",), fault
    if groups.filter is not None and (fault := filter_fault(groups.filter, person=False)) is not None:
        yield ("filter",), fault
    seen = set()
    for dn in groups.names:
        try:
            name = normal_dn(dn)
        except ValueError as error:
            yield ("names", dn), str(error)
            continue
        if name in seen:
            yield ("names", dn), "is the same group as another of these"
        seen.add(name)


def ldap_mapping_faults(model: PoolModel, groups: Collection[str]) -> Iterator[tuple[KeyPath, str]]:
    """What the directory is mapped to that the pool does not have."""
    ldap = model.ldap
    if ldap is None:
        return
    known: Collection[str] = {*TEXT_CLAIMS, *OWN_FIELDS, *(a.name for a in model.attributes), "username"}
    for name in ldap.attribute_mapping:
        if name in {"email_verified", "phone_number_verified"}:
            yield (
                ("attribute_mapping", name),
                "is not mapped: addresses are proven if email_verified of the table is true",
            )
        elif name not in known:
            yield ("attribute_mapping", name), "is no attribute of the pool; define it in [[pool.attributes]]"
    for theirs, name in (ldap.groups.names if ldap.groups is not None else {}).items():
        if name not in groups:
            yield ("groups", "names", theirs), f"`{name}` is no group of this file"
