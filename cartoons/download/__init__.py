"""URLs of pictures to their bytes, or to the reason why not: polite, bounded, and safe to point at anything.

http.py          proxy and certificates, URLs, headers, results, the JSON of search engines
ssrf_guard.py    which hosts and IP addresses may be asked: the public ones
connections.py   the connections to one host, each to a checked IP address
rate_limiter.py  the limits: requests at once and per host, pauses
downloader.py    Downloader: retries, redirects, bodies
"""
