"""What `poolgate dev` starts beside the server: a client application, an API and a mailbox to try the server with.

`web` and `api` are what a team would write against any OpenID provider: they know the server by its issuer and its
published documents alone, and import nothing of its endpoints, stores and pages. `mailbox` keeps the mails and text
messages that `dev` does not send, and shows them below the server's own address. Nothing here is started by `serve`.
"""
