"""The hosted pages: what they say, how they look, and what their headers allow."""
