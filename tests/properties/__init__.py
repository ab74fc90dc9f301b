"""Properties: rules that hold for everything that can be made up (Hypothesis)."""
