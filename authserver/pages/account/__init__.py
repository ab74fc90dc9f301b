"""The account page: what a signed-in person sees of the own account, and changes.

Its rooms are the sections of one frame and the tasks that a section leads to. Whoever has no session signs in first, as
at any client; what matters (a new password, a factor, an address, deletion) wants a sign-in that is a few minutes old.
"""
