"""The demo beside `poolgate dev`: its client application, its API and its mailbox, without the server itself."""
