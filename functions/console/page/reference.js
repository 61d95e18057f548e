import { html, useEffect, useMemo, useRef, useState } from "./vendor.js";
import { useAnswer } from "./live.js";
import { Line, Markdown } from "./markdown.js";
import { Answer, Copy, Curl, Heading } from "./parts.js";
import { layOut } from "./raw-json.js";
import { link, setQuery } from "./router.js";
import { Members, Parameter, inline } from "./schema.js";
import { may, session } from "./session.js";
import { useStore } from "./store.js";

// The reference of the API, over the contract that the broker serves. It needs no token; with one, what that may not do is
// marked.
export function Reference({ operation, query }) {
  const answer = useAnswer("contract", {}, { once: true });
  return html`<${Heading}>API</${Heading}>
    <${Answer} answer=${answer} rows=${12}>
      ${(contract) => html`<${Contract} contract=${contract} chosen=${operation} text=${query.find || ""} />`}
    </${Answer}>`;
}

function Contract({ contract, chosen, text }) {
  const signedIn = useStore(session).self !== null;
  const groups = useMemo(() => group(inline(contract)), [contract]);
  const sought = text.trim().toLowerCase();
  const matches = (each) => `${each.id} ${each.method} ${each.path} ${each.spec.summary}`.toLowerCase().includes(sought);
  return html`
    <div class="bar">
      <p class="muted">${contract.info.title} ${contract.info.version}. <a href="openapi.json">openapi.json</a> is the contract, OpenAPI ${contract.openapi}.
        ${signedIn ? " What your token may not do is struck through." : ""}</p>
      <span class="space"></span>
      <input class="narrow" type="search" aria-label="Find an operation" placeholder="find an operation" value=${text}
        onInput=${(event) => setQuery({ find: event.target.value })} />
    </div>
    ${contract.info.description && !sought
      ? html`<details class="card" open=${!signedIn}><summary>How the API works</summary>
          <div class="prose"><${Markdown} text=${contract.info.description} /></div></details>`
      : null}
    ${groups.map(([tag, description, operations]) => {
      const shown = operations.filter(matches);
      return shown.length === 0 ? null : html`<section key=${tag} class="operations" aria-labelledby=${`tag-${tag}`}>
        <h2 id=${`tag-${tag}`}>${tag}</h2>
        ${description && html`<div class="muted"><${Markdown} text=${description} /></div>`}
        ${shown.map((each) => html`<${Operation} key=${each.id} operation=${each} open=${each.id === chosen}
          denied=${signedIn && !each.webhook && !may(each.id)} />`)}
      </section>`;
    })}`;
}

function group(contract) {
  const groups = new Map((contract.tags || []).map(({ name, description }) => [name, [name, description, []]]));
  const add = (path, item, webhook) => {
    for (const [method, spec] of Object.entries(item)) {
      if (!spec.operationId) continue;
      const [tag] = spec.tags || ["Other"];
      if (!groups.has(tag)) groups.set(tag, [tag, "", []]);
      const parameters = [...(item.parameters || []), ...(spec.parameters || [])];
      groups.get(tag)[2].push({ id: spec.operationId, method: method.toUpperCase(), path, spec, parameters, webhook });
    }
  };
  for (const [path, item] of Object.entries(contract.paths)) add(path, item, false);
  for (const item of Object.values(contract.webhooks || {})) add("your url", item, true);
  return [...groups.values()].filter(([, , operations]) => operations.length > 0);
}

function Operation({ operation, open, denied }) {
  const [shown, setShown] = useState(open);
  const element = useRef(null);
  const { id, method, path, spec } = operation;
  useEffect(() => {
    if (open) element.current.scrollIntoView({ block: "start" });
  }, [open]);
  const toggle = (event) => {
    setShown(event.currentTarget.open);
    if (event.currentTarget.open && !open) history.replaceState(null, "", link(["api", id]));
  };
  return html`<details ref=${element} class=${`operation ${denied ? "denied" : ""}`} open=${open} onToggle=${toggle}>
    <summary><b class=${`method ${method}`}>${method}</b><code>${path}</code><span>${spec.summary}</span>
      <i>${scope(spec)}${denied ? ", not for your token" : ""}</i></summary>
    ${shown && html`<${Details} operation=${operation} />`}
  </details>`;
}

function scope(spec) {
  if (!spec["x-scope"]) return "public";
  return spec["x-scope"] === "any" ? "any token" : [].concat(spec["x-scope"]).join(" or ");
}

function Details({ operation }) {
  const { id, spec, parameters, webhook } = operation;
  const body = spec.requestBody?.content?.["application/json"];
  const examples = Object.entries(body?.examples || {});
  const path = Object.fromEntries(parameters.filter((each) => each.in === "path").map((each) => [each.name, exampleOf(each)]));
  return html`<div class="prose">
    <${Markdown} text=${spec.description} />
    ${parameters.length > 0 && html`<h3>Parameters</h3><ul class="members">
      ${parameters.map((each) => html`<${Parameter} key=${each.name + each.in} parameter=${each} />`)}</ul>`}
    ${body && html`<h3>Body</h3><${Members} schema=${body.schema} />`}
    ${examples.map(([name, { value, summary }]) => html`<${Example} key=${name} title=${summary || name} value=${value} />`)}
    ${webhook ? null : html`<${Curl} operation=${id} path=${path} body=${examples[0]?.[1].value} open />`}
    <h3>Responses</h3>
    ${Object.entries(spec.responses).map(([status, response]) => html`<${Response} key=${status} status=${status} response=${response} />`)}
  </div>`;
}

function exampleOf(parameter) {
  return parameter.example ?? parameter.schema.example ?? parameter.name;
}

function Response({ status, response }) {
  const [shown, setShown] = useState(false);
  const [[type, content] = []] = Object.entries(response.content || {});
  const text = html`<b>${status}</b> <${Line} text=${response.description.trim()} />`;
  if (!content) return html`<p class="response">${text}</p>`;
  const examples = Object.entries(content.examples || (content.example ? { example: { value: content.example } } : {}));
  return html`<details class="response" onToggle=${(event) => setShown(event.currentTarget.open)}>
    <summary>${text}</summary>
    ${shown && html`<p class="muted">${type}</p><${Members} schema=${content.schema} />
      ${examples.map(([name, { value, summary }]) => html`<${Example} key=${name} title=${summary || name} value=${value} />`)}`}
  </details>`;
}

function Example({ title, value }) {
  const text = layOut(JSON.stringify(value)).join("\n");
  return html`<figure class="example"><figcaption>${title}<${Copy} text=${text} what="the example" /></figcaption>
    <pre tabindex="0"><code>${text}</code></pre></figure>`;
}
