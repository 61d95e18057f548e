import { html, useMemo, useState } from "./vendor.js";
import { bytes } from "./format.js";
import { Copy } from "./parts.js";
import { layOut } from "./raw-json.js";
import { remembered, useStore } from "./store.js";

// Content is personal data more often than not: lists can hide it.
export const hideContent = remembered("hide content", false);

const BLOCK = 200; // lines: blocks that are out of sight are not drawn, and still found by the browser's search
const PREVIEW = 160; // characters

// The beginning of a content, in a list.
export function Preview({ text }) {
  if (useStore(hideContent)) return html`<span class="muted">hidden, ${bytes(text.length)}</span>`;
  return html`<code class="preview">${text.length > PREVIEW ? `${text.slice(0, PREVIEW)}…` : text}</code>`;
}

// A content as it was written, in lines.
export function Content({ text, name }) {
  const [wrap, setWrap] = useState(false);
  const [laid, setLaid] = useState(true);
  const hidden = useStore(hideContent);
  const blocks = useMemo(() => {
    const lines = laid ? layOut(text) : [text];
    const parts = [];
    for (let start = 0; start < lines.length; start += BLOCK) parts.push(lines.slice(start, start + BLOCK).join("\n"));
    return parts;
  }, [text, laid]);
  const size = useMemo(() => new TextEncoder().encode(text).length, [text]);
  return html`<section class="content" aria-label="Content">
    <div class="bar">
      <h2>Content</h2><span class="muted">${bytes(size)}</span>
      <label class="check"><input type="checkbox" checked=${laid} onChange=${() => setLaid(!laid)} />indented</label>
      <label class="check"><input type="checkbox" checked=${wrap} onChange=${() => setWrap(!wrap)} />wrapped</label>
      <${Copy} text=${text} what="the content" />
      <button type="button" class="quiet" onClick=${() => download(text, name)}>Download</button>
    </div>
    ${hidden
      ? html`<p class="muted">Content is hidden. <button type="button" class="quiet" onClick=${() => hideContent.set(false)}>Show it</button></p>`
      : html`<div class=${`lines ${wrap ? "wrap" : ""}`} tabindex="0" role="region" aria-label="The content as it was written">
          ${blocks.map((block, index) => html`<pre key=${index}>${block}</pre>`)}
        </div>`}
  </section>`;
}

function download(text, name) {
  const anchor = document.createElement("a");
  anchor.href = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  anchor.download = name;
  anchor.click();
  setTimeout(() => URL.revokeObjectURL(anchor.href), 1000);
}
