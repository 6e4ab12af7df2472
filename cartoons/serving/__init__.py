"""What stands between the network and the classifier.

environment.py      what keeps a page from starting: ports, temporary folders, proxies
picture_fetcher.py  a picture's address, given by a visitor -> its bytes, past the SSRF guard
uploads.py          Gradio's upload folder: what may be read from it, what is deleted when
shared_lock.py      which of the processes that share it is alone
references.py       how many answers an upload still waits for, in all processes that share the folder
asgi.py             request bodies, bounded in bytes and time; errors in one sentence
api_values.py       the values of a call: named ones by order, uploads as Gradio's own checks take them
api_guard.py        ASGI middleware: requests checked, uploads bounded in size and number, before Gradio sees them
mcp_guard.py        what an MCP client may ask
lean_api.py         /api/classify in the Hugging Face inference format, /healthz, /metrics
picture_batch.py    many uploads, zips among them -> a row each
corrections.py      visitors' corrections, on the disk
picture_service.py  a picture's bytes -> the answer, for every route, in a few threads
server.py           Gradio's server with all this in front, until it is told to stop
"""
