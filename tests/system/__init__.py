"""The server as it runs for real: processes, sockets, files, kills. Timing matters here, so most of it is `serial`."""
