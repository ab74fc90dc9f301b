"""Targets for a fuzzer: what providers say, byte by byte, from how it arrives to what we make of it.

`make fuzz` lets atheris (libFuzzer for Python) go through them; `test_targets.py` takes each through its seeds without it, so
that they cannot rot. A finding is whatever a target raises: an exception that is not the package's own refusal, or somebody
signed in who was not; and what takes too long, or too much memory.
"""
