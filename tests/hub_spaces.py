"""The Spaces of the loopback Hub: what was uploaded runs as a page on this machine."""

from collections.abc import Mapping
from pathlib import Path

from conftest import Page
from hub_server import Hub

ZERO_GPU_MODULE = '''
"""What ZeroGPU does to an app, as far as it matters: no decorated function, no start."""
import gradio

decorated = []
launch = gradio.Blocks.launch


def GPU(function):
    decorated.append(function)
    return function


def checked(*args, **kwargs):
    if not decorated:
        raise RuntimeError("No @spaces.GPU function detected during startup")
    return launch(*args, **kwargs)


gradio.Blocks.launch = checked
'''


class RunningSpaces:
    """Starts what was uploaded, as a Space does: in a folder of its own, where ZeroGPU's module is, with its variables."""

    def __init__(self, folder: Path, hub: Hub) -> None:
        self.folder, self.hub = folder, hub
        self.pages: list[Page] = []
        (folder / "zero").mkdir()
        (folder / "zero" / "spaces.py").write_text(ZERO_GPU_MODULE)

    def __call__(self, files: Mapping[str, bytes], variables: Mapping[str, str]) -> str:
        place = self.folder / f"space-{len(self.pages)}"
        for name, data in files.items():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            (place / name).write_bytes(data)
        env = self.hub.env(self.folder / "its-cache") | variables | {"PYTHONPATH": str(self.folder / "zero")}
        self.pages.append(Page(cwd=place, env=env))
        return self.pages[-1].url

    def stop(self) -> None:
        for page in self.pages:
            page.stop()
