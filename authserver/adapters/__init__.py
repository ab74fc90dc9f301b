"""The storage roles and outlets over real services: SQL databases, Redis, mail, SMS.

An adapter implements a seam of `authserver.store` (or a port of a capability) and nothing else: it knows its service and
the frozen values of `authserver.model`, no HTTP, no policy. Only the composition root names an adapter (DESIGN 6.2).
"""
