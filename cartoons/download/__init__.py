"""Addresses of pictures to their bytes, or to the reason why not: polite, bounded, and safe to point at anything.

downloader.py    Downloader: tries, redirects, limits; an Outcome for every address
rate_limiter.py  who may ask when: at most so many at once and of one host, and hosts that asked to be left alone
connections.py   the connections to one host, each to an address that was checked
ssrf_guard.py    which hosts and addresses may be asked
headers.py       what an answer's headers say: to wait, to keep off
http.py          how this machine reaches the web; addresses taken apart; JSON of search engines
outcome.py       what became of one address
"""
