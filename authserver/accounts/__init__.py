"""Accounts: what operators and pool files do to users and clients. No HTTP, no SQL.

Owns the password policy, the life of a user (created, disabled, deleted) and provisioning: the plan that turns a pool
file into changes, and its carrying out.
"""
