"""Signing in: the stored sign-in, the pure choice of its next step, and the factors. No HTTP, no pages.

Steps never call steps: each saves what it found and the caller asks `next_step` again (DESIGN 6.3, one dispatcher).
"""
