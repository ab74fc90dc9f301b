"""Why the demo client application cannot go on, told to the person in front of it.

Failure
+-- ServerDown        the authorization server does not answer
+-- ServerRefused     it answered with an error of OAuth or OpenID Connect
+-- BadAnswer         it answered with something that must not be trusted
+-- ForeignLogin      an answer to a login that this browser has not begun
+-- StaleForm         a form without the token of this browser
+-- Unusable          an address that leads nowhere, or a request that fits none
"""


class Failure(Exception):  # noqa: N818 - it is told to people, by a name they know
    """Base of all failures.

    Args:
        description: what exactly was wrong: the server's own words, or a reason for developers. Holds no secret.
    """

    code = "failed"
    status = 500
    heading = "Something went wrong"
    sentence = "The demo could not go on."

    def __init__(self, description: str = "") -> None:
        self.description = description
        super().__init__(description or self.sentence)


class ServerDown(Failure):
    code = "server_down"
    status = 503
    heading = "The server does not answer"
    sentence = "Is it still running? Start it again with poolgate dev, then try again."


class ServerRefused(Failure):
    """The server's own error (RFC 6749 4.1.2.1 and 5.2).

    Args:
        code: the `error`.
        description: the `error_description`.
    """

    status = 400
    heading = "The server refused"
    sentence = "It answered with an error instead of what was asked for."

    def __init__(self, code: str, description: str = "") -> None:
        self.code = code
        super().__init__(description)


class BadAnswer(Failure):
    code = "bad_answer"
    status = 502
    heading = "The server\N{RIGHT SINGLE QUOTATION MARK}s answer is not right"
    sentence = "The answer failed a check of this client, so nobody was logged in with it."


class ForeignLogin(Failure):
    code = "foreign_login"
    status = 400
    heading = "This login did not begin here"
    sentence = "The answer belongs to no login that this browser has under way: it was used already, or is too old."


class StaleForm(Failure):
    code = "stale_form"
    status = 403
    heading = "That page was too old"
    sentence = "The button you pressed belongs to another visit. Open the start page and press it there."


class Unusable(Failure):
    """What HTTP itself refuses.

    Args:
        status: of HTTP.
        description: a few words.
    """

    code = "unusable"
    heading = "There is nothing here"
    sentence = "The address leads nowhere, or not like this."

    def __init__(self, status: int, description: str) -> None:
        self.status = status
        super().__init__(description)
