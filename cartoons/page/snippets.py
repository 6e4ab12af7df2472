"""Programs that ask the page, to copy from it: small, whole, and filled with the page's own address."""

import html

from cartoons.page.sentences import CURL, GRADIO_CLIENT, HUGGINGFACE_HUB, JAVASCRIPT, MCP, PROGRAMS
from cartoons.serving.mcp_guard import IS_INSTALLED

ADDRESS = "http://127.0.0.1:7860"
"""What stands for the page's address until the visitor's browser has filled it in."""

FILL_IN = f"""const page = location.origin + location.pathname.replace(/\\/$/, "");
for (const code of element.querySelectorAll("code")) code.textContent = code.textContent.replaceAll("{ADDRESS}", page);"""

SNIPPETS = {
    CURL: f"curl {ADDRESS}/api/classify --data-binary @picture.png",
    HUGGINGFACE_HUB: f"""from huggingface_hub import InferenceClient

client = InferenceClient(model="{ADDRESS}/api/classify")
print(client.image_classification("picture.png"))""",
    GRADIO_CLIENT: f"""from gradio_client import Client, handle_file

page = Client("{ADDRESS}")
print(page.predict(handle_file("picture.png"), api_name="/classify"))""",
    JAVASCRIPT: f"""<input type="file" id="file">
<script>
  file.onchange = async () => {{
    const answer = await fetch("{ADDRESS}/api/classify", {{ method: "POST", body: file.files[0] }});
    document.title = JSON.stringify(await answer.json());
  }};
</script>""",
}
if IS_INSTALLED:
    SNIPPETS[MCP] = f"""{{
  "mcpServers": {{ "cartoons": {{ "url": "{ADDRESS}/gradio_api/mcp/" }} }}
}}"""


def snippets_html() -> str:
    """A fold that holds them."""
    parts = "".join(
        f'<h3>{html.escape(name)}</h3><pre tabindex="0"><code>{html.escape(code)}</code></pre>'
        for name, code in SNIPPETS.items()
    )
    return f"<details><summary>{PROGRAMS}</summary>{parts}</details>"
