"""app.py on a model folder, with one difference: a picture's address may be on 127.0.0.1, where the tests' own web is.

python tests/loopback_page.py FOLDER
"""

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent.parent)]

import app  # noqa: E402
from cartoons.download.ssrf_guard import SsrfGuard  # noqa: E402
from cartoons.serving import environment  # noqa: E402


async def here(host: str, port: int) -> list[str]:  # noqa: ARG001
    return ["10.0.0.1"] if host.startswith("inside") else ["127.0.0.1"]


if __name__ == "__main__":
    environment.prepare()
    guard = SsrfGuard(lambda address: address == "127.0.0.1", here)
    sys.exit(app.serve(app.load_folder(sys.argv[1]), "", with_metrics=False, guard=guard))
