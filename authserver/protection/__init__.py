"""Protection of accounts beyond the password itself: known and weak passwords, signs of risk, where and what signs in.

Owns the lists of breached passwords, the measure of a password's strength, the rules that turn a sign-in's origin into
signals, and the words for places and browsers. It judges and never acts: sign-in and accounts decide what follows. It
knows no HTTP and no SQL; its files are the operator's, read in place.
"""
