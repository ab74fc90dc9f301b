"""Clients written by others, against a running `poolgate dev`, with the strictest checks they have."""
