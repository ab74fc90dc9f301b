"""poolgate's tests."""
