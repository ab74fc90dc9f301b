"""Clients and providers written by others, against a running server of ours, with the strictest checks they have."""
