"""Names of characters in, URLs of pictures out.

engines.py       what every engine has: queries, licences, pages of results
ddgs_engine.py   DuckDuckGo and Bing, through ddgs
open_engines.py  Openverse and Wikimedia Commons
searcher.py      Searcher: engine after engine, page after page, with cache, rate limit and retries
rivals.py        queries for what is drawn like the characters, and results that show a character after all
url_list.py      no search: the URLs that a file lists
"""
