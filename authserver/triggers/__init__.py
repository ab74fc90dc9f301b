"""Triggers: what an operator's own code is asked before and after things happen, in the form of Cognito's Lambda triggers.

Owns the points with their events and answers, how targets are reached, what an answer means for tokens, users and
messages, and the record of calls. Triggers are awaited, time-limited and may veto or amend (DESIGN 6.3); without an answer
in time nothing has happened. Knows nothing of HTTP front ends or stores: it reaches webhooks through `effects.Http`.

A function of the operator's own refuses with `raise TriggerVeto("a sentence for the person")`.
"""

from authserver.triggers.runner import Triggers
from authserver.triggers.veto import TriggerVeto

__all__ = ["TriggerVeto", "Triggers"]
