"""Pool files: one pool in TOML becomes one frozen value, or every mistake in it with its line (DESIGN 3).

Owns the keys, their defaults and checks, and the JSON Schema. Knows no store: `accounts.provision` carries a pool file
out.
"""

from authserver.poolfile.load import load_pool_file, load_pool_files
from authserver.poolfile.values import ClientSpec, PoolFile, ProviderSpec, UserSeed

__all__ = ["ClientSpec", "PoolFile", "ProviderSpec", "UserSeed", "load_pool_file", "load_pool_files"]
