import { html, useState } from "./vendor.js";
import { Ask } from "./dialog.js";
import { Field, readLines } from "./fields.js";
import { refresh } from "./live.js";

const BLANK = { content: "", sender: "", key: "", attributes: "" };
const last = new Map(); // by topic: what this tab published last

// The content is sent as it was typed: to parse it and write it again would round its numbers.
export function Publish({ topic, close }) {
  const [draft, setDraft] = useState(BLANK);
  const set = (name) => (value) => setDraft({ ...draft, [name]: value });
  const attributes = readLines(draft.attributes, "=");
  const wrong = whatIsWrong(draft.content);
  const labels = { sender: draft.sender || undefined, key: draft.key || undefined, attributes: attributes.values };
  const request = () => {
    if (!draft.content.trim() || wrong || attributes.fault) return null;
    const others = JSON.stringify(labels).slice(1);
    return { path: { topic }, body: `{"content": ${draft.content.trim()}${others === "}" ? "}" : `, ${others}`}` };
  };
  const after = () => {
    last.set(topic, draft);
    refresh();
  };
  return html`<${Ask} title=${`Publish to ${topic}`} operation="publish" request=${request} action="Publish"
    done=${({ id }) => `Published ${id}`} after=${after} close=${close}>
    ${last.has(topic) && html`<div><button type="button" class="quiet" onClick=${() => setDraft(last.get(topic))}>Fill in the last one again</button></div>`}
    <${Field} area label="Content" value=${draft.content} set=${set("content")} fault=${wrong}
      note="Any JSON. It is sent as it is written here." placeholder='{"id": 1}' rows="8" />
    <div class="fields">
      <${Field} label="Key" value=${draft.key} set=${set("key")} note="The subject of the message." maxlength="256" />
      <${Field} label="Sender" value=${draft.sender} set=${set("sender")} note="By default the token's name." maxlength="256" />
    </div>
    <${Field} area label="Attributes" value=${draft.attributes} set=${set("attributes")} fault=${attributes.fault}
      note="A line each: name=value" rows="2" class="low" />
  </${Ask}>`;
}

function whatIsWrong(text) {
  if (!text.trim()) return null;
  try {
    JSON.parse(text);
    return null;
  } catch (error) {
    return `This is not JSON. ${error.message}. A text needs quotes: "like this".`;
  }
}
