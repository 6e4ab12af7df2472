"""Names of characters in, addresses of pictures out.

hits.py        a picture that was found, and where
queries.py     a label -> what the engines are asked for
engine.py      what an engine is: a name, the licences it can filter by, pages of what it found
ddgs_engine.py  DuckDuckGo and Bing, through ddgs
openverse.py   Openverse: freely licensed pictures of many collections
commons.py     Wikimedia Commons
engines.py     the names of the engines -> engines
pace.py        one request at a time, pauses, patience with an engine that does not answer
cache.py       answers kept on disk, so that nothing is asked twice
searcher.py    label and queries -> a lazy sequence of hits, engine after engine
url_list.py    no search: the addresses that a file lists
"""
