"""Whole journeys in a real browser: Debian's Chromium against a running `poolgate dev`."""
