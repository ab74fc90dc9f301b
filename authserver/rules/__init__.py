"""What values may be: names, addresses, attributes and clients. Pure rules, shared by pool files and accounts.

Each rule answers with what is wrong, in words that complete a sentence ("must be ..."), so that a file, a form and a
command can each say where.
"""
