"""What stands between the network and the classifier.

environment.py      what keeps a page from starting: ports, temporary folders, proxies
uploads.py          Gradio's upload folder: what may be read from it, what is deleted when
request_body.py     request bodies, bounded in bytes and time
api_guard.py        ASGI middleware: requests checked before Gradio sees them, errors in one sentence
plain_errors.py     what Gradio answers to a mistake -> one sentence
lean_api.py         /api/classify in the Hugging Face inference format, /healthz
picture_service.py  a picture's bytes -> the answer, for every route
worker_pool.py      the threads that do it
metrics.py          requests counted for /metrics
server.py           Gradio's server with all this in front, until it is told to stop
"""
