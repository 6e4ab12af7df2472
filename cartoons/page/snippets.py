"""Programs that ask the page, to copy from it: small, whole, and filled with the page's own address."""

import html

ADDRESS = "http://127.0.0.1:7860"
"""What stands for the page's address until the visitor's browser has filled it in."""

FILL_IN = f"""const page = location.origin + location.pathname.replace(/\\/$/, "");
for (const code of element.querySelectorAll("code")) code.textContent = code.textContent.replaceAll("{ADDRESS}", page);"""

SNIPPETS = {
    "curl": f"curl {ADDRESS}/api/classify --data-binary @picture.png",
    "Python, with huggingface_hub": f"""from huggingface_hub import InferenceClient

client = InferenceClient(model="{ADDRESS}/api/classify")
print(client.image_classification("picture.png"))""",
    "Python, with gradio_client": f"""from gradio_client import Client, handle_file

page = Client("{ADDRESS}")
print(page.predict(handle_file("picture.png"), api_name="/classify"))""",
    "JavaScript, in a web page of any site": f"""<input type="file" id="file">
<script>
  file.onchange = async () => {{
    const answer = await fetch("{ADDRESS}/api/classify", {{ method: "POST", body: file.files[0] }});
    document.title = JSON.stringify(await answer.json());
  }};
</script>""",
    "MCP, for assistants, where the page runs with it": f"""{{
  "mcpServers": {{ "cartoons": {{ "url": "{ADDRESS}/gradio_api/mcp/" }} }}
}}""",
}


def snippets_html() -> str:
    """A fold that holds them."""
    parts = "".join(
        f'<h3>{html.escape(name)}</h3><pre tabindex="0"><code>{html.escape(code)}</code></pre>'
        for name, code in SNIPPETS.items()
    )
    return f"<details><summary>Ask this page from a program</summary>{parts}</details>"
