"""Stand-ins: small servers that behave as the providers do, quirks included."""
