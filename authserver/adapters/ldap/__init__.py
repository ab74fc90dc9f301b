"""LDAP directories: whether a name and a password are those of a person there (RFC 4511).

Owns the connection, TLS, and what is said on it: a search as the pool's own account, then a bind as the entry that was
found. What an entry means is decided by `authserver.accounts.ldap_people`. Messages are packed and unpacked by `sansldap`,
which does no I/O; connections come from `authserver.outbound`, as all of ours do. See decisions.md.
"""

from authserver.adapters.ldap.directory import LdapDirectories

__all__ = ["LdapDirectories"]
