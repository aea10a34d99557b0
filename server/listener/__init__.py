"""Where requests come in: the listening sockets, TLS, and the proxies that stand before them."""
