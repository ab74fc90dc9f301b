"""Each storage role's suite, run over every implementation of the role."""
